"""How addresses and their names are read, and what a host's standing in the Internet comes to."""

from dataclasses import replace

import pytest

from fixtures.access.transport import here
from fixtures.evidence import CouldNotAsk, Evidence, Finding, Verdict
from fixtures.preflight import reach
from fixtures.preflight.case import Case, Sight, draft
from fixtures.probes.smtp import public_address
from fixtures.probes.smtp.public_address import Standing

PUBLIC = "198.51.100.10"
NOTHING = Evidence("nothing", "nothing")
CASE = Case(draft(("own.example.net",)), False, ("own.example.net",), here("Dell"), (), "dell.own.example.net")


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("100.64.0.1", "RFC 6598"), ("100.127.255.255", "RFC 6598"), ("100.128.0.1", ""), ("192.0.0.2", "DS-Lite"),
        ("192.0.0.8", ""), ("192.168.1.2", "RFC 1918"), ("172.32.0.1", ""), ("fd00::1", "RFC 4193"),
        ("127.0.0.1", "this machine"), ("2001:db8::1", ""), ("104.30.0.5", ""),
    ],
)  # fmt: skip
def test_kinds_of_addresses(address: str, says: str) -> None:
    assert (says in public_address.kind(address)) if says else public_address.kind(address) == ""


@pytest.mark.parametrize(
    ("name", "dynamic"),
    [
        ("p1234-ipngn.tokyo.example", False), ("203-0-113-7.dhcp.provider.example", True), ("mail.own.example", False),
        ("dyn-77.provider.example", True), ("host.pool.provider.example", True), ("1.2.3.4.static.own.example", True),
        ("dynamo.example", False),
    ],
)  # fmt: skip
def test_names_that_look_dynamic(name: str, dynamic: bool) -> None:
    """A guess: a fixed address with its digits in its name looks so too, and is asked for, not refused."""
    assert public_address.dynamic_name(name) is dynamic


def _of(source: str, seen: str = PUBLIC, **known: str) -> Finding:
    standing = Standing("Dell", (source,), source, False, NOTHING)
    (finding,) = reach.address(replace(CASE, **known), Sight(standing, seen))  # type: ignore[arg-type]
    return finding


@pytest.mark.parametrize(
    ("source", "known", "verdict", "says"),
    [
        (PUBLIC, {}, Verdict.PASS, f"{PUBLIC}, its own, and seen so outside"),
        ("192.168.1.2", {"wan": PUBLIC}, Verdict.PASS, ""),
        ("192.168.1.2", {"wan": "100.72.1.1"}, Verdict.FAIL, "RFC 6598"),
        ("192.168.1.2", {"wan": "192.0.0.2"}, Verdict.FAIL, "DS-Lite"),
        ("192.168.1.2", {"wan": "10.1.1.1"}, Verdict.FAIL, "RFC 1918"),
        ("100.64.9.9", {}, Verdict.FAIL, "RFC 6598"),
        ("192.0.0.2", {}, Verdict.FAIL, "DS-Lite"),
    ],
)
def test_an_address_of_its_own_or_one_behind_a_router_or_a_carrier(
    source: str, known: dict[str, str], verdict: Verdict, says: str
) -> None:
    found = _of(source, **known)
    assert found.verdict is verdict
    assert found.found == says if source == PUBLIC else says in found.found
    assert known or PUBLIC in found.found


def test_what_nobody_could_find_out_is_no_yes() -> None:
    found = _of("192.168.1.2")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "say --wan ADDRESS" in found.hint
    assert _of(PUBLIC, seen="").verdict is Verdict.INCONCLUSIVE
    nothing = Sight(CouldNotAsk("Dell: can't be reached"), "")
    (found,) = reach.address(CASE, nothing)
    assert (found.verdict, found.found) == (Verdict.INCONCLUSIVE, "Dell: can't be reached")
    (found,) = reach.inbound(CASE, nothing)
    assert found.verdict is Verdict.INCONCLUSIVE
