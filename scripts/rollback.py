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

from fixtures.gates.progress import Progress
from fixtures.probes import cloudflare, ec2
from fixtures.probes.account import Record, record
from scripts.change import Job, Refused, Script, Write, run, unfinished
from scripts.power import ACCEPTS, COMING, open_port, reach, start
from scripts.routing import UNLOCKED, unlock
from scripts.zone import is_spf, set_rrset, value


def plan(job: Job) -> Iterator[Write]:
    migration, domain = job.migration, job.domain
    progress = Progress.read(migration.store, migration.settings)
    there = ec2.instance(migration)
    if progress.deleted or there.gone:
        raise Refused(f"the instance {there.id} is {there.state}: there is no EC2 to go back to")
    if progress.done_at("retire_ec2_access") is not None:
        raise Refused("retire_ec2_access took EC2's admission and names away: Dell would refuse what it brings")
    once = tuple(_at_first(job))
    if there.state not in COMING:
        yield start(job, there.state)
    if there.state not in COMING or (progress.stopped and reach(migration) != ACCEPTS):
        yield open_port(job)
    records, routing = cloudflare.records(migration, domain), cloudflare.routing(migration, domain)
    before = [each for each in once if each.type == "MX"]
    lowered = migration.settings.bounds.ttl_s if progress.done_at("lower_ttl", domain) else 0
    ttl = lowered or before[0].ttl
    moved = tuple(set_rrset(job, domain, domain, "MX", [value(e) for e in before], ttl, "MX", present=records))
    if moved and routing.enabled and routing.status not in UNLOCKED:
        yield unlock(job)
    yield from (replace(each, group="mail goes to EC2 again") for each in moved)
    spf = [each for each in once if is_spf(each)]
    ttl = lowered or (spf[0].ttl if spf else ttl)
    yield from set_rrset(
        job, domain, domain, "TXT", [each.text for each in spf], ttl, "SPF", only=is_spf, present=records
    )


def _at_first(job: Job) -> Iterator[Record]:
    """The records at the domain's own name, of the first snapshot."""
    taken = job.migration.store.snapshot("start") or {}
    records = [record(each) for each in taken.get("zones", {}).get(job.domain, {}).get("records", [])]
    if not any((each.type, each.name) == ("MX", job.domain) for each in records):
        raise Refused(f"the store has no snapshot with the MX of {job.domain}: there is nothing to go back to")
    return (each for each in records if each.name == job.domain)


def _measured(job: Job) -> None:
    if begun := unfinished(job, SCRIPT.name):
        seconds = time.time() - begun[0]["real_at"]
        job.migration.store.record("rolled back", job.domain, seconds=seconds)
        job.say(f"{job.domain} is back after {seconds:.1f} s of writing; caches follow within the TTL")


SCRIPT = Script("rollback", "Take a domain back to EC2, as the first snapshot has it.", plan, True, finish=_measured)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
