"""What all scripts share: one operator at a time, and exactly the plan that was shown. The system changed is a file."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from fixtures.evidence import CouldNotAsk, waiting
from fixtures.gates import upkeep
from fixtures.gates.drift import accepted
from fixtures.gates.script_gate import GateClosed
from fixtures.migration import Migration
from fixtures.plan.gates import Gate
from fixtures.store import Locked, StoreError, locks, records
from scripts.lib import change
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dell import guests

pytestmark = pytest.mark.usefixtures("file")
APPLY = ("--override", "a test of only the scripts", "--apply")
HOLDER = """
import sys, time
from fixtures.access.clock import Clock
from fixtures.store import Store
with Store(sys.argv[1], Clock()).lock("migration", "switch_mx pilot.example.net"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def file(tmp_path: Path, migration: Migration, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the script changes from "old" to "new"; the migration's systems are not there."""
    monkeypatch.setattr(change, "open_migration", lambda _: migration)
    monkeypatch.setattr(change, "present_digest", lambda _: "0" * 16)
    made = tmp_path / "record"
    made.write_text("old", encoding="ascii")
    return made


def script(file: Path) -> Script:
    def read() -> str:
        return file.read_text(encoding="ascii")

    def do() -> None:
        file.write_text("new", encoding="ascii")

    def plan(_: Job) -> Iterator[Write]:
        if (now := read()) != "new":
            yield Write("files", "the record", now, "new", do, read)

    return Script("rollback", "A test.", plan)  # which needs no gate


@pytest.fixture
def holder(file: Path) -> Iterator[subprocess.Popen[str]]:
    """Another operator, in the middle of a switch."""
    url = f"sqlite:///{file.parent}/store.sqlite"
    begun = subprocess.Popen([sys.executable, "-c", HOLDER, url], stdout=subprocess.PIPE, text=True)
    assert begun.stdout
    assert begun.stdout.readline() == "held\n"
    yield begun
    begun.kill()
    begun.wait()
    begun.stdout.close()


def planned(program: Script, capsys: pytest.CaptureFixture[str]) -> str:
    assert program.main(["--json"]) == 3
    return str(json.loads(capsys.readouterr().out)["digest"])


def digest(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    return planned(script(file), capsys)


def test_the_second_operator_reads_who_is_at_work(
    file: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = digest(file, capsys)
    for more, way_out in ((), "It puts its MX back first"), (("--take-lock",), "that process lives"):
        assert script(file).main([*APPLY, plan, *more]) == 1
        said = capsys.readouterr().err
        assert re.search(rf"pid {holder.pid} since {time.strftime('%Y-%m-%d')} .*\(switch_mx pilot.example.net\)", said)
        assert way_out in said
    assert file.read_text(encoding="ascii") == "old"


def test_only_a_switch_puts_its_mx_back_first(migration: Migration) -> None:
    store = migration.store
    with store.lock("migration", "merge_spf pilot.example.net"), pytest.raises(Locked) as raised:
        store.take_over("migration")
    assert str(raised.value).endswith("and run this again")


def test_a_dead_operators_lock_is_taken_on_request_only(
    file: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plan = digest(file, capsys)
    holder.kill()
    holder.wait()
    assert script(file).main([*APPLY, plan]) == 1
    assert "That process is dead: take the lock over with --take-lock" in capsys.readouterr().err
    assert script(file).main([*APPLY, plan, "--take-lock"]) == 0
    assert file.read_text(encoding="ascii") == "new"
    assert script(file).main([*APPLY, plan]) == 0  # and it was let go


@pytest.mark.parametrize("born", ["started ", "boot "])
def test_another_process_of_the_same_number_is_not_the_owner(
    file: Path, holder: subprocess.Popen[str], capsys: pytest.CaptureFixture[str], born: str
) -> None:
    """Its owner began at another moment, or before the machine was booted last, whatever its clock said."""
    assert holder.poll() is None
    with sqlite3.connect(file.parent / "store.sqlite") as db:
        db.execute(f"UPDATE locks SET since = 1, owner = replace(owner, '{born}', '{born}1')")
    assert script(file).main([*APPLY, digest(file, capsys), "--take-lock"]) == 0


def test_a_stale_plan_is_refused_with_what_stands_now(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = digest(file, capsys)
    file.write_text("another hand's", encoding="ascii")
    assert script(file).main([*APPLY, plan]) == 1
    outcome = capsys.readouterr()
    assert f"the plan is no longer {plan}" in outcome.err
    assert "- another hand's\n" in outcome.out
    assert file.read_text(encoding="ascii") == "another hand's"


def test_what_stands_afterwards_makes_no_failure(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is written; Dell or AWS, which is asked for what stands now, is silent."""
    plan, stands = digest(file, capsys), Mock(side_effect=["before", CouldNotAsk("Dell is silent")])
    monkeypatch.setattr(change, "_stands", stands)
    assert script(file).main([*APPLY, plan]) == 0
    assert stands.call_count == 2


@pytest.mark.parametrize("freely", [True, False])
def test_who_needs_no_open_gate_writes_where_a_system_is_silent(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, freely: bool
) -> None:
    """AWS has blocked the account, or nobody has one any more; behind an open gate what stands has to be known."""
    monkeypatch.setattr(change, "present_digest", Mock(side_effect=CouldNotAsk("AWS, instance i-1: Blocked")))
    monkeypatch.setattr(change, "require_open", lambda *_: "")
    monkeypatch.setattr(upkeep, "applies", lambda *_: freely)
    gated, plan = replace(script(file), name="prepare_dell"), digest(file, capsys)
    assert gated.main(["--apply", plan]) == (0 if freely else 1)
    assert file.read_text(encoding="ascii") == ("new" if freely else "old")
    file.write_text("old", encoding="ascii")
    assert gated.main([*APPLY, plan]) == 0


@pytest.mark.parametrize("in_force", [True, False])
def test_an_override_reads_what_stands_only_for_a_verdict(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_force: bool
) -> None:
    look, of_a_gate = Mock(return_value="0" * 16), Mock(return_value=in_force)
    monkeypatch.setattr(change, "present_digest", look)
    monkeypatch.setattr(change, "in_force", of_a_gate)
    assert replace(script(file), name="prepare_dell").main([*APPLY, digest(file, capsys)]) == 0
    verdicts = [gate for (_, gate), _ in of_a_gate.call_args_list]
    assert (look.call_count, verdicts) == (2 if in_force else 0, [Gate.PHASE1] * 2)


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Refused("6 destinations are not verified after 30 min"), "6 destinations are not verified"),
        (CouldNotAsk("Dell: no route to host"), ""),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_who_may_still_be_let_in_stands_in_the_last_words(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: BaseException, why: str
) -> None:
    """Dell went out of reach while people were waited for, so nobody can withdraw the admission."""

    def plan(job: Job) -> Iterator[Write]:
        for each in script(file).plan(job):
            yield replace(each, do=Mock(side_effect=fault))

    made, shown = replace(script(file), plan=plan, around=guests.withdrawing), digest(file, capsys)
    monkeypatch.setattr(guests, "guests", Mock(side_effect=CouldNotAsk("Dell: no route to host")))
    assert made.main([*APPLY, shown]) == 1
    said = capsys.readouterr().err
    assert why in said
    assert said.count("no route to host") == 1
    assert "may still let in cloudflare.com, cloudflare-email.net" in said
    assert 'sed -i "/^[^#]/d" /etc/postfix/mxgate-guests && postfix -c /etc/postfix reload' in said
    assert "the same command" in said


def test_a_second_apply_writes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = digest(file, capsys)
    assert script(file).main([*APPLY, plan]) == 0
    written = file.stat().st_mtime_ns
    assert script(file).main([*APPLY, plan]) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert file.stat().st_mtime_ns == written


def nothing(name: str, **more: Any) -> Script:
    return Script(name, "A test.", lambda _: (), **more)


def done(script: str, kind: str = "done") -> int:
    """Records of that kind."""
    return len(change.opened(None).store.recorded(kind, script=script))


def test_nothing_to_do_behind_a_closed_gate_is_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    """Another account's credentials find nothing to delete, and the way back would be closed for good."""
    for given in ([], ["--apply", "0" * 12]):
        assert nothing("delete_ec2").main(given) == 0
        assert "not counted as done, since its gate is not open" in capsys.readouterr().err
    assert done("delete_ec2") == 0
    for given in ([], ["--apply", "0" * 12]):
        assert done("delete_ec2") == 0
        assert nothing("delete_ec2").main(["--override", "a test of only the scripts", *given]) == 0
    assert done("delete_ec2") == 1
    assert done("delete_ec2", "override") == 1


def test_nothing_to_do_for_a_domain_that_came_later_is_progress(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change, "require_open", lambda *_: "")
    names = migration.settings.domain_names
    for counted, zones in (1, names[1:]), (2, names[:1]), (2, names):
        migration.store.put_snapshot("start", "", {"zones": dict.fromkeys(zones, "")})
        assert nothing("publish_delivery").main([]) == 0
        assert nothing("stop_ec2").main([]) == 0
        assert (done("publish_delivery"), done("stop_ec2")) == (counted, 1)


def test_what_a_person_did_by_hand_is_counted_though_it_was_done_before() -> None:
    finished: list[Job] = []
    by_hand = {"still_counts": lambda _: not finished, "finish": finished.append}
    for counted in (1, 2, 2):
        assert nothing("rollback", **(by_hand if counted > 1 else {})).main([]) == 0
        assert done("rollback") == counted
    assert len(finished) == 1


def in_three_writes(file: Path, interrupted: list[str], trouble: Any = KeyboardInterrupt) -> Script:
    """Three records; TROUBLE, or Ctrl-C, comes before the writes of INTERRUPTED, once each."""
    parts = [file.with_name(f"{file.name}{number}") for number in range(3)]

    def do(part: Path) -> None:
        if part.name in interrupted:
            interrupted.remove(part.name)
            raise trouble
        part.write_text("new", encoding="ascii")

    def plan(_: Job) -> Iterator[Write]:
        for part in parts:
            now = part.read_text(encoding="ascii") if part.exists() else ""
            if now != "new":
                yield Write("files", part.name, now, "new", partial(do, part), partial(part.read_text, "ascii"))

    for part in parts:
        part.write_text("old", encoding="ascii")
    return Script("rollback", "A test.", plan)


def test_the_same_command_finishes_what_was_interrupted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = in_three_writes(file, ["record1", "record2"])
    plan = planned(program, capsys)
    for left in ("", f"plan {plan} was interrupted: 2 of its writes are left"):
        assert program.main([*APPLY, plan]) == 1
        outcome = capsys.readouterr().err
        assert "the same command finishes" in outcome
        assert left in outcome
    assert program.main([*APPLY, plan]) == 0
    assert file.with_name("record2").read_text(encoding="ascii") == "new"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_one_that_is_ended_lets_go(file: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals) -> None:
    """By kill, as the lock itself advises, or with its terminal, of which a program hears twice."""
    script, let_go, was = in_three_writes(file, []), list[None](), signal.signal(number, signal.SIG_DFL)

    def ended() -> None:
        assert signal.getsignal(number) is not signal.SIG_DFL
        signal.raise_signal(number)

    end = SimpleNamespace(close=lambda: let_go.extend(map(signal.raise_signal, {number} - {signal.SIGTERM})))
    made = replace(script, plan=lambda job: (replace(each, do=ended) for each in script.plan(job)))
    made = replace(made, around=lambda _: closing(end))
    assert made.main([*APPLY, planned(script, capsys)]) == 1
    assert "interrupted; the same command finishes what was begun" in capsys.readouterr().err
    assert (change.opened(None).store._held("migration"), len(let_go)) == (None, number == signal.SIGHUP)
    assert signal.signal(number, was) is signal.SIG_DFL


def test_one_that_was_killed_before_what_it_wrote_was_accepted_is_finished(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else S-6 would name as another hand's what a script of ours has written, and nobody would ever take it on."""
    finishes: list[Any] = []

    class Killed(BaseException):
        """As SIGKILL: nothing that follows is done."""

    @contextmanager
    def by_script(*_: object, **given: Any) -> Iterator[None]:
        finishes.append(given["finishes"])
        yield
        if len(finishes) == 1:
            raise Killed

    monkeypatch.setattr(accepted, "by_script", by_script)
    program = in_three_writes(file, [])
    plan = planned(program, capsys)
    with pytest.raises(Killed):
        program.main([*APPLY, plan])
    assert done("rollback") == 0
    assert program.main([*APPLY, plan]) == 0
    assert finishes == [[], ["rollback"]]
    assert done("rollback") == 1


@pytest.mark.parametrize("all_written", [True, False])
def test_one_that_was_killed_after_its_last_write_tells_where_it_led(all_written: bool) -> None:
    """As does one that ended: else the gate of its phase would be closed to every other script. What another hand has
    finished nobody has judged.
    """
    store = change.opened(None).store
    for given in [], ["--apply", "0" * 12]:
        about: dict[str, Any] = {"script": "rollback", "gate": "", "run": str(given), "plan": "p", "before": ""}
        about["writes"] = ["one", "two"]
        store.record("run", **about)
        store.log("rollback", "", str(given), "a subject", "before")
        if all_written:
            store.log("rollback", "", str(given), "another", "before")
        assert nothing("rollback").main(given) == 0
        *_, last = store.recorded("run", script="rollback")
        assert {key: last.get(key) for key in (*about, "after")} == {**about, "after": "" if all_written else None}
    assert done("rollback") == 2


def test_behind_a_closed_gate_an_interrupted_run_lets_nobody_in_any_more(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which itself closes that gate."""
    monkeypatch.setattr(change, "require_open", Mock(side_effect=GateClosed("gate phase2 is not open")))
    monkeypatch.setattr(accepted, "by_script", lambda *_, **__: nullcontext())
    let_in = ["cloudflare.com"]
    monkeypatch.setattr(guests, "guests", lambda _: ", ".join(let_in) or guests.NOBODY)
    monkeypatch.setattr(guests, "write_guests", lambda *_: let_in.clear())
    made = replace(script(file), name="prepare_cloudflare", around=guests.withdrawing)
    plan = planned(made, capsys)
    for begun in False, True:
        if begun:
            change.opened(None).store.record("run", script="prepare_cloudflare", run="1", plan=plan, writes=[])
        assert made.main(["--apply", plan]) == 1
        outcome = capsys.readouterr().err
        assert "gate phase2" in outcome
        assert ("lets nobody in by name any more" in outcome) == begun == (not let_in)
    assert file.read_text(encoding="ascii") == "old"


def test_a_store_that_takes_nothing_hides_no_fault(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which says what was put back, say."""
    store = change.opened(None).store
    monkeypatch.setattr(store, "unlock", Mock(side_effect=StoreError("the disk is full")))
    with pytest.raises(Refused, match="EC2's MX is back"), store.lock("migration", "a switch"):
        raise Refused("EC2's MX is back")
    assert file.read_text(encoding="ascii") == "old"


@pytest.mark.parametrize("speaks", [False, True])
def test_a_write_that_hangs_says_which_it_is(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, speaks: bool
) -> None:
    monkeypatch.setattr(waiting, "SILENT_S", 0.05)

    def slowly(do: Callable[[], object]) -> None:
        time.sleep(0.5)
        do()

    def plan(job: Job) -> Iterator[Write]:
        for each in script(file).plan(job):
            yield replace(each, do=partial(slowly, each.do), speaks=speaks)

    shown = digest(file, capsys)
    assert replace(script(file), plan=plan).main([*APPLY, shown]) == 0
    assert ("the record: writing, and reading it back (" in capsys.readouterr().err) != speaks


def test_one_that_fails_half_way_says_what_it_has_written(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = in_three_writes(file, ["record1"], CouldNotAsk("the network is gone"))
    plan = planned(program, capsys)
    assert program.main([*APPLY, plan]) == 1
    said = (
        "rollback: the network is gone\n"
        "Written before that: record0. Begun, and perhaps written: record1. "
        "The same command shows what is left, and finishes it"
    )
    assert said in capsys.readouterr().err
    assert program.main([*APPLY, plan]) == 0


def test_a_run_whose_lock_was_taken_over_writes_no_more(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, store = in_three_writes(file, []), change.opened(None).store

    def taken(do: Callable[[], object]) -> None:
        do()
        store.unlock("migration")  # --take-lock, on a machine that can't see this process

    def plan(job: Job) -> Iterator[Write]:
        for each in program.plan(job):
            yield replace(each, do=partial(taken, each.do))

    shown = planned(program, capsys)
    assert replace(program, plan=plan).main([*APPLY, shown]) == 1
    assert "lock 'migration' was taken over from this run" in capsys.readouterr().err
    assert [file.with_name(f"record{n}").read_text(encoding="ascii") for n in range(3)] == ["new", "old", "old"]


def test_what_somebody_changed_meanwhile_needs_a_plan_of_its_own(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = in_three_writes(file, ["record1"])
    plan = planned(program, capsys)
    assert program.main([*APPLY, plan]) == 1
    file.with_name("record2").write_text("another hand's", encoding="ascii")
    assert program.main([*APPLY, plan]) == 1
    assert f"the plan is no longer {plan}" in capsys.readouterr().err
    assert file.with_name("record2").read_text(encoding="ascii") == "another hand's"


@pytest.mark.parametrize("state", ["moving", "given up", "through"])
def test_every_script_says_where_a_switch_was_left_half_way(
    file: Path, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    store = change.opened(None).store
    store.record("switching", "pilot.example.net", run="the dead run", state=state)
    with store.lock("migration", "the guard of switch_mx"):  # which is at it
        script(file).main([])
        assert "HALF-WAY" not in capsys.readouterr().err
        with store.engine.begin() as db:  # on another machine, which nobody sees
            db.execute(sa.update(locks).values(owner="ops@elsewhere pid 7 started 1 boot 2"))
        for back_s in (0, 120 + 61, -32_400):  # late, or noted by a clock that has gone back since
            with store.engine.begin() as db:
                db.execute(sa.update(records).values(real_at=records.c.real_at - back_s))
            script(file).main([])
            assert ("HALF-WAY" in capsys.readouterr().err) == bool(back_s and state != "through")
        store.unlock("migration")
    script(file).main([])
    outcome = capsys.readouterr().err
    assert ("pilot.example.net: A SWITCH ENDED HALF-WAY" in outcome) == (state != "through")
    assert ("python -m scripts.rollback --domain pilot.example.net" in outcome) == (state != "through")
