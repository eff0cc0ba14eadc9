"""The operator's own planned commands, run on Dell: the phase2 gate is closed each time, and says why."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.world import Lab, down

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "fixtures/lab/faults/operators_plan.sh"
NAME = "faults"
DELL, EC2 = "dell.webmakeprofit.org", "mail.webmakeprofit.org"
GATE_S_MAX = 180


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab before phase 1, in which nobody waits a whole minute for mail that can't come."""
    down(NAME)
    made = Lab.up(NAME, seed=1)
    try:
        settings = made.folder / "operator/migration.toml"
        settings.write_text(settings.read_text() + "\n[bounds]\narrival_s = 6\n")
        yield made
    finally:
        made.down()


def judge(lab: Lab, gate: str) -> subprocess.CompletedProcess[str]:
    """Judge a gate of the lab in a process of its own, as an operator would."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MXGATE_")}
    command = [sys.executable, "-m", "pytest", "features/", "--gate", gate, "--lab", lab.name, "-q"]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=GATE_S_MAX, check=False
    )


@pytest.mark.parametrize(
    ("ranges", "myhostname", "reasons"),
    [
        pytest.param(
            "lines", DELL, [r"Email Routing 104.30.", "refused", "-e, -X, or -# accepts no multi-line input"], id="X1"
        ),
        pytest.param(
            "one",
            DELL,
            [
                "Email Routing 104.30.0.0: expected the recipient accepted (250), found 554 5.7.1",  # X2
                "plain from Cloudflare's web proxie 104.16.0.7: expected refused with 5xx at RCPT, found 250",  # X3
            ],
            id="X2-X3",
        ),
        pytest.param("one", EC2, ["loops back to myself"], id="X11"),
    ],
)
def test_the_plan_as_typed_closes_phase2(lab: Lab, ranges: str, myhostname: str, reasons: list[str]) -> None:
    typed = PLAN.read_text().replace("$RANGES", ranges).replace("$MYHOSTNAME", myhostname)
    done = lab.exec("dell", ["bash", "-c", typed])
    told = judge(lab, "phase2")
    assert told.returncode == 1, told.stdout[-3000:] + told.stderr[-1000:]
    assert "CLOSED: phase2" in told.stdout
    whole = done.stdout + done.stderr + told.stdout
    for reason in reasons:
        assert reason in whole, f"no word of {reason!r} in:\n{told.stdout[-6000:]}"
