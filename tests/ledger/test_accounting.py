"""The balance: each message has arrived, has bounced, or is outstanding, and no figure flatters."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import Balance, balance
from fixtures.ledger.accounting import UNEXPECTED
from fixtures.migration import Migration
from fixtures.probes.mailbox.message import hops, path_of
from fixtures.settings import ClockSettings, Secrets, StoreSettings

RUN = "a-run"


class Ledger:
    """A store to write messages into, and what the balance says of them."""

    def __init__(self, url: str) -> None:
        told = {"store": StoreSettings(url=url), "clock": ClockSettings()}
        self.migration = Migration(settings_without_a_lab().model_copy(update=told), Secrets())
        self.store = self.migration.store

    def add(self, *, age: float = 5, domain: str = "a.example.net", **fields: Any) -> float:
        at = time.time() - age
        number = len(self.store.numbered()) + 1
        known = {"sender": "s", "family": "ipv4", "address": f"u@{domain}", "mailbox": f"u@{domain}", "digest": "d"}
        row = {"injected_at": at, "injected_real": at, **known, **fields}
        if isinstance(row.get("arrived_real"), str):
            row["arrived_real"] = at + float(row["arrived_real"])
        self.store.add_message(message_id=f"<{number}@s>", run=RUN, domain=domain, **row)
        return at

    def balance(self, **window: Any) -> Balance:
        return balance(self.migration, RUN, **window)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'store.sqlite'}")


def test_all_arrived_is_whole_and_says_its_bound(ledger: Ledger) -> None:
    for _ in range(300):
        ledger.add(arrived_real="0.5", copies=1, path="ec2")
    found = ledger.balance()
    assert found.whole
    assert found.loss_rate_bound == pytest.approx(0.01)
    assert found.latency_p50_s == pytest.approx(0.5, abs=0.01)
    assert found.acknowledged == 300, "what arrived was acknowledged, though no log told so"
    assert "loss rate below 1.00% at 95 % (n = 300)" in found.sentence()


def test_nothing_injected_is_not_whole(ledger: Ledger) -> None:
    found = ledger.balance()
    assert not found.whole
    assert found.loss_rate_bound is None
    assert found.latency_p99_s is None


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"age": 5}, "in_flight"),
        ({"age": 100}, "overdue"),
        ({"age": 1000}, "lost"),
        ({"age": 5, "bounced": "550 5.1.1"}, "lost"),
        ({"age": 100, "arrived_real": "75", "copies": 1}, "delayed"),
        ({"arrived_real": "1", "copies": 2, "deferrals": 1}, "explained_copies"),
        ({"arrived_real": "1", "copies": 2}, "unexplained_copies"),
    ],
)
def test_each_fate_has_its_place(ledger: Ledger, fields: dict[str, Any], where: str) -> None:
    ledger.add(arrived_real="0.1", copies=1)
    ledger.add(**fields)
    found = ledger.balance()
    places = {
        "in_flight": found.in_flight, "overdue": len(found.overdue), "lost": len(found.lost),
        "delayed": len(found.delayed), "explained_copies": len(found.explained_copies),
        "unexplained_copies": len(found.unexplained_copies),
    }  # fmt: skip
    assert places == {name: int(name == where) for name in places}
    assert found.injected == found.arrived + found.outstanding + len(found.lost) == 2
    assert found.whole == (where in {"delayed", "explained_copies"})


def test_a_bounce_of_what_arrived_is_no_loss(ledger: Ledger) -> None:
    ledger.add(arrived_real="1", copies=1, bounced="DSN: late")
    assert ledger.balance().whole


def test_what_no_queue_took_counts_only_if_it_arrived(ledger: Ledger) -> None:
    ledger.add(injected_real=None)
    ledger.add(injected_real=None, arrived_real="1", copies=1)
    assert ledger.balance().injected == 1


def test_windows_and_domains_are_kept_apart(ledger: Ledger) -> None:
    ledger.add(age=50, arrived_real="1", copies=1)
    at = ledger.add(age=20, bounced="550")
    ledger.add(age=10, domain="b.example.net", arrived_real="1", copies=1)
    assert ledger.balance().injected == 3
    assert ledger.balance(until=at).whole
    assert len(ledger.balance(since=at).lost) == 1
    assert ledger.balance(domain="b.example.net").whole


def test_mail_in_a_wrong_place_is_not_whole(ledger: Ledger) -> None:
    ledger.add(arrived_real="1", copies=1)
    ledger.store.record(UNEXPECTED, "a.example.net", run=RUN, what="no. 1 for u is in v")
    ledger.store.record(UNEXPECTED, "a.example.net", run="another", what="none of ours")
    found = ledger.balance()
    assert found.unexpected == ("no. 1 for u is in v",)
    assert not found.whole


@pytest.mark.parametrize(
    ("received", "path"),
    [
        (["from ec2 (mail [100.64.10.1]) by dell.webmakeprofit.org"], "ec2"),
        (["from x by mail.webmakeprofit.org (Postfix) with ESMTP"], "ec2"),
        (["from route1 (unknown [104.30.31.254]) by dell.webmakeprofit.org"], "cloudflare"),
        (["from route1 (unknown [IPv6:2405:8100:c000::7]) by dell.webmakeprofit.org"], "cloudflare"),
        (["from a (b [104.30.0.1]) by dell", "from c (d [203.0.113.20]) by cloudflare-email.net"], "ec2+cloudflare"),
        (["from a (b [104.30.32.1]) by dell", "from [999.1.1.1] by notmail.webmakeprofit.org"], "other"),
        (["from x (x [999.1.1.1]) by dell"], "other"),
        ([], "other"),
    ],
)
def test_the_path_is_read_from_what_servers_saw(received: list[str], path: str) -> None:
    assert path_of(hops(received), settings_without_a_lab()) == path
