"""A domain's DMARC policy, and whether its own mail passes."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dmarc
from fixtures.probes.dns.queries import Answers, each
from fixtures.probes.smtp.submission import Receipt


@when("every name server and every resolver is asked for their DMARC policies", target_fixture="policies")
def ask_for_policies(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dmarc.published(migration, subjects)


@then("each domain has exactly one, and it can be read")
def one_policy(expect: Expect, policies: Answers) -> None:
    expect("Each domain has one DMARC policy", (dmarc.judged(domain, answer) for domain, answer in each(policies)))


@then("every report address in another domain has agreed to receive reports")
def receivers_agree(expect: Expect, policies: Answers) -> None:
    expect("Receivers of reports have agreed", dmarc.judged_agreements(policies, dmarc.agreements(policies)))


@when("somebody in each of them sends a message through SendGrid", target_fixture="receipts")
def send_through_sendgrid(migration: Migration, subjects: tuple[str, ...]) -> tuple[Receipt, ...]:
    return dmarc.send(migration, subjects)


@then("each message arrives outside, and passes DMARC for the domain of its From line")
def messages_pass(expect: Expect, receipts: tuple[Receipt, ...]) -> None:
    expect("Mail through SendGrid passes DMARC", map(dmarc.judged_receipt, receipts))
