"""How programs end: in a sentence, with no traceback, and whoever reads may go."""

import re
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, minimal, python, run

PROGRAM = """\
import sys
from fixtures.evidence import keep_secret
from fixtures.evidence.exiting import leave

def main():
    keep_secret("hush-hush-hush")
    {body}
    return 3

leave(main)
"""


def ended(body: str, reader: str = "cat") -> tuple[int, str]:
    """The status of a program that READER reads, and what all of them said."""
    command = f'"$0" -c "$1" | {reader}; exit ${{PIPESTATUS[0]}}'
    done = run(["bash", "-c", command, sys.executable, PROGRAM.format(body=body)])
    return done.returncode, done.stdout + done.stderr


def test_a_reader_that_goes_stops_nothing(tmp_path: Path) -> None:
    """As of ``| head``: what was begun is done to its end, and nobody hears of it."""
    done = tmp_path / "done"
    status, said = ended(f"for _ in range(9999): print('x' * 99)\n    open({str(done)!r}, 'w').close()", "head -c 5")
    assert (status, said) == (3, "xxxxx")
    assert done.exists()


FULL = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), {}); print('x', file=sys.{}, flush=True)"


def test_a_full_disk_stops_nothing() -> None:
    cut = "the output is cut off from here: No space left on device; the work goes on\n"
    assert ended(FULL.format(1, "stdout")) == (3, cut)
    assert ended(FULL.format(2, "stderr")) == (3, "")


def test_letters_that_the_output_has_not_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another language where the locale has only ASCII, and bytes of a log that were no text."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert ended("print('次 next')") == (3, "\\u6b21 next\n")
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8")
    assert ended(r"print('次 \udc80')") == (3, "次 \\udc80\n")


def test_what_nobody_foresaw_is_a_sentence_and_its_traceback_a_file() -> None:
    status, said = ended("raise KeyError('hush-hush-hush')")
    assert status == 1
    found = re.fullmatch(r"-c: a fault of this program: KeyError: .*\. Please report it, with (\S+)\n", said)
    assert found, said
    kept = Path(found[1])
    try:
        assert "Traceback" in kept.read_text(encoding="utf-8")
        assert "hush" not in said + kept.read_text(encoding="utf-8")
        assert kept.stat().st_mode & 0o77 == 0
    finally:
        kept.unlink()


def test_whoever_interrupts_is_answered() -> None:
    assert ended("raise KeyboardInterrupt") == (130, "-c: interrupted\n")


def test_a_program_that_is_run_by_its_path_names_the_command() -> None:
    done = run([sys.executable, "scripts/rollback.py", "--domain", "example.net"])
    way = f"cd {PROJECT} && .venv/bin/python -m scripts.rollback --domain example.net"
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (2, "", way)


@pytest.mark.parametrize("output", [">/dev/full", "| head -c 1"])
def test_a_gate_whose_output_goes_nowhere_keeps_its_status(output: str, tmp_path: Path) -> None:
    """Nothing can be asked here: 1 would say that it was judged, and is closed."""
    command = f'"$0" -m pytest features/ --gate phase1 --config "$1" {output}; exit ${{PIPESTATUS[0]}}'
    done = run(["bash", "-c", command, sys.executable, str(minimal(tmp_path))])
    assert done.returncode == 2
    assert "Traceback" not in done.stderr + done.stdout
    assert done.stderr.count("the output is cut off") <= 1


@pytest.mark.parametrize("columns", ["0", "1"])
def test_a_terminal_without_a_width_is_shown_all(columns: str, tmp_path: Path) -> None:
    done = python("scripts.next", "--config", str(minimal(tmp_path)), COLUMNS=columns)
    assert "Rehearseyourownsystem" in "".join(done.stdout.split())


PROGRAMS = [
    each for each in sorted((PROJECT / "scripts").rglob("*.py")) if "__main__" in each.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_ends_so(program: Path) -> None:
    last = program.read_text(encoding="utf-8").rpartition('if __name__ == "__main__":')[2]
    assert re.fullmatch(r"\s+leave\(main(, at_once=True)?\)\s+", last), last


def test_a_program_may_be_interrupted_before_it_has_begun() -> None:
    done = python("-c", "import scripts; raise KeyboardInterrupt")
    assert done.stderr == "interrupted; nothing was begun\n"
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (["-m", "scripts.rolback"], 1, "No module named scripts.rolback"),
        (["-S", "-m", "scripts.next"], 2, f"mxgate is not set up for this Python ({sys.executable}): rich is missing"),
        (["-c", "import scripts; scripts.starting(); import fixtures.none"], 1, "No module named 'fixtures.none'"),
        (["-c", "import scripts; scripts.starting(); raise KeyboardInterrupt"], -2, "interrupted; nothing was begun"),
    ],
)
def test_a_program_that_never_begins_ends_at_once(argv: list[str], status: int, words: str) -> None:
    """Mistyped, without its packages, or interrupted: whatever says that it is starting is waited for by nobody."""
    done = run([sys.executable, *argv], timeout_s=30)
    assert (done.returncode, words in done.stderr) == (status, True)
    assert "Traceback" not in done.stderr or "fixtures.none" in words
