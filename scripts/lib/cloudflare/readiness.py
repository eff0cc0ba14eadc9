"""Whether a domain's MX may move: somebody watches, the pilot went first, and all that mail needs then is ready."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from scripts import merge_spf
from scripts.lib import night_papers
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare.routing import prove_right
from scripts.lib.cloudflare.rules import address_rules, catch_all

HEARTBEAT_S = 15.0


def require(job: Job) -> None:
    """``Refused`` with what to do first, ``CouldNotAsk`` without the right to switch Email Routing."""
    migration, domain = job.migration, job.domain
    beat = migration.store.last("watch", domain)
    if beat is None or not beat.get("running") or time.time() - beat["real_at"] > HEARTBEAT_S:
        seen = "never ran" if beat is None else f"was last heard of {time.time() - beat['real_at']:.0f} s ago"
        raise Refused(f"watch {seen} for {domain}: start it first: python -m scripts.watch --domain {domain}")
    pilot = migration.settings.pilot
    if domain != pilot and not Progress.read(migration.store, migration.settings).switched(pilot):
        raise Refused(f"the pilot goes first: python -m scripts.switch_mx --domain {pilot}")
    _require_ready(job)
    prove_right(job)
    job.say(f"the way back by hand: {night_papers.write(migration, domain)}. Print it before you go on")


def _require_ready(job: Job) -> None:
    """From the moment that the MX moves each rule counts, and each destination."""
    known = cloudflare.destinations(job.migration)
    addresses = job.migration.settings.domain(job.domain).addresses
    lacking = [each.destination for each in addresses if not getattr(known.find(each.destination), "verified", "")]
    lacking += [each.subject for each in (*address_rules(job), *catch_all(job))]
    lacking += [each.subject for each in (() if lacking else _unmerged(job))]
    if lacking:
        raise Refused(
            f"{job.domain} is not ready for Cloudflare's MX: {', '.join(lacking[:5])}. Nothing was written: first "
            f"python -m scripts.prepare_cloudflare and scripts.merge_spf, --domain {job.domain}"
        )


def _unmerged(job: Job) -> Iterator[Write]:
    """A zone that is enabled merges it in this very plan."""
    if not cloudflare.routing(job.migration, job.domain).enabled:
        yield from merge_spf.plan(job)
