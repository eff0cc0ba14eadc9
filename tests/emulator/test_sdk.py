"""The official SDK drives every emulated path, sync and async, and what is not emulated says so.

Responses are validated strictly against the SDK's models, and a warning of any kind is an error; the SDK itself
warns of the calls that Cloudflare has deprecated, which is expected only of those.
"""

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import cloudflare
import pytest
from cloudflare import AsyncCloudflare, Cloudflare

from fixtures.lab.emulator.api.app import sdk_calls
from tests.emulator import sdk
from tests.emulator.conftest import ACCOUNT, APEX, Running

DEPRECATED = {"email_routing.enable", "email_routing.disable", "email_routing.unlock"}
SETTINGS = {
    "zones.settings.edit", "zones.nel.edit", "zones.transformations_allowed_origins.edit",
    "zones.transformations_c2pa.edit", "csam_scanner.edit", "origin_tls_compliance_modes.edit",
    "ssl.auto_origin_tls_kex.edit",
}  # fmt: skip
"""They change a zone's settings, of which the emulator knows none by name."""
SETTING, NOT_EMULATED = (400, 1006, "Unrecognized"), (501, 10501, "Not")
UNASKED = {
    "ai.finetunes.assets.create", "ai.to_markdown.transform", "aisearch.namespaces.instances.items.upload",
    "api_gateway.user_schemas.create", "cloudforce_one.binary_storage.create", "kv.namespaces.values.update",
    "r2.buckets.objects.upload", "radar.ai.to_markdown.create", "workers.assets.upload.create",
}  # fmt: skip
"""They want a file, or the SDK itself can't make them."""
HERE, MINE = {"zone_id": "1" * 32}, {"account_id": ACCOUNT}
TO = [{"type": "literal", "field": "to", "value": f"alice@{APEX}"}]
DROP, RESET = [{"type": "drop"}], {"matchers": [{"type": "all"}], "actions": [{"type": "drop"}], "enabled": False}
SCRIPT = {"main_module": "w.js", "bindings": [{"type": "secret_text", "name": "A", "text": "b"}]}
A = {"type": "A", "name": f"a.{APEX}", "content": "192.0.2.1", "ttl": 300}

Kept = dict[str, Any]
Step = tuple[str, Callable[[Kept], dict[str, Any]]]
STEPS: tuple[Step, ...] = (
    ("ips.list", lambda _: {}),
    ("accounts.list", lambda _: {}),
    ("accounts.get", lambda _: MINE),
    ("memberships.list", lambda _: {}),
    ("accounts.members.list", lambda _: MINE),
    ("user.get", lambda _: {}),
    ("page_rules.list", lambda _: HERE),
    ("user.tokens.verify", lambda _: {}),
    ("accounts.tokens.verify", lambda _: MINE),
    ("zones.list", lambda _: {"name": APEX, "account": {"id": ACCOUNT}}),
    ("zones.get", lambda _: HERE),
    ("dns.records.list", lambda _: {**HERE, "type": "MX"}),
    ("dns.records.create", lambda _: {**HERE, **A}),
    ("dns.records.get", lambda kept: {**HERE, "dns_record_id": kept["dns.records.create"].id}),
    ("dns.records.edit", lambda kept: {**HERE, **A, "dns_record_id": kept["dns.records.create"].id, "ttl": 600}),
    ("dns.records.update", lambda kept: {**HERE, **A, "dns_record_id": kept["dns.records.create"].id, "comment": "x"}),
    ("dns.records.delete", lambda kept: {**HERE, "dns_record_id": kept["dns.records.create"].id}),
    (
        "dns.records.batch",
        lambda kept: {
            **HERE, "posts": [A, {**A, "type": "TXT", "content": '"b"'}],
            "deletes": [{"id": record.id} for record in kept["dns.records.list"]],
        },
    ),
    ("dns.records.export", lambda _: HERE),
    ("workers.scripts.update", lambda _: {**MINE, "script_name": "w", "metadata": SCRIPT, "files": [("w.js", b"")]}),
    ("workers.scripts.list", lambda _: MINE),
    ("workers.scripts.script_and_version_settings.get", lambda _: {**MINE, "script_name": "w"}),
    ("workers.scripts.content.get", lambda _: {**MINE, "script_name": "w"}),
    ("workers.scripts.versions.list", lambda _: {**MINE, "script_name": "w"}),
    ("workers.scripts.deployments.list", lambda _: {**MINE, "script_name": "w"}),
    ("workers.scripts.delete", lambda _: {**MINE, "script_name": "w"}),
    ("zero_trust.access.service_tokens.list", lambda _: MINE),
    (
        "zero_trust.access.service_tokens.update",
        lambda kept: {
            **MINE, "service_token_id": kept["zero_trust.access.service_tokens.list"][0].id, "duration": "48h"
        },
    ),
    ("r2.buckets.create", lambda _: {**MINE, "name": "waiting"}),
    ("r2.buckets.list", lambda _: MINE),
    ("r2.buckets.get", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("r2.buckets.objects.list", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("r2.buckets.objects.delete", lambda _: {**MINE, "bucket_name": "waiting", "object_key": "a/b"}),
    ("r2.buckets.domains.managed.update", lambda _: {**MINE, "bucket_name": "waiting", "enabled": True}),
    ("r2.buckets.domains.managed.list", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("r2.buckets.domains.custom.list", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("r2.buckets.lifecycle.get", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("r2.buckets.delete", lambda _: {**MINE, "bucket_name": "waiting"}),
    ("email_routing.addresses.create", lambda _: {**MINE, "email": "alice@dell.example"}),
    ("email_routing.addresses.list", lambda _: {**MINE, "verified": False}),
    ("email_routing.addresses.get", lambda kept: {**MINE, "destination_address_identifier": one(kept)}),
    (
        "email_routing.addresses.edit",
        lambda kept: {**MINE, "destination_address_identifier": one(kept), "status": "unverified"},
    ),
    ("email_routing.addresses.delete", lambda kept: {**MINE, "destination_address_identifier": one(kept)}),
    ("email_routing.get", lambda _: HERE),
    ("email_routing.edit", lambda _: {**HERE, "support_subaddress": True}),
    ("email_routing.update", lambda _: {**HERE, "support_subaddress": False}),
    ("email_routing.dns.create", lambda _: HERE),
    ("email_routing.dns.get", lambda _: HERE),
    ("email_routing.dns.edit", lambda _: HERE),
    ("email_routing.dns.delete", lambda _: HERE),
    ("email_routing.enable", lambda _: HERE),
    ("email_routing.unlock", lambda _: HERE),
    ("email_routing.disable", lambda _: HERE),
    ("email_routing.rules.create", lambda _: {**HERE, "matchers": TO, "actions": DROP}),
    ("email_routing.rules.get", lambda kept: {**HERE, "rule_identifier": kept["email_routing.rules.create"].id}),
    (
        "email_routing.rules.update",
        lambda kept: {
            **HERE, "rule_identifier": kept["email_routing.rules.create"].id, "matchers": TO, "actions": DROP,
            "enabled": False, "name": "off", "priority": 3,
        },
    ),
    ("email_routing.rules.list", lambda _: {**HERE, "enabled": False}),
    ("email_routing.account_rules.list", lambda _: MINE),
    ("email_routing.rules.delete", lambda kept: {**HERE, "rule_identifier": kept["email_routing.rules.create"].id}),
    ("email_routing.rules.catch_alls.get", lambda _: HERE),
    ("email_routing.rules.catch_alls.update", lambda _: {**HERE, **RESET, "name": ""}),
)  # fmt: skip
EMULATED = {name for name, _ in STEPS}


def one(kept: Kept) -> str:
    return str(kept["email_routing.addresses.create"].id)


@pytest.fixture(autouse=True)
def nothing_warns() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def expected_of(name: str) -> Any:
    return pytest.warns(DeprecationWarning, match="deprecated") if name in DEPRECATED else warnings.catch_warnings()


@pytest.mark.usefixtures("old_destinations")
def test_every_emulated_path_sync(emulator: Running) -> None:
    client, kept = emulator.client(strict=True), Kept()
    for name, given in STEPS:
        with expected_of(name):
            found = sdk.call(sdk.find(client, name), **given(kept))
        kept[name] = list(found) if hasattr(found, "iter_pages") else found
    check(kept)


@pytest.mark.usefixtures("old_destinations")
def test_every_emulated_path_async(emulator: Running) -> None:
    async def drive(client: AsyncCloudflare) -> Kept:
        kept = Kept()
        async with client:
            for name, given in STEPS:
                with expected_of(name):
                    found = sdk.call(sdk.find(client, name), **given(kept))
                    kept[name] = [each async for each in found] if hasattr(found, "__aiter__") else await found
        return kept

    check(asyncio.run(drive(emulator.async_client())))


def check(kept: Kept) -> None:
    """The answers are not only of the right shape."""
    assert [zone.name for zone in kept["zones.list"]] == [APEX]
    assert [record.content for record in kept["dns.records.list"]] == ["mail.webmakeprofit.org"]
    assert (kept["dns.records.edit"].ttl, kept["dns.records.update"].comment) == (600, "x")
    assert kept["dns.records.update"].ttl == 300
    assert [record.type for record in kept["dns.records.batch"].posts] == ["A", "TXT"]
    assert f"a.{APEX}.\t300\tIN\tA\t192.0.2.1" in kept["dns.records.export"]
    assert [address.email for address in kept["email_routing.addresses.list"]] == ["alice@dell.example"]
    assert (kept["email_routing.get"].status, kept["email_routing.get"].enabled) == ("unconfigured", False)
    assert kept["email_routing.enable"].enabled
    assert not kept["email_routing.disable"].enabled
    assert {rule.name for rule in kept["email_routing.rules.list"]} == {"off", ""}
    assert kept["email_routing.rules.get"].matchers[0].value == f"alice@{APEX}"
    assert kept["email_routing.rules.catch_alls.get"].enabled is False
    assert len(kept["ips.list"].ipv4_cidrs) == 15
    before, after = kept["zero_trust.access.service_tokens.list"][0], kept["zero_trust.access.service_tokens.update"]
    assert str(before.expires_at) > str(after.expires_at)


def test_the_other_shape_of_the_needed_records(emulator: Running) -> None:
    """The SDK's model has only one of the two documented shapes; as it comes it hands on the other too."""
    emulator.management.post("/knobs", json={"dns_get": "object"})
    answer: Any = emulator.client().email_routing.dns.get(zone_id=emulator.zone.id)
    shown = answer if isinstance(answer, dict) else answer.to_dict()
    assert [record["type"] for record in shown["record"]] == ["MX", "MX", "MX", "TXT", "TXT"]
    assert {error["code"] for error in shown["errors"]} >= {"mx.missing", "mx.foreign"}


@pytest.mark.parametrize("root", [root for root in sdk.ROOTS if root not in sdk.BROKEN])
def test_what_is_not_emulated_says_so(emulator: Running, root: str) -> None:
    """Every call of the SDK, whatever it is about: nothing that the real API has is "no such path" here."""
    client, answer = emulator.client(), dict[str, Any]()
    warnings.simplefilter("ignore", DeprecationWarning)
    for name in sdk.methods(client, root):
        if name not in EMULATED:
            answer[name] = _reported(sdk.find(client, name))
    wrong = {name: said for name, said in answer.items() if said != (SETTING if name in SETTINGS else NOT_EMULATED)}
    unasked = {name for name, said in wrong.items() if said is None}
    assert not {name: said for name, said in wrong.items() if said is not None}
    assert unasked <= UNASKED


def _reported(method: Callable[..., Any]) -> tuple[int, int, str] | None:
    """Status, code and first word of the answer to METHOD; None where its arguments can't be made up."""
    known = inspect.signature(method).parameters
    where = HERE if "zone_id" in known else MINE if "account_id" in known else {}
    try:
        sdk.call(method, **where)
    except cloudflare.APIStatusError as refused:
        (error,) = refused.errors
        return refused.status_code, int(error.code or 0), str(error.message).split(maxsplit=1)[0]
    except (RuntimeError, TypeError):
        return None
    return 200, 0, "answered"


def test_the_walk_found_the_sdk() -> None:
    """A new version of the SDK with new calls fails above, not silently: here only that the walk still walks."""
    client = Cloudflare(api_token="none")
    found = {name for root in {each.partition(".")[0] for each in EMULATED} for name in sdk.methods(client, root)}
    assert found >= EMULATED
    assert len(sdk.ROOTS) > 100
    assert len(sdk_calls()) > 2500
