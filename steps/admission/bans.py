"""What on Dell bans clients by itself, and what refuses or limits them by a rule."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.gates.plugin import AskedFirewall, Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dell import bans, firewall
from fixtures.probes.dell.firewall import Answer, Ruleset
from fixtures.probes.dell.networks import Network

Asked = tuple[Ruleset, Answer | None, str]


@given("the addresses that Dell is to admit", target_fixture="admitted_networks")
def admitted_networks(migration: Migration) -> tuple[Network, ...]:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return bans.admitted(migration.settings, with_ec2=not stopped)


@when("whatever on Dell bans clients by itself is examined", target_fixture="bans_found")
def look_at_bans(migration: Migration, admitted_networks: tuple[Network, ...]) -> bans.Bans:
    return bans.look(migration, admitted_networks)


@when("a kernel with Dell's ruleset and routes is asked with connections from them", target_fixture="firewall_asked")
def ask_a_kernel(migration: Migration, admitted_networks: tuple[Network, ...], asked_firewall: AskedFirewall) -> Asked:
    ruleset = firewall.look(migration.settings)
    return (ruleset, *asked_firewall(ruleset, admitted_networks))


@then("none of it can touch these addresses")
def bans_spare(expect: Expect, admitted_networks: tuple[Network, ...], bans_found: bans.Bans) -> None:
    claim = "No automatic ban can touch an admitted address"
    expect(claim, [each.judged(bans_found.evidence, admitted_networks) for each in bans_found.banners])


@then("none of them is refused, limited or left without an answer at port 25")
def rules_spare(expect: Expect, admitted_networks: tuple[Network, ...], firewall_asked: Asked) -> None:
    ruleset, answer, why = firewall_asked
    claim = "No rule and no route shuts out an admitted address"
    expect(claim, firewall.judged(ruleset, answer, admitted_networks, why))
