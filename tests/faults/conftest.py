"""One lab for all planted faults. It goes from gate to gate, and at each one what belongs there is planted in it.

The operator's plan comes first, before phase 1: a lab never goes back.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.gates import Gate
from fixtures.lab.world import Lab
from tests.labs import standing

ROOT = Path(__file__).parents[2]
NAME = "rows"
STAND_S_MAX, GATE_S_MAX = 240, 180
ORDER = list(Gate)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="plant every fault of the catalogue, not some of them")


@dataclass(frozen=True)
class Row:
    """A scenario as it came out: its test's name, and why it is red, if it is."""

    name: str
    message: str


@dataclass(frozen=True)
class Told:
    """A gate's run."""

    status: int
    rows: tuple[Row, ...]
    output: str

    @property
    def red(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.message)


@dataclass
class Walk:
    """The lab on its way. Gates lie ahead or are passed: it never goes back."""

    lab: Lab
    folder: Path
    at: Gate = Gate.PHASE1
    moved: bool = False
    """A drill took a domain back: from here it goes on by phase 2's scripts."""

    def to(self, gate: Gate) -> None:
        """Carry it to GATE by the scripts."""
        if gate is self.at:
            return
        assert ORDER.index(gate) > ORDER.index(self.at), f"the lab stands at {self.at} already"
        code = "import sys; from fixtures.lab.stand import stand_at; from fixtures.lab.world import Lab; "
        code += "stand_at(Lab.find(sys.argv[1]), *sys.argv[2:])"
        since = Gate.PHASE2 if self.moved else self.at
        done = _python(["-c", code, self.lab.name, gate.value, since.value], STAND_S_MAX)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        self.at, self.moved = gate, False

    def judge(self, gate: Gate | None, keyword: str = "", domain: str = "") -> Told:
        """Judge a gate (None: the drills), or some of its scenarios, in a process of its own, as an operator would."""
        file = self.folder / "told.xml"
        file.unlink(missing_ok=True)
        command = ["-m", "pytest", "features/", "--lab", self.lab.name, "-q"]
        command += ["--gate", gate.value] if gate else ["--drill"]
        command += [f"--junitxml={file}", f"--report={self.folder / 'told.html'}"]
        command += ["-k", keyword] if keyword else []
        command += ["--domain", domain] if domain else []
        done = _python(command, GATE_S_MAX)
        output = done.stdout + done.stderr
        assert file.exists(), output[-5000:]
        return Told(done.returncode, tuple(_rows(file)), output)


@pytest.fixture(scope="package")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A lab before phase 1, in which nobody waits a whole minute for mail that can't come."""
    with standing(NAME, 2) as lab:
        settings = lab.folder / "operator/migration.toml"
        settings.write_text(settings.read_text() + "\n[bounds]\narrival_s = 6\n")
        yield Walk(lab, tmp_path_factory.mktemp("told"))


def keyword(scenario: str) -> str:
    """Selects it with ``-k``, by the name that pytest-bdd gives to its test."""
    return re.sub(r"\W", "", scenario.replace(" ", "_")).lower()


def _rows(file: Path) -> Iterator[Row]:
    for case in ET.parse(file).iter("testcase"):
        name = case.get("name", "")
        if name.startswith("test_"):
            bad = [each for each in case if each.tag in {"failure", "error"}]
            yield Row(name, "\n".join(f"{each.text}" for each in bad))


def _python(arguments: list[str], limit_s: float) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MXGATE_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=limit_s, check=False,
    )  # fmt: skip
