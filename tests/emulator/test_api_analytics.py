"""Analytics as Cloudflare documents them: the queries of its pages, word for word, through the official SDK."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from cloudflare import APIStatusError, Cloudflare

from fixtures.lab.emulator.state import Token
from fixtures.probes.cloudflare import events as probe
from tests.emulator.conftest import APEX, Running

ACTIVITY = """
query EmailRoutingActivity($zoneTag: string, $filter: EmailRoutingAdaptiveFilter_InputObject) {
  viewer { zones(filter: { zoneTag: $zoneTag }) {
    emailRoutingAdaptive(filter: $filter limit: 3 orderBy: [datetime_DESC]) {
      datetime id: sessionId messageId from to subject status action spf dkim dmarc arc errorDetail
      isNDR isSpam spamThreshold spamScore
} } } }"""
RECENT = """
query RecentRoutingEvents($zoneTag: string!, $start: Time!, $end: Time!) {
  viewer { zones(filter: { zoneTag: $zoneTag }) {
    emailRoutingAdaptive(filter: { datetime_geq: $start, datetime_leq: $end } limit: 50 orderBy: [datetime_DESC]) {
      datetime messageId status sampleInterval
} } } }"""


def stamp(ago_s: float = 0, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
    return time.strftime(form, time.gmtime(time.time() - ago_s))


def mail(number: int, ago_s: float = 0, **more: Any) -> dict[str, Any]:
    row = {"datetime": stamp(ago_s), "time": float(number), "zone": APEX, "sessionId": f"s{number}"}
    row |= {"messageId": f"<{number}@x>", "from": "j@x.example", "header_from": "J <j@x.example>"}
    row |= {"to": f"alice@{APEX}"}
    row |= {"subject": "Hi", "status": "delivered", "action": "forward", "eventType": "forward", "ruleMatched": "r"}
    return row | {"spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none", "errorDetail": ""} | more


@pytest.fixture
def asking(emulator: Running, client: Cloudflare) -> Any:
    emulator.world.tokens[0] = Token("all", emulator.world.tokens[0].scopes | {"analytics:read"})

    def ask(query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": {"zoneTag": emulator.zone.id} | variables}
        return client.post("/graphql", body=body, cast_to=object)

    return ask


def rows(answer: Any) -> list[dict[str, Any]]:
    assert answer["errors"] is None
    found: list[dict[str, Any]] = answer["data"]["viewer"]["zones"][0]["emailRoutingAdaptive"]
    return found


def test_the_tutorials_query(emulator: Running, asking: Any) -> None:
    emulator.world.events += [mail(n, ago_s=60 - n) for n in range(5)]
    emulator.world.events.append(mail(9, zone="other.example"))
    emulator.world.events.append(mail(8, ago_s=7200))
    found = rows(asking(ACTIVITY, filter={"datetime_geq": stamp(3600), "datetime_leq": stamp()}))
    assert [row["messageId"] for row in found] == ["<4@x>", "<3@x>", "<2@x>"]
    assert found[0] == {
        "datetime": emulator.world.events[4]["datetime"], "id": "s4", "messageId": "<4@x>", "from": "J <j@x.example>",
        "to": f"alice@{APEX}", "subject": "Hi", "status": "delivered", "action": "forward", "spf": "pass",
        "dkim": "pass", "dmarc": "pass", "arc": "none", "errorDetail": "", "isNDR": 0, "isSpam": 0,
        "spamThreshold": 5, "spamScore": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ('status: "rejected"', [3]),
        ('status_neq: "rejected"', [1, 2]),
        (f'to: "alice@{APEX}", isLastEvent: 1', [1, 3]),
        ('messageId_geq: "<2@x>", messageId_lt: "<3@x>"', [2]),
    ],
)
def test_filters(emulator: Running, asking: Any, wanted: str, numbers: list[int]) -> None:
    emulator.world.events += [mail(1), mail(2, to="bob@x"), mail(3, status="rejected")]
    query = "query ($zoneTag: string) { viewer { zones(filter: {zoneTag: $zoneTag}) { emailRoutingAdaptive("
    found = rows(asking(f"{query}filter: {{{wanted}}}, limit: 9, orderBy: [messageId_ASC]) {{ messageId }} }} }} }}"))
    assert [row["messageId"] for row in found] == [f"<{number}@x>" for number in numbers]


def test_lag_and_retention(emulator: Running, asking: Any) -> None:
    emulator.management.post("/knobs", json={"events_lag_s": 120})
    emulator.world.events.append(mail(1))
    assert rows(asking(RECENT, start=stamp(60), end=stamp(-60))) == []
    emulator.world.clock.advance(200)
    assert len(rows(asking(RECENT, start=stamp(60), end=stamp(-600)))) == 1
    with pytest.raises(APIStatusError, match="cannot request data older than 4w3d") as refused:
        asking(RECENT, start=stamp(32 * 86400), end=stamp())
    assert refused.value.status_code == 400


def test_a_question_that_spans_too_much(emulator: Running, asking: Any) -> None:
    emulator.world.events.append(mail(1))
    emulator.management.post("/knobs", json={"events_width_s": 86400})
    assert len(rows(asking(RECENT, start=stamp(86400 - 60), end=stamp(-60)))) == 1
    words = "cannot request a time range wider than 1d, but your query time range spans 4w2d1m"
    with pytest.raises(APIStatusError, match=words) as refused:
        asking(RECENT, start=stamp(30 * 86400), end=stamp(-60))
    assert refused.value.status_code == 400


@pytest.mark.parametrize(("width", "older"), [(0, 0), (86400, 0), (0, 8 * 86400), (86400, 8 * 86400)])
@pytest.mark.parametrize("errors", ["status", "body"])
def test_the_probe_reads_a_month_whatever_one_question_may_span(  # noqa: PLR0917 - two are fixtures
    emulator: Running, asking: Any, monkeypatch: pytest.MonkeyPatch, width: int, older: int, errors: str
) -> None:
    """None is missing and none is there twice, also of those that lie where two questions meet.

    Of what is no longer kept it says since when that is.
    """
    client = SimpleNamespace(post=lambda _, body, **__: asking(body["query"], **body["variables"]))
    now = time.time()
    since = now - 20 * 86400
    monkeypatch.setattr(probe, "client", lambda _: client)
    monkeypatch.setattr(probe, "zone", lambda *_: emulator.zone)
    knobs = {"events_width_s": width, "events_older_s": older, "graphql_errors": errors}
    emulator.management.post("/knobs", json=knobs)
    days = [day * 86400 - second for day in range(20) for second in (0, 1, day)]
    emulator.world.events += [mail(number, ago_s=ago_s) for number, ago_s in enumerate(days) if ago_s >= 0]
    found = probe.events(SimpleNamespace(clock=SimpleNamespace(now=lambda: now)), APEX, since)  # type: ignore[arg-type]
    kept = [ago_s for ago_s in days if not older or ago_s < now - found.since]
    assert found.since == (now - older + probe.MARGIN_S if older else since)
    assert len(found.events) == len([ago_s for ago_s in kept if ago_s >= 0])
    assert len({each.message_id for each in found.events}) == len(found.events)


def test_a_sample_of_one_in_ten(emulator: Running, asking: Any) -> None:
    emulator.management.post("/knobs", json={"events_sample": 10})
    emulator.world.events += [mail(n) for n in range(1000)]
    found = rows(asking(RECENT.replace("50", "10000"), start=stamp(60), end=stamp(-60)))
    assert 60 < len(found) < 140
    assert {row["sampleInterval"] for row in found} == {10}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("{", "query contains error"),
        ("{ viewer { nothing } }", 'Not emulated: unknown field "nothing"'),
        (RECENT.replace("messageId", "nothing"), 'unknown field "nothing"'),
        (RECENT.replace("emailRoutingAdaptive", "emailRoutingAdaptiveGroups"), "Not emulated: unknown field"),
        (RECENT.replace("messageId", "messageId { x }"), "scalar fields must have no selections"),
        ("{ viewer }", "object field must have selections"),
        (RECENT.replace("limit: 50", "limit: 20000"), "limit must be positive number and not greater than 10000"),
        (RECENT.replace("limit: 50", 'limit: "many"'), "error parsing args"),
        (RECENT.replace("limit: 50", "limits: 50"), "error parsing args"),
        ("{" * 500, "query contains error"),
        ("{ viewer " * 900 + "}" * 900, "query contains error"),
        ("fragment f on viewer { ...f } { viewer { ...f } }", "query contains error"),
    ],
)
def test_errors_by_status_or_in_the_body(emulator: Running, asking: Any, query: str, words: str) -> None:
    with pytest.raises(APIStatusError, match=words):
        asking(query, start=stamp(60), end=stamp())
    emulator.management.post("/knobs", json={"graphql_errors": "body"})
    said = asking(query, start=stamp(60), end=stamp())
    assert said["data"] is None
    assert words in said["errors"][0]["message"]
    assert said["errors"][0]["extensions"]["timestamp"]


def test_who_may_ask(emulator: Running, asking: Any) -> None:
    with pytest.raises(APIStatusError, match=r"zone\.analytics\.read") as refused:
        asking(RECENT, zoneTag="2" * 32, start=stamp(60), end=stamp())
    assert refused.value.status_code == 403
    emulator.world.tokens[0] = Token("all", frozenset({"zone:read"}))
    with pytest.raises(APIStatusError, match="does not have permission"):
        asking(RECENT, start=stamp(60), end=stamp())
    said = emulator.ask("POST", "/graphql", json={"query": RECENT}, headers={})
    assert (said.status_code, said.json()["errors"][0]["message"]) == (401, "Unauthorized")
