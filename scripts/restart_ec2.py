"""Stop the gateway and start it again, once, before the first switch: whether it comes back is then known.

    python -m scripts.restart_ec2 [--apply DIGEST]

A start after a stop may fail: the zone has no capacity (InsufficientInstanceCapacity), the disks are encrypted by a key
that we may not use, a container does not start by itself, a key of the tailnet has expired. Better now, while nobody
needs it. Mail waits at its senders for the minutes that this takes; whoever doesn't want that leaves it out, and
``stop_ec2`` and the papers say that no start was seen.
"""

from collections.abc import Iterator

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import Progress
from fixtures.probes.aws import ec2
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
from scripts.lib.aws.power import ACCEPTS, PROVED, knock, open_port, require_address, start, stop
from scripts.lib.change import Job, Refused, Script, Write


def plan(job: Job) -> Iterator[Write]:
    """Nothing once it was seen, or stopped for good. A run that was killed in between starts it."""
    store = job.migration.store
    if store.last(PROVED) or Progress.read(store, job.migration.settings).stopped:
        return
    if not job.migration.settings.ec2.at_aws:
        yield from vps.restart(job)
        return
    it = ec2.instance(job.migration)
    if it.state == "running":
        yield stop(job, "a start is proved", it, start_needs(job.migration, it))
    elif it.state != "stopped":
        raise Refused(f"{it.id} is {it.state}: wait until it is running or stopped, and plan again")
    yield start(job, "stopped")
    yield open_port(job)


def check(job: Job) -> None:
    """Before the stop: AWS would do both, the address is kept, and mail is taken now."""
    migration, address = job.migration, str(job.migration.settings.ec2.ipv4)
    if not migration.settings.ec2.at_aws:  # the plan has asked whether it takes mail
        return
    it = ec2.instance(migration)
    require_no_maker(migration, it)
    require_keys(migration, it)
    require_unprotected(migration, "disableApiStop", "--no-disable-api-stop")
    require_permission([on_instance(migration, "stop_instances"), on_instance(migration, "start_instances")])
    require_address(migration)
    if not elastic(migration):
        raise Refused(f"{address} is no elastic address: a stop gives it up, and the MX would lead to a stranger")
    if it.state == "running" and (port := knock(job)).state != ACCEPTS:
        raise CouldNotAsk(f"{address} before the stop: {port.said}. Then nobody would see that it takes mail again")


def finish(job: Job) -> None:
    """Keep that it was seen, if it was."""
    store = job.migration.store
    if not Progress.read(store, job.migration.settings).stopped and not store.last(PROVED):
        store.record(PROVED)


SCRIPT = Script("restart_ec2", __doc__, plan, check=check, finish=finish)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
