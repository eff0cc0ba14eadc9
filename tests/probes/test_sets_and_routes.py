"""Sets that fill themselves, lists of whom to let in, and the routes that tell by which interface clients come."""

from __future__ import annotations

import ipaddress
import json
import time
from typing import Any

import pytest

from fixtures.probes.dell import routes
from tests.probes.rulesets import (
    ACCEPT,
    DROP,
    EC2,
    FOUR,
    PART,
    ROUTES,
    SADDR,
    SIX,
    SMTP,
    match,
    meta,
    nft,
    payload,
    ports,
    saved,
    told,
    touched,
)  # fmt: skip

ALL = {"prefix": {"addr": "104.30.0.0", "len": 19}}
HALF = {"prefix": {"addr": "104.30.0.0", "len": 20}}
LATTER = ipaddress.ip_network("104.30.16.0/20")
SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}
BY_SET: list[dict[str, Any]] = [match(SOURCE, "@bad"), DROP]
FILL: list[dict[str, Any]] = [SMTP, {"set": {"op": "add", "elem": SOURCE, "set": "@bad"}}]
FROM_ALL = payload("ip", "saddr", ALL)


def bad(flags: object = ("dynamic", "timeout"), elem: object = (), table: str = "g") -> list[dict[str, Any]]:
    return [{"set": {"family": "inet", "table": table, "name": "bad", "flags": flags, "elem": elem}}]


WRITTEN = bad("interval", [{"range": ["100.64.0.0", "100.64.255.255"]}, {"elem": {"val": "104.30.7.7", "timeout": 9}}])
HOST = ipaddress.ip_network("104.30.7.7")
BY_PAIR = match({"concat": [SOURCE, {"payload": {"protocol": "tcp", "field": "dport"}}]}, "@bad")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(nft(more=bad()), set(), id="nothing refuses"),
        pytest.param(nft(BY_SET, FILL, more=bad()), {FOUR, EC2}, id="rules fill it"),
        pytest.param(nft(BY_SET, more=bad("timeout")), {FOUR, EC2}, id="a program fills it, flags as a word"),
        pytest.param(nft([FROM_ALL, ACCEPT], BY_SET, FILL, more=bad()), {EC2}, id="accepted ahead"),
        pytest.param(nft([SMTP, FROM_ALL, ACCEPT], BY_SET, FILL, more=bad()), {EC2}, id="accepted at the port"),
        pytest.param(
            nft([SMTP, payload("ip", "saddr", {"set": [ALL, "100.64.10.1"]}), ACCEPT], BY_SET, more=bad()),
            set(),
            id="all of them accepted at the port",
        ),
        pytest.param(nft([FROM_ALL, ports(22), ACCEPT], BY_SET, more=bad()), {FOUR, EC2}, id="at another port"),
        pytest.param(nft(BY_SET, [FROM_ALL, ACCEPT], more=bad()), {FOUR, EC2}, id="accepted too late"),
        pytest.param(nft([payload("ip", "saddr", ALL, "!="), *BY_SET], more=bad()), {EC2}, id="excepted in the rule"),
        pytest.param(nft(BY_SET, [payload("ip", "saddr", ALL, "!="), *FILL], more=bad()), {EC2}, id="never added"),
        pytest.param(nft(BY_SET, [ports(22), *FILL[1:]], more=bad()), set(), id="filled at another port"),
        pytest.param(nft([ports(22), *BY_SET], more=bad()), set(), id="asked at another port"),
        pytest.param(nft([ports({"set": [25, 465]}), *BY_SET], more=bad()), {FOUR, EC2}, id="among ports"),
        pytest.param(nft([BY_PAIR, DROP], more=bad()), {FOUR, EC2}, id="by address and port"),
        pytest.param(nft([match(SOURCE, "@bad"), ACCEPT], [SADDR, DROP], more=bad()), {PART}, id="spares nobody"),
        pytest.param(nft([match(SOURCE, "@bad", "!="), DROP], more=bad()), {FOUR, EC2}, id="all but those in it"),
        pytest.param(nft(BY_SET, more=bad("interval", ["192.0.2.9"])), set(), id="written, of others"),
        pytest.param(nft(BY_SET, more=WRITTEN), {HOST, EC2}, id="written, of ours"),
        pytest.param(nft([match(SOURCE, "@bad"), ACCEPT], [SADDR, DROP], more=WRITTEN), {PART}, id="not of ours"),
    ],
)
def test_a_set_refuses_whom_it_may_hold(text: str, wanted: set[object]) -> None:
    assert touched(text) == wanted


def test_a_program_of_its_own_is_asked_itself() -> None:
    for table, here in (("sshguard", set()), ("f2b-table", set()), ("g", {FOUR, EC2})):
        assert touched(nft(BY_SET, more=bad()).replace('"g"', f'"{table}"')) == here
    now = nft(BY_SET, more=bad(elem=["104.30.7.7"])).replace('"g"', '"f2b-table"')
    assert touched(now) == {HOST}


FROM_HALF = payload("ip", "saddr", HALF)
JUMP: dict[str, Any] = {"jump": {"target": "sub"}}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(nft([FROM_HALF, SMTP, ACCEPT], policy="drop"), {LATTER, SIX, EC2}, id="the policy"),
        pytest.param(nft([FROM_HALF, SMTP, ACCEPT], [DROP]), {LATTER, SIX, EC2}, id="a last drop"),
        pytest.param(nft([SMTP, JUMP], [DROP], sub=([FROM_HALF, ACCEPT],)), {LATTER, SIX, EC2}, id="in another chain"),
        pytest.param(nft([FROM_HALF, SMTP, ACCEPT], [SMTP, ACCEPT], policy="drop"), set(), id="all others after it"),
        pytest.param(nft([FROM_HALF, SMTP, ACCEPT]), set(), id="nothing drops"),
        pytest.param(nft([FROM_HALF, ports(22), ACCEPT], policy="drop"), set(), id="of another port"),
        pytest.param(nft([FROM_HALF, ACCEPT], policy="drop"), set(), id="of no port"),
        pytest.param(nft([FROM_HALF, SMTP, ACCEPT], [meta("mark", 5), DROP]), set(), id="a drop that may hold or not"),
        pytest.param(
            saved("-A INPUT -s 104.30.0.0/20 -p tcp -m tcp --dport 25 -j ACCEPT", policy="DROP"),
            {LATTER, EC2},
            id="of iptables",
        ),
    ],
)
def test_a_list_of_whom_to_let_in_leaves_others_out(text: str, wanted: set[object]) -> None:
    assert touched(text) == wanted
    if wanted:
        assert "lets in 104.30.0.0/20 alone, in the end by" in told(text)[0].how


def test_a_set_of_thousands_takes_no_time() -> None:
    hosts = [str(ipaddress.IPv4Address(int(FOUR.network_address) + n)) for n in range(0, 8192, 2)]
    others = [str(ipaddress.IPv4Address(n * 4 + 2**24)) for n in range(16000)]
    text = nft(BY_SET, [SMTP, payload("ip", "saddr", {"set": hosts[1:]}), DROP], more=bad("interval", hosts + others))
    begun = time.process_time()
    (it,) = told(text)
    assert len(it.touches) == 4096
    assert time.process_time() - begun < 5


DEFAULT = {"dst": "default", "gateway": "198.51.100.1", "dev": "eth0", "metric": 100}


@pytest.mark.parametrize(
    ("more", "way"),
    [
        ({"dst": "default", "dev": "eth1", "table": "101"}, "eth0"),
        ({"type": "local", "dst": "default", "dev": "lo", "table": "100"}, "eth0"),
        ({"type": "unreachable", "dst": "default", "dev": "lo", "metric": 1}, "eth0"),
        ({"dst": "104.0.0.0/8", "dev": "wg0", "table": "51820"}, "wg0"),
        ({"dst": "default", "nexthops": [{"dev": "eth1"}, {"dev": "eth2"}], "metric": 1}, ""),
    ],
)
def test_the_way_is_that_of_a_route_which_is_asked(more: dict[str, Any], way: str) -> None:
    assert routes.way(routes.read(json.dumps([more, DEFAULT])), FOUR) == way


def test_an_ipv4_route_may_lead_by_an_ipv6_gateway() -> None:
    by_six = {"dst": "default", "via": {"family": "inet6", "host": "fe80::1"}, "dev": "eth0"}
    assert routes.way(routes.read(json.dumps([by_six])), FOUR) == "eth0"
    assert routes.way(routes.read(ROUTES), EC2) == "tailscale0"
