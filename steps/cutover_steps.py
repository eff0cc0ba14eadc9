"""What was recorded while domains were switched."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import Settled, first_switch, last_switch, settled, spell
from fixtures.migration import Migration
from fixtures.watching import records

STALE_MIN = 20
BEFORE_S = 60.0
Switches = tuple[Settled, ...]


@given("the numbered mail of every switch", target_fixture="switched")
@given("the numbered mail of senders with a stale cache", target_fixture="switched")
def switched_domains(migration: Migration, domains: tuple[str, ...]) -> dict[str, float | None]:
    return {domain: first_switch(migration, domain) for domain in domains}


@when("what was accepted is compared with what has arrived", target_fixture="ledgers")
def settle_ledger(migration: Migration, switched: dict[str, float | None]) -> Switches:
    return tuple(settled(migration, d, since - BEFORE_S) for d, since in switched.items() if since is not None)


@then("Cloudflare refused mail only while the plan of a switch had announced that it might")
def refused_as_announced(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        windows = records.windows(migration.store, each.domain, each.since)
        expected = f"refused {', '.join(spell(*window) for window in windows) or 'at no time'}, if at all"
        times = sorted(records.refusals(migration, each.domain, each.since))
        # A log may give whole seconds.
        outside = [at for at in times if not any(begin - 1 <= at <= end for begin, end in windows)]
        said = f"{len(times)} refused by Cloudflare with 5xx"
        if times:
            said += f" within {times[-1] - times[0]:.0f} s, {spell(times[0], times[-1])}"
        if not outside:
            return passed(each.domain, said, each.evidence, expected=expected, domain=each.domain)
        found = f"{said}, {len(outside)} of them {spell(outside[0], outside[-1])}, unannounced"
        return failed(each.domain, expected, found, each.evidence, domain=each.domain)

    expect("Cloudflare refused mail only as announced", map(judge, ledgers))


@then("every message that was accepted has arrived")
def all_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Everything that was accepted has arrived", whole(ledgers, switched))


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


@then("at least twenty messages came through EC2 after a switch")
def stale_came_through(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    counts = {each.domain: len(each.by_stale_caches(last_switch(migration, each.domain))) for each in ledgers}
    total, told = sum(counts.values()), tuple(each.evidence for each in ledgers)
    said = f"{total} ({', '.join(f'{domain} {count}' for domain, count in counts.items())})"
    enough = passed("stale caches", said, *told) if total >= STALE_MIN else unknown("stale caches", "20", said, *told)
    expect("Stale caches were at work, and EC2 still served them", (enough,))


@then("every one of those arrived")
def stale_arrived(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        stale = each.by_stale_caches(last_switch(migration, each.domain))
        sent = each.of({entry.sender for entry in stale})
        lost = [entry.sentence() for entry in sent if entry.arrived is None]
        if not lost:
            return passed(each.domain, f"{len(sent)} arrived", each.evidence, domain=each.domain)
        said = f"{len(lost)} missing: {lost[0]}"
        return failed(each.domain, "every one arrived", said, each.evidence, domain=each.domain)

    expect("What stale caches sent has arrived", map(judge, ledgers))


def whole(ledgers: Switches, switched: dict[str, float | None]) -> Iterator[Finding]:
    """Whether all numbered mail of each domain arrived; what nobody recorded or sent is inconclusive."""
    for domain in (name for name, since in switched.items() if since is None):
        yield unknown(domain, "a record of its switch", "none", domain=domain)
    for each in ledgers:
        said = f"{each.injected} injected, {len(each.missing)} missing"
        if not each.injected:
            yield unknown(each.domain, "numbered mail", said, each.evidence, domain=each.domain)
        elif each.amiss:
            found = f"{said}{each.stretch}: {each.amiss[0]}"
            yield failed(each.domain, "every one arrived", found, each.evidence, domain=each.domain)
        else:
            yield passed(each.domain, said, each.evidence, domain=each.domain)
