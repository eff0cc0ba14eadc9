"""Cloudflare's MX hosts, and what they take."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes import mxhosts
from fixtures.settings import Address


@given("Cloudflare's MX hosts and every address of the domains of this gate", target_fixture="addresses")
def mx_hosts_and_addresses(migration: Migration, domains: tuple[str, ...]) -> tuple[Address, ...]:
    return tuple(migration.settings.addresses(domains))


@when("each host is asked whether it takes mail for each address", target_fixture="mx_answers")
def ask_mx_hosts(migration: Migration, addresses: tuple[Address, ...]) -> tuple[mxhosts.Asked, ...]:
    return mxhosts.ask(migration, addresses)


@then("every host says yes to every address")
def mx_hosts_accept(expect: Expect, mx_answers: tuple[mxhosts.Asked, ...]) -> None:
    expect("Each MX host takes mail for each address", _answers(mx_answers, accept=True))


@then("every host resolves and greets")
def mx_hosts_greet(expect: Expect, mx_answers: tuple[mxhosts.Asked, ...]) -> None:
    expect("Each MX host resolves and greets", _answers(mx_answers, accept=False))


def _answers(asked: tuple[mxhosts.Asked, ...], *, accept: bool) -> Iterator[Finding]:
    # A host that is silent where another greets is down; where none does, port 25 may be blocked for who asks.
    heard = any(each.told.banner for each in asked)
    for each in asked:
        member, domain, told = f"{each.address.address} at {each.host} ({each.at})", each.address.domain, each.told
        holds = told.outcome.accepted if accept else bool(told.banner)
        expected = "250 to RCPT" if accept else "a greeting"
        if holds:
            yield passed(member, str(told.outcome), told.evidence, expected=expected, domain=domain)
        else:
            down = told.connection in {"refused", "dropped"} or (heard and told.connection == "silent")
            make = failed if told.outcome.code >= 500 or down else unknown
            yield make(member, expected, str(told.outcome), told.evidence, domain=domain)
