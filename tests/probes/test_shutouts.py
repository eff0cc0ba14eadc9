"""Rules and routes that shut admitted addresses out, read from what nft, iptables-save and ip print."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

import pytest

from fixtures.probes.dell import firewall, routes
from fixtures.probes.dell.address_spans import subtract
from tests.probes.rulesets import (
    ACCEPT,
    ADMITTED,
    DROP,
    EC2,
    FOUR,
    MINE,
    PART,
    ROUTES,
    SADDR,
    SIX,
    SMTP,
    limit,
    match,
    meta,
    nft,
    payload,
    ports,
    saved,
    state,
    touched,
)  # fmt: skip

JUMP: dict[str, Any] = {"jump": {"target": "sub"}}
ALL = set(ADMITTED)
METER = {"set": {"op": "add", "elem": {}, "set": "@m", "stmt": [limit()]}}
NAMED = {"limit": {"family": "inet", "table": "g", "name": "l", "rate": 5, "per": "second", "inv": True}}
SYN = match({"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, {"|": ["fin", "syn", "rst", "ack"]}]}, "syn")
BY_PORT = {
    "vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[25, JUMP], [22, DROP]]}}
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(nft([SMTP, state("new"), limit(inv=True), DROP]), ALL, id="what is over a limit"),
        pytest.param(nft([SMTP, {"ct count": {"val": 30, "inv": True}}, DROP]), ALL, id="connections at once"),
        pytest.param(nft([SMTP, {"limit": "l"}, DROP], more=[NAMED]), ALL, id="a limit with a name"),
        pytest.param(nft([SMTP, limit(), ACCEPT], [SMTP, DROP]), ALL, id="accepted within a limit, then dropped"),
        pytest.param(nft([SMTP, limit(), ACCEPT], policy="drop"), ALL, id="or by the policy"),
        pytest.param(nft([SMTP, METER, ACCEPT], [DROP]), ALL, id="a meter"),
        pytest.param(nft([SYN, JUMP], sub=([limit(), {"return": None}], [DROP])), ALL, id="a chain against floods"),
        pytest.param(nft([SADDR, DROP]), {PART}, id="a range"),
        pytest.param(nft([payload("ip", "saddr", {"set": ["192.0.2.1", MINE]}), DROP]), {PART}, id="among others"),
        pytest.param(nft([SADDR, JUMP], sub=([{"log": None}], [{"reject": None}])), {PART}, id="refused further on"),
        pytest.param(nft([payload("ip", "saddr", "100.64.10.1", "!="), DROP]), {FOUR}, id="all but one"),
        pytest.param(nft([SADDR, DROP], hook="prerouting"), {PART}, id="before routing"),
        pytest.param(nft([BY_PORT], sub=([SADDR, DROP],)), {PART}, id="by a map of ports"),
        pytest.param(nft([meta("iifname", "eth0"), SADDR, DROP]), {PART}, id="by the interface that leads there"),
    ],
)
def test_a_rule_of_nftables_that_shuts_out(text: str, wanted: set[object]) -> None:
    assert touched(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nft([SMTP, ACCEPT], policy="drop"), id="the policy drops what is not mail"),
        pytest.param(nft([state("established"), ACCEPT], [ports({"set": [22, 25]}), ACCEPT], [DROP]), id="a last drop"),
        pytest.param(nft([ports(22), limit(inv=True), DROP], [ports([587]), SADDR, DROP]), id="other ports"),
        pytest.param(nft([payload("udp", "dport", 25), limit(inv=True), DROP]), id="another protocol"),
        pytest.param(nft([meta("l4proto", "icmp"), limit(), ACCEPT], [meta("l4proto", "icmp"), DROP]), id="pings"),
        pytest.param(nft([payload("ip", "saddr", "192.0.2.1"), DROP]), id="another address"),
        pytest.param(nft([SADDR, ACCEPT], [SADDR, DROP]), id="accepted ahead"),
        pytest.param(nft([SMTP, ACCEPT], [SMTP, limit(inv=True), DROP]), id="accepted ahead of the limit"),
        pytest.param(nft([JUMP], [SADDR, DROP], sub=([SADDR, ACCEPT],)), id="accepted in another chain"),
        pytest.param(nft([SADDR, DROP], hook="forward"), id="what is passed on"),
        pytest.param(nft([SADDR, DROP], hook="output"), id="what goes out"),
        pytest.param(nft([meta("iifname", "lo"), SADDR, DROP]), id="from the machine itself"),
        pytest.param(nft([meta("iifname", "eth0"), payload("ip", "saddr", "100.64.0.0/10"), DROP]), id="elsewhere"),
        pytest.param(nft([limit(), {"log": None}]), id="so many lines of log"),
        pytest.param(nft([state("invalid"), DROP], [meta("mark", 5), DROP]), id="no address, no limit"),
        pytest.param(nft([SADDR, {"xt": {"type": "match", "name": "x"}}, DROP]), id="a rule of iptables"),
    ],
)
def test_a_rule_of_nftables_that_does_not(text: str) -> None:
    assert touched(text) == set()


def test_what_is_passed_on_counts_where_postfix_is_in_a_container() -> None:
    assert touched(nft([SADDR, DROP], hook="forward"), contained=True) == {PART}
    assert touched(saved("-A FORWARD -s 104.30.5.0/25 -j DROP"), contained=True) == {PART}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nft([meta("mark", 5), SADDR, DROP]), "meta mark"),
        (nft([meta("mark", 5), ACCEPT], [SADDR, DROP]), "meta mark"),
        (saved("-A INPUT -p tcp --dport 25 -m set --match-set bad src -j DROP"), "what the set bad holds"),
        (saved("-A INPUT -s 104.30.5.0/25 -m string --string x --algo bm -j DROP"), "--string"),
        ("=-=-= nft\nOperation not permitted\nfailed\n", "can't be read"),
        ("=-=-= nft\nabsent\n=-=-= routes\nabsent\n", "can't be read"),
    ],
)
def test_what_is_not_understood_is_no_fault(text: str, words: str) -> None:
    found = firewall.judge(text, ADMITTED)
    assert not [each for each in found if each.touches]
    assert any(words in each.unasked for each in found)


LIMITED = "-A INPUT -p tcp -m tcp --dport 25 --tcp-flags FIN,SYN,RST,ACK SYN -m "
SAVED_ABOVE = "connlimit --connlimit-above 30 --connlimit-mask 32 --connlimit-saddr -j REJECT --reject-with tcp-reset"
RECENT = (
    "-m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 --name x --mask 255.255.255.255 --rsource"
)
SETS = "-p tcp --dport 25 -m conntrack --ctstate NEW -m recent --set --name x --mask 255.255.255.255 --rsource"


@pytest.mark.parametrize(
    ("lines", "wanted"),
    [
        (["-A INPUT -s 104.30.5.0/25 -j DROP"], {PART}),
        (["-A INPUT -s 104.30.5.0/25 -j L", "-A L -j REJECT --reject-with icmp-port-unreachable"], {PART}),
        (["-A INPUT -m iprange --src-range 104.30.5.0-104.30.5.127 -j DROP"], {PART}),
        ([LIMITED + SAVED_ABOVE], {FOUR, EC2}),
        ([LIMITED + "limit --limit 10/sec -j ACCEPT", "-A INPUT -p tcp --dport 25 -j DROP"], {FOUR, EC2}),
        ([LIMITED + "hashlimit --hashlimit-above 5/min --hashlimit-name m -j DROP"], {FOUR, EC2}),
        (
            [f"-A INPUT -p tcp -m multiport --dports 20:30,465 {RECENT} -j L", "-A L -j REJECT", f"-A INPUT {SETS}"],
            {FOUR, EC2},
        ),
        (["-A INPUT ! -s 104.30.0.0/19 -p tcp --dport 25 -j DROP"], {EC2}),
        (["-A INPUT -i lo -s 104.30.5.0/25 -j DROP", "-A INPUT -i docker+ -s 104.30.5.0/25 -j DROP"], set()),
        ([f"-A INPUT -p tcp --dport 22 {RECENT} -j DROP", "-A INPUT -p udp -s 104.30.5.0/25 -j DROP"], set()),
        (["-A INPUT -p tcp --dport 25 -j ACCEPT", LIMITED + SAVED_ABOVE, "-A INPUT -j DROP"], set()),
        (["-A INPUT -p tcp --tcp-flags FIN,SYN NONE -s 104.30.5.0/25 -j DROP"], set()),
        (["-A FORWARD -s 104.30.5.0/25 -j DROP", "-A INPUT -m limit --limit 5/min -j LOG"], set()),
        (["-A INPUT -m set --match-set f2b-postfix src -j REJECT", "-A INPUT -s 192.0.2.1/32 -j DROP"], set()),
    ],
)
def test_rules_of_iptables(lines: list[str], wanted: set[object]) -> None:
    assert touched(saved(*lines)) == wanted


def test_rules_of_ip6tables_and_a_policy() -> None:
    assert touched(saved("-A INPUT -s 2405:8100:c000::/38 -j REJECT", tool="ip6tables")) == {SIX}
    assert touched(saved("-A INPUT -p tcp --dport 25 -j ACCEPT", policy="DROP")) == set()
    assert touched(saved("-A INPUT -m limit --limit 9/sec -j ACCEPT", policy="DROP")) == {FOUR, EC2}


def test_a_table_that_iptables_shows_is_not_told_twice() -> None:
    rule = {"family": "ip", "table": "filter", "chain": "INPUT", "expr": [SADDR, DROP]}
    chain = {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input"}
    ruleset = json.dumps({"nftables": [{"chain": chain}, {"rule": rule}]})
    text = saved("-A INPUT -s 104.30.5.0/25 -j DROP").replace("absent", ruleset, 1)
    told = [[each.what for each in firewall.judge(one, ADMITTED) if each.touches] for one in (text, _by_nft(text))]
    mine = "iptables -A INPUT -s 104.30.5.0/25 -j DROP"
    assert told == [["nftables ip filter INPUT, rule ?", mine], [mine]]


def _by_nft(text: str) -> str:
    return text.replace("# Generated", "# Generated by iptables-save v1.8.11 (nf_tables)")


@pytest.mark.parametrize(
    ("route", "wanted"),
    [
        ({"type": "blackhole", "dst": "104.30.5.0/25"}, {PART}),
        ({"type": "prohibit", "dst": "2405:8100:c000::/38", "metric": 1024}, {SIX}),
        ({"type": "unreachable", "dst": "default", "metric": 4294967295}, set()),
        ({"type": "unreachable", "dst": "100.64.10.1", "metric": 1000}, set()),
        ({"type": "throw", "dst": "104.30.5.0/25"}, set()),
    ],
)
def test_routes_that_lead_nowhere(route: dict[str, Any], wanted: set[object]) -> None:
    text = json.dumps([*json.loads(ROUTES), route])
    assert touched(f"=-=-= nft\nabsent\n=-=-= routes\n{text}\n") == wanted


def test_a_route_of_another_table_may_never_be_asked() -> None:
    text = json.dumps([{"type": "blackhole", "dst": "104.30.5.0/25", "table": "99"}])
    (it,) = [each for each in firewall.judge(f"=-=-= routes\n{text}\n", (FOUR,)) if each.what.startswith("ip route")]
    assert not it.touches
    assert "if a rule sends them to table 99" in it.unasked


def test_the_interface_is_that_of_the_longest_prefix() -> None:
    known = routes.read(ROUTES)
    assert [routes.way(known, each) for each in ADMITTED] == ["eth0", "eth0", "tailscale0"]
    assert routes.way((), FOUR) == ""


def test_networks_are_subtracted() -> None:
    halves = [ipaddress.ip_network(each) for each in ("104.30.0.0/20", "104.30.16.0/20")]
    assert subtract(FOUR, halves) == []
    assert subtract(FOUR, halves[:1]) == halves[1:]
    assert subtract(FOUR, [SIX]) == [FOUR]
