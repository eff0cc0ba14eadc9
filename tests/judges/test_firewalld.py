"""What firewalld has saved, and what it runs: as firewall-cmd prints it."""

from ipaddress import ip_network

import pytest

from fixtures.probes.dell import firewalld
from tests.judges import FAIL, LOOK, PASS, UNKNOWN, all_say

RUNS = """\
docker (active)
  target: ACCEPT
  icmp-block-inversion: no
  interfaces: docker0
  sources:
  services:
  ports:
  rich rules:

drop
  target: DROP
  interfaces:
  sources:
  services:
  ports:

public (default, active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0
  sources:
  services: cockpit dhcpv6-client smtp ssh
  ports: 465/tcp 587/tcp
  protocols:
  forward: yes
  masquerade: no
  forward-ports:
  source-ports:
  icmp-blocks:
  rich rules:
"""
RULE = '  rich rules:\n\trule family="ipv4" {} {}\n'
STRANGER, CLOUDFLARES = 'source address="192.0.2.66"', 'source address="104.30.0.0/19" port port="25" protocol="tcp"'
ACCEPT = f'rule family="ipv4" {CLOUDFLARES} accept'
BAN = 'rule family="ipv4" source address="104.30.0.0/16" reject'


def saved(text: str) -> str:
    """The same as it is printed of what is saved: without what runs."""
    return text.replace(" (default, active)", " (default)").replace(" (active)", "").replace(": eth0", ":")


@pytest.mark.parametrize(
    ("runs", "then", "found"),
    [
        (RUNS, saved(RUNS), ""),
        (RUNS, saved(RUNS).replace(" smtp", ""), "zone public: after the next start without service smtp"),
        (RUNS, saved(RUNS).replace("ssh", "ssh http"), ""),
        (RUNS.replace("ssh", "ssh http"), saved(RUNS), ""),
        (RUNS.replace("465", "25"), saved(RUNS), "zone public: after the next start without port 25/tcp"),
        (RUNS.replace("465", "20-30"), saved(RUNS), "zone public: after the next start without port 20-30/tcp"),
        (RUNS.replace("465/tcp", ""), saved(RUNS), ""),
        (RUNS.replace("default\n", "ACCEPT\n"), saved(RUNS), "zone public: after the next start without target ACCEPT"),
        (
            RUNS.replace("  rich rules:\n", RULE.format(CLOUDFLARES, "accept")),
            saved(RUNS),
            "; ".join(f"zone {zone}: after the next start without {ACCEPT}" for zone in ("docker", "public")),
        ),
        (RUNS.replace("  rich rules:\n", RULE.format(STRANGER, "reject")), saved(RUNS), ""),
        (RUNS, f"{saved(RUNS)}\t{BAN}\n", f"zone public: after the next start with {BAN}"),
        (RUNS, saved(RUNS).replace("drop\n", "drop\n  rich rules:\n\trule drop\n"), ""),
        (RUNS.replace("public", "mail"), saved(RUNS), "zone mail: after the next start without service smtp"),
    ],
)
def test_what_is_not_saved(runs: str, then: str, found: str) -> None:
    """What lets in nobody at port 25, a stranger's ban that nobody saved, and zones of no interface change nothing."""
    parts = {"firewalld": runs, "firewalld_saved": then, "firewalld_direct": "", "firewalld_direct_saved": ""}
    hint = "firewall-cmd --runtime-to-permanent, if what runs now is right; else firewall-cmd --reload, and judge again"
    said = "EC2's firewalld: expected saved as it runs, for port 25, found "
    (it,) = all_say(firewalld.judged(parts, LOOK, "EC2"), "")
    assert it == ((FAIL, f"{said}{found}. {hint}") if found else (PASS, f"{said}no difference"))


ADMITTED = tuple(map(ip_network, ("104.30.0.0/19", "2405:8100:c000::/38", "100.64.10.1/32")))
NAMED = RUNS.replace("drop\n", "drop (active)\n")


@pytest.mark.parametrize(
    ("zone", "source", "lost"),
    [
        ("docker", "10.88.0.0/16", ""),
        ("docker", "100.64.0.0/10", "Dell"),
        ("docker", "192.0.2.0/24", "EC2"),
        ("docker", "104.30.0.0/16", "Dell EC2"),
        ("docker", "0.0.0.0/0", "Dell EC2"),
        ("docker", "ipset:cloudflare", "Dell EC2"),
        ("public", "2405:8100::/32", "Dell EC2"),
        ("drop", "192.0.2.66", ""),
        ("drop", "104.30.0.0/19", ""),
    ],
)
def test_sources_that_only_run(zone: str, source: str, lost: str) -> None:
    """Of Podman's networks, say, which nobody saves, or of bans: they matter where somebody who may come is let in."""
    head, name, rest = NAMED.partition(f"{zone} (")
    parts = {"firewalld": head + name + rest.replace("sources:", f"sources: {source}", 1), "firewalld_saved": NAMED}
    for host, admitted in (("Dell", ADMITTED), ("EC2", ())):
        ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, host, admitted), "")
        assert verdict is (FAIL if host in lost else PASS), said
        assert host not in lost or f"found zone {zone}: after the next start without source {source}." in said


@pytest.mark.parametrize("part", ["firewalld", "firewalld_saved", "firewalld_direct", "firewalld_direct_saved"])
def test_what_could_not_be_read(part: str) -> None:
    """firewalld is enabled, but stopped; or fails."""
    for said in ("FirewallD is not running\n\nfailed", "ERROR: INVALID_ZONE\n\nfailed", "failed"):
        parts = {"firewalld": RUNS, "firewalld_saved": saved(RUNS), part: said}
        ((verdict, found),) = all_say(firewalld.judged(parts, LOOK, "Dell"), "")
        why = said.partition("\n")[0] if "\n" in said else "nothing was printed"
        assert (verdict, found) == (
            UNKNOWN,
            f"Dell's firewalld: expected saved as it runs, for port 25, found {part}: {why}",
        )


def test_direct_rules() -> None:
    """And a machine without firewalld."""
    drop = "ipv4 filter INPUT 0 -p tcp --dport {} -j DROP"
    parts = {"firewalld": RUNS, "firewalld_saved": saved(RUNS), "firewalld_direct": drop.format(23)}
    for then, verdict in ((drop.format(25), FAIL), (drop.format(110), PASS)):
        ((found, _),) = all_say(firewalld.judged(parts | {"firewalld_direct_saved": then}, LOOK, "EC2"), "")
        assert found is verdict
    assert not list(firewalld.judged({"nft": ""}, LOOK, "EC2"))
