"""The management port, and the lag of a name server."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.state import Destination
from tests.emulator.conftest import APEX, Running
from tests.emulator.test_api_records import rows


def test_history_holds_bodies_but_no_secret(emulator: Running, client: Cloudflare) -> None:
    assert emulator.management.get("/requests").json() == []
    client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.1", ttl=1)
    client.user.tokens.verify()
    (write,) = emulator.management.get("/requests", params={"method": "POST"}).json()
    assert (write["status"], write["body"]["name"], write["fault"]) == (200, "x", None)
    emulator.world.destinations["d"] = Destination("a@b.example", "", "")
    told = emulator.management.get("/requests").text + emulator.management.get("/state").text
    assert "Bearer" not in told
    assert emulator.world.destinations["d"].token not in told


def test_state_and_health(emulator: Running) -> None:
    state = emulator.management.get("/state").json()
    (zone,) = state["zones"]
    assert (zone["name"], zone["routing"]["enabled"], zone["serials"]) == (APEX, False, [1, 1])
    assert len(zone["records"]) == 3
    assert state["destinations"] == []
    health = emulator.management.get("/health").json()
    assert (health["status"], health["seed"]) == ("ok", 7)


def test_the_clock_is_the_labs(emulator: Running) -> None:
    emulator.world.clock.advance(86400 * 400)
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400 * 399))
    assert emulator.management.get("/health").json()["now"] > soon


def test_knobs_are_set_all_or_none(emulator: Running) -> None:
    bad = {"settle_s": 5, "enabling": "sometimes"}
    answer = emulator.management.post("/knobs", json=bad)
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "enabling: expected one of coexists, refuses, replaces, found 'sometimes'",
    )
    assert emulator.management.get("/knobs").json()["settle_s"] == 30
    good = {"settle_s": None, "duplicate_421": 0.5, "upstream_4xx": "retried"}
    answer = emulator.management.post("/knobs", json=good)
    assert answer.json() == {
        "enabling": "coexists",
        "settle_s": None,
        "verification_from": "elsewhere",
        "upstream_4xx": "retried",
        "duplicate_421": 0.5,
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/knobs", {"no_such": 1}),
        ("/knobs", {"duplicate_421": 2}),
        ("/knobs", []),
        ("/lag", {"server": 2, "seconds": 1}),
        ("/lag", {"server": 0, "seconds": -1}),
        ("/faults", {"path": "("}),
        ("/faults", {"method": "GET"}),
        ("/faults", {"path": "x", "kind": "flood"}),
        ("/faults", {"path": "x", "status": 200}),
        ("/faults", {"path": "x", "times": 0}),
    ],
)
def test_bad_input_is_named(emulator: Running, path: str, body: Any) -> None:
    answer = emulator.management.post(path, json=body)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"] or "there are" in answer.json()["error"]


def test_not_json_and_not_there(emulator: Running) -> None:
    assert emulator.management.post("/knobs", content=b"{").status_code == 400
    assert emulator.management.get("/nowhere").status_code == 404
    assert emulator.management.get("/").json()["/faults"] == ["DELETE", "GET", "HEAD", "POST"]


def test_one_name_server_lags(emulator: Running, client: Any) -> None:
    """In order, and not for ever: lowering the lag lets it catch up at once."""

    def served() -> list[list[str]]:
        return [[row[0] for row in rows(database, f"x.{APEX}", "A")] for database in emulator.databases]

    emulator.management.post("/lag", json={"server": 1, "seconds": 0.3})
    made = client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.1", ttl=1)
    assert served() == [["192.0.2.1"], []]
    until = time.monotonic() + 3
    while served()[1] == [] and time.monotonic() < until:
        time.sleep(0.02)
    assert served() == [["192.0.2.1"], ["192.0.2.1"]]
    assert emulator.management.post("/lag", json={"server": 1, "seconds": 0.4}).json() == [0.0, 0.4]
    client.dns.records.delete(made.id, zone_id=emulator.zone.id)
    assert served() == [[], ["192.0.2.1"]]
    emulator.management.post("/lag", json={"server": 1, "seconds": 0})
    assert served() == [[], []]
    client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.2", ttl=1)
    time.sleep(0.6)
    assert served() == [["192.0.2.2"], ["192.0.2.2"]], "a write that was late came after a newer one"
