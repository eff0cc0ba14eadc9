"""The contract, asked of the emulator; and that a difference is found, and named by its line."""

import json
import re
import warnings
from datetime import UTC, datetime
from typing import Any

import pytest

from fixtures.lab.emulator.api import addresses
from fixtures.lab.emulator.state import Record
from fixtures.migration import Migration
from scripts.lib.trial import contract
from scripts.lib.trial.wire import Wire
from tests.emulator import sdk, test_lexicon, test_octodns, test_sdk, test_typescript, test_wrangler
from tests.emulator.conftest import ACCOUNT, ALL, APEX, OLD_MX, Running, calls, plain


def asked(emulator: Running, migration: Migration) -> list[contract.Kept]:
    for token in emulator.world.tokens:
        token.scopes = ALL | {"analytics:read"}
    name = f"mxgate-trial.{APEX}"
    known = {
        "zone": emulator.zone.id, "zone_name": APEX, "account": ACCOUNT, "name": name,
        "destination": f"contract@in.{name}", "outside": contract.outside(APEX),
    }  # fmt: skip
    return list(contract.kept(Wire(migration), known))


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {
            "enabling": "replaces",
            "lock_code": "1046",
            "dns_get": "object",
            "graphql_errors": "body",
            "rules_while_off": "conflict",
        },
        {"subdomains": "after_apex", "routing_mx": "hidden", "mx_names": "named", "unlocking": "apex"},
        {"transient_errors": 0.2, "spf": "kept"},
    ],
)
def test_the_emulator_keeps_it(emulator: Running, migration: Migration, knobs: dict[str, object]) -> None:
    emulator.world.knobs.change(knobs)
    records = {each.name: each.content for each in emulator.zone.records.values()}
    found = asked(emulator, migration)
    assert [str(each) for each in found if each.wrong] == []
    assert {each.row.if_on and "subdomains" in knobs for each in found if not each.answer} <= {True}, "was not asked"
    left = {each.name: each.content for each in emulator.zone.records.values() if "mxgate-trial" not in each.name}
    assert left == records, "nothing but the trial's own name was written"
    assert not emulator.zone.routing.enabled
    early = [] if "rules_while_off" in knobs else [f"early@mxgate-trial.{APEX}"]
    assert [each.matchers[0]["value"] for each in emulator.zone.routing.rules] == early
    assert [each.email for each in emulator.world.destinations.values()] == [f"contract@in.mxgate-trial.{APEX}"], "2032"


def test_what_the_first_and_the_last_answer_say_of_the_limit_is_kept(emulator: Running, migration: Migration) -> None:
    wire = Wire(migration)
    wire.ask("GET", "/user/tokens/verify")
    none, known = wire.limits, {"rate_limit": 1200}
    emulator.world.knobs.change(known)
    for _ in range(3):
        wire.ask("GET", "/user/tokens/verify")
    assert none == ()
    for said, left in zip(wire.limits, (1199, 1197), strict=True):
        expected = rf'ratelimit: "default";r={left};t=\d+; ratelimit-policy: "default";q=1200;w=300'
        assert re.fullmatch(expected, said), said


def test_another_answer_is_named(emulator: Running, migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: the emulator refuses a second mail with another code."""
    monkeypatch.setattr(addresses, "RESEND_S", -1.0)
    wrong = [each for each in asked(emulator, migration) if each.wrong]
    assert [each.wrong for each in wrong] == ["expected 429 2025, found 200"]
    line = contract.FILE.read_text(encoding="utf-8").splitlines()[wrong[0].row.number - 1]
    assert "429 2025" in line


def test_a_line_that_can_not_be_read_is_named() -> None:
    with pytest.raises(ValueError, match="line 2: expected request"):
        list(contract._rows("# head\nGET nothing | 200\n"))


GRAPHQL = "POST", "/graphql"
CONTRACT = {(row.method, plain(row.path)) for row in contract.rows()} - {("GET", "/nowhere/at/all")}


def test_the_official_client_asks_each_path(emulator: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "YOUNG_S", 0.0)
    client, kept = emulator.client(strict=True), dict[str, Any]()
    for name, given in test_sdk.STEPS:
        with warnings.catch_warnings(action="ignore"):
            found = sdk.call(sdk.find(client, name), **given(kept))
        kept[name] = list(found) if hasattr(found, "iter_pages") else found
    assert calls(emulator) >= CONTRACT - {GRAPHQL}, "the client has no method of its own for that"


TODAY = datetime.now(UTC).strftime("%Y-%m-%dT00:00:00Z")
QUERY = (
    f'query {{ viewer {{ zones(filter: {{zoneTag: "{"1" * 32}"}}) {{ '
    f'emailRoutingAdaptive(limit: 1, filter: {{datetime_geq: "{TODAY}"}}) {{ datetime }} }} }} }}'
)
HERE, DNS = f"/zones/:{APEX}", f"/zones/:{APEX}/email/routing/dns"
BY_CLI4: tuple[tuple[str, ...], ...] = (
    ("/user/tokens/verify",), ("/ips",), (f"/accounts/:{ACCOUNT}",), (HERE,), (f"{HERE}/dns_records/:{OLD_MX}",),
    ("--patch", "ttl==600", f"{HERE}/dns_records/:{OLD_MX}"), (f"{HERE}/dns_records/export",),
    ("--patch", "support_subaddress=true", f"{HERE}/email/routing"),
    ("--post", f"name=sub.{APEX}", DNS), ("--patch", f"name=sub.{APEX}", DNS), ("--delete", DNS),
    ("--post", f"query={QUERY}", "/graphql"),
)  # fmt: skip


def test_clients_in_other_languages_ask_each_path_twice(
    emulator: Running, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None was written here, and none is changed: of Cloudflare's own the SDK for TypeScript, wrangler (JavaScript) and
    cli4; lexicon and octodns; and curl (C), as Cloudflare's pages use it.
    """
    monkeypatch.setattr(addresses, "YOUNG_S", 0.0)
    for token in emulator.world.tokens:
        token.scopes = ALL | {"analytics:read"}
    client = {each: request.getfixturevalue(each) for each in ("typescript", "lexicon", "octodns", "cli4", "curl")}
    asked = {}
    test_lexicon.test_one_record_from_its_making_to_its_end(emulator, client["lexicon"])
    test_octodns.test_dump_plan_apply_and_a_second_plan_is_empty(emulator, client["octodns"])
    asked["lexicon, octodns"] = calls(emulator)
    for words in BY_CLI4:
        client["cli4"](*words)
    asked["cli4"] = calls(emulator)
    api, zone = "https://api.cloudflare.com/client/v4", emulator.zone.id
    posts = {"posts": [{"type": "TXT", "name": f"c.{APEX}", "content": '"c"', "ttl": 60}]}
    client["curl"]("--json", json.dumps(posts), f"{api}/zones/{zone}/dns_records/batch")
    client["curl"]("--json", json.dumps({"query": QUERY}), f"{api}/graphql")
    asked["curl"] = calls(emulator)
    asked["wrangler"] = test_wrangler.SETTINGS_AND_DNS | test_wrangler.ADDRESSES_AND_RULES  # which it asks in each run
    emulator.zone.records = {each.id: each for each in [Record("MX", APEX, OLD_MX, 300, 10)]}
    test_typescript.test_every_emulated_path(client["typescript"])
    asked["typescript"] = calls(emulator)
    once = {path for path in CONTRACT if sum(path in each for each in asked.values()) < 2}
    assert not once, once
    assert {path for path in CONTRACT if path not in asked["typescript"]} == {GRAPHQL}
