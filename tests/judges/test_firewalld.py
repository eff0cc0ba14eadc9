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
        sentence = f"Dell's firewalld: expected saved as it runs, for port 25, found {part}: {why}"
        assert (verdict, found) == (UNKNOWN, sentence)


def test_direct_rules() -> None:
    """And a machine without firewalld."""
    drop = "ipv4 filter INPUT 0 -p tcp --dport {} -j DROP"
    parts = {"firewalld": RUNS, "firewalld_saved": saved(RUNS), "firewalld_direct": drop.format(23)}
    for then, verdict in ((drop.format(25), FAIL), (drop.format(110), PASS)):
        ((found, _),) = all_say(firewalld.judged(parts | {"firewalld_direct_saved": then}, LOOK, "EC2"), "")
        assert found is verdict
    assert not list(firewalld.judged({"nft": ""}, LOOK, "EC2"))


FORWARD = "port=25:proto=tcp:toport=25:toaddr=172.20.0.5"
FORWARDS = RUNS.replace("forward-ports:", f"forward-ports: {FORWARD}")
LINES = RUNS.replace("forward-ports:", f"forward-ports:\n\t{FORWARD.replace('25', '587', 1)}\n\t{FORWARD}")
LATER = "zone public: after the next start "


@pytest.mark.parametrize(
    ("runs", "then", "found"),
    [
        (FORWARDS, saved(FORWARDS), ""),
        (FORWARDS, saved(RUNS), f"{LATER}without forward-port {FORWARD}"),
        (LINES, saved(RUNS), f"{LATER}without forward-port {FORWARD}"),
        (RUNS, saved(LINES), f"{LATER}with forward-port {FORWARD}"),
        (RUNS, saved(FORWARDS.replace("port=25", "port=587")), ""),
        (RUNS, saved(FORWARDS.replace("proto=tcp", "proto=udp")), ""),
        (
            RUNS,
            f'{saved(RUNS)}\trule family="ipv4" forward-port port="25" protocol="tcp" to-port="26"\n',
            f'{LATER}with rule family="ipv4" forward-port port="25" protocol="tcp" to-port="26"',
        ),
        (FORWARDS.replace("masquerade: no", "masquerade: yes"), saved(FORWARDS), f"{LATER}without masquerade yes"),
        (RUNS.replace("masquerade: no", "masquerade: yes"), saved(RUNS), ""),
    ],
)
def test_ports_that_are_led_elsewhere(runs: str, then: str, found: str) -> None:
    """As to a container that Postfix runs in."""
    ((verdict, said),) = all_say(firewalld.judged({"firewalld": runs, "firewalld_saved": then}, LOOK, "Dell"), "")
    assert (verdict, found in said) == (FAIL if found else PASS, True), said


HAS, ROUTES = RUNS.replace("drop\n", "trusted\n"), "unicast default via 192.0.2.1 dev eth0 table main proto static"
MOVED = HAS.replace("trusted\n", "trusted (active)\n").replace("eth0", "").replace("faces:\n", "faces: eth0\n", 1)


@pytest.mark.parametrize(
    ("runs", "then", "found"),
    [
        (HAS, saved(HAS), ""),
        (HAS, HAS, ""),
        (HAS, saved(HAS).replace("faces:\n", "faces: eth0\n", 1), "zone public: after the next start without eth0"),
        (MOVED, saved(HAS), "zone trusted: no saved zone names eth0"),
        (MOVED, HAS, "zone trusted: after the next start without eth0, which is saved in zone public"),
        (MOVED, MOVED, ""),
        (
            MOVED,
            MOVED.replace("docker0", "docker0 eth0"),
            "after the next start perhaps without eth0, which is saved in zone docker and in zone trusted",
        ),
        (MOVED.replace("eth0", "wg0"), saved(HAS), ""),
    ],
)
def test_an_interface_that_gets_into_another_zone(runs: str, then: str, found: str) -> None:
    """Saved ones are listed with NetworkManager's; docker0 and the like are none that mail comes by."""
    parts = {"firewalld": runs, "firewalld_saved": then, "routes": ROUTES}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell"), "")
    assert (verdict, found in said) == (UNKNOWN if found else PASS, True), said


BY_SET = '\trule family="ipv4" source {}ipset="cf4" service name="smtp" {}\n'
TIMED = "{}\n  type: hash:ip\n  options: family=inet timeout={}\n  entries: {}\n"
NFT = """\
table inet firewalld {{
\tset other {{
\t\ttype ipv4_addr
\t\telements = {{ 104.30.1.1 }}
\t}}

\tset cf4 {{
\t\ttype ipv4_addr
\t\tflags interval,timeout
\t\ttimeout 10m
{}\t}}
}}
table inet else {{
\tset f2b {{
\t\telements = {{ 104.30.1.2 }}
\t}}
}}
"""


def sets(text: str) -> str:
    """As --info-ipset prints them, of lines ``SET ENTRY``."""
    return "".join(TIMED.format(name, 0, entry) for name, entry in map(str.split, text.splitlines()))


@pytest.mark.parametrize(
    ("rule", "runs", "then", "found"),
    [
        (BY_SET.format("", "accept"), "cf4 104.30.0.0/20", "cf4 104.30.0.0/20", ""),
        (BY_SET.format("", "accept"), "cf4 104.30.0.0/20", "", "without 104.30.0.0/20"),
        (BY_SET.format("", "accept"), "cf4 104.29.0.0-104.31.255.255", "", "without 104.29.0.0-104.31.255.255"),
        (BY_SET.format("", "accept"), "cf4 192.0.2.1-192.0.2.9,tcp:25-30", "", ""),
        (BY_SET.format("", "accept"), "", "cf4 104.30.0.0/20", ""),
        (BY_SET.format("", "accept"), "cf4 192.0.2.1\ncf46 104.30.0.0/20", "", ""),
        (BY_SET.format("", "reject"), "cf4 104.30.0.0/20", "", ""),
        (BY_SET.format("", "reject"), "", "cf4 104.30.0.0/20", "with 104.30.0.0/20"),
        (BY_SET.format("NOT ", "drop"), "cf4 104.30.0.0/20", "", "without 104.30.0.0/20"),
        ("", "cf4 104.30.0.0/20", "", ""),
    ],
)
def test_sets_that_only_run(rule: str, runs: str, then: str, found: str) -> None:
    """Their rule stands, and its set is empty after the start."""
    parts = {"firewalld": RUNS + rule, "firewalld_saved": saved(RUNS) + rule}
    parts |= {"firewalld_ipsets": sets(runs), "firewalld_ipsets_saved": sets(then)}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell", ADMITTED), "")
    assert verdict is (FAIL if found else PASS), said
    assert not found or f"found ipset cf4: after the next start {found}." in said


OWNED = NFT.replace("firewalld {{\n", "firewalld {{ # progname firewalld\n\tflags owner,persist\n\n")
SPAN = "\t\telements = { 104.29.0.0-104.31.255.255 timeout 5m expires 4m1s }\n"
ELEMENTS = "\t\telements = { 192.0.2.1, 104.30.0.0/20 timeout 5m expires 4m1s,\n\t\t\t     192.0.2.8 }\n"


@pytest.mark.parametrize(
    ("rule", "nft", "ipset", "found"),
    [
        ("accept", NFT.format(ELEMENTS), "absent", "without 104.30.0.0/20"),
        ("accept", NFT.format(""), "absent", ""),
        ("accept", NFT.format(""), "create cf4 hash:net\nadd cf4 104.30.0.0/20 timeout 9", "without 104.30.0.0/20"),
        ("accept", "absent", "create cf4 hash:net\nadd cf4 104.30.0.0/20 timeout 9", "without 104.30.0.0/20"),
        ("accept", "absent", "create cf4 hash:net\nadd cf4 192.0.2.1 timeout 9\nadd cf46 104.30.0.0/20", ""),
        ("reject", NFT.format(ELEMENTS), "absent", ""),
        ("accept", OWNED.format(ELEMENTS), "absent", "without 104.30.0.0/20"),
        ("accept", NFT.format(SPAN), "absent", "without 104.29.0.0-104.31.255.255"),
        ("accept", NFT.format(SPAN.replace("104.", "10.")), "absent", ""),
        ("reject", "absent", "absent", ""),
        ("NOT", "absent", "absent", None),
        ("", "absent", "absent", ""),
        ("accept", NFT.replace("cf4", "else").format(ELEMENTS), "create cf46 hash:net", None),
        ("accept", NFT.replace("cf4", "else").format(ELEMENTS) + NFT.replace("firewalld", "x").format(""), "", None),
    ],
)
def test_sets_with_a_timeout(rule: str, nft: str, ipset: str, found: str | None) -> None:
    """firewalld lists nothing of them; the kernel does."""
    text = {"": "", "NOT": BY_SET.format("NOT ", "drop")}.get(rule, BY_SET.format("", rule))
    its = TIMED.format("cf4", 600, "")
    parts = {"firewalld": RUNS + text, "firewalld_saved": saved(RUNS) + text, "nft": nft, "ipset": ipset}
    parts |= {"firewalld_ipsets": its, "firewalld_ipsets_saved": its}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell", ADMITTED), "")
    assert verdict is (UNKNOWN if found is None else FAIL if found else PASS), said
    why = "ipset cf4: neither nft nor ipset shows it" if found is None else f"ipset cf4: after the next start {found}."
    assert not (found or found is None) or f"found {why}" in said
    hint = "apt-get install nftables" if found is None else "make it again without" if found else ""
    assert (hint in said, "runtime-to-permanent" in said) == (True, False)


def test_what_is_lost_is_said_also_where_a_set_is_not_shown() -> None:
    """It is lost in any case; and firewalld saves no set with a timeout."""
    text, its = BY_SET.format("", "accept"), TIMED.format("cf4", 600, "")
    parts = {"firewalld": RUNS + text, "firewalld_saved": saved(RUNS).replace(" smtp", "") + text, "nft": "absent"}
    parts |= {"firewalld_ipsets": its, "firewalld_ipsets_saved": its}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell", ADMITTED), "")
    assert verdict is FAIL
    assert f"found {LATER}without service smtp. firewall-cmd --runtime-to-permanent" in said
    ((verdict, said),) = all_say(firewalld.judged(parts | {"nft": NFT.format(ELEMENTS)}, LOOK, "Dell", ADMITTED), "")
    assert verdict is FAIL
    assert "without one (firewall-cmd --permanent --new-ipset); for the others firewall-cmd --runtime-to" in said


def test_a_set_that_a_zone_is_of() -> None:
    """Of one that refuses an entry more matters, of another one less."""
    runs = NAMED.replace("sources:", "sources: ipset:cf4")
    for zone, now, then in (("docker", "cf4 104.30.0.0/20", ""), ("drop", "", "cf4 104.30.0.0/20")):
        text = "\n\n".join(each for each in runs.split("\n\n") if each.startswith(zone))
        parts = {"firewalld": text, "firewalld_saved": text}
        parts |= {"firewalld_ipsets": sets(now), "firewalld_ipsets_saved": sets(then)}
        ((verdict, _),) = all_say(firewalld.judged(parts, LOOK, "Dell", ADMITTED), "")
        assert verdict is FAIL
        turned = parts | {"firewalld_ipsets": sets(then), "firewalld_ipsets_saved": sets(now)}
        ((verdict, _),) = all_say(firewalld.judged(turned, LOOK, "Dell", ADMITTED), "")
        assert verdict is PASS


POLICY = "shut (active)\n  priority: -1\n  target: {}\n  ingress-zones: ANY\n  egress-zones: HOST\n  rich rules:\n"


@pytest.mark.parametrize(
    ("runs", "then", "found"),
    [
        ("", POLICY.format("REJECT"), "with its target REJECT"),
        (POLICY.format("CONTINUE"), POLICY.format("DROP"), "with its target DROP"),
        (POLICY.format("ACCEPT"), POLICY.format("CONTINUE"), "without its target ACCEPT"),
        ("", f"{POLICY.format('CONTINUE')}\t{BAN}\n", f"with {BAN}"),
        ("", POLICY.format("CONTINUE"), ""),
        (POLICY.format("REJECT"), POLICY.format("REJECT").replace(" (active)", ""), ""),
        (POLICY.format("REJECT"), "", ""),
    ],
)
def test_policies(runs: str, then: str, found: str) -> None:
    """They decide before the zones do (firewalld.policies(5))."""
    parts = {"firewalld": RUNS, "firewalld_saved": saved(RUNS)}
    parts |= {"firewalld_policies": runs, "firewalld_policies_saved": then}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell"), "")
    assert verdict is (FAIL if found else PASS), said
    assert not found or f"found policy shut: after the next start {found}." in said


SHUT, OPEN = POLICY.format("DROP"), POLICY.format("ACCEPT")


@pytest.mark.parametrize(
    ("runs", "then", "found"),
    [
        (
            SHUT.replace("ANY", "drop"),
            SHUT.replace("ANY", "drop public"),
            "from public to HOST: {}with its target DROP",
        ),
        (SHUT.replace("ANY", "drop public"), SHUT.replace("ANY", "drop"), ""),
        (SHUT, SHUT.replace("ANY", "drop public"), ""),
        (SHUT.replace("ANY", "drop"), SHUT, "from ANY to HOST: {}with its target DROP"),
        (
            OPEN.replace("ANY", "public"),
            OPEN.replace("ANY", "drop"),
            "from public to HOST: {}without its target ACCEPT",
        ),
        (OPEN.replace("ANY", "public"), OPEN, ""),
        (OPEN, OPEN.replace("HOST", "ANY"), "from ANY to HOST: {}without its target ACCEPT"),
        (OPEN.replace("ANY", ""), OPEN.replace("ANY", "").replace("HOST", ""), ""),
    ],
)
def test_a_policy_between_other_zones(runs: str, then: str, found: str) -> None:
    parts = {"firewalld": RUNS, "firewalld_saved": saved(RUNS)}
    parts |= {"firewalld_policies": runs, "firewalld_policies_saved": then}
    ((verdict, said),) = all_say(firewalld.judged(parts, LOOK, "Dell"), "")
    assert verdict is (FAIL if found else PASS), said
    assert not found or f"found policy shut {found.format('after the next start ')}." in said
