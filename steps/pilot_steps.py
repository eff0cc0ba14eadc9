"""The test domain, which goes first and is held for a while."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.gates.progress import Progress, Stage
from fixtures.ledger.switches import first_switch, last_switch, settled
from fixtures.migration import Migration
from fixtures.probes import cloudflare
from steps.cutover_steps import Switches, whole


@given("the pilot, where another domain is about to be switched", target_fixture="pilot")
def pilot_before_others(migration: Migration, stage: Stage) -> str:
    pilot = migration.settings.pilot
    if pilot in stage.domains:
        it = Finding(pilot, Verdict.ABSENT, "another domain about to be switched", "the pilot itself")
        raise Absent("This gate is the pilot's own", (it,))
    return pilot


@when("its hold is looked at", target_fixture="ledgers")
def look_at_hold(migration: Migration, pilot: str) -> Switches:
    since = last_switch(migration, pilot)
    return (settled(migration, pilot, since),) if since is not None else ()


@then("it was switched first, and has been held long enough")
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
    ready = routing.enabled and routing.status == "ready"
    state = passed(pilot, said, routing.evidence) if ready else failed(pilot, "ready", said, routing.evidence)
    aborts = migration.store.recorded("abort rule", pilot, last_switch(migration, pilot) or 0)
    met = [failed(f"{pilot}: {a['rule']}", "no abort rule met", str(a["found"])) for a in aborts]
    expect("The pilot has been well", [state, *met, *whole(ledgers, {pilot: last_switch(migration, pilot)})])
