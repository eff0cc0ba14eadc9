"""Register and verify a destination for each address of a domain, and give each its rule. No mail moves by this.

Cloudflare forwards only to verified addresses, and a rule takes a destination only once that is verified
(developers.cloudflare.com/email-service/configuration/email-routing-addresses). All are registered first; then people
open the links in their mailboxes, in a browser, and are waited for together. Meanwhile Dell lets Cloudflare's
notification hosts in by their forward-confirmed names; that is withdrawn in any case.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import Address
from scripts.lib.change import Job, Script, Write
from scripts.lib.cloudflare.routing import subaddressing
from scripts.lib.cloudflare.rules import address_rules, catch_all
from scripts.lib.cloudflare.verification import await_people, record, register, state
from scripts.lib.dell.guests import NOBODY, admission, guests, require_lookup, write_guests


def plan(job: Job) -> Iterator[Write]:
    migration, addresses = job.migration, job.migration.settings.domain(job.domain).addresses
    known = cloudflare.destinations(migration)
    absent = [each for each in addresses if known.find(each.destination) is None]
    unverified = [each for each in addresses if not getattr(known.find(each.destination), "verified", "")]
    for each in absent:
        alike = [one.email for one in known.destinations if one.email.lower() == each.destination]
        if alike:
            job.say(f"{each.destination}: {alike[0]} is registered, which to Cloudflare is another: case counts")
    stands = guests(migration)
    for write in admission(job, stands, admitted=True) if unverified else ():
        stands = write.after
        yield write
    yield from (_destination(job, each) for each in absent)
    if unverified:
        yield _verification(job, unverified)
    yield from address_rules(job)
    yield from catch_all(job)
    yield from subaddressing(job, wanted=migration.settings.domain(job.domain).plus_addresses == "mailbox")
    yield from admission(job, stands, admitted=False)  # also what a run that was killed has left


def _destination(job: Job, address: Address) -> Write:
    def read() -> str:
        return "absent" if state(job.migration, address.destination) == "absent" else "registered"

    do = partial(register, job, address)
    return Write("destinations", address.destination, "absent", "registered", do, read, tries=cloudflare.RETRIES)


def _verification(job: Job, addresses: list[Address]) -> Write:
    def read() -> str:
        known = cloudflare.destinations(job.migration)
        done = all(getattr(known.find(each.destination), "verified", "") for each in addresses)
        return "verified" if done else "not verified"

    # People open links at any moment: a subject that counted those which are left would void the plan each time.
    subject = f"the destinations of {job.domain}, each by a person who opens the link in its mailbox"
    do = partial(await_people, job, addresses)
    return Write("verification", subject, "not verified", "verified", do, read)


@contextmanager
def _withdrawing(job: Job) -> Iterator[None]:
    try:
        yield
    finally:
        if guests(job.migration) != NOBODY:
            write_guests(job.migration, NOBODY)


SCRIPT = Script(
    "prepare_cloudflare",
    __doc__,
    plan,
    per_domain=True,
    check=lambda job: require_lookup(job.migration),
    finish=record,
    around=_withdrawing,
)
main = SCRIPT.main

if __name__ == "__main__":
    sys.exit(main())
