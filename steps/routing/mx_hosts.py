"""Cloudflare's MX hosts, and what they take."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import mx_hosts
from fixtures.settings import Address


@given("Cloudflare's MX hosts and every address of the domains of this gate", target_fixture="addresses")
def mx_hosts_and_addresses(migration: Migration, domains: tuple[str, ...]) -> tuple[Address, ...]:
    return tuple(migration.settings.addresses(domains))


@when("each host is asked whether it takes mail for each address", target_fixture="mx_answers")
def ask_mx_hosts(migration: Migration, addresses: tuple[Address, ...]) -> tuple[mx_hosts.Asked, ...]:
    return mx_hosts.ask(migration, addresses)


@then("every host says yes to every address")
def mx_hosts_accept(expect: Expect, mx_answers: tuple[mx_hosts.Asked, ...]) -> None:
    expect("Each MX host takes mail for each address", mx_hosts.judge(mx_answers, accept=True))


@then("every host resolves and greets")
def mx_hosts_greet(expect: Expect, mx_answers: tuple[mx_hosts.Asked, ...]) -> None:
    expect("Each MX host resolves and greets", mx_hosts.judge(mx_answers, accept=False))
