"""Who has an account and what is in it: lists and their filters, global keys, paths, headers."""

import re
import uuid
from typing import Any

import httpx
import pytest

from fixtures.lab.emulator.state import Bucket, Token, Zone
from tests.emulator.conftest import ACCOUNT, ALL, APEX, Running

KEY = "1234567893feefc5f0q5000bfo0c38d90bbeb"
OWNER = "owner@outside.example"


@pytest.fixture
def ask(emulator: Running) -> Any:
    """One request: status and body."""

    def get(path: str, **more: Any) -> tuple[int, Any]:
        answer = emulator.ask("GET", path, **more)
        return answer.status_code, answer.json()

    return get


@pytest.fixture
def zones(emulator: Running) -> list[str]:
    """Three zones."""
    for number, name in enumerate(("second.example", "third.example"), start=2):
        zone = Zone(name, str(number) * 32, emulator.zone.name_servers)
        emulator.world.zones[zone.id] = zone
    return [APEX, "second.example", "third.example"]


def names(answer: tuple[int, Any]) -> list[str]:
    status, body = answer
    assert status == 200, body
    return [each["name"] for each in body["result"]]


def code(answer: tuple[int, Any]) -> tuple[int, int]:
    return answer[0], answer[1]["errors"][0]["code"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {0, 1, 2}),
        ("name=second.example", {1}),
        ("name=SECOND.example", {1}),
        ("name=second.example.", {1}),
        ("name=contains:example", {1, 2}),
        ("name=starts_with:web", {0}),
        ("name=starts_with_case_sensitive:Web", set()),
        ("name=ends_with:.example", {1, 2}),
        ("name=not_equal:third.example", {0, 1}),
        (f"account.id={ACCOUNT}", {0, 1, 2}),
        ("account.id=" + "b" * 32, set()),
        ("account.name=nobody", set()),
        ("account.name=contains:lab", {0, 1, 2}),
        ("status=pending", set()),
        ("status=pending&name=third.example", set()),
        ("status=pending&name=third.example&match=any", {2}),
        ("type=partial", set()),
    ],
)
def test_filters_of_zones_select(ask: Any, zones: list[str], query: str, found: set[int]) -> None:
    assert set(names(ask(f"/zones?{query}"))) == {zones[index] for index in found}


@pytest.mark.parametrize("form", ["xn--wgv71a119e.jp", "日本語.jp", "XN--WGV71A119E.jp", "equal:xn--wgv71a119e.jp"])
def test_an_international_zone_is_found_in_either_form_and_named_in_unicode(
    emulator: Running, ask: Any, form: str
) -> None:
    emulator.world.zones["2" * 32] = Zone("xn--wgv71a119e.jp", "2" * 32, emulator.zone.name_servers)
    assert names(ask("/zones", params={"name": form})) == ["日本語.jp"]
    assert ask(f"/zones/{'2' * 32}")[1]["result"]["name"] == "日本語.jp"


def test_zones_in_order(ask: Any, zones: list[str]) -> None:
    assert names(ask("/zones?order=name")) == sorted(zones)
    assert names(ask("/zones?order=name&direction=desc")) == sorted(zones, reverse=True)
    assert code(ask("/zones?order=size")) == (400, 6003)


@pytest.mark.parametrize(
    "path",
    [
        "/zones?plan=free",
        "/accounts?type=x",
        f"/zones/{'1' * 32}/dns_records?include_shadow_metadata=true",
        f"/zones/{'1' * 32}/dns_records?comment.contains=test",
        f"/zones/{'1' * 32}/email/routing/rules?matcher=alice",
        f"/zones/{'1' * 32}/email/routing/rules?order=priority",
        f"/accounts/{ACCOUNT}/email/routing/addresses?email=alice",
        f"/zones/{'1' * 32}/email/routing/dns?name=below",
    ],
)
def test_a_filter_without_effect_is_not_taken(ask: Any, path: str) -> None:
    assert code(ask(path)) == (501, 10501)


def test_accounts_and_memberships(ask: Any) -> None:
    """What wrangler asks where nobody named an account."""
    assert [each["id"] for each in ask("/accounts")[1]["result"]] == [ACCOUNT]
    assert names(ask("/accounts?name=nobody")) == []
    assert ask(f"/accounts/{ACCOUNT}")[1]["result"]["name"] == "The lab's account"
    assert code(ask(f"/accounts/{'b' * 32}")) == (403, 9109)
    (mine,) = ask("/memberships?status=accepted")[1]["result"]
    assert (mine["account"]["id"], mine["status"]) == (ACCOUNT, "accepted")
    assert code(ask("/accounts", headers={"authorization": "Bearer wrong"})) == (401, 1000)


def test_a_slash_at_the_end_changes_nothing(ask: Any, zones: list[str]) -> None:
    """ddclient writes paths so, and follows no redirection."""
    assert names(ask("/zones/?name=third.example")) == zones[2:]
    assert ask(f"/zones/{'1' * 32}/dns_records/")[0] == 200


def test_global_keys(emulator: Running, ask: Any) -> None:
    """They open what a token with all permissions does; a wrong one is another error than none."""
    emulator.world.tokens.append(Token(KEY, ALL, email=OWNER))
    key = {"x-auth-email": OWNER, "x-auth-key": KEY}
    assert names(ask("/zones", headers=key)) == [APEX]
    assert ask(f"/accounts/{ACCOUNT}/email/routing/addresses", headers=key)[0] == 200
    assert code(ask("/zones", headers={**key, "x-auth-key": KEY[::-1]})) == (403, 9103)
    assert code(ask("/zones", headers={**key, "x-auth-email": "other@outside.example"})) == (403, 9103)
    assert code(ask("/zones", headers={"x-auth-email": OWNER})) == (400, 9106)
    short = ask("/zones", headers={**key, "x-auth-key": "all"})
    assert code(short) == (400, 6003)
    assert [each["code"] for each in short[1]["errors"][0]["error_chain"]] == [6103]
    assert code(ask("/zones", headers={"authorization": f"Bearer {KEY}"})) == (403, 9109)


@pytest.mark.parametrize("value", ["abc", "0", "-1", "", "1%D9%A1", "9" * 10])
@pytest.mark.parametrize("asked", ["zones?page", "zones?per_page", f"accounts/{ACCOUNT}/r2/buckets/b/objects?per_page"])
def test_a_page_that_is_no_whole_number_from_1_is_refused(emulator: Running, ask: Any, asked: str, value: str) -> None:
    emulator.world.buckets["b"] = Bucket("b", "")
    assert code(ask(f"/{asked}={value}")) == (400, 6003)


def test_pages(ask: Any, zones: list[str]) -> None:
    """An empty list has one page, and zones come by the hundred."""
    info = ask("/zones?per_page=100")[1]["result_info"]
    assert info == {"page": 1, "per_page": 100, "count": 3, "total_count": 3, "total_pages": 1}
    assert ask(f"/zones/{'1' * 32}/dns_records?type=AAAA")[1]["result_info"]["total_pages"] == 1
    assert len(names(ask("/zones?per_page=2&page=2"))) == 1
    assert len(zones) == 3


def test_fields_of_a_zone(emulator: Running, ask: Any) -> None:
    """As recorded of a zone on the free plan."""
    emulator.world.tokens.append(Token("some", frozenset({"zone:read", "dns:edit", "rules:read"})))
    (zone,) = ask("/zones", headers={"authorization": "Bearer some"})[1]["result"]
    assert zone["permissions"] == ["#dns_records:edit", "#dns_records:read", "#zone:read"]
    assert zone.keys() >= {"tenant", "tenant_unit", "vanity_name_servers", "vanity_name_servers_ips"}
    assert zone["plan"].keys() >= {"currency", "frequency", "is_subscribed", "can_subscribe", "legacy_id"}
    assert zone["meta"]["page_rule_quota"] == 3


def test_a_host_that_is_no_text_is_answered_in_the_envelope(ask: Any) -> None:
    status, body = ask("/ips", headers={"host": b"\xff.example"})
    assert (status, body["success"]) == (200, True)


def test_headers(emulator: Running) -> None:
    """A request can be traced by its ray; nothing says which server the emulator is."""
    with httpx.Client(verify=emulator.tls, headers={"authorization": "Bearer all"}) as http:
        base = f"{emulator.url}/client/v4"
        answers = [http.get(f"{base}{path}") for path in ("/zones", "/nothing", f"/zones/{'1' * 32}/dns_records")]
    for answer in answers:
        assert answer.headers["server"] == "cloudflare"
        assert re.fullmatch(r"[0-9a-f]{16}-[A-Z]{3}", answer.headers["cf-ray"])
    rays = [answer.headers["cf-ray"] for answer in answers]
    assert [each["ray"] for each in emulator.management.get("/requests").json()] == rays
    assert len(set(rays)) == 3
    assert uuid.UUID(answers[2].headers["cf-auditlog-id"]).version == 7
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", answers[2].headers["api-version"])
    assert "api-version" not in answers[0].headers


def test_what_another_sdk_call_would_be_is_no_malformed_identifier(ask: Any) -> None:
    assert code(ask(f"/zones/{'1' * 32}/dns_records/usage")) == (501, 10501)
    assert code(ask(f"/zones/{'1' * 32}/dns_settings")) == (501, 10501)
    assert code(ask(f"/zones/{'1' * 32}/dns_records/nonsense")) == (400, 7003)
    assert code(ask(f"/zones/{'1' * 32}/nothing")) == (404, 7003)
    assert code(ask(f"/zones/{'1' * 32}/dns_settings", headers={"authorization": "Bearer wrong"})) == (401, 1000)
