"""What a switch and its way back live through: nobody who listens, odd answers, silence, a store that takes nothing."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.lab.emulator.api.routing import MX_HOSTS
from fixtures.ledger.windows import half_way
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.rate_limit import WAIT_S_MAX
from fixtures.probes.smtp import mx_hosts, vantages
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.probes.smtp.mx_hosts import Asked
from fixtures.store import Locked, StoreError, records
from fixtures.watching import Watch
from fixtures.watching.dellside import DellSide
from scripts import switch_mx
from scripts.lib import paper, safeguard, switch_guard
from scripts.lib.change import Job, Refused
from scripts.lib.cloudflare import routing, settling
from scripts.lib.dns import mx_back
from tests.emulator.conftest import APEX, OLD_MX, Running
from tests.kills.driver import answer
from tests.kills.switching import LASTING, MERGED, Switch, _leads_to_one_side, _store


def test_nobody_reads_what_it_says(switch: Switch, emulator: Running) -> None:
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
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def broken(*_: Any) -> str:
        raise MemoryError

    monkeypatch.setattr(safeguard, "_guard", lambda _: ears)
    monkeypatch.setattr(mx_back, "put_back", broken)

    def write() -> None:
        job.run.kept = {"mx": ["10 mail.example.net"], "mx_ttl": 300} if moved else None
        raise Refused("a write")

    with pytest.raises(MemoryError if moved else Refused), safeguard.guarded(job):
        write()
    assert ears.stdout
    with ears.stdout as heard:
        assert heard.read() == (b"" if moved else b"over\n")
    ears.wait()


def test_no_mx_moves_without_a_guard(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has killed it, nobody would put EC2's MX back after this run."""
    dead = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    dead.wait()
    monkeypatch.setattr(safeguard, "_guard", lambda _: dead)
    with pytest.raises(Refused, match="its guard has ended, so the MX was not moved"), safeguard.guarded(job):
        safeguard.moving(job)
    assert job.run.kept is None


ODD = {
    "half": (200, "application/json", '{"result": [{"id": "1", "na'),
    "empty": (200, "application/json", ""),
    "a page of HTML": (200, "text/html", "<html>Sorry</html>"),
    "a bare list": (200, "application/json", "[]"),
    "errors in a word": (400, "application/json", '{"errors": "x"}'),
    "errors as words": (400, "application/json", '{"errors": ["x"]}'),
    "no result": (200, "application/json", '{"success": false, "errors": [], "result": null}'),
    "no success": (200, "application/json", '{"success": false, "errors": [], "result": []}'),
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
    """Also where SIGTERM came before a person could read of one."""
    monkeypatch.setattr(mx_back, "PAUSE_S", 0.01)
    monkeypatch.setattr(mx_back, "ended", [1, 1])
    turns = iter([AttributeError("odd"), CouldNotAsk("down"), KeyError("odd")])

    def planned() -> Iterator[Any]:
        if error := next(turns, None):
            raise error
        return iter(())

    assert mx_back._until_done(job, mx_back.Book(job), planned, 5, 0)


@pytest.mark.parametrize("run", ["a run", "another"])
@pytest.mark.parametrize(("fails", "ago_s"), [(1, 0), (0, 181), (0, 0)], ids=["failed", "slept", "all is well"])
def test_a_run_that_another_has_overtaken_ends_itself(
    job: Job, monkeypatch: pytest.MonkeyPatch, run: str, fails: int, ago_s: float
) -> None:
    """While all goes well it asks no store, and waits for none."""
    monkeypatch.setattr(mx_back, "PAUSE_S", 0.01)
    job.migration.store.record("switching", job.domain, run=run, state="through")
    turns, troubles = [], iter([CouldNotAsk("down")] * fails)

    def planned() -> Iterator[Any]:
        turns.append(1)
        if error := next(troubles, None):
            raise error
        return iter(())

    book = mx_back.Book(job, at=time.time() - ago_s)
    ends = run == "another" and (fails or ago_s)
    if ends:
        with pytest.raises(Refused, match=r"another run has gone on since, .*nothing more is put back"):
            mx_back._until_done(job, book, planned, 5, 0)
    else:
        assert mx_back._until_done(job, book, planned, 5, 0)
    assert len(turns) == (fails if ends else fails + 1)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Locked("taken over"), "another run has gone on since"),
        (Refused("an address is not taken"), "another run has gone on since"),
        (safeguard.Overdue("too late"), "another run has gone on since"),
        (CouldNotAsk("down"), "stands again"),
    ],
)
def test_who_fails_looks_first_who_went_on(
    job: Job, monkeypatch: pytest.MonkeyPatch, error: BaseException, said: str
) -> None:
    """Unless something can't be asked: then the store may be away too, and mail would bounce meanwhile."""
    job.migration.store.record("switching", job.domain, run="another", state="through")
    monkeypatch.setattr(mx_back, "noted", lambda *_, **__: None)
    monkeypatch.setattr(mx_back, "mx_back", lambda *_: iter(()))
    monkeypatch.setattr(mx_back, "set_spf", lambda *_: iter(()))
    monkeypatch.setattr(mx_back, "left_over", lambda _: None)
    monkeypatch.setattr(mx_back, "_made_late", lambda *_: False)
    monkeypatch.setattr(mx_back, "QUIET_S", 0)
    monkeypatch.setattr(safeguard, "_guard", lambda _: None)
    monkeypatch.setattr(safeguard, "_dismiss", lambda *_, **__: None)

    def fails() -> None:
        with safeguard.guarded(job):
            job.run.kept = {"mx": ["10 a"], "mx_ttl": 300, "spf": [], "spf_ttl": 300, "real_at": time.time()}
            raise error

    with pytest.raises(Refused, match=said):
        fails()


def test_a_store_that_is_away_holds_up_the_way_back_once_a_minute(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question may take ten seconds. After a sleep it is asked all the same: it may be the network that wakes."""
    asked, book = list[str](), mx_back.Book(job)

    def last(*_: Any, **__: Any) -> Any:
        asked.append("")
        raise StoreError("away")

    monkeypatch.setattr(type(job.migration.store), "last", last)
    assert not any([book.overtaken(), book.overtaken(), book.overtaken(at_once=True), book.overtaken()])
    assert len(asked) == 2
    book.silent_until = 0.0
    assert not book.overtaken()
    assert len(asked) == 3


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

    def ask(migration: Migration, addresses: Any, *_: Any) -> Any:
        if (code := says(clock.now() - began)) is None:
            raise CouldNotAsk("the vantage is away")
        return answer(code, migration, addresses)

    monkeypatch.setattr(mx_hosts, "ask", ask)
    monkeypatch.setattr(cloudflare, "mx_hosts", lambda *_: MX_HOSTS)
    found = settling._wait(job, began, 120)
    assert (bool(found.refused), found.heard) == (refused, heard)
    assert (found.seconds > 120) == (refused or not heard)
    if refused or not heard:
        job.run.kept, job.run.moved_at = {}, (began := clock.now())
        with pytest.raises(Refused, match="does not take every address"):
            settling.settle(job).do()
        assert job.migration.store.last("settling", job.domain) is None


TALK = Conversation(Knock("192.0.2.1"), "open", "", 250, "played", "greeting", (), "", (), "", Evidence("", ""))


@pytest.mark.parametrize(
    ("ways", "taken_a_dialogue", "ends", "few"),
    [
        (("v4", "v6"), 100, "", 160),
        (("v4",), 100, "", 90),
        (("v4", "v6"), 7, "", 400),
        (("v4", "v6"), 1, "", 1400),
        (("v4", "v6"), 100, "a150@", 300),
        ((), 100, "nobody", 200),
    ],
    ids=["all are heard", "IPv6 is silent", "7 a dialogue", "1 a dialogue", "one is refused", "silence"],
)
def test_many_addresses_are_asked_in_few_dialogues(  # noqa: PLR0917 - a row of the table
    job: Job, monkeypatch: pytest.MonkeyPatch, ways: tuple[str, ...], taken_a_dialogue: int, ends: str, few: int
) -> None:
    """Else 200 addresses at each host over each family are not asked before the window is over."""
    asked, heard = list[str](), set[tuple[str, str]]()
    mailboxes = tuple(f"a{number}" for number in range(200))
    many = job.migration.settings.domain(job.domain).model_copy(update={"mailboxes": mailboxes, "aliases": {}})
    settings = job.migration.settings.model_copy(update={"domains": (many,)})
    job = replace(job, migration=replace(job.migration, settings=settings))

    def answered(at: str, address: str, turn: int) -> RcptResult:
        """The first time that a83 is asked for, the host has no time for it."""
        first = (at, address) not in heard
        heard.add((at, address))
        busy = turn >= taken_a_dialogue or (first and address.startswith("a83@"))
        code = 550 if address.startswith(ends or "nobody") else 451 if busy else 250
        return RcptResult(address, code, "played", "" if code == 250 else "rcpt")

    def say(knocks: Any, at_once: int) -> list[Conversation]:
        assert at_once <= 30
        talks = []
        for each in knocks:
            asked.append(each.host)
            clock.advance((0.3 * (4 + len(each.rcpt)) if each.host[:2] in ways else 5.0) / at_once)
            if each.host[:2] in ways:
                results = tuple(answered(each.host, to, turn) for turn, to in enumerate(each.rcpt))
                talks.append(replace(TALK, recipients=results))
            else:
                results = tuple(RcptResult(to, 0, "no answer", "connect") for to in each.rcpt)
                talks.append(replace(TALK, banner="", connection="silent", recipients=results))
        return talks

    async def there(*_: Any) -> bool:
        return True

    clock = job.migration.clock
    monkeypatch.setattr(mx_hosts, "probe_all", say)
    monkeypatch.setattr(vantages, "places", lambda host: SimpleNamespace(ipv4=(f"v4 {host}",), ipv6=(f"v6 {host}",)))
    monkeypatch.setattr(vantages, "has_way", there)
    monkeypatch.setattr(cloudflare, "mx_hosts", lambda *_: MX_HOSTS)
    found = settling._wait(job, clock.now(), 120)
    assert found.heard == bool(ways)
    assert bool(found.refused) == (ends == "a150@")
    assert all("a150@" in each for each in found.refused)
    assert (found.seconds > 120) == (bool(found.refused) or not ways)
    assert len(asked) < few
    assert {at for at, _ in heard if at[:2] in ways} == {f"{way} {host}" for way in ways for host in MX_HOSTS}
    assert not ways or len({each for each in heard if each[0][:2] in ways}) == 200 * len(ways) * len(MX_HOSTS)


@pytest.mark.parametrize(("bounces_s", "ends"), [(20, False), (10_000, True)], ids=["for a while", "for good"])
def test_what_was_taken_early_is_asked_once_more(
    job: Job, monkeypatch: pytest.MonkeyPatch, bounces_s: float, *, ends: bool
) -> None:
    """One of the machines that a host stands for took it before the others knew of the domain."""
    one, other = (each.address for each in job.migration.settings.domain(job.domain).addresses[:2])
    clock = job.migration.clock
    began = clock.now()

    def say(_: Any, addresses: Any, is_open: Any, *__: Any) -> list[Asked]:
        clock.advance(0.5)
        at, said = clock.now() - began, {one: 250, other: 250}
        said[one] = 550 if 1 < at < bounces_s else 250
        said[other] = 250 if at > 5 else 550
        return [
            Asked("route1", "192.0.2.1", each, replace(TALK, recipients=(RcptResult("", said[each.address], "", ""),)))
            for each in addresses
            if each.address in said and is_open("route1", "192.0.2.1", each)
        ]

    monkeypatch.setattr(mx_hosts, "ask", say)
    found = settling._wait(job, began, 120)
    assert bool(found.refused) == (found.seconds > 120) == ends
    assert ends or found.seconds > bounces_s


def test_whatever_hangs_the_window_ends(switch: Switch, emulator: Running) -> None:
    """The client of the API tries again after whatever ``Exception``: the end of the window is none."""
    emulator.management.post("/faults", json={**LASTING, "method": "PATCH", "kind": "timeout", "times": 3})
    status, said, state = switch(window_s=10)  # before the client has given up: three tries take 18 s
    assert (status, state) == (1, "back"), said
    assert "did not take mail for every address within bounds.window_s" in said
    _leads_to_one_side(emulator, state)


def _left_by_a_power_cut(folder: Path) -> None:
    """The run and its guard went down right after enabling, which replaced the SPF record."""
    with closing(_store(folder)) as store:
        kept = store.last("switching", APEX, state="moving") or {}
        body = {key: kept[key] for key in mx_back.KEPT}
        store.record("switching", APEX, run="the dead run", state="moving", **body)
        store.record("switching", APEX, run="another", state="begun")


@pytest.mark.parametrize("code", [250, 550])
def test_after_a_power_cut_the_hosts_are_asked_and_the_spf_record_comes_back(
    switch: Switch, emulator: Running, tmp_path: Path, code: int
) -> None:
    assert switch()[2] == "through"
    _left_by_a_power_cut(tmp_path)
    for each in emulator.zone.records.values():
        each.content = "v=spf1 include:_spf.mx.cloudflare.net ~all" if each.content == MERGED else each.content
    status, said, state = switch("", 0, 0, code)
    assert "A SWITCH ENDED HALF-WAY" in said
    assert (status, state) == ((0, "through") if code == 250 else (1, "back")), said
    assert ("MX hosts take every address, " in said) == (code == 250)
    assert set(emulator.contents("TXT")[0].strip('"').split()) == set(MERGED.split())


def test_after_a_power_cut_a_rollback_ends_it(switch: Switch, tmp_path: Path) -> None:
    assert switch()[2] == "through"
    _left_by_a_power_cut(tmp_path)
    status, said, _ = switch(script="rollback")
    assert status == 0, said
    with closing(_store(tmp_path)) as store:
        assert half_way(store, APEX) is None


@pytest.mark.parametrize(
    ("state", "says"), [("moving", "a switch ended half-way"), ("back", "a switch went back"), ("through", "")]
)
@pytest.mark.parametrize("late_s", [1000, -32_400, 0], ids=["late", "before the clock went back", "now"])
def test_watch_shows_where_the_mx_should_not_be(job: Job, state: str, says: str, late_s: float) -> None:
    watch = Watch(job.migration, job.domain, _current=("10 route1.mx.cloudflare.net",))
    watch._dell = DellSide(job.migration)
    job.migration.store.record("switching", job.domain, run="the dead run", state=state)
    with job.migration.store.engine.begin() as db:
        db.execute(sa.update(records).values(real_at=time.time() - late_s))
    asyncio.run(watch._beat())
    aborts = watch.state.aborts
    assert [each[: len(says)] for each in aborts] == [says] * bool(late_s and says)


@pytest.mark.parametrize(
    ("beat", "says"),
    [
        ({"running": False}, "start it first"),
        ({"running": True, "counted_at": -61}, "watch has not counted the mail of "),
        ({"running": True, "real_at": 32_400}, "s from now, so a clock has gone back, for "),
        ({"running": True, "counted_at": 32_400}, "watch has not counted the mail of "),
        ({"running": True, "counted": False}, "watch has not counted the mail of "),
        ({"running": True, "counted_at": -50}, "not ready"),
        ({"running": True}, "not ready"),
    ],
    ids=[
        "ended",
        "it sees no mail",
        "before the clock went back",
        "counted before that",
        "it has seen none yet",
        "it counts",
        "it sends none",
    ],
)
def test_a_switch_wants_a_watch_that_sees(
    job: Job, monkeypatch: pytest.MonkeyPatch, beat: dict[str, Any], says: str
) -> None:
    def unready(_: Job) -> None:
        raise Refused("not ready")

    monkeypatch.setattr(switch_mx, "_require_ready", unready)
    if "counted" in beat:
        monkeypatch.setattr(switch_mx, "COUNTED_S", 0.1)
    at = {"counted_at": time.time() + beat["counted_at"]} if "counted_at" in beat else {}
    job.migration.store.record("watch", job.domain, **{**beat, **at})
    with job.migration.store.engine.begin() as db:
        db.execute(sa.update(records).values(real_at=time.time() + beat.get("real_at", 0)))
    with pytest.raises(Refused, match=says):
        switch_mx._check(job)


@pytest.mark.parametrize("left", [[], [200], [200, 60], [9999] * 9], ids=str)
def test_a_switch_begins_where_requests_are_left_for_it(
    job: Job, monkeypatch: pytest.MonkeyPatch, left: list[int]
) -> None:
    """Else Cloudflare refuses them for five minutes, between the batch and enabling say."""
    monkeypatch.setattr(switch_mx, "_require_ready", lambda _: None)
    monkeypatch.setattr(routing, "prove_right", lambda _: None)
    monkeypatch.setattr(routing, "wait_s", lambda *_: left.pop(0) if left else 0)
    monkeypatch.setattr(paper, "leave", lambda *_: "night/")
    job.migration.store.record("watch", job.domain, running=True)
    began, waits_s = job.migration.clock.now(), min(sum(left), WAIT_S_MAX)
    with pytest.raises(Refused, match="Nothing was written") if waits_s == WAIT_S_MAX else nullcontext():
        switch_mx._check(job)
    assert waits_s <= job.migration.clock.now() - began < waits_s + 20


@pytest.mark.parametrize("now", [{"state": "moving", "mx": ["10 mail.example.net"]}, {"state": "begun"}], ids=str)
def test_a_guard_without_its_store_goes_by_what_it_read_last(
    job: Job, monkeypatch: pytest.MonkeyPatch, now: dict[str, Any]
) -> None:
    """And it tries as long as any way back is tried; then it says what a person has to do."""

    def away(_: Job) -> dict[str, Any]:
        raise StoreError("the disk is gone")

    done: list[Any] = []

    def put_back(_: Job, kept: dict[str, Any], why: str) -> str:
        done.append((kept["mx"], why))
        return "done"

    monkeypatch.setattr(switch_guard, "state", away)
    monkeypatch.setattr(mx_back, "LIMIT_S", 1.0)
    monkeypatch.setattr(mx_back, "put_back", put_back)
    if "mx" in now:
        switch_guard.act(job, now)
        assert done == [(now["mx"], switch_guard.WITHOUT_A_WORD)]
    else:
        with pytest.raises(Refused, match=r"STILL LEADS TO CLOUDFLARE.*by_hand"):
            switch_guard.act(job, now)


def test_dns_waits_for_no_store(switch: Switch, emulator: Running, tmp_path: Path) -> None:
    """Another process holds the store from the moment that the MX has moved; the store gets the record afterwards."""
    emulator.management.post("/faults", json={**LASTING, "method": "POST", "status": 403})
    took: list[float] = []

    def hold() -> None:
        while not any(e["path"].endswith("/routing/dns") and e["method"] == "POST" for e in emulator.world.requests):
            time.sleep(0.02)
        with closing(sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            while emulator.contents("MX") != [OLD_MX] and time.monotonic() < began + 19:
                time.sleep(0.02)
            took.append(time.monotonic() - began)

    holding = threading.Thread(target=hold)
    holding.start()
    status, said, state = switch(window_s=20)  # whose end comes after what it is judged by
    holding.join()
    assert (status, state) == (1, "back"), said
    assert took[0] < 12
