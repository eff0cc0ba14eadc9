"""Where senders are to report TLS that failed (RFC 8460)."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import mta_sts
from fixtures.probes.dns import queries as dns

Reports = tuple[mta_sts.Reporting, ...]
EXPECTED = "one record with addresses, or none"


@when("every name server and every resolver is asked where TLS reports go", target_fixture="tls_reports")
def ask_reporting(migration: Migration, subjects: tuple[str, ...]) -> Reports:
    return mta_sts.reporting(migration, subjects)


@then("each record that there is can be read")
def reporting_is_sound(expect: Expect, tls_reports: Reports) -> None:
    expect("TLS reports have a readable address", (_report(it.domain, a) for it in tls_reports for a in it.answers))


def _report(domain: str, answer: dns.Answer) -> Finding:
    member, fault = f"{domain} at {answer.server}", mta_sts.reporting_faults(answer.rrset)
    if answer.error:
        return unknown(member, EXPECTED, answer.error, answer.evidence, domain=domain)
    if fault is None:
        return Finding(member, Verdict.ABSENT, EXPECTED, "no record", domain, (answer.evidence,))
    if fault:
        return failed(member, EXPECTED, fault, answer.evidence, domain=domain)
    return passed(member, answer.rrset[0], answer.evidence, expected=EXPECTED, domain=domain)
