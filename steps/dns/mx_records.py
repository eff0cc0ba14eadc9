"""What name servers and resolvers say of a domain's mail."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_bdd import then, when

from fixtures.evidence import Finding, finding, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare.api import assigned_mx, is_mx
from fixtures.probes.dns import queries as dns
from fixtures.probes.dns.queries import Answers


@when("every name server and every resolver is asked for their MX", target_fixture="answers")
def ask_mx_everywhere(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dns.ask_each(migration, {domain: domain for domain in subjects}, "MX")


@when("every name server is asked for the TTL of their MX", target_fixture="answers")
def ask_mx_at_authority(subjects: tuple[str, ...]) -> Answers:
    return {domain: dns.ask(dns.authorities(domain), domain, "MX") for domain in subjects}


@then("each answer is the EC2 gateway, and nothing else")
def answers_are_ec2(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted = dict.fromkeys(answers, (migration.settings.ec2.name,))
    expect("The MX is the EC2 gateway, and nothing else", _compared(answers, wanted))


@then("each answer is the set of hosts that Cloudflare assigned, and only that")
def answers_are_cloudflare(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted = {domain: assigned_mx(migration, domain) for domain in answers}
    expect("The MX is Cloudflare's set, and only that", _compared(answers, wanted))


@then("no answer leads to Cloudflare")
def answers_are_not_cloudflare(expect: Expect, answers: Answers) -> None:
    found = [
        dns.judged(answer, "no host of Cloudflare's", holds=not any(map(is_mx, answer.hosts)), domain=domain)
        for domain, answer in dns.each(answers)
    ]
    expect("Nobody is led to Cloudflare before the switch", found)


@then("none is longer than the settings say")
def ttl_is_short(migration: Migration, expect: Expect, answers: Answers) -> None:
    bound = migration.settings.bounds.ttl_s
    expected = f"an MX that may be kept at most {bound} s"
    found = [
        dns.judged(answer, expected, holds=0 < (answer.ttl or 0) <= bound, domain=domain)
        for domain, answer in dns.each(answers)
    ]
    expect("The MX may be kept for a short time only", found)


@then("the longest TTL from before has run out since it was shortened")
def old_ttl_ran_out(migration: Migration, expect: Expect, answers: Answers) -> None:
    expect("The old lifetime has run out", [_notice(migration, domain) for domain in answers])


def _notice(migration: Migration, domain: str) -> Finding:
    bounds = migration.settings.bounds
    wait_s = max(bounds.ttl_notice_s, bounds.old_ttl_s)
    done = migration.store.last("done", domain, script="lower_ttl")
    if done is None:
        return unknown(domain, "a record of when the lifetime was shortened", "none", domain=domain)
    past_s = migration.clock.now() - done["at"]
    expected, found = f"shortened at least {wait_s / 3600:.0f} h ago", f"shortened {past_s / 3600:.1f} h ago"
    return finding(domain, expected, found, holds=past_s >= wait_s, domain=domain, hint="Wait, and ask again")


def _compared(answers: Answers, wanted: Mapping[str, tuple[str, ...]]) -> list[Finding]:
    return [
        dns.judged(answer, ", ".join(wanted[domain]), holds=set(answer.hosts) == set(wanted[domain]), domain=domain)
        for domain, answer in dns.each(answers)
    ]
