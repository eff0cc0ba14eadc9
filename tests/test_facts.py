"""Limits, prices and address ranges of the providers (``fixtures/facts/facts.toml``): dated, and said to be old when
they are.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_network
from types import SimpleNamespace

import pytest

from fixtures.evidence import Verdict
from fixtures.facts import PROVIDERS, ages, facts
from fixtures.preflight import machine
from fixtures.probes.cloudflare import api, limits
from fixtures.probes.dell import allow_list
from fixtures.probes.dell.allow_list import Published
from fixtures.settings.schema import Cloudflare
from tests.reading import ROOT


def test_each_provider_has_its_day_and_grows_old() -> None:
    read = max(facts(each)["read"] for each in PROVIDERS)
    assert not [each for each in ages(read) if each.stale]
    (most,) = {each.most for each in ages(read)}
    assert all(each.stale for each in ages(read + timedelta(days=most + 1)))
    assert {each.provider for each in ages(date.today())} == set(PROVIDERS)  # noqa: DTZ011 - a day, whatever the zone


def test_it_is_what_the_program_goes_by() -> None:
    it = Cloudflare(account_id="0" * 32)
    assert list(map(str, it.prefixes)) == facts("cloudflare")["prefixes"]
    assert it.spf_include == facts("cloudflare")["spf_include"]
    assert api.is_mx("route1.mx.cloudflare.net")
    assert not api.is_mx("mx.cloudflare.net.evil.example")
    assert limits.limit("rules").read == facts("cloudflare")["read"]


@pytest.mark.parametrize(
    ("days", "published", "doubt", "words"),
    [
        (1, ("104.30.0.0/19", "2405:8100:c000::/38"), "", ()),
        (400, ("104.30.0.0/19", "2405:8100:c000::/38"), "", ("what is known of Cloudflare", "what is known of AWS")),
        (1, ("104.30.0.0/18",), "", ("Email Routing's prefixes",)),
        (1, (), "no resolver answered", ("Email Routing's prefixes",)),
    ],
)
def test_doctor_says_when_it_is_out_of_date(
    monkeypatch: pytest.MonkeyPatch, days: int, published: tuple[str, ...], doubt: str, words: tuple[str, ...]
) -> None:
    now = datetime.combine(facts("aws")["read"], time(), UTC) + timedelta(days=days)
    said = Published("x", frozenset(map(ip_network, published)), (), doubt)
    monkeypatch.setattr(allow_list, "published", lambda _: said)
    clock = SimpleNamespace(now=now.timestamp)
    found = list(machine.providers_facts(SimpleNamespace(clock=clock)))  # type: ignore[arg-type] # all that it asks
    assert tuple(each.member for each in found if each.verdict is Verdict.INCONCLUSIVE) == words
    assert all(each.verdict in {Verdict.PASS, Verdict.INCONCLUSIVE} for each in found)


def test_no_module_has_a_copy_of_it() -> None:
    """Of what a page or DNS tells; the lab plays Cloudflare, and says what it plays by itself."""
    copied = re.compile(r"104\.30\.0\.0/19|2405:8100:c000::/38|_spf\.mx\.cloudflare\.net")
    found = [
        path.relative_to(ROOT).as_posix()
        for folder in ("fixtures", "scripts", "steps")
        for path in (ROOT / folder).rglob("*.py")
        if copied.search(path.read_text(encoding="utf-8")) and "/lab/" not in path.as_posix()
    ]
    assert not found, found
