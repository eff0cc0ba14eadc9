"""What ``scripts/bench`` prints: each figure as soon as it is known, and one that fails costs no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import MagicMock

import pytest

from scripts.lib.bench import command, labs, local, page
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
    assert [argv[-1].rpartition("part(")[2].partition(",")[0] for argv in ran] == [repr(each) for each in command.PARTS]


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


PAIRS = [(1.0, "dig -f", 3.0, None), (2.0, "dig -f", 4.0, None), (4.0, "dig -f", 4.0, None)]


def test_several_measures_come_out_as_a_median_and_a_range() -> None:
    taken = iter(PAIRS)
    row = tried("one", lambda: next(taken), times=3).row()
    assert [each.strip() for each in row.split("  ") if each.strip()] == [
        "one",
        "2.000 s",
        "dig -f",
        "4.000 s",
        "2.00 (1.00-3.00)",
        "-",
    ]


def test_the_table_has_one_row_for_each_peer_and_names_the_machine(tmp_path: Path) -> None:
    others = [Figure(peer, [(1.0, peer, 2.0, None)]) for peer in page.PEERS if peer != "dig"]
    figures = [Figure("one", PAIRS), Figure("two", PAIRS), Figure("no peer", [(1.0, "", None, None)]), *others]
    made = tmp_path / "README.md"
    made.write_text(f"before\n{page.BEGIN}old\n{page.END}after\n", encoding="utf-8")
    page.write(figures, 0.25, made)
    text = made.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{page.BEGIN}| {page.machine(0.25)} | ours |")
    assert text.endswith(f"{page.END}after\n")
    assert text.count("| one | 2.000 s | dig -f | 4.000 s | 2.00 (1.00-3.00) |\n") == 1
    assert not any(word in text for word in ("two", "no peer", "old"))


@pytest.mark.parametrize(
    ("figures", "says"), [([Figure("one", why="no peer")], "one: no peer"), ([Figure("one", PAIRS)], "pflogsumm")]
)
def test_no_table_is_written_where_a_figure_is_missing(figures: list[Figure], says: str, tmp_path: Path) -> None:
    made = tmp_path / "README.md"
    made.write_text(f"{page.BEGIN}old\n{page.END}", encoding="utf-8")
    with pytest.raises(page.NoTableError, match=says):
        page.write(figures, 0.25, made)
    assert "old" in made.read_text(encoding="utf-8")


def test_readme_shows_figures_that_are_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each row of its table is one that a part prints, next to a peer, and tells on which machine and code."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(local, "_seven_lines", str)
    monkeypatch.setattr(local, "SCENARIOS", 1)
    monkeypatch.setattr("fixtures.lab.image.ensure", lambda: tmp_path)
    monkeypatch.setattr(local, "rig", MagicMock())
    monkeypatch.setattr(labs, "Lab", MagicMock())
    for module in (local, labs):
        monkeypatch.setattr(module, "tried", lambda what, *_, **__: Figure(what))
    parts = (local.hop, local.log, local.report, labs.lab, labs.estate)
    printed = {each.what for part in parts for each in part()}
    table = page.PAGE.read_text(encoding="utf-8").partition(page.BEGIN)[2].partition(page.END)[0]
    head, rule, *rows = table.splitlines()
    code = r"Linux \S+, Python 3\S+; \d{4}-\d\d-\d\d, [0-9a-f]{7,} \| ours \|"
    assert re.match(rf"\| \d+ cores \(.+\), \d+ GiB, load \d+\.\d before, {code}", head)
    assert rule == "| --- | --- | --- | --- | --- |"
    assert 5 <= len(rows) <= 12
    for row in rows:
        what, ours, peer, theirs, ratio = row.strip("| ").split(" | ")
        assert what in printed
        assert peer.startswith(page.PEERS)
        assert all(re.fullmatch(r"\d+\.\d{3} s", each) for each in (ours, theirs))
        assert re.fullmatch(r"\d+\.\d\d(?: \(\d+\.\d\d-\d+\.\d\d\))?", ratio)
