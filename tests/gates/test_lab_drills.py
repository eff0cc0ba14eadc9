"""What a lab's gate makes of drills: of none, of one that holds, and of one that a change has voided. And of a lab that
can't be: nobody waits for its drills.
"""

import re
from contextlib import closing, nullcontext
from pathlib import Path

import pytest

from fixtures.evidence import Absent, Inconclusive, Verdict
from fixtures.gates import drills
from fixtures.gates.drills import FromRecord
from fixtures.gates.outcome import Outcome, describe
from fixtures.gates.present import DOVECOT, POSTFIX, present_digest
from fixtures.lab.drills import LABS, Course, Drills
from fixtures.migration.progress import Kind, Stage
from fixtures.migration.version import VERSION
from fixtures.plan.gates import Gate
from tests.gates.conftest import World

KEY = "a.feature::test_it"
PREPARED, TODAY = Stage(Gate.PHASE4, (), "drills-prepared", Kind.DRILLS), Stage(Gate.PHASE1, (), "drills-today")


def recalled(world: World) -> Outcome:
    outcome = describe(["A-6", "drill"], Gate.PHASE3.value, "a name", "a feature", "a.feature", key=KEY)
    drills.recall(world.migration, outcome, present_digest(world.migration, world.look), Gate.PHASE3)
    return outcome


def drilled(world: World, stage: Stage = PREPARED, verdict: Verdict = Verdict.PASS) -> None:
    outcome = describe(["A-6", "drill"], stage.label, "a name", "a feature", "a.feature", key=KEY)
    outcome.verdict, outcome.error = verdict, "" if verdict is Verdict.PASS else "why it is not"
    drills.keep(world.migration, stage, present_digest(world.migration, world.look), [outcome])


@pytest.fixture
def stood(world: World) -> World:
    world.present = {POSTFIX: "myhostname = dell.example.net", DOVECOT: ""}
    world.migration.store.record(drills.STOOD, reason="not drilled: the lab was stood at phase3")
    return world


def test_a_lab_that_was_stood_goes_without(stood: World) -> None:
    with pytest.raises(FromRecord) as raised:
        recalled(stood)
    assert raised.value.verdict is Verdict.WAIVED


def test_one_that_holds_opens(stood: World) -> None:
    drilled(stood)
    assert recalled(stood).findings


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.ABSENT, Verdict.WAIVED])
def test_one_that_did_not_pass_is_what_it_was(stood: World, verdict: Verdict) -> None:
    """What there was nothing to try, or somebody answers for, is no proof, though it opens the gate."""
    drilled(stood)
    drilled(stood, verdict=verdict)
    with pytest.raises(FromRecord, match="why it is not") as raised:
        recalled(stood)
    assert raised.value.verdict is verdict


def test_one_that_a_change_has_voided_closes_the_gate_too(stood: World, monkeypatch: pytest.MonkeyPatch) -> None:
    drilled(stood)
    stood.present[POSTFIX] = "myhostname = other.example.net"
    with pytest.raises(Inconclusive, match="only of Dells configured otherwise"):
        recalled(stood)
    stood.present[POSTFIX] = "myhostname = dell.example.net"
    assert recalled(stood).findings
    other = f"of this Dell as it is, but by another mxgate ({VERSION}; this is 9.9.9+0)"
    monkeypatch.setattr(drills, "VERSION", "9.9.9+0")
    with pytest.raises(Inconclusive, match=re.escape(other)):
        recalled(stood)


def test_one_of_another_world_voids_nothing(stood: World) -> None:
    drilled(stood, TODAY)
    stood.present[POSTFIX] = "myhostname = prepared.example.net"
    with pytest.raises(FromRecord):
        recalled(stood)


@pytest.mark.parametrize("tag", ["", "before_phase1"])
@pytest.mark.parametrize("gate", [Gate.PHASE3, Gate.ROLLEDBACK])
@pytest.mark.parametrize("taken_back", [False, True])
def test_with_dell_taken_back_nothing_comes_back(world: World, tag: str, gate: Gate, *, taken_back: bool) -> None:
    """But what Dell proved before phase 1 is asked for; and where nobody knows of a prepared Dell, all of it is."""
    store, tags = world.migration.store, {"drill", "after_rollback", *filter(None, [tag])}
    drills.require_prepared(world.migration, gate, tags)
    store.record("done", script="prepare_dell", plan="")
    if taken_back:
        store.record("undone", "", scripts=("publish_delivery", "prepare_dell"))
    nothing = taken_back and gate is Gate.ROLLEDBACK and not tag
    with pytest.raises(Absent, match="nothing left to come back from") if nothing else nullcontext():
        drills.require_prepared(world.migration, gate, tags)


def test_nobody_waits_for_a_lab_that_can_not_be(tmp_path: Path) -> None:
    said: list[str] = []
    own, into = tmp_path / "absent.json", f"sqlite:///{tmp_path}/records.sqlite"
    course = Course("nobody", 1, into, own=str(own), worlds=("today", "retired"))
    with closing(Drills(course, said.append)) as drills:
        assert drills.wait(Gate.SIGNOFF)
        drills.wait()
    assert sorted(line.partition(" run: ")[0] for line in said if "waiting" not in line) == [
        "drills, retired: not all could be",
        "drills, today: not all could be",
    ]
    assert all("absent.json" in line for line in said if "waiting" not in line)


@pytest.mark.parametrize(
    ("only", "parts"),
    [
        ("over_its_quota", {"prepared"}),
        ("test_who_cant_relay and stranger", {"today", "prepared", "retired"}),
        ("power", {"prepared", "outages", "retired"}),
        ("returning or nobody_knows_that", set()),
        ("not power", {each.name for parts in LABS.values() for each in parts}),
    ],
)
def test_labs_stand_for_the_drills_that_are_chosen(only: str, parts: set[str]) -> None:
    course = Course("nobody", 1, "", only=only)
    assert {each.name for lab in LABS for each in course.parts(lab)} == parts
