"""Options of pytest's and surroundings that are a stranger's: one sentence, and nothing is put up, judged or stored."""

import time
from contextlib import nullcontext
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from fixtures.evidence import Verdict
from fixtures.gates.plugin import Collect
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.target import TargetError, _require_time
from tests.conftest import minimal, python
from tests.gates.conftest import OTHER, PILOT, World, came_out

PHASE1 = Stage(Gate.PHASE1, (PILOT, OTHER), "phase1")


@pytest.mark.parametrize("option", ["--markers", "--fixtures", "--fixtures-per-test", "--help"])
def test_what_only_informs_puts_up_no_lab(option: str) -> None:
    done = python("pytest", option)
    assert done.returncode in {0, 5}, done.stdout[-2000:] + done.stderr
    assert "putting up" not in done.stdout


@pytest.mark.parametrize(
    ("options", "environment", "says"),
    [
        (["--setup-plan"], {}, "--setup-plan runs no scenario"),
        (["--setup-only"], {}, "--setup-only runs no scenario"),
        ([], {"PYTHONOPTIMIZE": "1"}, "Python leaves assertions out"),
        ([], {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, "pytest-bdd was not loaded"),
        (["-p", "no:pytest-bdd"], {}, "pytest-bdd was not loaded"),
    ],
)
def test_what_keeps_scenarios_from_being_judged_is_refused(
    tmp_path: Path, options: list[str], environment: dict[str, str], says: str
) -> None:
    settings = str(minimal(tmp_path))
    done = python("pytest", "features/", "--gate", "phase2", *options, **environment, MXGATE_CONFIG=settings)
    assert done.returncode == 2
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_run_without_a_debugger_can_be_listed(tmp_path: Path) -> None:
    options = ("--gate", "phase2", "--collect-only", "-q", "-p", "no:debugging")
    done = python("pytest", "features/dns", *options, MXGATE_CONFIG=str(minimal(tmp_path)))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_somebody_elses_test_that_fails_is_no_open_gate(world: World) -> None:
    """The gate keeps its verdict; a pipeline stops."""
    run = world.begun(PHASE1)
    run.add(came_out(PHASE1, Verdict.PASS))
    assert run.conclude(PHASE1).open
    assert run.exit_code == 0
    report = SimpleNamespace(nodeid="test_x.py::test_x", no_scenario=True)
    Collect(run).pytest_runtest_logreport(cast("pytest.TestReport", report))
    assert run.exit_code == 2
    assert "test_x.py::test_x failed, which is no scenario" in run.trouble[0]


@pytest.mark.parametrize(("ahead_s", "refused"), [(32_400, True), (20, False)])
@pytest.mark.parametrize("target", ["live", "lab"])
def test_no_live_system_is_judged_by_a_wrong_clock(
    world: World, monkeypatch: pytest.MonkeyPatch, ahead_s: float, target: str, *, refused: bool
) -> None:
    monkeypatch.setattr(
        "httpx.get", lambda *_, **__: SimpleNamespace(headers={"date": formatdate(time.time() - ahead_s)})
    )
    config = cast("pytest.Config", SimpleNamespace(option=SimpleNamespace(collectonly=False)))
    expected = pytest.raises(TargetError, match="ahead of Cloudflare's")
    with expected if refused and target == "live" else nullcontext():
        _require_time(config, world.having(target=target))
