"""Who may deliver to Dell's port 25, and who may not."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from fixtures.access.transport import dell
from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import postfix
from fixtures.probes.smtp import clients, vantages
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.session import Conversation

Knocks = tuple[tuple[Client, Conversation], ...]


@given("the addresses that Email Routing sends from", target_fixture="clients_at_door")
def email_routing(migration: Migration) -> tuple[Client, ...]:
    return clients.email_routing(migration)


@given(parsers.parse("{who} on the Internet"), target_fixture="clients_at_door")
def others(migration: Migration, who: str) -> tuple[Client, ...]:
    return clients.outsiders(migration, who)


@given("the addresses by which Dell sees EC2", target_fixture="clients_at_door")
def ec2_as_seen(migration: Migration) -> tuple[Client, ...]:
    return clients.ec2_as_seen(migration)


@given("the addresses that were EC2's", target_fixture="clients_at_door")
def ec2_addresses(migration: Migration) -> tuple[Client, ...]:
    return clients.ec2_addresses(migration)


@when("each of them offers Dell a message for a mailbox", target_fixture="knocks")
@when("they offer Dell a message for a mailbox", target_fixture="knocks")
@when("EC2 offers Dell a message for a mailbox", target_fixture="knocks")
def offer_for_mailbox(migration: Migration, clients_at_door: tuple[Client, ...], stage: Stage) -> Knocks:
    address = next(migration.settings.addresses(stage.domains))
    return clients.offer(migration, clients_at_door, (address.destination,))


@when("Dell is asked which of them it would admit", target_fixture="lookups")
def ask_admission_table(migration: Migration, clients_at_door: tuple[Client, ...]) -> tuple[postfix.Lookup, ...]:
    table = f"cidr:{dellplan.ADMITTED}"
    return tuple(postfix.lookup(dell(migration.settings), table, client.source) for client in clients_at_door)


@then("Dell would admit all of them")
def would_admit(expect: Expect, lookups: tuple[postfix.Lookup, ...]) -> None:
    def judge(found: postfix.Lookup) -> Finding:
        if found.value == "OK":
            return passed(found.key, f"admitted by {found.table}", found.evidence)
        return failed(found.key, f"OK in {found.table}", str(found.value or "no entry"), found.evidence)

    expect("EC2 could come back", map(judge, lookups))


@then("Dell would admit none of them")
def would_admit_none(expect: Expect, lookups: tuple[postfix.Lookup, ...]) -> None:
    def judge(found: postfix.Lookup) -> Finding:
        if found.value is None:
            return passed(found.key, f"not in {found.table}", found.evidence)
        hint = "Run retire_ec2_access: whoever gets this address next could deliver here"
        return failed(found.key, f"no entry in {found.table}", found.value, found.evidence, hint=hint)

    expect("EC2's addresses are strangers'", map(judge, lookups))


@then("Dell accepts the recipient from every one")
@then("Dell accepts the recipient")
def all_accepted(expect: Expect, knocks: Knocks) -> None:
    expect("An admitted client is served", (_admitted(client, told) for client, told in knocks))


@then("Dell rejects each of them permanently, or does not let it connect")
def all_refused(expect: Expect, knocks: Knocks) -> None:
    expect("Everyone else is refused", (_refused(client, told) for client, told in knocks))


@then("an admitted client is served in the same minute")
def control_served(migration: Migration, expect: Expect) -> None:
    address = next(migration.settings.addresses())
    told = clients.offer(migration, clients.email_routing(migration)[:1], (address.destination,))
    expect("The control: Dell is there, and serves whom it should", (_admitted(c, k) for c, k in told))


def _admitted(client: Client, told: Conversation) -> Finding:
    outcome, evidence = told.outcome, told.evidence
    if outcome.accepted:
        return passed(str(client), str(outcome), evidence, expected="250")
    make = unknown if told.unheard else failed
    return make(str(client), "the recipient accepted (250)", str(outcome), evidence)


def _refused(client: Client, told: Conversation) -> Finding:
    outcome, evidence = told.outcome, told.evidence
    expected = "refused with 5xx by RCPT, or dropped by a firewall"
    if outcome.rejected:
        return passed(str(client), str(outcome), evidence, expected=expected)
    if told.connection in {"unreachable", "impostor"}:  # that is about the way there, not about Dell
        return unknown(str(client), expected, outcome, evidence)
    if not outcome.code and told.connection != "open":  # a firewall, if nothing else keeps that host from port 25
        why = vantages.blind(client.via) if client.via and client.via.transport else ""
        return unknown(str(client), expected, why, evidence) if why else passed(str(client), str(outcome), evidence)
    hint = "Whoever comes from there can deliver here, and perhaps relay: see A-6" if outcome.accepted else ""
    return failed(str(client), expected, str(outcome), evidence, hint=hint)
