"""The probes against real servers: a lab of their own, and ``inside`` run by a process that lives in its network."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.world import Lab

NAME = "test-probes"
PROJECT = Path(__file__).parents[2]
INSIDE = Path(__file__).with_name("inside")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab for all of these tests."""
    standing = Lab.up(NAME, seed=7, owner_pid=os.getpid())
    yield standing
    standing.down()


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("file", sorted(file.name for file in INSIDE.glob("test_*.py")))
def test_inside(file: str) -> None:
    shell = [sys.executable, "-m", "scripts.lab_cli", "shell", "--name", NAME, "operator", "--"]
    # The conftest at the top chooses a target for the features; here the lab is the target already.
    pytest_ = [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--confcutdir={INSIDE.parent}", str(INSIDE / file)]
    done = subprocess.run(
        [*shell, *pytest_],
        cwd=PROJECT,
        env=os.environ | {"MXGATE_INSIDE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
