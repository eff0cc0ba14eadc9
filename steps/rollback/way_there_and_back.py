"""A domain that goes some way towards Cloudflare, and comes back. Drills: the migration that does so is a lab's."""

from __future__ import annotations

from functools import partial
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.gates.plugin import Expect
from fixtures.ledger.wayback import Journey, travel
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from steps.rollback.way_back import way_back


@given("a domain as it stood before anybody touched its DNS", target_fixture="domain")
def untouched(world: Any, migration: Migration, expect: Expect) -> str:
    pilot = migration.settings.pilot  # which goes first
    first = migration.settings.domain_names[0]
    domain = first if Progress.read(migration.store, migration.settings).switched(pilot) else pilot
    expect("A domain can go back", (way_back(domain, world.carry("back to the start", domain)),))
    return domain


@when(
    parsers.parse("it goes {how_far}, and is rolled back while outside senders write to it"), target_fixture="journey"
)
def there_and_back(world: Any, migration: Migration, domain: str, how_far: str) -> Journey:
    there = partial(world.carry, how_far, domain)
    return travel(migration, domain, there, partial(world.carry, "back to EC2", domain))


@when(
    parsers.parse("it goes {how_far}, and is rolled back and cleaned up while outside senders write to it"),
    target_fixture="journey",
)
def there_and_all_theway_back(world: Any, migration: Migration, domain: str, how_far: str) -> Journey:
    there = partial(world.carry, how_far, domain)
    return travel(migration, domain, there, partial(world.carry, "back to EC2, and is cleaned up", domain))


@when(
    parsers.parse("it goes {how_far}, and is rolled back while Cloudflare is silent, and once more afterwards"),
    target_fixture="journey",
)
def there_and_back_in_silence(world: Any, migration: Migration, domain: str, how_far: str) -> Journey:
    there = partial(world.carry, how_far, domain)
    return travel(migration, domain, there, partial(world.carry, "back to EC2 after a silence of Cloudflare", domain))


@then("the first try said within half a minute how to go back by hand")
def said_by_hand(expect: Expect, journey: Journey) -> None:
    expect("Whoever rolls back is told the other way, and soon", (way_back(journey.domain, journey.trouble),))
