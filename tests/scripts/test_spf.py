"""SPF records merged as text."""

from __future__ import annotations

import pytest

from scripts.lib.change import Refused
from scripts.lib.dns.spf_text import merged

BOTH = ("_spf.mx.cloudflare.net", "sendgrid.net")
CLOUDFLARE, SENDGRID = (f"include:{name}" for name in BOTH)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param((), f"v=spf1 {CLOUDFLARE} {SENDGRID} ~all", id="none yet"),
        pytest.param(
            (f"v=spf1 ip4:192.0.2.1 {SENDGRID} ~all",), f"v=spf1 ip4:192.0.2.1 {SENDGRID} {CLOUDFLARE} ~all", id="usual"
        ),
        pytest.param((f"v=spf1 {CLOUDFLARE} ~all",), f"v=spf1 {CLOUDFLARE} {SENDGRID} ~all", id="Cloudflare's own"),
        pytest.param(
            (f"v=spf1 {SENDGRID} -all", f"v=spf1 {CLOUDFLARE} ~all"),
            f"v=spf1 {SENDGRID} {CLOUDFLARE} ~all",
            id="two: the milder all",
        ),
        pytest.param(
            ("v=spf1 a mx ~all", "v=spf1 mx ip6:2001:db8::/32 ~all"),
            f"v=spf1 a mx ip6:2001:db8::/32 {CLOUDFLARE} {SENDGRID} ~all",
            id="two: each term once",
        ),
        pytest.param(("v=spf1 mx",), f"v=spf1 mx {CLOUDFLARE} {SENDGRID}", id="no all stays no all"),
        pytest.param(("v=spf1 all",), f"v=spf1 {CLOUDFLARE} {SENDGRID} all", id="bare all"),
        pytest.param(
            ("v=spf1 -ip4:192.0.2.9 a:x.example/28//64 exists:%{i}.x.example ptr -all exp=why.x.example",),
            f"v=spf1 -ip4:192.0.2.9 a:x.example/28//64 exists:%{{i}}.x.example ptr {CLOUDFLARE} {SENDGRID} -all "
            "exp=why.x.example",
            id="every kind of term, in order",
        ),
        pytest.param(
            ("v=spf1 +include:_SPF.mx.cloudflare.net include:SendGrid.net ?all",),
            "v=spf1 +include:_SPF.mx.cloudflare.net include:SendGrid.net ?all",
            id="there in other letters",
        ),
    ],
)
def test_merged(texts: tuple[str, ...], expected: str) -> None:
    assert merged(texts, BOTH) == expected


@pytest.mark.parametrize("texts", [(), ("v=spf1 a -all",), ("v=spf1 mx", "v=spf1 a ~all exp=x.example")])
def test_merging_again_changes_nothing(texts: tuple[str, ...]) -> None:
    once = merged(texts, BOTH)
    assert merged([once], BOTH) == once


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("v=spf1 redirect=_spf.x.example", "redirect=_spf.x.example hands the word"),
        ("v=spf1 ip4:192.0.2.300 ~all", "Invalid IP4 address: ip4:192.0.2.300. Correct it"),
        ("v=spf1 ip4:2001:db8::1 ~all", "Invalid IP4 address: ip4:2001:db8::1"),
        ("v=spf1 ipv4:192.0.2.1 ~all", "Unknown mechanism found: ipv4:192.0.2.1"),
        ("v=spf1 include: ~all", "empty domain:: include:"),
        ("v=spf1 192.0.2.1 ~all", "Missing IP4: 192.0.2.1"),
        ("v=spf1 ~all include:sendgrid.net", "stands after all"),
        ("v=spf1 -include:sendgrid.net ~all", "sendgrid.net may not send"),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        merged([text], BOTH)
