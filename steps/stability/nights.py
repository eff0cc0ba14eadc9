"""Nights, and the numbered mail of the weeks in which they lie."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.nights import Series, series
from fixtures.gates.plugin import Expect
from fixtures.gates.present import identity
from fixtures.ledger.switches import Settled, last_switch, settled
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan.gates import Gate
from steps.cutover.numbered_mail import whole

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
def count_nights(migration: Migration, stage: Stage, begun: float | None) -> Series | None:
    return None if begun is None else series(migration, begun, stage.gate, identity(migration))


@when("what was accepted of it is compared with what has arrived", target_fixture="ledgers")
def settle_since(migration: Migration, begun: float | None, domains: tuple[str, ...]) -> tuple[Settled, ...]:
    return () if begun is None else tuple(settled(migration, domain, begun) for domain in domains)


@then("as many of them are green as the settings ask, with no red one in between")
def enough_nights(migration: Migration, stage: Stage, expect: Expect, counted: Series | None) -> None:
    expect("Enough green nights", [_unbroken(counted, _wanted(migration, stage))])


@then("as many days have passed")
def enough_days(migration: Migration, stage: Stage, expect: Expect, counted: Series | None) -> None:
    wanted = _wanted(migration, stage)
    expected = f"{wanted} days since what they are counted from"
    if counted is None:
        found = unknown("the days", expected, "no record of that")
    elif counted.days < wanted:
        found = unknown("the days", expected, f"{counted.days:.1f}", counted.evidence, hint="Wait")
    else:
        found = passed("the days", f"{counted.days:.1f}", counted.evidence, expected=expected)
    expect("Enough days", [found])


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


def _wanted(migration: Migration, stage: Stage) -> int:
    """Nights, and days, before the gate of STAGE."""
    bounds = migration.settings.bounds
    return bounds.nights_before_stop if stage.gate is Gate.PHASE4 else bounds.nights_before_deletion


def _unbroken(counted: Series | None, wanted: int) -> Finding:
    expected = f"{wanted} green nights in a row"
    if counted is None:
        return unknown("the nights", expected, "no record of what they are counted from")
    found = counted.green_in_a_row
    said = f"{found} in a row, of {len(counted.nights)} nights"
    if found >= wanted:
        return passed("the nights", said, counted.evidence, expected=expected)
    why = "; ".join(counted.against) or NOT_YET
    hint = f"Go on with pytest features/ --soak, every night: {wanted - found} more"
    make = failed if counted.red else unknown
    return make("the nights", expected, f"{said}: {why}", counted.evidence, hint=hint)
