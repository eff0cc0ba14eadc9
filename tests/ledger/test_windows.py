"""While Cloudflare may refuse mail, as announced: what it refused then is counted apart, all else is lost."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import Balance, balance
from fixtures.ledger.windows import CLOSED, OPENED, PUT_BACK, REJECTED, SETTLED, WRITE_S, windows
from fixtures.migration import Migration
from fixtures.settings import ClockSettings, Secrets, StoreSettings
from fixtures.store import records

DOMAIN, OTHER, RUN = "pilot.example.net", "fx-trader-life.com", "a-run"
ROUTE, EC2 = "route1.mx.cloudflare.net[104.30.0.1]:25", "mail.webmakeprofit.org[192.0.2.1]:25"
NOW = time.time() - 1000
ANNOUNCED: dict[str, Any] = {"seconds": 120.0, "ttl_s": 60}


class Told:
    """A store in which things were recorded at moments of choice."""

    def __init__(self, url: str) -> None:
        told = {"store": StoreSettings(url=url), "clock": ClockSettings()}
        self.migration = Migration(settings_without_a_lab().model_copy(update=told), Secrets())
        self.store = self.migration.store

    def record(self, at: float, kind: str, domain: str = DOMAIN, **body: Any) -> None:
        self.store.record(kind, domain, **body)
        with self.store.engine.begin() as db:
            newest = sa.select(sa.func.max(records.c.id)).scalar_subquery()
            db.execute(records.update().where(records.c.id == newest).values(real_at=NOW + at))

    def bounced(self, at: float, relay: str = ROUTE, domain: str = DOMAIN) -> None:
        number = len(self.store.numbered()) + 1
        name, fields = f"<{number}@s>", dict.fromkeys(("sender", "family", "address", "mailbox"), "x")
        when = {"injected_at": NOW + at - 1, "injected_real": NOW + at - 1}
        self.store.add_message(message_id=name, run=RUN, domain=domain, bounced="550 5.1.1", **when, **fields)
        self.store.record(REJECTED, domain, message_id=name, relay=relay, text="550", sent_at=NOW + at, run=RUN)

    def balance(self) -> Balance:
        return balance(self.migration, RUN)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(f"sqlite:///{tmp_path}/store.sqlite")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ([], []),
        ([(0, OPENED, ANNOUNCED)], [(0, 120)]),
        ([(0, OPENED, ANNOUNCED), (20, CLOSED, {"why": SETTLED})], [(0, 20)]),
        ([(0, OPENED, ANNOUNCED), (900, CLOSED, {"why": SETTLED})], [(0, 120)]),
        ([(0, OPENED, ANNOUNCED), (5, CLOSED, {"why": PUT_BACK})], [(0, 65)]),
        ([(0, OPENED, ANNOUNCED), (900, CLOSED, {"why": PUT_BACK})], [(0, 180 + WRITE_S)]),
        ([(0, OPENED, ANNOUNCED), (2, OPENED, ANNOUNCED), (9, CLOSED, {"why": SETTLED})], [(0, 9), (2, 9)]),
        (
            [
                (0, OPENED, ANNOUNCED), (5, CLOSED, {"why": PUT_BACK}),
                (60, OPENED, ANNOUNCED), (100, CLOSED, {"why": SETTLED}),
            ],
            [(0, 65), (60, 100)],
        ),
        ([(0, OPENED, ANNOUNCED), (300, OPENED, ANNOUNCED), (310, CLOSED, {"why": SETTLED})], [(0, 120), (300, 310)]),
        ([(-9, CLOSED, {"why": SETTLED}), (0, OPENED, ANNOUNCED)], [(0, 120)]),
    ],
    ids=[
        "none", "left open", "settled", "settled too late", "put back", "put back too late", "tried again",
        "tried again while caches lead there",
        "killed, and again", "an earlier end",
    ],
)  # fmt: skip
def test_from_the_batch_to_its_end(
    told: Told, written: list[tuple[float, str, dict[str, Any]]], expected: list[tuple[float, float]]
) -> None:
    for at, kind, body in written:
        told.record(at, kind, **body)
    told.record(0, OPENED, OTHER, **ANNOUNCED)
    found = [(begin - NOW, end - NOW) for begin, end in windows(told.store, DOMAIN)]
    assert found == [pytest.approx(each, abs=0.01) for each in expected]


@pytest.mark.parametrize(
    ("at", "relay", "domain", "lost"),
    [
        (10, ROUTE, DOMAIN, False),
        (-0.9, ROUTE, DOMAIN, False),
        (-1.1, ROUTE, DOMAIN, True),
        (20.5, ROUTE, DOMAIN, True),
        (10, EC2, DOMAIN, True),
        (10, ROUTE, OTHER, True),
    ],
    ids=["inside", "by a log of whole seconds", "before", "after the end", "by EC2", "of another domain"],
)
def test_what_was_refused_inside_is_counted_apart(
    told: Told, at: float, relay: str, domain: str, *, lost: bool
) -> None:
    told.record(0, OPENED, **ANNOUNCED)
    told.record(20, CLOSED, why=SETTLED)
    told.bounced(at, relay, domain)
    found = told.balance()
    assert (len(found.lost), len(found.refused)) == (int(lost), int(not lost))
    assert ("refused in the announced window 1" in found.sentence()) is not lost
    assert not found.whole, "nothing else was sent"


def test_what_is_missing_without_a_refusal_stays_lost(told: Told) -> None:
    told.record(0, OPENED, **ANNOUNCED)
    told.bounced(5)
    at = {"injected_at": NOW + 5, "injected_real": NOW + 5}
    fates: tuple[dict[str, Any], ...] = ({}, {"arrived_real": NOW + 6, "copies": 1}, {"bounced": "DSN: expired"})
    for number, fate in enumerate(fates):
        names = dict.fromkeys(("sender", "family", "address", "mailbox"), "x")
        told.store.add_message(message_id=f"<more-{number}@s>", run=RUN, domain=DOMAIN, **names, **at, **fate)
    found = told.balance()
    assert (len(found.refused), len(found.lost), found.arrived) == (1, 2, 1)
    assert found.injected == found.arrived + found.outstanding + len(found.lost) + len(found.refused)


def test_the_rest_is_whole(told: Told) -> None:
    told.record(0, OPENED, **ANNOUNCED)
    told.bounced(5)
    names, at = (
        dict.fromkeys(("sender", "family", "address", "mailbox"), "x"),
        {"injected_at": NOW, "injected_real": NOW},
    )
    told.store.add_message(message_id="<m@s>", run=RUN, domain=DOMAIN, arrived_real=NOW + 1, copies=1, **names, **at)
    assert told.balance().whole
