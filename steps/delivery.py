"""Mail that is written by senders of every kind and in every shape, and found again in a mailbox as it was sent."""

from pytest_bdd import then, when
from pytest_bdd.parsers import parse

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.logs import providers
from fixtures.probes.mailbox import delivery, shapes, signatures
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.probes.mailbox.signatures import Forwarded
from fixtures.probes.smtp import sender_kinds
from fixtures.settings import Address

SIZES = {"of every shape": False, "of 20 MiB": True}
Deliveries = tuple[Delivery, ...]
Mail = tuple[Forwarded, ...]


@when("an outside sender writes to each of them", target_fixture="deliveries")
def stranger_writes(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.from_outside(migration, addresses))


@when("an outside sender writes to each of them, to some with a detail or in capitals", target_fixture="deliveries")
def stranger_writes_as_people_do(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.from_outside(migration, delivery.spelt(migration, addresses)))


@when("an admitted client delivers to each of them", target_fixture="deliveries")
def admitted_delivers(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.to_dell(migration, addresses))


@when(parse("outside senders write mail {which}"), target_fixture="deliveries")
def strangers_write_shapes(migration: Migration, subjects: tuple[str, ...], which: str) -> Deliveries:
    return delivery.arrivals(migration, shapes.from_outside(migration, subjects, heavy=SIZES[which]))


@when(parse("an admitted client delivers mail {which}"), target_fixture="deliveries")
def admitted_delivers_shapes(migration: Migration, subjects: tuple[str, ...], which: str) -> Deliveries:
    return delivery.arrivals(migration, shapes.to_dell(migration, subjects, heavy=SIZES[which]))


@then("each message is in its mailbox in time, unaltered")
def messages_arrived(migration: Migration, expect: Expect, deliveries: Deliveries) -> None:
    bound = migration.settings.bounds.arrival_s
    expect("Each message arrives, in time and unharmed", (delivery.judged(each, bound) for each in deliveries))


@then("its trace leads through EC2")
def trace_by_ec2(expect: Expect, deliveries: Deliveries) -> None:
    expect("The message came through EC2", (delivery.judged_way("ec2", each) for each in deliveries))


@then("its trace leads through Cloudflare, and not through EC2")
def trace_by_cloudflare(expect: Expect, deliveries: Deliveries) -> None:
    claim = "The message came through Cloudflare, and not through EC2"
    expect(claim, (delivery.judged_way("cloudflare", each) for each in deliveries))


@when("a sender of every kind writes to them", target_fixture="shown")
def every_kind_writes(migration: Migration, addresses: tuple[Address, ...]) -> tuple[sender_kinds.Tried, ...]:
    return sender_kinds.ask(migration, addresses)


@then("the mail of each arrives, over the IP version and with the TLS that its kind uses")
def each_arrives(expect: Expect, shown: tuple[sender_kinds.Tried, ...]) -> None:
    expect("Senders of every kind get through", map(sender_kinds.judged, shown))


@then("mail of each big provider that wrote in the last weeks has come by Cloudflare")
def big_providers(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    expect("Big providers get through", providers.judged(providers.ask(migration, domains)))


@when("a sender that signs writes to each of them", target_fixture="forwarded_mail")
def signer_writes(migration: Migration, subjects: tuple[str, ...]) -> Mail:
    return signatures.from_signers(migration, subjects)


@then("the sender's own signature verifies in the mailbox")
def own_verifies(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The sender's DKIM signature survives", map(signatures.judged_own, forwarded_mail))


@then("both DKIM signatures that Cloudflare adds verify, and its ARC seal")
def cloudflares_verify(expect: Expect, forwarded_mail: Mail) -> None:
    found = (one for each in forwarded_mail for one in signatures.judged_cloudflares(each))
    expect("Cloudflare's DKIM signatures and ARC seal verify", found)


@then("the envelope sender has one of Cloudflare's known rewritten forms")
def envelope_known(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The envelope sender has a known form", map(signatures.judged_envelope, forwarded_mail))
