"""What on Dell bans clients by itself, and what refuses or limits them by a rule."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dell import address_spans, bans, firewall
from fixtures.probes.dell.nft_sets import Network


@given("the addresses that Dell is to admit", target_fixture="admitted_networks")
def admitted_networks(migration: Migration) -> tuple[Network, ...]:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return bans.admitted(migration, with_ec2=not stopped)


@when("whatever on Dell bans clients by itself is examined", target_fixture="bans_found")
def look_at_bans(migration: Migration, admitted_networks: tuple[Network, ...]) -> bans.Bans:
    return bans.look(migration, admitted_networks)


@when("the firewall's rules and the routes on Dell are followed as their mail meets them", target_fixture="shut_out")
def look_at_rules(migration: Migration, admitted_networks: tuple[Network, ...]) -> bans.Bans:
    return firewall.look(migration, admitted_networks)


@then("none of it can touch these addresses")
def bans_spare(expect: Expect, admitted_networks: tuple[Network, ...], bans_found: bans.Bans) -> None:
    claim = "No automatic ban can touch an admitted address"
    expect(claim, [_judged(it, bans_found, admitted_networks, "could ban") for it in bans_found.banners])


@then("none of them is refused, limited or left without an answer at port 25")
def rules_spare(expect: Expect, admitted_networks: tuple[Network, ...], shut_out: bans.Bans) -> None:
    claim = "No rule and no route shuts out an admitted address"
    expect(claim, [_judged(it, shut_out, admitted_networks, "touches") for it in shut_out.banners])


def _judged(it: bans.Banner, found: bans.Bans, admitted: tuple[Network, ...], does: str) -> Finding:
    evidence, expected = found.evidence, f"spares {', '.join(map(str, admitted))}"
    if it.absent:
        return Finding(it.what, Verdict.ABSENT, expected, it.how, evidence=(evidence,))
    if it.unasked:
        return unknown(it.what, expected, it.unasked, evidence, hint=it.hint if it.how else "")
    if it.touches:
        told = f"{it.how}: {does} {address_spans.told(it.touches)}"
        return failed(it.what, expected, told, evidence, hint=it.hint)
    return passed(it.what, it.how, evidence, expected=expected)
