"""EC2 has nothing to do any more."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.logs import ec2_silence
from fixtures.probes.logs.ec2_silence import Passed, Silence


@given("the quiet time that the settings ask for", target_fixture="quiet_s")
def quiet_time(migration: Migration) -> float:
    return migration.settings.bounds.ec2_silent_s


@when("EC2's log of that time and its queue are read", target_fixture="silent")
def read_gateway(migration: Migration, quiet_s: float) -> Silence:
    return ec2_silence.ask(migration, quiet_s)


@then("no mail came through it but test mail and refused spam")
def no_mail(expect: Expect, silent: Silence) -> None:
    counted = {kind: len(silent.of(kind)) for kind in ("probe", "refused", "own bounce")}
    hours = silent.asked_s / 3600
    expected = f"none for {hours:.0f} h"
    said = f"{counted['probe']} probes, {silent.refused} clients refused, {counted['refused']} messages refused by Dell"
    said += f", {counted['own bounce']} bounces of those"
    hint = "This sender doesn't go by the MX record, or by an old answer: tell it, or wait until it asks again"
    findings = list(_clients(silent.of("mail"), expected, silent, hint))
    if not silent.covered:
        findings.append(unknown("EC2's log", f"lines of {hours:.0f} h", "it begins later", silent.log.evidence))
    expect("No mail comes through EC2", findings or [passed("EC2", said, silent.evidence, expected=expected)])


@then("nobody sent through it to the world")
def nobody_relays(expect: Expect, silent: Silence) -> None:
    hint = "Let it send through Dell (587) before EC2 is stopped"
    findings = list(_clients(silent.of("relayed"), "nobody", silent, hint))
    expect("Nobody relays through EC2", findings or [passed("EC2", "nobody", silent.evidence)])


@then("nothing waits in its queue")
def queue_empty(expect: Expect, silent: Silence) -> None:
    def judge() -> Iterator[Finding]:
        for each in silent.queue.messages:
            to = ", ".join(address for address, _ in each.recipients)
            said = f"in {each.queue} for {each.age_s:.0f} s, from <{each.sender}> to {to}"
            hint = "Let it be delivered (postqueue -f on EC2), or see why it can't be"
            yield failed(f"{each.queue_id} on EC2", "delivered", said, silent.queue.evidence, hint=hint)
        if not silent.queue.messages:
            yield passed("EC2's queue", "empty", silent.queue.evidence)

    expect("EC2's queue is empty", judge())


def _clients(messages: tuple[Passed, ...], expected: str, silent: Silence, hint: str) -> Iterator[Finding]:
    by_client: dict[str, list[Passed]] = {}
    for each in messages:
        by_client.setdefault(each.client, []).append(each)
    for client, found in by_client.items():
        said = f"{len(found)} messages, the last: {found[-1].says}"
        yield failed(f"from {client}", expected, said, silent.evidence, hint=hint)
