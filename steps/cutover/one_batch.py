"""What watch recorded of a switch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.watching import records

NO_RECORD = "Keep `python -m scripts.watch` running through the switch and for 48 h: it leaves the records"
Read = TypeVar("Read", records.Moment, records.Propagation)
Moments = dict[str, records.Moment | None]
Spread = dict[str, records.Propagation | None]


@when("what every name server answered around the switch is reviewed", target_fixture="moments")
def read_moments(migration: Migration, subjects: tuple[str, ...]) -> Moments:
    return {domain: records.moment(migration, domain) for domain in subjects}


@when("what was watched since their switch is reviewed", target_fixture="spread")
def read_spread(migration: Migration, subjects: tuple[str, ...]) -> Spread:
    return {domain: records.propagation(migration, domain) for domain in subjects}


@then("every name server was asked often enough before, during and after the switch")
def enough_answers(expect: Expect, moments: Moments) -> None:
    least, gap_s = records.ANSWERS_MIN, records.AROUND_S

    def judge(it: records.Moment) -> Iterator[Finding]:
        expected, said = f"{least} answers or more, no gap over {gap_s:.0f} s around the switch", it.evidence.answer
        if it.answers >= least and it.gap_s <= gap_s:
            yield passed(it.domain, said, it.evidence, expected=expected, domain=it.domain)
        else:
            yield unknown(it.domain, expected, said, it.evidence, domain=it.domain, hint=NO_RECORD)

    # An answer without an MX is told by the next claim, however few there are.
    found = {domain: it for domain, it in moments.items() if it is None or not (it.without_mx or it.strays)}
    if found:
        expect("The switch was looked at", _each(found, judge, f"{least} answers or more"))


@then("every answer was the old set of mail servers or the new one, or within seconds of a batch a part of both")
def old_or_new(expect: Expect, moments: Moments) -> None:
    expected = "every answer the old set or the new one"

    def judge(it: records.Moment) -> Iterator[Finding]:
        said = f"{it.answers} answers, {it.without_mx} without a mail server"
        said += "".join(f"; for seconds of propagation: {each}" for each in it.parts[:5])
        if not it.without_mx and not it.strays:
            yield passed(it.domain, said, it.evidence, expected=expected, domain=it.domain)
            return
        found = f"{said}{''.join(f'; between: {each}' for each in it.strays[:5])}"
        hint = "Mail that asked then may have bounced, or gone to a stranger: look into X-2, and who else wrote there"
        yield failed(it.domain, expected, found, it.evidence, domain=it.domain, hint=hint)

    expect("The switch was one batch", _each(moments, judge, expected))


@then("it is recorded when each resolver first gave the new one")
def turns_recorded(expect: Expect, spread: Spread) -> None:
    def judge(it: records.Propagation) -> Iterator[Finding]:
        for turn in it.turns:
            member, expected = f"{it.domain} at {turn.resolver}", "when it first gave the new answer"
            if turn.new_after_s is not None:
                found = f"{turn.new_after_s:.0f} s after the switch"
                yield passed(member, found, it.evidence, expected=expected, domain=it.domain)
            elif turn.stale_after_s is None:
                yield unknown(member, expected, "no such record", it.evidence, domain=it.domain, hint=NO_RECORD)

    expect("Each resolver's turn is recorded", _each(spread, judge, "a record of the switch"))


@then("none gave the old answer after its TTL")
def none_stale(expect: Expect, spread: Spread) -> None:
    def judge(it: records.Propagation) -> Iterator[Finding]:
        for turn in it.turns:
            member, expected = f"{it.domain} at {turn.resolver}", f"no old answer later than {turn.old_ttl_s} s"
            if turn.stale_after_s is None:
                yield passed(member, expected, it.evidence, domain=it.domain)
            else:
                found = f"the old answer {turn.stale_after_s:.0f} s after the switch"
                hint = "Its users' mail still goes to EC2: don't stop it before this resolver has followed"
                yield failed(member, expected, found, it.evidence, domain=it.domain, hint=hint)

    expect("No resolver was stale", _each(spread, judge, "a record of the switch"))


@then("the watch lasted for as long as the plan says")
def watched_long(migration: Migration, expect: Expect, spread: Spread) -> None:
    bound = migration.settings.bounds.watch_s

    def judge(it: records.Propagation) -> Iterator[Finding]:
        expected, found = f"watched for {bound / 3600:.0f} h", f"watched for {it.watched_s / 3600:.1f} h"
        if it.watched_s >= bound:
            yield passed(it.domain, found, it.evidence, expected=expected, domain=it.domain)
        else:
            yield failed(it.domain, expected, found, it.evidence, domain=it.domain, hint=NO_RECORD)

    expect("The switch was watched", _each(spread, judge, "a record of the switch"))


def _each(
    found: Mapping[str, Read | None], judge: Callable[[Read], Iterator[Finding]], expected: str
) -> Iterator[Finding]:
    """What JUDGE says of each domain's records; where there are none, nobody looked."""
    for domain, it in found.items():
        if it is None:
            yield unknown(domain, expected, "no record of a switch", domain=domain, hint=NO_RECORD)
        else:
            yield from judge(it)
