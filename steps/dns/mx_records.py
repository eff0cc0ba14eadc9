"""What name servers and resolvers say of a domain's mail."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare.api import assigned_mx, is_mx
from fixtures.probes.dns import queries as dns

Answers = dict[str, tuple[dns.Answer, ...]]


@when("every name server and every resolver is asked for their MX", target_fixture="answers")
def ask_mx_everywhere(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return {domain: dns.ask_everywhere(migration, domain, "MX") for domain in subjects}


@when("every name server is asked for the TTL of their MX", target_fixture="answers")
def ask_mx_at_authority(subjects: tuple[str, ...]) -> Answers:
    return {domain: dns.ask(dns.authorities(domain), domain, "MX") for domain in subjects}


@then("each answer is the EC2 gateway, and it alone")
def answers_are_ec2(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted: dict[str, tuple[str, ...]] = dict.fromkeys(answers, (migration.settings.ec2.name,))
    expect("The MX is the EC2 gateway, and it alone", _compare(answers, wanted))


@then("each answer is the set of hosts that Cloudflare assigned, and only that")
def answers_are_cloudflare(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted = {domain: assigned_mx(migration, domain) for domain in answers}
    expect("The MX is Cloudflare's set, and only that", _compare(answers, wanted))


@then("no answer leads to Cloudflare")
def answers_are_not_cloudflare(expect: Expect, answers: Answers) -> None:
    findings = [
        _judge(domain, answer, "no host of Cloudflare's", holds=not any(map(is_mx, answer.hosts)))
        for domain, each in answers.items()
        for answer in each
    ]
    expect("Nobody is led to Cloudflare before the switch", findings)


@then("none is longer than the settings say")
def ttl_is_short(migration: Migration, expect: Expect, answers: Answers) -> None:
    bound = migration.settings.bounds.ttl_s
    findings = [
        _judge(domain, answer, f"an MX that may be kept at most {bound} s", holds=0 < (answer.ttl or 0) <= bound)
        for domain, each in answers.items()
        for answer in each
    ]
    expect("The MX may be kept for a short time only", findings)


@then("the longest TTL from before has run out since it was shortened")
def old_ttl_ran_out(migration: Migration, expect: Expect, answers: Answers) -> None:
    expect("The old lifetime has run out", (_notice(migration, domain) for domain in answers))


def _notice(migration: Migration, domain: str) -> Finding:
    bounds = migration.settings.bounds
    wait = max(bounds.ttl_notice_s, bounds.old_ttl_s)
    done = migration.store.last("done", domain, script="lower_ttl")
    if done is None:
        return unknown(domain, "a record of when the lifetime was shortened", "none", domain=domain)
    passed_s = migration.clock.now() - done["at"]
    expected = f"shortened at least {wait / 3600:.0f} h ago"
    found = f"shortened {passed_s / 3600:.1f} h ago"
    verdict = Verdict.PASS if passed_s >= wait else Verdict.FAIL
    return Finding(domain, verdict, expected, found, domain, hint="" if passed_s >= wait else "Wait, and ask again")


def _compare(answers: Answers, wanted: dict[str, tuple[str, ...]]) -> Iterator[Finding]:
    for domain, each in answers.items():
        expected = ", ".join(wanted[domain])
        for answer in each:
            yield _judge(domain, answer, expected, holds=set(answer.hosts) == set(wanted[domain]))


def _judge(domain: str, answer: dns.Answer, expected: str, *, holds: bool) -> Finding:
    member = f"{domain} at {answer.server}"
    if answer.error:
        return unknown(member, expected, answer.error, answer.evidence, domain=domain)
    if holds:
        return passed(member, answer.evidence.answer, answer.evidence, expected=expected, domain=domain)
    hint = f"Gone from this cache in {answer.ttl} s" if answer.server.recursive and answer.ttl else ""
    return failed(member, expected, answer.evidence.answer, answer.evidence, domain=domain, hint=hint)
