"""Firewalls as they are delivered shut nobody out, and what concerns others, or isn't understood, is told as that."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixtures.probes.dell import firewall
from tests.probes.rulesets import (
    ACCEPT,
    DROP,
    EC2,
    FOUR,
    PART,
    ROUTES,
    SADDR,
    SMTP,
    match,
    meta,
    nft,
    payload,
    saved,
    told,
    touched,
)  # fmt: skip

SANE = Path(__file__).parent / "sane"
BLOCK = "-A INPUT -s 104.30.5.0/25 -j DROP"
WIDE = "-A INPUT -s 104.0.0.0/8 -j DROP"
LOOP = {"prefix": {"addr": "127.0.0.0", "len": 8}}
DNAT = match({"ct": {"key": "status"}}, "dnat", "in")
NOT_MINE = payload("ip", "saddr", "10.0.0.5", "!=")


@pytest.mark.parametrize("file", sorted(each.name for each in SANE.iterdir()))
@pytest.mark.parametrize("contained", [False, True])
def test_a_firewall_as_it_is_delivered_shuts_nobody_out(file: str, contained: bool) -> None:
    text = (SANE / file).read_text()
    part = f"=-=-= nft\n{text}" if file.endswith(".json") else f"=-=-= nft\nabsent\n=-=-= iptables-save\n{text}"
    assert not told(f"{part}\n=-=-= routes\n{ROUTES}\n", contained=contained)


def fib(what: str, right: str) -> dict[str, Any]:
    return match({"fib": {"result": "type", "flags": [what]}}, right)


LOCAL, TO_LOCAL = fib("saddr", "local"), fib("daddr", "local")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        pytest.param(nft([DNAT, ACCEPT], [SADDR, DROP]), {PART}, id="what is led elsewhere"),
        pytest.param(nft([LOCAL, ACCEPT], [SADDR, DROP]), {PART}, id="what comes from here"),
        pytest.param(nft([TO_LOCAL, ACCEPT], [SADDR, DROP]), set(), id="what goes here"),
        pytest.param(nft([payload("ip", "daddr", LOOP), NOT_MINE, DROP]), set(), id="what goes to loopback"),
        pytest.param(nft([payload("ip", "daddr", LOOP, "!="), SADDR, DROP]), {PART}, id="or does not"),
        pytest.param(nft([NOT_MINE, DROP]).replace('"inet"', '"bridge"'), set(), id="a bridge"),
        pytest.param(saved("-A INPUT -m conntrack --ctstatus DNAT -j ACCEPT", BLOCK), {PART}, id="DNAT"),
        pytest.param(
            saved(
                "-A INPUT ! -s 10.0.0.0/8 -d 224.0.0.0/4 -j DROP", "-A INPUT ! -d 127.0.0.0/8 -s 104.30.5.0/25 -j DROP"
            ),
            {PART},
            id="to many",
        ),
        pytest.param(saved('-A INPUT -m comment --comment "-- mail" -j ACCEPT', WIDE), set(), id="a comment"),
        pytest.param(saved('-A INPUT -j LOG --log-prefix "-x ! "', WIDE), {FOUR}, id="a prefix"),
        pytest.param(
            saved(
                "-A INPUT -p tcp -m tcp --dport 139 -m recent --set --name portscan --rsource",
                "-A INPUT -m recent --rcheck --seconds 9 --name portscan --rsource -j DROP",
            ),
            set(),
            id="a trap at another port",
        ),
        pytest.param(
            saved(
                "-A INPUT -p tcp -m tcp --dport 139 -j L",
                "-A INPUT -m recent --rcheck --name portscan -j DROP",
                "-A L -m recent --set --name portscan -j DROP",
            ),
            set(),
            id="in a chain of its own",
        ),
        pytest.param(
            saved("-A INPUT -m recent --set --name x", "-A INPUT -m recent --update --hitcount 9 --name x -j DROP"),
            {FOUR, EC2},
            id="a trap at all ports",
        ),
    ],
)
def test_what_concerns_others_is_passed_by(text: str, wanted: set[object]) -> None:
    assert touched(text) == wanted


def test_a_chain_of_a_device_counts_for_that_device() -> None:
    text = nft([SADDR, DROP], hook="ingress").replace('"inet"', '"netdev"')
    for device, wanted in (("lo", set()), ("eth0", {PART})):
        assert touched(text.replace('"hook":', f'"dev": "{device}", "hook":')) == wanted


def test_what_is_passed_on_by_an_interface_goes_to_no_container() -> None:
    out = "-A FORWARD -s 100.64.0.0/10 -o {} -j DROP"
    assert not told(saved(out.format("tailscale0")), contained=True)
    assert not told(nft([meta("oifname", "wg0"), SADDR, DROP], hook="forward"), contained=True)
    assert [each.unasked for each in told(saved(out.format("docker0")), contained=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (saved("-A INPUT -m geoip ! --source-country DE -j DROP"), "other countries than DE"),
        (saved("-A INPUT -m set --match-set X src,src -j DROP"), "what the set X holds"),
        ("=-=-= nft\nabsent\n=-=-= iptables-save\nPermission denied\nfailed\n", "Permission denied"),
        ("=-=-= iptables-save\n*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\n\nfailed\n", "can't be read"),
        ("=-=-= ip6tables-legacy-save\nfailed\n", "can't be read"),
        (nft([SADDR, {}, DROP]), "an empty expression"),
        (nft([match({}, "x"), SADDR, DROP]), "an empty match"),
        (nft([SADDR, DROP]).replace('"drop"', '"jump"'), "can't be read"),
        (nft([meta("mark", 5), SMTP, SADDR, DROP]), "meta mark"),
    ],
)
def test_what_can_not_be_told_is_told_as_that(text: str, words: str) -> None:
    found = told(text)
    assert not [each for each in found if each.touches]
    assert any(words in each.unasked for each in found)


def test_the_tables_of_the_old_iptables_are_read_beside_the_new_ones() -> None:
    text = f"{saved()}=-=-= iptables-legacy-save\n*filter\n:INPUT ACCEPT [0:0]\n{BLOCK}\n"
    (it,) = told(text)
    assert (it.what, it.touches) == (f"iptables-legacy {BLOCK}", (PART,))


def test_warnings_do_not_get_into_the_ruleset(tmp_path: Path) -> None:
    tools = {
        "nft": "echo warning >&2; echo '{}'",
        "ip": "echo '[]'; echo 'no permission' >&2; exit 1",
        "iptables-save": "[ $# = 0 ] && echo '*filter' || echo 'v1 (nf_tables)'",
        "iptables-legacy-save": "echo '*raw'",
        "ip6tables-save": "[ $# = 0 ] || echo 'v1 (legacy)'",
        "ip6tables-legacy-save": "echo '*raw'",
    }
    for name, does in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    said = subprocess.run(
        ["/bin/sh", "-c", firewall._READ], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert (
        said.stdout.split()
        == (
            "=-=-= routes [] [] no permission failed =-=-= nft {} =-=-= iptables-save *filter "
            "=-=-= iptables-legacy-save *raw =-=-= ip6tables-save"
        ).split()
    )
