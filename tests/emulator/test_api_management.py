"""The management port, and the lag of a name server."""

import time
from typing import Any

import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.state import Destination
from tests.conftest import until
from tests.emulator.conftest import APEX, Running
from tests.emulator.test_api_records import rows


def test_history_holds_bodies_but_no_secret(emulator: Running, client: Cloudflare) -> None:
    assert emulator.management.get("/requests").json() == []
    client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.1", ttl=1)
    client.user.tokens.verify()
    (write,) = emulator.management.get("/requests", params={"method": "POST"}).json()
    assert (write["status"], write["body"]["name"], write["fault"]) == (200, "x", None)
    emulator.world.destinations["d"] = Destination("a@b.example", "", "")
    said = emulator.management.get("/requests").text + emulator.management.get("/state").text
    assert "Bearer" not in said
    assert emulator.world.destinations["d"].token not in said


def test_state_and_health(emulator: Running) -> None:
    state = emulator.management.get("/state").json()
    (zone,) = state["zones"]
    assert (zone["name"], zone["routing"]["enabled"], zone["serials"]) == (APEX, False, [1, 1])
    assert len(zone["records"]) == 3
    assert state["destinations"] == []
    health = emulator.management.get("/health").json()
    assert (health["status"], health["seed"]) == ("ok", 7)


def test_knobs_are_set_all_or_none(emulator: Running) -> None:
    bad = {"settle_s": 5, "enabling": "sometimes"}
    answer = emulator.management.post("/knobs", json=bad)
    said = "enabling: expected 'refuses', 'replaces' or 'later', found 'sometimes'"
    assert (answer.status_code, answer.json()["error"]) == (400, said)
    assert emulator.management.get("/knobs").json()["settle_s"] == 30
    good = {"settle_s": None, "duplicate_421": 0.5, "upstream_4xx": "retried"}
    answer = emulator.management.post("/knobs", json=good)
    expected = {"enabling": "refuses", "verification_from": "elsewhere", **good}
    assert {name: answer.json()[name] for name in expected} == expected


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
        ("/faults", {"path": "x", "stage": "rcpt", "kind": "4xx"}),
        ("/faults", {"stage": "rcpt"}),
        ("/faults", {"stage": "greeting", "kind": "4xx"}),
        ("/faults", {"stage": "rcpt", "kind": "6xx"}),
        ("/faults", {"stage": "rcpt", "kind": "4xx", "reply": "550 no"}),
        ("/faults", {"stage": "rcpt", "kind": "stall", "stall_s": -1}),
        ("/faults", {"stage": "rcpt", "kind": "4xx", "matching": "("}),
        ("/clock", {"advance_s": -1}),
        ("/clock", {"advance_s": "1"}),
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


def test_the_clock_is_the_labs_and_can_be_moved(emulator: Running) -> None:
    before, year = emulator.management.get("/clock").json()["offset_s"], 86400 * 365
    assert emulator.management.post("/clock", json={"advance_s": year}).json()["offset_s"] == before + year
    assert emulator.world.clock.offset == before + year
    soon = time.strftime("%Y-%m-%d", time.gmtime(time.time() + year - 86400))
    assert emulator.management.get("/health").json()["now"] > soon


def test_history_is_narrowed_and_emptied(emulator: Running, client: Cloudflare) -> None:
    for to, status in (("a@x", "delivered"), ("b@x", "delivered"), ("a@x", "rejected")):
        emulator.world.events.append({"to": to, "status": status, "messageId": "<1@x>"})
    assert len(emulator.management.get("/events").json()) == 3
    (found,) = emulator.management.get("/events", params={"to": "a@x", "status": "rejected"}).json()
    assert found["to"] == "a@x"
    assert emulator.management.get("/events", params={"messageId": "<2@x>"}).json() == []
    client.user.tokens.verify()
    for path in ("/requests", "/events"):
        assert emulator.management.delete(path).json() == []
        assert emulator.management.get(path).json() == []


def test_what_has_come_since_is_forgotten(emulator: Running) -> None:
    for at in (1.0, 2.5, 3.0):
        emulator.world.events.append({"to": "a@x", "time": at})
    assert [each["time"] for each in emulator.management.delete("/events", params={"since": 2.5}).json()] == [1.0]
    refused = emulator.management.delete("/events", params={"since": "noon"})
    assert (refused.status_code, "since: expected seconds" in refused.text) == (400, True)


def test_mail_faults_are_planted_next_to_those_of_the_api(emulator: Running) -> None:
    emulator.management.post("/faults", json={"path": "/zones", "kind": "timeout"})
    planted = {"side": "upstream", "stage": "dot", "kind": "421", "matching": "alice@", "times": 2}
    said = emulator.management.post("/faults", json=planted).json()
    assert [each.get("path", each.get("stage")) for each in said] == ["/zones", "dot"]
    faults = emulator.world.mail_faults
    assert faults.take("mx", "dot", "alice@x bob@x") is None
    assert faults.take("upstream", "dot", "bob@x") is None
    taken = [faults.take("upstream", "dot", "alice@x") for _ in range(3)]
    assert [each.kind if each else None for each in taken] == ["421", "421", None]
    assert emulator.management.delete("/faults").json() == []


def test_writes_reach_name_servers_late_and_in_order(emulator: Running, client: Any) -> None:
    emulator.management.post("/knobs", json={"dns_lag_s": 0.4})
    for number in range(6):
        client.dns.records.create(zone_id=emulator.zone.id, type="A", name="late", content=f"192.0.2.{number}", ttl=1)
    until(lambda: not emulator.management.get("/health").json()["unpublished"], "all is published", 5)
    wanted = [f"192.0.2.{number}" for number in range(6)]
    assert [sorted(row[0] for row in rows(each, f"late.{APEX}", "A")) for each in emulator.databases] == [wanted] * 2
    assert [each.serial(APEX) for each in emulator.databases] == [7, 7], "one serial for one content"


def test_a_batch_reaches_each_name_server_record_by_record(emulator: Running, client: Any) -> None:
    """A part of the new set, perhaps none of it, is answered for a moment; the serial comes with the last."""
    emulator.management.post("/knobs", json={"batch_spread_s": 60})
    (old,) = client.dns.records.list(zone_id=emulator.zone.id, type="MX")
    posts = [
        {"type": "MX", "name": APEX, "content": f"route{number}.mx.cloudflare.net", "priority": number, "ttl": 300}
        for number in range(1, 9)
    ]
    client.dns.records.batch(zone_id=emulator.zone.id, posts=posts, deletes=[{"id": old.id}])
    whole = [(each["content"], 300, each["priority"]) for each in posts]
    seen: list[list[tuple[list[tuple[str, int, int]], int | None]]] = [[], []]
    for _ in range(200):
        for found, database in zip(seen, emulator.databases, strict=True):
            found.append((rows(database, APEX, "MX"), database.serial(APEX)))
        if not emulator.management.get("/health").json()["unpublished"]:
            break
        emulator.world.clock.advance(0.5)
        time.sleep(0.03)
    for found in seen:
        assert found[-1] == (whole, 2)
        assert any(0 < len(part) < 9 for part, _ in found if part != whole)
        assert {serial for part, serial in found if part != whole} == {1}


def test_a_leap_of_the_clock_ends_when_what_falls_due_is_served(emulator: Running, client: Any) -> None:
    emulator.management.post("/knobs", json={"dns_lag_s": 300})
    for number in range(8):
        client.dns.records.create(zone_id=emulator.zone.id, type="A", name="due", content=f"192.0.2.{number}", ttl=1)
    assert emulator.management.get("/health").json()["unpublished"]
    emulator.world.clock.advance(300)
    wanted = [f"192.0.2.{number}" for number in range(8)]
    assert [sorted(row[0] for row in rows(each, f"due.{APEX}", "A")) for each in emulator.databases] == [wanted] * 2
    assert emulator.management.post("/clock", json={"advance_s": 300}).status_code == 200, "nothing is due any more"


def test_one_name_server_lags(emulator: Running, client: Any) -> None:
    """In order, and not for ever: lowering the lag lets it catch up at once."""

    def served() -> list[list[str]]:
        return [[row[0] for row in rows(database, f"x.{APEX}", "A")] for database in emulator.databases]

    emulator.management.post("/lag", json={"server": 1, "seconds": 2})
    made = client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.1", ttl=1)
    assert served() == [["192.0.2.1"], []]
    until(lambda: served()[1], "the second name server has it", 20)
    assert served() == [["192.0.2.1"], ["192.0.2.1"]]
    assert emulator.management.post("/lag", json={"server": 1, "seconds": 2}).json() == [0.0, 2.0]
    client.dns.records.delete(made.id, zone_id=emulator.zone.id)
    assert served() == [[], ["192.0.2.1"]]
    emulator.management.post("/lag", json={"server": 1, "seconds": 0})
    assert served() == [[], []]
    client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.2", ttl=1)
    time.sleep(2.2)
    assert served() == [["192.0.2.2"], ["192.0.2.2"]], "a write that was late came after a newer one"
