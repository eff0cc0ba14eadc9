"""Cloudflare's verification mails: found in the mailboxes, recorded with where they came from, links followed."""

from __future__ import annotations

import time

import httpx

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes import cloudflare, imap, verification
from fixtures.settings import Address
from scripts.change import Job, Refused

MAIL_S, ANEW_S, LOOK_S = 120.0, 45.0, 0.1


def verify(job: Job, address: Address) -> None:
    """Wait for the destination's mail, and follow its link. Refused after two minutes, with what to do."""
    if not job.migration.secrets.mailbox_password.get_secret_value():
        _wait_for_owner(job, address)
        return
    where, followed = imap.mailbox(job.migration, address.mailbox), ""
    seen: set[str] = set()
    began, anew = time.monotonic(), False
    while time.monotonic() < began + MAIL_S:
        if (
            not (seen or anew) and time.monotonic() > began + ANEW_S
        ):  # refused by Dell, say, after a run that was killed
            anew = True
            _register_anew(job, address)
        for mail in verification.mails(job.migration, address):
            if mail.message_id not in seen:
                seen.add(mail.message_id)
                job.migration.store.record(verification.RECORD, address.domain, **mail.body)
            for link in mail.links:
                followed = link
                _follow(address, link)
                if state(job.migration, address.destination) == "verified":
                    return
        time.sleep(LOOK_S)
    what = "its link was followed, and it is still not verified: open it in a browser" if followed else "no mail came"
    raise Refused(
        f"{address.destination}: {what} (looked into {where} for {MAIL_S:.0f} s). If Dell refused the mail, its "
        "log says so. Run this again: it registers the destination anew"
    )


def _register_anew(job: Job, address: Address) -> None:
    """There is no call that sends the mail again. A destination that isn't verified has no rule to lose."""
    job.say(f"no mail to {address.destination} in {ANEW_S:.0f} s: it is registered anew")
    migration, account_id = job.migration, job.migration.settings.cloudflare.account_id
    with cloudflare.asking(f"destination {address.destination}, registered anew", "Email Routing Addresses: Edit"):
        addresses = cloudflare.client(migration).email_routing.addresses
        found = cloudflare.destinations(migration).find(address.destination)
        if found is not None and not found.verified:
            addresses.delete(found.id, account_id=account_id)
        if found is None or not found.verified:
            addresses.create(account_id=account_id, email=address.destination)


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


def _follow(address: Address, link: str) -> None:
    try:
        httpx.get(link, follow_redirects=True, timeout=30)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Its text may hold the link, which is as good as a password.
        raise CouldNotAsk(
            f"{address.destination}: Cloudflare's link can't be followed: {type(error).__name__}"
        ) from None
