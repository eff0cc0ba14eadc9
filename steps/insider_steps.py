"""What only insiders may ask of Dell."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes import insiders
from fixtures.probes.clients import Client

Requests = tuple[insiders.Request, ...]


@given("Email Routing and a stranger at Dell's door", target_fixture="people_at_door")
def people_at_door(migration: Migration) -> tuple[Client, ...]:
    return insiders.at_door(migration)


@when(parsers.parse("each of them asks for {what}, in the clear and over TLS"), target_fixture="privilege_requests")
def ask_for(migration: Migration, people_at_door: tuple[Client, ...], what: str) -> Requests:
    return insiders.ask(migration, people_at_door, what)


@then("Dell neither offers nor grants it")
def not_granted(expect: Expect, privilege_requests: Requests) -> None:
    def judge(it: insiders.Request) -> Finding:
        expected = "not offered, and refused with 5xx"
        if it.offered:
            return failed(str(it), expected, f"offered: {', '.join(it.offered)}", it.evidence)
        if 500 <= it.code < 600:
            return passed(str(it), f"{it.code} {it.text}", it.evidence, expected=expected)
        make = failed if it.code else unknown
        return make(str(it), expected, f"{it.code or 'nothing'} {it.text}", it.evidence)

    expect("Closed to outsiders", map(judge, privilege_requests))
