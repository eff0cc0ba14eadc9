"""Rulesets as nft, iptables-save and ip print them, and whom they shut out."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from fixtures.probes.dell import firewall
from fixtures.probes.dell.bans import Banner

FOUR, SIX, EC2 = (ipaddress.ip_network(each) for each in ("104.30.0.0/19", "2405:8100:c000::/38", "100.64.10.1/32"))
ADMITTED = (FOUR, SIX, EC2)
PART = ipaddress.ip_network("104.30.5.0/25")
MINE = {"prefix": {"addr": "104.30.5.0", "len": 25}}
Expressions = list[dict[str, Any]]
DROP: dict[str, Any] = {"drop": None}
ACCEPT: dict[str, Any] = {"accept": None}
ROUTES = json.dumps(
    [
        {"dst": "default", "gateway": "198.51.100.1", "dev": "eth0", "flags": []},
        {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "metric": 1024, "pref": "medium"},
        {"type": "unreachable", "dst": "100.64.0.0/10", "flags": []},
        {"dst": "100.64.10.1", "dev": "tailscale0", "table": "52", "flags": []},
        {"type": "blackhole", "dst": "10.0.0.0/8", "flags": []},
    ]
)


def match(left: dict[str, Any], right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol: str, field: str, right: object, op: str = "==") -> dict[str, Any]:
    return match({"payload": {"protocol": protocol, "field": field}}, right, op)


def meta(key: str, right: object, op: str = "==") -> dict[str, Any]:
    return match({"meta": {"key": key}}, right, op)


def state(*names: str) -> dict[str, Any]:
    return match({"ct": {"key": "state"}}, list(names), "in")


def limit(inv: bool = False) -> dict[str, Any]:
    return {"limit": {"rate": 10, "burst": 40, "per": "second"} | ({"inv": True} if inv else {})}


def ports(right: object, op: str = "==") -> dict[str, Any]:
    return payload("tcp", "dport", right, op)


SADDR = payload("ip", "saddr", MINE)
SMTP = ports(25)


def nft(
    *rules: Expressions,
    policy: str = "accept",
    hook: str = "input",
    sub: tuple[Expressions, ...] = (),
    more: object = (),
) -> str:
    place = {"family": "inet", "table": "g"}
    told: list[Any] = [{"metainfo": {}}, *more] if isinstance(more, list) else [{"metainfo": {}}]
    told += [{"chain": {**place, "name": "i", "hook": hook, "policy": policy}}, {"chain": {**place, "name": "sub"}}]
    for name, them in (("i", rules), ("sub", sub)):
        told += [{"rule": {**place, "chain": name, "handle": n, "expr": each}} for n, each in enumerate(them)]
    return "=-=-= nft\n" + json.dumps({"nftables": told}) + f"\n=-=-= routes\n{ROUTES}\n"


def saved(*lines: str, policy: str = "ACCEPT", tool: str = "iptables") -> str:
    chains = f":INPUT {policy} [0:0]\n:FORWARD ACCEPT [0:0]\n:L - [0:0]\n"
    head = f"=-=-= nft\nabsent\n=-=-= {tool}-save\n# Generated\n*filter\n{chains}"
    return head + "\n".join(lines) + f"\nCOMMIT\n=-=-= routes\n{ROUTES}\n"


def told(text: str, *, contained: bool = False) -> list[Banner]:
    """What is red or unknown."""
    found = firewall.judge(text, ADMITTED, contained=contained)
    return [each for each in found if each.touches or each.unasked]


def touched(text: str, *, contained: bool = False) -> set[object]:
    found = told(text, contained=contained)
    assert not [each for each in found if each.unasked]
    return {network for each in found for network in each.touches}
