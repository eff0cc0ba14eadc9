"""N-11: an MTA-STS policy is read at each address of its host, since senders come to any of them."""

import asyncio
import socket
from typing import Any

import httpx
import pytest

from fixtures.access.loop import run
from fixtures.probes.dns import mta_sts, queries
from fixtures.probes.dns.mta_sts import Fetched, parse

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
