"""What the operator's users send; and bounces and notices, by which senders learn that a message was not delivered."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Evidence, Finding, failed, finding, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import bounces, delivery
from fixtures.probes.mailbox.bounces import Notices, Returned
from fixtures.probes.mailbox.delivery import Sent
from fixtures.probes.smtp import submission
from fixtures.settings import Address

NOTE = "printf 'Subject: Out of office\\nAuto-Submitted: auto-replied\\n\\nBack in May.\\n' | sendmail -f '' '{}'"
Receipts = tuple[submission.Receipt, ...]


@given("every user of the domains of this gate, and every way by which users send", target_fixture="writers")
def users_who_send(migration: Migration, domains: tuple[str, ...]) -> tuple[Address, ...]:
    return submission.users(migration, domains)


@when("a reply is sent by each user, and by each way", target_fixture="receipts")
def send_replies(migration: Migration, writers: tuple[Address, ...]) -> Receipts:
    return submission.receipts(migration, submission.send_replies(migration, writers))


@then("each reply is in the outside mailbox, sent through SendGrid")
def replies_arrived(migration: Migration, expect: Expect, receipts: Receipts) -> None:
    relayhost = migration.settings.dell.relayhost
    expect("Every user's reply leaves, through SendGrid", submission.judged_arrived(receipts, relayhost))


@then("it is signed for the sender's own domain")
def replies_aligned(expect: Expect, receipts: Receipts) -> None:
    expect("Replies are signed for the sender's domain", map(_signed, receipts))


@then("Dell handed it to SendGrid over TLS, after a login there")
def over_tls(migration: Migration, expect: Expect, receipts: Receipts) -> None:
    insists = submission.insistence(migration)
    expect("Replies go to SendGrid over TLS, with a login", (_protected(each, insists) for each in receipts))


# Drills from here on: what is broken is a lab's.
@given("a mailbox that Cloudflare still has a rule for, and Dell does not know", target_fixture="gone")
def mailbox_gone(world: Any, migration: Migration) -> Address:
    address = _last(migration)
    world.mend.enter_context(world.outage("a mailbox is unknown to Dell", address=address.mailbox))
    return address


@when("an outside sender writes to it", target_fixture="written")
def stranger_writes_to_it(migration: Migration, gone: Address) -> tuple[Sent, Returned]:
    (sent,) = delivery.from_outside(migration, (gone,))
    return sent, bounces.returned(migration, sent.message.message_id, sent.conversation.evidence.at)


@then("the message comes back to its sender, with Dell's own reason")
def comes_back(expect: Expect, gone: Address, written: tuple[Sent, Returned]) -> None:
    expect("The bounce reaches the sender, and says why", (_came_back(gone, *written),))


@given(parsers.parse("{what} that Dell makes for a sender that Cloudflare has rewritten"), target_fixture="rewritten")
def dell_writes(world: Any, migration: Migration, what: str) -> str:
    """Returns its recipient: an envelope sender as Cloudflare makes them, in our own domain."""
    address = _last(migration)
    recipient = f"SRS0={secrets.token_hex(4)}=aa=four.example=friend@{address.domain}"
    if what == "a delivery report":
        world.mend.enter_context(world.outage("a mailbox is broken", address=address.mailbox))
        bounces.deliver_rewritten(migration, address, recipient)
    else:
        world.shell("dell", NOTE.format(recipient))
    return recipient


@when("it is followed through Dell's log", target_fixture="seen")
def follow(migration: Migration, rewritten: str) -> Notices:
    return bounces.notices(migration, rewritten)


@then("it is tried once, does not leave Dell, and no report of it is sent")
def comes_to_rest(expect: Expect, seen: Notices) -> None:
    expect("What Dell writes to a rewritten sender comes to rest", _at_rest(seen))


def _last(migration: Migration) -> Address:
    """A mailbox's own address, in the domain that is named last."""
    domain = migration.settings.domains[-1]
    return next(each for each in domain.addresses if each.address == each.mailbox)


def _signed(receipt: submission.Receipt) -> Finding:
    judged, expected = receipt.authentication, "DKIM passes for the sender's domain"
    if judged is None:
        return failed(receipt.member, expected, "no reply arrived")
    holds = judged.dmarc_passes and judged.dkim_passes
    found = "DKIM passes and is aligned" if holds else judged.evidence.answer
    return finding(receipt.member, expected, found, judged.evidence, holds=holds)


def _protected(receipt: submission.Receipt, insists: submission.Insistence) -> Finding:
    expected, member, hop = "taken by SendGrid over TLS, after a login", receipt.member, receipt.taken_with
    if not receipt.by_sendgrid:
        return unknown(member, expected, "it did not come through SendGrid", receipt.search.evidence)
    found = f"with {hop.protocol or 'no word of how'}" if hop else "no trace of it"
    trace = Evidence(f"SendGrid's trace on {receipt.sent.message.message_id}", found, hop.text if hop else "")
    if hop and hop.tls and hop.authenticated:
        return passed(member, found, trace, expected=expected)
    holds = False
    if hop and (hop.tls or hop.authenticated):
        found += f", without {'a login' if hop.tls else 'TLS: the password went over the wire in the clear'}"
    else:  # not every server's trace says so much (RFC 3848); where Dell insists it can't have been otherwise
        holds = insists.both
        found += f", and Dell {'hands over no other way' if holds else 'does not insist'}: {insists.evidence.answer}"
    return finding(member, expected, found, trace, insists.evidence, holds=holds)


def _came_back(gone: Address, sent: Sent, back: Returned) -> Finding:
    expected = "a bounce that quotes Dell's 550 5.1.1"
    unsent = "" if sent.taken else f"not sent: {sent.conversation.outcome}"
    found, holds, hint = back.evidence.answer, False, ""
    if back.report is None:
        hint = "Dell may have taken the message: see whether it refuses unknown recipients in session (A-7)"
    else:
        found = f"after {back.waited_s:.1f} s: {back.report.said}"
        holds = "5.1.1" in back.report.said and "upstream" in back.report.said
    evidence = (sent.conversation.evidence, back.evidence)
    domain = gone.domain
    return finding(gone.address, expected, found, *evidence, holds=holds, unasked=unsent, domain=domain, hint=hint)


def _at_rest(seen: Notices) -> Iterator[Finding]:
    tries = [(trail, each) for trail in seen.trails for each in trail.deliveries]
    if not tries:
        yield unknown(seen.recipient, "an attempt in Dell's log", "none", seen.evidence)
        return
    left = any(each.daemon == "smtp" or each.status not in {"bounced", "sent"} for _, each in tries)
    holds = not left and len(tries) == 1 and not tries[0][0].client_address
    said = "; ".join(f"{each.status} by {each.daemon}: {each.text}" for _, each in tries)
    said += "; its writer is Dell, so nobody outside learns of it" if holds else ""
    hint = "Mail to our own domain has to end on Dell: see virtual_mailbox_domains and virtual_alias_maps"
    expected = "one attempt by Dell itself, which ends there"
    yield finding(seen.recipient, expected, said, seen.evidence, holds=holds, hint=hint)
    again = [each for trail in seen.followed_by for each in trail.deliveries]
    found = f"{len(again)} attempts to deliver further reports" + (f": {again[0].recipient}" if again else "")
    yield finding("reports about it", "none", found, seen.evidence, holds=not again)
