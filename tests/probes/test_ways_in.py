"""By which line mail comes in to Dell, and at which port it ends: asked of a real kernel, or said to be unasked."""

import os
import shutil

import pytest

from fixtures.evidence import Verdict
from tests.probes.rulesets import FOUR, found

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare", "iptables"))),
    reason="needs root, nft, iptables and iproute2",
)
REDIRECTED = """\
iptables -t nat -A PREROUTING -p tcp --dport 25 -j REDIRECT --to-ports 2525
ip6tables -t nat -A PREROUTING -p tcp --dport 25 -j REDIRECT --to-ports 2525
"""
LISTENING = """\
exec env AT=%s python3 -c 'import os, socket
at = os.environ["AT"]
six = socket.AF_INET6 if ":" in at else socket.AF_INET
it = socket.create_server((at, 2525), family=six, dualstack_ipv6=at == "::")
os.set_inheritable(it.fileno(), True)
os.execvp("sh", ["sh", "-c", os.environ["READ"]])'
"""


@pytest.mark.parametrize(
    ("listening", "refused"),
    [
        ("", "104.30.0.0/19, 2405:8100:c000::/38, 100.64.10.1/32"),
        (LISTENING % "127.0.0.1", "104.30.0.0/19, 2405:8100:c000::/38, 100.64.10.1/32"),
        (LISTENING % "0.0.0.0", "2405:8100:c000::/38"),
        (LISTENING % "::", ""),
    ],
)
def test_port_25_may_lead_to_another_at_which_dell_listens(listening: str, refused: str) -> None:
    """As rootless Podman has it, and firewalld's forward-port."""
    said = found(REDIRECTED + listening)
    assert [each.found for each in said] == ([f"refuses {refused}"] if refused else [])


TWO_WAYS = """\
there=$(ls -d /usr/share/iproute2 /usr/lib/iproute2 /etc/iproute2 2>/dev/null | tail -n 1)
mount -t tmpfs none "$there"
printf '255 local\\n254\\tmain # /24\\n253 default\\n#1 isp2\\n0x64 isp1' >"$there/rt_tables"
ip addr add 10.8.0.6 peer 10.8.0.5/32 dev tailscale0
ip route add default via 10.8.0.5 table isp1
ip route add prohibit 104.30.17.0/24 table isp1
ip rule add pref 100 from 198.51.100.10 lookup isp1
ip rule add pref 101 to 104.30.17.0/24 lookup isp1
"""


def test_named_tables_and_the_other_end_of_a_line_are_known_there() -> None:
    """Of two ways into the world: the second by PPP or a tunnel, with a table of its own by name."""
    (shut,) = found(TWO_WAYS)
    assert shut.sentence().startswith("ip route prohibit 104.30.17.0/24 table isp1: expected")


BY_A_TUNNEL = """\
ip link add wg0 type veth; ip link set wg0 up; ip addr add {address} dev wg0
ip rule add pref 100 from {address} lookup 123; ip route add default dev wg0 table 123; {route}
ip addr del 198.51.100.10/24 dev eth0; ip addr add 192.168.1.10/24 dev eth0
ip route add default via 192.168.1.1 dev eth0
nft 'table inet guard {{
    chain in {{
        type filter hook input priority 0; policy {policy};
        ct state established,related accept
        meta l4proto icmpv6 accept
        {rule}
    }}
}}'
"""
"""Dell's fixed address comes by a tunnel, or a server's forwards to it; all else goes by the line at home."""
OPEN_THERE = 'iifname { "wg0", "tailscale0" } tcp dport 25 accept\n meta nfproto ipv6 accept'
LIMITED = 'iifname "wg0" tcp dport 25 limit rate over 100/second burst 40 packets drop'
BOTH = "connections may come by eth0 or by wg0, and another lets them in"


def tunnel(address: str, *, policy: str = "accept", rule: str = "", route: str = "") -> list[tuple[Verdict, str]]:
    """What is said of a Dell with that ADDRESS at the tunnel."""
    script = BY_A_TUNNEL.format(address=address, policy=policy, rule=rule, route=route)
    return [(each.verdict, each.found) for each in found(script, ("203.0.113.5", "2001:db8:5::10"))]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rule": 'iifname "wg0" tcp dport 25 drop'}, f"refuses {FOUR}"),
        ({"policy": "drop", "rule": OPEN_THERE}, ""),
        ({"route": "ip route add blackhole 104.30.17.0/24 table 123"}, "throws away the answers to 104.30.17.0/24"),
        ({"rule": LIMITED}, "lets in only "),
        ({"rule": 'iifname "eth0" ip version 4 tcp dport 25 drop'}, ""),
    ],
)
def test_mail_comes_in_by_the_line_that_has_its_address(changes: dict[str, str], said: str) -> None:
    both = tunnel("203.0.113.5", **changes)
    assert [verdict for verdict, _ in both] == ([Verdict.FAIL] if said else [])
    assert all(text.startswith(said) for _, text in both)


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"policy": "drop", "rule": OPEN_THERE}, Verdict.INCONCLUSIVE, BOTH),
        ({"rule": 'iifname "wg0" ip saddr 104.30.3.0/24 drop'}, Verdict.INCONCLUSIVE, BOTH),
        ({"rule": LIMITED}, Verdict.INCONCLUSIVE, BOTH),
        ({"rule": "ip saddr 104.30.3.0/24 drop"}, Verdict.FAIL, "refuses 104.30.3.0/24"),
        ({}, Verdict.PASS, ""),
    ],
)
def test_behind_a_tunnel_that_forwards_both_lines_are_tried(
    changes: dict[str, str], verdict: Verdict, said: str
) -> None:
    """A server on the Internet rewrites the destination (DNAT): nothing on Dell tells by which line mail comes."""
    both = tunnel("10.0.0.2", **changes)
    assert [each for each, _ in both] == ([] if verdict is Verdict.PASS else [verdict])
    assert all(text.endswith(said) for _, text in both)


BRIDGED = """\
for each in br0 lan0; do ip link add "$each" type ${{kind:-bridge}}; ip link set "$each" up; kind=veth; done
ip link set lan0 master br0
ip addr del 198.51.100.10/24 dev eth0; ip addr add 198.51.100.10/24 dev br0
ip route add default via 198.51.100.1 dev br0
nft 'table {} guard {{
    chain in {{ type filter hook {} priority 0; {} }}
}}'
"""
"""A Dell whose card is a port of a bridge, as with virtual machines on it."""
SHUT = "ip saddr 104.30.0.0/20 drop;"


@pytest.mark.parametrize(
    ("family", "hook", "rule", "said"),
    [
        ("netdev", 'ingress device "lan0"', SHUT, "the chain netdev guard in at lan0, a port of br0, was not met"),
        ("inet", 'ingress devices = { "lan0", "eth0" }', SHUT, "the chain inet guard in at lan0, a port of br0, was "),
        ("bridge", "input", SHUT, f"a rule of table bridge guard was not met: {SHUT[:-1]}"),
        ("bridge", "input", "ip saddr 192.0.2.0/24 drop;", ""),
    ],
)
def test_what_stands_at_a_port_of_a_bridge_is_said_to_be_unasked(family: str, hook: str, rule: str, said: str) -> None:
    both = found(BRIDGED.format(family, hook, rule))
    assert [each.verdict for each in both] == ([Verdict.INCONCLUSIVE] if said else [])
    assert all(each.found.startswith(said) for each in both)
