"""N-11: an MTA-STS policy is read at each address of its host, since senders come to any of them."""

import asyncio
import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from fixtures.access.loop import run
from fixtures.probes.dns import mta_sts, queries
from fixtures.probes.dns.mta_sts import Fetched, parse
from tests.judges import NS, SILENT, answer

TEXT = "version: STSv1\r\nmode: enforce\r\nmx: {}\r\nmax_age: 86400\r\n"
OURS, OLD = (parse(TEXT.format(name)) for name in ("*.mx.cloudflare.net", "mail.a.example"))
WELL: Fetched = (OURS, "", True, "")
AWAY: Fetched = (None, "no connection: no route", False, "")
GONE: Fetched = (None, "HTTP 404", True, "")


def test_no_proxy_is_asked_for_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tunnel would have the certificate checked for the address."""
    monkeypatch.setattr(mta_sts, "FETCH_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        run(mta_sts._fetch_at("mta-sts.a.example", "127.0.0.1"))
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_policy_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each octet in time, and the whole never."""

    async def drip(*_: object, **_how: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(mta_sts, "FETCH_S", 0.5)
    monkeypatch.setattr(httpx.AsyncClient, "get", drip)
    assert run(mta_sts._fetch_at("mta-sts.a.example", "127.0.0.1"))[1:3] == ("no answer (TimeoutError: )", False)


@pytest.mark.parametrize(
    ("at", "sound", "said"),
    [
        ({"192.0.2.1": WELL}, True, ""),
        ({"192.0.2.1": WELL, "2001:db8::1": WELL}, True, ""),
        ({"2001:db8::1": AWAY, "192.0.2.1": WELL}, True, ""),
        ({"2001:db8::1": WELL, "192.0.2.1": (OLD, "", True, "")}, False, f"at 2001:db8::1 {OURS}; at 192.0.2.1 {OLD}"),
        ({"2001:db8::1": WELL, "192.0.2.1": GONE}, False, f"at 2001:db8::1 {OURS}; at 192.0.2.1 HTTP 404"),
        ({"192.0.2.1": GONE}, False, "HTTP 404"),
        ({"192.0.2.1": AWAY}, False, "no connection: no route"),
        ({}, False, "no connection: mta-sts.a.example has no address"),
    ],
    ids=["one", "two", "one that we can't reach", "an old one", "one without", "none there", "silence", "nowhere"],
)
def test_a_policy_is_the_same_wherever_a_sender_comes(
    monkeypatch: pytest.MonkeyPatch, at: dict[str, Fetched], sound: bool, said: str
) -> None:
    async def host(name: str) -> Any:
        return queries.Host(name, tuple(each for each in at if "." in each), tuple(at.keys() - {"192.0.2.1"}), ())

    async def fetch(_: str, address: str) -> Fetched:
        return at[address]

    monkeypatch.setattr(queries, "ahost", host)
    monkeypatch.setattr(mta_sts, "_fetch_at", fetch)
    policy, why, could_ask, _ = run(mta_sts._fetch("mta-sts.a.example"))
    assert (policy is not None and not policy.faults) is sound
    assert why == said
    assert could_ask is any(reached for _, _, reached, _ in at.values())


ONE, OTHER = replace(NS, name="one"), replace(NS, name="other")


@pytest.mark.parametrize(
    ("one", "other", "apart", "asked"),
    [
        (answer("192.0.2.1"), answer("192.0.2.1"), [], {"192.0.2.1"}),
        (answer("192.0.2.1"), answer("192.0.2.9"), [], {"192.0.2.1", "192.0.2.9"}),
        (answer("192.0.2.1"), answer(), ["A", "none"], {"192.0.2.1"}),
        (answer("192.0.2.1", aliases=("p.x",)), answer("192.0.2.9", aliases=("p.x",)), [], set()),
        (answer(aliases=("p.x",)), answer(aliases=("q.x",)), ["p.x", "q.x"], set()),
        (answer("192.0.2.1"), answer(error=SILENT), [], {"192.0.2.1"}),
        (answer("192.0.2.1"), answer(referral=("ns.below",)), [], {"192.0.2.1"}),
    ],
    ids=["agree", "another", "none", "a provider's", "another provider", "silent", "delegated"],
)
def test_all_name_servers_lead_to_the_same_policy(
    monkeypatch: pytest.MonkeyPatch, one: queries.Answer, other: queries.Answer, apart: list[str], asked: set[str]
) -> None:
    """Another address is no fault by itself: the policy is asked for there, too."""

    async def everywhere(*_: object) -> tuple[queries.Answer, ...]:
        return (answer("v=STSv1; id=1"),)

    async def authorities(_: str) -> tuple[queries.Server, ...]:
        return ONE, OTHER

    async def ask(server: queries.Server, name: str, kind: str) -> queries.Answer:
        found = replace(one if server is ONE else other, server=server, name=name, type=kind)
        return found if kind == "A" else replace(found, rrset=())

    async def host(name: str) -> queries.Host:
        return queries.Host(name, ("192.0.2.1",), (), ())

    async def fetch(_: str, address: str) -> Fetched:
        came.add(address)
        return WELL

    came = set[str]()
    monkeypatch.setattr(queries, "aask_everywhere", everywhere)
    monkeypatch.setattr(queries, "aauthorities", authorities)
    monkeypatch.setattr(queries, "aask", ask)
    monkeypatch.setattr(queries, "ahost", host)
    monkeypatch.setattr(mta_sts, "_fetch_at", fetch)
    migration: Any = SimpleNamespace(settings=SimpleNamespace(domain_names=("a.example",)))
    (found,) = mta_sts.published(migration, ("a.example",))
    assert found.policy
    assert [each.rpartition(" has ")[2] for each in found.policy.faults] == apart
    assert came == {"192.0.2.1", *asked}
