"""Attempts to relay through Dell."""

from __future__ import annotations

import secrets

import pytest
from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.probes.smtp import clients, relaying
from fixtures.probes.smtp.clients import Client

Attempts = tuple[relaying.Attempt, ...]


@given(parsers.parse("{who} and the classic forms of a relay attempt"), target_fixture="relayers")
def relayers(migration: Migration, who: str) -> tuple[Client, ...]:
    return clients.identities(migration, who)


@pytest.fixture
def mark() -> str:
    """Tells this scenario's attempts from any other's."""
    return f"relay-{secrets.token_hex(6)}"


@when("each form is offered to Dell for a mailbox elsewhere", target_fixture="attempts")
def offer_forms(migration: Migration, relayers: tuple[Client, ...], mark: str) -> Attempts:
    return relaying.battery(migration, relayers, mark)


@when("each form is offered to EC2 for a mailbox elsewhere", target_fixture="attempts")
def offer_forms_to_ec2(migration: Migration, relayers: tuple[Client, ...], mark: str) -> Attempts:
    return relaying.at_ec2(migration, relayers, mark)


@then("EC2 accepts none of them")
def none_accepted_by_ec2(expect: Expect, attempts: Attempts) -> None:
    hint = "It is open while it lives: look at its mynetworks and smtpd_relay_restrictions"

    def judge(attempt: relaying.Attempt) -> Finding:
        outcome, member = attempt.outcome, f"{attempt.form.name} from {attempt.client}"
        if outcome.accepted:
            return failed(
                member, "refused", str(outcome), attempt.evidence, hypothesis=f"it {attempt.form.why}", hint=hint
            )
        if outcome.code >= 400:
            return passed(member, str(outcome), attempt.evidence, expected="refused")
        return unknown(member, "refused", str(outcome), attempt.evidence)

    expect("Nobody relays through EC2", map(judge, attempts))


@then("Dell accepts none of them")
def none_accepted(expect: Expect, attempts: Attempts, stage: Stage) -> None:
    # Today's Dell may defer (X14), and its port 25 may not be open yet: then nobody can even try.
    today = stage.gate is Gate.PHASE1

    def judge(attempt: relaying.Attempt) -> Finding:
        outcome, member = attempt.outcome, f"{attempt.form.name} from {attempt.client}"
        closed = outcome.refused_at == "connect" and "refused" in outcome.text
        if outcome.accepted:
            why = attempt.form.why
            return failed(member, "refused with 5xx at RCPT", str(outcome), attempt.evidence, hypothesis=f"it {why}")
        if outcome.rejected or (today and (outcome.code >= 400 or closed)):
            return passed(member, str(outcome), attempt.evidence, expected="refused")
        if outcome.code >= 400:
            hint = "A 4xx is no refusal: senders would try again for days (X14)"
            return failed(member, "refused with 5xx at RCPT", str(outcome), attempt.evidence, hint=hint)
        return unknown(member, "refused with 5xx at RCPT", str(outcome), attempt.evidence)

    expect("Nobody who isn't ours relays through Dell", map(judge, attempts))


@then("none arrives elsewhere, though direct mail to the same mailbox does")
def none_arrived(migration: Migration, expect: Expect, attempts: Attempts, mark: str) -> None:
    control = relaying.control(migration, mark)
    found = relaying.at_sink(migration, mark)
    ours = {attempt.message_id for attempt in attempts if attempt.message_id}
    through = [kept.message_id for kept in found.messages if kept.message_id in ours]
    direct = bool(control.search.arrived)
    expect(
        "Nothing came through, and it would have been seen",
        (
            failed("the mailbox elsewhere", "no relayed message", f"{len(through)} came through", *found.evidence)
            if through
            else passed("the mailbox elsewhere", f"none of {len(attempts)} attempts is there", *found.evidence),
            passed("the control", "direct mail arrived", control.sent.evidence, control.search.evidence)
            if direct
            else unknown("the control", "direct mail arrives", "it did not", control.sent.evidence),
        ),
    )
