"""What watch shows fits a terminal of 80 x 24, and an alarm can't be cut off."""

import io
import signal
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import Entry
from fixtures.ledger.accounting import added_up
from fixtures.migration import Migration
from fixtures.watching import ResolverState, Watch, WatchState
from scripts import watch
from scripts.watch import ending, screen

BOUNDS = settings_without_a_lab().bounds
CLOUDFLARE = tuple(f"{n} route{n}.mx.cloudflare.net" for n in (10, 20, 30))
NOW = time.time()


def entry(number: int, **came_out: Any) -> Entry:
    known: dict[str, Any] = {"acknowledged": None, "acknowledged_by": "", "arrived": NOW, "copies": 1}
    known |= {"path": "cloudflare"}
    known |= {"deferrals": 0, "bounced": ""} | came_out
    who = "with a stale cache" if known["path"] == "ec2" else "over IPv4"
    return Entry(number, f"<mxgate.{number:032}@s.example>", who, "ipv4", "a@b.example", "b.example", NOW, NOW, **known)


def state(**fields: Any) -> WatchState:
    mail = [
        *(entry(n) for n in range(5)),
        entry(6, path="ec2"),
        entry(7, arrived=None, bounced="550 5.1.1 " + "no " * 99),
    ]
    resolvers = tuple(ResolverState(f"resolver {n}", CLOUDFLARE, 41, 12.0, 3.0) for n in range(12))
    known: dict[str, Any] = {
        "domain": "fx-trader-life.com",
        "started_at": NOW - 40000,
        "now": NOW,
        "changed_at": NOW - 36074,
        "mx": CLOUDFLARE,
        "ttl_s": 300,
        "asked": 5000,
        "asked_since": 5000,
        "without_mx": 0,
        "errors": 2,
        "resolvers": resolvers,
        "ledger": added_up(mail, [], 60, 900),
        "waiting": 7,
        "more_waiting": 2,
        "rejects": tuple(f"14:01:0{n} host[192.0.2.{n}]: 554 5.7.1 {'Access denied ' * 9}" for n in range(3)),
        "aborts": (f"6 messages lost, the first: {mail[-1].sentence()}", f"25 recipients wait: {'x ' * 99}"),
        "withdrawn": "",
        "troubles": ("alice@b.example: the connection was reset",),
        "away": True,
    }
    return WatchState(**known | fields)


def shown(what: WatchState) -> list[str]:
    console = Console(width=80, height=24, file=io.StringIO(), force_terminal=True, color_system=None)
    console.print(screen(what, BOUNDS))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_an_alarm_stands_on_top_whole() -> None:
    lines = shown(state())
    assert lines[0].startswith("ALARM: 6 messages lost, the first: no. 7 from over IPv4")
    assert "recommended: python -m scripts.rollback --domain fx-trader-life.com" in lines[:6]
    assert any("1 lost" in line for line in lines[:24])
    assert max(map(len, lines)) <= 80


def test_a_quiet_watch_fits() -> None:
    lines = shown(state(aborts=(), troubles=()))
    assert len(lines) <= 24
    text = "\n".join(lines)
    assert "switched, T+10 h 1 min" in text
    assert "through Cloudflare 5, through EC2 1 (with a stale cache)" in text
    assert "advises to go back at: 1 lost, or 20 more who wait" in text
    assert "refused 14:01:00 host[192.0.2.0]: 554" in text
    assert "ALARM" not in text


@pytest.mark.parametrize(
    ("fields", "said", "never"),
    [
        ({"aborts": (), "blind": "mail could not be counted"}, "ALARM: mail could not be counted", "scripts.rollback"),
        ({"aborts": (), "unsent": "six: 550 no"}, "could not send: six: 550 no", "ALARM"),
        ({"away": False}, "back at EC2, T+10 h 1 min", "scripts.rollback"),
        ({"away": False, "changed_at": None}, "not switched yet", "scripts.rollback"),
        ({"waiting": None, "looked": False, "troubles": ()}, "Dell: not looked yet", "could not look"),
        ({"waiting": None, "troubles": ()}, "Dell: could not look", "not looked yet"),
        ({"changed_at": None}, "the MX has not changed since this began", "EC2 is the MX"),
    ],
    ids=[
        "blind",
        "a sender that sends nothing",
        "taken back",
        "before the switch",
        "not looked",
        "Dell is silent",
        "begun after it",
    ],
)
def test_nobody_is_advised_to_take_back_what_is_back(fields: dict[str, Any], said: str, never: str) -> None:
    text = "\n".join(shown(state(**fields)))
    assert said in text
    assert never not in text


def test_the_end_says_what_became_of_mail_and_hours() -> None:
    found = state().ledger
    assert found is not None
    waits = replace(found, in_flight=3)
    outcome = "\n".join(ending(waits, "b.example", 3600, BOUNDS))
    assert "injected 7" in outcome
    assert "3 are still on their way: the next gate looks for them" in outcome
    assert "watched for 1 h since the switch, 1 d 23 h are missing (N-8): python -m scripts.watch" in outcome
    assert "is not switched" in "\n".join(ending(found, "b.example", None, BOUNDS))
    back = "\n".join(ending(found, "b.example", 3600, BOUNDS, back=True))
    assert "b.example is back at EC2: pytest features/ --gate rolledback --domain b.example judges that" in back
    assert "missing" not in back
    assert "long enough" in "\n".join(ending(found, "b.example", BOUNDS.watch_s, BOUNDS))
    assert "not known" in "\n".join(ending(None, "b.example", None, BOUNDS))


def test_a_fault_while_it_ends_loses_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was watched for hours counts, whatever became of the mail."""

    def fall() -> None:
        raise RuntimeError("the mail had ended by a fault")

    ended: list[str] = []
    watched = SimpleNamespace(state=state(), drain=lambda _: fall(), stop=lambda: ended.append("stopped"))
    watched.start = lambda: watched
    migration = SimpleNamespace(settings=SimpleNamespace(bounds=BOUNDS))
    monkeypatch.setattr(signal, "signal", lambda *_: signal.SIG_DFL)
    with pytest.raises(RuntimeError, match="by a fault"):
        watch._look_on(cast("Migration", migration), cast("Watch", watched), 0)
    assert ended == ["stopped"]
