"""What only insiders may ask of Dell."""

from __future__ import annotations

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import insiders
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.session import Conversation

Requests = tuple[insiders.Request, ...]
Offers = tuple[Conversation, ...]


@given("Email Routing and a stranger", target_fixture="people_at_door")
def people_at_door(migration: Migration) -> tuple[Client, ...]:
    return insiders.at_door(migration)


@when(
    parsers.parse("each of them asks for {what} on port 25, in the clear and over TLS"),
    target_fixture="privilege_requests",
)
def ask_for(migration: Migration, people_at_door: tuple[Client, ...], what: str) -> Requests:
    return insiders.ask(migration, people_at_door, what)


@when("each of them submits mail without a login, for a mailbox here and for one elsewhere", target_fixture="offers")
def submit(migration: Migration, people_at_door: tuple[Client, ...]) -> Offers:
    return insiders.submit(migration, people_at_door)


@then("Dell neither offers nor grants it")
def not_granted(expect: Expect, privilege_requests: Requests) -> None:
    def judge(it: insiders.Request) -> Finding:
        expected = "not offered, and refused with 5xx"
        if it.setting is not None:
            nobody = "nobody may, by Postfix's own settings"
            granted = it.setting
            return failed(str(it), nobody, granted, it.evidence) if granted else passed(str(it), nobody, it.evidence)
        if it.offered:
            return failed(str(it), expected, f"offered: {', '.join(it.offered)}", it.evidence)
        if 500 <= it.code < 600:
            return passed(str(it), f"{it.code} {it.text}", it.evidence, expected=expected)
        make = failed if it.code else unknown
        return make(str(it), expected, f"{it.code or 'nothing'} {it.text}", it.evidence)

    expect("Closed to outsiders", map(judge, privilege_requests))


@then("no submission port takes any of it")
def nothing_submitted(expect: Expect, offers: Offers) -> None:
    def judge(it: Conversation) -> Finding:
        expected, told = "a login required, or no connection", it.outcome
        if it.connection in {"unreachable", "impostor"}:
            return unknown(str(it.knock), expected, it.text, it.evidence)
        if accepted := [each.recipient for each in it.recipients if each.accepted]:
            return failed(str(it.knock), expected, f"accepted {', '.join(accepted)} without a login", it.evidence)
        if it.connection in {"refused", "silent"} or told.rejected:
            return passed(str(it.knock), str(told) if told.code else it.connection, it.evidence, expected=expected)
        return unknown(str(it.knock), expected, str(told), it.evidence)

    expect("Submission is for those who log in", map(judge, offers))
