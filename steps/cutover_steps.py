"""What was recorded while domains were switched."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.gates.progress import Progress, Stage
from fixtures.ledger.switches import Settled, first_switch, last_switch, settled
from fixtures.migration import Migration
from fixtures.probes import cloudflare

STALE_MIN = 20
BEFORE_S = 60.0
Switches = tuple[Settled, ...]


@given("the numbered mail of every switch", target_fixture="switched")
@given("the numbered mail of senders with a stale cache", target_fixture="switched")
def switched_domains(migration: Migration, domains: tuple[str, ...]) -> dict[str, float | None]:
    return {domain: first_switch(migration, domain) for domain in domains}


@when("the ledger is settled", target_fixture="ledgers")
def settle_ledger(migration: Migration, switched: dict[str, float | None]) -> Switches:
    return tuple(settled(migration, d, since - BEFORE_S) for d, since in switched.items() if since is not None)


@then("every message that was injected has arrived")
def all_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Injected equals arrived", _whole(ledgers, switched))


@then("what was delayed or came twice is listed")
def delays_listed(expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        twice = [entry for b in each.balances for entry in b.unexplained_copies]
        late = sum(len(b.delayed) for b in each.balances)
        again = sum(len(b.explained_copies) for b in each.balances)
        said = f"{late} delayed, {again} twice with a 4xx in their trail, {len(twice)} twice without"
        if not twice:
            return passed(each.domain, said, each.evidence, domain=each.domain)
        return failed(each.domain, "no unexplained copy", said, each.evidence, domain=each.domain)

    expect("Delays and copies are listed, and copies explained", map(judge, ledgers))


@then("at least twenty of them came through EC2 after a switch")
def stale_came_through(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    senders = {sender.name: sender.resolver for sender in migration.settings.senders}
    resolvers = frozenset(sender.resolver for sender in migration.settings.senders if sender.resolver == "stale")

    def after(each: Settled) -> int:
        since = first_switch(migration, each.domain) or 0
        return sum(1 for e in each.by_stale_cache(resolvers, senders) if e.injected_at > since)

    counts = {each.domain: after(each) for each in ledgers}
    total, told = sum(counts.values()), tuple(each.evidence for each in ledgers)
    said = f"{total} ({', '.join(f'{domain} {count}' for domain, count in counts.items())})"
    enough = passed("stale caches", said, *told) if total >= STALE_MIN else unknown("stale caches", "20", said, *told)
    expect("Stale caches were at work, and EC2 still served them", (enough,))


@then("every one of those arrived")
def stale_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("What stale caches sent has arrived", _whole(ledgers, switched))


@given("the pilot, where another domain is about to be switched", target_fixture="pilot")
def pilot_before_others(migration: Migration, stage: Stage) -> str:
    pilot = migration.settings.pilot
    if pilot in stage.domains:
        it = Finding(pilot, Verdict.ABSENT, "another domain about to be switched", "the pilot itself")
        raise Absent("This gate is the pilot's own", (it,))
    return pilot


@when("its hold is looked at", target_fixture="ledgers")
def look_at_hold(migration: Migration, pilot: str) -> Switches:
    since = last_switch(migration, pilot)
    return (settled(migration, pilot, since),) if since is not None else ()


@then("it was switched first, and has been held long enough")
def pilot_held(migration: Migration, expect: Expect, pilot: str) -> None:
    progress, since = Progress.read(migration.store, migration.settings), last_switch(migration, pilot)
    others = [d for d in migration.settings.domain_names if d != pilot and progress.switched(d)]
    bound = migration.settings.bounds.pilot_hold_s
    held = migration.clock.now() - since if since and progress.switched(pilot) else 0.0
    earlier = [d for d in others if (first_switch(migration, d) or 0) < (first_switch(migration, pilot) or 0)]
    said = f"held for {held / 3600:.1f} h, switched before it: {', '.join(earlier) or 'none'}"
    expected = f"first of all, and held for {bound / 3600:.0f} h"
    make = passed(pilot, said, expected=expected) if held >= bound and not earlier else failed(pilot, expected, said)
    expect("The pilot went first and was held", (make,))


@then("Cloudflare serves it, and its mail arrived all the while")
def pilot_well(migration: Migration, expect: Expect, pilot: str, ledgers: Switches) -> None:
    routing = cloudflare.routing(migration, pilot)
    said = f"enabled: {routing.enabled}, status {routing.status}"
    ready = routing.enabled and routing.status == "ready"
    state = passed(pilot, said, routing.evidence) if ready else failed(pilot, "ready", said, routing.evidence)
    aborts = migration.store.recorded("abort rule", pilot, last_switch(migration, pilot) or 0)
    met = [failed(f"{pilot}: {a['rule']}", "no abort rule met", str(a["found"])) for a in aborts]
    expect("The pilot has been well", [state, *met, *_whole(ledgers, {pilot: last_switch(migration, pilot)})])


def _whole(ledgers: Switches, switched: dict[str, float | None]) -> Iterator[Finding]:
    for domain in (name for name, since in switched.items() if since is None):
        yield unknown(domain, "a record of its switch", "none", domain=domain)
    for each in ledgers:
        said = f"{each.injected} injected, {len(each.missing)} missing"
        if not each.injected:
            yield unknown(each.domain, "numbered mail", said, each.evidence, domain=each.domain)
        elif each.missing:
            named = each.missing[0].sentence()
            yield failed(each.domain, "every one arrived", f"{said}: {named}", each.evidence, domain=each.domain)
        else:
            yield passed(each.domain, said, each.evidence, domain=each.domain)
