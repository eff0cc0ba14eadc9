"""I-2, N-4: who serves a zone, by its parent, by itself, by Cloudflare; and whether all servers agree."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.preflight import published
from fixtures.probes.dns import nameservers, queries
from fixtures.probes.dns.queries import Answer
from fixtures.settings import Secrets
from tests.judges import DOMAIN, FAIL, LOOK, NS, PASS, SILENT, UNKNOWN, all_say, answer, says

SERVICE = nameservers.Service(
    domain=DOMAIN, assigned=("a.ns", "b.ns"), custom=(), status="active", differing=(), unasked=(), asked=6,
    delegations=(answer("a.ns", "b.ns", type="NS"),), serials=(answer("x y 7 1 1 1 1", type="SOA"),), evidence=LOOK,
)  # fmt: skip
service = partial(replace, SERVICE)


def test_a_delegation() -> None:
    unseen = "What we write at Cloudflare is not seen by those who ask these servers; or they are custom ones of your account, which the zone doesn't name: if Cloudflare's dashboard says so, waive this"
    member = f"NS {DOMAIN} at {NS}: expected a.ns, b.ns, found"
    assert all_say(nameservers.judged_delegation(service())) == [(PASS, f"{member} what came")]
    others = (answer("a.ns", type="NS"), answer("a.ns", "b.ns", "c.ns", type="NS"), answer(error=SILENT, type="NS"))
    assert all_say(nameservers.judged_delegation(service(status="pending", delegations=others))) == [
        (FAIL, f"{DOMAIN}: expected active at Cloudflare, found pending. Set the name servers at the registrar as Cloudflare's dashboard says, and wait until it has seen it"),
        (FAIL, f"{member} what came. {unseen}"),
        (FAIL, f"{member} what came. {unseen}"),
        (UNKNOWN, f"{member} {SILENT}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "custom", "verdict"),
    [
        (("ns1.a.example", "ns2.a.example"), ("ns1.a.example", "ns2.a.example"), PASS),
        (("a.ns", "b.ns"), ("ns1.a.example", "ns2.a.example"), PASS),
        (("a.ns", "ns1.a.example"), ("ns1.a.example", "ns2.a.example"), FAIL),
        (("ns1.a.example", "ns2.a.example"), (), FAIL),
        (("blue.foundationdns.com", "blue.foundationdns.net", "blue.foundationdns.org"), (), PASS),
        (("blue.foundationdns.com", "blue.foundationdns.net", "gold.foundationdns.org"), (), FAIL),
        (("blue.foundationdns.com", "blue.foundationdns.net"), (), FAIL),
        ((), (), FAIL),
    ],
)
def test_a_delegation_to_other_names_of_cloudflares(
    names: tuple[str, ...], custom: tuple[str, ...], verdict: Verdict
) -> None:
    (found,) = nameservers.judged_delegation(service(delegations=(answer(*names, type="NS"),), custom=custom))
    assert found.verdict is verdict
    assert found.expected == ("a.ns, b.ns or ns1.a.example, ns2.a.example" if custom else "a.ns, b.ns")


@pytest.mark.parametrize(
    ("names", "soa", "status", "verdict"),
    [
        (("ada.ns.cloudflare.com", "bob.ns.cloudflare.com"), "", "", PASS),
        (("blue.foundationdns.com", "blue.foundationdns.net", "blue.foundationdns.org"), "", "", PASS),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. dns.cloudflare.com. 7 1 1 1 1", "", UNKNOWN),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. dns.cloudflare.com. 7 1 1 1 1", "active full", PASS),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. hostmaster.a.example. 7 1 1 1 1", "active full", PASS),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. hostmaster.a.example. 7 1 1 1 1", "active partial", FAIL),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. hostmaster.a.example. 7 1 1 1 1", "moved full", FAIL),
        (("ns1.a.example", "ns2.a.example"), "ns1.a.example. hostmaster.a.example. 7 1 1 1 1", "", FAIL),
        (("ada.ns.cloudflare.com", "ns2.a.example"), "", "", FAIL),
    ],
)
def test_whether_cloudflare_serves_a_zone_by_whichever_names(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], soa: str, status: str, verdict: Verdict
) -> None:
    """STATUS: the zone's, and its type, by the API; empty: there is no token."""

    def ask(_: str, kind: str) -> Answer:
        return answer(*(names if kind == "NS" else filter(None, [soa])), type=kind)

    monkeypatch.setattr(queries, "adefault", ask)
    monkeypatch.setattr(published, "run", lambda answered: answered)
    monkeypatch.setattr(
        published, "zone_of", lambda *_: SimpleNamespace(**dict(zip(("status", "type"), status.split(), strict=False)))
    )
    case: Any = SimpleNamespace(migration=Migration(settings_without_a_lab(), Secrets(cloudflare_token=status)))
    (found,) = published.served(case, DOMAIN)
    assert found.verdict is verdict


def test_servers_agree() -> None:
    lags = "A server lags: wait, and ask again. If it stays so, tell Cloudflare"
    agree = f"{DOMAIN}: expected serial 7, 6 answers agree, found serial 7, 6 answers agree"
    assert all_say(nameservers.judged_agreement(service())) == [(PASS, agree)]
    two = (answer("x y 7 1 1 1 1", type="SOA"), answer("x y 6 1 1 1 1", type="SOA"))
    mine = service(assigned=(NS.name,), serials=two)
    bad = replace(mine, differing=("MX a.example: one says x",), unasked=(answer(error=SILENT, type="MX"),))
    silent, serial, differing = nameservers.judged_agreement(bad)
    lasting = f"for {nameservers.SETTLE_S:.0f} s"
    assert says(silent) == (UNKNOWN, f"MX {DOMAIN} at {NS}: expected an answer, found {SILENT}")
    assert says(serial, looks=2) == (FAIL, f"SOA {DOMAIN}: expected one serial, found 6, 7 {lasting}. {lags}")
    said = f"MX a.example: expected one answer, found MX a.example: one says x {lasting}. {lags}"
    assert says(differing) == (FAIL, said)
    assert list(nameservers.judged_agreement(service(serials=()))) == []
    (strange,) = nameservers.judged_agreement(replace(mine, assigned=("a.ns", "b.ns")))
    hint = f"{NS.name} is none that Cloudflare has assigned. Take it out at the registrar"
    assert says(strange, looks=2) == (FAIL, f"SOA {DOMAIN}: expected one serial, found 6, 7 {lasting}. {hint}")
