"""How fast the report of a large gate is opened, and how large it is."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from fixtures.evidence import Evidence, Verdict, passed
from fixtures.gates.outcome import Outcome, Step
from fixtures.gates.session import StageResult
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.report.model import Decision, RunReport
from fixtures.report.render import write

SCENARIOS, MEMBERS, TIMES = 300, 8, 5
OPENED_S_MAX, SIZE_MB_MAX, OPENING_S_MAX = 1.0, 3.0, 60
_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,4000"]


def made() -> RunReport:
    """A gate of many scenarios, none of which says what another one says."""
    scenarios = tuple(map(_scenario, range(SCENARIOS)))
    stage = Stage(Gate.PHASE3, (), "phase3")
    gate = StageResult(stage, {"": Verdict.PASS}, (), 0, 0, stored=True, outcomes=scenarios)
    return RunReport(
        "Bench", Decision.GO, ("All hold.",), "bench", "1", "0", "lab", 0, 1, 0, 1, compressed=False, gates=(gate,)
    )


def opened() -> tuple[float, str, float | None, float | None]:
    """From its start until Chromium has painted the report, less the same for an empty page; medians, in seconds."""
    binary = shutil.which("chromium")
    if binary is None:
        raise RuntimeError("there is no chromium here (apt install chromium)")
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder, "empty.html")
        empty.write_text("<!doctype html><title>empty</title>", encoding="utf-8")
        report = write(made(), Path(folder, "report.html"))
        pairs = [(_open(binary, empty), _open(binary, report)) for _ in range(TIMES)]
    nothing, whole = (statistics.median(each) for each in zip(*pairs, strict=True))
    return whole - nothing, "an empty page, from start to end", nothing, OPENED_S_MAX


def size() -> tuple[float, str, float | None, float | None]:
    """In megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        return write(made(), Path(folder, "report.html")).stat().st_size / 1e6, "", None, SIZE_MB_MAX


def _open(binary: str, page: Path) -> float:
    argv = [binary, *_OPTIONS, f"--user-data-dir={page.parent / 'profile'}", f"--screenshot={page}.png", page.as_uri()]
    begun = time.perf_counter()
    subprocess.run(argv, capture_output=True, check=True, timeout=OPENING_S_MAX)
    return time.perf_counter() - begun


def _scenario(number: int) -> Outcome:
    said = f"what scenario {number} says at length in a sentence"
    steps = [Step(word, said, Verdict.PASS) for word in ("Given", "When", "Then")]
    looks = [
        Evidence(
            f"RCPT TO:<a{number}@b.example> at dell.example:25 from 192.0.2.{member}", f"250 2.1.5 Ok, {number}",
            "\n".join(f"S: 250-line {number}.{member}.{line} of a dialogue with its server" for line in range(14)),
            f"swaks --to a{number}@b.example --server dell.example",
        )
        for member in range(MEMBERS)
    ]  # fmt: skip
    findings = [passed(f"192.0.2.{n}", look.answer, look, expected="250") for n, look in enumerate(looks)]
    name = f"Scenario {number}"
    return Outcome("phase3", name, "A", "features/a.feature", ("N-7",), Verdict.PASS, steps, findings, took_ms=200)
