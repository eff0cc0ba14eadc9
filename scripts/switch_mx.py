"""Move a domain's MX to Cloudflare, with EC2's put back by itself if anything fails on the way.

The order is ``cloudflare.enabling``'s. ``refuses``: Cloudflare can't be enabled beside EC2's MX, so the MX goes first,
enabling follows at once, and Cloudflare may answer 5xx in between. ``replaces``: enabling itself moves the MX.
``by_subdomain``: enabled by way of a subdomain, and the MX moves once every MX host takes every address.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fixtures.ledger.windows import half_way
from fixtures.migration import Migration, open_migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Routing
from scripts import merge_spf
from scripts.lib.change import Job, Refused, Script, Write, run
from scripts.lib.cloudflare import subdomain
from scripts.lib.cloudflare.readiness import require
from scripts.lib.cloudflare.routing import enable, keep_spf, lock, told_state, unlock
from scripts.lib.cloudflare.settling import ask_first, settle
from scripts.lib.dns.switch_moments import noted, remember
from scripts.lib.dns.zone import seconds, set_rrset, value
from scripts.lib.safeguard import guarded, through

AUTOMATIC = 1
HALF_WAY = "A SWITCH ENDED HALF-WAY, and nobody has asked whether Cloudflare takes mail. This run asks; the way back:"


def plan(job: Job) -> Iterator[Write]:
    routing, order = cloudflare.routing(job.migration, job.domain), job.migration.settings.cloudflare.enabling
    batch, half = tuple(_batch(job, routing)), half_way(job.migration.store, job.domain)
    if half and not batch:
        job.say(f"{job.domain}: {HALF_WAY} python -m scripts.rollback --domain {job.domain}")
    if routing.enabled:
        # A run that was killed right after enabling, and its guard too, has left its SPF record to this one (X10).
        yield from merge_spf.plan(job, half["spf"] if half else ())
    elif order == "by_subdomain":
        yield subdomain.enable(job)
    if routing.enabled or order == "by_subdomain":
        yield from _move(job, routing, batch, half)
    else:
        yield from batch if order == "refuses" else ()
        on = enable(job, danger="" if order == "refuses" else "MX")
        # Without a batch, since that was all that a machine did before it went down, the MX leads there already.
        yield on if batch and order == "refuses" else noted(job, on)
        yield unlock(job)
        yield keep_spf(job)
        yield settle(job)
    if order == "by_subdomain":
        yield from subdomain.removed(job, fresh=not routing.enabled)


def _move(job: Job, routing: Routing, batch: tuple[Write, ...], half: dict[str, Any] | None) -> Iterator[Write]:
    """With Email Routing enabled: the MX and what else is missing are written, and all of it is taken over by it."""
    missing = [each for each in routing.missing if each.type == "TXT" and each.name != job.domain]
    records = list(batch)
    for each in missing if routing.enabled else ():  # enabling adds them by itself
        records += set_rrset(job, job.domain, each.name, each.type, [each.text], AUTOMATIC, "DKIM")
    if not records and routing.complete and not half:
        return
    if batch:
        by_subdomain = job.migration.settings.cloudflare.enabling == "by_subdomain"
        yield ask_first(job, subdomain.giving_up(job) if by_subdomain else None)
    yield from records
    yield lock(job)
    yield unlock(job)
    yield keep_spf(job, half["spf"] if half else ())
    if batch or half:
        yield settle(job)


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


def _finish(job: Job) -> None:
    through(job)
    remember(job)
    told_state(job)


def _in_a_hurry(path: str | None) -> Migration:
    """Mail may bounce while an API is waited for: better the MX goes back."""
    return replace(open_migration(path), hurried=True)


SUMMARY = """\
Move a domain's MX to Cloudflare; watch has to run, the pilot goes first, rules, destinations and SPF must be ready.

Writes: Email Routing of the domain (enabled, its records left unlocked: a way back then needs DNS alone), its MX, its
SPF record where enabling changed that, and Cloudflare's DKIM record. Rules, destinations, Dell and EC2 stay.
Window: Cloudflare may refuse mail (5xx, so that it bounces) from the moment that the MX moves until its MX hosts know
every address. The plan says for how long at most: bounds.window_s. Only cloudflare.enabling = "by_subdomain" has none.
Fails: whatever goes wrong once the MX has moved puts EC2's MX back by itself, and ends with 1. If this process is
killed, or its terminal is lost, a guard that outlives it does so, and writes that to night/switch-DOMAIN.log.
Where: on a machine that stays up, in tmux, its lid open. After a power cut run this again, at once; watch says so too.
Back: python -m scripts.rollback --domain DOMAIN, which needs no gate."""
SCRIPT = Script(
    "switch_mx", SUMMARY, plan, per_domain=True, check=require, finish=_finish, around=guarded, opens=_in_a_hurry
)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
