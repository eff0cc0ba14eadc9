"""One lab at phase3 for the tests that need the migration under way; the last of them use it up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.lab.world import Lab, down
from tests.conftest import PROJECT

PHASE3 = "tests-path"


@pytest.fixture(scope="package")
def phase3() -> Iterator[Lab]:
    """A lab of which every domain is ready to be switched. It goes with this process."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    down(PHASE3)
    lab = Lab.up(PHASE3, seed=3, owner_pid=os.getpid())
    try:
        code = f"from fixtures.lab.stand import stand_at, Lab; stand_at(Lab.find({PHASE3!r}), 'phase3')"
        done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        yield lab
    finally:
        lab.down()


def as_operator(lab: Lab, code: str) -> Any:
    """What CODE tells, as JSON on its last line, when it runs where the operator is."""
    shell = [sys.executable, "-m", "scripts.lab_cli", "shell", "--name", lab.name, "operator", "--"]
    argv = [*shell, sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
