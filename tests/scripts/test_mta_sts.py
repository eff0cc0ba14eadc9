"""MTA-STS policies as text (RFC 8461)."""

from __future__ import annotations

import re

import pytest

from scripts.lib.change import Refused
from scripts.lib.dns.mta_sts import ROUTING, identifier, policy

OLD = "version: STSv1\r\nmode: enforce\r\nmx: mail.own.example\r\nmax_age: 604800\r\n"
WIDE = "version: STSv1\r\nmode: enforce\r\nmx: mail.own.example\r\nmx: *.mx.cloudflare.net\r\nmax_age: 604800\r\n"


def test_widened_and_narrowed() -> None:
    wide = policy(OLD, ("mail.own.example", ROUTING))
    assert wide == WIDE
    assert policy(wide, ("mail.own.example", ROUTING)) == wide
    assert (
        policy(wide, (ROUTING,)) == "version: STSv1\r\nmode: enforce\r\nmx: *.mx.cloudflare.net\r\nmax_age: 604800\r\n"
    )


def test_mode_max_age_and_what_else_stands_there_are_kept() -> None:
    given = "version:STSv1\nmax_age: 86400\nmx: a.example\nmode: testing\nx_more: 1"
    assert policy(given, (ROUTING,)) == (
        "version: STSv1\r\nmode: testing\r\nmx: *.mx.cloudflare.net\r\nmax_age: 86400\r\nx_more: 1\r\n"
    )


@pytest.mark.parametrize("text", ["", "version: STSv2\nmode: none\nmax_age: 1\n", "version: STSv1\nmode: enforce\n"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="no MTA-STS policy"):
        policy(text, (ROUTING,))


def test_identifier_follows_the_text() -> None:
    assert re.fullmatch("[A-Za-z0-9]{1,32}", identifier(OLD))
    assert identifier(OLD) == identifier(OLD) != identifier(WIDE)
