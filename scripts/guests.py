"""Dell's table of guests: clients let in by their forward-confirmed names, while verification mail is awaited."""

from __future__ import annotations

from fixtures.dellplan import GUESTS, SMTP
from fixtures.migration import Migration
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
