"""A domain that goes some way towards Cloudflare, and comes back. Drills: the migration that does so is a lab's. And
whether EC2 would take what comes back.
"""

from functools import partial
from typing import Any

import pytest
from pytest_bdd import given, parsers, then, when

from fixtures.gates.plugin import Expect
from fixtures.ledger import wayback
from fixtures.ledger.wayback import Journey, at_first, travel
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dell import boot, firewall
from fixtures.probes.dns import queries as dns
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.probes.smtp import gateway
from fixtures.settings import Address

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
    expect("A domain can go back", (wayback.judged_back(domain, world.carry("back to the start", domain)),))
    return domain


@when(parsers.parse("it goes {how_far}, and is rolled back {way}"), target_fixture="journey")
def there_and_back(world: Any, migration: Migration, domain: str, how_far: str, way: str) -> Journey:
    there, back = partial(world.carry, how_far, domain), partial(world.carry, WAYS[way], domain)
    return travel(migration, domain, there, back)


@then("the first try said within half a minute how to go back by hand")
def said_by_hand(expect: Expect, journey: Journey) -> None:
    expect("Whoever rolls back reads the other way, and soon", (wayback.judged_back(journey.domain, journey.trouble),))


@then("its MX is the old one, whoever could send before can send, and nothing else was changed")
def records_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    found = wayback.judged_moved_only(at_first(migration, journey.domain), journey)
    expect("The MX is restored, and nothing else moved", found)


@then("its MX and SPF are the old ones, and Cloudflare routes none of its mail")
def all_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    expect("All is as it was", wayback.judged_clean(at_first(migration, journey.domain), journey))


@then("every name server and resolver leads to EC2 within the TTL and a minute")
def led_to_ec2(migration: Migration, expect: Expect, journey: Journey) -> None:
    old = at_first(migration, journey.domain).mx
    expect("Everybody is led to EC2 again", (wayback.judged_led(each, old, journey.domain) for each in journey.answers))


@then("no accepted message was lost, and in the end mail came through EC2")
def all_arrived(expect: Expect, journey: Journey) -> None:
    expect("All of it arrived, and the last of it through EC2", (wayback.judged_mail(journey),))


@when("EC2 is asked whether it takes mail for each address", target_fixture="at_ec2")
def ask_ec2(migration: Migration, addresses: tuple[Address, ...]) -> tuple[gateway.Asked, ...]:
    return gateway.ask(migration, addresses)


@when("an outside sender brings EC2 a message for one address of each domain", target_fixture="deliveries")
def bring_to_ec2(migration: Migration, addresses: tuple[Address, ...]) -> tuple[Delivery, ...]:
    return delivery.arrivals(migration, gateway.bring(migration, addresses))


@then("it says yes to every address")
def ec2_takes_all(migration: Migration, expect: Expect, at_ec2: tuple[gateway.Asked, ...]) -> None:
    expect("EC2 takes what a rollback leads to it", gateway.judged(at_ec2, migration.settings.ec2.name))


@then("it takes bounces")
def ec2_takes_bounces(migration: Migration, expect: Expect, at_ec2: tuple[gateway.Asked, ...]) -> None:
    expect("EC2 takes bounces", gateway.judged(at_ec2, migration.settings.ec2.name, bounces=True))


@then("its name leads to it, whoever is asked")
def ec2_is_found(migration: Migration, expect: Expect) -> None:
    it = migration.settings.ec2
    expect("EC2's name leads to EC2", gateway.judged_name(dns.ask_addresses(migration, it.name), it))


@pytest.fixture
def ec2s_start(migration: Migration) -> boot.Start:
    return boot.gateways(migration)


@then("it will listen for it after its next start")
def ec2_will_listen(migration: Migration, expect: Expect, ec2s_start: boot.Start) -> None:
    listens = gateway.judged_listens(gateway.listens(migration), migration.settings.ec2.name)
    expect("EC2 listens again once it is started", (listens, *boot.judged(ec2s_start)))


@then("its next start brings back its firewall as it is, and waits for no disk that is gone")
def ec2_will_start(migration: Migration, expect: Expect, ec2s_start: boot.Start) -> None:
    rules = firewall.judged_lasting(firewall.gateways(migration.settings), "EC2")
    expect("EC2 starts, and lets the same clients in", (*rules, *boot.judged_missing(ec2s_start)))


@then("its tables hold what is written there")
def tables_as_written(migration: Migration, expect: Expect) -> None:
    found = gateway.judged_maps(*gateway.maps(migration), migration.settings.ec2.name)
    expect("EC2's tables hold what is written", found)


@then("senders who insist on TLS can bring it there")
def strict_senders(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    it = gateway.strictly(migration, domains)
    found = gateway.judged_strict(it, migration.settings.bounds.certificate_days)
    expect("Senders who insist on TLS are let in by EC2", (found,))


@then("it will pass it on to Dell once Dell's certificate is renewed")
def passed_on(migration: Migration, expect: Expect) -> None:
    expect("EC2 depends on no certificate that will be renewed", (gateway.judged_pins(gateway.pins(migration)),))
