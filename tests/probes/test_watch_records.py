"""What watch recorded, read back: the moment of a switch, and for how long somebody looked on."""

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.access.clock import Clock
from fixtures.access.loop import run
from fixtures.evidence import Evidence, Verdict
from fixtures.migration import Migration
from fixtures.probes.dns.queries import Answer, Server
from fixtures.store import Store, records as table
from fixtures.watching import Watch, records
from fixtures.watching.counting import AFTER_S, BUSY_S
from fixtures.watching.watch import CALM_HEARTBEAT_S, HEARTBEAT_S
from scripts import switch_mx

OLD, NEW = ["10 mail.own.example"], ["10 route1.mx.cloudflare.net", "20 route2.mx.cloudflare.net"]
DOMAIN = "own.example"


def _migration(tmp_path: Path) -> Migration:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", Clock())
    resolvers = tuple(SimpleNamespace(name=name) for name in ("quick", "slow"))
    settings = SimpleNamespace(resolvers=resolvers, bounds=SimpleNamespace(oldest_deferred_s=900.0))
    return cast("Migration", SimpleNamespace(store=store, clock=store.clock, settings=settings))


@pytest.fixture(name="migration")
def its_own(tmp_path: Path) -> Migration:
    return _migration(tmp_path)


def _switch(migration: Migration, *seconds: dict[str, Any]) -> float:
    began = migration.store.clock.now()
    for second in seconds:
        body = {"answers": 20, "without_mx": 0, "errors": 0, "mx": [OLD], **second}
        migration.store.record("authority", DOMAIN, **{**body, "second": int(began) + second["second"]})
    migration.store.record("authority change", DOMAIN, before=OLD, after=NEW, server="one", old_ttl_s=300)
    sets = {"before": OLD, "after": NEW}
    migration.store.record("switch", DOMAIN, began=began, ended=began, real_began=began, real_ended=began, **sets)
    return began


def test_nothing_recorded_is_distinguished_from_nothing_wrong(migration: Migration) -> None:
    assert records.moment(migration, DOMAIN) is None
    assert records.propagation(migration, DOMAIN) is None
    _switch(migration)
    assert records.moment(migration, DOMAIN) is None
    found = records.propagation(migration, DOMAIN)
    assert found is not None
    assert [turn.new_after_s for turn in found.turns] == [None, None]


def test_answers_around_the_switch_are_counted(migration: Migration) -> None:
    _switch(migration, *({"second": number, "mx": [OLD] if number < 0 else [NEW]} for number in range(-9, 9)))
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert (found.answers, found.without_mx, found.parts, found.strays) == (360, 0, (), ())
    assert found.gap_s <= records.AROUND_S


@pytest.mark.parametrize(
    ("seen", "answers", "verdict"),
    [
        pytest.param([*range(-9, 31)], 800, Verdict.PASS, id="until the edge has followed"),
        pytest.param([*range(-9, 4), *range(900, 950)], 260, Verdict.INCONCLUSIVE, id="too few, and others much later"),
        pytest.param([*range(-30, 4), *range(29, 99)], 2080, Verdict.INCONCLUSIVE, id="the half minute was not seen"),
        pytest.param([*range(-30, 4), 12, 20, 28], 740, Verdict.PASS, id="it was seen with pauses"),
        pytest.param([*range(-30, 19)], 980, Verdict.INCONCLUSIVE, id="its end was not seen"),
    ],
)
def test_only_the_minutes_around_a_switch_say_something_of_it(
    migration: Migration, seen: list[int], answers: int, verdict: Verdict
) -> None:
    _switch(migration, *({"second": number} for number in seen))
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert found.answers == answers
    assert records.judged_moment(DOMAIN, found).verdict is verdict, found.evidence.answer


def test_in_a_lab_the_half_minute_ends_with_the_leap_of_its_clock(tmp_path: Path) -> None:
    (tmp_path / "clock").write_text("+0\n", encoding="ascii")
    clock = Clock(tmp_path / "clock")
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite'}", clock)
    migration = cast("Migration", SimpleNamespace(store=store, clock=clock))
    _switch(migration, *({"second": number} for number in range(-20, 3)))
    clock.advance(50)
    store.record("time passed", seconds=50)
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert records.judged_moment(DOMAIN, found).verdict is Verdict.PASS, found.evidence.answer


def test_a_part_long_after_the_batch_and_a_gap_are_seen(migration: Migration) -> None:
    _switch(migration, {"second": -9}, {"second": 39, "mx": [[*OLD, *NEW]], "without_mx": 2})
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert found.strays == ("10 mail.own.example, 10 route1.mx.cloudflare.net, 20 route2.mx.cloudflare.net",)
    assert found.without_mx == 2
    assert found.gap_s > records.AROUND_S


def test_parts_belong_to_the_seconds_of_any_batch_that_the_journal_has(migration: Migration) -> None:
    """A way back writes the MX as well."""
    _switch(migration, {"second": 1, "mx": [NEW[:1]]}, {"second": 40, "mx": [NEW[1:]]})
    assert records.moment(migration, DOMAIN) is not None
    for phase in ("before", "after"):
        migration.store.log("rollback", DOMAIN, "run", f"{DOMAIN} MX", phase)
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert (found.parts, found.strays) == ((NEW[0],), (NEW[1],))


SEEN: dict[str, dict[int, dict[str, Any]]] = {
    "nothing but the switch": {number: {"mx": [NEW]} for number in range(1, 60)},
    "no MX, and a stranger's": {-30: {"mx": [[], OLD], "without_mx": 1}, 40: {"mx": [["10 mail.stranger.example"]]}},
    "a server that is away": {number: {"answers": 2, "errors": 1} for number in range(-70, -2)},
    "nobody looked": {number: {"second": 0} for number in range(-2, 4)},
}


@pytest.mark.parametrize("seen", list(SEEN))
def test_equal_seconds_become_one_row_and_say_the_same(tmp_path: Path, seen: str) -> None:
    """A watch that has been calm for long, next to one that records each second."""
    shown, rows = [], []
    for calm in (False, True):
        folder = tmp_path / str(calm)
        folder.mkdir()
        migration = _migration(folder)
        began = _switch(migration)
        watch = Watch(migration, DOMAIN, started_at=began - BUSY_S - 10 if calm else began)
        for number in range(-100, 100):
            calmly = {"second": number, "answers": 4, "without_mx": 0, "errors": 0, "mx": [OLD]}
            body = calmly | SEEN[seen].get(number, {})
            if body["second"] == number:
                watch._over.append({**body, "second": int(began) + number, "last": int(began) + number})
                run(watch._record_seconds())
                new = SEEN[seen].get(number) != SEEN[seen].get(number - 1)
                assert not (new and watch._equal), "what is new waits for nothing"
        watch._stop.set()
        run(watch._record_seconds())
        found = records.moment(migration, DOMAIN)
        assert found is not None
        shown.append(replace(found, evidence=Evidence("", found.evidence.answer, at=0)))
        rows.append(len(migration.store.recorded("authority", DOMAIN)))
    assert shown[0] == shown[1]
    assert rows[0] > 190
    assert rows[1] <= 10


def test_of_a_row_that_began_too_early_only_what_was_seen_later_counts(migration: Migration) -> None:
    began = int(_switch(migration))
    body = {"second": began - 320, "last": began - 291, "answers": 4, "without_mx": 0, "errors": 0, "mx": [OLD]}
    with migration.store.engine.begin() as db:
        at = {"at": began - 290, "real_at": began - 290}
        db.execute(table.insert().values({"kind": "authority", "domain": DOMAIN, "body": body, **at}))
    found = records.moment(migration, DOMAIN)
    assert found is not None
    assert found.answers == 10 * 4


def test_where_nothing_moves_the_heart_beats_more_slowly(migration: Migration) -> None:
    """But sooner than a switch, or anybody who counts the hours, asks for; and at once where something is wrong."""
    watch = Watch(migration, DOMAIN, started_at=time.time() - AFTER_S + 60)

    def beats(times: int = 3) -> int:
        before = len(migration.store.recorded("watch", DOMAIN))
        for _ in range(times):
            run(watch._beat())
        return len(migration.store.recorded("watch", DOMAIN)) - before

    assert beats() == 3
    watch.started_at -= 60
    assert beats() == 0
    watch._beaten_at -= CALM_HEARTBEAT_S
    assert beats() == 1
    watch._blind = "mail could not be counted"
    assert beats() == 1
    watch._changed_at = time.time()
    assert beats() == 3
    assert CALM_HEARTBEAT_S + HEARTBEAT_S < switch_mx.HEARTBEAT_S < records.BEAT_GAP_S


FOREIGN = "10 mail.stranger.example"


@pytest.mark.parametrize(
    ("second", "rrset", "expected"),
    [
        pytest.param(0, OLD, "", id="the old set"),
        pytest.param(99, NEW, "", id="the new set, at any time"),
        pytest.param(5, list(reversed(NEW)), "", id="in any order"),
        pytest.param(5, [], "", id="none is counted elsewhere"),
        pytest.param(100, NEW[:1], "part", id="one of the new, at the batch"),
        pytest.param(99, [*OLD, NEW[0]], "part", id="old and new, in the second before"),
        pytest.param(131, NEW[1:], "part", id="at the last moment of propagation"),
        pytest.param(132, NEW[1:], "stray", id="later"),
        pytest.param(98, NEW[1:], "stray", id="earlier"),
        pytest.param(100, [FOREIGN], "stray", id="only a stranger"),
        pytest.param(100, [*NEW, FOREIGN], "stray", id="a stranger with the new set"),
        pytest.param(100, ["11 mail.own.example"], "stray", id="a preference that neither has"),
    ],
)
def test_which_sets_are_propagation(second: int, rrset: list[str], expected: str) -> None:
    parts, strays = records.judge([(second, rrset)], [OLD, NEW], [(100.0, 101.0)])
    assert ("part" if parts else "stray" if strays else "") == expected


def test_each_resolvers_turn_is_the_first_one(migration: Migration) -> None:
    _switch(migration, {"second": 0})
    for after in (12.0, 99.0):
        migration.store.record("propagation", DOMAIN, resolver="quick", mx=NEW, after_s=after, old_ttl_s=300)
    migration.store.record("stale", DOMAIN, resolver="slow", mx=OLD, after_s=400.0, old_ttl_s=300)
    found = records.propagation(migration, DOMAIN)
    assert found is not None
    assert [(turn.new_after_s, turn.stale_after_s) for turn in found.turns] == [(12.0, None), (None, 400.0)]
    assert found.turns[0].old_ttl_s == 300


@pytest.mark.parametrize(
    ("ago_s", "verdict"),
    [
        pytest.param(299, Verdict.PASS, id="within its TTL"),
        pytest.param(329, Verdict.PASS, id="fetched from a site of Cloudflare's that had not followed yet"),
        pytest.param(332, Verdict.FAIL, id="too late for that too"),
    ],
)
def test_an_old_answer_is_stale_by_its_ttl_and_the_lag_of_cloudflares_edge(
    migration: Migration, ago_s: float, verdict: Verdict
) -> None:
    began = _switch(migration)
    watch = Watch(migration, DOMAIN, _current=tuple(NEW), _old_ttl=300, _changed_at=began - ago_s)
    for rrset, name in ((OLD, "slow"), (NEW, "slow"), (NEW, "quick")):
        server = Server(name, "192.0.2.53")
        answer = Answer(server, DOMAIN, "MX", tuple(rrset), 1, "NOERROR", (), "", Evidence("", ""))
        run(watch._resolver(answer, began))
    found = {each.member: each for each in records.judged_turns(DOMAIN, records.propagation(migration, DOMAIN))}
    assert found[f"{DOMAIN} at quick"].verdict is Verdict.PASS
    slow = found[f"{DOMAIN} at slow"]
    assert slow.verdict is verdict, slow
    assert slow.expected == "no old answer later than 330 s (a TTL of 300 s, and 30 s until Cloudflare's edge follows)"


def said(server: Server, rrset: list[str]) -> Answer:
    return Answer(server, DOMAIN, "MX", tuple(rrset), 300, "NOERROR", (), "", Evidence("", ""))


@pytest.mark.parametrize(
    ("later", "rrset", "verdict"),
    [
        pytest.param(200, OLD, Verdict.PASS, id="within its TTL"),
        pytest.param(40_000, NEW, Verdict.PASS, id="new again"),
        pytest.param(40_000, OLD, Verdict.FAIL, id="another of its caches"),
        pytest.param(40_000, [], Verdict.PASS, id="none is no old answer"),
    ],
)
def test_a_resolver_that_falls_back_to_the_old_answer_is_seen(
    migration: Migration, later: float, rrset: list[str], verdict: Verdict
) -> None:
    """A big one is many caches at one address, of which any may answer."""
    began = _switch(migration)
    old, new = tuple(OLD), tuple(NEW)
    watch = Watch(migration, DOMAIN, _current=new, _former={old}, _old_ttl=300, _changed_at=began - 20)
    quick = Server("quick", "192.0.2.53")
    run(watch._resolver(said(quick, NEW), began))
    watch._changed_at = began - later
    run(watch._resolver(said(quick, rrset), began))
    turn, _ = records.judged_turns(DOMAIN, records.propagation(migration, DOMAIN))
    assert turn.verdict is verdict
    assert (verdict is Verdict.PASS) or "though the new one after 20 s already" in turn.found


def test_what_a_resolver_has_sooner_than_watch_is_no_old_answer(migration: Migration) -> None:
    """A switch, a way back and a switch again: until watch has seen the last, its answer is one that was before."""
    watch = Watch(migration, DOMAIN, _ttl=300, _seconds={"answers": 0, "mx": []})
    for rrset in (OLD, NEW, OLD):
        run(watch._authority(said(Server("ada", "192.0.2.1", zone=DOMAIN), rrset)))
    assert watch._former == {tuple(NEW)}
    watch._changed_at = migration.clock.now() - 9000
    quick, began = Server("quick", "192.0.2.53"), migration.clock.now()
    sets = {"before": OLD, "after": NEW}
    run(watch._resolver(said(quick, OLD), began))
    run(watch._resolver(said(quick, NEW), began))  # a moment before watch
    assert watch._stale == {"quick"}
    run(watch._authority(said(Server("ada", "192.0.2.1", zone=DOMAIN), NEW)))
    migration.store.record("switch", DOMAIN, began=began, ended=began, real_began=began, real_ended=began, **sets)
    run(watch._resolver(said(quick, NEW), migration.clock.now()))
    turn, _ = records.judged_turns(DOMAIN, records.propagation(migration, DOMAIN))
    assert (turn.verdict, watch._stale) == (Verdict.PASS, set())


def test_one_address_of_a_name_server_that_lags_is_no_change(migration: Migration) -> None:
    """Cloudflare's name servers have three of IPv4 each."""
    watch = Watch(migration, DOMAIN, _seconds={"answers": 0, "mx": []})
    at = [Server("ada", f"192.0.2.{number}", zone=DOMAIN) for number in range(3)]
    for seen in ((OLD, OLD, OLD), (NEW, OLD, NEW), (NEW, OLD, NEW), (NEW, NEW, NEW)):
        for server, rrset in zip(at, seen, strict=True):
            run(watch._authority(said(server, rrset)))
    (change,) = migration.store.recorded("authority change", DOMAIN)
    assert (change["before"], change["after"]) == (OLD, NEW)


def test_time_counts_only_while_the_heart_beats() -> None:
    def beat(at: float, real_at: float, *, running: bool = True) -> dict[str, Any]:
        return {"at": at, "real_at": real_at, "running": running}

    assert records.watched_s([]) == 0
    assert records.watched_s([beat(0, 0)]) == 0
    # The lab's clock may be moved between two beats; really, they are two seconds apart.
    assert records.watched_s([beat(0, 0), beat(172_800, 2), beat(172_801, 3, running=False)]) == 172_801
    assert records.watched_s([beat(0, 0), beat(7200, 7200), beat(7202, 7202)]) == 2
    assert records.watched_s([beat(0, 0, running=False), beat(2, 2)]) == 0
    # The clock went back by nine hours: neither they nor the moment count.
    assert records.watched_s([beat(32_400, 32_400), beat(32_402, 32_402), beat(4, 4), beat(6, 6)]) == 4


def test_hours_in_which_nobody_could_count_mail_are_not_watched(migration: Migration) -> None:
    began, real_began, hour = _switch(migration), time.time(), 3600
    for at, counted_at in ((0, 0), (hour, 10), (3 * hour, 10 - 900), (4 * hour, 40)):
        real = real_began + at / hour * 10  # the lab's clock is moved between two beats
        with migration.store.engine.begin() as db:
            body = {"running": True, "counted_at": real_began + counted_at}
            row = {"kind": "watch", "domain": DOMAIN, "at": began + at, "real_at": real, "body": body}
            db.execute(table.insert().values(row))
    found = records.propagation(migration, DOMAIN)
    assert found is not None
    assert (found.watched_s, found.blind_s) == (2 * hour, 2 * hour)
    assert "; blind for 2.0 h more" in records.judged_watch(DOMAIN, found, 48 * hour).found
