"""Cloudflare's verification mails: let in at Dell for a while, found in the mailboxes, and their links followed."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from fixtures.dellplan import GUESTS, SMTP
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes import cloudflare, imap
from fixtures.settings import Address
from fixtures.transport import dell
from scripts.change import Job, Refused, Write

LOOKUP = f"check_client_access texthash:{GUESTS}"
NOBODY = "nobody"
_REPLACE = """\
new="$1.mxgate.new"
cat >"$new" && chmod 644 "$new" && touch -d "@$(($(date +%s) - 3))" "$new" && mv -f "$new" "$1"
"""
"""Dated back: each daemon would wait two seconds for a file so new to be whole (Postfix, dict_thash.c), and this one
comes whole, in one rename."""
_RELOAD = """\
old=$(pgrep -x smtpd) || old=
postfix reload || exit
for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    left=
    for pid in $old; do kill -0 "$pid" 2>/dev/null && left="$left $pid"; done
    [ -n "$left" ] || exit 0
    sleep 0.1
done
"""
"""An idle smtpd from before the reload may take one more client, by the old table: wait until these are gone. One that
is busy ends with its client, so it isn't waited for longer."""
MAIL_S, LOOK_S = 120.0, 0.1
LINK = re.compile(r"https://[^\s\"'<>]*verif[^\s\"'<>]*")
LINKS_MAX = 5
"""The newest mails that are looked into; older ones hold links that were replaced."""


def require_lookup(migration: Migration) -> None:
    """Refuse where Dell's port 25 does not ask the table: then nobody could be let in."""
    shell = dell(migration.settings)
    asked = shell.run("postconf", "-P", f"{SMTP}/smtpd_client_restrictions", check=False).stdout
    if LOOKUP not in " ".join(asked.replace(",", " ").split()):
        raise Refused(f"Dell's port 25 does not ask {LOOKUP}: Cloudflare's mails can't come in. Run prepare_dell again")


def admission(job: Job, *, admitted: bool) -> Write:
    """Let the hosts in that send verification mails, or withdraw that."""
    names = ", ".join(job.migration.settings.cloudflare.verification_sources)
    return Write(
        "admission of verification mail at Dell" if admitted else "admission withdrawn",
        GUESTS,
        NOBODY if admitted else names,
        names if admitted else NOBODY,
        lambda: write_guests(job.migration, names if admitted else NOBODY),
        lambda: guests(job.migration),
    )


def guests(migration: Migration) -> str:
    """Who is let in by name just now."""
    lines = dell(migration.settings).run("cat", "--", GUESTS).stdout.splitlines()
    found = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    return ", ".join(dict.fromkeys(name.removeprefix(".") for name in found)) or NOBODY


def write_guests(migration: Migration, names: str) -> None:
    """Let in exactly NAMES. A texthash is read when a daemon starts, hence the reload; comments are kept."""
    shell = dell(migration.settings)
    kept = [line for line in shell.run("cat", "--", GUESTS).stdout.splitlines() if line.startswith("#")]
    # With the dot for a Postfix whose parent_domain_matches_subdomains leaves smtpd_access_maps out (access(5)).
    rows = [f"{dot}{name} OK" for name in names.split(", ") if name != NOBODY for dot in ("", ".")]
    text = "".join(f"{line}\n" for line in (*kept, *rows))
    shell.run("sh", "-c", _REPLACE, "sh", GUESTS, stdin=text)
    shell.run("sh", "-c", _RELOAD)


def verify(job: Job, address: Address) -> None:
    """Wait for the destination's mail, and follow its link. Refused after two minutes, with what to do."""
    if not job.migration.secrets.mailbox_password.get_secret_value():
        _wait_for_owner(job, address)
        return
    where, followed = imap.mailbox(job.migration, address.mailbox), ""
    until = time.monotonic() + MAIL_S
    while time.monotonic() < until:
        for link in _links(job, where, address):
            followed = link
            _follow(address, link)
            if state(job.migration, address.destination) == "verified":
                return
        time.sleep(LOOK_S)
    what = "its link was followed, and it is still not verified: open it in a browser" if followed else "no mail came"
    raise Refused(
        f"{address.destination}: {what} (looked into {where} for {MAIL_S:.0f} s). If Dell refused the mail, its "
        "log says so; then delete the destination in Cloudflare's dashboard, and run this again: it registers it anew"
    )


def state(migration: Migration, destination: str) -> str:
    """``absent``, ``registered`` or ``verified``."""
    found = cloudflare.destinations(migration).find(destination)
    return "absent" if found is None else "verified" if found.verified else "registered"


def _wait_for_owner(job: Job, address: Address) -> None:
    job.say(f"MXGATE_MAILBOX_PASSWORD is not set: whoever reads {address.mailbox} has to follow the link in it")
    until = time.monotonic() + MAIL_S
    while time.monotonic() < until:
        if state(job.migration, address.destination) == "verified":
            return
        time.sleep(2)
    mine = job.migration.settings.addresses((job.domain,))
    open_ones = [each for each in mine if state(job.migration, each.destination) != "verified"]
    who = "\n".join(f"  {each.mailbox}: the mail to {each.destination}" for each in open_ones)
    raise Refused(f"these have to follow the link in Cloudflare's mail; then run this again:\n{who}")


def _links(job: Job, where: imap.Mailbox, address: Address) -> Iterator[str]:
    """Links to Cloudflare in its mails to the destination, newest first."""
    domains = job.migration.settings.cloudflare.verification_sources
    with imap.opened(where, "INBOX") as (client, _):
        uids = client.search(["FROM", "cloudflare", "TO", address.destination])
        mails = imap.whole(client, sorted(uids)[-LINKS_MAX:], "INBOX")
    for mail in reversed(mails):
        body = email.message_from_bytes(mail.content, policy=email.policy.default).get_body(("plain", "html"))
        for link in LINK.findall(str(body.get_content()) if body else ""):
            host = urlsplit(link).hostname or ""
            if any(host == name or host.endswith(f".{name}") for name in domains):
                yield link


def _follow(address: Address, link: str) -> None:
    try:
        httpx.get(link, follow_redirects=True, timeout=30)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Its text may hold the link, which is as good as a password.
        raise CouldNotAsk(
            f"{address.destination}: Cloudflare's link can't be followed: {type(error).__name__}"
        ) from None
