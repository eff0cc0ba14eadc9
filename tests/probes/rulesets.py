"""A Dell in a network namespace of its own, with a ruleset: read by the probe's own command, and asked in a kernel."""

import subprocess
from collections.abc import Sequence
from ipaddress import ip_network

from fixtures.evidence import Evidence, Finding, Verdict
from fixtures.lab.firewall import kernel
from fixtures.probes.dell import firewall
from fixtures.probes.dell.firewall import Answer, Ruleset
from fixtures.probes.dell.networks import Network

FOUR, SIX, EC2 = (ip_network(each) for each in ("104.30.0.0/19", "2405:8100:c000::/38", "100.64.10.1/32"))
ADMITTED: tuple[Network, ...] = (FOUR, SIX, EC2)
PUBLIC = ("198.51.100.10", "2001:db8:5::10")
DELL = """\
set -e
ip link set lo up
for each in eth0 tailscale0 docker0; do ip link add "$each" type veth; ip link set "$each" up; done
for each in veth0 veth1 veth2; do ip link set "$each" up; done
ip addr add 198.51.100.10/24 dev eth0
ip addr add 2001:db8:5::10/64 dev eth0 nodad
ip addr add 100.64.10.5/32 dev tailscale0
ip addr add fd7a:115c:a1e0::5/128 dev tailscale0 nodad
ip addr add 172.17.0.1/16 dev docker0
ip route add default via 198.51.100.1
ip -6 route add default via 2001:db8:5::1 dev eth0
ip route add unreachable 100.64.0.0/10
ip route add 100.64.10.1 dev tailscale0 table 52
ip rule add pref 5270 lookup 52
ip route add blackhole 10.0.0.0/8
"""
"""A server with a tailnet and a network of containers."""


def read(script: str) -> Ruleset:
    """What the probe reads of a Dell on which SCRIPT was run."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", "bash", "-s"], input=f'{DELL}{script}\nexec sh -c "$READ"\n',
        env={"READ": firewall.READ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return Ruleset(firewall.parts_of(done.stdout), Evidence("the firewall", "read"))


def asked(script: str, admitted: Sequence[Network] = ADMITTED) -> Answer:
    """What a kernel says of it."""
    return kernel.ask(read(script), admitted, PUBLIC)


def found(script: str, public: Sequence[str] = PUBLIC) -> list[Finding]:
    """What is red or unknown. PUBLIC: the addresses that the settings name."""
    ruleset = read(script)
    judged = firewall.judged(ruleset, kernel.ask(ruleset, ADMITTED, public), ADMITTED)
    return [each for each in judged if each.verdict is not Verdict.PASS]
