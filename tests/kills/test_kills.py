"""Whatever kills a script, or fails its network, at any write: the next run finishes, and the end is the same.

The same as in a lab of the same seed that nothing befell: every record, rule, destination, file and belonging, after
each phase. Meanwhile numbered mail flows in both, and all of it arrives (the walk itself fails otherwise).

A sample goes as far as the pilot's way back, with one kill in each script; of the other domains it prepares none but
whose policy for MTA-STS is widened. All: ``pytest tests/kills --all-kills``.
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.plan import ROUTES
from tests import warm
from tests.conftest import inherited
from tests.kills import under
from tests.kills.standing import NOT_OURS

SAMPLE_S_MAX, ALL_S_MAX = 1200.0, 5400.0
SAMPLE = ("--until", "phase3-pilot")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")


def walked(folder: Path, name: str, *options: str, limit_s: float = SAMPLE_S_MAX) -> dict[str, Any]:
    """What a walk in a process and a lab of its own left: ``points``, ``states``."""
    outcome = folder / f"{name}.json"
    # As a main module it would run again in each copy that it makes (multiprocessing.spawn).
    code = "import sys; from tests.kills.walk import main; sys.exit(main())"
    argv = ("-c", code, "--name", f"kills-{name}", "--out", str(outcome), *options)
    done = warm.python(argv, inherited(), None, limit_s)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    left: dict[str, Any] = json.loads(outcome.read_text(encoding="utf-8"))
    return left


def same(killed: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    assert killed["states"].keys() == undisturbed["states"].keys()
    for label, expected in undisturbed["states"].items():
        found = killed["states"][label]
        differs = {
            key: (found.get(key), expected.get(key))
            for key in found.keys() | expected.keys()
            if found.get(key) != expected.get(key)
        }
        assert not differs, f"after {label}: {differs}"


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--all-kills", default=False):
        pytest.skip("asked for with --all-kills")


@pytest.fixture(scope="module")
def undisturbed(whole: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:  # noqa: ARG001 - skips
    return walked(tmp_path_factory.mktemp("kills"), "plain", limit_s=ALL_S_MAX)


@pytest.mark.parametrize("route", [each for each in ROUTES if each != "tunnel"])
def test_a_sample_of_kills(route: str, tmp_path: Path) -> None:
    """Each script is killed at one of its writes, as drawn by the seed; and what went there came back whole.

    By a tunnel the same scripts write the same as by a Worker's port, with other values.
    """
    how = (*SAMPLE, "--route", route)
    with ThreadPoolExecutor(2) as pool:
        pair = (f"{route}-plain", *how), (route, *how, "--kind", "kills")
        plain, killed = pool.map(lambda options: walked(tmp_path, *options), pair)
    same(killed, plain)
    scripts = {point.partition(":")[0].partition(" ")[0] for point in killed["points"]}
    others = {"publish_delivery"} if route == "worker" else set()
    assert scripts - {"deploy_worker"} == {*under.NAMES[:8]} - others
    went_back(plain["states"]["phase3-pilot"])


def test_the_worker_is_uploaded_whatever_kills_it(tmp_path: Path) -> None:
    """And then, deleted and uploaded once more, whatever its network does."""
    how = ("--until", "phase1", "--route", "worker", "--only", "deploy_worker", "--every", "--kind", "kills")
    outcome = walked(tmp_path, "worker-kills", *how, "--worker-again", "faults")
    befell = [point.split(": ") for point in outcome["points"]]
    assert {script for script, _ in befell} == {"deploy_worker"}
    assert len({deed.startswith("killed") for _, deed in befell}) == 2, befell


def went_back(state: dict[str, str]) -> None:
    """With ``--with-dell`` everything of the pilot's and of Dell's is as it was: records, rules, files."""
    ours = {key: value for key, value in state.items() if "pilot.example.net" in key and key.startswith("record ")}
    ours |= {
        k: v
        for k, v in state.items()
        if k.startswith(("Email Routing pilot", "Dell /etc", "Dell's Postfix", "record MX dell."))
    }
    changed = {key: value for key, value in ours.items() if value != NOT_OURS and not key.endswith(".bak")}
    assert ours
    assert not changed


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize("options", [("kills",), *(("faults", "--turn", str(turn)) for turn in range(7))], ids=" ".join)
def test_the_way_back(options: tuple[str, ...], tmp_path: Path) -> None:
    """Killed at, or refused each of its writes, in each way: the next run finishes, and no mail is lost."""
    how = (*SAMPLE, "--only", "rollback", "--every", "--kind", *options)
    outcome = walked(tmp_path, "back", *how, limit_s=ALL_S_MAX)
    assert any(point.startswith("rollback:") for point in outcome["points"])
    went_back(outcome["states"]["phase3-pilot"])


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("name", "options"),
    [("kills", ("kills",)), *((f"faults-{turn}", ("faults", "--turn", str(turn))) for turn in range(7))],
)
def test_all(name: str, options: tuple[str, ...], undisturbed: dict[str, Any], tmp_path: Path) -> None:
    """Before, in the middle of, and after each write; and each call failed by the network, each time otherwise."""
    outcome = walked(tmp_path, name, "--every", "--kind", *options, limit_s=ALL_S_MAX)
    print(json.dumps(outcome["points"], indent=1))
    same(outcome, undisturbed)
