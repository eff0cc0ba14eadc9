"""The light run after sign-off: what it leaves out, when it may run, and that no gate counts it."""

from __future__ import annotations

from fixtures.evidence import Verdict
from fixtures.gates import nights
from fixtures.gates.catalogue import expectations
from fixtures.gates.traceability import scenarios
from fixtures.migration.progress import STRANGERS, Kind, Progress, Stage, night_stages, week_stages
from fixtures.plan.gates import Gate
from tests.gates.conftest import OTHER, PILOT, World, came_out

WEEK = Stage(Gate.SIGNOFF, (PILOT, OTHER), "week", Kind.WEEK)
NIGHT = Stage(Gate.SIGNOFF, (PILOT, OTHER), "night-signoff", Kind.NIGHT)


def test_what_it_judges() -> None:
    """What a night judges at that gate, less what plays strangers or speaks of the move."""
    of_night, of_week = ({key for s in scenarios() if each.judges(s.tags) for key in s.ids} for each in (NIGHT, WEEK))
    assert of_night - of_week == STRANGERS | {"D-5"}  # D-5 stands next to A-4 in one scenario
    assert of_week == {"A-5", "A-16", "C-1", "C-2", "C-4", "E-1", "E-2", "E-6", "N-4", "N-7"}
    assert all("soak" in expectations()[key].kinds for key in of_week)


def test_it_is_for_when_all_is_over(world: World) -> None:
    store, settings = world.migration.store, world.migration.settings
    store.record("done", script="prepare_dell", plan="")
    for domain in settings.domain_names:
        for script in ("prepare_cloudflare", "switch_mx"):
            store.record("done", domain, script=script, plan="")
    store.record("done", script="stop_ec2", plan="")
    assert week_stages(Progress.read(store, settings)) == []
    assert night_stages(Progress.read(store, settings))
    store.record("done", script="delete_ec2", plan="")
    assert week_stages(Progress.read(store, settings)) == [
        Stage(Gate.SIGNOFF, settings.domain_names, "week", Kind.WEEK)
    ]


def test_no_gate_counts_it(world: World) -> None:
    world.judge(NIGHT, came_out(NIGHT, Verdict.PASS, "N-7"))
    world.judge(WEEK, came_out(WEEK, Verdict.FAIL, "N-7"))
    found = nights.series(world.migration)
    assert (len(found.nights), len(found.red)) == (1, 0)
    newest = nights.newest(world.migration)
    assert newest is not None
    assert (newest.light, newest.verdict) == (True, Verdict.FAIL)
