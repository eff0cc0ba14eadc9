"""Attempts to relay through Dell."""

import secrets

import pytest
from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.probes.smtp import clients, relaying, vantages
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
    judged = (relaying.judged(each, "refused", hint, lax=True) for each in attempts)
    expect("Nobody relays through EC2", judged)


@then("Dell accepts none of them")
def none_accepted(migration: Migration, expect: Expect, attempts: Attempts, stage: Stage) -> None:
    # Today's Dell may defer (X14), and its port 25 may not be open yet: then nobody can even try.
    today = stage.gate is Gate.PHASE1

    def judged(each: relaying.Attempt) -> Finding:
        shut = migration.settings.by_worker and _may_be_silent(each.client, today=today)
        lax = today or (shut and not each.outcome.code)
        return relaying.judged(each, "refused with 5xx at RCPT", lax=lax, closed=today, silent=shut)

    expect("Nobody who isn't ours relays through Dell", map(judged, attempts))


def _may_be_silent(client: Client, *, today: bool) -> bool:
    """Whether silence is an answer, where mail comes by the Worker: nobody listens for it before ``prepare_dell``, and
    port 25 need not be open to the world.
    """
    if client.logs_in:
        return today
    return not (client.via and client.via.transport and vantages.blind(client.via))


@then("none arrives elsewhere, though direct mail to the same mailbox does")
def none_arrived(migration: Migration, expect: Expect, attempts: Attempts, mark: str) -> None:
    control = relaying.control(migration, mark)
    judged = relaying.judged_sink(attempts, relaying.at_sink(migration, mark), control)
    expect("Nothing came through, and it would have been seen", judged)
