"""By which address Dell sees those who come to its door."""

from __future__ import annotations

import ipaddress

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import client_addresses
from fixtures.probes.smtp.client_addresses import Sighting
from fixtures.probes.smtp.clients import Client


@given(
    "clients outside that know their own public addresses, over IPv4 and over IPv6", target_fixture="outside_clients"
)
def outside_clients(migration: Migration) -> tuple[Client, ...]:
    return client_addresses.outside(migration)


@when("each of them says a HELO name of its own at Dell's port 25", target_fixture="sighted")
def leave_marks(migration: Migration, outside_clients: tuple[Client, ...]) -> tuple[Sighting, ...]:
    return client_addresses.leave_marks(migration, outside_clients)


@then("Dell's log shows each name beside the address that said it")
def true_addresses(migration: Migration, expect: Expect, sighted: tuple[Sighting, ...]) -> None:
    own = migration.settings.dell.networks

    def judge(it: Sighting) -> Finding:
        expected, evidence = f"seen as {it.client.source}", (it.knock.evidence, it.log.evidence)
        member = f"{it.client} at {it.knock.knock.host}"
        if it.true:
            return passed(member, f"seen as {', '.join(it.seen)}", *evidence, expected=expected)
        if not it.seen:
            why = f"the mark {it.mark} is not in Dell's log; Dell said {it.knock.outcome}"
            return unknown(member, expected, why, *evidence)
        found = f"seen as {', '.join(it.seen)}"
        hint = "Something before Postfix hides who comes: publish port 25 without a userland proxy or masquerading"
        inside = [each for each in it.seen if any(ipaddress.ip_address(each) in network for network in own)]
        if inside:
            found += ", which is one of our own networks: whoever comes may relay"
            hint += " (X16). Close port 25 until then"
        return failed(member, expected, found, *evidence, hint=hint)

    findings = [judge(each) for each in sighted]
    if migration.settings.dell.ipv6 and not any(":" in each.client.source for each in sighted):
        hint = "Give a host by SSH its IPv6 address ([[vantages]] ipv6): IPv6 may go another way than IPv4"
        findings.append(unknown("a client over IPv6", "seen by its true address", "nobody has one here", hint=hint))
    expect("Dell sees the true address of its clients", findings)
