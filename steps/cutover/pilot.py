"""The test domain, which goes first and is held for a while."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import first_switch, last_switch, settled
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns
from fixtures.watching import abort_rules
from steps.cutover.numbered_mail import Switches, whole

LAST_CACHE_S = 60.0
"""A resolver may hand on an answer in its last second, and a queue use it a little later."""


@given("that a domain other than the pilot is about to be switched", target_fixture="pilot")
def pilot_before_others(migration: Migration, stage: Stage) -> str:
    pilot = migration.settings.pilot
    if pilot in stage.domains:
        it = Finding(pilot, Verdict.ABSENT, "another domain about to be switched", "the pilot itself")
        raise Absent("This gate is the pilot's own", (it,))
    return pilot


@when("the pilot's time since its switch is reviewed", target_fixture="ledgers")
def look_at_hold(migration: Migration, pilot: str) -> Switches:
    since = last_switch(migration, pilot)
    return (settled(migration, pilot, since),) if since is not None else ()


@then("it was switched first, and has been served long enough")
def pilot_held(migration: Migration, expect: Expect, pilot: str) -> None:
    progress, since = Progress.read(migration.store, migration.settings), last_switch(migration, pilot)
    others = [d for d in migration.settings.domain_names if d != pilot and progress.switched(d)]
    bound = migration.settings.bounds.pilot_hold_s
    held = migration.clock.now() - since if since and progress.switched(pilot) else 0.0
    earlier = [d for d in others if (first_switch(migration, d) or 0) < (first_switch(migration, pilot) or 0)]
    said = f"held for {held / 3600:.1f} h, switched before it: {', '.join(earlier) or 'none'}"
    expected = f"first of all, and held for {bound / 3600:.0f} h"
    make = passed(pilot, said, expected=expected) if held >= bound and not earlier else failed(pilot, expected, said)
    if since is None and progress.switched(pilot):
        make = unknown(pilot, "a record of its switch", "none")
    expect("The pilot went first and was held", (make,))


@then("Cloudflare serves it, and its mail arrived all the while")
def pilot_well(migration: Migration, expect: Expect, pilot: str, ledgers: Switches) -> None:
    routing = cloudflare.routing(migration, pilot)
    said = f"enabled: {routing.enabled}, status {routing.status}"
    told = (said, routing.evidence)
    state = passed(pilot, *told) if routing.complete else failed(pilot, "ready, nothing missing", *told)
    aborts = abort_rules.alarms(migration.store, pilot, last_switch(migration, pilot) or 0)
    met = [_aborted(pilot, alarm) for alarm in aborts]
    served = [*_mx(migration, pilot), *_rules(migration, pilot, routing), *_path(migration, pilot, ledgers)]
    expect("The pilot has been well", [state, *met, *served, *whole(ledgers, {pilot: last_switch(migration, pilot)})])


def _aborted(pilot: str, alarm: abort_rules.Alarm) -> Finding:
    member, expected, found = f"{pilot}: {alarm.rule.name}", "no abort rule met", alarm.rule.found
    if alarm.withdrawn:
        return passed(member, f"a false alarm ({found}), withdrawn: {alarm.withdrawn}", expected=expected)
    return failed(
        member, expected, found, hint=f"If it proved wrong: python -m scripts.watch --domain {pilot} withdraws it"
    )


def _mx(migration: Migration, pilot: str) -> Iterator[Finding]:
    """N-7: every server and resolver names Cloudflare's hosts alone."""
    assigned = cloudflare.assigned_mx(migration, pilot)
    for answer in dns.ask_everywhere(migration, pilot, "MX"):
        member, expected = f"{pilot} at {answer.server}", ", ".join(assigned)
        if answer.error:
            yield unknown(member, expected, answer.error, answer.evidence)
        else:
            make = Verdict.PASS if set(answer.hosts) == set(assigned) else Verdict.FAIL
            yield Finding(member, make, expected, answer.evidence.answer, "", (answer.evidence,))


def _rules(migration: Migration, pilot: str, routing: cloudflare.Routing) -> Iterator[Finding]:
    """C-1, C-2: each address has one enabled rule to its own destination, which is verified."""
    known = cloudflare.destinations(migration)
    for address in migration.settings.addresses((pilot,)):
        rules = [rule for rule in routing.rules if rule.address == address.address and rule.enabled]
        there = known.find(address.destination)
        right = len(rules) == 1 and rules[0].destinations == (address.destination,) and there and there.verified
        said = f"{len(rules)} enabled rules, destination {'verified' if there and there.verified else 'not verified'}"
        make = Verdict.PASS if right else Verdict.FAIL
        expected = f"one enabled rule to {address.destination}, verified"
        yield Finding(address.address, make, expected, said, "", (routing.evidence, known.evidence))


def _path(migration: Migration, pilot: str, ledgers: Switches) -> Iterator[Finding]:
    """E-1, E-2: since the old answer has left every cache, its numbered mail came through Cloudflare alone."""
    caches = migration.settings.bounds.ttl_s + LAST_CACHE_S
    for each in ledgers:
        late = [entry for entry in each.entries if entry.injected_at > each.since + caches and entry.arrived]
        other = [entry for entry in late if entry.path != "cloudflare"]
        said = f"{len(late)} messages since, {len(other)} of them by another way"
        if other:
            yield failed(pilot, "all through Cloudflare", f"{said}: {other[0].sentence()}", each.evidence)
        elif late:
            yield passed(pilot, said, each.evidence)
        else:
            yield unknown(pilot, "numbered mail since the last cache let go", said, each.evidence)
