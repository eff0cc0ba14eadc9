"""The store's chain: what another hand has done is found, named, and closes the gate; what mxgate does never is."""

import json
import re
import shutil
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.access.clock import Clock
from fixtures.evidence import Verdict
from fixtures.gates.script_gate import GateClosed
from fixtures.migration.progress import Stage
from fixtures.plan.gates import Gate
from fixtures.preflight import machine
from fixtures.report.history import let_through
from fixtures.report.index import heads
from fixtures.report.render import write
from fixtures.store import Store, StoreError, chain, messages, records
from scripts import next as next_steps, store as script
from tests.conftest import minimal, python
from tests.gates.conftest import PILOT, World, came_out, faults as found
from tests.report import sample

STAGE = Stage(Gate.PHASE3, (PILOT,), "phase3")
WRITES = """\
import sys
from fixtures.access.clock import Clock
from fixtures.store import Store
store = Store(sys.argv[1], Clock())
for number in range(60):
    store.record("authority", "a.example.net", second=number)
    store.add_message(message_id=f"<{sys.argv[2]}.{number}@x>", run=sys.argv[2], domain="a.example.net")
    store.update_messages([{"message_id": f"<{sys.argv[2]}.{number}@x>", "arrived_real": 1.5, "copies": 1}])
"""
BOUND = {"gate": "phase3", "domain": PILOT, "target": "t", "settings": "s", "suite": "1", "present": "p"}
ALL_BUT_ID = "kind, domain, at, real_at, body"
CHECK_S_MAX = 1.5
CHECK_BYTES_MAX = 5 * 2**20
APPEND_S_MAX = 0.003


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a row of each kind, and one that was changed since by mxgate itself."""
    made = Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())
    made.put_snapshot("start", "0", {"zones": {"例え.example": "\u202e"}})
    made.record("override", PILOT, script="switch_mx", reason="nobody else was there")
    made.record("night", gate="phase4", verdict="fail")
    made.log("switch_mx", PILOT, "r", "MX", "before", before="a", after="b")
    for run, verdict in (("one", "pass"), ("two", "fail")):
        made.put_verdict(**BOUND, verdict=verdict, run=run, body={})
    made.add_message(message_id="<1@x>", run="r", domain=PILOT, injected_at=1.0, injected_real=2.0)
    made.update_messages([{"message_id": "<1@x>", "bounced": "5.1.1 unknown"}])
    yield made
    made.close()


def head(store: Store) -> chain.Head:
    with store.looking() as db:
        made = chain.head(db)
    assert made is not None
    return made


def by_hand(store: Store, statement: str) -> None:
    with store.engine.begin() as db:
        assert db.exec_driver_sql(statement).rowcount


def test_what_mxgate_writes_is_as_it_was_written(store: Store) -> None:
    assert found(store) == ()
    store.void_verdict("phase3", PILOT)
    assert found(store, chain.Seen(head(store), "the report", 0)) == ()


@pytest.mark.parametrize(
    ("moved_s", "says"),
    [
        (32_400, r"row 3 of records \(night, .*\) is dated 32\d+ s ahead of now"),
        (-86_400, r"row 3 of records \(night, .*\) is dated 86\d+ s before the row that precedes it"),
        (-200, ""),
        (200, ""),
    ],
)
def test_what_a_moved_clock_has_dated_is_named_until_it_is_accepted(
    store: Store, monkeypatch: pytest.MonkeyPatch, moved_s: float, says: str
) -> None:
    with monkeypatch.context() as patched:
        real = time.time
        patched.setattr("fixtures.store.time", SimpleNamespace(time=lambda: real() + moved_s))
        store.record("night", gate="phase4", verdict="pass")
    assert bool(found(store)) == bool(says)
    assert re.search(says, " ".join(found(store)))
    with store.engine.begin() as db:
        chain.begin(db, "the clock stood at zone time; nothing rests on it", 0)
    store.record("night", gate="phase4", verdict="pass")
    assert found(store) == ()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        (
            "UPDATE records SET body = json_set(body, '$.verdict', 'pass') WHERE kind = 'night'",
            r"row 2 of records \(night, .*\) is not what mxgate wrote: it was edited",
        ),
        ("UPDATE records SET at = at - 86400 WHERE kind = 'night'", r"row 2 of records \(night, .*edited"),
        ("DELETE FROM records WHERE kind = 'override'", r"row 1 of records was written, and is gone: it was deleted"),
        ("UPDATE verdicts SET verdict = 'pass' WHERE run = 'two'", r"row 2 of verdicts \(phase3 pilot.*edited"),
        ("UPDATE verdicts SET void = NOT void", r"row 1 of verdicts was voided by a later one, and counts again"),
        ("UPDATE snapshots SET digest = '1'", r"row 1 of snapshots \(start, .*edited"),
        ("DELETE FROM journal", r"row 1 of journal was written, and is gone"),
        ("UPDATE messages SET bounced = NULL", r"row 1 of messages \(.*pilot.*edited"),
        ("DELETE FROM messages", r"row 1 of messages was written, and is gone"),
        (
            f"INSERT INTO records ({ALL_BUT_ID}) SELECT {ALL_BUT_ID} FROM records WHERE kind = 'night'",
            r"row 3 of records \(night, .*put there past mxgate",
        ),
        ("DELETE FROM chain WHERE seq = 3", r"link 4 of its chain does not follow"),
        ("UPDATE chain SET content = 'x' WHERE seq = 3", r"link 3 of its chain does not follow"),
        ("DELETE FROM chain", r"its chain is gone"),
    ],
)
def test_what_another_hand_did_is_named(store: Store, statement: str, says: str) -> None:
    by_hand(store, statement)
    (said,) = found(store)
    assert re.match(says, said), said


@pytest.mark.parametrize("emptied", [("schema",), ("schema", "chain")])
def test_one_without_its_version_is_refused(store: Store, tmp_path: Path, emptied: tuple[str, ...]) -> None:
    for table in emptied:
        by_hand(store, f"DELETE FROM {table}")
    with pytest.raises(StoreError, match=r"rows stand in it, and no version .* put that row back, which says 2"):
        Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())
    migration: Any = SimpleNamespace(store_url=store.url)
    (said,) = machine.store(migration)
    assert (said.verdict, "and no version" in said.found) == (Verdict.FAIL, True)
    by_hand(store, "INSERT INTO schema VALUES (2)")
    Store(f"sqlite:///{tmp_path}/store.sqlite", Clock()).close()


def test_an_older_version_begins_no_new_chain(store: Store, tmp_path: Path) -> None:
    was = head(store)
    by_hand(store, "UPDATE schema SET version = 1")
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as again:
        assert head(again) == was


@pytest.mark.parametrize("how", ["a judging that was broken off", "accepted"])
def test_a_void_verdict_can_not_be_put_in_force_again(store: Store, how: str) -> None:
    if how == "accepted":
        with store.engine.begin() as db:
            chain.begin(db, "the clock was off that night", 0)
    else:
        store.void_verdict("phase3", PILOT)
    assert (store.verdict("phase3", PILOT), found(store)) == (None, ())
    by_hand(store, "UPDATE verdicts SET void = 0 WHERE run = 'two'")
    (said,) = found(store)
    assert said.startswith("row 2 of verdicts was voided by a later one, and counts again")


def test_a_judging_that_began_is_no_verdict(store: Store) -> None:
    """Neither in force, whatever another hand makes of its row, nor the newest that is void."""
    store.void_verdict("phase3", PILOT)
    by_hand(store, "UPDATE verdicts SET void = 0 WHERE verdict = ''")
    assert store.verdict("phase3", PILOT) is None
    newest = store.verdict("phase3", PILOT, void=True)
    assert newest is not None
    assert newest.run == "two"


def test_a_store_of_before_is_whole(store: Store) -> None:
    """Of an mxgate that voided without a row: nothing says so, and nothing is wrong with it."""
    by_hand(store, "UPDATE verdicts SET void = 1")
    assert (store.verdict("phase3", PILOT), found(store)) == (None, ())
    store.put_verdict(**BOUND, verdict="pass", run="three", body={})
    assert found(store) == ()


def test_many_are_not_all_listed(store: Store) -> None:
    for number in range(20):
        store.record("entry", number=number)
    by_hand(store, "DELETE FROM records WHERE kind = 'entry'")
    assert (len(found(store)), found(store)[-1]) == (6, "and more")


def test_an_older_store(store: Store, tmp_path: Path) -> None:
    """A backup that was put back, and rows that were taken out at the end with their links."""
    shutil.copy(tmp_path / "store.sqlite", tmp_path / "backup.sqlite")
    store.record("override", PILOT, script="stop_ec2", reason="it was in the way")
    seen = chain.Seen(head(store), "the report phase3-1.html", 1.8e9)
    assert found(store, seen) == ()
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as again:
        by_hand(again, "DELETE FROM chain WHERE seq = (SELECT max(seq) FROM chain)")
        by_hand(again, "DELETE FROM records WHERE id = (SELECT max(id) FROM records)")
        assert found(again) == ()  # by itself it is whole
        (said,) = found(again, seen)
        newest = seen.head.seq
        assert said.startswith(f"it ends at link {newest - 1}, and the report phase3-1.html of 2027-01-15 ")
        assert said.endswith(
            f"has seen link {newest}: an older copy was put in its place, or the newest rows were taken out"
        )
        again.record("entry")  # and it went on from there
        assert "is not the one that the report phase3-1.html" in found(again, seen)[0]
        assert found(again, chain.Seen(chain.Head("another", 10**6, "x"), "a report of another store", 1.8e9)) == ()


def test_a_gate_over_an_edited_store_is_closed(world: World) -> None:
    """For scripts behind a verdict that stands, and for whoever judges again; green again once it is undone."""
    world.judge(STAGE, came_out(STAGE, Verdict.PASS))
    world.require("switch_mx", PILOT)
    store = world.migration.store
    store.record("override", PILOT, script="stop_ec2", reason="it was in the way")
    with store.engine.begin() as db:
        kept = db.exec_driver_sql("SELECT body FROM records WHERE kind = 'override'").scalar()
    by_hand(store, "UPDATE records SET body = json_set(body, '$.reason', 'all was well') WHERE kind = 'override'")
    with pytest.raises(GateClosed, match=r"not open: .*row \d of records \(override pilot.*edited; Restore the newest"):
        world.require("switch_mx", PILOT)
    result = world.judge(STAGE, came_out(STAGE, Verdict.PASS))
    assert result.verdicts == {PILOT: Verdict.FAIL}
    assert any("it was edited" in reason for reason in result.reasons)
    with store.engine.begin() as db:
        db.execute(sa.text("UPDATE records SET body = :kept WHERE kind = 'override'"), {"kept": kept})
    assert world.judge(STAGE, came_out(STAGE, Verdict.PASS)).open
    world.require("switch_mx", PILOT)


def test_a_store_without_a_chain_is_accepted_once_and_loudly(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    made = world.migration.store
    made.record("entry")
    by_hand(made, "UPDATE schema SET version = 1")
    by_hand(made, "DELETE FROM chain")
    for _ in range(2):
        with closing(Store(made.url, made.clock)) as opened:
            assert found(opened) == ()
    said = capsys.readouterr().err
    assert said.count("kept no chain: what stood in it was accepted as it stood (1 rows); every report will say") == 1
    (said,) = let_through(world.migration)
    assert said.startswith("the store, 1 rows, ")
    assert "kept no chain" in said


def test_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It checks, it names the way out, and what was accepted by it is in the store for good."""
    config = minimal(tmp_path)
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as made:
        made.record("entry")
        assert script.main(["--config", str(config)]) == 0
        assert f"is what mxgate wrote, up to link {head(made)}" in capsys.readouterr().out
        by_hand(made, "UPDATE records SET at = 0")
        assert script.main(["--config", str(config)]) == 1
        said = capsys.readouterr().err
        assert "it was edited\nRestore the newest backup" in said
        assert "a wrong clock has dated need no backup: set it right (timedatectl set-ntp true)" in said
        assert script.main(["--config", str(config), "--accept", "short"]) == 2
        assert script.main(["--config", str(config), "--accept", "the clock was off that night"]) == 0
        assert [row["reason"] for row in made.recorded(chain.ACCEPTED)] == ["the clock was off that night"]
        assert found(made) == ()


@pytest.mark.parametrize("body", ["{not JSON", "[]"])
def test_a_row_that_can_not_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str) -> None:
    """Others name the script that says which row it is."""
    config = minimal(tmp_path)
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as made:
        made.record("switching", PILOT)
        by_hand(made, f"UPDATE records SET body = '{body}'")
        assert next_steps.main(["--config", str(config)]) == 2
        assert re.search(r"python -m scripts\.store .*says which rows", capsys.readouterr().err)
        assert script.main(["--config", str(config)]) == 1
        assert "row 1 of records (switching" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["edited", "an older copy"])
def test_no_verdict_outlives_what_is_accepted(tmp_path: Path, how: str) -> None:
    """It may be what was edited, and in an older copy the one that voided it is missing."""
    config, file, backup = minimal(tmp_path), tmp_path / "store.sqlite", tmp_path / "backup.sqlite"
    for verdict in ("pass", "fail"):
        with closing(Store(f"sqlite:///{file}", Clock())) as made:
            made.put_verdict(**BOUND, verdict=verdict, run=verdict, body={})
            if how == "edited" and verdict == "fail":
                by_hand(made, "UPDATE verdicts SET verdict = 'pass'")
        if verdict == "pass":
            shutil.copy(file, backup)
    if how == "an older copy":
        shutil.copy(backup, file)
    with closing(Store(f"sqlite:///{file}", Clock())) as again:
        assert getattr(again.verdict("phase3", PILOT), "verdict", "") == "pass"
        assert script.main(["--config", str(config), "--accept", "the disk was put back from a backup"]) == 0
        assert again.verdict("phase3", PILOT) is None
        assert found(again) == ()


def test_the_doctor_sees_it(world: World) -> None:
    world.migration.store.record("entry")
    assert [each.verdict for each in machine.store(world.migration)] == [Verdict.PASS]
    by_hand(world.migration.store, "DELETE FROM records")
    (bad,) = machine.store(world.migration)
    assert (bad.verdict, bad.found) == (Verdict.FAIL, "row 1 of records was written, and is gone: it was deleted")
    assert "scripts.store --accept" in bad.hint


def test_heads_are_read_from_reports(store: Store, tmp_path: Path) -> None:
    """And a report's evidence names its head, so that a signature binds it."""
    for name, text in (("new", str(head(store))), ("old", ""), ("odd", "none")):
        write(replace(sample.report(), store_head=text), tmp_path / f"{name}.html")
        assert json.loads((tmp_path / f"{name}.evidence.json").read_text(encoding="utf-8"))["store"] == text
    (seen,) = heads(tmp_path)
    assert (seen.head, seen.by) == (head(store), "the report new.html")
    assert f"<code>{head(store)}</code>" in (tmp_path / "new.html").read_text(encoding="utf-8")


def test_writers_at_once_fork_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.sqlite"
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(partial(python, "-c", WRITES, url), ("watch", "gate", "script")))
    assert [each.returncode for each in done] == [0, 0, 0], [each.stderr[-500:] for each in done]
    with closing(Store(url, Clock())) as made:
        assert found(made) == ()
        assert head(made).seq == 3 * 60 * 3


def test_it_is_checked_in_a_second_and_slows_nobody(tmp_path: Path) -> None:
    """The processor's time, of 100,000 rows, and what it holds of them; and of one more, as watch adds them."""
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as made:
        with made.engine.begin() as db:
            body = {"answers": 4, "without_mx": 0, "mx": [["10 mail.example.net"]]}
            row = {"kind": "authority", "domain": "a", "body": body}
            db.execute(records.insert(), [{**row, "at": n / 2, "real_at": n / 3} for n in range(90_000)])
            sent = [{"message_id": f"<{n}@x>", "run": "r", "injected_at": n / 2} for n in range(10_000)]
            db.execute(messages.insert(), sent)
            chain.begin(db, "", 0)

        def took() -> float:
            began = time.process_time()
            assert found(made) == ()
            return time.process_time() - began

        assert any(took() < CHECK_S_MAX for _ in range(3))
        tracemalloc.start()
        assert found(made, chain.Seen(head(made), "the report", 0)) == ()
        assert tracemalloc.get_traced_memory()[1] < CHECK_BYTES_MAX
        tracemalloc.stop()
        began = time.process_time()
        for number in range(200):
            made.record("authority", "a", second=number)
        assert (time.process_time() - began) / 200 < APPEND_S_MAX
