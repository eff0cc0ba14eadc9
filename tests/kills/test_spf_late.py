"""What Email Routing does to the SPF record a little after it was enabled or disabled (X10) is put right too."""

import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.lab.emulator.api.routing import SPF
from fixtures.migration import open_migration
from fixtures.probes.cloudflare.api import Record
from scripts import rollback
from scripts.lib.change import Job, make
from scripts.lib.cloudflare import routing
from scripts.lib.dns import takeback
from tests.conftest import until
from tests.emulator.conftest import APEX, OLD_SPF, Running
from tests.kills.switching import MERGED, Switch, _where

LATER_S = 0.5


@contextmanager
def _later(emulator: Running, method: str, change: Callable[[], None]) -> Iterator[None]:
    """Meanwhile CHANGE is made LATER_S after Email Routing was switched by that METHOD."""

    def switched() -> int:
        asked = list(emulator.world.requests)
        return sum((each["method"], each["path"][-12:]) == (method, "/routing/dns") for each in asked)

    begun = switched()

    def wait() -> None:
        until(lambda: switched() > begun, f"{method} of Email Routing's records")
        time.sleep(LATER_S)
        change()

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        yield
    finally:
        waiting.join()


def test_after_enabling(switch: Switch, emulator: Running) -> None:
    emulator.management.post("/knobs", json={"spf": "kept"})

    def replace() -> None:
        (spf,) = (each for each in emulator.zone.records.values() if each.content == MERGED)
        spf.content = SPF

    with _later(emulator, "POST", replace):
        status, said, state = switch()
    assert (status, state) == (0, "through"), said
    assert f"Email Routing left '{SPF} (TTL " in said
    assert _spf(emulator) == [MERGED]


def test_after_disabling(
    switch: Switch, emulator: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority_file: str
) -> None:
    assert switch()[2] == "through"
    assert switch(script="rollback")[0] == 0
    monkeypatch.chdir(tmp_path)
    for key, value in _where(emulator, authority_file, "all").items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(routing, "LATE_S", 2.0)
    job = Job(open_migration(str(tmp_path / "migration.toml")), APEX, Namespace())
    (spf,) = (each for each in emulator.zone.records.values() if each.content == MERGED)
    spf.managed, spf.content = False, OLD_SPF
    writes = [routing.disable(job), *takeback._after_disabling(job, [Record("TXT", APEX, OLD_SPF, 3600)], APEX, "TXT")]
    with job.migration.store.lock("migration", "a test"), _later(emulator, "DELETE", lambda: _remove(emulator)):
        make(rollback.SCRIPT, job, writes)
    assert _spf(emulator) == [OLD_SPF]
    assert job.run.ended == [f"Email Routing of {APEX}", f"{APEX} TXT"]


def _spf(emulator: Running) -> list[str]:
    return [each.strip('"') for each in emulator.contents("TXT")]


def _remove(emulator: Running) -> None:
    for each in [each for each in emulator.zone.records.values() if each.content == OLD_SPF]:
        del emulator.zone.records[each.id]
