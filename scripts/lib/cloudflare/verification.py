"""Destinations are registered here, and verified by people: each opens the link in Cloudflare's mail, in a browser.

The link leads to a page of the dashboard that wants a browser and perhaps a login (several projects met it), so no
program follows it, this one neither. Nothing is deleted to try again: a repeated request sends the mail again, and is
refused within five minutes (HTTP 429, code 2025, "Verification email has been sent too recently").
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from fixtures.access.clock import Clock
from fixtures.evidence import CouldNotAsk
from fixtures.gates.drift.accepted import WAITS
from fixtures.migration import Migration
from fixtures.migration.progress import unfinished
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.mailbox import verification
from fixtures.settings import Address
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dell.guests import admission, guests, perhaps_in

ASKED = "verification asked"
"""The kind of the store's records of when Cloudflare was asked to send a mail."""
EDIT = "Email Routing Addresses: Edit"
TOO_SOON = 2025
RESEND_S = 305.0
YOUNG, YOUNG_S, YOUNG_PAUSE_S = 2032, 960.0, 60.0
"""A destination that was made just now can't be deleted; how long that is waited for, and how often it is tried."""
PEOPLE_S = 1800.0
"""How long people are waited for; the next run goes on where one ended."""
LIST_S = 20.0
"""So long the list waits until it has all links."""
LOOK_S, LOOK_S_MAX = 0.5, 10.0


def destinations(job: Job, addresses: Sequence[Address]) -> Iterator[Write]:
    """Each address's destination registered, and verified by a person; Dell lets the mail in meanwhile."""
    known, stands = cloudflare.destinations(job.migration), _let_in(job)
    absent = [each for each in addresses if known.find(each.destination) is None]
    unverified = _unverified(known, addresses)
    for each in absent:
        alike = [one.email for one in known.destinations if one.email.lower() == each.destination]
        if alike:
            job.say(f"{each.destination}: {alike[0]} is registered, which to Cloudflare is another: case counts")
    if unverified:
        for write in admission(job, stands, admitted=True):
            stands = write.after
            yield write
        yield from (_destination(job, each) for each in absent)
        yield _verification(job, unverified)
    yield from admission(job, stands, admitted=False)  # also what a run that was killed has left


def _let_in(job: Job) -> str:
    """Who is let in just now; where Dell can't say so, who may be, by a run that was cut short."""
    try:
        return guests(job.migration)
    except CouldNotAsk as fault:
        if any(unfinished(job.migration.store, each, job.domain) for each in WAITS):
            raise CouldNotAsk(perhaps_in(job.migration, fault)) from None
        raise


def _destination(job: Job, address: Address) -> Write:
    def read() -> str:
        return "absent" if state(job.migration, address.destination) == "absent" else "registered"

    do = partial(register, job, address)
    return Write("destinations", address.destination, "absent", "registered", do, read, tries=cloudflare.RETRIES)


def no_destination(job: Job, address: Address) -> Write:
    """The destination deleted: the account then has to verify it again before a rule may lead to it."""
    account = job.migration.settings.cloudflare.account_id

    def is_young() -> bool:
        import cloudflare as sdk

        with cloudflare.asking(f"destination {address.destination}", EDIT):
            if found := cloudflare.destinations(job.migration).find(address.destination):
                try:
                    changing.once(job.migration).email_routing.addresses.delete(found.id, account_id=account)
                except sdk.APIStatusError as error:
                    if YOUNG not in {each.code for each in error.errors or ()}:
                        raise
                    return True
        return False

    name, tries = address.destination, cloudflare.RETRIES
    do, read = partial(until_old, job.migration.clock, name, is_young, job.say), partial(state, job.migration, name)
    return Write("destinations", name, read(), "absent", do, read, danger="deletes", tries=tries)


def until_old(clock: Clock, email: str, is_young: Callable[[], bool], say: Callable[[str], object]) -> None:
    """Call IS_YOUNG, which deletes the destination EMAIL or finds that Cloudflare refuses that yet, until it does."""
    until, began = clock.now() + YOUNG_S, True
    while is_young():
        if clock.now() > until:
            raise Refused(f"{email}: Cloudflare still says that it was made too recently to be deleted. Run again")
        if began:
            at = time.strftime("%H:%M", time.localtime(until))
            say(f"{email}: Cloudflare deletes no destination that is less than 15 min old: waits, until {at} at most")
            began = False
        clock.sleep(YOUNG_PAUSE_S)


def _verification(job: Job, addresses: list[Address]) -> Write:
    def read() -> str:
        return "not verified" if _unverified(cloudflare.destinations(job.migration), addresses) else "verified"

    # People open links at any moment: a subject that counted those which are left would void the plan each time.
    subject = f"the destinations of {job.domain}, each by a person who opens the link in its mailbox"
    do = partial(await_people, job, addresses)
    return Write("verification", subject, "not verified", "verified", do, read, speaks=True)


def state(migration: Migration, destination: str) -> str:
    """``absent``, ``registered`` or ``verified``."""
    found = cloudflare.destinations(migration).find(destination)
    return "absent" if found is None else "verified" if found.verified else "registered"


def register(job: Job, address: Address) -> None:
    """Register the destination, which sends it Cloudflare's mail. Waits where it was asked for too recently."""
    if _ask(job, address):
        return
    job.say(f"{address.destination}: Cloudflare sent it a mail less than five minutes ago, and waits as long")
    job.migration.clock.sleep(RESEND_S)
    if not _ask(job, address):
        raise Refused(f"{address.destination}: Cloudflare still says that its mail was sent too recently. Run again")


def await_people(job: Job, addresses: Sequence[Address]) -> None:
    """Show in which mailboxes a link waits for a person, and wait for all of them. Refused after half an hour."""
    began = now = time.monotonic()
    seen = dict[str, verification.VerificationMail]()
    listed, pause, left_before = set[str](), LOOK_S, len(addresses)
    while True:
        left = _unverified(cloudflare.destinations(job.migration), addresses)
        # At a terminal all of them, on and on: what has come first may be anybody's, and Cloudflare's comes yet.
        seen |= _mails(job.migration, [each for each in left if _at_a_terminal() or each.destination not in seen])
        if not left:
            return
        if now > began + PEOPLE_S:
            raise Refused(_late(left))
        if len(left) < left_before:
            job.say(f"{len(addresses) - len(left)} of {len(addresses)} are verified")
            left_before = len(left)
        unseen = [each for each in left if each.destination not in seen]
        if not unseen or not _readable(job.migration) or now > began + LIST_S:
            rows = [_row(each, seen.get(each.destination)) for each in left]
            _show(job, [row for row in rows if row not in listed])
            listed.update(rows)
        if now == began or _readable(job.migration):
            _ask_again(job, unseen)
        time.sleep(pause)
        pause, now = min(pause * 1.3, LOOK_S_MAX), time.monotonic()


def record(job: Job) -> None:
    """Keep where each mail came from (E-5), once it has come. By a Worker none comes."""
    if job.migration.settings.by_worker:
        return
    store = job.migration.store
    addresses = job.migration.settings.domain(job.domain).addresses
    unknown = [each for each in addresses if not store.last(verification.RECORD, destination=each.destination)]
    try:
        for mail in _mails(job.migration, unknown).values():
            store.record(verification.RECORD, mail.domain, **mail.body)
    except CouldNotAsk as fault:
        job.say(f"where Cloudflare's mails came from is not recorded: {fault}. Run this again")


def _ask(job: Job, address: Address) -> bool:
    """Whether Cloudflare sends a mail; False: it did, less than five minutes ago. Raises ``CouldNotAsk``."""
    import cloudflare as sdk

    migration, destination = job.migration, address.destination
    addresses = changing.once(migration).email_routing.addresses
    with cloudflare.asking(f"destination {destination}", EDIT):
        try:
            addresses.create(account_id=migration.settings.cloudflare.account_id, email=destination)
        except sdk.RateLimitError as error:
            if TOO_SOON not in {each.code for each in error.errors or ()}:
                raise
            return False
    _note(migration, address)
    return True


def _note(migration: Migration, address: Address) -> None:
    migration.store.record(ASKED, address.domain, destination=address.destination, at=migration.clock.now())


def _ask_again(job: Job, addresses: Iterable[Address]) -> None:
    """For mails that did not come, a last request being five minutes old or of another's."""
    for address in addresses:
        last = job.migration.store.last(ASKED, address.domain, destination=address.destination)
        if last is not None and job.migration.clock.now() < last["at"] + RESEND_S:
            continue
        sent = False
        try:
            sent = _ask(job, address)
        except CouldNotAsk as fault:
            job.say(str(fault))
        done = "asked for another" if sent else "asked again in five minutes"
        job.say(f"{address.destination}: no mail of Cloudflare's is in {address.mailbox}: {done}")
        if not sent:
            _note(job.migration, address)


def _mails(migration: Migration, addresses: Sequence[Address]) -> dict[str, verification.VerificationMail]:
    """The newest mail to each destination that has come; none without the mailboxes' password."""
    asks = addresses and _readable(migration)
    return {each.destination: each for each in verification.newest(migration, addresses)} if asks else {}


def _readable(migration: Migration) -> bool:
    return bool(migration.secrets.mailbox_password.get_secret_value())


def _at_a_terminal() -> bool:
    return sys.stderr.isatty()


def _row(address: Address, mail: verification.VerificationMail | None) -> str:
    """The link only at a terminal: whoever has one can verify, and a log is read by many."""
    where = f"  {address.mailbox}  {address.destination}"
    if mail is None or not _at_a_terminal():
        return f"{where}  in that mailbox"
    by = f"brought by {mail.client_address or 'nobody knows'}, by Dell's trace none of Cloudflare's: see whose it is"
    return f"{where}  {mail.links[0]}" + ("" if mail.cloudflares else f"  {by}")


def _show(job: Job, rows: Sequence[str]) -> None:
    if rows:
        job.say(f"{len(rows)} links wait for a person with a browser, up to {PEOPLE_S / 60:.0f} min from now:")
        print("\n".join(rows), file=sys.stderr, flush=True)


def _unverified(known: cloudflare.Destinations, addresses: Iterable[Address]) -> list[Address]:
    return [each for each in addresses if not getattr(known.find(each.destination), "verified", "")]


def _late(left: Sequence[Address]) -> str:
    rows = "\n".join(f"  {each.mailbox}: Cloudflare's mail to {each.destination}" for each in left)
    return (
        f"{len(left)} destinations are not verified after {PEOPLE_S / 60:.0f} min. In each of these mailboxes a person "
        f"opens the link, in a browser; then run this again, which goes on here:\n{rows}\n"
        "Where no mail came, Dell's log says whether it was refused. Where a link is no longer valid, the dashboard "
        "sends another: Email Routing, Destination addresses, Resend"
    )
