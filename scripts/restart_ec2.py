"""Stop the gateway and start it again, once, before the first switch: whether it comes back is then known.

    python -m scripts.restart_ec2 [--apply DIGEST]

A start after a stop may fail: the zone has no capacity (InsufficientInstanceCapacity), a container does not start by
itself, a key of the tailnet has expired. Better now, while nobody needs it. Mail waits at its senders for the minutes
that this takes; whoever doesn't want that leaves it out, and ``stop_ec2`` and the papers say that no start was seen.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fixtures.evidence import CouldNotAsk
from fixtures.migration.progress import Progress
from fixtures.probes.aws import api as aws
from fixtures.probes.aws import ec2
from scripts.lib.aws.gateway import Call, require_permission, require_unprotected
from scripts.lib.aws.knocking import ACCEPTS, knock
from scripts.lib.aws.power import PROVED, open_port, require_address, start, wait_until
from scripts.lib.change import Job, Refused, Script, Write, run

STOP_S_MAX = 300.0


def plan(job: Job) -> Iterator[Write]:
    """Nothing once it was seen, or stopped for good. A run that was killed in between starts it."""
    store, it = job.migration.store, ec2.instance(job.migration)
    if store.last(PROVED) or Progress.read(store, job.migration.settings).stopped:
        return
    if it.state == "running":
        yield _stop(job)
    elif it.state != "stopped":
        raise Refused(f"{it.id} is {it.state}: wait until it is running or stopped, and plan again")
    yield start(job, "stopped")
    yield open_port(job)


def check(job: Job) -> None:
    """Before the stop: AWS would do both, the address is kept, and mail is taken now."""
    require_unprotected(job.migration, "disableApiStop", "--no-disable-api-stop")
    require_permission([_call(job, "stop_instances"), _call(job, "start_instances")])
    require_address(job.migration)
    address = str(job.migration.settings.ec2.ipv4)
    only = [{"Name": "public-ip", "Values": [address]}]
    if not Call(aws.client(job.migration), "describe_addresses", {"Filters": only})()["Addresses"]:
        raise Refused(f"{address} is no elastic address: a stop gives it up, and the MX would lead to a stranger")
    if ec2.instance(job.migration).state == "running" and (port := knock(job)).state != ACCEPTS:
        raise CouldNotAsk(f"{address} before the stop: {port.told}. Then nobody would see that it takes mail again")


def finish(job: Job) -> None:
    """Keep that it was seen, if it was."""
    store = job.migration.store
    if not Progress.read(store, job.migration.settings).stopped and not store.last(PROVED):
        store.record(PROVED)


def _stop(job: Job) -> Write:
    call, it = _call(job, "stop_instances"), job.migration.settings.ec2

    def do() -> None:
        call()
        wait_until(job, "stopped", STOP_S_MAX, read)

    def read() -> str:
        return ec2.instance(job.migration).state

    return Write("a start is proved", f"{it.instance_id} ({it.name})", "running", "stopped", do, read, call.command)


def _call(job: Job, name: str) -> Call:
    return Call(aws.client(job.migration), name, {"InstanceIds": [job.migration.settings.ec2.instance_id]})


SCRIPT = Script(
    "restart_ec2",
    "Stop the gateway and start it again, once: a way back after stop_ec2 rests on that. Mail waits for minutes.",
    plan,
    check=check,
    finish=finish,
)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
