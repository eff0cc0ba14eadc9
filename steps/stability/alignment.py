"""DMARC's aggregate reports and those on TLS, before and after."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger import alignment
from fixtures.ledger.alignment import Alignment
from fixtures.migration import Migration

DAILY = "Reports come daily: come back in a day or two, and see that they reach their mailbox"


@when("the TLS reports from before and after each domain's switch are read", target_fixture="alignments")
@when("the DMARC aggregate reports from before and after each domain's switch are read", target_fixture="alignments")
def read_reports(migration: Migration, subjects: tuple[str, ...]) -> tuple[Alignment, ...]:
    return alignment.ask(migration, subjects)


@then("the share of their own mail that is aligned has not fallen by more than the settings allow")
def no_fall(migration: Migration, expect: Expect, alignments: tuple[Alignment, ...]) -> None:
    fall = migration.settings.bounds.alignment_fall

    def judge(each: Alignment) -> Finding:
        expected, domain, told = f"no fall by more than {fall:.1%}", each.domain, each.evidence
        said = f"before: {each.before}; after: {each.after}"
        if not each.addresses:
            return Finding(domain, Verdict.ABSENT, expected, "its DMARC record asks for no reports", domain, told)
        if not each.read:
            hint = f"Let reports also go to an address of yours, beside {', '.join(each.addresses)} (rua)"
            return unknown(domain, expected, "its reports go where they can't be read", *told, domain=domain, hint=hint)
        if not each.before.messages or not each.after.messages:
            side = "before" if not each.before.messages else "since"
            said = f"no report on its own mail {side} the switch; {said}"
            return unknown(domain, expected, said, *told, domain=domain, hint=DAILY)
        if each.after.part < each.before.part - fall:
            hint = "See SPF, DKIM keys and the return path of that source (N-4, N-5, E-6)"
            said = f"{said}; {'; '.join(each.fallen[:5])}"
            return failed(domain, expected, said, *told, domain=domain, hint=hint)
        return passed(domain, said, *told, expected=expected, domain=domain)

    expect("Alignment has not fallen", map(judge, alignments))


@then("no larger share of the sessions with its mail servers has failed since, by more than the settings allow")
def no_more_failures(migration: Migration, expect: Expect, alignments: tuple[Alignment, ...]) -> None:
    rise = migration.settings.bounds.alignment_fall

    def judge(each: Alignment) -> Finding:
        expected, domain, told = f"no rise by more than {rise:.1%}", each.domain, each.evidence
        said = f"before: {each.tls_before}; after: {each.tls_after}"
        if not each.tls_wanted or not (each.tls_before.reports or each.tls_after.reports):
            none = "none has come that can be read here" if each.tls_wanted else "it asks for no reports on TLS"
            return Finding(domain, Verdict.ABSENT, expected, none, domain, told)
        if not each.tls_after.reports:
            return unknown(domain, expected, f"no report since the switch; {said}", *told, domain=domain, hint=DAILY)
        if each.tls_after.part > each.tls_before.part + rise:
            hint = "Senders put mail off or send it in the clear: see the MTA-STS policy, TLSA and certificates (N-11)"
            said = f"{said}; {'; '.join(each.tls_after.failures[:5])}"
            return failed(domain, expected, said, *told, domain=domain, hint=hint)
        return passed(domain, said, *told, expected=expected, domain=domain)

    expect("Sessions with the mail servers fail no more than before", map(judge, alignments))
