"""Senders whose cache still named EC2 after a switch."""

from __future__ import annotations

from pytest_bdd import then

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import Settled, last_switch
from fixtures.migration import Migration
from steps.cutover.numbered_mail import Switches

STALE_MIN = 20


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
        lost = [entry.sentence() for entry in sent if entry.missing]
        if not lost:
            return passed(each.domain, f"{len(sent)} arrived", each.evidence, domain=each.domain)
        said = f"{len(lost)} missing: {lost[0]}"
        return failed(each.domain, "every one arrived", said, each.evidence, domain=each.domain)

    expect("What stale caches sent has arrived", map(judge, ledgers))
