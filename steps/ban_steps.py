"""What on Dell bans clients by itself."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.gates.progress import Progress
from fixtures.migration import Migration
from fixtures.probes import bans
from fixtures.probes.nftables import Network


@given("the addresses that Dell is to admit", target_fixture="admitted_networks")
def admitted_networks(migration: Migration) -> tuple[Network, ...]:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return bans.admitted(migration, with_ec2=not stopped)


@when("whatever on Dell bans clients by itself is examined", target_fixture="bans_found")
def look_at_bans(migration: Migration, admitted_networks: tuple[Network, ...]) -> bans.Bans:
    return bans.look(migration, admitted_networks)


@then("none of it can touch these addresses")
def bans_spare(expect: Expect, admitted_networks: tuple[Network, ...], bans_found: bans.Bans) -> None:
    evidence, expected = bans_found.evidence, f"spares {', '.join(map(str, admitted_networks))}"

    def judge(it: bans.Banner) -> Finding:
        if it.absent:
            return Finding(it.what, Verdict.ABSENT, expected, it.how, evidence=(evidence,))
        if it.unasked:
            return unknown(it.what, expected, it.unasked, evidence)
        if it.touches:
            found = f"{it.how}: could ban {', '.join(map(str, it.touches))}"
            hint = "Except these from it (fail2ban: ignoreip), or a few refused recipients shut Email Routing out"
            return failed(it.what, expected, found, evidence, hint=hint)
        return passed(it.what, it.how, evidence, expected=expected)

    expect("No automatic ban can touch an admitted address", map(judge, bans_found.banners))
