"""Routing rules, the catch-all, and destination addresses."""

from __future__ import annotations

import queue
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.api.rules import RULES_MAX
from fixtures.lab.emulator.state import Destination, Rule
from tests.emulator.conftest import ACCOUNT, APEX, Running
from tests.emulator.test_api_records import refusal


def to(address: str) -> Any:
    return [{"type": "literal", "field": "to", "value": address}]


def forward(*destinations: str) -> Any:
    return [{"type": "forward", "value": list(destinations)}]


def test_a_rules_life(emulator: Running, client: Cloudflare, destination: str) -> None:
    zone_id = emulator.zone.id
    rules = client.email_routing.rules
    actions = forward(destination)
    made = rules.create(zone_id=zone_id, matchers=to(f"alice@{APEX}"), actions=actions, name="a", priority=3)
    assert made is not None
    assert made.id is not None
    assert made.enabled is True, "a rule is enabled unless it says otherwise"
    got = rules.get(made.id, zone_id=zone_id)
    assert got == made
    put = rules.update(made.id, zone_id=zone_id, matchers=to(f"a@{APEX}"), actions=[{"type": "drop"}], enabled=False)
    assert put is not None
    assert (put.name, put.priority, put.enabled) == ("", 0, False), "PUT kept what it was not given"
    listed = list(rules.list(zone_id=zone_id))
    assert [m.type for r in listed for m in r.matchers or ()] == ["literal", "all"], "the catch-all comes last"
    assert [r.id for r in rules.list(zone_id=zone_id, enabled=True)] == []
    assert [r.zone and r.zone.name for r in client.email_routing.account_rules.list(account_id=ACCOUNT)] == [APEX, APEX]
    rules.delete(made.id, zone_id=zone_id)
    with pytest.raises(cloudflare.NotFoundError):
        rules.get(made.id, zone_id=zone_id)


@pytest.mark.parametrize(
    ("matchers", "actions", "code"),
    [
        pytest.param(to(f"a@{APEX}"), forward("stranger@example.net"), 2054, id="unknown destination"),
        pytest.param(to(f"a@{APEX}"), forward("late@dell.webmakeprofit.org"), 2054, id="unverified destination"),
        pytest.param(to(f"a@{APEX}"), forward("x@y.example", "z@y.example"), 2007, id="two destinations"),
        pytest.param(to("a@elsewhere.example"), [{"type": "drop"}], 2007, id="another domain's address"),
        pytest.param(to(f"a@{APEX}"), [{"type": "worker", "value": ["w"]}], 2007, id="worker"),
        pytest.param([], [{"type": "drop"}], 2007, id="no matcher"),
        pytest.param([{"type": "all"}], [{"type": "drop"}], 2020, id="a second catch-all"),
    ],
)
def test_rules_refused(emulator: Running, client: Cloudflare, matchers: Any, actions: Any, code: int) -> None:
    client.email_routing.addresses.create(account_id=ACCOUNT, email="late@dell.webmakeprofit.org")
    with pytest.raises(cloudflare.APIStatusError) as error:
        client.email_routing.rules.create(zone_id=emulator.zone.id, matchers=matchers, actions=actions)
    assert refusal(error) == code
    assert emulator.zone.routing.rules == []


def test_two_hundred_rules_are_the_most(emulator: Running, client: Cloudflare) -> None:
    emulator.zone.routing.rules.extend(Rule(to(f"r{n}@{APEX}"), [{"type": "drop"}]) for n in range(RULES_MAX))
    drop: Any = [{"type": "drop"}]
    with pytest.raises(cloudflare.BadRequestError):
        client.email_routing.rules.create(zone_id=emulator.zone.id, matchers=to(f"x@{APEX}"), actions=drop)
    assert len(list(client.email_routing.rules.list(zone_id=emulator.zone.id))) == RULES_MAX + 1


def test_the_catch_all(emulator: Running, client: Cloudflare, destination: str) -> None:
    zone_id = emulator.zone.id
    catch_alls = client.email_routing.rules.catch_alls
    first = catch_alls.get(zone_id=zone_id)
    assert first is not None
    assert first.enabled is False
    catch_alls.update(zone_id=zone_id, matchers=[{"type": "all"}], actions=forward(destination), enabled=True)
    got = catch_alls.get(zone_id=zone_id)
    assert got is not None
    assert (got.id, got.enabled, got.actions and got.actions[0].value) == (first.id, True, [destination])
    assert got.id is not None
    with pytest.raises(cloudflare.BadRequestError) as error:
        client.email_routing.rules.get(got.id, zone_id=zone_id)
    assert refusal(error) == 2020


def test_a_destination_is_verified_by_its_link_alone(emulator: Running, client: Cloudflare) -> None:
    """HEAD and a wrong token don't; the API lets nobody but an administrator."""
    asked: queue.Queue[str] = queue.Queue()

    async def send(destination: Destination) -> None:
        asked.put(destination.email)

    emulator.world.verifier = send
    made = client.email_routing.addresses.create(account_id=ACCOUNT, email="bob@dell.webmakeprofit.org")
    assert made is not None
    assert made.id is not None
    (kept,) = emulator.world.destinations.values()
    assert (made.verified, asked.get(timeout=5)) == (None, "bob@dell.webmakeprofit.org")
    link = f"{emulator.url}/email-routing/verify?token="
    assert httpx.get(f"{link}x", verify=emulator.tls).status_code == 404
    assert httpx.get(link, verify=emulator.tls).status_code == 404
    httpx.head(link + kept.token, verify=emulator.tls)
    with pytest.raises(cloudflare.PermissionDeniedError):
        client.email_routing.addresses.edit(made.id, account_id=ACCOUNT, status="verified")
    assert list(client.email_routing.addresses.list(account_id=ACCOUNT, verified=True)) == []
    page = httpx.get(link + kept.token, verify=emulator.tls)
    assert page.headers["content-type"].startswith("text/html")
    got = client.email_routing.addresses.get(made.id, account_id=ACCOUNT)
    assert got is not None
    assert got.verified is not None


def test_a_mail_that_can_not_be_sent_is_in_the_history(emulator: Running, client: Cloudflare) -> None:
    async def send(destination: Destination) -> None:
        raise ConnectionRefusedError(destination.email)

    emulator.world.verifier = send
    client.email_routing.addresses.create(account_id=ACCOUNT, email="bob@dell.webmakeprofit.org")
    (event,) = emulator.management.get("/events").json()
    assert (event["status"], event["to"]) == ("deliveryFailed", "bob@dell.webmakeprofit.org")


def test_deleting_a_destination_disables_its_rules(emulator: Running, client: Cloudflare, destination: str) -> None:
    zone_id = emulator.zone.id
    client.email_routing.rules.create(zone_id=zone_id, matchers=to(f"alice@{APEX}"), actions=forward(destination))
    catch_alls = client.email_routing.rules.catch_alls
    catch_alls.update(zone_id=zone_id, matchers=[{"type": "all"}], actions=forward(destination), enabled=True)
    (kept,) = emulator.world.destinations.values()
    client.email_routing.addresses.delete(kept.id, account_id=ACCOUNT)
    assert [r.enabled for r in client.email_routing.rules.list(zone_id=zone_id)] == [False, False]


@pytest.mark.usefixtures("destination")
@pytest.mark.parametrize(
    ("email", "code"), [("nobody", 2007), ("a@b c.example", 2007), ("Alice@dell.webmakeprofit.org", 100640)]
)
def test_destinations_refused(client: Cloudflare, email: str, code: int) -> None:
    with pytest.raises(cloudflare.APIStatusError) as error:
        client.email_routing.addresses.create(account_id=ACCOUNT, email=email)
    assert refusal(error) == code
