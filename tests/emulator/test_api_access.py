"""Tokens, paths that lead nowhere, and faults that are planted."""

import time
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.state import Token
from tests.conftest import until
from tests.emulator.conftest import ACCOUNT, APEX, Running, refused

READ_ONLY = frozenset({"zone:read", "dns:read", "zone_settings:read", "rules:read", "addresses:read"})


def test_tokens_verify(emulator: Running, client: Any) -> None:
    verified = client.user.tokens.verify()
    assert verified.status == "active"
    owned = client.accounts.tokens.verify(account_id=ACCOUNT)
    assert owned.id == verified.id
    with refused(cloudflare.AuthenticationError, 1000):
        emulator.client("wrong").user.tokens.verify()


def test_a_zone(emulator: Running, client: Any) -> None:
    (zone,) = client.zones.list(name=APEX)
    assert (zone.id, zone.account.id, zone.name_servers) == (emulator.zone.id, ACCOUNT, emulator.zone.name_servers)
    assert client.zones.get(zone_id=zone.id) == zone


def test_a_reading_token_reads_and_does_not_write(emulator: Running) -> None:
    """Every kind of write is refused with 403."""
    emulator.world.tokens.append(Token("reader", READ_ONLY))
    client, zone_id = emulator.client("reader"), emulator.zone.id
    drop: Any = {"matchers": [{"type": "all"}], "actions": [{"type": "drop"}]}
    assert len(list(client.dns.records.list(zone_id=zone_id))) == 3
    client.email_routing.get(zone_id=zone_id)
    list(client.email_routing.rules.list(zone_id=zone_id))
    list(client.email_routing.addresses.list(account_id=ACCOUNT))
    for write in (
        lambda: client.dns.records.create(zone_id=zone_id, type="A", name="x", content="192.0.2.1", ttl=1),
        lambda: client.dns.records.batch(zone_id=zone_id, deletes=[{"id": each} for each in emulator.zone.records]),
        lambda: client.email_routing.dns.create(zone_id=zone_id),
        lambda: client.email_routing.rules.catch_alls.update(zone_id=zone_id, **drop),
        lambda: client.email_routing.addresses.create(account_id=ACCOUNT, email="a@b.example"),
    ):
        with refused(cloudflare.PermissionDeniedError, 10000):
            write()
    assert len(emulator.zone.records) == 3


def test_a_disabled_token_opens_nothing(emulator: Running) -> None:
    emulator.world.tokens.append(Token("old", READ_ONLY, status="disabled"))
    with refused(cloudflare.PermissionDeniedError, 9109):
        emulator.client("old").zones.list()
    verified = emulator.client("old").user.tokens.verify()
    assert verified is not None
    assert verified.status == "disabled"


def test_a_token_that_has_ended_opens_nothing(emulator: Running) -> None:
    token = Token("short", READ_ONLY, expires=int(emulator.world.clock.now()) + 60)
    emulator.world.tokens.append(token)
    client = emulator.client("short")
    assert [zone.name for zone in client.zones.list()] == [APEX]
    verified = client.user.tokens.verify()
    assert verified is not None
    assert verified.expires_on is not None
    assert (verified.status, verified.expires_on.timestamp()) == ("active", token.expires)
    emulator.world.clock.advance(60)
    with refused(cloudflare.PermissionDeniedError, 9109):
        client.zones.list()
    verified = client.user.tokens.verify()
    assert verified is not None
    assert verified.status == "expired"


def test_other_peoples_zones_and_accounts(client: Cloudflare) -> None:
    with pytest.raises(cloudflare.PermissionDeniedError):
        client.dns.records.list(zone_id="2" * 32)
    with pytest.raises(cloudflare.PermissionDeniedError):
        client.email_routing.addresses.list(account_id="2" * 32)


@pytest.mark.parametrize(
    ("path", "token", "answer"),
    [
        pytest.param("/zones/nonsense", "Bearer all", (404, 7003), id="malformed identifier"),
        pytest.param("/nothing/here", "Bearer all", (404, 7003), id="no such path"),
        pytest.param("/zones/nonsense/dns_records/nonsense", "Bearer all", (404, 7003), id="both malformed"),
        pytest.param(f"/zones/{'1' * 32}/dns_records/nonsense", "Bearer all", (400, 7003), id="malformed record"),
        pytest.param("/zones", "", (400, 6003), id="malformed token"),
    ],
)
def test_requests_that_lead_nowhere(emulator: Running, path: str, token: str, answer: tuple[int, int]) -> None:
    got = emulator.ask("GET", path, headers={"authorization": token})
    assert (got.status_code, got.json()["errors"][0]["code"]) == answer
    assert got.json()["result"] is None


def test_a_method_that_is_not_there(emulator: Running) -> None:
    """With a token as it was recorded: no messages, and no result."""
    got, said = emulator.ask("DELETE", "/zones"), "DELETE method not allowed for the api_token authentication scheme"
    assert (got.status_code, got.json()) == (405, {"success": False, "errors": [{"code": 10000, "message": said}]})
    without = emulator.ask("DELETE", "/zones", headers={})
    assert (without.status_code, without.json()["errors"][0]["code"]) == (405, 7001)


@pytest.mark.parametrize("body", [b"{", b"[]", b"x" * 1_100_000])
def test_bodies_that_can_not_be_read(emulator: Running, body: bytes) -> None:
    answer = emulator.ask("POST", f"/zones/{emulator.zone.id}/dns_records", content=body)
    assert answer.status_code in (400, 413)
    assert answer.json()["success"] is False


def test_throttled_then_served(emulator: Running, client: Cloudflare) -> None:
    """429 with its headers, as often as planted; the SDK's own retry gets past it."""
    plant = {"path": "/dns_records", "status": 429, "retry_after_s": 0, "times": 2}
    emulator.management.post("/faults", json=plant)
    with pytest.raises(cloudflare.RateLimitError) as error:
        client.dns.records.list(zone_id=emulator.zone.id)
    assert error.value.response.headers["retry-after"] == "0"
    assert len(list(emulator.client(retries=2).dns.records.list(zone_id=emulator.zone.id))) == 3
    assert emulator.management.get("/faults").json() == []


def test_done_but_the_answer_is_lost(emulator: Running, client: Cloudflare) -> None:
    """The client sees a broken connection; the record is there."""
    emulator.management.post("/faults", json={"path": "/dns_records$", "method": "POST", "kind": "lost"})
    with pytest.raises(cloudflare.APIConnectionError):
        client.dns.records.create(zone_id=emulator.zone.id, type="A", name="x", content="192.0.2.1", ttl=1)
    assert emulator.contents("A", f"x.{APEX}") == ["192.0.2.1"]


@pytest.mark.parametrize("kind", ["acknowledged", "status"])
def test_done_late(emulator: Running, kind: str) -> None:
    """Whatever was answered."""
    plant = {"path": "/dns_records$", "method": "POST", "kind": kind, "status": 504, "late_s": 0.5}
    emulator.management.post("/faults", json=plant)
    record = {"type": "A", "name": f"x.{APEX}", "content": "192.0.2.1", "ttl": 1}
    answer = emulator.ask("POST", f"/zones/{emulator.zone.id}/dns_records", json=record)
    assert answer.json()["success"] == (kind == "acknowledged")
    assert emulator.contents("A", f"x.{APEX}") == []
    until(lambda: emulator.contents("A", f"x.{APEX}") == ["192.0.2.1"], "the record is made", 5)


def test_never_answered(emulator: Running, client: Cloudflare) -> None:
    emulator.management.post("/faults", json={"path": "/zones", "kind": "timeout"})
    began = time.monotonic()
    with pytest.raises(cloudflare.APITimeoutError):
        client.with_options(timeout=0.2).zones.list()
    assert time.monotonic() - began < 5


def test_an_answer_does_not_wait_for_an_acknowledgement(emulator: Running) -> None:
    """Nagle's algorithm would hold each one back for 44 ms, and a rehearsal asks some thousand times."""
    with httpx.Client(verify=emulator.tls) as client:
        client.get(f"{emulator.url}/client/v4/ips")
        took = []
        for _ in range(20):
            began = time.monotonic()
            client.get(f"{emulator.url}/client/v4/ips")
            took.append(time.monotonic() - began)
        assert min(took) < 0.04
