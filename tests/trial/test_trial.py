"""The trial against emulators whose truth is known: each knob that can be seen from outside is reported as it is, the
account is afterwards as before, also after a kill at any write, and what nobody knew ends in a clear sentence.

``MXGATE_TRIAL_SEEDS=30`` takes the knobs of so many seeds, and ``MXGATE_TRIAL_KILLS=all`` every moment.
"""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.emulator.knobs import Knobs, drawn
from scripts.lib.trial.facts import FACTS, OTHERWISE, UNSEEN
from tests.trial.stage import PILOT

SEEDS = range(1, int(os.environ.get("MXGATE_TRIAL_SEEDS", "2")) + 1)
ALL_KILLS = os.environ.get("MXGATE_TRIAL_KILLS") == "all"
AT_ONCE = 4
"""Each in a network of its own, and mostly waiting."""
MOMENTS = 60
"""Before and after each request that writes: at least so many."""
KNOBS = {"settle_s": 0, "enabling": "refuses"}
LITTLE_MS = 20
"""Of CPU time: in which a Worker can't read 20 MiB."""
RUN_S_MAX = 3600
SLACK_S, EVENTS_SLACK_S = 1.0, 25.0
"""Of what is measured, on a machine that does more besides."""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network namespace")


def on_stage(folder: Path, **asked: Any) -> dict[str, Any]:
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-m", "tests.trial.stage", folder, json.dumps(asked)],
        capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def wrong(found: dict[str, Any], knobs: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What was reported otherwise than it is: knob to what was reported, and what is."""
    odd = {}
    truth = {**Knobs().model_dump(), **knobs}
    for fact in FACTS:
        if fact.name not in Knobs.model_fields:
            continue
        value, real = found["facts"].get(fact.name, [None])[0], truth[fact.name]
        if fact.name == "apex_early" and truth["subdomains"] == "after_apex":
            fine = value is None
        elif fact.name == "settle_s":
            # It lies between the last refusal and the first time that all took mail.
            real, refused_at = found["drawn"][-1], found["facts"]["settling"][0]["last refused"]
            fine = value is not None and refused_at - SLACK_S <= real <= value + SLACK_S
        elif fact.name == "events_lag_s":
            fine = value is not None and abs(value - real) < EVENTS_SLACK_S
        else:
            fine = value == real
        if not fine:
            odd[fact.name] = value, real
    return odd


def test_each_knob_can_be_seen_or_is_named() -> None:
    seen = {each.name for each in FACTS if each.name in Knobs.model_fields}
    assert seen | set(UNSEEN) == set(Knobs.model_fields)
    assert not seen & set(UNSEEN)


@pytest.mark.parametrize("seed", SEEDS)
def test_all_that_can_be_seen_is_reported_right(tmp_path: Path, seed: int) -> None:
    knobs = drawn(seed)
    if little := bool(seed % 2):
        knobs["worker_cpu_ms"] = LITTLE_MS
    spare = knobs["subdomains"] == "after_apex"
    if spare:
        first = on_stage(tmp_path / "first", do="one", knobs=knobs, seed=seed, spare=False)
        assert first["status"] == 0, first["said"][-3000:]
        assert "name a spare zone" in first["stopped"]
        assert first["facts"]["subdomains"][0] == "after_apex"
        assert first["changed"] == []
    found = on_stage(tmp_path / "trial", do="one", knobs=knobs, seed=seed, spare=spare)
    assert found["status"] == 0, found["said"][-3000:]
    assert wrong(found, knobs) == {}, found["said"][-6000:]
    assert found["facts"]["worker_reads"][0] == ("ended" if little else "to its end"), found["facts"]["worker_reads"]
    lock = "/locked" if knobs["unlocking"] == "apex" else ""
    well = "ready" if lock else "unlocked"
    below = well if knobs["spf"] == "replaced" else f"misconfigured{lock}"
    assert f", below {below}, synced " in found["facts"]["unlocking"][1]
    assert len(found["facts"]["limits"][0]) == (2 if knobs["rate_limit"] else 0)
    assert found["changed"] == []
    assert [name for name, (_, _, otherwise) in found["facts"].items() if otherwise] == []
    for name in UNSEEN:
        assert f"{name} can't be seen from outside" in found["said"]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One trial, of which every moment is kept: a killed one leaves nothing but that."""
    folder = tmp_path_factory.mktemp("kept")
    return {"kept": str(folder), **on_stage(folder, do="keep", knobs=KNOBS)}


@pytest.mark.parametrize("way", ["undo", "on"])
def test_killed_at_a_write_nothing_is_left(tmp_path: Path, kept: dict[str, Any], way: str) -> None:
    """Before and after some requests that write; then it is taken away, or gone on with.

    The first of a sample by SIGKILL. For all others one trial is enough.
    """
    moments = kept["moments"]
    assert moments > MOMENTS
    killed: dict[str, Any] = {"do": "kills", "knobs": KNOBS, "way": way}
    instead = killed | {each: kept[each] for each in ("kept", "before")}
    if ALL_KILLS:
        shares = [([*range(1 + each, moments + 1, AT_ONCE)], instead) for each in range(AT_ONCE)]
    else:
        first, *more = range(1 + 8 * (way == "on"), MOMENTS, 16)
        shares = [([first], killed), (more, instead)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(on_stage, tmp_path / str(at[0]), moments=at, **asked) for at, asked in shares]
    found = {each: one for share in running for each, one in share.result().items()}
    assert len(found) == sum(len(at) for at, _ in shares)
    assert [(each, one) for each, one in found.items() if one["then"] or one["changed"]] == []
    assert {one["killed"] for one in found.values()} == {-9}
    if way == "on":
        assert {one["facts"] for one in found.values()} == {len(FACTS)}


def test_the_contract_is_asked_by_its_program(tmp_path: Path) -> None:
    found = on_stage(tmp_path / "whole", do="asked", knobs={}, kill=0)
    assert (found["status"], found["changed"]) == (0, []), found["said"][-3000:]
    assert " lines, 0 answered otherwise than contract.txt has them" in found["said"]
    killed = on_stage(tmp_path / "killed", do="asked", knobs={}, kill=found["moments"] - 12)
    assert (killed["status"], killed["then"], killed["changed"]) == (-9, 0, [])


def test_what_no_rehearsal_knows_ends_in_a_clear_sentence(tmp_path: Path) -> None:
    """Enabling that answers 202 and takes ten minutes."""
    found = on_stage(tmp_path, do="one", knobs={"enabling": "later"}, seed=1, spare=False)
    assert found["status"] == 0, found["said"][-3000:]
    assert (
        f"{OTHERWISE}: enabling while a foreign MX stands on the name: expected refuses or replaces, found"
        in found["said"]
    )
    assert "HTTP 202" in found["said"]
    assert "Traceback" not in found["said"]
    assert "enabling" not in found["knobs"]
    assert "IT ENDED EARLY: Email Routing could not be enabled" in found["said"]
    assert found["changed"] == []
    assert PILOT in found["said"]


def test_a_rule_that_is_refused_while_email_routing_is_off_is_made_afterwards(tmp_path: Path) -> None:
    """And all of them are gone again before it is off."""
    found = on_stage(tmp_path, do="one", knobs=KNOBS | {"rules_while_off": "conflict"}, seed=1, spare=False)
    assert found["status"] == 0, found["said"][-3000:]
    assert found["facts"]["rules_while_off"][0] == "conflict"
    assert found["facts"]["settle_s"][0] is not None
    assert f"{OTHERWISE}: a rule that is made while Email Routing is off: expected accepted, found" in found["said"]
    assert "enable Email Routing for any name below each domain first" in found["said"]
    assert (found["stopped"], found["changed"]) == ("", [])
