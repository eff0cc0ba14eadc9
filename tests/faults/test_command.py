"""``scripts/faults`` goes on where it was killed, and counts only what this very program has found."""

import json
from argparse import Namespace
from itertools import chain, combinations
from pathlib import Path
from threading import Event

import pytest

from fixtures.lab.faults import named, usual
from fixtures.lab.faults.walk import Result, Sort, can_stand, in_turn, is_drill
from scripts.lib.faults import command
from tests.conftest import ended
from tests.warm import program

ID = "users can't submit"


def test_what_was_found_is_not_planted_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "faults.jsonl"
    command.Book(file).add(Result(ID, "phase2", Sort.CAUGHT, 1.0, ("E-6",)), 0)
    given = ["--only", ID, "--file", str(file), "--name", "none-stands"]
    assert command.main(given) == 0
    assert "caught for its reason: 1" in capsys.readouterr().out
    assert ID.replace("'", "&#39;") in file.with_suffix(".html").read_text()


def test_a_fault_of_another_route_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--only", "the Worker takes all mail, and hands on nothing", "--file", str(tmp_path / "faults.jsonl")]
    assert command.main(given) == 2
    assert "--route worker" in capsys.readouterr().err


def test_another_versions_results_are_none(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    book = command.Book(file)
    book.add(Result(ID, "phase2", Sort.CAUGHT, 1.0), 0)
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": "0"}) + "\n")
    again = command.Book(file)
    again.read()
    assert not again.results


@pytest.mark.parametrize("again", [[], ["--again"]])
def test_a_file_of_something_else_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str], again: list[str]) -> None:
    file = tmp_path / "catalogue.toml"
    file.write_text("[[fault]]\nid = 1", encoding="utf-8")
    assert command.main(["--only", ID, "--file", str(file), *again]) == 2
    assert f"--file {file}: holds something else than results" in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "[[fault]]\nid = 1"


def test_a_line_that_a_kill_cut_off_is_none(tmp_path: Path) -> None:
    file = tmp_path / "faults.jsonl"
    command.Book(file).add(Result(ID, "phase2", Sort.CAUGHT, 1.0), 0)
    file.write_text(file.read_text() + '{"id": "half a li')
    again = command.Book(file)
    again.read()
    assert list(again.results) == [ID]
    again.add(Result("another", "phase2", Sort.CAUGHT, 1.0), 0)
    assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == [ID, "another"]


def test_two_go_together_that_can_be_distinguished() -> None:
    mine = [fault for fault in in_turn() if usual(fault)]
    queue = command.Queue([*mine])
    taken = list(iter(queue.take, []))
    assert sorted(fault.id for each in taken for fault in each) == sorted(fault.id for fault in mine)
    assert max(map(len, taken)) == command.TOGETHER_MAX
    assert sum(len(each) == command.TOGETHER_MAX for each in taken) > len(mine) / 5
    for first, second in chain.from_iterable(combinations(each, 2) for each in taken):
        assert first.gate == second.gate
        assert first.covers != second.covers
        assert not is_drill(first)
        assert not is_drill(second)
    lmtp, disk = map(
        named, ("strangers bring mail by LMTP, past Postfix", "Dovecot acknowledges what is not on the disk yet")
    )
    assert not can_stand(lmtp, disk), "both save dovecot.conf in one file"
    spf, mx = named("a second SPF record"), named("EC2's MX is still there")
    assert not can_stand(spf, mx), "Email Routing locks the zone again once the first is taken back"


def test_one_lab_has_those_that_carry_it_back_and_the_others_go_on() -> None:
    queue = command.Queue([fault for fault in in_turn() if usual(fault)], labs=2)
    back = [fault for fault in queue.faults if fault.turn == "last"]
    while queue.faults[0].turn != "last":
        queue.take("a")
    assert queue.take("a") == back[:1]
    (behind, *_) = queue.take("b")
    assert behind.turn != "last"
    assert [queue.take("a") for _ in back[1:]] == [[each] for each in back[1:]]
    assert queue.take("a") == []
    assert queue.faults
    while queue.faults:
        assert queue.take("b")


def test_each_by_itself_if_asked() -> None:
    queue = command.Queue([*in_turn()], single=True)
    assert [each for [each] in iter(queue.take, [])] == in_turn()


def test_where_one_lab_fails_the_others_begin_nothing_more() -> None:
    seen = []

    def work(name: str, over: Event) -> None:
        if name == "lab-1":
            raise RuntimeError(name)
        seen.append(over.wait(10))

    with pytest.raises(RuntimeError, match="lab-1"):
        command._by_labs(Namespace(labs=2, name="lab"), work)
    assert seen == [True]


def test_a_slip_of_the_pen(tmp_path: Path) -> None:
    done = program("scripts.lib.faults.command", "--only", "users can submit", "--file", str(tmp_path / "f.jsonl"))
    ended(done, 2, "faults: users can submit: no such fault. Did you mean ")
