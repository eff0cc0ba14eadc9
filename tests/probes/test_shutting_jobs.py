"""Which commands of jobs shut out somebody who is admitted, by one rule or by taking the network away."""

# ruff: noqa: E501 - tables of cases read better unbroken

import subprocess

import pytest

from fixtures.access.transport import sections
from fixtures.probes.dell import ruleset_text, shutting_jobs
from tests.probes.rulesets import ADMITTED, read
from tests.probes.test_next_start import pytestmark as needs_a_kernel

PARTS = {
    "routes": "default via 198.51.100.1 dev eth0 \nblackhole 10.0.0.0/8 \nunreachable 100.64.0.0/10 \n"
    "100.64.10.1 dev tailscale0 table 52\n192.168.7.0/24 dev wg0 scope link\n",
    "routes6": "default via 2001:db8:5::1 dev eth0 metric 1024\nfe80::/64 dev wlan0\n",
}


def found(text: str, file: str = "/etc/cron.d/x") -> list[str]:
    argv = ["grep", "-nHE", f"--label={file}", shutting_jobs.WORDS]
    done = subprocess.run(argv, check=False, input=text, text=True, capture_output=True)
    assert done.returncode in {0, 1}, done.stderr
    its = {("iptables", "filter", "-A INPUT -j REJECT"), ("nft", "inet f", "add rule inet f i tcp dport 25 drop")}
    lines = shutting_jobs.lines(done.stdout.splitlines(), ADMITTED, PARTS, lambda *rule: rule in its)
    return [line for _, line in lines]


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
    ],
)
def test_what_shuts_nobody_out(line: str, file: str) -> None:
    """Another port, a stranger, what stands already, what comes up again, another interface, or nobody's deed."""
    assert found(line, file or "/etc/cron.d/x") == []


def test_another_line_of_a_crontab_brings_it_back_hours_later() -> None:
    down = "0 22 * * * root ifdown eth0"
    assert found(f"{down}\n0 6 * * * root ifup eth0") == [down]


HAS = """\
mount -t tmpfs none /mnt
iptables -A INPUT -p tcp --dport 22 -j ACCEPT
iptables -A INPUT -p tcp --dport 25 -j DROP
nft 'table inet f { chain i { type filter hook input priority 0; iif lo accept; tcp dport 25 counter drop; }; }'
sh -c "$READ" sh %s | sed 's/=-=-=/part/' >/mnt/said
printf '=-=-= said\\n'; cat /mnt/said
"""


@pytest.mark.parametrize(
    ("asked", "has"),
    [
        ("iptables filter '-A INPUT -p tcp --dport 25 -j DROP'", True),
        ("iptables filter '-A INPUT -p tcp --destination-port smtp -j DROP'", True),
        ("iptables filter '-A INPUT -p tcp --dport 26 -j DROP'", False),
        ("iptables filter '-A NONE -p tcp --dport 25 -j DROP'", False),
        ("iptables raw '-A PREROUTING -p tcp --dport 25 -j DROP'", False),
        ("ip6tables filter '-A INPUT -p tcp --dport 25 -j DROP'", False),
        ("nft 'inet f' 'add rule inet f i tcp dport smtp counter drop'", True),
        ("nft 'inet f' 'add rule inet f i tcp dport 25 ip saddr 192.0.2.0/24 drop'", False),
        ("nft 'inet g' 'add rule inet g i tcp dport 25 drop'", False),
    ],
)
@needs_a_kernel
def test_whether_a_rule_stands(asked: str, has: bool) -> None:
    """By the tool itself: in a network apart the rule is added, and makes none but those that stand."""
    said = read(HAS % asked).parts["said"].replace("part ", "=-=-= ")
    parts = sections(said)
    assert ruleset_text.same_rules(parts.get("now", ""), parts.get("with", "")) is has


def test_a_rule_starts_no_program() -> None:
    """What an account wrote into its own crontab is never handed on."""
    asked = list[tuple[str, ...]]()

    def stands(*rule: str) -> bool:
        asked.append(rule)
        return False

    for line in (
        "0 22 * * * iptables -A INPUT --modprobe=/tmp/x -p tcp --dport 25 -j DROP",
        "0 22 * * * nft add rule -f/tmp/x a drop",
        "0 22 * * * nft add rule inet -f/tmp/x drop",
        "0 22 * * * iptables -t --f=/tmp/x -A INPUT -p tcp -j DROP",
        "0 22 * * * nft 'add rule ip a b tcp dport 25 drop; include /tmp/x'",
    ):
        hit = f"/var/spool/cron/crontabs/eve:1:{line}"
        assert list(shutting_jobs.lines([hit], ADMITTED, PARTS, stands))
    assert asked == [
        ("nft", "ip inet", "add rule ip inet -f/tmp/x drop"),
        ("iptables", "filter", "-A INPUT -p tcp -j DROP"),
        ("nft", "ip a", "add rule ip a b tcp dport 25 drop"),
    ]
    assert not shutting_jobs._PLAIN.fullmatch("-A INPUT -M /tmp/x -j DROP")
    assert not shutting_jobs._PLAIN.fullmatch("add rule ip a b drop; include a")
