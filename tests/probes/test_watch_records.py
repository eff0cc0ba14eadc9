"""What watch recorded, read back: the moment of a switch, and for how long somebody looked on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from fixtures.clock import Clock
from fixtures.gates.store import Store
from fixtures.migration import Migration
from fixtures.watching import records

OLD, NEW = ["10 mail.own.example"], ["10 route1.mx.cloudflare.net", "20 route2.mx.cloudflare.net"]
DOMAIN = "own.example"


def _migration(tmp_path: Path) -> Migration:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", Clock())
    resolvers = tuple(SimpleNamespace(name=name) for name in ("quick", "slow"))
    return cast("Migration", SimpleNamespace(store=store, settings=SimpleNamespace(resolvers=resolvers)))


def _switch(migration: Migration, *seconds: dict[str, Any]) -> float:
    began = migration.store.clock.now()
    for second in seconds:
        body = {"answers": 20, "without_mx": 0, "errors": 0, "mx": [OLD], **second}
        migration.store.record("authority", DOMAIN, **{**body, "second": int(began) + second["second"]})
    migration.store.record("authority change", DOMAIN, before=OLD, after=NEW, server="one", old_ttl_s=300)
    migration.store.record("switch", DOMAIN, began=began, ended=began, real_began=began, real_ended=began)
    return began


def test_nothing_recorded_is_told_from_nothing_wrong(tmp_path: Path) -> None:
    migration = _migration(tmp_path)
    assert records.moment(migration, DOMAIN) is None
    assert records.propagation(migration, DOMAIN) is None
    _switch(migration)
    assert records.moment(migration, DOMAIN) is None
    found = records.propagation(migration, DOMAIN)
    assert found is not None
    assert [turn.new_after_s for turn in found.turns] == [None, None]


def test_answers_around_the_switch_are_counted(tmp_path: Path) -> None:
    migration = _migration(tmp_path)
    _switch(migration, *({"second": number, "mx": [OLD] if number < 0 else [NEW]} for number in range(-9, 9)))
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert (found.answers, found.without_mx, found.between) == (360, 0, ())
    assert found.gap_s <= records.AROUND_S


def test_a_set_in_between_and_a_gap_are_seen(tmp_path: Path) -> None:
    migration = _migration(tmp_path)
    _switch(migration, {"second": -9}, {"second": 9, "mx": [[*OLD, *NEW]], "without_mx": 2})
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert found.between == ("10 mail.own.example, 10 route1.mx.cloudflare.net, 20 route2.mx.cloudflare.net",)
    assert found.without_mx == 2
    assert found.gap_s > records.AROUND_S


def test_each_resolvers_turn_is_the_first_one(tmp_path: Path) -> None:
    migration = _migration(tmp_path)
    _switch(migration, {"second": 0})
    for after in (12.0, 99.0):
        migration.store.record("propagation", DOMAIN, resolver="quick", mx=NEW, after_s=after, old_ttl_s=300)
    migration.store.record("stale", DOMAIN, resolver="slow", mx=OLD, after_s=400.0, old_ttl_s=300)
    found = records.propagation(migration, DOMAIN)
    assert found is not None
    assert [(turn.new_after_s, turn.stale_after_s) for turn in found.turns] == [(12.0, None), (None, 400.0)]
    assert found.turns[0].old_ttl_s == 300


def test_time_counts_only_while_the_heart_beats() -> None:
    def beat(at: float, real_at: float, *, running: bool = True) -> dict[str, Any]:
        return {"at": at, "real_at": real_at, "running": running}

    assert records.watched_s([]) == 0
    assert records.watched_s([beat(0, 0)]) == 0
    # The lab's clock may be moved between two beats; really, they are two seconds apart.
    assert records.watched_s([beat(0, 0), beat(172_800, 2), beat(172_801, 3, running=False)]) == 172_801
    assert records.watched_s([beat(0, 0), beat(7200, 7200), beat(7202, 7202)]) == 2
    assert records.watched_s([beat(0, 0, running=False), beat(2, 2)]) == 0
