"""Email Routing at Cloudflare: destinations, rules, state."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import Address

Routings = dict[str, cloudflare.Routing]


@when("Cloudflare is asked for the account's destinations", target_fixture="destinations")
def ask_destinations(migration: Migration) -> cloudflare.Destinations:
    return cloudflare.destinations(migration)


@when("Cloudflare is asked for the domains' rules", target_fixture="routings")
@when("Cloudflare is asked for the state of Email Routing", target_fixture="routings")
def ask_routing(migration: Migration, domains: tuple[str, ...]) -> Routings:
    return {domain: cloudflare.routing(migration, domain) for domain in domains}


@then("each address has its destination there, and it is verified")
def destinations_verified(
    expect: Expect, addresses: tuple[Address, ...], destinations: cloudflare.Destinations
) -> None:
    def judge(address: Address) -> Finding:
        found, told = destinations.find(address.destination), destinations.evidence
        if found and found.verified:
            return passed(address.destination, f"verified {found.verified}", told, domain=address.domain)
        said = "registered, not verified" if found else "not registered"
        hint = "Somebody must follow the link in Cloudflare's mail to it" if found else "Run prepare_cloudflare"
        return failed(address.destination, "registered and verified", said, told, domain=address.domain, hint=hint)

    expect("Every destination exists and is verified", map(judge, addresses))


@then("each address has exactly one enabled rule, to its own destination")
def one_rule_each(expect: Expect, addresses: tuple[Address, ...], routings: Routings) -> None:
    def judge(address: Address) -> Finding:
        routing = routings[address.domain]
        mine = [rule for rule in routing.rules if rule.address == address.address]
        told = "; ".join(f"{'' if r.enabled else 'disabled '}{r.action} {', '.join(r.destinations)}" for r in mine)
        right = [r for r in mine if r.enabled and r.action == "forward" and r.destinations == (address.destination,)]
        expected, domain = f"one enabled rule, forward to {address.destination}", address.domain
        if len(mine) == len(right) == 1:
            return passed(address.address, expected, routing.evidence, domain=domain)
        return failed(address.address, expected, told or "no rule", routing.evidence, domain=domain)

    expect("One rule for each address, to its own destination", map(judge, addresses))


@then("there is no other rule")
def no_stray_rule(expect: Expect, addresses: tuple[Address, ...], routings: Routings) -> None:
    known = {address.address for address in addresses}

    def judge(domain: str, routing: cloudflare.Routing) -> Finding:
        stray = [rule.address or rule.name for rule in routing.rules if rule.address not in known]
        if stray:
            return failed(domain, "no other rule", ", ".join(stray), routing.evidence, domain=domain)
        return passed(domain, f"{len(routing.rules)} rules, all known", routing.evidence, domain=domain)

    expect("No rule that the settings don't know", (judge(d, r) for d, r in routings.items()))


@then("the catch-all is as decided, and leads to no mailbox")
def catch_all_as_decided(migration: Migration, expect: Expect, routings: Routings) -> None:
    def judge(domain: str, routing: cloudflare.Routing) -> Finding:
        wanted, rule = migration.settings.domain(domain).catch_all, routing.catch_all
        expected = {"off": "disabled: unknown addresses are refused", "drop": "enabled: drops"}[wanted]
        found = f"{'enabled' if rule.enabled else 'disabled'}, {rule.action} {', '.join(rule.destinations)}".strip()
        holds = rule.enabled == (wanted == "drop") and (rule.action == "drop" or not rule.enabled)
        make = passed(domain, found, routing.evidence, expected=expected, domain=domain)
        return make if holds else failed(domain, expected, found, routing.evidence, domain=domain)

    expect("The catch-all folds no mailboxes together", (judge(d, r) for d, r in routings.items()))


@then("it is enabled and ready, and no record is missing")
def routing_ready(expect: Expect, routings: Routings) -> None:
    def judge(domain: str, routing: cloudflare.Routing) -> Finding:
        lacking = ", ".join(f"{each.type} {each.name}" for each in routing.missing)
        found = f"enabled: {routing.enabled}, status {routing.status}, missing: {lacking or 'nothing'}"
        found += f"; Cloudflare says: {', '.join(routing.faults)}" if routing.faults else ""
        if routing.complete:
            return passed(domain, found, routing.evidence, domain=domain)
        expected = "enabled, status ready or unlocked, nothing missing"
        return failed(domain, expected, found, routing.evidence, domain=domain)

    expect("Email Routing is enabled and ready", (judge(d, r) for d, r in routings.items()))
