"""What the API does that nobody asked for, and how it words what is wrong with a body."""

import contextlib
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.state import Token
from tests.emulator.conftest import ACCOUNT, ALL, APEX, Running

RECORD = {"type": "A", "name": "x", "content": "192.0.2.1", "ttl": 300}


def test_a_share_of_requests_fails_and_does_nothing(emulator: Running, client: Any) -> None:
    """The SDK's own retries get over it; each failure stands in the history."""
    emulator.management.post("/knobs", json={"transient_errors": 0.3})
    made = 0
    for number in range(40):
        with contextlib.suppress(cloudflare.InternalServerError):
            client.dns.records.create(zone_id=emulator.zone.id, **{**RECORD, "name": f"x{number}"})
            made += 1
    failed = [each for each in emulator.management.get("/requests").json() if each["fault"] == "transient"]
    assert 2 < len(failed) < 25
    assert {each["status"] for each in failed} <= {500, 502, 503, 504}
    assert (made, len(emulator.zone.records)) == (40 - len(failed), 3 + made)
    emulator.management.post("/knobs", json={"transient_errors": 0.1})
    patient = emulator.client(retries=5)
    assert [zone.name for zone in patient.zones.list()] == [APEX]


def test_too_many_requests_are_refused_for_five_minutes(emulator: Running, client: Cloudflare) -> None:
    emulator.management.post("/knobs", json={"rate_limit": 10})
    headers = client.ips.with_raw_response.list().headers
    assert (headers["ratelimit"], headers["ratelimit-policy"]) == ('"default";r=9;t=300', '"default";q=10;w=300')
    for _ in range(9):
        client.ips.list()
    for _ in range(2):
        with pytest.raises(cloudflare.RateLimitError) as refused:
            client.ips.list()
    headers = refused.value.response.headers
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("10", "0")
    assert headers["ratelimit"].startswith('"default";r=0;t=')
    assert 290 < int(headers["retry-after"]) <= 301
    emulator.world.clock.advance(302)
    client.ips.list()


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({**RECORD, "ttl": 30}, 9021, "/ttl"),
        ({**RECORD, "type": "MX", "content": "mail.example."}, 9102, "/priority"),
        ({**RECORD, "type": "B"}, 1004, "/type"),
        ({**RECORD, "content": "fe80::1%eth0", "type": "AAAA"}, 9006, "/content"),
        ({**RECORD, "type": "MX", "priority": 1, "proxied": True, "content": "m.example"}, 9004, "/proxied"),
        ({**RECORD, "type": "CAA", "content": "0 issue"}, 9101, "/content"),
        ({**RECORD, "type": "SRV", "data": {"priority": 1, "weight": 1, "port": "x", "target": "."}}, 9101, "/content"),
        ({**RECORD, "comment": "x" * 101}, 9313, "/comment"),
        ({**RECORD, "tags": ["a:b"]}, 9301, "/tags"),
    ],
)
def test_a_records_fault_is_pointed_at(emulator: Running, body: dict[str, Any], code: int, pointer: str) -> None:
    client: Any = emulator.client()
    with pytest.raises(cloudflare.BadRequestError) as single:
        client.dns.records.create(zone_id=emulator.zone.id, **body)
    with pytest.raises(cloudflare.BadRequestError) as many:
        client.dns.records.batch(zone_id=emulator.zone.id, posts=[{**RECORD, "name": "y"}, body])
    assert [_reported(single), _reported(many)] == [(code, pointer), (code, f"/posts/1{pointer}")]
    assert len(emulator.zone.records) == 3, "a batch is one transaction"


TWO = {"actions": [{"type": "forward", "value": ["a@b.example", "c@d.example"]}]}


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"name": {"a": 1}}, "/name", ""),
        ({"enabled": "yes"}, "/enabled", ""),
        ({"priority": -1}, "/priority", ""),
        ({"matchers": [{"type": "literal", "field": "to", "value": "a@else.example"}]}, "/matchers/0/value", ""),
        ({"matchers": []}, "/matchers", "matchers: must have matchers."),
        ({"actions": [{"type": "drop"}] * 2}, "/actions", "actions: only one action per rule is allowed."),
        (TWO, "/actions/0/value", "forward action must contain exactly one destination"),
        ({"actions": [{"type": "mail"}]}, "/actions/0/type", ""),
        ({"source": "dashboard"}, "/source", ""),
    ],
)
def test_a_rules_fault_is_pointed_at(emulator: Running, change: dict[str, Any], pointer: str, words: str) -> None:
    """In the words that several projects have."""
    client: Any = emulator.client()
    right = {"matchers": [{"type": "literal", "field": "to", "value": f"a@{APEX}"}], "actions": [{"type": "drop"}]}
    with pytest.raises(cloudflare.UnprocessableEntityError, match="2007") as refused:
        client.email_routing.rules.create(zone_id=emulator.zone.id, **{**right, **change})
    assert _reported(refused) == (2007, pointer)
    assert words in str(refused.value.errors[0].message)
    assert emulator.zone.routing.rules == []


def test_an_accounts_own_token_is_no_users(emulator: Running) -> None:
    emulator.world.tokens.append(Token("owned", ALL, owner="account"))
    client = emulator.client("owned")
    verified = client.accounts.tokens.verify(account_id=ACCOUNT)
    assert verified is not None
    assert verified.status == "active"
    with pytest.raises(cloudflare.AuthenticationError) as refused:
        client.user.tokens.verify()
    assert _reported(refused) == (1000, "")


def _reported(refused: pytest.ExceptionInfo[cloudflare.APIStatusError]) -> tuple[int | None, str]:
    first = refused.value.errors[0]
    return first.code, (first.source.pointer if first.source and first.source.pointer else "")
