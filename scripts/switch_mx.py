"""Move a domain's MX to Cloudflare: enable Email Routing, wait until its MX hosts know the domain, then one batch.

The order is ``cloudflare.enabling``'s, as the pilot showed. ``coexists``: EC2 stays the MX until every MX host of
Cloudflare's accepts every address. ``refuses``: the batch goes first, and ``replaces``: enabling itself moves the MX;
then Cloudflare may answer 5xx for as long as the plan says. ``watch`` has to run, and the pilot goes first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from fixtures.gates.progress import Progress
from fixtures.probes import cloudflare
from fixtures.probes.account import Routing
from scripts import merge_spf, night_papers
from scripts.change import Job, Refused, Script, Write, run
from scripts.moments import noted, remember
from scripts.routing import ENABLING, UNLOCKED, enable, keep_spf, lock, unlock
from scripts.settling import settle
from scripts.zone import seconds, set_rrset, value

HEARTBEAT_S = 15.0
AUTOMATIC = 1


def plan(job: Job) -> Iterator[Write]:
    routing = cloudflare.routing(job.migration, job.domain)
    batch = tuple(_batch(job, routing))
    if routing.enabled:
        noted_before = job.migration.store.last(ENABLING, job.domain)
        # A run that was killed right after enabling has left its SPF record to this one (X10).
        yield from merge_spf.plan(job, noted_before["spf"] if noted_before else ())
        yield from _move(job, routing, batch)
        return
    match job.migration.settings.cloudflare.enabling:
        case "coexists":
            yield noted(job, enable(job))
            yield keep_spf(job)
            yield from _move(job, routing, batch)
        case "refuses":
            yield from batch
            yield enable(job)
            yield keep_spf(job)
            yield settle(job, moved=True)
        case "replaces":
            yield noted(job, enable(job, danger="MX"))
            yield keep_spf(job)
            yield settle(job, moved=True)


def _move(job: Job, routing: Routing, batch: tuple[Write, ...]) -> Iterator[Write]:
    """With Email Routing enabled: unlocked, the MX and what else is missing are written, and it is locked again."""
    missing = [each for each in routing.missing if each.type == "TXT" and each.name != job.domain]
    records = list(batch)
    for each in missing if routing.enabled else ():  # enabling adds them by itself
        records += set_rrset(job, job.domain, each.name, each.type, [each.text], AUTOMATIC, "DKIM")
    if batch:
        yield settle(job, moved=False)
    if not records and routing.status == "ready":
        return
    if not routing.enabled or routing.status not in UNLOCKED:
        yield unlock(job)
    yield from records
    yield lock(job)


def _batch(job: Job, routing: Routing) -> Iterator[Write]:
    """The MX RRset with the preferences that Cloudflare gave this zone; nothing where it stands already."""
    wanted = [value(each) for each in routing.required if each.type == "MX"]
    if not wanted:
        raise Refused(f"Cloudflare names no MX for {job.domain}: is Email Routing available for this zone?")
    present = cloudflare.records(job.migration, job.domain)
    stands, ttl_s = present.of(job.domain, "MX"), job.migration.settings.bounds.ttl_s
    if set(map(value, stands)) == set(wanted) and all(seconds(each) <= ttl_s for each in stands):
        return  # also where Cloudflare wrote it, with an automatic TTL
    for write in set_rrset(job, job.domain, job.domain, "MX", wanted, ttl_s, "MX", present=present):
        yield noted(job, replace(write, group="the switch"))


def _check(job: Job) -> None:
    migration, domain = job.migration, job.domain
    beat = migration.store.last("watch", domain)
    if beat is None or not beat.get("running") or time.time() - beat["real_at"] > HEARTBEAT_S:
        seen = "never ran" if beat is None else f"was last heard of {time.time() - beat['real_at']:.0f} s ago"
        raise Refused(f"watch {seen} for {domain}: start it first: python -m scripts.watch --domain {domain}")
    pilot = migration.settings.pilot
    if domain != pilot and not Progress.read(migration.store, migration.settings).switched(pilot):
        raise Refused(f"the pilot goes first: python -m scripts.switch_mx --domain {pilot}")
    job.say(f"the way back by hand: {night_papers.write(migration, domain)}. Print it before you go on")


SUMMARY = """\
Move a domain's MX to Cloudflare, once its MX hosts accept every address; watch has to run, and the pilot goes first.

Writes: Email Routing of the domain (enabled, its records unlocked and locked again), its MX, its SPF record where
enabling changed that, and Cloudflare's DKIM record. Rules, destinations, Dell and EC2 stay as they are.
Window: with cloudflare.enabling = "coexists" none: EC2 takes mail until the MX has moved, and from stale caches after
that. With "refuses" or "replaces" Cloudflare may refuse mail (5xx, so that it bounces) from the moment that the MX
moves until its MX hosts know every address: the plan says how long that took at the pilot, and after 15 minutes this
gives up, and advises to go back.
Back: python -m scripts.rollback --domain DOMAIN, which needs no gate."""
SCRIPT = Script("switch_mx", SUMMARY, plan, per_domain=True, check=_check, finish=remember)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
