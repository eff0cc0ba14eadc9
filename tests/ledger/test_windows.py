"""While Cloudflare may refuse mail: from the move of the MX until its hosts were asked again and took every address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.clock import Clock
from fixtures.gates.store import Store
from fixtures.watching.records import windows

DOMAIN = "pilot.example.net"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(f"sqlite:///{tmp_path}/store.sqlite", Clock())) as made:
        yield made


def switch(store: Store, *, moved_before: bool, domain: str = DOMAIN) -> float:
    """Record a switch, in the order that its script keeps, and return when the MX moved."""
    if not moved_before:
        store.record("settling", domain, seconds=20.0, moved=False)
    began = store.clock.now()
    store.record("switch", domain, began=began, ended=began, real_began=began, real_ended=began)
    if moved_before:
        store.record("settling", domain, seconds=20.0, moved=True)
    return began


def test_a_switch_that_waited_first_has_none(store: Store) -> None:
    switch(store, moved_before=False)
    assert windows(store, DOMAIN, 0) == []


def test_it_ends_when_every_address_was_taken(store: Store) -> None:
    began = switch(store, moved_before=True)
    (found,) = windows(store, DOMAIN, 0)
    assert found == (began, store.recorded("settling", DOMAIN)[-1]["real_at"])


def test_one_for_each_switch_and_none_of_anothers(store: Store) -> None:
    """A switch that was killed before its end, and whose domain went back, does not borrow the next one's end."""
    began = store.clock.now()
    store.record("switch", DOMAIN, began=began, ended=began, real_began=began, real_ended=began)
    switch(store, moved_before=True, domain="fx-trader-life.com")
    again = switch(store, moved_before=True)
    assert [begin for begin, _ in windows(store, DOMAIN, 0)] == [again]
