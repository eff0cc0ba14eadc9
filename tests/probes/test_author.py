"""Who a message says that it is from, where its From: is no valid list too: DMARC is judged by it."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.lab.emulator.hop import authenticate
from fixtures.probes.dns import dmarc_record, spf
from fixtures.probes.logs import shadow_run as shadow
from fixtures.probes.logs.history import Taken
from fixtures.probes.logs.postfix_log import Trail
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.mailbox.message import authors

JIS = "\x1b$B;3ED\x1b(B"
"""\u5c71\u7530, in ISO-2022-JP as it is: its end begins a comment."""
READ = [
    '"bank.example" <info@bank.co.jp>',
    "info@bank.co.jp <info@bank.co.jp>",
    f"{JIS} <info@bank.co.jp>",
    f"info@bank.co.jp ({JIS})",
    "Bank, Ltd. <info@bank.co.jp>",
    "=?UTF-8?B?44GC?= <info@BANK.co.jp>,",
    "=?utf-8?q?a?= <info@bank.co.jp",
    '"<a@other.example>" <info@bank.co.jp.>',
    f"{'(' * 2000} <info@bank.co.jp>",
]


@pytest.mark.parametrize("field", READ)
def test_one_author_is_read(field: str) -> None:
    assert authors([field]) == ("bank.co.jp",)
    assert authenticate._from_domain([(b"From", field.encode())]) == "bank.co.jp"
    assert Stored("alice", "INBOX", 1, (("From", field),)).author == "bank.co.jp"


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ([], ()),
        (["undisclosed"], ()),
        ([JIS], ()),
        (["a@one.example, B <b@two.example>"], ("one.example", "two.example")),
        (["a@one.example", "b@two.example"], ("one.example", "two.example")),
        (["a@one.example <b@two.example>"], ("two.example",)),
    ],
)
def test_none_or_several(fields: list[str], found: tuple[str, ...]) -> None:
    assert authors(fields) == found


@pytest.mark.parametrize(
    ("field", "reasons"),
    [
        *((field, (shadow.POLICY,)) for field in READ[:3]),
        ("undisclosed", (shadow.UNKNOWN,)),
        ("", ()),
        ("a@one.example, b@two.example", ()),
    ],
)
def test_a_policy_is_judged_by_whoever_can_be_read(
    monkeypatch: pytest.MonkeyPatch, field: str, reasons: tuple[str, ...]
) -> None:
    """SPF passes for the sender's own domain, which is none of the author's."""

    async def discovered(domain: str) -> tuple[dmarc_record.Applied, str]:
        return dmarc_record.applied(domain, {domain: ["v=DMARC1; p=reject"]}), ""

    async def named(_: str) -> bool:
        return True

    monkeypatch.setattr(shadow, "discover", discovered)
    monkeypatch.setattr(shadow, "leads_back", named)
    monkeypatch.setattr(spf, "Answers", lambda _: None)
    monkeypatch.setattr(spf, "check", lambda *_: SimpleNamespace(said="pass"))
    trail = Trail("Q", 0, "", "203.0.113.9", "", "<1@x>", "bounce@esp.example", 1, (), None)
    taken = Taken(0.0, "alice@own.example", "<1@x>", "bounce@esp.example", 1, "EC2", "")
    nobodys: Any = None
    copy = Stored("alice", "INBOX", 1, (("From", field),) if field else ())
    judging = shadow._Run(nobodys, {("<1@x>", None): trail}, {"<1@x>": copy})
    judging.look_up(taken)
    assert judging.judge(taken).reasons == reasons
