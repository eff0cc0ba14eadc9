"""Scenarios judged by several processes: shown in order, each once, also when one of the processes is killed."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import PROJECT, run, until

CONFTEST = """\
import types
import pytest
from fixtures.gates.side_by_side import SideBySide

class Gates:
    closed_by, noted = "", {}
    store = types.SimpleNamespace(forked=lambda: None)
    settings = types.SimpleNamespace(ec2=types.SimpleNamespace(at_aws=False))
    migration = types.SimpleNamespace(store=store, settings=settings)
    def begin(self): pass
    def is_open(self, label): return label in self.noted
    def open_stage(self, label): self.noted[label] = "noted when " + label + " began"
    def present_of(self, label): return self.noted[label]
    def judge_with(self, label, present): self.noted[label] = present

GATES = Gates()

def pytest_configure(config):
    config.pluginmanager.register(SideBySide(GATES))

@pytest.fixture
def stage(request):
    return GATES.present_of(request.param)
"""
SCENARIOS = """\
import os, signal, time
import pytest

@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("stage", ["first", "second"], indirect=True, scope="function")
def test_scenario(stage, number):
    time.sleep(0.4 if number == 0 else 0.05)
    open(f"{number}-{stage.split()[2]}", "a").write(f"{os.getpid()} {os.getppid()} {stage}\\n")
    if number in DIES and "first" in stage:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(WAITS)
"""


def prepare(folder: Path, dies: tuple[int, ...] = (), waits_s: float = 0) -> list[str]:
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    text = SCENARIOS + f"\nDIES, WAITS = {dies}, {waits_s}\n"
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return ["env", "-C", str(folder), f"PYTHONPATH={PROJECT}", *command]


def judged(folder: Path) -> list[tuple[str, str]]:
    """Who judged each scenario, and whose copy that was."""
    lines = [file.read_text(encoding="utf-8").splitlines() for file in sorted(folder.glob("[0-5]-*"))]
    assert all(len(each) == 1 for each in lines), "a scenario was judged twice"
    return [(each[0].split()[0], each[0].split()[1]) for each in lines]


def shown(text: str) -> list[str]:
    return re.findall(r"test_scenario\S+ (?:PASSED|FAILED)", text)


def test_several_judge_and_are_shown_in_order(tmp_path: Path) -> None:
    done = run(prepare(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    whole = shown(done.stdout)
    names = [f"[{stage}-{number}] PASSED" for stage in ("first", "second") for number in range(6)]
    assert whole == [f"test_scenario{each}" for each in names]
    pids, parents = zip(*judged(tmp_path), strict=True)
    assert len(pids) == 12
    assert 1 < len(set(pids)) <= 3
    assert len(set(parents)) == 1


@pytest.mark.parametrize("dies", [(2,), (0, 1, 2)], ids=["one", "all"])
def test_who_is_killed_leaves_its_scenario_unjudged(tmp_path: Path, dies: tuple[int, ...]) -> None:
    done = run(prepare(tmp_path, dies))
    assert done.returncode == 1
    assert len(judged(tmp_path)) == 12
    assert "ended with -9; it was not judged" in done.stdout


def test_no_copy_outlives_whoever_made_it(tmp_path: Path) -> None:
    with subprocess.Popen(prepare(tmp_path, waits_s=60), stdout=subprocess.DEVNULL) as begun:
        deadline = time.monotonic() + 20
        while sum(file.stat().st_size > 0 for file in tmp_path.glob("[0-5]-*")) < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        pids = [pid for pid, _ in judged(tmp_path)]
        begun.kill()
    assert pids
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "all are gone", 5)
