"""Rulesets that engineers have, with and without a hole, asked of a real kernel; and what is known again of them."""

import os
import shutil
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from fixtures.evidence import Evidence, Finding, Verdict
from fixtures.lab.firewall import kernel
from fixtures.probes.dell import firewall, ruleset_text
from fixtures.probes.dell.firewall import Answer, Ruleset
from tests.probes.rulesets import ADMITTED, EC2, FOUR, PUBLIC, SIX, asked, found, read

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare", "iptables"))),
    reason="needs root, nft, iptables and iproute2",
)
SANE = Path(__file__).parent / "sane"
NFT = """\
nft 'table inet guard {
    set banned { type ipv4_addr; flags interval; elements = { 104.30.1.7, 104.30.1.64-104.30.1.127 } }
    chain sub { log prefix "x "; reject; }
    chain input {
        type filter hook input priority 0; policy accept;
        %s
    }
    chain early { type filter hook prerouting priority -200; ip saddr 104.30.9.0/24 drop; }
    chain forward { type filter hook forward priority 0; ip saddr 104.30.20.0/24 drop; }
    chain output { type filter hook output priority 0; ip daddr 104.30.10.0/24 drop; }
}
table netdev card {
    chain in { type filter hook ingress device "eth0" priority 0; ip saddr 104.30.11.0/24 drop; }
}'
"""
SHUT = """\
        ip saddr @banned drop
        ip saddr { 192.0.2.0/24, 104.30.2.0/25 } drop
        ip saddr 104.30.3.0/24 jump sub
        tcp dport vmap { 25 : continue, 22 : drop }
        iifname "eth0" ip saddr 104.30.4.0/24 drop
        ip saddr 104.30.5.0/24 tcp dport { 25, 465 } ct state new drop
        tcp flags & (fin|syn|rst|ack) == syn ip saddr 104.30.6.0/24 drop
        meta mark 0 ip saddr 104.30.7.0/24 drop
        ip6 saddr 2405:8100:c123::/48 drop
"""
SPARED = """\
        ip saddr 104.30.21.0/24 accept
        ip saddr 104.30.21.0/24 drop
        iifname "lo" ip saddr 104.30.22.0/24 drop
        iifname "eth0" ip saddr 100.64.0.0/10 drop
        ip saddr 104.30.23.0/24 tcp dport 22 drop
        ip saddr 104.30.24.0/24 udp dport 25 drop
        meta mark 5 ip saddr 104.30.25.0/24 drop
        ip daddr 127.0.0.0/8 ip saddr 104.30.26.0/24 drop
        ct state invalid drop
        limit rate 1/minute log
"""
IPTABLES = """\
iptables -N L; iptables -A L -j REJECT --reject-with icmp-port-unreachable
iptables -A INPUT -s 104.30.12.0/24 -j L
iptables -A INPUT -m iprange --src-range 104.30.13.16-104.30.13.31 -j DROP
iptables -A INPUT -p tcp --syn -s 104.30.14.0/24 -m string --algo bm --string x -j DROP
iptables -A INPUT -s 104.30.27.0/24 -i lo -j DROP
iptables -A FORWARD -s 104.30.28.0/24 -j DROP
iptables -t raw -A PREROUTING -s 104.30.15.0/24 -j DROP
iptables-legacy -A INPUT -s 104.30.16.0/24 -j DROP
"""
ROUTES = """\
ip route add blackhole 104.30.17.0/25
ip route add prohibit 104.30.18.0/24 table 52
ip route add blackhole 104.30.29.0/24 table 99
"""
TABLE = "nftables inet guard"
REJECTED = "iptables -A INPUT -s 104.30.12.0/24 -j L, then iptables -A L -j REJECT --reject-with icmp-port-unreachable"


@pytest.fixture(scope="module")
def holes() -> Answer:
    """One ruleset with all of them: each names a part of Email Routing's addresses by itself."""
    return asked(NFT % (SHUT + SPARED) + IPTABLES + ROUTES)


@pytest.mark.parametrize(
    ("rule", "networks"),
    [
        (f"{TABLE} input: ip saddr @banned drop", "104.30.1.7/32 104.30.1.64/26"),
        (f"{TABLE} input: ip saddr {{ 104.30.2.0/25, 192.0.2.0/24 }} drop", "104.30.2.0/25"),
        (f"{TABLE} input: ip saddr 104.30.3.0/24 jump sub, then {TABLE} sub: reject", "104.30.3.0/24"),
        (f'{TABLE} input: iifname "eth0" ip saddr 104.30.4.0/24 drop', "104.30.4.0/24"),
        (f"{TABLE} input: ip saddr 104.30.5.0/24 tcp dport {{ 25, 465 }} ct state new drop", "104.30.5.0/24"),
        (f"{TABLE} input: tcp flags & (fin | syn | rst | ack) == syn ip saddr 104.30.6.0/24 drop", "104.30.6.0/24"),
        (f"{TABLE} input: meta mark 0x00000000 ip saddr 104.30.7.0/24 drop", "104.30.7.0/24"),
        (f"{TABLE} input: ip6 saddr 2405:8100:c123::/48 drop", "2405:8100:c123::/48"),
        (f"{TABLE} early: ip saddr 104.30.9.0/24 drop", "104.30.9.0/24"),
        (f"{TABLE} output: ip daddr 104.30.10.0/24 drop", "104.30.10.0/24"),
        ("nftables netdev card in: ip saddr 104.30.11.0/24 drop", "104.30.11.0/24"),
        (REJECTED, "104.30.12.0/24"),
        ("iptables -A INPUT -m iprange --src-range 104.30.13.16-104.30.13.31 -j DROP", "104.30.13.16/28"),
        ("iptables -t raw -A PREROUTING -s 104.30.15.0/24 -j DROP", "104.30.15.0/24"),
        ("a rule that the kernel does not name (iptables-legacy, or a reverse path filter)", "104.30.16.0/24"),
        ("ip route blackhole 104.30.17.0/25", "104.30.17.0/25"),
        ("ip route prohibit 104.30.18.0/24 table 52", "104.30.18.0/24"),
    ],
)
def test_a_hole_is_found_with_its_rule_and_to_the_last_address(holes: Answer, rule: str, networks: str) -> None:
    said = {each.rule: each for each in holes.shut}
    assert rule in said, "\n".join(said)
    what = "throws away the answers to" if "route" in rule else "refuses"
    assert (said[rule].what, " ".join(said[rule].networks)) == (what, networks)


def test_what_concerns_others_shuts_nobody_out(holes: Answer) -> None:
    others = [ip_network(f"104.30.{number}.0/24") for number in range(20, 30)]
    assert not [each for each in holes.shut for net in map(ip_network, each.networks) if net in others]
    assert len(holes.shut) == 17
    assert not holes.error
    assert not holes.unasked
    assert "192.0.2.77 is not let in" in holes.strangers


LIMITS = """\
nft 'table inet guard {
    set seen { type ipv4_addr; flags dynamic; timeout 1m; }
    set banned { type ipv4_addr; flags dynamic,timeout; timeout 10m; }
    set trapped { type ipv4_addr; flags dynamic,timeout; timeout 10m; }
    limit named { rate over 5/second; }
    chain flood { limit rate 100/second burst 40 packets return; drop; }
    chain input {
        type filter hook input priority 0; policy accept;
        ip saddr @banned drop
        ip saddr @trapped drop
        tcp dport 139 add @trapped { ip saddr }
        ip saddr 104.30.1.0/24 tcp dport 25 ct state new limit rate over 100/second burst 40 packets drop
        ip saddr 104.30.2.0/24 ct count over 30 drop
        ip saddr 104.30.3.0/24 limit name "named" drop
        ip saddr 104.30.4.0/24 tcp dport 25 add @seen { ip saddr limit rate over 10/minute } drop
        ip saddr 104.30.5.0/24 jump flood
        ip saddr 104.30.6.0/24 tcp dport 25 ct state new add @banned { ip saddr limit rate over 100/second }
        ip saddr 104.30.7.0/24 tcp dport 22 limit rate over 1/second drop
        ip saddr 104.30.8.0/24 tcp dport 25 accept
        ip saddr 104.30.8.0/24 tcp dport 25 limit rate over 1/second drop
        ip6 saddr 2405:8100:c000::/38 tcp dport 25 limit rate 100/second accept
        ip6 saddr 2405:8100:c000::/38 tcp dport 25 drop
    }
}'
iptables -A INPUT -s 104.30.10.0/24 -p tcp --syn --dport 25 -m connlimit --connlimit-above 30 -j REJECT
iptables -A INPUT -s 104.30.11.0/24 -m hashlimit --hashlimit-above 5/min --hashlimit-name m -j DROP
iptables -A INPUT -s 104.30.12.0/24 -p tcp --dport 25 -m recent --set --name x
iptables -A INPUT -s 104.30.12.0/24 -m recent --update --seconds 30 --hitcount 6 --name x -j DROP
iptables -A INPUT -s 104.30.13.0/24 -p tcp --dport 139 -m recent --set --name portscan
iptables -A INPUT -s 104.30.13.0/24 -m recent --rcheck --name portscan -j DROP
"""


def test_a_limit_is_met_by_many_connections_at_once() -> None:
    clients = [ip_network(f"104.30.{number}.0/24") for number in range(1, 14)]
    said = asked(LIMITS, [*clients, SIX])
    limited = {net for each in said.shut for net in each.networks if each.what.startswith("lets in only")}
    assert limited == {f"104.30.{number}.0/24" for number in (1, 2, 3, 4, 5, 6, 10, 11, 12)} | {str(SIX)}
    assert not said.error


SETS = """\
nft 'table inet guard {
    set filled { type ipv4_addr; flags timeout; }
    set pairs { typeof ip saddr . tcp dport; flags timeout; }
    map verdicts { type ipv4_addr : verdict; flags timeout; }
    set let { type ipv4_addr; flags timeout,interval; elements = { 104.30.7.0/24 timeout 1h } }
    set written { type ipv4_addr; elements = { 192.0.2.9 } }
    chain input {
        type filter hook input priority 0; policy accept;
        ip saddr 104.30.1.0/24 ip saddr @filled drop
        ip saddr 104.30.2.0/24 ip saddr . tcp dport @pairs drop
        ip saddr 104.30.3.0/24 accept
        ip saddr 104.30.3.0/24 ip saddr @filled drop
        ip saddr 104.30.4.0/24 tcp dport 22 ip saddr @filled drop
        ip saddr 104.30.5.0/24 ip saddr @written drop
        ip saddr 104.30.6.0/24 ip saddr vmap @verdicts
        ip saddr 104.30.7.0/24 ip saddr != @let drop
    }
}'
"""


def test_a_set_that_a_program_fills_is_tried_with_the_client_in_it_and_empty() -> None:
    said = asked(SETS, [ip_network(f"104.30.{number}.0/24") for number in range(1, 8)])
    assert {each.what: each.networks for each in said.shut} == {
        "refuses, once the set inet guard filled holds them,": ("104.30.1.0/24",),
        "refuses, once the set inet guard pairs holds them,": ("104.30.2.0/24",),
        "refuses, once the set inet guard verdicts holds them,": ("104.30.6.0/24",),
        "refuses, once the set inet guard let is empty,": ("104.30.7.0/24",),
    }


def test_a_set_of_thousands_is_asked_in_seconds() -> None:
    """Of every second address of a network, and of as many networks elsewhere."""
    hosts = ", ".join(str(FOUR[number]) for number in range(1, 4096, 2))
    others = ", ".join(f"{number >> 8}.{number & 255}.0.0/24" for number in range(256, 8192))
    said = asked(f"""\
nft -f - <<X
table inet guard {{
    set bad {{ type ipv4_addr; flags interval; elements = {{ {hosts}, {others} }} }}
    chain input {{ type filter hook input priority 0; policy accept; ip saddr @bad drop; }}
}}
X
""", [FOUR])  # fmt: skip
    (it,) = said.shut
    assert len(it.networks) == 2048


def saved(*files: str) -> str:
    """Commands that load them."""
    tools = {".json": "nft -j -f", ".rules": "iptables-restore --noflush"}
    return "\n".join(f"{tools[Path(each).suffix]} {SANE / each}" for each in files)


CONTAINED = """\
iptables -t nat -A PREROUTING ! -i docker0 -p tcp --dport 25 -j DNAT --to-destination 172.17.0.2:25
sysctl -qw net.ipv4.ip_forward=1
"""


@pytest.mark.parametrize(
    ("files", "more"),
    [
        (("ufw.rules",), ""),
        (("docker.rules", "kubernetes.rules", "tailscale.rules"), CONTAINED),
        (("debian.json", "tailscale.json", "bans.json"), ""),
        (("firewalld.json",), ""),
        (("firewalld.json",), CONTAINED),
    ],
)
def test_a_firewall_as_it_is_delivered_shuts_nobody_out(files: tuple[str, ...], more: str) -> None:
    assert found(f"{saved(*files)}\n{more}") == []


@pytest.mark.parametrize(
    "rules",
    [
        "iptables -t mangle -A PREROUTING -p tcp -m conntrack --ctstate NEW -m tcpmss ! --mss 536:65535 -j DROP",
        "nft 'table inet g { chain in { type filter hook input priority 0; tcp flags syn meta length 40 drop; }\n}'",
    ],
)
def test_who_refuses_what_no_client_sends_shuts_nobody_out(rules: str) -> None:
    """The first is in many lists against floods, such as javapipe.com's: all real clients say what they take (MSS)."""
    assert found(rules) == []


def test_a_firewall_that_does_not_pass_mail_on_to_a_container_shuts_it_out() -> None:
    (it,) = found(f"{saved('ufw.rules')}\n{CONTAINED}")
    assert it.verdict is Verdict.FAIL
    assert it.sentence().startswith(
        "the policy of nftables ip filter FORWARD: expected lets them in at port 25: 104.30"
    )
    assert "found refuses 104.30.0.0/19, 100.64.10.1/32. Let a rule" in it.sentence()


def test_a_rule_that_came_later_is_shown_with_what_counts() -> None:
    (it,) = found("""\
nft 'table inet guard {
    chain input {
        type filter hook input priority 0; policy drop;
        tcp dport 25 limit rate 100/second accept
    }
}'
""")
    assert "the policy of nftables inet guard input: expected" in it.sentence()
    assert "of 200 connections at once from 104.30.0.0/19, 2405:8100:c000::/38, 100.64.10.1/32" in it.sentence()
    assert "Perhaps: by what counts: tcp dport 25 limit rate 100/second" in it.sentence()


SETS_IN_TABLE_FILTER = """\
nft 'table ip filter {
  chain INPUT { type filter hook input priority filter; policy %s;
    tcp dport 25 ip saddr %s { 104.30.0.0/19, 100.64.0.0/10 } %s
  }
}'
"""
RULE_OF_IPTABLES = "iptables -A INPUT -m string --algo bm --string x -j ACCEPT"


def test_sets_that_iptables_save_leaves_out() -> None:
    """In a table that iptables-save lists as its own."""
    assert not found(SETS_IN_TABLE_FILTER % ("accept", "!=", "drop"))
    assert not found(SETS_IN_TABLE_FILTER % ("drop", "", "accept"))
    (shut,) = found(SETS_IN_TABLE_FILTER % ("accept", "", "drop"))
    assert (shut.verdict, "tcp dport 25 ip saddr { 100.64.0.0/10, 104.30.0.0/19 } drop" in shut.member) == (
        Verdict.FAIL,
        True,
    ), shut
    (half,) = found(SETS_IN_TABLE_FILTER % ("accept", "!=", "drop") + RULE_OF_IPTABLES)
    assert (half.verdict, "table ip filter: has rules of iptables' and" in half.found) == (Verdict.INCONCLUSIVE, True)


OWNABLE = """\
nft 'table inet guard {
    set banned { type ipv4_addr; flags interval; elements = { 104.30.3.0/24 } }
    chain input { type filter hook input priority 0; ip saddr @banned drop; }
}'
"""
OWNED = "table inet guard { # progname firewalld\n\tflags %s"
"""How a table is listed that a program owns, as firewalld does."""


@pytest.mark.parametrize("flags", ["owner", "owner,persist", "persist"])
def test_a_table_that_a_program_owns_is_asked_like_any_other(flags: str) -> None:
    """Also by an nft that knows fewer flags; and it does not go with the nft that takes it."""
    calm = read(OWNABLE)
    nft = calm.parts["nft"].replace("table inet guard {", OWNED % flags)
    owned = replace(calm, parts={**calm.parts, "nft": nft})
    answer = kernel.ask(owned, ADMITTED, PUBLIC)
    assert (answer.error, [each.networks for each in answer.shut]) == ("", [("104.30.3.0/24",)])


FAIL2BAN = """\
iptables -N f2b-postfix; %s iptables -A f2b-postfix -j RETURN
iptables -A INPUT -p tcp -m multiport --dports 25,465,587 -j f2b-postfix
"""
BAN = "iptables -A f2b-postfix -s 192.0.2.5 -j REJECT;"
SAME_PORTS = "\niptables -A INPUT -p tcp -m multiport --dports 25,465,587 -j ACCEPT\n"


@pytest.mark.parametrize("rest", ["", RULE_OF_IPTABLES, SETS_IN_TABLE_FILTER % ("accept", "!=", "drop")])
def test_fail2bans_ports_are_no_set_of_nfts(rest: str) -> None:
    """A ban makes no other ruleset of it, whoever prints the table."""
    calm, banning = (read(FAIL2BAN % ban + rest + SAME_PORTS) for ban in ("", BAN))
    assert not calm.unread
    assert calm.text == banning.text
    assert "25,465,587" in calm.text or "25, 465, 587" in calm.text


NFT_FIRST = """\
nft 'table inet %s {
    set addr-set-postfix { type ipv4_addr; flags timeout; elements = { 192.0.2.5 } }
    set addr6-set-postfix { type ipv6_addr; }
    chain f2b-chain {
        type filter hook input priority -1; policy %s;
        tcp dport { 25, 465 } %s
        meta l4proto tcp ip6 saddr @addr6-set-postfix reject with icmpv6 port-unreachable
    }
}'
"""
FIRST = "ip saddr @addr-set-postfix reject"
OWN = "iptables -A INPUT -s 192.0.2.1 -j DROP; iptables -N own\n"


@pytest.mark.parametrize(
    ("before", "ban", "same"),
    [
        ("", FAIL2BAN % BAN, True),
        (OWN, FAIL2BAN % BAN, True),
        ("", (FAIL2BAN % BAN).replace("iptables", "iptables-legacy"), True),
        (SETS_IN_TABLE_FILTER % ("accept", "!=", "drop"), FAIL2BAN % BAN, True),
        ("", NFT_FIRST % ("f2b-table", "accept", FIRST), True),
        ("", NFT_FIRST % ("f2b-table", "drop", FIRST), False),
        ("", NFT_FIRST % ("f2b-table", "accept", "ip saddr 104.30.0.0/19 reject"), False),
        ("", NFT_FIRST % ("f2b-table", "accept", FIRST.replace("@", "!= @")), False),
        ("", NFT_FIRST % ("guard", "accept", FIRST), False),
        ("", (FAIL2BAN % BAN).replace("f2b-postfix", "own"), False),
        ("", FAIL2BAN % BAN + OWN, False),
        ("", FAIL2BAN % BAN + "iptables -P INPUT DROP", False),
    ],
)
def test_what_fail2ban_makes_with_its_first_ban_makes_no_other_ruleset(before: str, ban: str, same: bool) -> None:
    """Whoever else makes rules in it, or lets only those in that it knows, makes another."""
    calm, banning = read(before), read(before + ban)
    assert ruleset_text.differences(calm.text, banning.text) == "" or not same
    assert (calm.text == banning.text) is same


@pytest.mark.parametrize(
    ("name", "match", "same"), [("f2b-mail", "", True), ("f2b-mail", "! ", False), ("mail", "", False)]
)
def test_a_set_that_fail2ban_makes_with_its_first_ban_makes_no_other_ruleset(name: str, match: str, same: bool) -> None:
    """In the words of ipset and iptables, which a kernel need not have."""
    sets = f"create {name} hash:ip family inet hashsize 1024 maxelem 65536 timeout 600\nadd {name} 192.0.2.5 timeout 9"
    rule = f"-A INPUT -p tcp -m multiport --dports 25 -m set {match}--match-set {name} src -j REJECT"
    rules = f"*filter\n:INPUT ACCEPT [1:2]\n{rule}\nCOMMIT\n"
    banning = replace(WHOLE, parts={**WHOLE.parts, "ipset": sets, "iptables": rules})
    assert (banning.text == WHOLE.text) is same


NO_IPV6 = "ip -6 route delete default; ip -6 address flush dev eth0"


def test_who_can_not_come_is_not_asked_for() -> None:
    """A tailnet's address of IPv6 is nothing to the world, unless it is behind one that the settings name."""
    (it,) = found(NO_IPV6, PUBLIC[:1])
    assert (it.member, it.verdict, it.found) == (str(SIX), Verdict.ABSENT, "Dell has no public address of IPv6")
    (it,) = found(f"{NO_IPV6}; ip -6 address flush dev tailscale0")
    assert (it.verdict, it.found) == (Verdict.ABSENT, "Dell has no public address of IPv6")
    for script, public in ((NO_IPV6, PUBLIC), ("ip -6 route delete default", PUBLIC[:1])):
        (it,) = found(script, public)
        assert (it.verdict, it.found) == (Verdict.INCONCLUSIVE, "no route of Dell's leads there")
    said = found("ip route delete default; ip rule delete pref 5270; ip route delete unreachable 100.64.0.0/10")
    assert [(each.member, each.verdict) for each in said] == [(str(each), Verdict.INCONCLUSIVE) for each in (FOUR, EC2)]
    assert {each.found for each in said} == {"no route of Dell's leads there"}


WHOLE = Ruleset({"addresses": "[]", "routes": "", "nft": "", "sysctls": ""}, Evidence("the firewall", "read"))
TAKEN = "table inet a {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t\t%s\n\t}\n}"


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("nft", TAKEN % "ip saddr 1.2.3.4 frobnicate", "ip saddr 1.2.3.4 frobnicate"),
        (
            "iptables",
            "# Generated by iptables-save (nf_tables)\n*filter\n-A INPUT -m geoip -j DROP\nCOMMIT",
            "-m geoip",
        ),
        ("routes", "default via 192.0.2.1 dev nowhere0", "ip route append default via 192.0.2.1 dev nowhere0: "),
        ("nft", "Operation not permitted\n\nfailed", "nft: Operation not permitted"),
        ("addresses", "absent", "addresses: can't be read"),
    ],
)
def test_what_a_kernel_does_not_take_is_shown_with_its_line(part: str, text: str, words: str) -> None:
    ruleset = replace(WHOLE, parts={**WHOLE.parts, part: text})
    (it,) = firewall.judged(ruleset, kernel.ask(ruleset, ADMITTED, PUBLIC), ADMITTED)
    assert (it.verdict, words in it.found) == (Verdict.INCONCLUSIVE, True), it.found


def judged(answer: Answer | None, why: str = "") -> list[Finding]:
    return list(firewall.judged(WHOLE, answer, ADMITTED, why))


def test_a_live_system_is_judged_by_the_kernel_that_was_asked() -> None:
    networks = (str(FOUR), str(SIX))
    (it,) = judged(None, "there is no drill certificate")
    assert (it.verdict, it.found) == (Verdict.INCONCLUSIVE, "there is no drill certificate")
    assert "--firewall" in it.hint
    unasked, whole = judged(Answer("", networks))
    assert (unasked.member, unasked.verdict, whole.verdict) == (str(EC2), Verdict.INCONCLUSIVE, Verdict.PASS)


@pytest.mark.parametrize("answer", [None, Answer("", ())])
def test_what_was_asked_for_nobody_is_no_pass(answer: Answer | None) -> None:
    """Once EC2 is gone a Worker's Dell admits nobody at port 25."""
    (it,) = firewall.judged(WHOLE, answer, ())
    assert (it.verdict, "W-3" in it.found) == (Verdict.ABSENT, True)


GROWN = """\
nft 'table inet guard {
    set filled { type ipv4_addr; flags timeout; elements = { %s timeout 1h } }
    set f2b { type ipv4_addr; elements = { 192.0.2.1 } }
    chain input { type filter hook input priority 0; ip saddr @filled drop; counter packets %s bytes 9 %s; }
}
table inet f2b-table {
    set addr-set-postfix { type ipv4_addr; elements = { %s } }
}'
iptables -N f2b-postfix; iptables -A f2b-postfix -s %s -j REJECT; iptables -A INPUT -s 192.0.2.1 -j DROP
"""


def test_a_ruleset_is_known_again_while_only_counters_and_bans_change() -> None:
    one = read(GROWN % ("192.0.2.1", 1, "accept", "192.0.2.2", "192.0.2.3"))
    grown = read(GROWN % ("192.0.2.4", 2, "accept", "192.0.2.5", "192.0.2.6"))
    assert one.text == grown.text
    other = read(GROWN % ("192.0.2.1", 1, "drop", "192.0.2.2", "192.0.2.3") + "ip route add blackhole 192.0.2.0/24")
    said = ruleset_text.differences(one.text, other.text)
    assert said == "-counter accept; +counter drop; +ip route blackhole 192.0.2.0/24"


UFW = "iptables -N ufw-user-input; %s iptables -A ufw-user-input -s 192.0.2.1 -j ACCEPT"
FIREWALLD = "nft 'table inet firewalld {\n chain filter_IN_public_deny { %s }\n }'"
SIX_TOO = "ip6tables -N own; %s"
BY_UFW = "iptables -I ufw-user-input -s {} -j REJECT;"
BY_FIREWALLD = "ip saddr {} tcp dport 25 ct state new,untracked reject;"


@pytest.mark.parametrize(
    ("rules", "ban", "same"),
    [
        (UFW, BY_UFW.format("203.0.113.9"), True),
        (FIREWALLD, BY_FIREWALLD.format("203.0.113.9"), True),
        (FIREWALLD, "ip6 saddr 2001:db8::9 counter drop;", True),
        (SIX_TOO, "ip6tables -A own -s 2001:db8::9 -j DROP", True),
        (SIX_TOO, "ip6tables -A own -s 2001:db8::/32 -j DROP", False),
        *((UFW, BY_UFW.format(each), False) for each in ("104.30.0.9", "203.0.113.0/24", PUBLIC[0], "172.17.0.2")),
        (UFW, BY_UFW.format("203.0.113.9").replace("REJECT", "ACCEPT"), False),
        (UFW, BY_UFW.format("203.0.113.9").replace("-s", "! -s"), False),
        *((FIREWALLD, BY_FIREWALLD.format(each), False) for each in ("104.30.0.9", "!= 203.0.113.9")),
    ],
)
def test_a_ban_of_a_host_makes_no_other_ruleset_whoever_writes_it(rules: str, ban: str, same: bool) -> None:
    """fail2ban by ufw and by firewalld's rich rules, and mailcow's netfilter: but not of who is admitted, or Dell."""
    calm, banning = (read(rules % each) for each in ("", ban))
    near = (*ADMITTED, *calm.own)
    assert (ruleset_text.without_bans(calm.text, near) == ruleset_text.without_bans(banning.text, near)) is same
