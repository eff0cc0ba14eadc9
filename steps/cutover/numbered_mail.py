"""What was recorded while domains were switched."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.accounting import DRILL
from fixtures.ledger.switches import Settled, first_switch, settled, spell
from fixtures.ledger.windows import refusals, windows, within
from fixtures.migration import Migration

BEFORE_S = 60.0
BOUNCED = (
    "The senders of real mail had it back in those seconds. Where you answer for that: a [[waivers]] for X-2 with this "
    "scenario; or another order: cloudflare.enabling"
)
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
        announced = windows(migration.store, each.domain)
        expected = f"refused {', '.join(spell(*window) for window in announced) or 'at no time'}, if at all"
        refused = refusals(migration, each.domain, each.since)
        times = sorted(row["sent_at"] for row in refused if not row["run"].startswith(DRILL))
        outside = [at for at in times if not within(at, announced)]
        said = f"{len(times)} refused by Cloudflare with 5xx"
        if times:
            said += f" within {times[-1] - times[0]:.0f} s, {spell(times[0], times[-1])}"
        if not outside:
            return passed(each.domain, said, each.evidence, expected=expected, domain=each.domain)
        found = f"{said}, {len(outside)} of them {spell(outside[0], outside[-1])}, unannounced"
        return failed(each.domain, expected, found, each.evidence, domain=each.domain)

    expect("Cloudflare refused mail only as announced", map(judge, ledgers))


@then("everything else that was accepted has arrived")
def all_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Everything else that was accepted has arrived", whole(ledgers, switched))


@then("none of it bounced")
def none_bounced(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    def judge(each: Settled) -> Finding:
        if not each.refused:
            return passed(each.domain, f"{each.injected} injected, none refused", each.evidence, domain=each.domain)
        said = f"{len(each.refused)} of {each.injected} refused by Cloudflare: {each.refused[0].sentence()}"
        return failed(each.domain, "none refused", said, each.evidence, domain=each.domain, hint=BOUNCED)

    expect("Nothing bounced", [*unsent(ledgers, switched), *(judge(each) for each in ledgers if each.injected)])


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


def whole(ledgers: Switches, switched: dict[str, float | None]) -> Iterator[Finding]:
    """Whether all numbered mail of each domain arrived, but for what Cloudflare refused as announced (X-2)."""
    yield from unsent(ledgers, switched)
    for each in (ledger for ledger in ledgers if ledger.injected):
        said = f"{each.injected} injected, {len(each.missing)} missing"
        if each.refused:
            said += f", {len(each.refused)} refused in the announced window (X-2)"
        if each.amiss:
            found = f"{said}{each.stretch}: {each.amiss[0]}"
            yield failed(each.domain, "every one arrived", found, each.evidence, domain=each.domain)
        else:
            yield passed(each.domain, said, each.evidence, domain=each.domain)


def unsent(ledgers: Switches, switched: dict[str, float | None]) -> Iterator[Finding]:
    """What nobody recorded or sent is inconclusive."""
    for domain in (name for name, since in switched.items() if since is None):
        yield unknown(domain, "a record of its switch", "none", domain=domain)
    for each in (ledger for ledger in ledgers if not ledger.injected):
        yield unknown(each.domain, "numbered mail", "0 injected", each.evidence, domain=each.domain)
