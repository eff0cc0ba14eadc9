"""What the next start brings, as the probes' own scripts read it: the file that nftables.service loads, asked of a real
kernel; what systemd's files ask for; and what fstab mounts.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from fixtures.access.transport import sections
from fixtures.evidence import Verdict
from fixtures.lab.firewall import kernel
from fixtures.probes.dell import boot, durability, firewall, ruleset_text, units
from tests.judges import LOOK
from tests.probes.rulesets import ADMITTED, PUBLIC, read

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not all(map(shutil.which, ("nft", "ip", "unshare", "iptables", "systemctl", "systemd-analyze")))
    or not Path("/etc/nftables.conf").exists(),
    reason="needs root, nft as Debian has it, iptables, iproute2 and systemd",
)
STARTS = """\
mount -t tmpfs none /mnt
mount -t tmpfs none /etc/systemd/system
mkdir -p /etc/systemd/system/sysinit.target.wants
ln -s /usr/lib/systemd/system/nftables.service /etc/systemd/system/sysinit.target.wants/
cat >/mnt/nftables.conf <<'X'
%s
X
mount --bind /mnt/nftables.conf /etc/nftables.conf
! nft -f /etc/nftables.conf
"""
"""A Dell whose nftables.service is enabled, and has loaded its file."""
FILE = """\
flush ruleset
table inet filter {
    chain input {
        type filter hook input priority 0; policy drop;
        iif "eth0" ip saddr 100.64.0.0/10 accept
        ct state established,related accept
        tcp dport { 22%s } accept
    }
}
"""
TYPED = "nft add rule inet filter input tcp dport 25 accept\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (STARTS % (FILE % ", 25"), "the same"),
        (STARTS % (FILE % ", 25") + TYPED, "lets them in"),
        (STARTS % (FILE % "") + TYPED, "refuses 104.30.0.0/19, 2405:8100:c000::/38, 100.64.10.1/32"),
        ((STARTS % (FILE % "") + TYPED).replace("ln -s", ": "), "the same"),
        (STARTS % 'include "/etc/nftables.d/*.nft"' + f"nft '{FILE % ', 25'}'", "the same"),
        (STARTS % "table inet filter { chain input { frobnicate } }", "frobnicate"),
        (STARTS % "table inet other { }" + "iptables -A INPUT -s 192.0.2.1 -j DROP", "the same"),
    ],
)
def test_what_the_next_start_loads(script: str, said: str) -> None:
    """What was typed goes with the file's tables; those of others stay. Nothing is loaded but in a network apart."""
    ruleset = read(script)
    after = ruleset.after
    assert "x1" not in ruleset.parts["addresses"]
    assert (after is None) is (said == "the same")
    if after is not None:
        asked = None if after.unread else kernel.ask(after, ADMITTED, PUBLIC)
        first = next(firewall.judged_after(after, asked, ADMITTED))
        assert first.member.startswith("after the next start: ")
        assert said in f"{first.expected}, {first.found}"
        wanted = {"r": Verdict.FAIL, "l": Verdict.PASS}.get(said[0], Verdict.INCONCLUSIVE)
        assert first.verdict is wanted
        assert ("Let nftables.conf accept these at port 25 too" in first.sentence()) is (wanted is Verdict.FAIL)


ELS = """
printf '[Service]\nExecStart=/sbin/nft -f /mnt/el.conf\nExecStop=/sbin/nft flush ruleset\n' >/mnt/unit
printf 'table inet el { }\n' >/mnt/el.conf
mount --bind /mnt/unit /usr/lib/systemd/system/nftables.service
"""


def test_the_file_that_the_unit_names() -> None:
    """As EL's, where somebody left one in Debian's place."""
    ruleset = read(STARTS % (FILE % ", 25") + ELS)
    assert "table inet el" in ruleset.parts[firewall.NEXT]
    assert "dport" not in ruleset.parts[firewall.NEXT]


UNITS = """\
mount -t tmpfs none /etc/systemd
mount -t tmpfs none /mnt
mkdir -p /etc/systemd/system/postfix.service.d /etc/systemd/system.control/postfix.service.d /mnt/disk /mnt/mail
printf '[Unit]\\nConditionPathIsMountPoint=/mnt/nas\\nConditionPathIsMountPoint = /mnt\\nConditionPathExists=|/no\\n' \
    >/etc/systemd/system/postfix.service.d/own.conf
printf '[Unit]\\nAssertPathExists=/etc/passwd\\nRequisite=a.service\\n' >/etc/systemd/system/dovecot.service
printf '[Service]\\nTasksMax=20\\nIPAddressAllow=any\\n' >/etc/systemd/system.control/postfix.service.d/50-TasksMax.conf
mount --bind /mnt/disk /mnt/mail
printf '/mnt/disk /mnt/mail none bind 0 0\\n#/a /b none bind\\n' >/mnt/fstab
mount --bind /mnt/fstab /etc/fstab
"""


def test_what_is_asked_for_and_mounted() -> None:
    """Of two conditions systemd finds one false; a folder is the one that fstab names."""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-s"], input=f"{UNITS}set -- /mnt/mail\n{durability._MOUNTS}",
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    parts = sections(done.stdout)
    own = "/etc/systemd/system/postfix.service.d/own.conf"
    files = parts["files of units"]
    assert [line for line in files.splitlines() if ":False=" in line] == [
        f"{own}:False=ConditionPathIsMountPoint=/mnt/nas"
    ]
    held = units.service(files, "postfix").held(100, ["/mnt", "/mnt/nas"])
    assert held == f"ConditionPathIsMountPoint=/mnt/nas ({own}), which does not hold"
    control = "/etc/systemd/system.control/postfix.service.d/50-TasksMax.conf"
    assert f"{control}:TasksMax=20" in files.splitlines()
    assert f"{control}:IPAddressAllow=any" in files.splitlines()
    assert not units.service(files, "postfix").unasked
    assert units.service(files, "dovecot").held(100, ()).startswith("Requisite=a.service (/etc/systemd/system/dovecot")
    assert durability.mounted(parts) == {"/mnt/mail": "fstab"}
    assert len(parts["inodes"].splitlines()) == 2
    assert not durability.other(parts, "/mnt/mail")
    moved = {**parts, "inodes": parts["inodes"].replace("/mnt/mail ", "/mnt/mail 9")}
    assert durability.other(moved, "/mnt/mail") == "the folder /mnt/disk, which is not what is mounted now"
    assert "/dev/stdin /proc/self/fd/0" in parts["disks"].splitlines()


def test_a_systemd_that_is_not_asked_for_conditions() -> None:
    """As that of EL 8 and Debian 11: then nobody can say."""
    old = "printf '#!/bin/sh\necho Unknown command verb condition. >&2; exit 1\n' >/mnt/systemd-analyze\n"
    script = f"{UNITS}{old}chmod +x /mnt/systemd-analyze; PATH=/mnt:$PATH\n{units.READ}"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=60
    )
    it = units.service(done.stdout, "postfix")
    assert not it.held(20, ["/mnt", "/mnt/nas"])
    said = "ConditionPathIsMountPoint=/mnt/nas (/etc/systemd/system/postfix.service.d/own.conf)"
    assert it.unasked.startswith(f"{said}: its systemd can't be asked")
    start = boot.Start((), (), LOOK, unasked=((it.name, it.unasked, LOOK),))
    (found,) = boot.judged_held(start)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "See on the machine that it holds" in found.sentence()


@pytest.mark.parametrize(
    ("account", "fstab", "why"),
    [("root", "/dev/gone /x ext4 defaults 0 0", ""), ("nobody", "", ""), ("nobody", "x", "/etc/fstab can't be read")],
)
def test_an_fstab_that_cannot_be_read(account: str, fstab: str, why: str) -> None:
    """Only one that is there, and says something."""
    script = f"""
mount -t tmpfs none /mnt
printf '{fstab}' >/mnt/fstab
chmod 0 /mnt/fstab
mount --bind /mnt/fstab /etc/fstab
exec setpriv --reuid={account} --clear-groups sh -c "$1" sh /etc/postfix
"""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", boot._READ], capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    parts = sections(done.stdout)
    assert durability.unlisted(parts["fstab"], parts["disks"]) == why, done.stderr


SAVED = """\
mount -t tmpfs none /mnt
mount -t tmpfs none /etc/systemd/system
mkdir -p /etc/systemd/system/multi-user.target.wants /etc/iptables /mnt/iptables
printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' \
    >/etc/systemd/system/netfilter-persistent.service
ln -s ../netfilter-persistent.service /etc/systemd/system/multi-user.target.wants/
mount --bind /mnt/iptables /etc/iptables
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -s 100.64.0.0/10 -j ACCEPT
%s
iptables-save >/etc/iptables/rules.v4
iptables -N DOCKER; iptables -I FORWARD -o docker0 -j DOCKER; iptables -A DOCKER -p tcp --dport 80 -j ACCEPT
"""
OPEN, SHUT = "iptables -I INPUT -p tcp --dport 25 -j ACCEPT\n", "iptables -A INPUT -j REJECT\n"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (SAVED % (OPEN + SHUT), "the same"),
        (SAVED % SHUT + OPEN, "refuses 104.30.0.0/19"),
        (SAVED % SHUT + OPEN + "rm /etc/systemd/system/multi-user.target.wants/*", "the same"),
        (SAVED % OPEN + "echo '-A frobnicate' >>/etc/iptables/rules.v4", "iptables-restore"),
    ],
    ids=["saved", "typed", "not loaded", "cannot be loaded"],
)
def test_what_iptables_persistent_loads(script: str, said: str) -> None:
    """Chains of Docker's come back, and what was typed into those of the machine does not."""
    after = read(script).after
    assert (after is None) is (said == "the same")
    if after is not None:
        asked = None if after.unread else kernel.ask(after, ADMITTED, PUBLIC)
        found = [each.sentence() for each in firewall.judged_after(after, asked, ADMITTED)]
        assert after.unread or "iptables -A DOCKER -p tcp -m tcp --dport 80 -j ACCEPT" in after.text
        assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("tool", "file", "stays"),
    [
        ("iptables", "/mnt/all.v4", True),
        ("iptables", "/mnt/filter.v4", True),
        ("iptables", "/mnt/nat.v4", False),
        ("iptables", "/etc/iptables/rules.v4", False),
        ("nft", "/mnt/own.nft", True),
        ("nft", "/mnt/again.nft", True),
        ("nft", "/mnt/other.nft", False),
        ("nft", "/mnt/only.nft", False),
        ("nft", "/mnt/into.nft", False),
        ("iptables", "/mnt/none", False),
        ("iptables", "/mnt/anybodys.v4", False),
        ("iptables", "/mnt/users/link.v4", True),
        ("iptables", "/mnt/users/all.v4", False),
        ("nft", "/mnt/users/own.nft", False),
    ],
)
def test_a_file_that_makes_the_rules_that_stand(tool: str, file: str, stays: bool) -> None:
    """By a hook of the network's, say: it is loaded in a network apart, and compared. Docker does not make its chains
    again, nor anybody a table that the file takes away. A user's own file is not loaded: it may name programs.
    """
    script = f"""{SAVED % (OPEN + SHUT)}
echo 'table inet own {{ chain input {{ type filter hook input priority 1; tcp dport 99 drop; }}; }}' >/mnt/own.nft
sed s/99/98/ /mnt/own.nft >/mnt/other.nft
{{ echo 'delete table inet own'; cat /mnt/own.nft; }} >/mnt/again.nft
{{ echo 'flush ruleset'; cat /mnt/own.nft; }} >/mnt/only.nft
{{ echo 'add rule ip filter INPUT tcp dport 25 drop'; cat /mnt/own.nft; }} >/mnt/into.nft
nft -f /mnt/own.nft
iptables -t nat -A PREROUTING -p tcp --dport 25 -j DNAT --to-destination 172.17.0.2:25
iptables-save >/mnt/all.v4
iptables-save -t filter >/mnt/filter.v4
{{ cat /mnt/filter.v4; echo '*nat'; echo COMMIT; }} >/mnt/nat.v4
mkdir /mnt/users; cp /mnt/all.v4 /mnt/own.nft /mnt/users; chown -R 1000 /mnt/users
cp /mnt/all.v4 /mnt/anybodys.v4; chmod 666 /mnt/anybodys.v4; ln -s ../all.v4 /mnt/users/link.v4
chmod 755 /mnt
sh -c "$READ" sh {tool} {file} >/mnt/said
printf '=-=-= said\\n'; cat /mnt/said
"""
    ruleset = read(script)
    assert ruleset.stays(tool, ruleset.parts["said"]) is stays


UFW = """\
mount -t tmpfs none /mnt
mkdir /mnt/up /mnt/work /mnt/etc /mnt/etc-work
mount -t overlay none -o lowerdir=/usr/lib,upperdir=/mnt/up,workdir=/mnt/work /usr/lib
mount -t overlay none -o lowerdir=/etc,upperdir=/mnt/etc,workdir=/mnt/etc-work /etc
mkdir -p /usr/lib/ufw /etc/ufw /etc/systemd/system/multi-user.target.wants
cat >/usr/lib/ufw/ufw-init-functions <<'X'
set -e
. /etc/ufw/ufw.conf
ufw_start() {
    echo once >>/mnt/starts
    modprobe nf_conntrack_ftp
    if [ -x "/etc/ufw/before.init" ]; then /etc/ufw/before.init start; fi
    iptables-restore -n </etc/ufw/before.rules || return 1
    iptables-restore -n </etc/ufw/user.rules || return 1
    iptables -P INPUT DROP
}
X
printf '#!/bin/sh\\ntouch /mnt/ran\\n' >/etc/ufw/before.init
chmod +x /etc/ufw/before.init
echo ENABLED=%s >/etc/ufw/ufw.conf
printf '%%s\\n' '*filter' ':ufw-user-input - [0:0]' '-A INPUT -i lo -j ACCEPT' '-A INPUT -s 100.64.0.0/10 -j ACCEPT' \
    '-A INPUT -j ufw-user-input' COMMIT >/etc/ufw/before.rules
printf '%%s\\n' '*filter' ':ufw-user-input - [0:0]' '-A ufw-user-input -p tcp --dport 22 -j ACCEPT' \
    '-A ufw-user-input -p tcp --dport 25 -j ACCEPT' COMMIT >/etc/ufw/user.rules
sh -c 'modprobe() { :; }; . /usr/lib/ufw/ufw-init-functions; ufw_start'
rm -f /mnt/ran /mnt/starts
printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' >/etc/systemd/system/ufw.service
ln -s ../ufw.service /etc/systemd/system/multi-user.target.wants/
%s
sh -c "$READ"
printf '=-=-= ran\\n'; ls /mnt; cat /mnt/starts
exit
"""
"""What ufw's own functions do at a start, in short; the hook is the operator's."""
FUNCTIONS = "/usr/lib/ufw/ufw-init-functions"
LOCKED = f"""\
mount -t tmpfs none /run
exec 9>/run/xtables.lock
flock 9
sed -i 's/^    modprobe.*/&; iptables-legacy -S || return 1/' {FUNCTIONS}
"""
"""Somebody changes rules here right now, by an iptables that has a lock."""
SETS = f"""\
mkdir /mnt/sbin /mnt/sbin-work
mount -t overlay none -o lowerdir=/usr/sbin,upperdir=/mnt/sbin,workdir=/mnt/sbin-work /usr/sbin
cat >/usr/sbin/ipset <<'X'
#!/bin/sh
sets=/mnt/sets.$(readlink /proc/self/ns/net | tr -dc 0-9)
case $1 in
    save) seq -f 'create blocklist%g hash:ip' 4999 ;;
    restore) cat >"$sets" ;;
    *) grep -q "create $2 " "$sets" ;;
esac
X
chmod +x /usr/sbin/ipset
sed -i 's/^    modprobe.*/&; ipset test blocklist7 || return 1/' {FUNCTIONS}
"""
"""Sets that ``before.init`` makes, and rules that name one; there are many. What makes sets here is played."""
TAILNET = """\
iptables -N ts-input; iptables -I INPUT -j ts-input; iptables -A ts-input -i tailscale0 -j ACCEPT
iptables -t nat -N ts-postrouting; iptables -t nat -A POSTROUTING -j ts-postrouting
"""


@pytest.mark.parametrize(
    ("enabled", "then", "said"),
    [
        ("yes", "", "the same"),
        ("yes", "sed -i /25/d /etc/ufw/user.rules", "refuses 104.30.0.0/19"),
        ("yes", f"sed -i /25/d /etc/ufw/user.rules; {OPEN}", "refuses 104.30.0.0/19"),
        ("yes", "iptables -F; iptables -P INPUT ACCEPT; sed -i /25/d /etc/ufw/user.rules", "refuses 104.30.0.0/19"),
        ("yes", "echo -A frobnicate >>/etc/ufw/user.rules", "iptables-restore"),
        ("no", "sed -i /25/d /etc/ufw/user.rules; : >/mnt/starts", "the same"),
        ("yes", LOCKED, "the same"),
        ("yes", SETS, "the same"),
    ],
    ids=["saved", "closed", "typed", "not loaded now", "cannot be loaded", "off", "locked", "sets"],
)  # fmt: skip
def test_what_ufw_loads(enabled: str, then: str, said: str) -> None:
    """By its own functions, once, in a network apart; its hooks don't run."""
    ruleset = read(UFW % (enabled, then))
    ran = ruleset.parts["ran"].split()
    assert "ran" not in ran
    assert ran.count("once") == (enabled == "yes")
    after = ruleset.after
    assert (after is None) is (said == "the same")
    if after is not None:
        asked = None if after.unread else kernel.ask(after, ADMITTED, PUBLIC)
        found = [each.sentence() for each in firewall.judged_after(after, asked, ADMITTED)]
        assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("iptables -A INPUT -p tcp --dport 8080 -j DROP\n", "the same"),
        (SAVED % "" + "iptables -A INPUT -p tcp --dport 8080 -j ACCEPT\n", "the same"),
        (SAVED % "" + "iptables -A INPUT -s 192.0.2.66 -j DROP\n", "the same"),
        (SAVED % SHUT + OPEN, "-iptables -A INPUT -p tcp -m tcp --dport 25 -j ACCEPT"),
        (STARTS % (FILE % ", 25"), "the same"),
        (STARTS % (FILE % "") + TYPED, "-tcp dport 25 accept"),
        (SAVED % OPEN + "echo '-A frobnicate' >>/etc/iptables/rules.v4", "iptables-restore"),
        (UFW % ("yes", TAILNET), "the same"),
    ],
    ids="nothing is loaded|another port|a ban|typed|nft's file|typed to nft|cannot be loaded|ufw and a tailnet".split(
        "|"
    ),
)
def test_the_rules_of_ec2_stay(script: str, said: str) -> None:
    """No kernel is asked of it, where everybody may come: they are compared, as far as they decide about port 25."""
    (it,) = firewall.judged_lasting(read(script), "EC2")
    assert it.member == "EC2's firewall"
    assert it.verdict is (Verdict.PASS if said == "the same" else Verdict.INCONCLUSIVE)
    assert said in it.sentence()


def test_tables_and_chains_are_in_an_order_that_means_nothing() -> None:
    """iptables-save sorts by name, or by who came first; in a network apart another came first."""
    nat = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
    head, rules = "*filter\n:INPUT DROP [0:0]\n", "-A INPUT -j z\n-A INPUT -j b\n"
    now = f"{nat}{head}:z - [0:0]\n:b - [0:0]\n{rules}-A z -j ACCEPT\nCOMMIT\n"
    assert ruleset_text.restored(now, f"{head}:b - [0:0]\n:z - [0:0]\n{rules}-A z -j ACCEPT\nCOMMIT\n{nat}") == now


COMMAND = """\
#!/bin/sh
case $* in
    *--get-ipsets) echo cf4 f2b ;;
    --permanent*--info-ipset=cf4) printf 'cf4\\n  options: maxelem=9\\n  entries: \\n' ;;
    --info-ipset=cf4) printf 'cf4\\n  options: maxelem=9\\n  entries: 104.30.0.0/20 192.0.2.1\\n' ;;
    *--info-ipset=f2b) printf 'f2b\\n  options: timeout=9\\n  entries: \\n' ;;
    *) echo "unrecognized arguments: $*" >&2; exit 2 ;;
esac
"""


def test_how_sets_and_policies_are_read(tmp_path: Path) -> None:
    """A firewalld before 0.9 knows no policies, which is no fault; of a set with a timeout it lists nothing."""
    for name, text in {"firewall-cmd": COMMAND, "systemctl": "#!/bin/sh\necho enabled\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    parts = read(f"export PATH={tmp_path}:$PATH").parts
    cloudflares = "cf4\n  options: maxelem=9\n  entries: {}\nf2b\n  options: timeout=9\n  entries:"
    assert parts["firewalld_ipsets"].strip() == cloudflares.format("104.30.0.0/20 192.0.2.1")
    assert parts["firewalld_ipsets_saved"].strip() == cloudflares.format("")
    assert not parts["firewalld_policies"].strip()
    assert not parts["firewalld_policies_saved"].strip()
    assert ruleset_text.broken(parts["firewalld"])
