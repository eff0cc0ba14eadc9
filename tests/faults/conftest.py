"""One lab for all planted faults. It goes from gate to gate, and at each one what belongs there is planted in it.

The operator's plan comes first, before phase 1: a lab never goes back.
"""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.conftest import run
from tests.labs import carry, standing

NAME = "rows"
GATE_S_MAX = 180
DRILLS_S_MAX = 400
"""Each waits in full for mail that is lost, where a fault loses it."""
ORDER = list(Gate)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="plant every fault of the catalogue, not some of them")


@dataclass(frozen=True)
class Row:
    """A scenario as it came out: its test's name, and why it is red, if it is."""

    name: str
    message: str


@dataclass(frozen=True)
class Judged:
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
        carry(self.lab.name, gate, Gate.PHASE2 if self.moved else self.at)
        self.at, self.moved = gate, False

    def judge(self, gate: Gate | None, keyword: str = "", domain: str = "") -> Judged:
        """Judge a gate (None: the drills), or some of its scenarios, in a process of its own, as an operator would."""
        file = self.folder / "judged.xml"
        file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "features/", "--lab", self.lab.name, "-q"]
        command += ["--gate", gate.value] if gate else ["--drill"]
        command += [f"--junitxml={file}", f"--report={self.folder / 'judged.html'}"]
        command += ["-k", keyword] if keyword else []
        command += ["--domain", domain] if domain else []
        done = run(command, timeout_s=GATE_S_MAX if gate else DRILLS_S_MAX)
        output = done.stdout + done.stderr
        assert file.exists(), output[-5000:]
        return Judged(done.returncode, tuple(_rows(file)), output)


@pytest.fixture(scope="package")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """A lab before phase 1, in which nobody waits a whole minute for mail that can't come."""
    with standing(NAME, 2, month=True) as lab:
        settings = lab.folder / "operator/migration.toml"
        settings.write_text(settings.read_text() + "\n[bounds]\narrival_s = 6\n")
        yield Walk(lab, tmp_path_factory.mktemp("judged"))


def keyword(scenario: str) -> str:
    """Selects it with ``-k``, by the name that pytest-bdd gives to its test."""
    return re.sub(r"\W", "", scenario.replace(" ", "_")).lower()


def _rows(file: Path) -> Iterator[Row]:
    for case in ET.parse(file).iter("testcase"):
        name = case.get("name", "")
        if name.startswith("test_"):
            bad = [each for each in case if each.tag in {"failure", "error"}]
            yield Row(name, "\n".join(f"{each.text}" for each in bad))
