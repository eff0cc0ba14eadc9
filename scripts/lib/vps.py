"""A gateway that is not rented at AWS: a person stops, starts and deletes it at its provider, and probes prove it."""

from collections.abc import Iterator
from functools import partial

from fixtures.evidence import Finding, finding
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.plan.vps_checklist import ASKED, CHECKLIST, CONFIRMED
from fixtures.probes.aws import references
from fixtures.probes.logs import came_from
from scripts.lib.aws.power import ACCEPTS, BY_HAND_S_MAX, SILENT, knock, open_port, port_state, wait_until
from scripts.lib.change import Job, Refused, Write

OPEN, DONE = "not confirmed", "confirmed"


def stop(job: Job) -> Iterator[Write]:
    """A person stops it; done once its port 25 is dead. ``Refused`` where nobody could see that."""
    it = job.migration.settings.ec2
    port = knock(job)
    if port.state == SILENT:
        return
    if port.state != ACCEPTS:
        raise Refused(f"{it.name} ({it.ipv4}): {port.said}. Then nobody would see it die: name a host in [[vantages]]")
    read = partial(port_state, job)

    def do() -> None:
        job.migration.store.record(ASKED, what="stop")
        job.say(f"STOP IT NOW at {it.provider}: {it.name} ({it.ipv4}). Shut it down; delete nothing of it")
        wait_until(job, SILENT, BY_HAND_S_MAX, read)

    yield Write(f"by hand at {it.provider}", f"port 25 of {it.name} ({it.ipv4})", ACCEPTS, SILENT, do, read)


def restart(job: Job) -> Iterator[Write]:
    """A person stops it and starts it again, once. A run that was killed in between has it started."""
    yield from stop(job)
    yield open_port(job)


def delete(job: Job) -> Iterator[Write]:
    """Each line of the checklist that nobody has confirmed: to apply the plan is to confirm it."""
    store, provider = job.migration.store, job.migration.settings.ec2.provider
    for item in CHECKLIST:

        def read(item: str = item) -> str:
            return DONE if store.last(CONFIRMED, item=item) else OPEN

        if read() == OPEN:
            do = partial(store.record, CONFIRMED, item=item, by=job.options.by)
            yield Write(f"confirmed by hand, of {provider}", item, OPEN, DONE, do, read, danger="deletes")


def require_gone(job: Job) -> None:
    """Before the first line is confirmed: it is stopped, no record names it, and nothing came from it since."""
    migration = job.migration
    progress = Progress.read(migration.store, migration.settings)
    if not progress.stopped:
        raise Refused("it is not stopped: first python -m scripts.stop_ec2")
    if progress.done_at("retire_ec2_access") is None:
        raise Refused("Dell's table, SPF or DNS may still name it: first python -m scripts.retire_ec2_access")
    found = [*_silent(job), *came_from.judged(came_from.gateway(migration)), *_named(migration)]
    if bad := [each.sentence() for each in found if not each.verdict.opens]:
        raise Refused("\n  ".join(("it can't be seen to be gone, so nothing is confirmed:", *bad)))
    for each in found:
        job.say(f"{each.member}: {each.found}")


def _silent(job: Job) -> Iterator[Finding]:
    it, port = job.migration.settings.ec2, knock(job)
    member = f"port 25 of {it.ipv4}"
    yield finding(member, "it takes no mail", port.said, holds=port.state == SILENT)


def _named(migration: Migration) -> Iterator[Finding]:
    return references.judged_gone(references.in_records(migration), references.Sought.ever(migration))
