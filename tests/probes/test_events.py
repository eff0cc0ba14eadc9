"""Cloudflare's events as they come back, the odd ones among them, and the ledger compared with them."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cloudflare import Cloudflare

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.ledger.accounting import Entry
from fixtures.ledger.agreement import LAG_S, compared
from fixtures.ledger.switches import Settled
from fixtures.probes.cloudflare import events as probe
from fixtures.probes.cloudflare.api import Zone
from fixtures.probes.cloudflare.events import Estimate, alike

NOW = 1_790_000_000.0
ROW = {
    "datetime": "2026-09-21T11:00:00Z", "sessionId": "s", "messageId": "<1@x>", "from": "j@x", "to": "Alice@a.example",
    "subject": "[mxgate test 7]", "status": "delivered", "action": "forward", "eventType": "forward",
    "ruleMatched": "r", "spf": "pass", "dkim": "pass", "dmarc": "pass", "arc": "none", "errorDetail": "",
    "isLastEvent": 1, "sampleInterval": 1,
}  # fmt: skip


def entry(**change: Any) -> Entry:
    made = Entry(
        7, "<1@x>", "s", "ipv4", "alice@a.example", "a.example", NOW - 7200, NOW - 7200, NOW - 7199, "mx",
        NOW - 7198, 1, "cloudflare", 0, "",
    )  # fmt: skip
    return replace(made, **change)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The probe, with an API that gives what it is set to; returns the answer that was read."""

    def ask(*answers: Any, status: int = 200) -> probe.Events:
        left = list(answers)

        def serve(request: httpx.Request) -> httpx.Response:
            asked.append(request.content)
            return httpx.Response(status, json=left.pop(0) if left else body([]))

        http = httpx.Client(transport=httpx.MockTransport(serve))
        sdk = Cloudflare(api_token="t", max_retries=0, http_client=http)
        monkeypatch.setattr(probe, "client", lambda _: sdk)
        return probe.events(migration(), "a.example", NOW - 86400)

    asked: list[bytes] = []
    monkeypatch.setattr(probe, "zone", lambda *_: Zone("1" * 32, "a.example", "active", (), ""))
    return ask


def migration() -> Any:
    bounds = SimpleNamespace(arrival_s=60.0)
    return SimpleNamespace(
        clock=SimpleNamespace(now=lambda: NOW, compressed=False), settings=SimpleNamespace(bounds=bounds)
    )


def body(rows: Any) -> dict[str, Any]:
    return {"data": {"viewer": {"zones": [{"emailRoutingAdaptive": rows}]}}, "errors": None}


def fault(message: str, **more: Any) -> dict[str, Any]:
    return {"data": None, "errors": [{"message": message, **more}]}


def test_rows_become_events(answering: Any) -> None:
    named = "<1@x> (added by postmaster@tin.it)"  # as a server writes that put in the Message-ID itself
    found = answering(body([{**ROW, "messageId": named, "errorDetail": None, "isLastEvent": 0}, ROW]))
    one, other = ((each.recipient, each.delivered, each.error) for each in found.events)
    assert one == other == ("alice@a.example", True, "")
    assert (found.sampled, str(found.count()), found.evidence.answer) == (False, "2", "2 delivered")
    assert len(found.by_message()["<1@x>"]) == 2
    assert "<2@x>" not in found.by_message()
    assert "MXGATE_CLOUDFLARE_TOKEN" in found.evidence.again


def test_two_that_are_alike_are_two(answering: Any) -> None:
    assert len(answering(body([ROW, ROW])).events) == 2


def test_pages_join_where_one_ends(answering: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PAGE", 3)
    later = {**ROW, "datetime": "2026-09-21T11:00:05Z", "messageId": "<2@x>"}
    last = {**ROW, "datetime": "2026-09-21T11:00:09Z", "messageId": "<3@x>"}
    found = answering(body([ROW, later, later]), body([later, later, last]), body([last]))
    assert [each.message_id for each in found.events] == ["<1@x>", "<2@x>", "<2@x>", "<3@x>"]
    with pytest.raises(CouldNotAsk, match="in one second"):
        answering(body([later] * 3), body([later] * 3))


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ([], 200, "no JSON object"),
        ({"data": None, "errors": None}, 200, "not as documented"),
        ({"data": {"viewer": {"zones": []}}, "errors": None}, 200, "not as documented"),
        (body("x"), 200, "not as documented"),
        (body([{"datetime": "2026-09-21T11:00:00Z"}]), 200, "an event is not as documented"),
        (body([{**ROW, "datetime": "yesterday"}]), 200, "an event is not as documented"),
        (body([{**ROW, "sampleInterval": "many"}]), 200, "an event is not as documented"),
        (fault("no", extensions={"code": "authz"}), 200, "lacks 'Analytics: Read'"),
        (fault("not authorized for that account"), 200, "lacks 'Analytics: Read'"),
        (fault("rate limiter budget depleted"), 200, "Wait five minutes"),
        ({"data": None, "errors": "down"}, 200, "down"),
        (fault("Actor does not have permission"), 403, "lacks 'Analytics: Read'"),
        (fault("unable to execute query"), 503, "A fault of Cloudflare's"),
    ],
)
def test_what_can_not_be_judged(answering: Any, answer: Any, status: int, words: str) -> None:
    with pytest.raises(CouldNotAsk) as raised:
        answering(answer, status=status)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("words", "wider", "older"),
    [
        ("cannot request a time range wider than 1d, but your query time range spans 4w2d1m", 86400, math.inf),
        ("query time range is too large. Time range can't be wider than 259200s", 259200, math.inf),
        ('zone "x" cannot request data older than 1w1d, but your query requests data from 2w ago', math.inf, 691200),
        ("cannot request data older than 2678400s", math.inf, 2678400),
        ("cannot request data older than now", math.inf, math.inf),
    ],
)
def test_limits_by_their_words(words: str, wider: float, older: float) -> None:
    assert (probe._named_s(probe._WIDER, words), probe._named_s(probe._OLDER, words)) == (wider, older)


def test_a_sample_has_a_bound(answering: Any) -> None:
    found = answering(body([{**ROW, "sampleInterval": 10, "sessionId": str(n)} for n in range(20)]))
    assert found.sampled
    count = found.count()
    assert str(count) == "about 200 (20 seen, one of 10)"
    assert count.covers(400)
    assert not count.covers(500)
    assert not count.covers(40)
    assert count.covers(200, 210)


def test_nothing_seen_of_a_sample_is_nothing_against_a_few() -> None:
    """0.9 to the 44th is 1 %, to the 100th 1 in 38,000."""
    assert Estimate(0, 10).covers(44)
    assert not Estimate(0, 10).covers(100)
    assert not Estimate(0).covers(1)


def test_a_domain_without_any_event_is_sampled_as_the_others_are(answering: Any) -> None:
    one, none = alike([answering(body([{**ROW, "sampleInterval": 10}])), answering(body([]))])
    assert (one.sampled, none.sampled, none.count().interval) == (True, True, 10)


def judged(answering: Any, rows: list[dict[str, Any]], *entries: Entry) -> Any:
    balance = SimpleNamespace(series=entries)
    ledger = Settled("a.example", 0.0, (balance,), Evidence("the ledger", ""))  # type: ignore[arg-type]
    return compared(migration(), ledger, answering(body(rows)))


def test_both_agree(answering: Any) -> None:
    found = judged(answering, [ROW], entry(), entry(message_id="<2@x>", path="ec2"))
    assert (len(found.came), found.delivered.number, found.without_event, found.without_message) == (1, 1, (), ())


@pytest.mark.parametrize(
    ("rows", "mine", "words"),
    [
        ([], entry(), "Cloudflare has no event"),
        ([{**ROW, "status": "deliveryFailed", "errorDetail": "5xx"}], entry(), "Cloudflare has deliveryFailed 5xx"),
        ([ROW, ROW], entry(), "Cloudflare says delivered 2 times"),
    ],
)
def test_a_message_without_its_event(answering: Any, rows: list[dict[str, Any]], mine: Entry, words: str) -> None:
    found = judged(answering, rows, mine)
    (said,) = found.without_event
    assert words in said


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        ((), "the ledger never sent it"),
        ((entry(arrived=None, copies=0, path=""),), "it is in no mailbox"),
        ((entry(path="ec2"),), "what is in the mailbox came through ec2"),
    ],
)
def test_an_event_without_its_message(answering: Any, mine: tuple[Entry, ...], words: str) -> None:
    (said,) = judged(answering, [ROW], *mine).without_message
    assert words in said
    assert said.startswith("no. 7 for alice@a.example (<1@x>)")


def test_who_is_not_judged(answering: Any) -> None:
    """Mail of others, mail that failed, what is too young for its event, and what came by both ways."""
    others = [{**ROW, "subject": "Hi"}, {**ROW, "status": "rejected"}, {**ROW, "datetime": "2026-09-21T14:13:00Z"}]
    assert judged(answering, others).without_message == ()
    young = entry(arrived=NOW - LAG_S + 1)
    assert judged(answering, [], young).came == ()
    assert judged(answering, [ROW], entry(path="cloudflare+ec2", copies=2)).without_event == ()


def test_where_it_is_sampled_single_messages_are_not_missed(answering: Any) -> None:
    found = judged(answering, [{**ROW, "sampleInterval": 4}], entry(), entry(message_id="<2@x>"))
    assert (found.without_event, found.delivered.number) == ((), 4)
    assert found.delivered.covers(2)
