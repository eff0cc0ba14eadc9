"""A switch that went back too early, or can't go back: a batch that is made late, and a token that dies half-way."""

import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.emulator.state import Token
from scripts.lib import change
from tests.conftest import run, until
from tests.emulator.conftest import ALL, APEX, OLD_MX, Running
from tests.kills.injector import AFTER, injected
from tests.kills.switching import LASTING, MERGED, Switch, _leads_to_one_side, _log, _over, _store, _where
from tests.kills.test_switch_writes import BATCH

MADE_LATE = {"path": "/dns_records/batch$", "method": "POST"}
WAIT_S_MAX = 30.0
AGAIN = "It is tried again"


@pytest.mark.parametrize(
    ("answered", "late_s"), [({"kind": "acknowledged"}, 20), ({"status": 504, "times": 3}, 8)], ids=["success", "504"]
)
def test_a_batch_that_is_made_late_goes_back_too(
    switch: Switch, emulator: Running, answered: dict[str, Any], late_s: float
) -> None:
    """After EC2's MX seemed to stand for good. Email Routing is not enabled then: all mail would bounce."""
    emulator.management.post("/faults", json={**MADE_LATE, **answered, "late_s": late_s})
    status, said, state = switch(window_s=20)  # a busy machine takes long until EC2's MX has stood
    _is_made(emulator)
    assert (status, state) == (1, "back"), said
    _leads_to_one_side(emulator, state)
    assert said.index("so that it may still come") < said.index("HAS COME, LATE") < said.index("stands again")


def test_the_guard_looks_for_a_late_batch_too(switch: Switch, emulator: Running, tmp_path: Path) -> None:
    """The run is killed, and nobody knows what became of what it sent."""
    emulator.management.post("/faults", json={**MADE_LATE, "status": 504, "late_s": 8})
    status, said, state = switch("kills", BATCH, 0)
    assert [deed for _, deed, _ in injected(tmp_path / "injected")] == [AFTER]
    _is_made(emulator)
    assert (status, state) == (-9, "back"), said
    _leads_to_one_side(emulator, state)
    assert "HAS COME, LATE" in _log(tmp_path)


def _is_made(emulator: Running) -> None:
    """Time for what a run did not wait for."""
    deadline = time.monotonic() + 12
    while time.monotonic() < deadline and emulator.contents("MX") == [OLD_MX]:
        time.sleep(0.1)


@contextmanager
def _moved(switch: Switch, emulator: Running, folder: Path) -> Iterator[list[Any]]:
    """A switch that has moved the MX, and hears nothing of enabling; filled with what it came to, in the end."""
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "kind": "timeout"})
    outcome: list[Any] = []
    running = threading.Thread(target=lambda: outcome.append(switch()))
    running.start()
    try:
        with closing(_store(folder)) as store:
            until(lambda: store.last("switch", APEX), "the MX has moved")
        yield outcome
    finally:
        running.join(WAIT_S_MAX)


@contextmanager
def _token_revoked(switch: Switch, emulator: Running, folder: Path) -> Iterator[Callable[[], Any]]:
    """A switch whose token dies once the MX has moved, and which goes back in vain; what it came to, in the end."""
    with _moved(switch, emulator, folder) as outcome:
        emulator.world.tokens[0].status = "disabled"
        emulator.world.tokens.append(Token("fresh", ALL))
        try:
            until(lambda: AGAIN in (folder / "said").read_text(encoding="utf-8"), AGAIN, WAIT_S_MAX)
            yield lambda: until(lambda: outcome, "it is over", WAIT_S_MAX)[0]
        finally:
            emulator.world.tokens[0].status = "active"


def _refused_rollback(emulator: Running, authority_file: str, folder: Path) -> str:
    """What an operator reads who has a token that works."""
    where = _where(emulator, authority_file, "fresh")
    command = [sys.executable, "-m", "scripts.rollback", "--domain", APEX, "--apply", "0" * 12]
    done = run(command, where, cwd=folder)
    assert done.returncode == change.REFUSED, done
    return done.stderr


def _holder(folder: Path) -> tuple[int, str]:
    with closing(_store(folder)) as store:
        who, _, why = store._held("migration") or ("pid 0", 0, "")
    return int(re.findall(r"pid (\d+)", who)[0]), why


def test_a_run_that_another_has_overtaken_puts_nothing_back(switch: Switch, emulator: Running, tmp_path: Path) -> None:
    """Its machine was away while an operator at another took the lock over, and switched."""
    with _token_revoked(switch, emulator, tmp_path) as ended:
        with closing(_store(tmp_path)) as store:
            store.record("switching", APEX, run="another", state="through")
        emulator.world.tokens[0].status = "active"
        status, said, state = ended()
    assert (status, state) == (change.REFUSED, "through"), said
    assert "another run has gone on since" in said
    assert OLD_MX not in emulator.contents("MX")


@pytest.mark.parametrize(
    ("number", "by"),
    [(signal.SIGKILL, "guard"), (signal.SIGHUP, "guard"), (signal.SIGTERM, "run"), (signal.SIGINT, "run")],
    ids=["SIGKILL", "SIGHUP", "SIGTERM", "SIGINT"],
)
def test_a_run_that_is_ended_half_way_leaves_no_domain_at_cloudflare(
    switch: Switch, emulator: Running, tmp_path: Path, number: int, by: str
) -> None:
    """By its own last act, or, where that can't be, by the guard that outlives it; nobody does anything."""
    with _moved(switch, emulator, tmp_path) as outcome:
        pid, _ = _holder(tmp_path)
        assert pid
        os.kill(pid, number)
        status, said, state = until(lambda: outcome, "it is over", WAIT_S_MAX)[0]
    assert state == "back", said
    _leads_to_one_side(emulator, state)
    assert _holder(tmp_path) == (0, "")
    if by == "run":
        assert status == 1
        assert "stands again" in said
        assert _log(tmp_path) == ""
    else:
        assert status < 0
        assert "ended without a word" in _log(tmp_path)
        assert "stands again" in _log(tmp_path)


@pytest.mark.parametrize("by", ["run", "guard"])
def test_a_fresh_token_goes_back_at_once(
    switch: Switch, emulator: Running, authority_file: str, tmp_path: Path, by: str
) -> None:
    """Who only tries to go back, run or guard, ends when it is asked to, as the refused rollback says how."""
    with _token_revoked(switch, emulator, tmp_path) as ended:
        if by == "guard":
            os.kill(_holder(tmp_path)[0], signal.SIGKILL)
            until(lambda: "guard" in _holder(tmp_path)[1], "the guard goes on", WAIT_S_MAX)
            until(lambda: AGAIN in _log(tmp_path), AGAIN, WAIT_S_MAX)
        said = _refused_rollback(emulator, authority_file, tmp_path)
        found = re.search(r"kill (\d+)", said)
        assert found, said
        os.kill(int(found[1]), signal.SIGTERM)
        status, said, state = ended()
        assert (status, state) == (-9 if by == "guard" else 1, "given up"), said
        last = _log(tmp_path) if by == "guard" else said
        shown = rf"Now, with a token that works: .*scripts\.rollback .*--domain {APEX}\b"
        assert re.search(shown, last), last
        done, said, _ = switch(script="rollback", token="fresh")
        assert (done, emulator.contents("MX"), emulator.contents("TXT")) == (change.DONE, [OLD_MX], [MERGED]), said
    assert _over(tmp_path) == "back"
    assert _holder(tmp_path) == (0, "")
