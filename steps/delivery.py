"""Mail that is written by senders of every kind and in every shape, and found again in a mailbox as it was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then, when
from pytest_bdd.parsers import parse

from fixtures.evidence import Finding, finding, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import delivery, shapes, signatures
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.mailbox.signatures import Forwarded, Signature
from fixtures.probes.smtp import sender_kinds
from fixtures.settings import Address

SIZES = {"of every shape": False, "of 20 MiB": True}
Deliveries = tuple[Delivery, ...]
Mail = tuple[Forwarded, ...]


@when("an outside sender writes to each of them", target_fixture="deliveries")
def stranger_writes(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.from_outside(migration, addresses))


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
def every_kind_writes(migration: Migration, addresses: tuple[Address, ...]) -> tuple[Finding, ...]:
    return sender_kinds.every_kind(migration, addresses)


@then("the mail of each arrives, over the IP version and with the TLS that its kind uses")
def each_arrives(expect: Expect, shown: tuple[Finding, ...]) -> None:
    expect("Senders of every kind get through", shown)


@when("a sender that signs writes to each of them", target_fixture="forwarded_mail")
def signer_writes(migration: Migration, subjects: tuple[str, ...]) -> Mail:
    return signatures.from_signers(migration, subjects)


@then("the sender's own signature verifies in the mailbox")
def own_verifies(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The sender's DKIM signature survives", _each(forwarded_mail, _own))


@then("both DKIM signatures that Cloudflare adds verify, and its ARC seal")
def cloudflares_verify(expect: Expect, forwarded_mail: Mail) -> None:
    expect("Cloudflare's DKIM signatures and ARC seal verify", _each(forwarded_mail, _cloudflares))


@then("the envelope sender has one of Cloudflare's known rewritten forms")
def envelope_known(expect: Expect, forwarded_mail: Mail) -> None:
    expect("The envelope sender has a known form", _each(forwarded_mail, _envelope))


def _each(mail: Mail, judge: Callable[[Forwarded, Stored], Iterator[Finding]]) -> Iterator[Finding]:
    for each in mail:
        if each.copy is None:
            found = "it did not arrive"
            yield unknown(each.member, "a message to look at", found, *each.evidence, domain=each.domain)
        else:
            yield from judge(each, each.copy)


def _own(each: Forwarded, copy: Stored) -> Iterator[Finding]:
    found = sorted((signature for signature in each.signatures if signature.aligned), key=lambda it: bool(it.fault))
    yield _verifies(each, f"a signature of {copy.author}", found[0] if found else None)


def _cloudflares(each: Forwarded, _: Stored) -> Iterator[Finding]:
    yield _verifies(each, "the signature of Cloudflare's forwarder", each.signed_by(*signatures.FORWARDERS))
    yield _verifies(each, f"the signature of {each.domain}", each.signed_by(each.domain))
    yield _verifies(each, "Cloudflare's ARC seal", each.seal)


def _verifies(each: Forwarded, what: str, found: Signature | None) -> Finding:
    holds = found is not None and not found.fault
    unasked = str(found) if found and not found.asked else ""
    expected, said = f"{what} that verifies", str(found or "none")
    return finding(each.member, expected, said, *each.evidence, holds=holds, unasked=unasked, domain=each.domain)


def _envelope(each: Forwarded, copy: Stored) -> Iterator[Finding]:
    expected = f"one of {', '.join(signatures.FORMS)} at {each.domain}"
    found, holds = copy.return_path or "no Return-Path", bool(signatures.form_of(copy.return_path, each.domain))
    hint = "Cloudflare rewrites in a way that was not seen before: does Dell still take such a sender (A-8)?"
    yield finding(each.member, expected, found, *each.evidence, holds=holds, domain=each.domain, hint=hint)
