"""Rolling back from each step. Drills: the migration that goes there and back is a lab's."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.wayback import Journey, Zone, at_first, travel
from fixtures.migration import Migration
from fixtures.probes.dns import Answer


@given("a domain as it stood before anybody touched its DNS", target_fixture="domain")
def untouched(world: Any, migration: Migration, expect: Expect) -> str:
    domain = migration.settings.domain_names[0]
    expect("A domain can go back", (_way_back(domain, world.carry("back to the start", domain)),))
    return domain


@when(
    parsers.parse("it goes {how_far}, and is rolled back while outside senders write to it"), target_fixture="journey"
)
def there_and_back(world: Any, migration: Migration, domain: str, how_far: str) -> Journey:
    there = partial(world.carry, how_far, domain)
    return travel(migration, domain, there, partial(world.carry, "back to EC2", domain))


@then("its MX and SPF are the old ones, and nothing else was changed")
def records_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    way_back = _way_back(journey.domain, journey.trouble)
    findings = [way_back, *_restored(at_first(migration, journey.domain), journey), *_kept(journey)]
    expect("MX and SPF are restored, and nothing else moved", findings)


@then("every name server and resolver leads to EC2 within the TTL and a minute")
def led_to_ec2(migration: Migration, expect: Expect, journey: Journey) -> None:
    old = at_first(migration, journey.domain).mx
    expected = f"{old}, once the TTL and a minute had passed"

    def judge(answer: Answer) -> Finding:
        if answer.error:
            return unknown(str(answer.server), expected, answer.error, answer.evidence, domain=journey.domain)
        if "; ".join(answer.rrset) == old:
            found = answer.evidence.answer
            return passed(str(answer.server), found, answer.evidence, expected=expected, domain=journey.domain)
        return failed(str(answer.server), expected, answer.evidence.answer, answer.evidence, domain=journey.domain)

    expect("Everybody is led to EC2 again", map(judge, journey.answers))


@then("no accepted message was lost, and in the end mail came through EC2")
def nothing_lost(expect: Expect, journey: Journey) -> None:
    expect("All of it arrived, and the last of it through EC2", _mail(journey))


def _way_back(domain: str, trouble: str) -> Finding:
    expected = "a way back to EC2"
    if trouble:
        return failed(domain, expected, trouble, domain=domain)
    return passed(domain, "rolled back", expected=expected, domain=domain)


def _restored(old: Zone, journey: Journey) -> Iterator[Finding]:
    """MX with its preferences, and SPF; their TTL may stay short, as the next switch needs it."""
    now, name = journey.returned, journey.domain
    for what, expected, found in (("MX", old.mx, now.zone.mx), ("SPF", old.spf, now.zone.spf)):
        if found == expected:
            yield passed(f"{what} of {name}", found, now.evidence, expected=expected, domain=name)
        else:
            hint = f"Roll back again: python -m scripts.rollback --domain {name}"
            yield failed(f"{what} of {name}", expected, found, now.evidence, domain=name, hint=hint)


def _kept(journey: Journey) -> Iterator[Finding]:
    """Every other RRset, the rules and Dell's files are what they were where it turned."""
    name, before, after = journey.domain, journey.turned, journey.returned
    one, other = before.zone.others, after.zone.others
    moved = sorted(" ".join(key) for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    rules = f"{len(before.routing.rules)} rules", f"{len(after.routing.rules)} rules"
    for what, changed, found in (
        ("other records", bool(moved), f"{len(other)} RRsets, changed: {', '.join(moved) or 'none'}"),
        ("rules", before.routing.rules != after.routing.rules, f"{rules[1]}, before {rules[0]}"),
        ("main.cf and master.cf of Dell", before.dell != after.dell, after.dell.replace("\n", " ")),
    ):
        expected, evidence = "as where the domain turned back", after.routing.evidence
        if changed:
            yield failed(f"{what}, {name}", expected, found, evidence, domain=name)
        else:
            yield passed(f"{what}, {name}", found, evidence, expected=expected, domain=name)


def _mail(journey: Journey) -> Iterator[Finding]:
    name, told = journey.domain, journey.evidence
    amiss = [each.sentence() for each in journey.balance.series if each.missing]
    amiss += [*(f"twice: {e.sentence()}" for e in journey.balance.unexplained_copies), *journey.balance.unexpected]
    late = [each for each in journey.balance.series if each.injected_at >= journey.fresh_from]
    other = [each for each in late if each.path != "ec2"]
    said = f"{journey.balance.injected} sent, {len(amiss)} amiss; {len(late)} after the TTL, {len(other)} not by EC2"
    if amiss or other:
        shown = amiss[0] if amiss else other[0].sentence()
        yield failed(name, "all arrived, the last through EC2", f"{said}: {shown}", told, domain=name)
    elif not late:
        yield unknown(name, "mail after the TTL", said, told, domain=name)
    else:
        yield passed(name, said, told, domain=name)
