"""What is left in DNS when the migration is over."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import leftovers, spf
from fixtures.probes.dns import queries as dns

Lifetimes = tuple[leftovers.Lifetime, ...]
Traces = tuple[leftovers.Traces, ...]


@when("each record's TTL is compared with the one from before", target_fixture="lifetimes")
def read_lifetimes(migration: Migration, subjects: tuple[str, ...]) -> Lifetimes:
    return leftovers.lifetimes(migration, subjects)


@then("none is shorter, but for those that Cloudflare manages")
def lifetimes_are_normal(expect: Expect, lifetimes: Lifetimes) -> None:
    expect("Lifetimes are normal again", (each for it in lifetimes for each in _lifetime(it)))


@when("every record is searched for EC2's names and addresses", target_fixture="traces")
def search_traces(migration: Migration, subjects: tuple[str, ...]) -> Traces:
    return leftovers.traces(migration, subjects)


@then("none mentions them")
def no_trace(expect: Expect, traces: Traces) -> None:
    expect("No record leads to EC2", (each for it in traces for each in _traces(it)))


@then("its name does not exist, whoever is asked")
def old_name_is_gone(migration: Migration, expect: Expect) -> None:
    def judge(answer: dns.Answer) -> Finding:
        member, expected = f"{answer.name} {answer.type} at {answer.server}", "no address"
        if answer.error:
            return unknown(member, expected, answer.error, answer.evidence)
        left = [each for each in answer.rrset if each in ours]
        if not left:
            return passed(member, answer.evidence.answer, answer.evidence, expected=expected)
        hint = "retire_ec2_access deletes it; a cache gives it until its TTL is over"
        return failed(member, expected, answer.evidence.answer, answer.evidence, hint=hint)

    ours = {str(each) for each in (migration.settings.ec2.ipv4, migration.settings.ec2.ipv6) if each}
    expect("EC2's name leads nowhere", map(judge, leftovers.old_name(migration)))


@then("no SPF record lets its address send")
def no_permit(migration: Migration, expect: Expect, subjects: tuple[str, ...]) -> None:
    addresses = [str(each) for each in (migration.settings.ec2.ipv4, migration.settings.ec2.ipv6) if each]

    def judge(found: spf.Spf, address: str) -> Finding:
        member, expected = f"{found.domain} for {address}", "nothing that lets it send"
        permit, unclear = found.permit(address), (*found.unasked, *found.faults)
        if permit:
            return failed(member, expected, permit, found.evidence, domain=found.domain)
        if unclear:
            return unknown(member, expected, "; ".join(unclear), found.evidence, domain=found.domain)
        return passed(member, expected, found.evidence, domain=found.domain)

    records = [spf.evaluate(migration, domain) for domain in subjects]
    expect("No SPF mechanism lets EC2 send", (judge(found, address) for found in records for address in addresses))


def _lifetime(it: leftovers.Lifetime) -> Iterator[Finding]:
    expected = f"may be kept for {it.expected_s} s, as {it.by}"
    for answer in it.answers:
        member = f"{it.name} {it.type} at {answer.server}"
        if answer.error or answer.ttl is None:
            yield unknown(member, expected, answer.error or answer.evidence.answer, answer.evidence, domain=it.zone)
        elif answer.ttl >= it.expected_s:
            yield passed(member, f"{answer.ttl} s", answer.evidence, expected=expected, domain=it.zone)
        else:
            hint = "restore_ttl gives the records of mail their lifetime back"
            yield failed(member, expected, f"{answer.ttl} s", answer.evidence, domain=it.zone, hint=hint)


def _traces(it: leftovers.Traces) -> Iterator[Finding]:
    expected = "no record that leads to EC2"
    for trace in it.traces:
        member, hint = f"{trace.record.name} {trace.record.type}", "Delete it, or let it lead to where it should now"
        found = f"{trace.record.text[:120]}: {trace.how}"
        yield failed(member, expected, found, it.evidence, domain=it.domain, hint=hint)
    if not it.traces:
        yield passed(it.domain, f"none of {it.searched} records", it.evidence, expected=expected, domain=it.domain)
