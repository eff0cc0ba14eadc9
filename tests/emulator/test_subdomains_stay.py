"""A clean-up while mail of a subdomain comes by Email Routing, of which a zone has only one: nothing of that ends."""

from dataclasses import asdict
from typing import Any

import pytest

from fixtures.lab.emulator.api.routing import MX_HOSTS
from fixtures.probes.cloudflare.api import Rule
from scripts.lib.change import Refused
from scripts.lib.cloudflare import rules
from scripts.lib.dns import takeback
from tests.emulator.conftest import APEX, OLD_MX, OLD_SPF, Running
from tests.emulator.test_api_routing import DKIM, merge_spf, move, text, unlock
from tests.emulator.test_people import job  # noqa: F401 - a fixture

REPLY, OURS = f"reply.{APEX}", f"mxgate.{APEX}"
CAUGHT = asdict(Rule("", "", enabled=False, priority=0, address="", action="drop", destinations=()))


@pytest.fixture
def back(job: Any, emulator: Running, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811 - the fixture above
    """The domain was at Cloudflare, and its MX is back; before, Email Routing was off."""
    first: list[dict[str, Any]] = [
        {"type": "MX", "name": APEX, "content": OLD_MX, "ttl": 3600, "priority": 10},
        {"type": "TXT", "name": APEX, "content": OLD_SPF, "ttl": 3600},
    ]
    more = {"rules": [], "catch_all": CAUGHT, "routing": {"enabled": False, "subaddressing": False}}
    job.domain = APEX
    job.migration.store.put_snapshot("start", "", {"zones": {APEX: {"records": first, **more}}})
    merge_spf(emulator)
    move(emulator)
    unlock(emulator)
    records = emulator.client().dns.records
    for each in [each for each in emulator.zone.records.values() if each.type == "MX"]:
        records.delete(each.id, zone_id=emulator.zone.id)
    records.create(zone_id=emulator.zone.id, type="MX", name=APEX, content=OLD_MX, priority=10, ttl=3600)
    monkeypatch.setattr(takeback, "put_back", lambda *_: ())
    return job


def done(job: Any) -> list[str]:  # noqa: F811 - no fixture
    """The subjects of a clean-up's writes, each made; afterwards there is nothing left to do."""
    writes = list(takeback.plan(job))
    for each in writes:
        each.do()
        assert each.read() == each.after
    assert list(takeback.plan(job)) == []
    return [each.subject for each in writes]


def add(emulator: Running, name: str, address: str = "") -> None:
    """Somebody enables a subdomain, makes a rule there, or both."""
    routing, zone_id = emulator.client().email_routing, emulator.zone.id
    if name:
        routing.dns.create(zone_id=zone_id, name=name)
    if address:
        matcher: Any = {"type": "literal", "field": "to", "value": address}
        routing.rules.create(zone_id=zone_id, matchers=[matcher], actions=[{"type": "drop"}])


@pytest.mark.parametrize(("name", "address"), [(REPLY, ""), (REPLY, f"help@{REPLY}"), ("", f"help@{REPLY}")])
def test_email_routing_stays_on(back: Any, emulator: Running, name: str, address: str) -> None:
    """And all else is as it was first; our own subdomain's records, which a switch left, go."""
    add(emulator, name, address)
    add(emulator, OURS)
    subjects = done(back)
    assert f"records of {OURS}" in subjects
    assert f"Email Routing of {APEX} stays on: mail of {REPLY} comes by it too" in str(back.said[0])
    assert emulator.zone.routing.enabled
    assert emulator.contents("MX", REPLY) == (sorted(MX_HOSTS) if name else [])
    assert len(emulator.zone.routing.rules) == bool(address)
    assert (emulator.contents("MX"), text(emulator)) == ([OLD_MX], [OLD_SPF])
    assert emulator.contents("MX", OURS) == emulator.contents("TXT", DKIM) == []


@pytest.mark.parametrize("label", ["mxgate", "cf-bounce"])
def test_what_is_nobodys_mail_does_not_keep_it_on(back: Any, emulator: Running, label: str) -> None:
    """Our own subdomain, and the one to which bounces of Cloudflare's Email Sending come; nor somebody's catch-all."""
    create = emulator.client().dns.records.create
    for host in MX_HOSTS:
        create(zone_id=emulator.zone.id, type="MX", name=f"{label}.{APEX}", content=host, priority=10, ttl=300)
    emulator.zone.routing.catch_all.enabled = True
    emulator.zone.routing.catch_all.actions = [{"type": "worker", "value": ["theirs"]}]
    assert [each.subject for each in rules.catch_all(back)] == [f"anything else at {APEX}"]
    assert f"Email Routing of {APEX}" in done(back)
    assert not emulator.zone.routing.enabled
    assert (emulator.contents("MX"), text(emulator)) == ([OLD_MX], [OLD_SPF])


def test_a_catch_all_that_a_subdomain_needs_is_not_ended(back: Any, emulator: Running) -> None:
    add(emulator, REPLY)
    emulator.zone.routing.catch_all.enabled = True
    emulator.zone.routing.catch_all.actions = [{"type": "worker", "value": ["theirs"]}]
    with pytest.raises(Refused, match=f"catches mail of {REPLY} too, which would be lost"):
        list(takeback.plan(back))


def test_dell_is_free_once_no_rule_leads_there(
    back: Any, emulator: Running, destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a zone that stayed on."""
    monkeypatch.setattr(takeback, "require_let_go", lambda *_: None)
    add(emulator, REPLY)
    takeback.require_taken_back(back, APEX)
    matcher: Any = {"type": "literal", "field": "to", "value": f"alice@{APEX}"}
    actions: Any = [{"type": "forward", "value": [destination]}]
    emulator.client().email_routing.rules.create(zone_id=emulator.zone.id, matchers=[matcher], actions=actions)
    with pytest.raises(Refused, match="still has Email Routing, which needs Dell as it is"):
        takeback.require_taken_back(back, APEX)
