"""Mailboxes that are full. Drills: one of a lab's is made so."""

from __future__ import annotations

from typing import Any

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.logs.postfix_log import Position
from fixtures.probes.smtp import clients, quota
from fixtures.settings import Address

Addresses = tuple[Address, ...]
Brought = tuple[tuple[quota.Brought, ...], Position]


@given("a mailbox that is over its quota, with all addresses that lead to it", target_fixture="leading_there")
def over_quota(world: Any, migration: Migration) -> Addresses:
    return _made(world, migration, "a mailbox is full")


@given("a mailbox with little room left", target_fixture="leading_there")
def nearly_full(world: Any, migration: Migration) -> Addresses:
    return _made(world, migration, "a mailbox is nearly full")


@when("Email Routing brings a message for each of them", target_fixture="brought")
def bring_small(migration: Migration, leading_there: Addresses) -> Brought:
    return quota.bring(migration, leading_there, large=False)


@when(
    "Email Routing brings it a message that is too large, with and without its size announced", target_fixture="brought"
)
def bring_large(migration: Migration, leading_there: Addresses) -> Brought:
    return quota.bring(migration, leading_there, large=True)


@then("Dell refuses each in session, as one that doesn't fit")
def each_refused(expect: Expect, brought: Brought) -> None:
    expected = "552 5.2.2 or 5.2.3 in session"
    hint = "Dovecot's quota-status must know every address of the mailbox, and Postfix must ask it: run prepare_dell"

    def judge(it: quota.Brought) -> Finding:
        said = it.conversation
        found = f"taken: {said.queued}" if said.queued else str(said.outcome if said.code else said.text)
        if it.refused:
            return passed(f"{it.address}, {it.what}", f"{said.code} {said.text}", said.evidence, expected=expected)
        make = failed if said.code else unknown
        return make(f"{it.address}, {it.what}", expected, found, said.evidence, hint=hint)

    expect("A full mailbox is refused in session", map(judge, brought[0]))


@then("nothing for this mailbox was accepted and bounced")
def none_bounced(migration: Migration, expect: Expect, leading_there: Addresses, brought: Brought) -> None:
    mailbox = leading_there[0].mailbox
    found = quota.aftermath(migration, mailbox, brought[1])
    told = "; ".join(f"{each.status}: {each.text}" for each in found.failed)
    member = f"deliveries to {mailbox}"
    bad, good = (failed(member, "no bounce", told, found.evidence), passed(member, "no bounce", found.evidence))
    expect("Nothing bounced", [bad if found.failed else good])


@then("another mailbox is served")
def another_served(migration: Migration, expect: Expect, leading_there: Addresses) -> None:
    full = leading_there[0].mailbox
    other = next(each for each in migration.settings.addresses() if each.mailbox != full)
    ((_, told),) = clients.offer(migration, clients.email_routing(migration)[:1], (other.destination,))
    said, evidence = str(told.outcome), told.evidence
    good, bad = passed(other.destination, said, evidence), failed(other.destination, "accepted", said, evidence)
    expect("The control: Dell takes what it should", [good if told.outcome.accepted else bad])


def _made(world: Any, migration: Migration, what: str) -> Addresses:
    mailbox = next(migration.settings.addresses((migration.settings.pilot,))).mailbox
    world.mend.enter_context(world.outage(what, address=mailbox))
    return quota.leading_to(migration, mailbox)
