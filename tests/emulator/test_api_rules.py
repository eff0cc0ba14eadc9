"""Routing rules, the catch-all, and destination addresses."""

import queue
from typing import Any

import cloudflare
import httpx
import pytest
from cloudflare import Cloudflare

from fixtures.lab.emulator.api.rules import RULES_MAX
from fixtures.lab.emulator.state import Destination, Rule, Subdomain
from fixtures.lab.person import open_link
from tests.emulator.conftest import ACCOUNT, APEX, Running, refused


def to(address: str) -> Any:
    return [{"type": "literal", "field": "to", "value": address}]


def forward(*destinations: str) -> Any:
    return [{"type": "forward", "value": list(destinations)}]


def test_a_rules_life(emulator: Running, client: Any, destination: str) -> None:
    zone_id = emulator.zone.id
    rules = client.email_routing.rules
    actions = forward(destination)
    made = rules.create(zone_id=zone_id, matchers=to(f"alice@{APEX}"), actions=actions, name="a", priority=3)
    assert made.enabled is True, "a rule is enabled unless it says otherwise"
    got = rules.get(made.id, zone_id=zone_id)
    assert got == made
    put = rules.update(made.id, zone_id=zone_id, matchers=to(f"a@{APEX}"), actions=[{"type": "drop"}], enabled=False)
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
        pytest.param(to(f"a@{APEX}"), [{"type": "worker", "value": ["w"]}], 2016, id="worker"),
        pytest.param(to(f"*@below.{APEX}"), [{"type": "drop"}], 2062, id="a subdomain's catch-all"),
        pytest.param(to(f"a@{APEX}"), forward("Alice@dell.webmakeprofit.org"), 2054, id="another case"),
        pytest.param(to(f"a@{APEX}"), [{"type": "drop", "value": ["x@y.example"]}], 2007, id="dropped to somebody"),
        pytest.param([{"type": "all"}], [{"type": "drop"}], 2020, id="a second catch-all"),
    ],
)
@pytest.mark.usefixtures("destination")
def test_rules_refused(emulator: Running, client: Cloudflare, matchers: Any, actions: Any, code: int) -> None:
    """What is malformed: ``test_api_unkind``."""
    client.email_routing.addresses.create(account_id=ACCOUNT, email="late@dell.webmakeprofit.org")
    with refused(cloudflare.APIStatusError, code):
        client.email_routing.rules.create(zone_id=emulator.zone.id, matchers=matchers, actions=actions)
    assert emulator.zone.routing.rules == []


def test_an_address_has_one_rule(emulator: Running, client: Any) -> None:
    """Upper and lower case alike, on creating and on updating; the error stands in the messages too."""
    rules, zone_id = client.email_routing.rules, emulator.zone.id
    drop = [{"type": "drop"}]
    first = rules.create(zone_id=zone_id, matchers=to(f"alice@{APEX}"), actions=drop)
    other = rules.create(zone_id=zone_id, matchers=to(f"alice@below.{APEX}"), actions=drop)
    with pytest.raises(cloudflare.ConflictError) as error:
        rules.create(zone_id=zone_id, matchers=to(f"Alice@{APEX.upper()}"), actions=drop)
    said: Any = error.value.body
    assert said["errors"] == said["messages"] == [{"code": 2014, "message": "Duplicated Zone rule"}]
    with pytest.raises(cloudflare.ConflictError):
        rules.update(other.id, zone_id=zone_id, matchers=to(f"alice@{APEX}"), actions=drop)
    rules.update(first.id, zone_id=zone_id, matchers=to(f"Alice@{APEX}"), actions=drop, name="itself")


@pytest.mark.parametrize(
    ("targets", "status", "code"),
    [
        (["a@webmakeprofit.org"], 422, 2016),
        (["a@below.webmakeprofit.org"], 422, 2016),
        (["*@webmakeprofit.org"], 422, 2016),
        (["*@below.webmakeprofit.org"], 400, 2062),
        (["a@elsewhere.example"], 400, 2062),
        ([7], 422, 2007),
        ([], 200, None),
    ],
)
def test_the_plan_of_wrangler(emulator: Running, targets: list[Any], status: int, code: int | None) -> None:
    """No Worker is known; the domains are."""
    emulator.zone.routing.enabled = True
    emulator.zone.routing.subdomains[f"below.{APEX}"] = Subdomain(f"below.{APEX}", 0.0)
    whole = [{"target": each} for each in targets if str(each).startswith("*")]
    single = [{"matchers": to(each)} for each in targets if not str(each).startswith("*")]
    body = {"owner_worker_tag": "a" * 32, "rules": single, "catch_all_rules": whole}
    answer = emulator.ask("POST", f"/accounts/{ACCOUNT}/email/routing/rules/plan", json=body)
    said = answer.json()
    assert (answer.status_code, next((each["code"] for each in said["errors"]), None)) == (status, code)
    assert said["result"] == (None if code else {"zones": []})


def test_two_hundred_rules_are_the_most(emulator: Running, client: Cloudflare) -> None:
    emulator.zone.routing.rules.extend(Rule(to(f"r{n}@{APEX}"), [{"type": "drop"}]) for n in range(RULES_MAX))
    drop: Any = [{"type": "drop"}]
    with pytest.raises(cloudflare.BadRequestError):
        client.email_routing.rules.create(zone_id=emulator.zone.id, matchers=to(f"x@{APEX}"), actions=drop)
    assert len(list(client.email_routing.rules.list(zone_id=emulator.zone.id))) == RULES_MAX + 1


def test_the_catch_all(emulator: Running, client: Any, destination: str) -> None:
    zone_id = emulator.zone.id
    catch_alls = client.email_routing.rules.catch_alls
    first = catch_alls.get(zone_id=zone_id)
    assert first.enabled is False
    assert first.priority == 2147483647
    catch_alls.update(zone_id=zone_id, matchers=[{"type": "all"}], actions=forward(destination), enabled=True)
    got = catch_alls.get(zone_id=zone_id)
    assert (got.id, got.enabled, got.actions and got.actions[0].value) == (first.id, True, [destination])
    with refused(cloudflare.ConflictError, 2020):
        client.email_routing.rules.get(got.id, zone_id=zone_id)
    with pytest.raises(cloudflare.ConflictError, match="Invalid rule operation"):
        client.email_routing.rules.delete(got.id, zone_id=zone_id)
    with pytest.raises(cloudflare.ConflictError, match="Invalid rule operation"):
        client.email_routing.rules.create(zone_id=zone_id, matchers=[{"type": "all"}], actions=[{"type": "drop"}])


@pytest.fixture
def asked(emulator: Running) -> queue.Queue[str]:
    """Who was written to, so that they open a link."""
    those: queue.Queue[str] = queue.Queue()

    async def send(destination: Destination) -> None:
        those.put(destination.email)

    emulator.world.verifier = send
    return those


def test_a_destination_is_verified_by_its_link_only(emulator: Running, client: Any, asked: queue.Queue[str]) -> None:
    """Opened by a person: HEAD, GET and a wrong answer or token don't; the API, only an administrator."""
    made = client.email_routing.addresses.create(account_id=ACCOUNT, email="bob@dell.webmakeprofit.org")
    (kept,) = emulator.world.destinations.values()
    assert (made.verified, asked.get(timeout=5)) == (None, "bob@dell.webmakeprofit.org")
    link = f"{emulator.url}/email-routing/verify?token="
    assert httpx.get(f"{link}x", verify=emulator.tls).status_code == 404
    assert httpx.get(link, verify=emulator.tls).status_code == 404
    httpx.head(link + kept.token, verify=emulator.tls)
    with pytest.raises(cloudflare.PermissionDeniedError):
        client.email_routing.addresses.edit(made.id, account_id=ACCOUNT, status="verified")
    assert list(client.email_routing.addresses.list(account_id=ACCOUNT, verified=True)) == []
    for _ in range(3):
        page = httpx.get(link + kept.token, verify=emulator.tls)
        assert page.headers["content-type"].startswith("text/html")
    for data in ({}, {"answer": ""}, {"answer": "1"}, {"answer": "é" * 999}):
        assert httpx.post(link + kept.token, data=data, verify=emulator.tls).status_code == 403
    assert httpx.post(f"{link}x", data={"answer": "1"}, verify=emulator.tls).status_code == 404
    assert kept.verified is None
    with httpx.Client(verify=emulator.tls) as browser:
        assert open_link(browser, link + kept.token) == "Email address verified"
        assert open_link(browser, link + kept.token) == "Email address verified"
    assert client.email_routing.addresses.get(made.id, account_id=ACCOUNT).verified is not None


def test_a_destination_is_asked_again_after_five_minutes(
    emulator: Running, client: Any, asked: queue.Queue[str]
) -> None:
    """Not before, not even where it was deleted meanwhile, which it can be after 15; another spelling is another
    address.
    """
    addresses, email = client.email_routing.addresses, "bob@dell.webmakeprofit.org"
    made = addresses.create(account_id=ACCOUNT, email=email)
    assert made.status == "unverified"
    with refused(cloudflare.RateLimitError, 2025):
        addresses.create(account_id=ACCOUNT, email=email)
    emulator.world.clock.advance(301)
    again = addresses.create(account_id=ACCOUNT, email=email)
    assert again.id == made.id
    with refused(cloudflare.APIStatusError, 2032):
        addresses.delete(made.id, account_id=ACCOUNT)
    emulator.world.clock.advance(600)
    addresses.create(account_id=ACCOUNT, email=email)
    addresses.delete(made.id, account_id=ACCOUNT)
    with pytest.raises(cloudflare.NotFoundError, match="2015"):
        addresses.get(made.id, account_id=ACCOUNT)
    with pytest.raises(cloudflare.RateLimitError):
        addresses.create(account_id=ACCOUNT, email=email)
    addresses.create(account_id=ACCOUNT, email="Bob@dell.webmakeprofit.org")
    assert [asked.get(timeout=5) for _ in range(4)] == [*[email] * 3, "Bob@dell.webmakeprofit.org"]
    assert asked.empty()


def test_a_mail_that_can_not_be_sent_is_in_the_history(emulator: Running, client: Cloudflare) -> None:
    async def send(destination: Destination) -> None:
        raise ConnectionRefusedError(destination.email)

    emulator.world.verifier = send
    client.email_routing.addresses.create(account_id=ACCOUNT, email="bob@dell.webmakeprofit.org")
    (event,) = emulator.management.get("/events").json()
    assert (event["status"], event["to"]) == ("deliveryFailed", "bob@dell.webmakeprofit.org")


@pytest.mark.usefixtures("old_destinations")
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
    ("email", "code"),
    [("nobody", 2007), ("a@b c.example", 2007), ("ü@utf.example", 2007), ("alice@dell.webmakeprofit.org", 100640)],
)
def test_destinations_refused(client: Cloudflare, email: str, code: int) -> None:
    with refused(cloudflare.APIStatusError, code):
        client.email_routing.addresses.create(account_id=ACCOUNT, email=email)
