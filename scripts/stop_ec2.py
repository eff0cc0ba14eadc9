"""Stop the EC2 gateway, and see its port 25 die.

    python -m scripts.stop_ec2 [--gives-up-address] [--apply DIGEST]

Nothing is deleted: the instance can be started again, and an elastic address stays with it. Any other goes back to
Amazon, to whoever gets it next: then Dell's table and SPF lose it at once, and no way leads back to EC2. Port 25 is
knocked at before, from here and from each vantage: only who heard it then can say later that it is dead. What EC2 took
and has not handed on holds the stop up, since nobody could read it then. A gateway that is not at AWS a person stops at
its provider, when the script asks for it; it waits half an hour for that.
"""

import argparse
import time
from collections.abc import Iterable, Iterator
from functools import partial

from fixtures.access import transport
from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import GIVEN_UP, former, given_up
from fixtures.probes.aws import ec2
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dell import postfix
from scripts import retire_ec2_access
from scripts.lib import vps
from scripts.lib.aws.gateway import (
    elastic,
    on_instance,
    require_keys,
    require_no_maker,
    require_permission,
    require_unprotected,
    start_needs,
)
from scripts.lib.aws.power import PROVED, heard_before, heard_from, heard_now, stop
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.paper import renewed

PORT_DEAD_S_MAX = 60.0
QUEUE_S_MAX = 30.0
UNDER_WAY = {"maildrop", "incoming", "active"}
"""Postfix's queues of what is on its way, and doesn't wait for another time (QSHAPE_README)."""
SETTLED = {"running", "stopping", "stopped", "terminated", "absent"}


def plan(job: Job) -> Iterator[Write]:
    """The stop, unless it is stopped or gone already; and what has to follow where it gives up the address."""
    if not job.migration.settings.ec2.at_aws:
        yield from vps.stop(job)
        return
    it = ec2.instance(job.migration)
    if it.state not in SETTLED:
        raise Refused(f"{it.id} is {it.state}: wait until it is running or stopped, and plan again")
    lost = not it.gone and not elastic(job.migration)
    if it.state in {"running", "stopping"}:
        seen = lost or job.migration.store.last(PROVED)
        needs = "" if seen else start_needs(job.migration, it)
        yield stop(job, "EC2 instance", it, f"gives up the address {it.address}" if lost else needs)
    if lost:
        yield from _withdrawn(job)


def _withdrawn(job: Job) -> Iterator[Write]:
    """Keep that the address is given up; then take from whoever has it next what it let EC2 do."""
    store, settings = job.migration.store, job.migration.settings
    address = str(settings.ec2.ipv4)

    def read() -> str:
        return "given up" if address in given_up(store) else "ours"

    if read() == "ours":
        do = partial(store.record, GIVEN_UP, address=address)
        yield Write("EC2 instance", f"the address {address}", "ours", "given up", do, read)
    if address == str(settings.ec2.seen_by_dell_as):
        with_ec2 = store.last("done", script="retire_ec2_access") is None  # backup MX hosts go only with that
        yield from retire_ec2_access.dells_table(job, with_ec2=with_ec2, gives_up={address})
    only_ec2 = settings.model_copy(update={"backup_mx": ()})
    for domain in settings.domain_names:
        present = cloudflare.records(job.migration, domain)
        yield from retire_ec2_access.spf(job, domain, present, only_ec2, former(store, settings))


def check(job: Job) -> None:
    """Before the stop: AWS would do it, nobody protected it, no mail lies in it, and the address stays ours."""
    at_aws = job.migration.settings.ec2.at_aws
    if at_aws:
        it = ec2.instance(job.migration)
        require_no_maker(job.migration, it)
        if not job.options.gives_up_address:
            require_keys(job.migration, it)
        require_unprotected(job.migration, "disableApiStop", "--no-disable-api-stop")
        require_permission([on_instance(job.migration, "stop_instances")])
    heard_now(job, _addresses(job))
    if ec2.runs(job.migration):
        _require_empty_queue(job)
    if job.migration.store.last(PROVED) is None:
        job.say("no start of this instance was ever seen (restart_ec2): that it can be started again is a promise")
    if not at_aws:  # its address stays with it until it is cancelled
        return
    address = job.migration.settings.ec2.ipv4
    if not elastic(job.migration) and not job.options.gives_up_address:
        raise Refused(
            f"{address} is no elastic address of the instance: with the stop it goes back to Amazon, and no way leads "
            "back to EC2. If that is to be, say --gives-up-address: right after the stop Dell's table and each SPF "
            "record lose it, as the plan shows. Else whoever gets it next could deliver to Dell and send in your name"
        )


def _require_empty_queue(job: Job) -> None:
    """The gate has seen it empty, up to an hour ago. What lies there at the stop is deleted with the disk, unseen."""
    deadline = time.monotonic() + QUEUE_S_MAX
    try:
        while lying := postfix.queue(transport.ec2(job.migration.settings)).messages:
            waiting = [each for each in lying if each.queue not in UNDER_WAY]
            if waiting or time.monotonic() > deadline:
                it = (waiting or lying)[0]
                to = ", ".join(address for address, _ in it.recipients)
                raise Refused(
                    f"EC2 has not handed on all that it took: its queue holds {len(lying)} more, such as "
                    f"{it.queue_id} ({it.queue}), from <{it.sender}> to {to}. Once it is stopped nobody can read them, "
                    "and delete_ec2 deletes them. On EC2: postqueue -f, or postsuper -d for what nobody wants. Then "
                    "plan again"
                )
            time.sleep(0.5)
    except CouldNotAsk as fault:
        job.say(f"EC2's queue could not be read, so whether mail lies in it is not known: {fault}")


def _addresses(job: Job) -> list[str]:
    """The gateway's, as long as they are ours."""
    settings = job.migration.settings.ec2
    kept = settings.ipv4 if not settings.at_aws or elastic(job.migration) else None
    return [str(each) for each in (kept, settings.ipv6) if each]


def finish(job: Job) -> None:
    """Wait until whoever heard port 25 of the gateway's addresses before, while they are ours, hears it no longer."""
    deadline = time.monotonic() + PORT_DEAD_S_MAX
    before = {address: heard_before(job, address) for address in _addresses(job)}
    for address in (each for each, places in before.items() if not places):
        job.say(f"port 25 of {address}: could not look, since nobody heard it before the stop either")
    alive = {address: places for address, places in before.items() if places}
    while alive := _alive(job, before, alive):
        if time.monotonic() > deadline:
            shown = "; ".join(f"{address} still greets {', '.join(places)}" for address, places in alive.items())
            raise Refused(
                f"the instance is stopped, yet port 25 of {shown} after {PORT_DEAD_S_MAX:.0f} s. Does the address "
                "belong to another machine? Look before going on; then run this again"
            )
        time.sleep(0.2)


def _alive(job: Job, before: dict[str, list[str]], addresses: Iterable[str]) -> dict[str, list[str]]:
    """The addresses that still greet somebody who heard them BEFORE, with those; says which are dead."""
    alive = {}
    for address, heard in heard_from(job.migration, addresses).items():
        if places := [each for each in heard if each in before[address]]:
            alive[address] = places
        else:
            job.say(f"port 25 of {address} is dead, seen from {', '.join(before[address])}")
    return alive


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gives-up-address", action="store_true", help="stop it although its public address isn't elastic and is lost"
    )


SCRIPT = Script("stop_ec2", __doc__, plan, options=options, check=check, finish=finish, leaves=renewed)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
