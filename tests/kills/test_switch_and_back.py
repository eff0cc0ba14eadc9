"""What undoes no switch that went well, and what keeps no rollback from its end: books, a status, a silent EC2."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

import fixtures.migration
from fixtures.access.clock import Clock
from fixtures.evidence import CouldNotAsk, tell
from fixtures.lab.emulator.api.routing import MX_HOSTS
from fixtures.ledger.windows import half_way
from fixtures.migration.progress import GIVEN_UP, Progress
from fixtures.probes.aws import ec2
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.smtp import mx_hosts
from fixtures.store import Store, StoreError
from scripts import rollback
from scripts.lib import night_papers
from scripts.lib.aws import power
from scripts.lib.aws.power import ACCEPTS, SILENT, UNSEEN, Heard
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare import routing, settling
from scripts.lib.dns import mx_back
from scripts.lib.paper import paper
from scripts.lib.safeguard import _dismiss, through
from tests.conftest import PROJECT
from tests.emulator.conftest import APEX, OLD_MX, Running
from tests.kills.driver import answer
from tests.kills.switching import LASTING, SETTINGS, Switch, _store


def _mx(*hosts: str) -> Any:
    """In the place of ``cloudflare.records``."""
    return lambda *_: SimpleNamespace(of=lambda *_: [SimpleNamespace(text=each) for each in hosts])


def _at_250(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mx_hosts, "ask", partial(answer, 250))
    monkeypatch.setattr(cloudflare, "mx_hosts", lambda *_: MX_HOSTS)
    job.run.through, job.run.kept, job.run.moved_at = False, {}, job.migration.clock.now()


def test_a_store_that_takes_nothing_undoes_no_switch(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail is taken: from here on nothing goes back, and nothing that is only recorded makes it look failed.

    Nor does the guard, which is sent home at once: by the store it would be a run that is stuck.
    """
    _at_250(job, monkeypatch)
    monkeypatch.setattr(cloudflare, "records", _mx(*MX_HOSTS))
    hears = "import sys; sys.exit(sys.stdin.readline() != 'over\\n')"
    job.run.guard = subprocess.Popen([sys.executable, "-c", hears], stdin=subprocess.PIPE)
    mx_back.noted(job, "moving", {})
    with monkeypatch.context() as patched:
        patched.setattr(Store, "record", Mock(side_effect=StoreError("the disk is full")))
        settling.settle(job).do()
    assert job.run.through
    assert job.run.guard.wait(10) == 0
    store = job.migration.store
    assert half_way(store, job.domain)
    for _ in range(2):  # in the end it is recorded, once
        through(job)
        assert half_way(store, job.domain) is None
        assert [len(store.recorded(kind)) for kind in ("switching", "window closed")] == [2, 1]
    _dismiss(job.run.guard, over=True)


def test_an_mx_that_was_led_elsewhere_meanwhile_is_no_success(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another operator's rollback, say."""
    _at_250(job, monkeypatch)
    monkeypatch.setattr(cloudflare, "records", _mx(OLD_MX))
    with pytest.raises(Refused, match=f"no longer Cloudflare's: it is {re.escape(OLD_MX)}"):
        settling.settle(job).do()
    assert not job.run.through


def test_the_plan_says_for_how_long_mail_may_bounce_if_it_fails(job: Job) -> None:
    bounds = job.migration.settings.bounds
    outcome = settling.settle(job).subject
    assert f"up to {bounds.window_s:.0f} s, after which EC2's MX is put back" in outcome
    assert f"and then for up to {bounds.ttl_s} s more, from caches" in outcome


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"status": 403}, "not unlocked, do it in the dashboard"),
        ({"kind": "acknowledged"}, f"Cloudflare says of {APEX}: ready"),
    ],
    ids=["refused", "taken, and never shown"],
)
def test_what_only_helps_a_way_back_fails_no_switch(
    switch: Switch, emulator: Running, fault: dict[str, Any], says: str
) -> None:
    emulator.management.post("/faults", json={**LASTING, "method": "PATCH", **fault})
    status, said, state = switch()
    assert (status, state) == (0, "through"), said
    assert says in said


def test_a_lock_of_which_nobody_says_how_it_stands_is_tried(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was tried counts as done: mail flows without it."""
    monkeypatch.setattr(routing, "status", Mock(side_effect=CouldNotAsk("HTTP 503")))
    monkeypatch.setattr(routing, "unlock_records", lambda *_: None)
    write = routing.unlock(job)
    assert write.read() == write.before
    write.do()
    assert write.read() == write.after


@pytest.mark.parametrize(("word", "reads"), [("ready", "locked"), ("misconfigured/locked", "unlocked")])
def test_what_is_not_ready_is_locked_once_more(
    job: Job, monkeypatch: pytest.MonkeyPatch, word: str, reads: str
) -> None:
    monkeypatch.setattr(routing, "status", lambda *_: word)
    assert routing.lock(job).read() == reads


@pytest.mark.parametrize("write", [routing.enable, routing.lock])
@pytest.mark.parametrize("late", [True, False])
def test_the_mx_that_stood_before_is_waited_for_until_half_the_window(
    job: Job, monkeypatch: pytest.MonkeyPatch, write: Callable[[Job], Write], *, late: bool
) -> None:
    """Longer than three tries; not longer than leaves time for the rest."""
    window_s, tries = job.migration.settings.bounds.window_s, iter(range(9))

    def refused(_: Job) -> None:
        if next(tries) < 8:
            raise CouldNotAsk(f"HTTP 409, {routing.REFUSED}: Non-Cloudflare MX records exist")

    monkeypatch.setattr(routing, "TRY_AGAIN_S", 0.01)
    monkeypatch.setattr(routing, "add_and_lock", refused)
    job.run.moved_at = job.migration.clock.now() - window_s * 0.6 * late
    with pytest.raises(CouldNotAsk) if late else nullcontext():
        write(job).do()
    assert list(tries) == (list(range(1, 9)) if late else [])


def test_nobody_stops_a_way_back_from_the_keyboard() -> None:
    code = """
import os, signal
from scripts.lib import safeguard
safeguard._be_deaf()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTSTP, signal.SIGTTOU):
    os.kill(os.getpid(), number)
print("goes on")
"""
    begun = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=PROJECT, process_group=0
    )
    _, status = os.waitpid(begun.pid, os.WUNTRACED)
    begun.kill()
    assert (os.WIFSTOPPED(status), begun.communicate()[0]) == (False, "goes on\n")


@pytest.mark.parametrize("left", ["the store, read only", "its copy", "nothing"])
def test_a_rollback_needs_no_store_that_can_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    """What can still be read is gone by; no lock is held and nothing is recorded, which is said."""
    monkeypatch.setattr(night_papers, "_tell", tell)
    monkeypatch.setattr(fixtures.migration, "_store", cache(Store))  # only this test's
    gone = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    url = f"sqlite:///file:{tmp_path}/store.sqlite?mode=ro&uri=true" if "store" in left else gone
    (tmp_path / "migration.toml").write_text(SETTINGS.replace("sqlite:///store.sqlite", url), encoding="utf-8")
    with closing(_store(tmp_path)) as store:
        store.put_snapshot("start", "", {"zones": {APEX: {}}})
        if "copy" in left:
            (tmp_path / "night").mkdir()
            night_papers.copy(store, tmp_path / "night")
        migration = night_papers.open_at_night(tmp_path / "migration.toml")
        assert migration.aged is ("store" not in left)
        with migration.store.lock("migration", "a rollback"):
            migration.store.record("done", APEX, script="rollback")
        assert migration.store.snapshot("start") == (None if left == "nothing" else {"zones": {APEX: {}}})
        assert store.last("done") is None
    said = capsys.readouterr().err
    assert "THE STORE IS OUT OF REACH" in said
    assert ("knowing nothing" in said) == (left == "nothing")
    assert "run this again once it is back" in said


def test_what_another_of_the_same_number_holds_leads_no_rollback_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In containers all have the same; and one that was killed while it tried its lock has left that."""
    monkeypatch.setattr(fixtures.migration, "_store", cache(Store))
    file, lock = tmp_path / "migration.toml", Store.lock
    file.write_text(SETTINGS.replace("sqlite:///store.sqlite", f"sqlite:///{tmp_path}/store.sqlite"), encoding="utf-8")
    names: list[str] = []

    def named(store: Store, name: str, why: str) -> Any:
        names.append(name)
        return lock(store, name, why)

    monkeypatch.setattr(Store, "lock", named)
    first = night_papers.open_at_night(file).store
    with lock(first, names[0], "of another"):
        again = night_papers.open_at_night(file)
        assert (again.store is first, again.aged) == (True, False)
    first.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a folder")
@pytest.mark.parametrize("copied", [False, True], ids=["the store", "its copy"])
def test_a_rollback_reads_what_lies_in_a_folder_that_can_not_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    """As where the disk is at fault: SQLite opens no store there as usual, since it could have no log."""
    monkeypatch.setattr(night_papers, "_tell", tell)
    monkeypatch.setattr(fixtures.migration, "_store", cache(Store))
    folder = tmp_path / "a folder"
    folder.mkdir()
    url = f"sqlite:///{folder}/store.sqlite"
    (folder / "migration.toml").write_text(SETTINGS.replace("sqlite:///store.sqlite", url), encoding="utf-8")
    with closing(Store(url, Clock())) as store:
        store.put_snapshot("start", "", {"zones": {APEX: {}}})
        if copied:
            (folder / "night").mkdir()
            night_papers.copy(store, folder / "night")
    if copied:
        (folder / "store.sqlite").unlink()
    subprocess.run(["mount", "--bind", "-o", "ro", folder, folder], check=True)
    try:
        migration = night_papers.open_at_night(folder / "migration.toml")
        assert migration.store.snapshot("start") == {"zones": {APEX: {}}}
        assert "as it lies there. No lock is held" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("error", [StoreError("it is full"), Refused("no"), CouldNotAsk("silence")], ids=str)
def test_whatever_stops_a_rollback_names_the_way_by_hand(
    job: Job, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    script = replace(rollback.SCRIPT, plan=Mock(side_effect=error), opens=lambda _: job.migration)
    assert script.main(["--domain", job.domain]) > 0
    assert "BY HAND, without any API: python -m scripts.by_hand" in capsys.readouterr().err


def test_where_no_way_leads_back_none_is_named_by_hand(job: Job, capsys: pytest.CaptureFixture[str]) -> None:
    """Least of all a paper of before: by its steps the MX would lead to a stranger."""
    job.migration.store.record(GIVEN_UP, address=str(job.migration.settings.ec2.ipv4))
    script = replace(rollback.SCRIPT, opens=lambda _: job.migration)
    assert script.main(["--domain", job.domain]) == 1
    said = capsys.readouterr().err
    assert "would lead to a stranger" in said
    assert "BY HAND" not in said


def _silent_ec2(job: Job, monkeypatch: pytest.MonkeyPatch, *, asks: bool) -> Job:
    job.options.without_asking_ec2 = not asks
    monkeypatch.setattr(power, "knock", lambda _: Heard(SILENT, "it takes no mail"))
    there = SimpleNamespace(state="running", gone=False, id="i-1")
    monkeypatch.setattr(ec2, "instance", lambda _: there)
    monkeypatch.setattr(power, "require_address", lambda _: None)
    return job


@pytest.mark.parametrize(("asks", "stopped"), [(True, False), (False, True)])
def test_mail_goes_to_an_ec2_that_is_silent_rather_than_bounces(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, asks: bool, stopped: bool
) -> None:
    """Where it was never stopped from here, or where the operator says so; senders wait for it."""
    progress: Any = SimpleNamespace(stopped=stopped, deleted=False, done_at=lambda *_: None)
    assert not list(power.gateway_again(_silent_ec2(job, monkeypatch, asks=asks), progress))
    assert ("TAKES NO MAIL" if asks else "NOBODY ASKS") in capsys.readouterr().err


def test_an_ec2_that_stays_silent_after_its_start_leaves_a_way(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    progress: Any = SimpleNamespace(stopped=True, deleted=False, done_at=lambda *_: None)
    monkeypatch.setattr(power, "PORT_S_MAX", 0.0)
    monkeypatch.setattr(power, "POLL_S", 0.01)
    (write,) = power.gateway_again(_silent_ec2(job, monkeypatch, asks=True), progress)
    with pytest.raises(Refused, match="--without-asking-ec2"):
        write.do()


@pytest.mark.parametrize("script", ["stop_ec2", "restart_ec2"])
@pytest.mark.parametrize("port", [Heard(UNSEEN, "nobody could look"), Heard(ACCEPTS, "a stranger's")], ids=str)
def test_a_stop_that_did_not_get_done_is_no_reason_to_ask_nobody(
    job: Job, monkeypatch: pytest.MonkeyPatch, port: Heard, script: str
) -> None:
    """It was killed, say, or over its time, when the instance stood still already."""
    monkeypatch.setattr(power, "knock", lambda _: port)
    monkeypatch.setattr(ec2, "instance", lambda _: SimpleNamespace(state="stopped", gone=False, id="i-1"))
    monkeypatch.setattr(power, "on_instance", lambda *_: SimpleNamespace(command=""))
    job.options.without_asking_ec2 = False
    store = job.migration.store

    def starts() -> list[str]:
        progress = Progress.read(store, job.migration.settings)
        return [each.after for each in power.gateway_again(job, progress)]

    store.record("run", script=script, run="r")
    assert starts() == []
    store.log(script, "", "r", "i-1", "before")
    assert starts() == ["running"]
    assert "0. AWS console" in paper(job.migration, job.domain)
    store.record("done", job.domain, script="rollback")
    assert starts() == []
    assert "0. AWS console" not in paper(job.migration, job.domain)


@pytest.mark.parametrize(
    ("port", "there", "says"),
    [
        (Heard(UNSEEN, "nobody could look"), "stopped", "running"),
        (Heard(ACCEPTS, "whose is not said"), "terminated", "no EC2 to go back to"),
        (Heard(ACCEPTS, "whose is not said"), "running", "would lead to a stranger"),
        (Heard(UNSEEN, "nobody could look"), "", "HTTP 503"),
        (Heard(ACCEPTS, "itself", named=True), "", ""),
        (Heard(SILENT, "it takes no mail"), "running", "would lead to a stranger"),
    ],
)
def test_a_copy_of_the_store_knows_nothing_of_a_stop_since(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: Heard, *, there: str, says: str
) -> None:
    """It may be stopped, its address another's, or both gone: then AWS is asked, unless EC2 greets by its name."""

    def instance(_: Any) -> Any:
        if not there:
            raise CouldNotAsk("HTTP 503")
        return SimpleNamespace(state=there, gone=there == "terminated", id="i-1", address="")

    job = replace(job, migration=replace(job.migration, aged=True))
    job.options.without_asking_ec2 = False
    monkeypatch.setattr(power, "knock", lambda _: port)
    monkeypatch.setattr(power, "on_instance", lambda *_: SimpleNamespace(command=""))
    monkeypatch.setattr(power, "elastic", lambda *_: ())
    monkeypatch.setattr(ec2, "instance", instance)
    progress = Progress.read(job.migration.store, job.migration.settings)
    if says in {"", "running"}:
        assert [each.after for each in power.gateway_again(job, progress)] == [says][: len(says)]
        return
    with pytest.raises((Refused, CouldNotAsk), match=says):
        list(power.gateway_again(job, progress))
    assert ("console, then say --without-asking-ec2" in capsys.readouterr().err) is (not there)
