"""A domain that goes some way towards Cloudflare, and comes back. Drills: the migration that does so is a lab's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, finding
from fixtures.gates.plugin import Expect
from fixtures.ledger.wayback import Journey, Zone, at_first, travel
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dns.queries import Answer

WAYS = {
    "while outside senders write to it": "back to EC2",
    "and cleaned up while outside senders write to it": "back to EC2, and is cleaned up",
    "while Cloudflare is silent, and once more afterwards": "back to EC2 after a silence of Cloudflare",
}
"""How it is rolled back: in the features' words, and in those of whoever carries the lab's migration."""


@given("a domain as it stood before anybody touched its DNS", target_fixture="domain")
def untouched(world: Any, migration: Migration, expect: Expect) -> str:
    pilot = migration.settings.pilot  # which goes first
    first = migration.settings.domain_names[0]
    domain = first if Progress.read(migration.store, migration.settings).switched(pilot) else pilot
    expect("A domain can go back", (_way_back(domain, world.carry("back to the start", domain)),))
    return domain


@when(parsers.parse("it goes {how_far}, and is rolled back {way}"), target_fixture="journey")
def there_and_back(world: Any, migration: Migration, domain: str, how_far: str, way: str) -> Journey:
    there, back = partial(world.carry, how_far, domain), partial(world.carry, WAYS[way], domain)
    return travel(migration, domain, there, back)


@then("the first try said within half a minute how to go back by hand")
def said_by_hand(expect: Expect, journey: Journey) -> None:
    expect("Whoever rolls back reads the other way, and soon", (_way_back(journey.domain, journey.trouble),))


@then("its MX is the old one, whoever could send before can send, and nothing else was changed")
def records_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    back, old = _way_back(journey.domain, journey.trouble), at_first(migration, journey.domain)
    findings = [back, *_restored(old, journey, spf_as=_lets_in), *_kept(journey)]
    expect("The MX is restored, and nothing else moved", findings)


@then("its MX and SPF are the old ones, and Cloudflare routes none of its mail")
def all_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    domain, routing = journey.domain, journey.returned.routing
    off, found = not (routing.enabled or routing.rules), f"enabled: {routing.enabled}, {len(routing.rules)} rules"
    routes = finding("Email Routing", "off, without rules", found, holds=off, domain=domain)
    restored = _restored(at_first(migration, domain), journey)
    expect("All is as it was", [_way_back(domain, journey.trouble), *restored, routes])


@then("every name server and resolver leads to EC2 within the TTL and a minute")
def led_to_ec2(migration: Migration, expect: Expect, journey: Journey) -> None:
    old, domain = at_first(migration, journey.domain).mx, journey.domain
    expected = f"{old}, once the TTL and a minute had passed"

    def judge(answer: Answer) -> Finding:
        look, same = answer.evidence, "; ".join(answer.rrset) == old
        return finding(str(answer.server), expected, look.answer, look, holds=same, unasked=answer.error, domain=domain)

    expect("Everybody is led to EC2 again", map(judge, journey.answers))


@then("no accepted message was lost, and in the end mail came through EC2")
def all_arrived(expect: Expect, journey: Journey) -> None:
    expect("All of it arrived, and the last of it through EC2", (_mail(journey),))


def _way_back(domain: str, trouble: str) -> Finding:
    return finding(domain, "a way back to EC2", trouble or "rolled back", holds=not trouble, domain=domain)


def _lets_in(old: str, now: str) -> bool:
    """Whether it lets in whoever the old record did. The gate ``rolledback`` judges what else stands there."""
    return set(old.split()) <= set(now.split())


def _restored(old: Zone, journey: Journey, spf_as: Callable[[str, str], bool] = str.__eq__) -> Iterator[Finding]:
    """MX with its preferences, and SPF; their TTL may stay short, as the next switch needs it."""
    now, name = journey.returned, journey.domain
    hint = f"Roll back again: python -m scripts.rollback --domain {name}"
    pairs = (("MX", old.mx, now.zone.mx, str.__eq__), ("SPF", old.spf, now.zone.spf, spf_as))
    for what, expected, found, same in pairs:
        right, member = same(expected, found), f"{what} of {name}"
        yield finding(member, expected, found, now.evidence, holds=right, domain=name, hint=hint)


def _kept(journey: Journey) -> Iterator[Finding]:
    """Every other RRset, the rules and Dell's files are what they were where it turned."""
    name, before, after = journey.domain, journey.turned, journey.returned
    one, other = before.zone.others, after.zone.others
    moved = sorted(" ".join(key) for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    rules, had = after.routing.rules, before.routing.rules
    for what, same, found in (
        ("other records", not moved, f"{len(other)} RRsets, changed: {', '.join(moved) or 'none'}"),
        ("rules", rules == had, f"{len(rules)} rules, before {len(had)} rules"),
        ("main.cf and master.cf of Dell", before.dell == after.dell, after.dell.replace("\n", " ")),
    ):
        expected, look = "as where the domain turned back", after.routing.evidence
        yield finding(f"{what}, {name}", expected, found, look, holds=same, domain=name)


def _mail(journey: Journey) -> Finding:
    balance = journey.balance
    amiss = [each.sentence() for each in balance.series if each.missing]
    amiss += [*(f"twice: {e.sentence()}" for e in balance.unexplained_copies), *balance.unexpected]
    late = [each for each in balance.series if each.injected_at >= journey.fresh_from]
    other = [each for each in late if each.path != "ec2"]
    found = f"{balance.injected} sent, {len(amiss)} amiss; {len(late)} after the TTL, {len(other)} not by EC2"
    bad = amiss or [each.sentence() for each in other]
    unasked = "" if late or bad else f"no mail after the TTL: {found}"
    found += f": {bad[0]}" if bad else ""
    expected, name = "all arrived, the last through EC2", journey.domain
    return finding(name, expected, found, journey.evidence, holds=not bad, unasked=unasked, domain=name)
