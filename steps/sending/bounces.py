"""Bounces and notices: who is told that a message was not delivered. Drills: what is broken here is a lab."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import bounces, delivery
from fixtures.probes.mailbox.bounces import Notices, Returned
from fixtures.probes.mailbox.delivery import Sent
from fixtures.settings import Address

NOTE = "printf 'Subject: Out of office\\nAuto-Submitted: auto-replied\\n\\nBack in May.\\n' | sendmail -f '' '{}'"


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
    expect("The bounce reaches the sender, and says why", (_told(gone, *written),))


@given(parsers.parse("{what} that Dell makes for a sender whom Cloudflare has rewritten"), target_fixture="rewritten")
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


@then("it is tried once, does not leave Dell, and nobody is told of it again")
def comes_to_rest(expect: Expect, seen: Notices) -> None:
    expect("What Dell writes to a rewritten sender comes to rest", _at_rest(seen))


def _last(migration: Migration) -> Address:
    """A mailbox's own address, in the domain that is named last."""
    domain = migration.settings.domains[-1]
    return next(each for each in domain.addresses if each.address == each.mailbox)


def _told(gone: Address, sent: Sent, back: Returned) -> Finding:
    expected = "a bounce that quotes Dell's 550 5.1.1"
    evidence = (sent.conversation.evidence, back.evidence)
    if not sent.taken:
        return unknown(gone.address, expected, f"not sent: {sent.conversation.outcome}", *evidence, domain=gone.domain)
    if back.report is None:
        hint = "Dell may have taken the message: see whether it refuses unknown recipients in session (A-7)"
        return failed(gone.address, expected, back.evidence.answer, *evidence, domain=gone.domain, hint=hint)
    found = f"after {back.waited_s:.1f} s: {back.report.said}"
    if "5.1.1" not in back.report.said or "upstream" not in back.report.said:
        return failed(gone.address, expected, found, *evidence, domain=gone.domain)
    return passed(gone.address, found, *evidence, expected=expected, domain=gone.domain)


def _at_rest(seen: Notices) -> Iterator[Finding]:
    tries = [(trail, each) for trail in seen.trails for each in trail.deliveries]
    if not tries:
        yield unknown(seen.recipient, "an attempt in Dell's log", "none", seen.evidence)
        return
    said = "; ".join(f"{each.status} by {each.daemon}: {each.text}" for _, each in tries)
    left = [each for _, each in tries if each.daemon == "smtp" or each.status not in {"bounced", "sent"}]
    came_in = [trail for trail, _ in tries if trail.client_address]
    expected = "one attempt by Dell itself, which ends there"
    if left or came_in or len(tries) > 1:
        hint = "Mail to our own domain has to end on Dell: see virtual_mailbox_domains and virtual_alias_maps"
        yield failed(seen.recipient, expected, said, seen.evidence, hint=hint)
    else:
        fate = "its writer is Dell, so nobody outside learns of it"
        yield passed(seen.recipient, f"{said}; {fate}", seen.evidence, expected=expected)
    again = [each for trail in seen.followed_by for each in trail.deliveries]
    told = f"{len(again)} attempts to deliver further reports" + (f": {again[0].recipient}" if again else "")
    make = failed("reports about it", "none", told, seen.evidence) if again else passed("reports about it", told)
    yield make
