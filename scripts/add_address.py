"""Add an address to a domain that is switched: mailbox, table, destination, rule, and one message as the proof.

First write it into migration.toml, as one of the domain's mailboxes or aliases, and make the mailbox at Dell as you do
others. Needs no gate of the phases: it looks itself, before the first write, whether the domain is as it was switched.
Then Dell's Postfix learns the address, Cloudflare registers its destination, a person opens the link in the mailbox,
the rule is made, Cloudflare's MX hosts and Dell are asked until they take the address, and a marked message is sent.
The mailbox itself is no doing of this script: S-6 names it in Dovecot, until scripts.accept has taken it on by name.

    python -m scripts.add_address --domain example.net --address info [--apply DIGEST]
"""

from collections.abc import Iterator

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.limits import limit
from fixtures.probes.mailbox import imap
from fixtures.settings import Address
from fixtures.settings.secrets import SecretMissing
from scripts.lib import addresses
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.cloudflare.rules import address_rule
from scripts.lib.cloudflare.verification import destinations, record
from scripts.lib.dell.guests import require_lookup, withdrawing


def plan(job: Job) -> Iterator[Write]:
    address = _wanted(job)
    _require_mailbox(job, address)
    _require_room(job)
    writes = list(addresses.tables(job, address.address))
    if not job.migration.settings.by_worker:
        writes += [*destinations(job, (address,)), *address_rule(job, address)]
    yield from writes
    if writes or addresses.state(job, address.address) == addresses.BEGUN:
        yield from addresses.accepted(job, address)
        if not Progress.read(job.migration.store, job.migration.settings).deleted:
            job.say(f"after a rollback mail comes by EC2 again: {address.address} has to be known there too")
    else:
        by_rule = f"its rule leads to {address.destination}, which is verified"
        way = "the Worker takes all" if job.migration.settings.by_worker else by_rule
        job.say(f"{address.address} is in use already: {way}")


def _wanted(job: Job) -> Address:
    local = addresses.asked_for(job)
    if found := addresses.known(job, local):
        return found
    key = f'Add "{local}" to mailboxes there, or as aliases.{local} = "ITS MAILBOX"'
    raise addresses.mistaken(job, f"{local} stands neither in mailboxes nor in aliases", key)


def _require_mailbox(job: Job, address: Address) -> None:
    """``Refused`` where Dell has none that can be read: mail would be taken, and could not be delivered."""
    try:
        with imap.opened(imap.mailbox(job.migration, address.mailbox)):
            return
    except SecretMissing:
        raise
    except CouldNotAsk as fault:
        raise Refused(
            f"{address.address}: expected its mailbox at Dell, readable by IMAP; found {fault}. Make the mailbox "
            f"{address.mailbox} in Dovecot first (doveadm user {address.mailbox} shows it then). Nothing was changed"
        ) from None


def _require_room(job: Job) -> None:
    """``Refused`` where Email Routing has room for no more. A rule and a destination of its own: each address."""
    if job.migration.settings.by_worker:
        return
    needed = {
        "rules": len(job.migration.settings.domain(job.domain).addresses),
        "destinations": len(
            {each.destination for each in job.migration.settings.addresses()}
            | {each.email for each in cloudflare.destinations(job.migration).destinations}
        ),
    }
    for what, number in needed.items():
        if number > limit(what).most:
            raise Refused(f"{what}: {number} would be needed, and Email Routing takes {limit(what).most}")


def _check(job: Job) -> None:
    require_lookup(job.migration)
    addresses.require_settled(job)


def _finish(job: Job) -> None:
    address = _wanted(job)
    addresses.keep(job, address.address, "added")
    record(job)
    if address.mailbox == address.address:
        job.say(f"the mailbox {address.mailbox} is your own doing: where S-6 names it, python -m scripts.accept")


SCRIPT = Script(
    "add_address",
    __doc__,
    plan,
    per_domain=True,
    example=addresses.EXAMPLE,
    options=addresses.option,
    check=_check,
    finish=_finish,
    around=withdrawing,
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
