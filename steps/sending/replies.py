"""What the operator's users send."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Evidence, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import submission
from fixtures.probes.smtp.session import Conversation
from fixtures.settings import Address


@given("every way by which users send", target_fixture="writers")
def ways_to_send(migration: Migration, domains: tuple[str, ...]) -> tuple[Address, ...]:
    return tuple(next(migration.settings.addresses((domain,))) for domain in domains)


@when("a reply is sent by each of them", target_fixture="receipts")
def send_replies(migration: Migration, writers: tuple[Address, ...]) -> tuple[submission.Receipt, ...]:
    return submission.receipts(migration, submission.send_replies(migration, writers))


@then("each reply is in the outside mailbox, sent through SendGrid")
def replies_arrived(migration: Migration, expect: Expect, receipts: tuple[submission.Receipt, ...]) -> None:
    expect("A reply leaves by every way, through SendGrid", _arrived(migration, receipts))


@then("it is signed for the sender's own domain")
def replies_aligned(expect: Expect, receipts: tuple[submission.Receipt, ...]) -> None:
    def judge(receipt: submission.Receipt) -> Finding:
        told, member = receipt.authentication, _member(receipt)
        if told and told.dmarc_passes and told.dkim_passes:
            return passed(member, "DKIM passes and is aligned", told.evidence)
        found = told.evidence.answer if told else "no reply arrived"
        return failed(member, "DKIM passes for the sender's domain", found, *([told.evidence] if told else []))

    expect("Replies are signed for the sender's domain", map(judge, receipts))


@then("Dell handed it to SendGrid over TLS, after a login there")
def over_tls(migration: Migration, expect: Expect, receipts: tuple[submission.Receipt, ...]) -> None:
    expect("Replies go to SendGrid over TLS, with a login", _protected(receipts, submission.insistence(migration)))


def _arrived(migration: Migration, receipts: tuple[submission.Receipt, ...]) -> Iterator[Finding]:
    relay = migration.settings.dell.relayhost
    for receipt in receipts:
        told, member = receipt.sent.conversation, _member(receipt)
        expected = f"taken, and in the outside mailbox through {relay}"
        if not receipt.sent.taken:
            make = unknown if told.unheard else failed
            said = f"not taken: {receipt.sent.answer}"
            yield make(member, expected, said, told.evidence, hint=_why_not(told))
        elif receipt.arrived is None:
            yield failed(member, expected, "not in the outside mailbox", told.evidence, receipt.search.evidence)
        elif not receipt.by_sendgrid:
            found = "arrived, but not through SendGrid"
            yield failed(member, expected, found, told.evidence, receipt.search.evidence)
        else:
            yield passed(member, "arrived through SendGrid", told.evidence, receipt.search.evidence, expected=expected)


def _protected(receipts: tuple[submission.Receipt, ...], insists: submission.Insistence) -> Iterator[Finding]:
    expected = "taken by SendGrid over TLS, after a login"
    for receipt in receipts:
        member, hop = _member(receipt), receipt.taken_with
        if not receipt.by_sendgrid:
            yield unknown(member, expected, "it did not come through SendGrid", receipt.search.evidence)
            continue
        said = f"with {hop.protocol or 'no word of how'}" if hop else "no trace of it"
        told = Evidence(f"SendGrid's trace on {receipt.sent.message.message_id}", said, hop.text if hop else "")
        if hop and hop.tls and hop.authenticated:
            yield passed(member, said, told, expected=expected)
        elif hop and (hop.tls or hop.authenticated):
            lacks = "a login" if hop.tls else "TLS: the password went over the wire in the clear"
            yield failed(member, expected, f"{said}, without {lacks}", told, insists.evidence)
        elif insists.both:  # not every server's trace says so much (RFC 3848); then it can't have been otherwise
            found = f"{said}, and Dell hands over no other way: {insists.evidence.answer}"
            yield passed(member, found, told, insists.evidence, expected=expected)
        else:
            found = f"{said}, and Dell does not insist: {insists.evidence.answer}"
            yield failed(member, expected, found, told, insists.evidence)


def _why_not(told: Conversation) -> str:
    """No more than the answer bears out."""
    if told.unheard:
        return "Nobody answered: is that where programs are set to go, and does a packet filter let by?"
    if told.code and told.stage in {"banner", "mail", "rcpt"}:
        return "Restrictions for port 25 may reach this port too (X14)"
    return ""


def _member(receipt: submission.Receipt) -> str:
    return f"{receipt.sent.address.address} by {receipt.sent.sender}"
