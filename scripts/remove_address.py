"""Remove an address of a domain that is switched: its rule, its destination, and Dell's word that mail for it is taken.

First take it out of migration.toml. Needs no gate of the phases: it looks itself, before the first write, whether the
domain is as it was switched. The rule goes first, so that Cloudflare refuses its mail in session and nothing bounces
later; the destination last, and only where no other rule leads to it: Cloudflare deletes none that is less than a
quarter of an hour old, and that is waited for. The mailbox in Dovecot stays, with its mail.

    python -m scripts.remove_address --domain example.net --address info [--apply DIGEST]
"""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import Address
from scripts.lib import addresses
from scripts.lib.change import Job, Script, Write
from scripts.lib.cloudflare.rules import no_rule
from scripts.lib.cloudflare.verification import no_destination, state


def plan(job: Job) -> Iterator[Write]:
    address = _unwanted(job)
    writes = list(addresses.tables(job, address.address))
    if not job.migration.settings.by_worker:
        writes = [*no_rule(job, address), *writes, *_no_destination(job, address)]
    yield from writes
    if writes or addresses.state(job, address.address) == addresses.BEGUN:
        yield from addresses.refused(job, address)
    else:
        job.say(f"{address.address}: neither a rule of it is left at Cloudflare, nor a destination")


def _unwanted(job: Job) -> Address:
    local = addresses.asked_for(job)
    if found := addresses.known(job, local):
        stands = "aliases" if found.mailbox_local != local else "mailboxes"
        raise addresses.mistaken(job, f"{local} still stands in {stands}", "Take it out there")
    like = job.migration.settings.domain(job.domain).addresses[0]
    return Address(job.domain, like.delivery, local, local)


def _no_destination(job: Job, address: Address) -> Iterator[Write]:
    if state(job.migration, address.destination) == "absent":
        return
    users = [
        rule.address or f"the catch-all of {domain}"
        for domain in job.migration.settings.domain_names
        for routing in (cloudflare.routing(job.migration, domain),)
        for rule in (*routing.rules, routing.catch_all)
        if address.destination in rule.destinations and rule.address != address.address
    ]
    if users:
        job.say(f"{address.destination} stays: {', '.join(users)} leads to it")
        return
    yield no_destination(job, address)


def _finish(job: Job) -> None:
    addresses.keep(job, _unwanted(job).address, "removed")


SCRIPT = Script(
    "remove_address",
    __doc__,
    plan,
    per_domain=True,
    example=addresses.EXAMPLE,
    options=addresses.option,
    check=addresses.require_settled,
    finish=_finish,
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
