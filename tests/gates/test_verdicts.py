"""What a gate makes of its scenarios, what it stores, and the exit status."""

import re
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fixtures.evidence import Absent, CouldNotAsk, Finding, Inconclusive, Judged, Verdict, failed, passed, unknown
from fixtures.gates import waiver_titles
from fixtures.gates.outcome import Claims, Outcome, describe
from fixtures.gates.script_gate import GateClosed
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration.progress import Kind, Stage
from fixtures.plan.gates import Gate
from fixtures.probes.cloudflare import api as cloudflare, routed
from fixtures.probes.dns import queries as dns
from fixtures.report.model import _of_its_domains
from fixtures.settings import SettingsError, Waiver
from fixtures.target import Target
from steps import cutover
from tests.conftest import minimal
from tests.gates.conftest import OTHER, PILOT, World, came_out
from tests.warm import program

PHASE1 = Stage(Gate.PHASE1, (PILOT, OTHER), "phase1")
PHASE2 = Stage(Gate.PHASE2, (PILOT, OTHER), "phase2")
ABSENT = Finding("TLSA", Verdict.ABSENT, "a record", "none, by the settings' word")
COLLECTED = """
import sys, pytest

class Shows:
    def pytest_collection(self, session):
        from fixtures.gates.collection import FeatureFile
        made = FeatureFile._getobj
        FeatureFile._getobj = lambda file: 1 / 0 if file.path.stem == sys.argv[1] else made(file)

    def pytest_collection_modifyitems(self, items):
        if sys.argv[1] == "a plug-in":
            del items[::4]

    def pytest_collection_finish(self, session):
        from fixtures.gates.session import SESSION
        print("PARTIAL", *session.config.stash[SESSION].partial.values())

pytest.main([*sys.argv[2:], "-q", "--assert=plain", "--collect-only", "--gate", "phase2"], plugins=[Shows()])
"""
BURSTS = "features/admission/bursts.feature"


def ended(stage: Stage, error: BaseException | None, *tags: str, waivers: tuple[Waiver, ...] = ()) -> Outcome:
    outcome = came_out(stage, Verdict.NOT_RUN, *tags)
    outcome.conclude(error, waivers)
    return outcome


def test_what_is_lost_at_the_end_of_several_workers_run_is_no_verdict(world: World, tmp_path: Path) -> None:
    """All was judged, and what stands then can't be read: the report is written, and says so."""
    run = world.begun(PHASE1)
    run.add(ended(PHASE1, None))
    run.look = lambda _: _unasked("Cloudflare's API does not answer")
    target = Target(run, [], tmp_path / "report.html")
    option = SimpleNamespace(collectonly=False, xmlpath=None)
    config = SimpleNamespace(option=option, getoption=lambda *_: 2)
    assert target.finish(cast("pytest.Config", config), 0) == 2
    assert "Cloudflare&#39;s API does not answer" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert world.migration.store.verdict("phase1", "") is None


def _unasked(why: str) -> dict[str, str]:
    raise CouldNotAsk(why)


def waiver(expectation: str, days: int) -> Waiver:
    expires = date.today() + timedelta(days=days)  # noqa: DTZ011 - as the operator's calendar has it
    return Waiver(id=expectation, owner="postmaster", reason="known, and accepted until then", expires=expires)


@pytest.mark.parametrize(
    ("error", "verdict", "opens"),
    [
        (None, Verdict.PASS, True),
        (Absent("claim", (ABSENT,)), Verdict.ABSENT, True),
        (Judged("claim", (failed("a", "b", "c"),)), Verdict.FAIL, False),
        (Inconclusive("claim", (unknown("a", "b", "time-out"),)), Verdict.INCONCLUSIVE, False),
        (OSError("our own fault"), Verdict.INCONCLUSIVE, False),
    ],
    ids=["pass", "absent", "fail", "inconclusive", "our own fault"],
)
def test_how_a_scenario_ends(world: World, error: BaseException | None, verdict: Verdict, *, opens: bool) -> None:
    outcome = ended(PHASE1, error)
    assert outcome.verdict is verdict
    result = world.judge(PHASE1, ended(PHASE1, None), outcome)
    assert result.open is opens
    stored = world.migration.store.verdict("phase1", "")
    assert stored is not None
    assert stored.verdict == ("pass" if opens else verdict)
    assert stored.body == {"judged": {"N-1": stored.verdict}}


def test_one_domain_of_two(world: World) -> None:
    """The pilot may go on although the other domain may not; what speaks of no domain counts against both."""
    members = (passed("MX", "as it should be", domain=PILOT), failed("MX", "that", "this", domain=OTHER))
    result = world.judge(PHASE2, ended(PHASE2, None), ended(PHASE2, Judged("claim", members)))
    assert result.verdicts == {PILOT: Verdict.PASS, OTHER: Verdict.FAIL}
    both = (*members, failed("Dell", "that", "this"))
    result = world.judge(PHASE2, ended(PHASE2, Judged("claim", both)))
    assert result.verdicts == {PILOT: Verdict.FAIL, OTHER: Verdict.FAIL}


def test_no_domain_passes_by_another_ones_failure(world: World) -> None:
    """A scenario that ended before it came to the other domain has not judged that."""
    result = world.judge(PHASE2, ended(PHASE2, Judged("claim", (failed("MX", "that", "this", domain=OTHER),))))
    assert result.verdicts == {PILOT: Verdict.FAIL, OTHER: Verdict.FAIL}


def test_a_sick_pilot_closes_the_gate_of_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is none of the domains that are judged, and what is found of it counts for each of them."""
    sick = failed("Email Routing", "on", "off", domain=PILOT)
    for system, name, said in ((routed, "judged_state", sick), (cutover, "_led", []), (dns, "ask_everywhere", ())):
        monkeypatch.setattr(system, name, lambda *_, said=said: said)
    for name in ("routing", "assigned_mx"):
        monkeypatch.setattr(cloudflare, name, lambda *_: None)
    claims = Claims([passed("the pilot", "held for 48 h")])
    claims.begin(then=True)
    cutover.pilot_well(world.migration, claims.claim, PILOT, ())
    with pytest.raises(Judged) as raised:
        claims.conclude(None)
    stage = Stage(Gate.PHASE3, (OTHER,), "phase3")
    outcome = came_out(stage, Verdict.NOT_RUN, "X-4")
    outcome.findings = claims.findings
    outcome.conclude(raised.value)
    result = world.judge(stage, outcome)
    assert result.verdicts == {OTHER: Verdict.FAIL}
    assert "Email Routing" in {each.member for each in _of_its_domains(result, counts=True).outcomes[0].findings}


@pytest.mark.parametrize(
    ("watched_h", "red_at_h", "whose", "said"),
    [
        (49.0, None, "", ""),
        (0.2, None, "", "pilot.example.net: expected watched for 48 h, found watched for 0.2 h"),
        (49.0, 20.0, "", "found held for 29.0 h since its last red night, switched before it: none"),
        (49.0, 20.0, PILOT, "found held for 29.0 h since its last red night, switched before it: none"),
        (49.0, 20.0, OTHER, ""),
        (99.0, 20.0, "", ""),
    ],
    ids=[
        "well",
        "its watch ended after a quarter of an hour",
        "a red night",
        "a red night of its own",
        "a night that was red for another domain",
        "a red night, and two days since",
    ],
)
def test_a_hold_counts_while_somebody_watches_and_nights_are_green(
    world: World, watched_h: float, red_at_h: float | None, whose: str, said: str
) -> None:
    store, clock = world.migration.store, world.migration.clock
    began = clock.now()
    store.record("done", PILOT, script="switch_mx", plan="")
    store.record("switch", PILOT, began=began, ended=began, real_began=began, real_ended=began)
    store.record("watch", PILOT, running=True)
    for at_h in sorted(filter(None, {watched_h, red_at_h, 49.0})):
        clock.advance(began + at_h * 3600 - clock.now())
        if at_h == red_at_h:
            night = Stage(Gate.PHASE4, (PILOT, OTHER), "night-phase4", Kind.NIGHT)
            broken = came_out(night, Verdict.FAIL, "C-1")
            if whose:
                other = OTHER if whose == PILOT else PILOT
                broken.findings = [failed("x", "y", "z", domain=whose), passed("x", "y", domain=other)]
            assert world.judge(night, broken).verdict is Verdict.FAIL
        if at_h == watched_h:
            store.record("watch", PILOT, running=False)
    claims = Claims([])
    claims.begin(then=True)
    cutover.pilot_held(world.migration, claims.claim, PILOT)
    with pytest.raises(Judged, match=re.escape(said)) if said else nullcontext() as raised:
        claims.conclude(None)
    assert not raised or (raised.type is Inconclusive) == (red_at_h is None)
    assert {each.domain for each in claims.findings} == {""}, "it counts for each domain of the gate"


@pytest.mark.parametrize(
    ("given", "tags", "opens"),
    [
        ((("N-1", 0),), ("N-1",), True),
        ((("N-1", -1),), ("N-1",), False),
        ((("N-2", 9),), ("N-1",), False),
        ((("N-1", 9),), ("N-1", "N-2"), False),
        ((("N-1", 9), ("N-2", 9)), ("N-1", "N-2"), True),
        ((("N-1", 9),), ("P2.1",), False),
    ],
    ids=["until today", "expired", "another id", "one of two ids", "both ids", "no id"],
)
def test_waivers(world: World, given: tuple[tuple[str, int], ...], tags: tuple[str, ...], *, opens: bool) -> None:
    waivers = tuple(waiver(*each) for each in given)  # only now: midnight may have passed since it was collected
    outcome = ended(PHASE1, Judged("claim", (failed("a", "b", "c"),)), *tags, waivers=waivers)
    assert (outcome.verdict is Verdict.WAIVED) is opens
    assert ("postmaster: known" in outcome.waiver) is opens
    assert world.judge(PHASE1, outcome).open is opens


@pytest.mark.parametrize(
    ("title", "opens"), [("", True), ("a scenario", True), ("another", False)], ids=["none", "its own", "another"]
)
def test_a_waiver_may_cover_one_scenario_only(world: World, title: str, *, opens: bool) -> None:
    narrow = waiver("N-1", 9).model_copy(update={"scenario": title})
    outcome = describe(("N-1",), PHASE1.label, "a scenario", "a feature", "a.feature")
    outcome.conclude(Judged("claim", (failed("a", "b", "c"),)), (narrow,))
    assert (outcome.verdict is Verdict.WAIVED) is opens
    assert world.judge(PHASE1, outcome).open is opens


@pytest.mark.parametrize(
    ("covers", "title", "fault"),
    [
        ("X-2", "Nothing bounced, even while a plan had announced it", ""),
        ("X-5", "A domain that has gone through the switch comes back", ""),
        ("N-1", "", ""),
        ("X-2", "Nothing bounced", "X-2 has no scenario 'Nothing bounced'. Expected .* 'Nothing bounced, even while"),
        ("X-1", "Nothing bounced, even while a plan had announced it", "X-1 has no scenario"),
        ("Z-9", "anything", "such as 'none: no scenario judges it'"),
    ],
    ids=["its title", "an outline's, filled in", "all of it", "a part of a title", "another id's", "an id that isn't"],
)
def test_a_waiver_names_a_scenario_that_there_is(covers: str, title: str, fault: str) -> None:
    narrow = waiver(covers, 9).model_copy(update={"scenario": title})
    settings = settings_without_a_lab()
    waiver_titles.check(settings)
    with pytest.raises(SettingsError, match=fault) if fault else nullcontext():
        waiver_titles.check(settings.model_copy(update={"waivers": (narrow,)}))


def test_nothing_judged_opens_nothing(world: World) -> None:
    result = world.judge(PHASE1)
    assert not result.open
    assert "no scenario was judged" in result.reasons


@pytest.mark.parametrize("why", ["-k", "a crash"])
def test_a_partial_run_stores_no_verdict(world: World, why: str) -> None:
    world.judge(PHASE1, came_out(PHASE1, Verdict.PASS))
    run = world.session(PHASE1)
    run.selected["phase1"] = 1 if why == "-k" else 2
    run.partial["phase1"] = why == "-k"
    run.open_stage("phase1")
    run.add(came_out(PHASE1, Verdict.PASS))
    assert "a partial run: no verdict is stored" in run.conclude(PHASE1).reasons
    assert world.migration.store.verdict("phase1", "") is None
    assert run.exit_code == 2


@pytest.mark.parametrize(
    ("asked", "breaks", "environment", "partial"),
    [
        ([], "", {}, False),
        (["features/dns", "./features"], "", {}, False),
        ([BURSTS], "", {}, True),
        (["features/", "--deselect", BURSTS], "", {}, True),
        (["features/"], "", {"PYTEST_ADDOPTS": f"--deselect {BURSTS}"}, True),
        ([str(each) for each in Path("features").glob("*/*.feature") if str(each) != BURSTS], "", {}, True),
        (["features/", "--continue-on-collection-errors"], "bursts", {}, True),
        (["features/"], "", {"PYTEST_ADDOPTS": "-o python_functions=test_e*"}, True),
        (["features/"], "a plug-in", {}, True),
    ],
    ids=["nothing", "also all", "one", "deselected", "by ADDOPTS", "but one", "broken", "by name", "sorted out"],
)
def test_what_leaves_scenarios_out_is_partial(
    tmp_path: Path, *, asked: list[str], breaks: str, environment: dict[str, str], partial: bool
) -> None:
    done = program("-c", COLLECTED, breaks, *asked, **environment, MXGATE_CONFIG=str(minimal(tmp_path)))
    assert f"PARTIAL {partial}" in done.stdout.splitlines(), done.stdout[-3000:] + done.stderr


def test_what_changes_while_it_is_judged(world: World) -> None:
    run = world.begun(PHASE1)
    world.present["EC2's instance"] = "stopped"
    run.add(came_out(PHASE1, Verdict.PASS))
    result = run.conclude(PHASE1)
    assert result.verdicts == {"": Verdict.INCONCLUSIVE}
    assert "changed meanwhile" in result.reasons[0]


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.INCONCLUSIVE, 1)])
def test_exit_status(world: World, verdict: Verdict, status: int) -> None:
    run = world.begun(PHASE1)
    assert run.exit_code == 2
    run.add(came_out(PHASE1, verdict))
    run.conclude(PHASE1)
    assert run.exit_code == status


def test_after_a_closed_gate_nothing_is_done(world: World) -> None:
    done: list[str] = []
    run = world.session(PHASE1, PHASE2, after=lambda stage: done.append(stage.label))
    for stage, verdict in ((PHASE1, Verdict.PASS), (PHASE2, Verdict.FAIL)):
        run.selected[stage.label] = 1
        run.open_stage(stage.label)
        run.add(came_out(stage, verdict))
    run.close_stage("phase1")
    with pytest.raises(GateClosed, match=r"(?s)CLOSED: phase2.*No, for .*against it: N-1"):
        run.close_stage("phase2")
    assert (done, run.closed_by, run.exit_code) == (["phase1"], "gate phase2", 1)


def test_a_script_that_fails_behind_an_open_gate_ends_the_run(world: World) -> None:
    def broken(_stage: Stage) -> None:
        raise RuntimeError("the script ended with 1")

    run = world.session(PHASE1, PHASE2, after=broken)
    run.selected["phase1"] = 1
    run.open_stage("phase1")
    run.add(came_out(PHASE1, Verdict.PASS))
    with pytest.raises(RuntimeError):
        run.close_stage("phase1")
    assert run.closed_by == "what follows gate phase1"
    assert run.trouble == ["the script ended with 1"]
    assert run.exit_code == 1
