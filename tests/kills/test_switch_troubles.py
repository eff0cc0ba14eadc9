"""What a switch and its way back live through: nobody who listens, odd answers, silence, a store that takes nothing."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab.emulator.api.routing_records import MX_HOSTS
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes import cloudflare, mxhosts
from fixtures.settings import ClockSettings, Secrets, StoreSettings
from scripts import putback, routing, safeguard, settling
from scripts.change import Job, Refused
from tests.emulator.conftest import (  # noqa: F401 - fixtures
    Running,
    authority,
    authority_file,
    certificate,
    emulator,
    signing_key,
)
from tests.kills.driver import answer
from tests.kills.test_switch_writes import LASTING, Switch, _leads_to_one_side, switch  # noqa: F401 - a fixture


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Of a switch whose store lies in this test's folder."""
    told = {
        "store": StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite"),
        "clock": ClockSettings(file=tmp_path / "clock"),
    }
    settings = settings_without_a_lab().model_copy(update=told)
    secrets = Secrets(cloudflare_token="a-token-of-this-test")
    return Job(Migration(settings, secrets), settings.pilot, argparse.Namespace(run="a run", config=None))


def test_nobody_reads_what_it_says(switch: Switch, emulator: Running) -> None:  # noqa: F811
    """``| tee log``, and Ctrl-C takes tee along: EC2's MX goes back all the same."""
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": 403})
    status, _, state = switch(heard=False)
    assert (status, state) == (1, "back")
    _leads_to_one_side(emulator, state)


@pytest.mark.parametrize("moved", [True, False], ids=["the MX has moved", "nothing has moved"])
def test_the_guard_is_sent_home_only_when_all_is_over(
    job: Job, monkeypatch: pytest.MonkeyPatch, *, moved: bool
) -> None:
    ears = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdout.write(sys.stdin.read())"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    @contextmanager
    def begun(_: Job) -> Iterator[subprocess.Popen[bytes]]:
        yield ears

    def broken(*_: Any) -> str:
        raise MemoryError

    monkeypatch.setattr(safeguard, "_guard", begun)
    monkeypatch.setattr(putback, "put_back", broken)

    def write() -> None:
        job.options.moving = {"mx": ["10 mail.example.net"], "mx_ttl": 300} if moved else None
        raise Refused("a write")

    with pytest.raises(MemoryError if moved else Refused), safeguard.guarded(job):
        write()
    assert ears.stdout
    with ears.stdout as heard:
        assert heard.read() == (b"" if moved else b"over\n")
    ears.wait()


ODD = {
    "half": (200, "application/json", '{"result": [{"id": "1", "na'),
    "empty": (200, "application/json", ""),
    "a page of HTML": (200, "text/html", "<html>Sorry</html>"),
    "a bare list": (200, "application/json", "[]"),
    "errors in a word": (400, "application/json", '{"errors": "x"}'),
    "errors as words": (400, "application/json", '{"errors": ["x"]}'),
    "no result": (200, "application/json", '{"success": false, "errors": [], "result": null}'),
}
ASKED: dict[str, Callable[[Migration, str], Any]] = {
    "records": cloudflare.records,
    "routing": cloudflare.routing,
    "required": cloudflare.required,
    "status": routing.status,
    "destinations": lambda migration, _: cloudflare.destinations(migration),
}


@pytest.mark.parametrize("ask", ASKED)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_is_one_that_could_not_be_asked(
    job: Job, monkeypatch: pytest.MonkeyPatch, odd: str, ask: str
) -> None:
    status, kind, text = ODD[odd]
    headers = {"content-type": kind}
    monkeypatch.setattr(
        httpx.HTTPTransport,
        "handle_request",
        lambda _, request: httpx.Response(status, headers=headers, text=text, request=request),
    )
    account = job.migration.settings.cloudflare.account_id
    monkeypatch.setitem(
        cloudflare._zones, (account, job.domain), cloudflare.Zone("z", job.domain, "active", (), account)
    )
    with pytest.raises(CouldNotAsk, match="Cloudflare, "):
        ASKED[ask](replace(job.migration, hurried=True), job.domain)


def test_going_back_goes_on_after_whatever_fault(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(putback, "PAUSE_S", 0.01)
    turns = iter([AttributeError("odd"), CouldNotAsk("down"), KeyError("odd")])

    def planned() -> Iterator[Any]:
        if error := next(turns, None):
            raise error
        return iter(())

    assert putback._stands(job, planned, 5, 0)


@pytest.mark.parametrize(
    ("says", "refused", "heard"),
    [
        (lambda at: 550 if at < 40 else None, True, True),
        (lambda _: None, False, False),
        (lambda at: 550 if at < 10 else 250 if at < 20 else None, False, True),
        (lambda at: 250 if at > 10 else None, False, True),
    ],
    ids=["refused, then silent", "silent throughout", "taken, then silent", "silent, then taken"],
)
def test_silence_is_no_word(
    job: Job, monkeypatch: pytest.MonkeyPatch, says: Any, *, refused: bool, heard: bool
) -> None:
    """A refusal stands until 250 is heard; and where nobody was heard nothing has settled."""
    clock = job.migration.clock
    began = clock.now()

    def ask(migration: Migration, addresses: Any) -> Any:
        if (code := says(clock.now() - began)) is None:
            raise CouldNotAsk("the vantage is away")
        return answer(code, migration, addresses)

    monkeypatch.setattr(mxhosts, "ask", ask)
    monkeypatch.setattr(cloudflare, "mx_hosts", lambda *_: MX_HOSTS)
    found = settling._wait(job, began, 120)
    assert (bool(found.refused), found.heard) == (refused, heard)
    assert (found.seconds > 120) == (refused or not heard)
    if refused or not heard:
        job.options.moved_at = began = clock.now()
        with pytest.raises(Refused, match="does not take every address"):
            settling.settle(job).do()
        assert job.migration.store.last("settling", job.domain) is None


def test_whatever_hangs_the_window_ends(switch: Switch, emulator: Running) -> None:  # noqa: F811
    """The client of the API tries again after whatever ``Exception``: the end of the window is none."""
    emulator.management.post("/faults", json={**LASTING, "method": "PATCH", "kind": "timeout", "times": 3})
    status, said, state = switch()
    assert (status, state) == (1, "back"), said
    assert "did not take mail for every address within bounds.window_s" in said
    _leads_to_one_side(emulator, state)
