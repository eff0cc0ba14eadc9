"""Whoever is root on Dell writes each word of its ruleset: none of it does anything on the machine that rehearses."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from fixtures.evidence import Evidence
from fixtures.lab.firewall import foreign, kernel
from fixtures.lab.firewall.foreign import NotTaken
from fixtures.probes.dell.firewall import Ruleset
from tests.probes.rulesets import ADMITTED, PUBLIC

as_root = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("nft", "ip", "unshare"))), reason="needs root, nft and iproute2"
)
FILTER = "*filter\n:INPUT ACCEPT [0:0]\n{}\nCOMMIT"
TABLE = "table inet guard {{\n\tchain input {{\n\t\t{}\n\t}}\n}}"


def dell(name: str = "eth0", local: str = "198.51.100.10", prefix: object = 24, **parts: str) -> dict[str, str]:
    """What a Dell with an interface of that NAME says."""
    link = {"ifname": name, "addr_info": [{"local": local, "prefixlen": prefix}]}
    said = {"routes": "default via 198.51.100.1 dev eth0", "rules": "", "sysctls": "", "nft": ""}
    return said | {"addresses": json.dumps([{"ifname": "lo"}, link])} | parts


COMMANDS = "e1 type veth peer name e2\nnetns add q\nnetns exec q touch {}\nnetns delete q\nlink show lo"
"""An interface's name that is several commands of ip's."""


@as_root
@pytest.mark.parametrize(
    ("attack", "part"),
    [
        (lambda file: dell(sysctls=f"{file}:* * * * * root true"), "sysctls"),
        (lambda file: dell(sysctls=f"../../../{file}:1"), "sysctls"),
        (lambda file: dell(COMMANDS.format(file)), "interfaces"),
        (lambda file: dell(local=f"fe80::1%a\n{COMMANDS.format(file)}"), "addresses"),
        (lambda file: dell(prefix=f"24 dev lo\nlink add {COMMANDS.format(file)}"), "addresses"),
    ],
)
def test_nothing_is_written_and_no_command_runs(tmp_path: Path, attack: object, part: str) -> None:
    assert callable(attack)
    file = tmp_path / "made"
    answer = kernel.ask(Ruleset(attack(file), Evidence("x", "read")), ADMITTED, PUBLIC)
    assert answer.error.startswith(f"Dell's {part}: no tool prints such a line, so that nothing of it was used: ")
    assert not file.exists()


@pytest.mark.parametrize(
    "parts",
    [
        dell("."),
        dell('a"b'),
        dell("a/b"),
        dell(sysctls="ipv4/conf/../rp_filter:1"),
        dell(sysctls="ipv4/tcp_syncookies:0"),
        dell(rules="5:\tfrom all lookup 7\rx"),
        dell(routes="10.0.0.0/8 encap bpf in obj /srv/x section y dev eth0"),
        dell(ipset="save -file /srv/x"),
        dell(ipset="create a hash:ip -f /srv/x"),
        dell(ipset='create a hash:ip "-file" /srv/x'),
        dell(ipset="destroy"),
        dell(iptables=FILTER.format("-A INPUT --modprobe=/srv/x -j DROP")),
        dell(iptables=FILTER.format("-A INPUT --mod /srv/x -j DROP")),
        dell(iptables=FILTER.format('-A INPUT "-M" /srv/x -j DROP')),
        dell(iptables=FILTER.format('-A INPUT -"vM"/srv/x -j DROP')),
        dell(ip6tables=FILTER.format(r'-A INPUT \" x" -M /srv/x "z"')),
        dell(iptables=FILTER.format("-I INPUT -j DROP")),
        dell(nft=TABLE.format('include "/etc/shadow"')),
        dell(nft=TABLE.format('drop; include"/etc/shadow"')),
        dell(nft=TABLE.format('ip saddr 192.0.2.1 drop comment "a\n" include "/etc/shadow"')),
        dell(nft=TABLE.format('include \\\n "/etc/shadow"')),
    ],
)
def test_a_line_that_no_tool_prints_is_refused(parts: Mapping[str, str]) -> None:
    with pytest.raises(NotTaken, match=r"^Dell's .*: no tool prints such a line"):
        foreign.check(parts)


def test_what_tools_do_print_is_taken() -> None:
    """More than the rulesets of the other tests have."""
    foreign.check(
        dell(
            "br-0123456789ab",
            sysctls="ipv4/conf/eth0.100/rp_filter:2\nipv6/conf/all/forwarding:0",
            routes="10.0.0.0/8 \\\tnexthop via 192.0.2.1 dev eth0 weight 1 \\\tnexthop dev eth1",
            rules="5270:\tfrom all fwmark 0x80000/0xff0000 iif eth0 [detached] lookup 52",
            ipset='create f2b-ssh hash:ip family inet timeout 0\nadd f2b-ssh 192.0.2.1 timeout 3 comment "a - b"',
            iptables=FILTER.format(
                '-A INPUT -m statistic --mode random --probability 0.5 -m comment --comment "it\'s - \\"M\\"" -j DROP\n'
                "-A INPUT ! -s 192.0.2.0/24 -m time --monthdays 1 -j MARK --set-xmark 0x1/0xffffffff"
            ),
            nft=TABLE.format('ip saddr 192.0.2.1 log prefix "include " drop comment "include \'it\'"'),
        )
    )


@as_root
def test_a_tool_that_is_deceived_all_the_same_reaches_nothing(tmp_path: Path) -> None:
    """With no allow list at all: the namespace has its own network to write, and no right over the machine."""
    file, proc = tmp_path / "made", "/proc/sys/net/ipv4/tcp_syncookies"
    tried = f"ls /run; echo 2 >{proc} && echo own; echo x >{file}; mount -o remount,bind,rw / && echo mounted"
    code = "from fixtures.lab.firewall import foreign, room\nforeign.seal()\n"
    code += f"done = room.run(['sh', '-c', {tried!r}])\nprint(done.stdout, done.stderr)"
    done = subprocess.run(
        ["unshare", "--net", "--mount", sys.executable, "-c", code], cwd=kernel.PROJECT, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.startswith("own\n")
    assert "Read-only file system" in done.stdout
    assert "mounted" not in done.stdout
    assert not file.exists()
