"""Which commands of jobs shut out somebody who is admitted, by one rule or by taking the network away."""

# ruff: noqa: E501 - tables of cases read better unbroken

import time

import pytest

from fixtures.probes.dell import firewall, jobs, shutting_jobs
from tests.probes.rulesets import ADMITTED, read
from tests.probes.test_deleting_jobs import grep
from tests.probes.test_next_start import pytestmark as needs_a_kernel

PARTS = {
    "routes": "default via 198.51.100.1 dev eth0 \nblackhole 10.0.0.0/8 \nunreachable 100.64.0.0/10 \n"
    "100.64.10.1 dev tailscale0 table 52\n192.168.7.0/24 dev wg0 scope link\n"
    "local 192.168.7.2 dev wg0 table local proto kernel\nbroadcast 192.168.7.255 dev wg0 table local proto kernel\n",
    "routes6": "default via 2001:db8:5::1 dev eth0 metric 1024\nfe80::/64 dev wlan0\n"
    "local fe80::1 dev wlan0 table local proto kernel\nmulticast ff00::/8 dev wlan0 table local proto kernel\n",
    "iptables": "*filter\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n",
    "nft": "table inet f {\n\tchain i {\n\t\ttcp dport 25 counter drop\n\t}\n}",
}


def found(text: str, file: str = "/etc/cron.d/x") -> list[str]:
    hits = grep(shutting_jobs.WORDS, text, file)
    both = shutting_jobs.lines_that_refuse, shutting_jobs.lines_that_take_away
    return [line for each in both for _, line in dict.fromkeys(each(hits, ADMITTED, PARTS))]


@pytest.mark.parametrize(
    "line",
    [
        "0 22 * * * root iptables -A INPUT -p tcp --dport 25 -j DROP",
        "0 22 * * * root /usr/sbin/ip6tables -w -I INPUT 1 -p tcp -m multiport --dports 20:30,80 -j REJECT >/dev/null 2>&1",
        "0 22 * * * root iptables -I INPUT -s 104.30.5.0/24 -j DROP",
        "0 22 * * * root iptables -A INPUT ! -s 192.0.2.1 -p tcp -j DROP",
        "0 22 * * * root iptables -A INPUT -m geoip ! --src-cc JP -j DROP",
        "0 22 * * * root iptables -D INPUT -p tcp --dport smtp -j ACCEPT",
        "0 22 * * * root iptables -t raw -A PREROUTING -p tcp --dport 25 -j DROP",
        "*/5 * * * * root for ip in $(cat /srv/bad); do iptables -I INPUT -s $ip -j DROP; done",
        "0 22 * * * root nft add rule inet filter input tcp dport '{ 25, 465 }' drop",
        "0 22 * * * root nft 'insert rule inet filter input tcp dport 80 accept; add rule inet filter input tcp dport smtp reject'",
        "0 22 * * * root nft insert rule ip filter input ip saddr != 192.0.2.0/24 drop",
        "0 22 * * * root ufw deny 25/tcp",
        "0 22 * * * root ufw --force insert 1 reject proto tcp from any to any port 25",
        "0 22 * * * root ufw insert 1 deny from 104.30.0.0/19",
        "0 22 * * * root ufw limit smtp",
        "0 22 * * * root ufw delete allow Postfix",
        '0 22 * * * root firewall-cmd --add-rich-rule=\'rule family="ipv4" service name="smtp" reject\'',
        "0 22 * * * root firewall-cmd -q --zone=public --remove-service=smtp",
        "0 22 * * * root firewall-cmd --remove-port=25/tcp; true",
        "0 22 * * * root firewall-cmd --panic-on",
        "0 22 * * * root ip link set eth0 down",
        "0 22 * * * root /sbin/ip link set dev tailscale0 down",
        "0 22 * * * root ifdown eth0 && rm /run/x",
        "0 22 * * * root ifdown -a",
        "0 22 * * * root ifconfig eth0 down",
        "0 22 * * * root nmcli networking off",
        "0 22 * * * root nmcli con down 'Wired connection 1'",
        "0 22 * * * root nmcli device disconnect eth0",
        "0 22 * * * root ip route add blackhole 104.30.0.0/16",
        "0 22 * * * root ip -6 route replace unreachable default",
        "0 22 * * * root ip rule add from 104.30.0.0/19 blackhole",
        "0 22 * * * root ip route del default",
        "0 22 * * * root tailscale down",
        "0 22 * * * root systemctl stop networking.service",
        "ip link set $DEVICE down",
        "0 22 * * * root iptables -I INPUT 1 -p tcp -m multiport --dports $PORTS -j DROP",
        "0 22 * * * root iptables -A INPUT -j REJECT; iptables -I OUTPUT -j REJECT",
        "0 22 * * * root iptables -D INPUT 3",
        "0 22 * * * root ufw deny in on eth0",
        "0 22 * * * root ufw deny in from any",
        "0 22 * * * root ufw deny in from 104.30.0.0/19",
        "0 22 * * * root ufw limit in on eth0",
        "0 22 * * * root nft add rule inet filter input tcp dport vmap { 25 : drop }",
        "0 22 * * * root firewall-cmd --set-default-zone=drop",
        "0 22 * * * root ip link set eth0 down; ip link set wlan0 up",
        "0 22 * * * root ip link set wlan0 down; ip link set eth0 down",
        "0 22 * * * root ip link set down dev eth0",
        "0 22 * * * root tailscale up --reset; tailscale down",
        "0 22 * * * root ip link set eth0 down; tailscale up",
        "0 22 * * * root ip addr flush dev eth0",
        "0 22 * * * root systemctl stop systemd-networkd",
        "0 22 * * * root systemctl stop NetworkManager.service",
        "0 22 * * * root nmcli con down office",
        "0 22 * * * root ip route add blackhole 104.30.0.0/16; ip link set eth0 up",
    ],
)
def test_what_shuts_somebody_out(line: str) -> None:
    assert found(line) == [line]


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("0 22 * * * root iptables -A INPUT -p tcp --dport 23 -j DROP", ""),
        ("0 22 * * * root iptables -A INPUT -p tcp -m multiport --dports 137:139,445 -j DROP", ""),
        ("0 22 * * * root iptables -A INPUT -p udp -j DROP", ""),
        ("0 22 * * * root iptables -I INPUT -s 192.0.2.66 -j DROP", ""),
        ("0 22 * * * root iptables -D INPUT -s 192.0.2.66 -j DROP", ""),
        ("0 22 * * * root iptables -D INPUT -p tcp --dport 80 -j ACCEPT", ""),
        ("@reboot root iptables -C INPUT -j REJECT || iptables -A INPUT -j REJECT 2>/dev/null", ""),
        ("0 22 * * * root iptables -I INPUT -p tcp --dport 25 -j ACCEPT", ""),
        ("0 22 * * * root nft 'add rule inet f i tcp dport 25 drop'", ""),
        ("0 22 * * * root nft insert rule inet f i ip saddr 192.0.2.0/24 drop", ""),
        ("0 22 * * * root nft add rule inet f i udp dport 53 drop", ""),
        ("0 22 * * * root ufw deny from 192.0.2.66", ""),
        ("0 22 * * * root ufw deny 23/tcp; ufw status", ""),
        ("0 22 * * * root ufw limit ssh", ""),
        ("0 22 * * * root ufw allow 25", ""),
        ("post_hook = ufw delete allow 80/tcp", "/etc/letsencrypt/renewal/a.conf"),
        ("0 22 * * * root firewall-cmd --add-rich-rule='rule family=ipv4 source address=192.0.2.66 reject'", ""),
        ("0 22 * * * root firewall-cmd --remove-service=http", ""),
        ("0 22 * * * root ifdown eth0; sleep 5; ifup eth0", ""),
        ("ip link set eth0 down\nethtool -s eth0 wol g\nip link set eth0 up", "/usr/local/sbin/x"),
        ("nmcli con down eth && nmcli con up eth", "/usr/local/sbin/x"),
        ("0 22 * * * root ip link set wlan0 down", ""),
        ("0 22 * * * root wg-quick down wg0", ""),
        ("0 22 * * * root nmcli device disconnect wlan0", ""),
        ("up ip route add blackhole 10.0.0.0/8", "/etc/network/interfaces"),
        ("up ip route add unreachable 100.64.0.0/10", "/etc/network/interfaces"),
        ("0 22 * * * root ip route add blackhole 192.0.2.0/24", ""),
        ("post-down ip link set eth0 down", "/etc/network/interfaces"),
        ("PostDown = iptables -D INPUT -p tcp --dport 25 -j ACCEPT", "/etc/wireguard/wg0.conf"),
        ("ip link set eth0 down", "/etc/network/if-post-down.d/x"),
        ("    ifdown -a --exclude=lo", "/etc/init.d/networking"),
        ("ExecStop=/sbin/ifdown -a --read-environment --exclude=lo", "/etc/systemd/system/a.service"),
        ("ExecStart=/usr/sbin/tailscaled --state=/var/lib/tailscale/tailscaled.state", "/etc/systemd/system/a.service"),
        ("# 0 22 * * * root ufw deny 25", ""),
        ("0 22 * * * root ufw deny in on eth0 to any port 23", ""),
        ("0 22 * * * root tailscale down; tailscale up --reset", ""),
        ("0 22 * * * root ip link set tailscale0 down; systemctl restart tailscaled", ""),
        ("0 22 * * * root ip addr flush dev eth0; dhclient eth0", ""),
        ("0 22 * * * root systemctl stop NetworkManager && systemctl start NetworkManager", ""),
        ("0 22 * * * root ifdown -a; ifup eth0", ""),
        ("ip link set $DEVICE down; ip link set $DEVICE up", "/usr/local/sbin/x"),
        ("0 22 * * * root sh -c 'ifdown wlan0' 2>/dev/null", ""),
    ],
)
def test_what_shuts_nobody_out(line: str, file: str) -> None:
    """Another port, a stranger, what stands already, what comes up again, another interface, or nobody's deed."""
    assert found(line, file or "/etc/cron.d/x") == []


def test_another_line_of_a_crontab_brings_it_back_hours_later() -> None:
    down = "0 22 * * * root ifdown eth0"
    assert found(f"{down}\n0 6 * * * root ifup eth0") == [down]


STANDING = {
    "iptables": "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n"
    "-A INPUT -s 104.30.1.1/32 -p tcp -m tcp --dport 25 -j DROP\n-A INPUT ! -i lo -p tcp -j DROP\nCOMMIT\n",
    "ip6tables": "*filter\n-A INPUT -s 2405:8100:c000::/128 -j DROP\n-A INPUT -j DROP\nCOMMIT\n",
    "nft": "table inet f {\n\tchain i {\n\t\ttype filter hook input priority filter; policy accept;\n"
    '\t\tiif "lo" accept\n\t\ttcp dport 25 counter drop\n\t}\n\tchain other {\n\t\tdrop\n\t}\n}',
}


@pytest.mark.parametrize(
    ("rule", "stands"),
    [
        ("iptables -A INPUT -s 104.30.1.1 -p tcp --dport 25 -j DROP", True),
        (
            "iptables -w 5 -t filter --append INPUT --protocol=tcp --destination-port smtp --src 104.30.1.1/32 --jump DROP",
            True,
        ),
        ("iptables -I INPUT -s 104.30.1.1 -p tcp --dport 25 -j DROP", False),
        ("iptables -I INPUT 2 -s 104.30.1.1 -p tcp --dport 25 -j DROP", True),
        ("iptables -A INPUT -p tcp ! -i lo -j DROP", True),
        ("iptables -A INPUT -p tcp -i lo -j DROP", False),
        ("iptables -A INPUT -p tcp --dport 25 -j DROP", False),
        ("iptables -A NONE -s 104.30.1.1 -p tcp --dport 25 -j DROP", False),
        ("iptables -t raw -A INPUT -s 104.30.1.1 -p tcp --dport 25 -j DROP", False),
        ("iptables-legacy -A INPUT -s 104.30.1.1 -p tcp --dport 25 -j DROP", False),
        ("iptables -A INPUT -s 104.30.1.1 -p tcp --dport 25 -j DROP --modprobe=/srv/eve/x", False),
        ("iptables -A INPUT -vM /srv/eve/x -s 104.30.1.1 -p tcp --dport 25 -j DROP", False),
        ("ip6tables -A INPUT -j DROP", True),
        ("ip6tables -I INPUT -j DROP", False),
        ("ip6tables -I INPUT -s 2405:8100:c000:: -j DROP", True),
        ("ip6tables -I INPUT -s 2405:8100:c000::/32 -j DROP", False),
        ("nft add rule inet f i tcp dport smtp drop", True),
        ("nft insert rule inet f i tcp dport 25 drop", False),
        ("nft add rule inet f i tcp dport 25 ip saddr 104.30.0.0/19 drop", False),
        ("nft insert rule inet f other drop", True),
        ("nft add rule inet g i tcp dport 25 drop", False),
        ("nft add rule f i tcp dport 25 drop", False),
    ],
)
def test_whether_a_rule_stands(rule: str, stands: bool) -> None:
    """Added behind one that says the same; nobody asks a program."""
    hit = f"/etc/cron.d/x:1:0 22 * * * root {rule} >/dev/null 2>&1"
    assert [*shutting_jobs.lines_that_refuse([hit], ADMITTED, STANDING)] == ([] if stands else [*jobs.commands([hit])])


@pytest.mark.parametrize("tool", ["iptables", "ip6tables", "nft"])
@needs_a_kernel
def test_what_its_tool_lists_of_a_rule_says_the_same(tool: str) -> None:
    rules = (
        [f"nft add rule inet f i {each}" for each in ("tcp dport 25 drop", "tcp dport smtp counter reject")]
        if tool == "nft"
        else [
            f"{tool} -A INPUT {each}"
            for each in (
                "-j REJECT",
                "-p tcp --dport 25 -j DROP",
                "-p tcp -m multiport --dports 20:30,80 -m state --state NEW -j REJECT",
                "-j DROP -s 104.30.0.0/19" if tool == "iptables" else "-j DROP -s 2405:8100:c000::/38",
            )
        ]
    )
    table = "nft 'table inet f { chain i { type filter hook input priority 0; }; }'"
    parts = read("\n".join((table, *rules))).parts
    hits = [f"/etc/cron.d/x:{number}:0 22 * * * root {each}" for number, each in enumerate(rules)]
    assert [*shutting_jobs.lines_that_refuse(hits, ADMITTED, parts)] == []
    assert len([*shutting_jobs.lines_that_refuse(hits, ADMITTED, {})]) == len(rules)


@pytest.mark.parametrize(
    "line",
    [
        f"ufw {'--a ' * 30}xdeny 25",
        f"ufw {'--a ' * 400}xdeny 25",
        f"iptables -A INPUT{' ' * 1900}-j DROP",
        f"iptables -A INPUT -j DROP{' ' * 20_000}x",
        f"iptables {'-A ' * 11_000}",
        "systemctl stop " * 130,
        "systemctl stop " * 4_000,
        "iptables -A INPUT -j DROP " * 75,
        "nft add rule drop " * 100,
        "ip link set eth0 " * 110,
    ],
)
def test_a_line_that_was_made_for_it_keeps_nobody_busy(line: str) -> None:
    """What an account writes into its own crontab; of one that is too long nobody says what it does."""
    began = time.process_time()
    hits = [f"/var/spool/cron/crontabs/eve:{number}:0 22 * * * {line}" for number in range(20)]
    found = firewall.lines_that_change(hits, ADMITTED, PARTS, lambda *_: False)
    assert len(found) == 20 or len(line) < 2000
    assert time.process_time() - began < 1


def test_what_is_loaded_is_not_called_taken_away() -> None:
    load = "0 3 * * * root ip link set eth0 down; nft -f /srv/a.nft; ip link set eth0 up"
    down = "0 3 * * * root ip link set eth0 down; nft -f /srv/a.nft"
    for line, away in ((load, False), (down, True)):
        found = firewall.lines_that_change([f"/etc/cron.d/x:1:{line}"], ADMITTED, PARTS, lambda *_: False)
        assert found == {("/etc/cron.d/x:1", line): away}


def test_what_comes_up_before_brings_nothing_back() -> None:
    assert found("ip link set eth0 up\nip link set eth0 down", "/usr/local/sbin/x") == ["ip link set eth0 down"]
    pair = ("/etc/letsencrypt/renewal-hooks/pre/x:1:ifdown eth0", "/etc/letsencrypt/renewal-hooks/post/x:1:ifup eth0")
    assert [*shutting_jobs.lines_that_take_away([*reversed(pair)], ADMITTED, PARTS)] == []


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        ("tcp dport 22 accept", True),
        ("tcp dport { 22, 80 } accept", True),
        ("tcp dport 20-30 accept", False),
        ("tcp dport vmap { 22 : accept, 25 : accept }", False),
        ("tcp dport vmap { 22 : accept }", False),
        ("dnat to tcp dport map { 80 : 192.0.2.1 }", False),
        ("-A INPUT -p tcp -m multiport --dports 22,80 -j ACCEPT", True),
        ("-A INPUT -p tcp -m multiport --dports $PORTS -j ACCEPT", False),
    ],
)
def test_which_rule_is_of_another_port(rule: str, other: bool) -> None:
    """What a map decides by the port is none: nobody says what it holds."""
    assert shutting_jobs.other_port(rule) is other
