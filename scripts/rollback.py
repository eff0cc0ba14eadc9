"""Take a domain back to EC2: first the MX, then the SPF record, as the first snapshot has them. Needs no gate.

Email Routing, its rules, the destinations and Dell's admission of Cloudflare stay, since mail still comes that way
until the switched TTL has passed everywhere. A TTL that ``lower_ttl`` shortened stays short: the next switch needs it
to have been short for a day. After ``stop_ec2`` the instance is started first; after ``delete_ec2`` no way leads back.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from fixtures.evidence import CouldNotAsk
from fixtures.gates.progress import Progress
from fixtures.loop import run as run_on_loop
from fixtures.probes import cloudflare, ec2
from fixtures.probes.account import Record, record
from fixtures.transport import connect
from scripts.change import Job, Refused, Script, Write, run
from scripts.gateway import Call
from scripts.routing import UNLOCKED, unlock
from scripts.zone import is_spf, set_rrset, value

START_S_MAX, POLL_S = 300, 2
PORT_S_MAX, KNOCK_S = 120.0, 2.0
COMING = {"running", "pending"}


def plan(job: Job) -> Iterator[Write]:
    migration, domain = job.migration, job.domain
    progress = Progress.read(migration.store, migration.settings)
    there = ec2.instance(migration)
    if progress.deleted or there.gone:
        raise Refused(f"the instance {there.id} is {there.state}: there is no EC2 to go back to")
    if progress.done_at("retire_ec2_access") is not None:
        raise Refused("retire_ec2_access took EC2's admission and names away: Dell would refuse what it brings")
    start = tuple(_start(job))
    if there.state not in COMING:
        yield _power(job, there.state)
    records, routing = cloudflare.records(migration, domain), cloudflare.routing(migration, domain)
    before = [each for each in start if each.type == "MX"]
    ttl = migration.settings.bounds.ttl_s if progress.done_at("lower_ttl", domain) else before[0].ttl
    moved = tuple(set_rrset(job, domain, domain, "MX", [value(e) for e in before], ttl, "MX", present=records))
    if moved and routing.enabled and routing.status not in UNLOCKED:
        yield unlock(job)
    yield from (replace(each, group="mail goes to EC2 again") for each in moved)
    spf = [each for each in start if is_spf(each)]
    ttl = spf[0].ttl if spf else ttl
    yield from set_rrset(
        job, domain, domain, "TXT", [each.text for each in spf], ttl, "SPF", only=is_spf, present=records
    )


def _start(job: Job) -> Iterator[Record]:
    """The records at the domain's own name, of the first snapshot."""
    start = job.migration.store.snapshot("start") or {}
    records = [record(each) for each in start.get("zones", {}).get(job.domain, {}).get("records", [])]
    if not any((each.type, each.name) == ("MX", job.domain) for each in records):
        raise Refused(f"the store has no snapshot with the MX of {job.domain}: there is nothing to go back to")
    return (each for each in records if each.name == job.domain)


def _power(job: Job, state: str) -> Write:
    """Start the instance, and wait until its port 25 takes connections at the address to which the MX leads."""
    settings, client = job.migration.settings.ec2, ec2.client(job.migration)
    call = Call(client, "start_instances", {"InstanceIds": [settings.instance_id]})

    def do() -> None:
        call()
        with ec2.asking(f"{call.command}: not running within {START_S_MAX} s"):
            waiting = {"Delay": POLL_S, "MaxAttempts": START_S_MAX // POLL_S}
            client.get_waiter("instance_running").wait(**call.arguments, WaiterConfig=waiting)
        address, wanted = ec2.instance(job.migration).address, str(settings.ipv4)
        if address != wanted:
            raise Refused(
                f"{settings.instance_id} has come back as {address or 'nobody'}, and {settings.name} is {wanted}"
            )
        deadline = time.monotonic() + PORT_S_MAX
        while not run_on_loop(_accepts(wanted)):
            if time.monotonic() > deadline:
                raise Refused(
                    f"{wanted} runs, but its port 25 took no connection in {PORT_S_MAX:.0f} s: look at Postfix"
                )
            time.sleep(0.2)

    return Write(
        "EC2 first", f"{settings.instance_id} ({settings.name})", state, "running", do,
        lambda: ec2.instance(job.migration).state, call.command,
    )  # fmt: skip


async def _accepts(address: str) -> bool:
    try:
        (await connect(address, 25, timeout_s=KNOCK_S)).close()
    except (ConnectionRefusedError, CouldNotAsk):
        return False
    return True


def _measured(job: Job) -> None:
    begun = job.migration.store.last("run", job.domain, script=SCRIPT.name)
    if begun is not None and job.options.apply:
        seconds = time.time() - begun["real_at"]
        job.migration.store.record("rolled back", job.domain, seconds=seconds)
        print(f"{job.domain} is back after {seconds:.1f} s; caches follow within the TTL")


SCRIPT = Script("rollback", "Take a domain back to EC2, as the first snapshot has it.", plan, True, finish=_measured)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
