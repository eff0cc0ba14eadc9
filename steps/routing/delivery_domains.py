"""The delivery domains, to which Email Routing forwards."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns

Answers = dict[str, tuple[dns.Answer, ...]]
Routings = dict[str, cloudflare.Routing]


@when("every name server and every resolver is asked for the MX of their delivery domains", target_fixture="mx")
def ask_delivery_mx(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return {name: dns.ask_everywhere(migration, migration.settings.domain(name).delivery, "MX") for name in subjects}


@then("each answer is Dell, and Dell alone")
def served_by_dell(migration: Migration, expect: Expect, mx: Answers) -> None:
    wanted = migration.settings.dell.name

    def judge(domain: str, answer: dns.Answer) -> Finding:
        member, told = f"{answer.name} at {answer.server}", answer.evidence
        if answer.error:
            return unknown(member, wanted, answer.error, told, domain=domain)
        if answer.hosts == (wanted,):
            return passed(member, told.answer, told, expected=wanted, domain=domain)
        hint = f"A cache lets go of it in {answer.ttl} s" if answer.server.recursive and answer.ttl else ""
        hint = hint or "Run publish_delivery: what is forwarded goes there and nowhere else"
        return failed(member, f"{wanted} alone", told.answer, told, domain=domain, hint=hint)

    expect("Dell alone serves the delivery domains", (judge(d, answer) for d, each in mx.items() for answer in each))


@then("no delivery domain is routed itself, or shared with another domain")
def delivery_is_its_own(migration: Migration, expect: Expect, mx: Answers) -> None:
    settings = migration.settings

    def judge(domain: str, answers: tuple[dns.Answer, ...]) -> Finding:
        name = settings.domain(domain).delivery
        others = [each.name for each in settings.domains if each.delivery == name and each.name != domain]
        told = tuple(answer.evidence for answer in answers)
        if others:
            hint = "Two mailboxes of the same name would become one: give each domain its own"
            expected = f"{domain}'s alone"
            return failed(name, expected, f"also that of {', '.join(others)}", *told, domain=domain, hint=hint)
        led = {host for answer in answers for host in answer.hosts if cloudflare.is_mx(host)}
        if led or name in settings.domain_names:
            found = ", ".join(sorted(led)) or "a routed domain"
            return failed(name, "not routed", found, *told, domain=domain, hint="Cloudflare would ask itself")
        return passed(name, f"of {domain} alone, not routed", *told, domain=domain)

    expect("A delivery domain is nobody else's", (judge(d, each) for d, each in mx.items()))


@then("no rule and no catch-all forwards to a routed domain")
def no_loop(migration: Migration, expect: Expect, routings: Routings) -> None:
    routed = set(migration.settings.domain_names)
    expect("Nothing leads back", (each for domain, it in routings.items() for each in _loops(domain, it, routed)))


def _loops(domain: str, routing: cloudflare.Routing, routed: set[str]) -> Iterator[Finding]:
    every = (*routing.rules, routing.catch_all)
    bad = [(rule, to) for rule in every for to in rule.destinations if to.rpartition("@")[2] in routed]
    for rule, to in bad:
        said = f"{'' if rule.enabled else 'disabled: '}forward to {to}"
        hint = "Cloudflare is its mail server too: forward to the delivery domain"
        name = rule.address or f"catch-all of {domain}"
        yield failed(name, "an address that is not routed", said, routing.evidence, domain=domain, hint=hint)
    if not bad:
        found = f"{len(routing.rules)} rules and the catch-all, none of them to a routed domain"
        yield passed(domain, found, routing.evidence, domain=domain)
