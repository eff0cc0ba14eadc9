"""Messages hidden in messages, behind what is not the end of one."""

from __future__ import annotations

import secrets

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import clients, smuggling
from fixtures.probes.smtp.clients import Client

Attempts = tuple[smuggling.Attempt, ...]


@given(parsers.parse("{who} and the known forms of a false end of data"), target_fixture="smugglers")
def smugglers(migration: Migration, who: str) -> tuple[Client, ...]:
    return clients.identities(migration, who)[:1]


@when("a message with a second one behind each false end is sent to a mailbox", target_fixture="smuggled")
def smuggle(migration: Migration, smugglers: tuple[Client, ...]) -> Attempts:
    address = next(migration.settings.addresses((migration.settings.pilot,)))
    return smuggling.smuggle(migration, smugglers, address, f"smuggle-{secrets.token_hex(6)}")


@then("each makes exactly one message, without a bare CR or LF")
def one_message_each(expect: Expect, smuggled: Attempts) -> None:
    expected = "exactly one message, no bare CR or LF"

    def judge(attempt: smuggling.Attempt) -> Finding:
        variant, evidence = attempt.offer.variant, attempt.evidence
        member = f"{variant.name} from {attempt.offer.client}"
        if attempt.offer.inner.message_id in attempt.arrived or attempt.queued > 1:
            hint = "smtpd_forbid_bare_newline = normalize, with empty smtpd_forbid_bare_newline_exclusions"
            why = f"it is one of the {variant.taken_by}"
            return failed(
                member, expected, "two messages: the second was smuggled in", evidence, hypothesis=why, hint=hint
            )
        if attempt.stray:
            hint = "cleanup_replace_stray_cr_lf = yes"
            return failed(member, expected, f"{attempt.stray} bare CRs or LFs in what arrived", evidence, hint=hint)
        if attempt.offer.outer.message_id in attempt.arrived:
            return passed(member, "one message", evidence, expected=expected)
        if attempt.queued:
            return failed(member, expected, "taken, but not in the mailbox", evidence)
        if attempt.replies:
            hint = "Refusing bare line ends refuses real mail, too: normalize them"
            return failed(member, expected, f"refused: {attempt.replies[0]}", evidence, hint=hint)
        return unknown(member, expected, "nothing could be sent", evidence)

    expect("Only the true end ends a message", (judge(each) for each in smuggled if not each.offer.control))


@then("the same second message, behind a true end of data, does arrive")
def controls_arrive(expect: Expect, smuggled: Attempts) -> None:
    def judge(attempt: smuggling.Attempt) -> Finding:
        member = f"the control of {attempt.offer.variant.name} from {attempt.offer.client}"
        if attempt.queued == len(attempt.arrived) == 2:
            return passed(member, "two messages", attempt.evidence)
        found = f"{attempt.queued} taken, {len(attempt.arrived)} arrived"
        return unknown(member, "two messages, or a smuggled one would not have been seen", found, attempt.evidence)

    expect("A smuggled message would have been seen", (judge(each) for each in smuggled if each.offer.control))
