"""A lab of the tests' own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fixtures.lab.world import Lab, down
from tests.conftest import PROJECT


@contextmanager
def standing(name: str, seed: int, at: str = "", **how: Any) -> Iterator[Lab]:
    """A lab that goes in the end, and with this process. AT: the gate to which it is carried. HOW: as ``Lab.up``."""
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    down(name)
    lab = Lab.up(name, seed=seed, owner_pid=os.getpid(), **how)
    try:
        if at:
            code = f"from fixtures.lab.stand import stand_at, Lab; stand_at(Lab.find({name!r}), {at!r})"
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr[-3000:]
        yield lab
    finally:
        lab.down()
