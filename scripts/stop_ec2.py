"""Stop the EC2 gateway, and see its port 25 die.

    python -m scripts.stop_ec2 [--gives-up-address] [--apply DIGEST]

Nothing is deleted: the instance can be started again, and an elastic address stays with it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from functools import partial

from fixtures.evidence import CouldNotAsk
from fixtures.loop import run as run_on_loop
from fixtures.migration import Migration
from fixtures.probes import ec2
from fixtures.transport import connect
from scripts.change import Job, Refused, Script, Write, run
from scripts.gateway import Call, require_permission, require_unprotected

STOP_S_MAX, POLL_S = 300, 2
PORT_DEAD_S_MAX, KNOCK_S = 60.0, 2.0
SETTLED = {"running", "stopping", "stopped", "terminated", "absent"}


def plan(job: Job) -> Iterator[Write]:
    """The one write, unless it is stopped or gone already."""
    it = ec2.instance(job.migration)
    if it.state not in SETTLED:
        raise Refused(f"{it.id} is {it.state}: wait until it is running or stopped, and plan again")
    if it.state in {"running", "stopping"}:
        yield Write(
            group="EC2 instance",
            subject=f"{it.id} {it.name} ({it.type}, {it.address or 'no public address'})",
            before=it.state,
            after="stopped",
            do=partial(_stop, job),
            read=lambda: ec2.instance(job.migration).state,
            command=_call(job.migration).command,
            danger="" if _elastic(job.migration) else f"gives up the address {it.address}",
        )


def check(job: Job) -> None:
    """Before the stop: AWS would do it, nobody protected it, and the address stays ours."""
    require_unprotected(job.migration, "disableApiStop", "--no-disable-api-stop")
    require_permission([_call(job.migration)])
    address = job.migration.settings.ec2.ipv4
    if not _elastic(job.migration) and not job.options.gives_up_address:
        raise Refused(
            f"{address} is no elastic address of the instance: with the stop it goes back to Amazon, and whoever gets "
            "it next could send in your name and be admitted by Dell. Take it out of each SPF record and of Dell's "
            "table first, then say --gives-up-address"
        )


def finish(job: Job) -> None:
    """Wait until port 25 of the gateway's addresses, while they are ours, no longer accepts from here."""
    settings = job.migration.settings.ec2
    ours = [settings.ipv4] if _elastic(job.migration) else []
    deadline = time.monotonic() + PORT_DEAD_S_MAX
    for address in map(str, [*ours, *([settings.ipv6] if settings.ipv6 else [])]):
        while run_on_loop(_accepts(address)):
            if time.monotonic() > deadline:
                raise Refused(
                    f"the instance is stopped, yet port 25 of {address} still accepts after {PORT_DEAD_S_MAX:.0f} s. "
                    "Does the address belong to another machine? Look before going on; then run this again"
                )
            time.sleep(0.2)
        job.say(f"port 25 of {address} is dead")


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--gives-up-address", action="store_true", help="stop it although its public address isn't elastic and is lost"
    )


def _call(migration: Migration) -> Call:
    return Call(ec2.client(migration), "stop_instances", {"InstanceIds": [migration.settings.ec2.instance_id]})


def _stop(job: Job) -> None:
    call = _call(job.migration)
    call()
    with ec2.asking(f"{call.command}: not stopped within {STOP_S_MAX} s"):
        waiting = {"Delay": POLL_S, "MaxAttempts": STOP_S_MAX // POLL_S}
        call.client.get_waiter("instance_stopped").wait(**call.arguments, WaiterConfig=waiting)


def _elastic(migration: Migration) -> bool:
    """Whether the settings' address is an elastic one, which a stop leaves with the instance."""
    only = [{"Name": "public-ip", "Values": [str(migration.settings.ec2.ipv4)]}]
    return bool(Call(ec2.client(migration), "describe_addresses", {"Filters": only})()["Addresses"])


async def _accepts(address: str) -> bool:
    try:
        (await connect(address, 25, timeout_s=KNOCK_S)).close()
    except (ConnectionRefusedError, CouldNotAsk):
        return False
    return True


SCRIPT = Script("stop_ec2", "Stop the EC2 gateway.", plan, options=options, check=check, finish=finish)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
