"""Nobody waits in silence: whatever takes a while says what it is at, in single lines on standard error."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence import Finding, passed, waiting
from fixtures.gates.drift import accepted
from fixtures.gates.drift.reading import State
from fixtures.migration import Migration
from fixtures.preflight import checklist
from fixtures.preflight.checklist import Question
from scripts import accept, snapshot
from scripts.lib import change
from scripts.lib.change import Job, Script, Write

SLOW_S = 0.2
SLOW_IMPORT = """
import sys, runpy, pathlib, time
from fixtures.evidence import waiting
waiting.SILENT_S = 0.05
sys.argv, sys.orig_argv = ["-m"], ["python", "-m", "scripts.next"]
import scripts
time.sleep(0.5)
sys.argv = ["next", "--config", "nowhere.toml"]
runpy.run_module("scripts.next", run_name="__main__")
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes two seconds elsewhere is a moment here."""
    monkeypatch.setattr(waiting, "SILENT_S", SLOW_S / 4)


@pytest.fixture
def opened(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> Migration:
    monkeypatch.setattr(change, "open_migration", lambda _: migration)
    monkeypatch.setattr(change, "present_digest", lambda _: "0" * 16)
    return migration


def slowly(outcome: Any) -> Any:
    def do(*_: object, **__: object) -> Any:
        time.sleep(SLOW_S)
        return outcome

    return do


def test_a_quick_one_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting.waiting(lambda: "for it"):
        pass
    assert capsys.readouterr().err == ""


def test_it_goes_on_to_say_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "AGAIN_S", SLOW_S / 4)
    with waiting.waiting(lambda: "for it"):
        time.sleep(SLOW_S)
    assert capsys.readouterr().err.count("  for it (0 s)\n") >= 2


def test_questions_that_are_asked_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    def ask() -> Iterator[Finding]:
        time.sleep(SLOW_S)
        yield passed("it", "well")

    checklist.ask((Question("quick", lambda: ()), Question("the clock", ask)), 5.0)
    assert "1 of 2 questions are answered, waiting for: the clock (0 s)\n" in capsys.readouterr().err


@pytest.mark.usefixtures("opened")
def test_what_is_read_to_be_accepted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accept, "read", slowly(State()))
    monkeypatch.setattr(accept, "permits", lambda *_: ())
    accept.main([])
    assert "reading all that decides about mail" in capsys.readouterr().err


@pytest.mark.usefixtures("opened")
def test_what_is_read_for_a_snapshot(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    there: dict[str, Any] = {"files": {}, "digests": {}}
    body = {"zones": {}, "destinations": [], "dell": there, "ec2": {**there, "items": [], "unread": []}}
    monkeypatch.setattr(snapshot, "_look", slowly(body))
    assert snapshot.main([]) == 0
    assert "reading how all stands" in capsys.readouterr().err


def test_a_script_says_what_it_reads_before_and_after_it_writes(
    opened: Migration, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = ["old"]

    def plan(_: Job) -> Iterator[Write]:
        time.sleep(SLOW_S)
        yield Write("files", "the record", there[0], "new", lambda: there.append("new"), lambda: there[-1])

    made = Script("merge_spf", "A test.", plan)
    assert made.main(["--json"]) == 3
    shown = capsys.readouterr()
    assert "merge_spf: reading what stands (0 s)\n" in shown.err
    accepted.keep(opened, accepted.FIRST, {"DNS of pilot.example.net": {}})
    monkeypatch.setattr(accepted, "read", slowly(State()))
    monkeypatch.setattr(change, "require_open", slowly(None))
    assert made.main(["--apply", shown.out.partition('"digest": "')[2][:12]]) == 0
    said = capsys.readouterr().err
    assert "merge_spf: asking whether its gate is open (0 s)\n" in said
    assert said.count("reading what decides about mail") == 2


def test_a_program_that_is_slow_to_start_says_so(tmp_path: Path) -> None:
    """A Python that keeps no compiled files, say. Into a file, too."""
    file = tmp_path / "said"
    with file.open("w", encoding="utf-8") as said:
        done = subprocess.run([sys.executable, "-c", SLOW_IMPORT], check=False, stderr=said, timeout=60)
    text = file.read_text(encoding="utf-8")
    assert done.returncode == 2, text
    assert re.match(r"  starting \(0 s\)\n(  starting \(\d+ s\)\n)*next: ", text)
