"""What Cloudflare's MX hosts said, and what it says: of an address, of the client that asks, or nothing at all."""

from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import is_mx
from fixtures.probes.mailbox import delivery
from fixtures.probes.smtp import mx_hosts, vantages
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.probes.smtp.mx_hosts import Asked, judge
from fixtures.settings import Address
from tests.judges import FAIL, LOOK, PASS, UNKNOWN as OPEN

GREETING = "mx.cloudflare.net Cloudflare Email ESMTP Service ready"


def said(code: int, text: str = "", *, connection: Any = "open", stage: Any = "", banner: str = GREETING) -> Asked:
    """A whole dialogue for one recipient, as the probe brings it back."""
    result = RcptResult("a@own.example", code, text, stage)
    knock = Knock("192.0.2.1")
    talk = Conversation(knock, connection, stage, code, text, banner, (), "", (result,), "", LOOK)
    return Asked("route1", "192.0.2.1", Address("own.example", "dell.own.example", "a", "a"), talk)


YES, NO, LATER = said(250, "ok"), said(550, "5.1.1 no such address", stage="rcpt"), said(451, "later", stage="rcpt")
TURNED_AWAY = said(550, "Sender IP reverse lookup rejected", stage="banner", banner="")
TURNED_AWAY_LATER = said(550, "5.7.25 Sender IP reverse lookup rejected", stage="rcpt")
LISTED = said(554, "192.0.2.9 found on one or more RBLs (abusixip). Refer to https://x.example/#block", stage="rcpt")
REFERENCE = said(550, "5.1.1 Address does not exist. RBLtaaXomW5E", stage="rcpt")
BUSY = said(421, "too many connections", stage="banner", banner="")
SILENT = said(0, "no answer in 5 s", connection="silent", stage="connect", banner="")
SHUT = said(0, "connection refused", connection="refused", stage="connect", banner="")
BOXES = ("a", "gone", "b", "c")
CUT = said(0, "closed", connection="dropped", stage="rcpt")


@pytest.mark.parametrize(
    ("asked", "accepts", "greets"),
    [
        pytest.param([YES], [PASS], [PASS], id="250"),
        pytest.param([NO], [FAIL], [PASS], id="550 to the address"),
        pytest.param([LATER], [OPEN], [PASS], id="4xx to the address"),
        pytest.param([CUT], [FAIL], [PASS], id="cut off in the dialogue"),
        pytest.param([TURNED_AWAY], [OPEN], [OPEN], id="550 in place of the greeting"),
        pytest.param([TURNED_AWAY_LATER], [OPEN], [OPEN], id="reverse lookup rejected, later"),
        pytest.param([LISTED], [OPEN], [OPEN], id="the asking address is on a block list"),
        pytest.param([LISTED, YES], [PASS], [PASS], id="one answer suffices, one family is on a block list"),
        pytest.param([REFERENCE], [FAIL], [PASS], id="a reference of random letters"),
        pytest.param([BUSY], [OPEN], [OPEN], id="421 in place of the greeting"),
        pytest.param([SILENT], [OPEN], [OPEN], id="silence"),
        pytest.param([SHUT], [FAIL], [FAIL], id="refuses connections"),
        pytest.param([TURNED_AWAY, YES], [PASS], [PASS], id="one answer suffices, a PTR lacks for the other family"),
        pytest.param([SILENT, YES], [PASS], [PASS], id="one answer suffices, the other family is silent"),
        pytest.param([SHUT, YES], [PASS], [PASS], id="one answer suffices, the other family is shut"),
        pytest.param([SILENT, NO], [FAIL], [PASS], id="a refusal that was heard counts"),
        pytest.param([YES, NO], [PASS, FAIL], [PASS, PASS], id="both were heard, and differ"),
        pytest.param([SILENT, SHUT], [FAIL], [FAIL], id="shut and silent"),
        pytest.param([SILENT, TURNED_AWAY], [OPEN], [OPEN], id="heard by none"),
        pytest.param([], [], [], id="nothing was asked"),
    ],
)
def test_what_an_answer_says(asked: list[Asked], accepts: list[Verdict], greets: list[Verdict]) -> None:
    assert [each.verdict for each in judge(asked, accept=True)] == accepts
    assert [each.verdict for each in judge(asked, accept=False)] == greets


@pytest.mark.parametrize(
    ("asked", "found", "hint"),
    [(TURNED_AWAY, "reverse lookup rejected", "PTR"), (LISTED, "RBLs (abusixip)", "lookup.abusix.com")],
    ids=["no PTR", "block list"],
)
def test_who_could_not_ask_learns_what_to_do(asked: Asked, found: str, hint: str) -> None:
    (it,) = judge([asked], accept=True)
    assert hint in it.hint
    assert found in it.found


@pytest.mark.parametrize("taken_max", [100, 2, 0], ids=["all", "two", "none"])
def test_what_is_not_taken_in_company_is_asked_for_by_itself(monkeypatch: pytest.MonkeyPatch, taken_max: int) -> None:
    """A host may take so many recipients of a dialogue; nobody has "gone"."""
    dialogues: list[tuple[str, ...]] = []

    def hear(knocks: Iterable[Knock], _: int) -> list[Conversation]:
        found = []
        for knock in knocks:
            dialogues.append(knock.rcpt)
            room = max(taken_max, 1) if len(knock.rcpt) == 1 else taken_max
            codes = [452 if at >= room else 550 if "gone" in each else 250 for at, each in enumerate(knock.rcpt)]
            results = (
                RcptResult(to, code, "", "" if code == 250 else "rcpt")
                for to, code in zip(knock.rcpt, codes, strict=True)
            )
            found.append(replace(YES.talk, recipients=tuple(results)))
        return found

    addresses = [Address(name, f"dell.{name}", box, box) for name in ("a.example", "b.example") for box in BOXES]
    monkeypatch.setattr(mx_hosts, "probe_all", hear)
    monkeypatch.setattr(delivery, "senders", lambda _: [SimpleNamespace(address="s@x", vantage="")])
    monkeypatch.setattr(mx_hosts, "vantage", lambda *_: None)
    monkeypatch.setattr(cloudflare, "mx_hosts", lambda *_: ["route1", "route2"])
    place = SimpleNamespace(ipv6=("2001:db8::1",), ipv4=("192.0.2.1",))
    monkeypatch.setattr(vantages, "places", lambda _: place)
    monkeypatch.setattr(vantages, "has_way", lambda *_: None)
    monkeypatch.setattr(mx_hosts, "run", lambda _: True)
    found = mx_hosts.ask_for_all(SimpleNamespace(settings=None), addresses)  # type: ignore[arg-type]
    assert len(found) == 4 * len(addresses) == len({(each.host, each.at, each.address) for each in found})
    assert all((each.talk.outcome.code == 250) is ("gone" not in each.address.local) for each in found)
    assert all(each.talk.outcome.recipient == each.address.address for each in found)
    assert all(len({to.rpartition("@")[2] for to in each}) == 1 for each in dialogues), "of one domain each"
    first, again = dialogues[:8], dialogues[8:]
    assert sum(map(len, first)) == len(found)
    assert {len(each) for each in again} == {1}
    assert len(again) == 4 * sum(box == "gone" or at >= taken_max for _ in range(2) for at, box in enumerate(BOXES))


@pytest.mark.parametrize(
    ("host", "is_one"),
    [
        ("route1.mx.cloudflare.net", True),
        ("amir.mx.cloudflare.net", True),
        ("Isaac.MX.Cloudflare.NET.", True),
        ("mx.cloudflare.net", False),
        ("_spf.mx.cloudflare.net", False),
        ("a.route1.mx.cloudflare.net", False),
        ("route1.mx.cloudflare.net.own.example", False),
        ("route1.mx-cloudflare.net", False),
        ("mail.own.example", False),
        ("", False),
    ],
)
def test_which_hosts_are_cloudflares(host: str, is_one: bool) -> None:
    assert is_mx(host) is is_one
