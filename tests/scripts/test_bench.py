"""What ``scripts/bench`` prints: each figure as soon as it is known, and one that fails costs no other."""

from collections.abc import Iterator

import pytest

from scripts.lib.bench import command, labs, local
from scripts.lib.bench.figure import Figure, Measured, tried


def broken() -> Measured:
    raise RuntimeError("no peer")


def test_each_figure_is_printed_before_the_next_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = []

    def figures() -> Iterator[Figure]:
        yield tried("one", lambda: (1.0, "a peer", 2.0, 3.0))
        said.append(capsys.readouterr().out)
        yield tried("two", broken)
        said.append(capsys.readouterr().out)
        yield tried("three", lambda: (4.0, "", None, 3.0))

    monkeypatch.setattr(labs, "lab", figures)
    assert command.part("lab") == command.SLOW
    said.append(capsys.readouterr().out)
    assert [each.split()[0] for each in said] == ["one", "two", "three"]
    assert ["2.00" in said[0], "no peer" in said[1], "3 s: OVER" in said[2]] == [True] * 3


def test_all_parts_run_in_processes_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has entered a lab has that lab's files in place of its own, also once the lab is gone."""
    ran: list[list[str]] = []

    def run(argv: list[str], **_: bool) -> object:
        ran.append(argv)
        return type("Done", (), {"returncode": len(ran) == 2})

    monkeypatch.setattr(command.subprocess, "run", run)  # type: ignore[attr-defined]
    assert command.main([]) == command.SLOW
    assert [argv[-1].rpartition("part(")[2] for argv in ran] == [f"{name!r}))" for name in command.PARTS]


def test_a_part_measures_both_and_prints_the_ratio(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local, "LOGGED", 1000)
    assert command.part("log") == command.DONE
    rows = capsys.readouterr().out.splitlines()
    assert [row.split("  ")[0] for row in rows] == [
        "7,000 log lines, each message accounted for",
        "and processor time for that",
    ]
    assert all("pflogsumm" in row and "Error" not in row for row in rows)
