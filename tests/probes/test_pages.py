"""How Cloudflare's API is asked: a list in as many questions as it has pages, and by which proxy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cloudflare as sdk
import httpx
import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.probes.cloudflare import api as cloudflare, bucket, permissions

ZONE = cloudflare.Zone("0" * 32, "own.example", "active", (), "1" * 32)


@contextmanager
def speaking(answer: Callable[[httpx.Request], httpx.Response]) -> Iterator[sdk.Cloudflare]:
    """The official client, with ANSWER in the API's place."""
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        yield sdk.Cloudflare(api_token="x" * 40, http_client=http)


def asked(answers: list[dict[str, Any]]) -> tuple[int, int]:
    """How many records are read, and in how many questions. The last of ANSWERS is repeated without an end."""
    pages = []

    def answer(request: httpx.Request) -> httpx.Response:
        pages.append(request.url.params.get("page"))
        body = {"success": True, "errors": [], "messages": [], **answers[min(len(pages), len(answers)) - 1]}
        return httpx.Response(200, json=body)

    with speaking(answer) as client:
        return len(cloudflare._records(client, ZONE).records), len(pages)


def page(items: int, **info: object) -> dict[str, Any]:
    record = {"type": "A", "name": "own.example", "content": "192.0.2.1", "ttl": 300}
    return {"result": [record] * items, "result_info": info}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([page(3, per_page=500, total_count=3)], (3, 1)),
        ([page(0, per_page=500, total_count=0)], (0, 1)),
        ([page(2, per_page=2, total_count=3), page(1, per_page=2, total_count=3)], (3, 2)),
        ([page(2, per_page=2, total_count=2), page(0, per_page=2, total_count=2)], (2, 2)),
        ([page(3, per_page=500, total_count=4), page(1, per_page=500, total_count=4)], (4, 2)),
        ([page(3, per_page=500), page(0)], (3, 2)),
        ([page(3, per_page="500", total_count="3"), page(0)], (3, 2)),
        ([{"result": [], "result_info": None}], (0, 1)),
    ],
    ids=["one", "none", "two", "a full one", "one that is short", "no count", "words for numbers", "nothing said"],
)
def test_a_list_is_read_to_its_end(answers: list[dict[str, Any]], expected: tuple[int, int]) -> None:
    assert asked(answers) == expected


def test_a_list_that_changes_while_it_is_read_is_read_again() -> None:
    """What goes from its first page draws an item of its second there, which was read already."""
    changed = [page(2, per_page=2, total_count=4), page(1, per_page=2, total_count=3)]
    assert asked([*changed, page(2, per_page=2, total_count=3), page(1, per_page=2, total_count=3)]) == (3, 4)
    assert asked([page(2, per_page=2, total_count=2), page(1, per_page=2, total_count=1), page(0)] * 2) == (3, 6)
    with pytest.raises(CouldNotAsk, match="the list changes while it is read"):
        asked([each for n in (2, 3, 2, 3) for each in (page(n, total_count=n + 1), page(0, total_count=n))])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"result": None, "result_info": None}, "it has no result"),
        ({"result": {"error": "x"}, "result_info": {"per_page": 20, "total_count": 1}}, "its result is no list"),
        ({"result": "abc", "result_info": {"per_page": 20, "total_count": 3}}, "its result is no list"),
        (page(1, per_page=1, total_count=1), "20 pages, and none says"),
        ({"success": False, "errors": [{"code": 1, "message": "a fault"}], "result": []}, "failed: code 1: a fault"),
        ({"success": False, "errors": [], "result": []}, "failed: no reason given"),
    ],
    ids=["no result", "an object", "a text", "without an end", "no success", "no success, and no reason"],
)
def test_what_is_no_list_is_no_empty_one(answer: dict[str, Any], said: str) -> None:
    with pytest.raises(CouldNotAsk, match=said):
        asked([answer])


def test_a_bucket_is_read_to_its_end_and_no_answer_is_no_empty_one() -> None:
    mail = {"key": "mail/1", "size": 3, "last_modified": "2026-11-01T00:00:00.5Z"}
    pages: list[dict[str, Any]] = [
        {"result": [mail], "result_info": {"cursor": "c"}},
        {"result": [{"key": "mark", "custom_metadata": {"to": "YUBiLmV4YW1wbGU="}}], "result_info": {"cursor": ""}},
        {"result": None},
    ]
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("cursor"))
        return httpx.Response(200, json=pages[len(asked) - 1])

    with speaking(answer) as client:
        first, second = map(bucket._waits, bucket._objects(client, "objects"))
        assert (first.key, first.octets, first.since is None) == ("mail/1", 3, False)
        assert (second.key, second.recipient, second.since) == ("mark", "a@b.example", None)
        with pytest.raises(ValueError, match="it has no result"):
            list(bucket._objects(client, "objects"))
    assert asked == [None, "c", None]


@pytest.mark.parametrize(
    ("body", "before"),
    [("<html>Attention Required!</html>", True), ('{"success": false, "errors": [{"code": 10000}]}', False)],
    ids=["a page", "the API"],
)
def test_a_page_that_turns_a_machine_away_says_nothing_of_the_token(body: str, before: bool) -> None:
    asked = permissions.Try("read zone", "Zone: Read", "/zones")
    with speaking(lambda _: httpx.Response(403, text=body)) as client:
        if before:
            with pytest.raises(CouldNotAsk, match="No word of the API's"):
                permissions._request(client, asked)
        else:
            assert permissions._request(client, asked)[0] == 403


@pytest.mark.parametrize(
    ("exceptions", "way"),
    [("", " by the environment's proxy http://127.0.0.1:9"), ("192.0.2.1", " by the environment's"), ("127.0.0.2", "")],
)
def test_a_proxy_that_leads_nowhere_is_named(monkeypatch: pytest.MonkeyPatch, exceptions: str, way: str) -> None:
    """Without its password."""
    monkeypatch.setenv("HTTPS_PROXY", "http://me:hunter22@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", exceptions)
    with (
        sdk.Cloudflare(api_token="x" * 40, max_retries=0, base_url="https://127.0.0.2:9/client/v4") as client,
        pytest.raises(CouldNotAsk, match=rf"zones: can't be reached{way}.*refused") as raised,
        cloudflare.asking("zones", "Zone: Read"),
    ):
        client.zones.list()
    assert "hunter22" not in str(raised.value)
