"""Attempts to relay through Dell."""

import secrets

import pytest
from pytest_bdd import given, parsers, then, when

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
    judged = (relaying.judged(each, "refused", hint, lax=True) for each in attempts)
    expect("Nobody relays through EC2", judged)


@then("Dell accepts none of them")
def none_accepted(migration: Migration, expect: Expect, attempts: Attempts, stage: Stage) -> None:
    # Today's Dell may defer (X14), and its port 25 may not be open yet: then nobody can even try. By a Worker it never
    # will be open to the world, and the Worker's own port has nobody behind it yet.
    today = stage.gate is Gate.PHASE1
    wanted, silent = "refused with 5xx at RCPT", today and migration.settings.by_worker
    judged = (relaying.judged(each, wanted, lax=today, closed=today, silent=silent) for each in attempts)
    expect("Nobody who isn't ours relays through Dell", judged)


@then("none arrives elsewhere, though direct mail to the same mailbox does")
def none_arrived(migration: Migration, expect: Expect, attempts: Attempts, mark: str) -> None:
    control = relaying.control(migration, mark)
    judged = relaying.judged_sink(attempts, relaying.at_sink(migration, mark), control)
    expect("Nothing came through, and it would have been seen", judged)
