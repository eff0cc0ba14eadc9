"""Email Routing's settings and records: enabling by each of its possible behaviours, lock, unlock, disable."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import cloudflare
import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.api.routing import MX_HOSTS, SPF
from fixtures.lab.nameserver import character_strings
from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX, OLD_SPF, Running, refused
from tests.emulator.test_api_records import rows

MERGED_SPF = "v=spf1 ip4:203.0.113.20 include:sendgrid.net include:_spf.mx.cloudflare.net ~all"
DKIM = f"cf2024-1._domainkey.{APEX}"


def enable(emulator: Running) -> Any:
    return emulator.client().email_routing.dns.create(zone_id=emulator.zone.id)


def status(emulator: Running) -> str | None:
    settings = emulator.client().email_routing.get(zone_id=emulator.zone.id)
    return settings.status if settings else None


def unlock(emulator: Running) -> None:
    emulator.client().email_routing.dns.edit(zone_id=emulator.zone.id)


def switch(emulator: Running) -> None:
    """One batch: every foreign MX away, the routing's in."""
    client = emulator.client()
    needed = client.email_routing.dns.get(zone_id=emulator.zone.id) or []
    posts: Any = [
        {"type": "MX", "name": r.name, "content": r.content, "priority": r.priority, "ttl": 300}
        for r in needed
        if r.type == "MX"
    ]
    old = client.dns.records.list(zone_id=emulator.zone.id, type="MX", name={"exact": APEX})
    deletes: Any = [{"id": r.id} for r in old]
    client.dns.records.batch(zone_id=emulator.zone.id, deletes=deletes, posts=posts)


def move(emulator: Running) -> None:
    switch(emulator)
    enable(emulator)


def text(emulator: Running, name: str = APEX) -> list[str]:
    return ["".join(character_strings(content)) for content in emulator.contents("TXT", name)]


def merge_spf(emulator: Running) -> None:
    client = emulator.client()
    (old,) = client.dns.records.list(zone_id=emulator.zone.id, type="TXT", name={"exact": APEX})
    client.dns.records.update(old.id, zone_id=emulator.zone.id, type="TXT", name=APEX, content=MERGED_SPF, ttl=300)


def test_needed_records_are_known_before(emulator: Running, client: Cloudflare) -> None:
    """Preferences differ by zone but not by call, and rise; hosts end in a dot, the key is one string, SPF is last."""
    needed = client.email_routing.dns.get(zone_id=emulator.zone.id) or []
    assert sorted(str(r.content) for r in needed[:3]) == [f"{host}." for host in MX_HOSTS]
    preferences = [r.priority or 0 for r in needed[:3]]
    assert preferences == sorted(preferences)
    assert [r.content for r in needed[3:]] == [f'"{emulator.key.dns_txt}"', f'"{SPF}"']
    assert [(r.type, r.name) for r in needed[3:]] == [("TXT", DKIM), ("TXT", APEX)]
    assert needed == client.email_routing.dns.get(zone_id=emulator.zone.id)
    assert len({r.priority for r in needed if r.type == "MX"}) == 3


def test_settings_and_lists_as_recorded(emulator: Running, client: Any) -> None:
    """By cloudflare/cf-terraforming: the settings have the zone's id, and no list says how many pages there are."""
    here, account = f"/zones/{emulator.zone.id}/email/routing", f"/accounts/{ACCOUNT}/email/routing"
    settings = client.get(here, cast_to=object)["result"]
    assert (settings["id"], settings["tag"], settings["admin_locked"]) == (emulator.zone.id, emulator.zone.id, False)
    for path in (f"{here}/rules", f"{account}/addresses", f"{account}/zones"):
        info = client.get(path, cast_to=object)["result_info"]
        assert info.keys() == {"page", "per_page", "count", "total_count"}


def test_foreign_mx_go_first(emulator: Running) -> None:
    """Refused while the old MX or a null MX stands; ready once one batch has moved it, and unlocked on request."""
    merge_spf(emulator)
    assert _refused(emulator) == (409, 2008, "Non-Cloudflare MX records exist")
    assert (status(emulator), emulator.contents("MX")) == ("unconfigured", [OLD_MX])
    switch(emulator)
    assert enable(emulator).status == "ready"
    assert (emulator.contents("MX"), text(emulator)) == (list(MX_HOSTS), [MERGED_SPF])
    assert text(emulator, DKIM) == [emulator.key.dns_txt]
    assert [row[0] for row in rows(emulator.databases[1], APEX, "MX")] == list(MX_HOSTS)
    unlock(emulator)
    assert status(emulator) == "unlocked"
    client: Any = emulator.client()
    null = client.dns.records.create(zone_id=emulator.zone.id, type="MX", name=APEX, content=".", priority=0, ttl=1)
    assert status(emulator) == "misconfigured"
    assert _refused(emulator)[1] == 2008
    client.dns.records.delete(null.id, zone_id=emulator.zone.id)
    assert enable(emulator).status == "ready"


def _refused(emulator: Running) -> tuple[int, int | None, str | None]:
    with pytest.raises(cloudflare.APIStatusError) as error:
        enable(emulator)
    (said,) = error.value.errors
    return error.value.status_code, said.code, said.message


@pytest.mark.parametrize("name", [APEX, APEX.upper(), "webmakeprofit.example", 7])
@pytest.mark.parametrize("do", ["create", "edit"])
def test_a_name_is_a_subdomains(emulator: Running, client: Any, do: str, name: Any) -> None:
    """The apex has none: terraform-provider-cloudflare issue 5890."""
    with pytest.raises(cloudflare.UnprocessableEntityError) as error:
        getattr(client.email_routing.dns, do)(zone_id=emulator.zone.id, name=name)
    (said,) = error.value.errors
    assert (said.code, said.message) == (2007, f"Invalid Input: must be a a subdomains of {APEX}")
    assert status(emulator) == "unconfigured"


def test_an_unmerged_spf_record_is_replaced(emulator: Running) -> None:
    """X10: SendGrid's mechanism is gone afterwards."""
    assert text(emulator) == [OLD_SPF]
    move(emulator)
    assert text(emulator) == [SPF]


def test_replaces_foreign_mx_and_any_spf(emulator: Running) -> None:
    """Even the merged record; it can be merged again afterwards, for SPF isn't locked, and stays when locked again."""
    emulator.management.post("/knobs", json={"enabling": "replaces"})
    merge_spf(emulator)
    assert enable(emulator).status == "ready"
    assert (emulator.contents("MX"), text(emulator)) == (list(MX_HOSTS), [SPF])
    merge_spf(emulator)
    unlock(emulator)
    assert enable(emulator).status == "ready"
    assert text(emulator) == [MERGED_SPF]


def test_locked_records_stand_still(emulator: Running, client: Any) -> None:
    """MX of the apex and DKIM by any method; other names' MX are free."""
    move(emulator)
    zone_id = emulator.zone.id
    old, *_ = client.dns.records.list(zone_id=zone_id, type="MX")
    (dkim,) = client.dns.records.list(zone_id=zone_id, name={"exact": DKIM})
    fields: Any = {"type": "MX", "name": APEX, "content": "mx.example.net", "priority": 5, "ttl": 1}
    attempts: list[Callable[[], Any]] = [
        lambda: client.dns.records.create(zone_id=zone_id, **fields),
        lambda: client.dns.records.update(old.id, zone_id=zone_id, **fields),
        lambda: client.dns.records.edit(old.id, zone_id=zone_id, **fields),
        lambda: client.dns.records.delete(old.id, zone_id=zone_id),
        lambda: client.dns.records.delete(dkim.id, zone_id=zone_id),
        lambda: client.dns.records.batch(zone_id=zone_id, posts=[fields]),
    ]
    for attempt in attempts:
        with refused(cloudflare.BadRequestError, 890190):
            attempt()
    client.dns.records.create(zone_id=zone_id, type="MX", name="dell", content="mx.example.net", priority=10, ttl=1)
    emulator.management.post("/knobs", json={"lock_code": "1046"})
    with refused(cloudflare.PermissionDeniedError, 1046) as other:
        client.dns.records.create(zone_id=zone_id, **fields)
    assert "managed by Email Routing" in str(other.value)
    unlock(emulator)
    client.dns.records.create(zone_id=zone_id, **fields)


def test_disabling_takes_the_merged_spf_along(emulator: Running, client: Any) -> None:
    """X10: a rollback has to bring SPF back."""
    merge_spf(emulator)
    move(emulator)
    settings = client.email_routing.dns.delete(zone_id=emulator.zone.id)
    assert (settings.enabled, settings.status) == (False, "unconfigured")
    assert (emulator.contents("MX"), text(emulator), text(emulator, DKIM)) == ([], [], [])


def test_what_email_routing_made_stays_its_own(emulator: Running, client: Any) -> None:
    """cloudflare-docs PR 32101: edited after unlocking, its records go all the same; those put in their place stay."""
    move(emulator)
    unlock(emulator)
    zone_id = emulator.zone.id
    edited, replaced, *_ = client.dns.records.list(zone_id=zone_id, type="MX")
    client.dns.records.edit(edited.id, zone_id=zone_id, type="MX", name=APEX, content=OLD_MX, priority=10, ttl=300)
    client.dns.records.delete(replaced.id, zone_id=zone_id)
    client.dns.records.create(zone_id=zone_id, type="MX", name=APEX, content=replaced.content, priority=9, ttl=300)
    merge_spf(emulator)
    client.email_routing.dns.delete(zone_id=zone_id)
    assert (emulator.contents("MX"), text(emulator)) == ([replaced.content], [])
    assert not any(getattr(record.meta, "email_routing", False) for record in client.dns.records.list(zone_id=zone_id))


def test_a_foreign_spf_record_may_be_kept(emulator: Running) -> None:
    emulator.management.post("/knobs", json={"spf": "kept"})
    switch(emulator)
    assert enable(emulator).status == "misconfigured/locked"
    assert text(emulator) == [OLD_SPF]
    assert _codes(emulator) == ["spf.foreign", "spf.missing"]
    merge_spf(emulator)
    assert status(emulator) == "ready"


def test_an_alias_at_the_apex_is_in_nobodys_way(emulator: Running, client: Any) -> None:
    client.dns.records.create(zone_id=emulator.zone.id, type="CNAME", name=APEX, content="shops.example", ttl=300)
    move(emulator)
    assert emulator.zone.routing.enabled
    assert len(rows(emulator.databases[0], APEX, "MX")) == 3


def test_the_zone_settles_after_enabling_not_after_locking(emulator: Running) -> None:
    move(emulator)
    ready_at = emulator.zone.routing.ready_at
    assert 0 < ready_at - emulator.world.clock.now() <= 30
    assert _synced(emulator) is False
    emulator.world.clock.advance(31)
    assert _synced(emulator) is True
    unlock(emulator)
    enable(emulator)
    assert emulator.zone.routing.ready_at == ready_at


def test_the_deprecated_ways_do_the_same(emulator: Running, client: Cloudflare) -> None:
    switch(emulator)
    ways = {"enable": "ready", "unlock": "unlocked", "disable": "unconfigured"}
    for way, state in ways.items():
        with pytest.warns(DeprecationWarning, match="deprecated"):
            assert getattr(client.email_routing, way)(zone_id=emulator.zone.id).status == state


def test_edit_sets_flags_and_ignores_enabled(emulator: Running, client: Any) -> None:
    edited = client.email_routing.edit(zone_id=emulator.zone.id, support_subaddress=True, enabled=True)
    assert (edited.support_subaddress, edited.enabled) == (True, False)


def test_the_first_read_makes_the_settings(emulator: Running, client: Any) -> None:
    """Seen in public code: a zone that nobody has enabled has times, and is not synced."""
    first, again = (client.email_routing.get(zone_id=emulator.zone.id) for _ in range(2))
    assert first == again
    assert isinstance(first.created, datetime)
    assert first.created == first.modified
    assert _synced(emulator) is False


def test_an_enabled_zone_without_its_records_is_unconfigured(emulator: Running, client: Any) -> None:
    """The DKIM record may stay; Cloudflare's hosts still know the zone."""
    move(emulator)
    unlock(emulator)
    for record in client.dns.records.list(zone_id=emulator.zone.id, name={"exact": APEX}):
        client.dns.records.delete(record.id, zone_id=emulator.zone.id)
    settings = client.email_routing.get(zone_id=emulator.zone.id)
    assert (settings.enabled, settings.status) == (True, "unconfigured")


def test_what_is_wrong_is_named(emulator: Running, client: Any) -> None:
    """The other documented shape of ``dns.get``, by the deprecated parameter."""
    assert _codes(emulator) == ["mx.foreign", *["mx.missing"] * 3, "dkim.missing", "spf.foreign", "spf.missing"]
    move(emulator)
    assert _codes(emulator) == []
    for name, content in ((DKIM, "v=DKIM1; p="), (APEX, "v=spf1 -all")):
        client.dns.records.create(zone_id=emulator.zone.id, type="TXT", name=name, content=f'"{content}"', ttl=300)
    assert _codes(emulator) == ["dkim.conflict", "spf.multiple"]
    assert status(emulator) == "misconfigured/locked"


def _codes(emulator: Running) -> list[str]:
    answer: Any = emulator.client().email_routing.dns.get(zone_id=emulator.zone.id, subdomain=APEX)
    assert all(error.get("missing") or error.get("existing") or error.get("multiple") for error in answer["errors"])
    return [error["code"] for error in answer["errors"]]


def _synced(emulator: Running) -> Any:
    settings: Any = emulator.client().email_routing.get(zone_id=emulator.zone.id)
    return settings.synced
