"""How long Dell keeps what it can't deliver."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Evidence, Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import queue_lifetime

Found = tuple[tuple[queue_lifetime.Found, ...], Evidence]


@given("how long Dell's Postfix keeps mail, and how often it tries", target_fixture="patience")
def patience(migration: Migration) -> Found:
    return queue_lifetime.look(migration)


@when("this is compared with what senders do", target_fixture="compared")
def compared(patience: Found) -> Found:
    return patience


@then("mail is kept for days, and tried again within hours")
def kept_for_days(expect: Expect, compared: Found) -> None:
    found, evidence = compared

    def judge(it: queue_lifetime.Found) -> Finding:
        expected = f"{it.bound.span} ({it.bound.why})"
        if it.holds:
            return passed(it.bound.parameter, it.value, evidence, expected=expected)
        hint = f"postconf -X {it.bound.parameter}, or out of master.cf: Postfix's default is right; then postfix reload"
        return failed(it.bound.parameter, expected, it.value or "not set", evidence, hint=hint)

    expect("Dell is as patient as a sender", map(judge, found))
