"""A domain's DMARC policy, and whether its own mail passes."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dmarc, dmarc_record
from fixtures.probes.dns import queries as dns
from fixtures.probes.smtp.submission import Receipt

Policies = tuple[dmarc.Published, ...]


@when("every name server and every resolver is asked for their DMARC policies", target_fixture="policies")
def ask_for_policies(migration: Migration, subjects: tuple[str, ...]) -> Policies:
    return dmarc.published(migration, subjects)


@then("each domain has exactly one, and it can be read")
def one_policy(expect: Expect, policies: Policies) -> None:
    expect("Each domain has one DMARC policy", (_policy(it.domain, each) for it in policies for each in it.answers))


@then("every report address in another domain has agreed to receive reports")
def receivers_agree(expect: Expect, policies: Policies) -> None:
    def judge(it: dmarc.Agreement) -> Finding:
        member, answer = f"reports about {it.domain} to {it.receiver}", it.answer
        if answer.error:
            return unknown(member, "a word of agreement", answer.error, answer.evidence, domain=it.domain)
        if dmarc_record.policies(answer.rrset):
            return passed(member, answer.rrset[0], answer.evidence, domain=it.domain)
        expected, hint = f"TXT {answer.name}: v=DMARC1", "Without it no report is sent there (RFC 9990, 4)"
        return failed(member, expected, answer.evidence.answer, answer.evidence, domain=it.domain, hint=hint)

    asked = {it.domain: it for it in policies}
    outside = [judge(it) for it in dmarc.agreements(policies)]
    told = {finding.domain for finding in outside}
    inside = [passed(name, "no report goes outside", domain=name) for name in asked if name not in told]
    expect("Receivers of reports have agreed", [*outside, *inside])


@when("somebody in each of them sends a message through SendGrid", target_fixture="receipts")
def send_through_sendgrid(migration: Migration, subjects: tuple[str, ...]) -> tuple[Receipt, ...]:
    return dmarc.send(migration, subjects)


@then("each message arrives outside, and passes DMARC for the domain of its From line")
def messages_pass(expect: Expect, receipts: tuple[Receipt, ...]) -> None:
    expect("Mail through SendGrid passes DMARC", map(_aligned, receipts))


def _policy(domain: str, answer: dns.Answer) -> Finding:
    member, expected = f"{domain} at {answer.server}", "one policy that can be read"
    if answer.error:
        return unknown(member, expected, answer.error, answer.evidence, domain=domain)
    found = [dmarc_record.parse(text) for text in dmarc_record.policies(answer.rrset)]
    faults = [fault for policy in found for fault in policy.faults]
    if len(found) == 1 and not faults:
        return passed(member, found[0].text, answer.evidence, expected=expected, domain=domain)
    said = f"{len(found)} policies: {'; '.join(faults) or answer.evidence.answer}"
    hint = "Receivers act as if there were none (RFC 9989, 4.10)"
    return failed(member, expected, said, answer.evidence, domain=domain, hint=hint)


def _aligned(it: Receipt) -> Finding:
    domain, told = it.sent.address.domain, it.authentication
    member, expected = (
        f"{it.sent.address.address} by {it.sent.sender}",
        "arrived outside, DKIM or SPF passes and is aligned",
    )
    if told is None:
        return failed(member, expected, "not in the outside mailbox", it.search.evidence, domain=domain)
    holds, found = dmarc.passes(told)
    if holds:
        return passed(member, found, told.evidence, expected=expected, domain=domain)
    return failed(member, expected, found, told.evidence, domain=domain, hint="Look at N-5, and at SendGrid's settings")
