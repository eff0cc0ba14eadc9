"""The lab's signed zone validates by the lab's clock, and Email Routing's addresses have names there and back."""

import ipaddress

import pytest

from fixtures.lab.emulator.hop.rewrite import helo_name
from fixtures.migration import Migration
from fixtures.probes.dns import dnssec, queries as dns

SIGNED, UNSIGNED = "webmakeprofit.org", "pilot.example.net"


def test_resolvers_vouch_for_the_signed_zone_only(migration: Migration) -> None:
    servers = dns.resolvers(migration)
    assert {answer.server.transport for answer in dns.ask(servers, SIGNED, "MX") if answer.dnssec} == {"udp", "doh"}
    assert all(answer.dnssec for answer in dns.ask(servers, SIGNED, "MX"))
    assert not any(answer.dnssec for answer in dns.ask(servers, UNSIGNED, "MX"))


@pytest.mark.parametrize("days", [0, 40])
def test_signatures_hold_weeks_later(migration: Migration, days: int) -> None:
    """A signature lives for two or three weeks: what signs has to go by the same clock."""
    migration.clock.advance(days * 86_400)
    signed, unsigned = dnssec.chains(migration, (SIGNED, UNSIGNED))
    assert signed.vouched
    assert signed.proofs
    assert not [proof for proof in signed.proofs if proof.fault or proof.error]
    assert all(answer.dnssec for answer in signed.answers)
    assert not unsigned.ds


@pytest.mark.parametrize(
    "address", ["104.30.0.7", "104.30.31.255", "2405:8100:c000::1", "2405:8100:c3ff:ffff:ffff:ffff:ffff:abcd"]
)
def test_email_routings_addresses_have_names_there_and_back(migration: Migration, address: str) -> None:
    resolver = dns.resolvers(migration)[:1]
    (there,) = dns.ask(resolver, ipaddress.ip_address(address).reverse_pointer, "PTR")
    assert there.rrset == (helo_name(address),)
    (back,) = dns.ask(resolver, there.rrset[0], "AAAA" if ":" in address else "A")
    assert back.rrset == (address,)
