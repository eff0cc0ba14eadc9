"""One lab at phase3 for the tests that need the migration under way; the last of them use it up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.lab.world import Lab
from tests.conftest import PROJECT
from tests.labs import standing

PHASE3 = "tests-path"


@pytest.fixture(scope="package")
def phase3() -> Iterator[Lab]:
    """A lab of which every domain is ready to be switched. It goes with this process."""
    with standing(PHASE3, 3, "phase3") as lab:
        yield lab


def as_operator(lab: Lab, code: str) -> Any:
    """What CODE tells, as JSON on its last line, when it runs where the operator is."""
    shell = [sys.executable, "-m", "scripts.lab_cli", "shell", "--name", lab.name, "operator", "--"]
    argv = [*shell, sys.executable, "-c", code]
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
