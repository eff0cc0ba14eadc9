"""Move a domain's MX to Cloudflare; watch has to run, the pilot goes first, rules, destinations and SPF must be ready.

Writes: Email Routing of the domain (enabled, its records left unlocked: a way back then needs only DNS), its MX, its
SPF record where enabling changed that, and Cloudflare's DKIM record. Rules, destinations, Dell and EC2 stay.
Order: by cloudflare.enabling. "refuses": Cloudflare can't be enabled while EC2's MX stands, so the MX goes first, and
enabling follows at once, with nothing asked in between. "by_subdomain": enabled by way of a subdomain, and the MX moves
once every MX host takes every address.
Window: Cloudflare may refuse mail (5xx, so that it bounces) from the moment that the MX moves until its MX hosts know
every address. The plan says for how long at most: bounds.window_s. Only "by_subdomain" has none.
Fails: whatever goes wrong once the MX has moved puts EC2's MX back by itself, and ends with 1. If this process is
killed, or its terminal is lost, a guard that outlives it does so, and writes that to night/switch-DOMAIN.log.
Where: on a machine that stays up, in tmux, its lid open. After a power cut run this again, at once; watch says so too.
Back: python -m scripts.rollback --domain DOMAIN, which needs no gate.
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from fixtures.access.clock import lately
from fixtures.evidence.exiting import leave
from fixtures.evidence.waiting import waiting
from fixtures.language import tr
from fixtures.ledger.windows import half_way
from fixtures.migration import Migration, open_migration
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import AUTO, Routing
from fixtures.probes.cloudflare.rate_limit import WAIT_S_MAX
from scripts import merge_spf
from scripts.lib import paper
from scripts.lib.change import Job, Refused, Script, Write, make
from scripts.lib.cloudflare import routing as switches, worker
from scripts.lib.cloudflare.rules import address_rules, catch_all
from scripts.lib.cloudflare.settling import ask_first, settle
from scripts.lib.dns.records import set_rrset, value
from scripts.lib.safeguard import guarded, moves, remember, through

HEARTBEAT_S, COUNTED_S, ASK_AGAIN_S = 15.0, 60.0, 10.0
REQUESTS = 300
"""Of Cloudflare's API: more than a switch and its way back make, with ``watch`` and a person at the dashboard by it."""


def plan(job: Job) -> Iterator[Write]:
    routing, order = cloudflare.routing(job.migration, job.domain), job.migration.settings.cloudflare.enabling
    batch, half = tuple(_batch(job, routing)), half_way(job.migration.store, job.domain)
    if job.migration.settings.by_worker:
        job.say(worker.in_an_outage(job.migration))
        job.say(worker.in_its_limits(job.migration))
    if routing.enabled:
        # A run that was killed right after enabling, and its guard too, has left its SPF record to this one (X10).
        yield from merge_spf.plan(job, half["spf"] if half else ())
    elif order == "by_subdomain":
        yield switches.enable_by_subdomain(job)
    if routing.enabled or order == "by_subdomain":
        yield from _move(job, routing, batch, half)
    else:
        yield from batch
        on = switches.enable(job)
        # Without a batch, since that was all that a machine did before it went down, the MX leads there already.
        yield replace(on, at_once=True) if batch else moves(job, on)
        yield switches.unlock(job)
        yield switches.keep_spf(job)
        yield settle(job)
    if order == "by_subdomain":
        yield from switches.subdomain_removed(job, fresh=not routing.enabled)


def _move(job: Job, routing: Routing, batch: tuple[Write, ...], half: dict[str, Any] | None) -> Iterator[Write]:
    """With Email Routing enabled: the MX and what else is missing are written, and all of it is taken over by it."""
    missing = [each for each in routing.missing if each.type == "TXT" and each.name != job.domain]
    records = list(batch)
    for each in missing if routing.enabled else ():  # enabling adds them by itself
        records += set_rrset(job, job.domain, each.name, each.type, [each.text], AUTO, "DKIM")
    if not records and routing.complete and not half:
        return
    if batch:
        yield ask_first(job, by_subdomain=job.migration.settings.cloudflare.enabling == "by_subdomain")
    yield from records
    yield switches.lock(job)
    yield switches.unlock(job)
    yield switches.keep_spf(job, half["spf"] if half else ())
    if batch or half:
        yield settle(job)


def _batch(job: Job, routing: Routing) -> Iterator[Write]:
    """The MX RRset with the preferences that Cloudflare gave this zone; nothing where it stands already."""
    wanted = [value(each) for each in routing.required if each.type == "MX"]
    if not wanted:
        raise Refused(f"Cloudflare names no MX for {job.domain}: is Email Routing available for this zone?")
    present = routing.present
    stands, ttl_s = present.of(job.domain, "MX"), job.migration.settings.bounds.ttl_s
    if set(map(value, stands)) == set(wanted) and all(each.kept_s <= ttl_s for each in stands):
        return  # also where Cloudflare wrote it, with an automatic TTL
    if routing.enabled and not stands and set(map(value, cloudflare.mx(present))) == set(wanted):
        return  # Email Routing hides it from the list
    for write in set_rrset(job, job.domain, job.domain, "MX", wanted, ttl_s, "MX", present=present):
        yield moves(job, replace(write, group="the switch"), wanted)


def _finish(job: Job) -> None:
    through(job)
    remember(job)
    switches.say_state(job)
    if job.run.kept is not None:
        make(SCRIPT, job, [switches.looked_at_long(switches.keep_spf(job, job.run.kept["spf"]))])


def _in_a_hurry(path: str | None) -> Migration:
    """Mail may bounce while an API is waited for: better the MX goes back."""
    return replace(open_migration(path), hurried=True)


def _check(job: Job) -> None:
    """``Refused`` with what to do first, ``CouldNotAsk`` without the right to switch Email Routing."""
    migration, domain = job.migration, job.domain
    switches.require_no_trial(job)
    _require_watch(job)
    pilot = migration.settings.pilot
    if domain != pilot and not Progress.read(migration.store, migration.settings).switched(pilot):
        raise Refused(f"the pilot goes first: python -m scripts.switch_mx --domain {pilot}")
    _require_ready(job)
    switches.prove_right(job)
    if _wait_for_requests(job):
        _require_watch(job)
    job.say(f"the way back by hand: {paper.leave(migration, domain)}. Print it before you go on")


def _require_watch(job: Job) -> None:
    """``Refused`` unless it runs, and counts."""
    migration, domain = job.migration, job.domain
    beat, until = migration.store.last("watch", domain), time.monotonic() + COUNTED_S
    with waiting(lambda: tr("watch has just begun: waiting until it has counted the mail of {domain}", domain=domain)):
        while beat and not beat.get("counted", True) and beat.get("running") and time.monotonic() < until:
            time.sleep(0.2)
            beat = migration.store.last("watch", domain)
    if beat is None or not beat.get("running") or not lately(beat["real_at"], HEARTBEAT_S):
        seen = "never ran" if beat is None else f"was last heard of {_ago(beat['real_at'])}"
        raise Refused(f"watch {seen} for {domain}: start it first: python -m scripts.watch --domain {domain}")
    counted_at = beat.get("counted_at", time.time())
    if not lately(counted_at, COUNTED_S) or not beat.get("counted", True):
        uncounted_s = max(time.time() - counted_at, COUNTED_S)
        raise Refused(
            f"watch has not counted the mail of {domain} for {uncounted_s:.0f} s: nobody would see a "
            "loss. It shows why; put that right first"
        )


def _ago(at: float) -> str:
    seconds = time.time() - at
    return f"{seconds:.0f} s ago" if seconds >= 0 else f"{-seconds:.0f} s from now, so a clock has gone back,"


def _wait_for_requests(job: Job) -> bool:
    """Whether too few were left, and more were waited for: one that is refused later may make mail bounce.

    ``Refused`` where others make so many that there are none for a switch.
    """
    clock, waited = job.migration.clock, False
    began = clock.now()
    while seconds := switches.wait_s(job, REQUESTS):
        if (left_s := began + WAIT_S_MAX - clock.now()) <= 0:
            raise Refused(
                f"for {WAIT_S_MAX:.0f} s Cloudflare has had fewer than {REQUESTS} requests left for this user, and one "
                "that it refuses half-way may make mail bounce. Nothing was written: end what asks it so often "
                "(Terraform, a DNS client, another gate), then plan again"
            )
        job.say(f"Cloudflare takes fewer than {REQUESTS} more requests for {seconds:.0f} s: waiting")
        clock.sleep(min(max(seconds, ASK_AGAIN_S), left_s))
        waited = True
    return waited


_PREPARING = ("prepare_cloudflare", "merge_spf")


def _require_ready(job: Job) -> None:
    """From the moment that the MX moves each rule counts, and each destination, or the Worker."""
    lacking = list(_missing(job))
    lacking += [each.subject for each in (*address_rules(job), *catch_all(job))]
    lacking += [each.subject for each in (() if lacking else _unmerged(job))]
    if lacking:
        raise Refused(
            f"{job.domain} is not ready for Cloudflare's MX: {', '.join(lacking[:5])}. Nothing was written: first "
            f"{' and '.join(f'python -m scripts.{each} --domain {job.domain}' for each in _PREPARING)}"
        )


def _missing(job: Job) -> Iterator[str]:
    """Where the rules lead to, as far as it is not there."""
    settings = job.migration.settings
    if settings.by_worker:
        yield from filter(None, (worker.lacking(job.migration),))
        return
    known = cloudflare.destinations(job.migration)
    for each in settings.domain(job.domain).addresses:
        if not getattr(known.find(each.destination), "verified", ""):
            yield each.destination


def _unmerged(job: Job) -> Iterator[Write]:
    """A zone that is enabled merges it in this very plan."""
    if not cloudflare.routing(job.migration, job.domain).enabled:
        yield from merge_spf.plan(job)


SCRIPT = Script(
    "switch_mx", __doc__, plan, per_domain=True, check=_check, finish=_finish, around=guarded, opens=_in_a_hurry
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
