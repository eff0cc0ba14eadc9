"""Nights, and the numbered mail of the weeks in which they lie."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.nights import Series, series
from fixtures.gates.plugin import Expect
from fixtures.gates.progress import Progress
from fixtures.ledger.switches import Settled, last_switch, settled
from fixtures.migration import Migration
from steps.cutover_steps import whole

NOT_YET = "not yet"


@given("the nights since the last switch", target_fixture="begun")
@given("the numbered mail since the last switch", target_fixture="begun")
def since_switch(migration: Migration, domains: tuple[str, ...]) -> float | None:
    times = [last_switch(migration, domain) for domain in domains]
    return None if None in times else max(filter(None, times))


@given("the nights since the stop", target_fixture="begun")
@given("the numbered mail since the stop", target_fixture="begun")
def since_stop(migration: Migration) -> float | None:
    return Progress.read(migration.store, migration.settings).done_at("stop_ec2")


@when("they are counted", target_fixture="counted")
def count_nights(migration: Migration, begun: float | None) -> Series | None:
    return None if begun is None else series(migration, begun)


@when("what was accepted of it is compared with what has arrived", target_fixture="ledgers")
def settle_since(migration: Migration, begun: float | None, domains: tuple[str, ...]) -> tuple[Settled, ...]:
    return () if begun is None else tuple(settled(migration, domain, begun) for domain in domains)


@then("at least a week of them is green, with no red one in between")
def a_week(migration: Migration, expect: Expect, counted: Series | None) -> None:
    expect("A week of green nights", [_unbroken(counted, migration.settings.bounds.nights_before_stop)])


@then("at least two weeks of them are green, with no red one in between")
def two_weeks(migration: Migration, expect: Expect, counted: Series | None) -> None:
    expect("Two weeks of green nights", [_unbroken(counted, migration.settings.bounds.nights_before_deletion)])


@then("every message of it has arrived")
def none_lost(expect: Expect, ledgers: tuple[Settled, ...], domains: tuple[str, ...]) -> None:
    since = dict.fromkeys(domains) | {each.domain: each.since for each in ledgers}
    expect("Everything that was accepted has arrived", whole(ledgers, since))


@then("it was as quick as the settings ask")
def quick(migration: Migration, expect: Expect, ledgers: tuple[Settled, ...]) -> None:
    bounds = migration.settings.bounds

    def judge(each: Settled) -> Finding:
        times = sorted(entry.latency_s for entry in each.entries if entry.latency_s is not None)
        if not times:
            return unknown(each.domain, "mail to time", "none", each.evidence, domain=each.domain)
        p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        expected = f"half within {bounds.latency_p50_s:.0f} s, 99 % within {bounds.latency_p99_s:.0f} s"
        said = f"half within {p50:.1f} s, 99 % within {p99:.1f} s (n = {len(times)})"
        good = p50 <= bounds.latency_p50_s and p99 <= bounds.latency_p99_s
        make = Verdict.PASS if good else Verdict.FAIL
        return Finding(each.domain, make, expected, said, each.domain, (each.evidence,))

    expect("Mail is no slower than it may be", map(judge, ledgers))


def _unbroken(counted: Series | None, wanted: int) -> Finding:
    expected = f"{wanted} green nights in a row"
    if counted is None:
        return unknown("the nights", expected, "no record of what they are counted from")
    found = counted.green_in_a_row
    said = f"{found} in a row, of {len(counted.nights)} nights"
    if found >= wanted:
        return passed("the nights", said, counted.evidence, expected=expected)
    why = "; ".join([*map(str, counted.red), *counted.missing]) or NOT_YET
    hint = f"Go on with pytest features/ --soak, every night: {wanted - found} more"
    make = failed if counted.red else unknown
    return make("the nights", expected, f"{said}: {why}", counted.evidence, hint=hint)
