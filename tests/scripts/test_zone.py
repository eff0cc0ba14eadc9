"""RRsets as text, the batch that turns one into another, and the guard on what it touches."""

from __future__ import annotations

import pytest

from fixtures.probes.cloudflare import Record
from scripts.change import Refused
from scripts.rrset import changes, danger_of, is_spf, line, quoted, seconds, told, value

NAME = "own.example"


def mx(priority: int, host: str, ttl: int = 300, identity: str = "") -> Record:
    return Record("MX", NAME, host, ttl, priority, id=identity or host)


def txt(content: str, ttl: int = 300) -> Record:
    return Record("TXT", NAME, content, ttl, id="t")


def test_text_of_an_rrset() -> None:
    rrset = (mx(20, "Two.example."), mx(10, "one.example", ttl=1))
    assert told(rrset) == "10 one.example (TTL automatic)\n20 two.example (TTL 300)"
    assert told((Record("A", NAME, "192.0.2.1", 1, proxied=True),)) == "192.0.2.1 (TTL automatic, proxied)"
    assert told(()) == ""


def test_text_of_txt_joins_its_strings() -> None:
    assert value(txt('"v=spf1 ip4:192.0.2.1 " "~all"')) == "v=spf1 ip4:192.0.2.1 ~all"


def test_automatic_is_five_minutes() -> None:
    assert [seconds(mx(10, "one.example", ttl)) for ttl in (1, 60, 3600)] == [300, 60, 3600]


@pytest.mark.parametrize(
    ("content", "expected"),
    [("v=spf1 ~all", True), ('"v=spf1"', True), ("V=SPF1 -all", True), ("v=spf10 ~all", False), ("spf2.0/pra", False)],
)
def test_which_txt_is_spf(content: str, expected: bool) -> None:
    assert is_spf(txt(content)) is expected


def test_one_for_one_is_changed_in_place() -> None:
    body = changes([mx(10, "old.example")], NAME, "MX", ["10 new.example"], 60)
    patch = {"id": "old.example", "type": "MX", "name": NAME, "ttl": 60, "priority": 10, "content": "new.example"}
    assert body == {"patches": [patch]}


def test_the_switch_deletes_one_and_makes_three() -> None:
    wanted = [f"{priority} route{priority}.mx.cloudflare.net" for priority in (1, 2, 3)]
    body = changes([mx(10, "old.example")], NAME, "MX", wanted, 300)
    assert body["deletes"] == [{"id": "old.example"}]
    assert [(each["priority"], each["content"]) for each in body["posts"]] == [
        (1, "route1.mx.cloudflare.net"), (2, "route2.mx.cloudflare.net"), (3, "route3.mx.cloudflare.net"),
    ]  # fmt: skip
    assert "patches" not in body


def test_what_stays_is_left_alone() -> None:
    stands = [mx(10, "one.example"), mx(20, "two.example"), mx(30, "three.example")]
    assert changes(stands, NAME, "MX", ["10 one.example"], 300) == {
        "deletes": [{"id": "two.example"}, {"id": "three.example"}]
    }
    assert changes(stands[:1], NAME, "MX", ["10 one.example"], 300) == {}


def test_another_ttl_alone_is_a_patch() -> None:
    (patch,) = changes([txt("v=spf1 ~all", 3600)], NAME, "TXT", ["v=spf1 ~all"], 300)["patches"]
    assert (patch["ttl"], patch["content"]) == (300, '"v=spf1 ~all"')


def test_a_proxied_address_is_unproxied() -> None:
    stands = Record("A", NAME, "192.0.2.1", 300, proxied=True, id="a")
    (patch,) = changes([stands], NAME, "A", ["192.0.2.1"], 300)["patches"]
    assert patch["proxied"] is False
    assert told([stands]) != line("192.0.2.1", 300)


def test_nothing_wanted_deletes_all() -> None:
    assert changes([mx(10, "one.example")], NAME, "MX", [], 300) == {"deletes": [{"id": "one.example"}]}


def test_long_text_is_cut_into_strings() -> None:
    text = "v=DKIM1; p=" + "A" * 400
    parts = quoted(text).split('" "')
    assert [len(part.strip('"')) for part in parts] == [255, len(text) - 255]
    assert value(txt(quoted(text))) == text


@pytest.mark.parametrize("text", ['v="x"', "back\\slash", "ü"])
def test_text_that_would_need_escapes_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="expected ASCII"):
        quoted(text)


@pytest.mark.parametrize(
    ("name", "kind", "texts", "deletes", "expected"),
    [
        (NAME, "MX", (), False, "MX"),
        (NAME, "NS", (), True, "NS"),
        (f"cf2024-1._domainkey.{NAME}", "TXT", (), False, "DKIM"),
        (f"s1._domainkey.{NAME}", "CNAME", (), True, "DKIM"),
        (f"_dmarc.{NAME}", "TXT", (), False, "DMARC"),
        (NAME, "TXT", ("v=spf1 -all",), False, "SPF"),
        (NAME, "TXT", ("some-verification=1",), True, "deletes"),
        (f"_25._tcp.mail.{NAME}", "TLSA", (), True, "deletes"),
        (NAME, "A", (), False, ""),
    ],
)
def test_class_of_danger(name: str, kind: str, texts: tuple[str, ...], deletes: bool, expected: str) -> None:
    assert danger_of(name, kind, texts, deletes=deletes) == expected
