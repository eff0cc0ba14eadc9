"""A ledger of one's own: messages and records at moments of choice, and what the balance says of them."""

import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import Balance, balance
from fixtures.ledger.collecting import _Collector
from fixtures.ledger.windows import REJECTED
from fixtures.probes.mailbox.imap import Stored
from fixtures.settings import ClockSettings
from fixtures.store import records
from tests.conftest import migration_in

DOMAIN, OTHER, RUN = "pilot.example.net", "fx-trader-life.com", "a-run"
SETTINGS = settings_without_a_lab()
ROUTE = "route1.mx.cloudflare.net[104.30.0.1]:25"
NOW = time.time() - 1000
OWN = "host route1.mx.cloudflare.net[104.30.0.1] said: 550 5.1.1 Address does not exist. 1aWtNX"
"""What Cloudflare says where it doesn't know an address, as Postfix logs it."""


def stored(user: str, name: str, saved_at: float, protocol: str = "LMTP") -> Stored:
    """A message in USER's inbox, of a body that is none of ours; by the time at which it was saved a delivery."""
    trace = f"from dell by dell with {protocol} id {saved_at} for <{user}>"
    headers = (("Received", trace), ("Message-ID", name), ("X-Mxgate-Number", "7"))
    return Stored(user, "INBOX", int(saved_at), headers, saved_at=saved_at, content=b"\r\nmore")


class Book:
    """A store to write into."""

    def __init__(self, folder: Path) -> None:
        self.migration = migration_in(folder, clock=ClockSettings())
        self.store = self.migration.store

    def add(self, name: str = "", *, age: float = 5, domain: str = DOMAIN, **fields: Any) -> float:
        """A message, injected AGE seconds ago; ``arrived_real`` as text is in seconds after that."""
        at = time.time() - age
        known = {"sender": "s", "family": "ipv4", "address": f"u@{domain}", "mailbox": f"u@{domain}", "digest": "d"}
        row = {"injected_at": at, "injected_real": at, **known, **fields}
        if isinstance(row.get("arrived_real"), str):
            row["arrived_real"] = at + float(row["arrived_real"])
        name = name or f"<{len(self.store.numbered()) + 1}@s>"
        self.store.add_message(message_id=name, run=RUN, domain=domain, **row)
        return at

    def come(self, user: str, name: str, *saved_at: float, protocol: str = "LMTP") -> None:
        """What a process finds that has just begun: copies in USER's mailbox, of a body that is none of ours."""
        collector, changes = _Collector(self.migration, RUN), defaultdict[str, dict[str, Any]](dict)
        collector._know({name})
        for uid, at in enumerate(saved_at or (1.0,)):
            collector._arrived(user, replace(stored(user, name, at, protocol), uid=uid), changes)
        collector._write(changes)
        collector.close()

    def record(self, at: float, kind: str, domain: str = DOMAIN, **body: Any) -> None:
        """A record that was made AT seconds after NOW, really."""
        self.store.record(kind, domain, **body)
        with self.store.engine.begin() as db:
            newest = sa.select(sa.func.max(records.c.id)).scalar_subquery()
            db.execute(records.update().where(records.c.id == newest).values(real_at=NOW + at))

    def refused(self, at: float, relay: str = ROUTE, domain: str = DOMAIN, text: str = OWN) -> None:
        """A message that RELAY turned away AT seconds after NOW, with TEXT."""
        name = f"<refused-{at}@s>"
        when = {"injected_at": NOW + at - 1, "injected_real": NOW + at - 1}
        self.add(name, domain=domain, bounced=text, **when)
        self.store.record(REJECTED, domain, message_id=name, relay=relay, text=text, sent_at=NOW + at, run=RUN)

    def balance(self, **window: Any) -> Balance:
        return balance(self.migration, RUN, **window)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)
