"""Email Routing by way of a subdomain: its records, a foreign MX at the apex, and what the MX hosts then know."""

from typing import Any

import cloudflare
import pytest

from fixtures.lab.emulator.api.routing import MX_HOSTS, SPF
from fixtures.lab.emulator.hop.routes import route
from tests.emulator.conftest import APEX, OLD_MX, OLD_SPF, Running, refused
from tests.emulator.test_api_records import rows
from tests.emulator.test_api_routing import enable, move, switch, text, unlock

BELOW = f"mxgate.{APEX}"


def enable_below(emulator: Running) -> Any:
    return emulator.client().email_routing.dns.create(zone_id=emulator.zone.id, name=BELOW)


def codes(emulator: Running, name: str) -> set[str]:
    said: Any = emulator.client().email_routing.dns.get(zone_id=emulator.zone.id, subdomain=name)
    assert [record["name"] for record in said["record"]] == [name] * 3 + [f"cf2024-1._domainkey.{name}", name]
    return {error["code"] for error in said["errors"]}


def taken(emulator: Running, *names: str) -> list[bool]:
    """Whether the MX hosts take an address that has a rule, at each of NAMES."""
    rules = emulator.client().email_routing.rules
    for name in names:
        if not any(rule.matchers[0]["value"] == f"a@{name}" for rule in emulator.zone.routing.rules):
            matcher: Any = {"type": "literal", "field": "to", "value": f"a@{name}"}
            rules.create(zone_id=emulator.zone.id, matchers=[matcher], actions=[{"type": "drop"}])
    return [route(emulator.world, f"a@{name}") is not None for name in names]


def test_a_subdomain_leaves_the_apex_as_it_is(emulator: Running) -> None:
    settings = enable_below(emulator)
    assert (settings.enabled, settings.status) == (True, "misconfigured")
    (below,) = settings.subdomains
    assert (below["name"], below["enabled"], below["status"]) == (BELOW, True, "ready")
    assert below["id"] == below["tag"]
    assert (emulator.contents("MX"), text(emulator)) == ([OLD_MX], [OLD_SPF])
    assert (emulator.contents("MX", BELOW), text(emulator, BELOW)) == (list(MX_HOSTS), [SPF])
    assert codes(emulator, APEX) >= {"mx.foreign", "mx.missing", "spf.foreign", "spf.missing"}
    assert codes(emulator, BELOW) == set()


@pytest.mark.parametrize("early", ["refused", "taken"])
def test_what_the_mx_hosts_take_of_the_apex(emulator: Running, early: str) -> None:
    """A rule for a name that isn't enabled is accepted, and does nothing; the apex's own enabling ends the question."""
    emulator.management.post("/knobs", json={"apex_early": early})
    assert taken(emulator, APEX, BELOW) == [False, False]
    enable_below(emulator)
    assert taken(emulator, APEX, BELOW) == [False, False], "not settled yet"
    emulator.world.clock.advance(31)
    assert taken(emulator, APEX, BELOW) == [early == "taken", True]
    with pytest.raises(cloudflare.ConflictError):
        enable(emulator)
    switch(emulator)
    assert enable(emulator).status == "ready"
    assert taken(emulator, APEX, BELOW) == [early == "taken", True]
    emulator.world.clock.advance(31)
    assert taken(emulator, APEX, BELOW) == [True, True]


def test_the_apex_may_have_to_come_first(emulator: Running) -> None:
    emulator.management.post("/knobs", json={"subdomains": "after_apex"})
    with pytest.raises(cloudflare.BadRequestError):
        enable_below(emulator)
    assert emulator.contents("MX", BELOW) == []
    move(emulator)
    assert enable_below(emulator).status == "ready"


def test_disabling_clears_both(emulator: Running, client: Any) -> None:
    move(emulator)
    enable_below(emulator)
    settings: Any = client.email_routing.dns.delete(zone_id=emulator.zone.id)
    assert (settings.enabled, settings.subdomains) == (False, [])
    assert [record.type for record in emulator.zone.records.values()] == ["A"]
    assert taken(emulator, APEX, BELOW) == [False, False]


def disable_below(emulator: Running, name: str = BELOW) -> Any:
    """As the sweepers of Cloudflare's provider for Terraform do."""
    path = f"/zones/{emulator.zone.id}/email/routing/disable"
    return emulator.client().post(path, body={"name": name}, cast_to=object)["result"]  # type: ignore[index]


def test_one_subdomain_is_disabled_by_its_name(emulator: Running, client: Any) -> None:
    """The apex, a deeper name and their records stay; it is listed, and can be enabled again."""
    move(emulator)
    enable_below(emulator)
    client.email_routing.dns.create(zone_id=emulator.zone.id, name=f"deeper.{BELOW}")
    emulator.world.clock.advance(31)
    assert taken(emulator, APEX, BELOW) == [True, True]
    settings = disable_below(emulator)
    assert (settings["enabled"], settings["status"]) == (True, "ready")
    below = {each["name"]: (each["enabled"], each["status"]) for each in settings["subdomains"]}
    assert below == {f"deeper.{BELOW}": (True, "ready"), BELOW: (False, "unconfigured")}
    names = {record.name.rpartition("_domainkey.")[2] for record in emulator.zone.records.values()}
    assert names == {APEX, OLD_MX, f"deeper.{BELOW}"}
    assert rows(emulator.databases[0], BELOW, "MX") == []
    assert taken(emulator, APEX, BELOW) == [True, False]
    for again in (disable_below, lambda _: client.email_routing.dns.edit(zone_id=emulator.zone.id, name=BELOW)):
        with refused(cloudflare.BadRequestError, 2012):
            again(emulator)
    with pytest.raises(cloudflare.UnprocessableEntityError):
        disable_below(emulator, APEX)
    assert [each["enabled"] for each in enable_below(emulator).subdomains] == [True, True]
    assert taken(emulator, BELOW) == [False], "not settled yet"


def test_a_zone_that_was_on_by_that_subdomain_only_is_off_then(emulator: Running, client: Any) -> None:
    enable_below(emulator)
    settings = disable_below(emulator)
    assert (settings["enabled"], [each["enabled"] for each in settings["subdomains"]]) == (False, [False])
    assert (emulator.contents("MX"), text(emulator)) == ([OLD_MX], [OLD_SPF])
    assert client.email_routing.dns.delete(zone_id=emulator.zone.id).subdomains == []
    with pytest.raises(cloudflare.InternalServerError, match="Not emulated"):
        client.delete(f"/zones/{emulator.zone.id}/email/routing/dns", body={"name": BELOW}, cast_to=object)


def test_each_name_has_a_lock_of_its_own(emulator: Running, client: Any) -> None:
    """The apex's MX is free where only a subdomain is routed."""
    enable_below(emulator)
    zone_id, fields = emulator.zone.id, {"type": "MX", "content": "mx.example.net", "priority": 5, "ttl": 300}
    client.dns.records.create(zone_id=zone_id, name=APEX, **fields)
    with refused(cloudflare.BadRequestError, 890190):
        client.dns.records.create(zone_id=zone_id, name=BELOW, **fields)
    (one, *_) = client.dns.records.list(zone_id=zone_id, name={"exact": BELOW})
    assert (one.meta.email_routing, one.meta.read_only) == (True, True)
    client.email_routing.dns.edit(zone_id=zone_id, name=BELOW)
    client.dns.records.create(zone_id=zone_id, name=BELOW, **fields)
    with pytest.raises(cloudflare.BadRequestError):
        client.email_routing.dns.edit(zone_id=zone_id, name=f"other.{APEX}")
    unlock(emulator)


def test_a_subdomains_records_may_stay_locked(emulator: Running, client: Any) -> None:
    emulator.management.post("/knobs", json={"unlocking": "apex"})
    move(emulator)
    enable_below(emulator)
    with refused(cloudflare.UnprocessableEntityError, 2007):
        client.email_routing.dns.edit(zone_id=emulator.zone.id, name=BELOW)
    unlock(emulator)
    assert (emulator.zone.routing.locked, emulator.zone.routing.subdomains[BELOW].locked) == (False, True)
