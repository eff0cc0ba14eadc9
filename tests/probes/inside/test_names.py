"""DNS and SPF, asked of the lab's PowerDNS and Unbound; records are written through the emulated API."""

import time

import pytest

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.lab import plan
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.dns import queries as dns, spf
from fixtures.probes.dns.reverse import leads_back
from tests.conftest import until

DOMAIN = "webmakeprofit.org"
PILOT = "pilot.example.net"


def publish(migration: Migration, kind: str, name: str, content: str, priority: int | None = None) -> None:
    """Write a record and wait until every name server of the zone has it."""
    zone = cloudflare.zone(migration, PILOT)
    body = {"type": kind, "name": name, "content": content, "ttl": 60} | ({"priority": priority} if priority else {})
    changing.client(migration).dns.records.batch(zone_id=zone.id, posts=[body])  # type: ignore[list-item]
    there = dns.authorities(PILOT)
    until(lambda: all(answer.rrset for answer in dns.ask(there, name, kind)), f"{kind} {name} is published", 10)


def test_every_server_is_asked(migration: Migration) -> None:
    answers = dns.ask_everywhere(migration, DOMAIN, "MX")
    asked = ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com", "fresh", "stale", "plain", "fresh by HTTPS"]
    assert [answer.server.name for answer in answers] == asked
    assert {answer.rrset for answer in answers} == {("10 mail.webmakeprofit.org",)}
    assert {answer.hosts for answer in answers} == {("mail.webmakeprofit.org",)}
    assert [answer.ttl for answer in answers[:2]] == [3600, 3600]
    assert not any(answer.error for answer in answers)
    assert "+norecurse" in answers[0].evidence.again


def test_no_such_name_is_an_answer(migration: Migration) -> None:
    gone, empty = (dns.ask_everywhere(migration, *it) for it in ((f"nope.{DOMAIN}", "A"), (DOMAIN, "SRV")))
    assert {(a.rcode, a.rrset, a.error) for a in gone} == {("NXDOMAIN", (), "")}
    assert {(a.rcode, a.rrset, a.error) for a in empty} == {("NOERROR", (), "")}


def test_aliases_are_reported(migration: Migration) -> None:
    answer = dns.ask_everywhere(migration, f"s1._domainkey.{DOMAIN}", "TXT")[-1]
    assert answer.aliases == ("s1.domainkey.u1234.wl.sendgrid.net",)
    assert answer.rrset[0].startswith("v=DKIM1; k=rsa; p=MII")


def test_a_dead_server_is_no_answer() -> None:
    """Time-out and refusal leave nothing to judge, and never an exception."""
    begun = time.monotonic()
    servers = [dns.Server("dead", "198.18.0.250", port=5353), dns.Server("closed", "203.0.113.80", transport="tcp")]
    answers = dns.ask(servers, DOMAIN, "MX")
    assert all(answer.error and not answer.rrset for answer in answers)
    assert answers[0].evidence.again == f"dig @198.18.0.250 -p 5353 {DOMAIN} MX"
    assert time.monotonic() - begun < dns.TRY_S * dns.TRIES + 2


def test_a_refusal_is_no_answer() -> None:
    answer = dns.ask(dns.authorities(DOMAIN), "version.bind", "TXT")[0]
    assert answer.rcode in {"REFUSED", "NXDOMAIN"}
    assert bool(answer.error) == (answer.rcode == "REFUSED")


def test_tcp_and_long_answers(migration: Migration) -> None:
    """An answer that UDP can't hold is asked for again over TCP."""
    name = f"long.{PILOT}"
    for number in range(12):
        publish(migration, "TXT", name, f'"{number:03} {"x" * 200}" "y"')
    by_tcp = dns.Server("a", "173.245.58.10", "tcp")
    udp, tcp = dns.ask([*dns.authorities(PILOT)[:1], by_tcp], name, "TXT")
    assert len(udp.rrset) == 12
    assert udp.rrset[0].endswith("xy")
    assert udp.rrset == tcp.rrset


@pytest.mark.parametrize(
    ("address", "leads"),
    [
        (plan.WORLD4, True),
        (plan.WORLD6, True),
        ("203.0.113.162", True),
        ("203.0.113.199", False),
        ("2001:db8::199", False),
        ("unknown", None),
    ],
)
def test_a_name_leads_back(address: str, leads: bool | None) -> None:
    assert run(leads_back(address)) is leads


def test_a_foreign_name_has_no_authority(migration: Migration) -> None:
    with pytest.raises(CouldNotAsk, match="none of the zones"):
        dns.ask_everywhere(migration, "elsewhere.example", "MX")


def test_mx_hosts_have_their_addresses() -> None:
    host = dns.mx_hosts(DOMAIN).hosts[0]
    assert host.name == f"mail.{DOMAIN}"
    assert host.addresses == ("2001:db8:e::20", "203.0.113.20")


def test_spf_today(migration: Migration) -> None:
    found = spf.evaluate(migration, DOMAIN)
    assert (len(found.records), found.lookups, found.faults, found.unasked) == (1, 1, (), ())
    assert found.has_include("sendgrid.net")
    assert not found.has_include("_spf.mx.cloudflare.net")
    assert found.permit("203.0.113.20") == "ip4:203.0.113.20"
    assert found.permit("167.89.123.50") == "include:sendgrid.net"
    assert not found.permit("203.0.113.21")
    assert "TXT sendgrid.net: v=spf1 ip4:" in found.evidence.transcript


def test_no_spf_is_none(migration: Migration) -> None:
    found = spf.evaluate(migration, f"empty.{PILOT}")
    assert (found.records, {each.result.verdict for each in found.spans}) == ((), {"none"})


def test_hosts_and_mx_are_looked_up_and_a_record_is_judged_before_it_stands(migration: Migration) -> None:
    text = f"v=spf1 ip6:2001:db8::/32 a:mail.{DOMAIN} a:nope.{DOMAIN} mx:{DOMAIN} redirect=sendgrid.net"
    found = spf.evaluate(migration, f"many.{PILOT}", instead=text)
    assert (found.lookups, found.faults) == (4, ())
    assert max(each.result.voids for each in found.spans) == 1
    assert (found.permit("203.0.113.20"), found.permit("2001:db8::1")) == (f"a:mail.{DOMAIN}", "ip6:2001:db8::/32")


def test_zone_and_routing_at_the_api(migration: Migration) -> None:
    routing, held = cloudflare.routing(migration, DOMAIN), cloudflare.records(migration, DOMAIN)
    assert (routing.enabled, routing.status, routing.rules) == (False, "unconfigured", ())
    assert len(routing.required) == len(routing.missing) == 5
    assert set(routing.mx) == {f"route{n}.mx.cloudflare.net" for n in (1, 2, 3)}
    assert cloudflare.assigned_mx(migration, DOMAIN) == routing.mx
    assert [record.text for record in held.of(DOMAIN, "MX")] == ["mail.webmakeprofit.org"]
    assert cloudflare.destinations(migration).destinations == ()


def test_the_api_refuses_with_a_way_out(migration: Migration) -> None:
    secrets = migration.secrets.model_copy(
        update={"cloudflare_token": type(migration.secrets.cloudflare_token)("no" * 20)}
    )
    with pytest.raises(CouldNotAsk, match=r"HTTP 403, code \d+.*MXGATE_CLOUDFLARE_TOKEN"):
        cloudflare.destinations(Migration(migration.settings, secrets))
    with pytest.raises(CouldNotAsk, match="has no zone of that name"):
        cloudflare.zone(migration, "nosuch.example")
