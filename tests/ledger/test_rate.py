"""How much numbered mail is made: no receiver may take it for an attack, and one that asks for patience gets it."""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import Traffic
from fixtures.migration import Migration
from fixtures.settings import ClockSettings, Sender, Traffic as Rates
from fixtures.store import StoreError
from fixtures.watching.counting import pace
from tests.conftest import migration_in, until

SETTINGS = settings_without_a_lab()


@pytest.fixture
def port() -> Iterator[int]:
    async def listen() -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: SMTP(Sink()), "127.0.0.1", 0)

    server = run(listen())
    yield server.sockets[0].getsockname()[1]
    server.close()


def migration_of(folder: Path, port: int, *names: str) -> Migration:
    senders = tuple(
        Sender(name=name, address=f"{name}@s.example", host="127.0.0.1", port=port, family="ipv4", tls=False)
        for name in names
    )
    return migration_in(folder, clock=ClockSettings(), senders=senders)


def test_no_mail_is_made_for_a_sender_that_is_held(tmp_path: Path, port: int) -> None:
    migration = migration_of(tmp_path, port, "quick", "held")
    traffic = Traffic(migration, "held", 20)

    def senders_so_far() -> set[str]:
        return {row["sender"] for row in migration.store.numbered()}

    traffic.hold("held", 5)
    with traffic:
        time.sleep(0.8)
        assert senders_so_far() == {"quick"}
        assert traffic.state.skipped > 0
        until(lambda: senders_so_far() == {"quick", "held"}, lambda: f"mail of both, only of {senders_so_far()}", 29)


def test_numbered_mail_repeats_its_message_id(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By that it is known where its sender's server puts another in place of it."""
    heads = list[str]()

    async def taken(_: object, __: str, ___: object, content: bytes, **____: object) -> None:
        heads.append(content.partition(b"\r\n\r\n")[0].decode())

    monkeypatch.setattr("aiosmtplib.SMTP.sendmail", taken)
    migration = migration_of(tmp_path, port, "s")
    with Traffic(migration, "named", 20, count_max=1):
        until(lambda: heads, "one message", 20)
    (row,) = migration.store.numbered()
    assert f"Message-ID: {row['message_id']}\r\nX-Mxgate-Id: {row['message_id']}\r\n" in heads[0]


@pytest.mark.parametrize("what", ["add_message", "update_messages"])
def test_a_store_that_was_away_ends_no_mail(
    what: str, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    migration = migration_of(tmp_path, port, "s")
    kept, left = getattr(migration.store, what), [StoreError("store: no route to host")]

    def away_once(*arguments: Any, **fields: Any) -> Any:
        if left:
            raise left.pop()
        return kept(*arguments, **fields)

    monkeypatch.setattr(migration.store, what, away_once)
    with Traffic(migration, "away", 20) as traffic:
        until(lambda: "no route to host" in traffic.state.trouble, "its trouble", 20, pause_s_max=0.1)
        until(lambda: not traffic.state.trouble, "the next that is sent", 20)
        assert traffic.running
    assert any(row["injected_real"] for row in migration.store.numbered())


def test_mail_that_nobody_takes_is_seen(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fixtures.ledger.traffic.IDLE_S", 1.0)
    nobody = Traffic(migration_of(tmp_path / "nobody", 1, "s"), "nobody", 20)
    with nobody, Traffic(migration_of(tmp_path, port, "s"), "taken", 20) as taken:
        time.sleep(1.5)
        with pytest.raises(CouldNotAsk, match=r"no numbered mail for [12] s: s: .*(refused|127\.0\.0\.1)"):
            pace(nobody, 20, 0)
        pace(taken, 20, 0)
    assert nobody.stopped_by == ""  # it was to end


@pytest.mark.parametrize(
    ("quiet_s", "rate"),
    [(0, 1.0), (599, 1.0), (601, 0.1), (3599, 0.1), (3601, 1 / 60)],
    ids=["at its start", "around a change", "after it", "for an hour", "for the rest"],
)
def test_a_watch_is_loud_only_for_minutes(quiet_s: float, rate: float) -> None:
    rates = Rates()
    settings = SimpleNamespace(settings=SimpleNamespace(traffic=rates))
    traffic = SimpleNamespace(stopped_by="", rate=9.0, migration=settings)
    pace(cast("Traffic", traffic), rates.switch_rate_per_s, quiet_s)
    assert traffic.rate == pytest.approx(rate)


def test_nobody_counts_on_mail_that_has_ended(tmp_path: Path) -> None:
    with pytest.raises(CouldNotAsk, match="ended, after 0 messages: start watch again"):
        pace(Traffic(migration_of(tmp_path, 1, "s"), "ended"), 1, 0)


def test_a_senders_server_is_reached_by_whatever_family_it_has(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``family`` is that by which it delivers."""
    known = socket.getaddrinfo

    def named(host: str, *how: Any, **fields: Any) -> Any:
        return known("127.0.0.1" if host == "smtp.s.example" else host, *how, **fields)

    monkeypatch.setattr(socket, "getaddrinfo", named)
    (sender,) = migration_of(tmp_path, port, "s").settings.senders
    sender = sender.model_copy(update={"host": "smtp.s.example", "family": "ipv6"})
    migration = migration_in(tmp_path, clock=ClockSettings(), senders=(sender,))
    with Traffic(migration, "named", 20) as traffic:
        until(lambda: traffic.state.injected, lambda: traffic.state.trouble, 20)
