"""What lasts on Dell: servers by systemd's files, IPv6 by sysctl's, the log by logrotate's."""

from dataclasses import replace
from ipaddress import IPv6Address
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.access.transport import Result
from fixtures.evidence import CouldNotAsk, Look
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.dell import boot, durability, ipv6_switch, jobs, log_rotation, units
from fixtures.settings import Secrets
from tests.judges import ABSENT, FAIL, LOOK, PASS, UNKNOWN, all_say, says

ETC, LIB = "/etc/systemd/system", "/usr/lib/systemd/system"
DOVECOT = (
    f"{LIB}/dovecot.service:[Service]\n{LIB}/dovecot.service:ProtectSystem=full\n{LIB}/dovecot.service:ProtectHome=no"
)
TOP = f"{ETC}/dovecot.service.d/own.conf"
MAIL = "/srv/vmail/alice"


def topped(*lines: str) -> units.Service:
    return units.service("\n".join([DOVECOT, *(f"{TOP}:{line}" for line in lines)]), "dovecot")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ((), ""),
        (("Restart=no",), ""),
        (("RuntimeMaxSec=infinity",), ""),
        (("RuntimeMaxSec=1d",), f"RuntimeMaxSec=1d with Restart=no ({TOP})"),
        (("RuntimeMaxSec=1d", "Restart=on-success"), f"RuntimeMaxSec=1d with Restart=on-success ({TOP})"),
        (("RuntimeMaxSec=1d", "Restart=on-failure"), ""),
        (("RuntimeMaxSec=1d", "Restart = always"), ""),
        (("RuntimeMaxSec=1d", "RuntimeMaxSec="), ""),
    ],
)
def test_how_long_a_server_may_run(lines: tuple[str, ...], found: str) -> None:
    assert topped(*lines).ends == found
    start = boot.Start((), (), LOOK, (("dovecot.service", found, LOOK),))
    verdict, said = all_say(boot.judged_ends(start), "")[0]
    assert verdict is (FAIL if found else PASS)
    assert f"expected left running, or started again, found {found or 'left running'}" in said


NAS = "ConditionPathIsMountPoint=/mnt/nas"


@pytest.mark.parametrize(
    ("lines", "by"),
    [
        ((), ""),
        (("ConditionPathExists=/etc/postfix/main.cf", "After=network-online.target", "Requires=mysql.service"), ""),
        ((NAS,), f"{NAS} ({TOP}), which may be missing"),
        ((NAS, f"False={NAS}"), f"{NAS} ({TOP}), which does not hold"),
        ((NAS, "ConditionPathIsMountPoint=", f"False={NAS}"), ""),
        (("ConditionPathIsMountPoint=/srv/vmail", "AssertPathIsMountPoint=!/mnt/nas"), ""),
        (("ConditionHost = old", "False= ConditionHost = old"), f"ConditionHost=old ({TOP}), which does not hold"),
        (("BindsTo=srv-vmail.mount",), ""),
        (("BindsTo=srv-vmail.mount mnt-nas.mount",), f"BindsTo=mnt-nas.mount ({TOP}), which may be missing"),
        (("Requisite=tailscaled.service",), f"Requisite=tailscaled.service ({TOP}), which may be missing"),
        (("TasksMax=99",), f"TasksMax=99 ({TOP}), and may need 100 processes"),
        (("TasksMax=100", "MemoryMax=256M"), ""),
        (("TasksMax=20", "TasksMax=infinity", "MemoryMax=48M", "MemoryMax=80%"), ""),
        (("MemoryMax=48M",), f"MemoryMax=48M ({TOP}), and may need 256M"),
        (("MemoryMax=50331648",), f"MemoryMax=50331648 ({TOP}), and may need 256M"),
        (("PrivateNetwork=yes",), f"PrivateNetwork=yes ({TOP}), which leaves it no network"),
        (("PrivateNetwork=yes", "PrivateNetwork=no"), ""),
        (("RestrictAddressFamilies=AF_UNIX AF_INET", "RestrictAddressFamilies=AF_INET6 AF_NETLINK"), ""),
        (("RestrictAddressFamilies=AF_UNIX AF_INET",), f"RestrictAddressFamilies leaves out AF_INET6 ({TOP})"),
        (("RestrictAddressFamilies=none",), f"RestrictAddressFamilies leaves out AF_INET AF_INET6 AF_UNIX ({TOP})"),
        (("RestrictAddressFamilies=~AF_INET6 AF_PACKET",), f"RestrictAddressFamilies leaves out AF_INET6 ({TOP})"),
        (("RestrictAddressFamilies=~AF_PACKET AF_NETLINK",), ""),
        (("RestrictAddressFamilies=AF_UNIX", "RestrictAddressFamilies="), ""),
        (("IPAddressDeny=any",), f"IPAddressDeny=any ({TOP}), which leaves it no network"),
        (("IPAddressDeny=0.0.0.0/0 ::/0",), f"IPAddressDeny=0.0.0.0/0 ::/0 ({TOP}), which leaves it no network"),
        (("IPAddressDeny=any", "IPAddressAllow=any"), ""),
    ],
)
def test_what_a_server_needs(lines: tuple[str, ...], by: str) -> None:
    found = topped(*lines).held(100, ["/srv/vmail"], ("AF_INET", "AF_INET6", "AF_UNIX"))
    assert found == by
    verdict, said = all_say(boot.judged_held(boot.Start((), (), LOOK, held=(("d.service", found, LOOK),))), "")[0]
    assert verdict is (FAIL if by else PASS)
    assert f"asks for nothing that may be missing, and has room, found {by or 'nothing holds it up'}" in said


@pytest.mark.parametrize(
    ("lines", "by"),
    [
        ((), ""),
        (("IPAddressDeny=multicast link-local",), ""),
        (("IPAddressDeny=any",), ""),
        (("IPAddressDeny=any", "IPAddressAllow=any"), ""),
        (("IPAddressDeny=any", "IPAddressAllow=localhost 10.0.0.0/8"), f"IPAddressDeny=any ({TOP})"),
        (("IPAddressDeny=104.30.0.0/19",), f"IPAddressDeny=104.30.0.0/19 ({TOP})"),
        (("IPAddressDeny=multicast", "IPAddressDeny=192.0.2.0/24"), f"IPAddressDeny=multicast 192.0.2.0/24 ({TOP})"),
        (("IPAddressDeny=192.0.2.0/24", "IPAddressDeny="), ""),
    ],
)
def test_who_is_kept_from_it(lines: tuple[str, ...], by: str) -> None:
    """Who is left out is not worked out here."""
    assert topped(*lines).filtered == by
    judged = all_say(boot.judged_held(boot.Start((), (), LOOK, filtered=(("d.service", by, LOOK),) if by else ())), "")
    said = f"d.service: who may reach it: expected everybody, as far as systemd goes, found {by}. {boot.REACHED}"
    assert judged == ([(UNKNOWN, said)] if by else [])


def test_what_set_property_leaves() -> None:
    """systemd.unit(5): system.control goes before a file of the same name of the administrator's."""
    control, own = (f"{each}/dovecot.service.d/50-TasksMax.conf" for each in (f"{ETC}.control", ETC))
    it = units.service(f"{DOVECOT}\n{own}:TasksMax=500\n{control}:TasksMax=20", "dovecot")
    assert it.held(100, ()) == f"TasksMax=20 ({control}), and may need 100 processes"


IDLE, OFF = "/etc/systemd/logind.conf:IdleAction=suspend", ("/etc/cron.d/x:1", "0 1 * * * root poweroff")
SUSPEND, WAKE = ("/etc/cron.d/x:2", "@daily root systemctl suspend"), ("/etc/cron.d/x:3", "@daily root rtcwake -m mem")
OUT = "Take the job out: while the machine is off no mail is taken; or waive this row, if it switches off another"
MASK = "systemctl mask sleep.target suspend.target hibernate.target: while it sleeps no mail is taken"


@pytest.mark.parametrize(
    ("idle", "found", "said"),
    [
        ((), (), "none"),
        ((IDLE,), (), f"{IDLE}. {MASK}"),
        ((IDLE, "masked"), (SUSPEND,), "none"),
        ((), (SUSPEND,), f"{SUSPEND[0]}: {SUSPEND[1]}. {OUT}"),
        (("masked",), (SUSPEND, WAKE), f"{WAKE[0]}: {WAKE[1]}. {OUT}"),
        (("masked",), (OFF,), f"{OFF[0]}: {OFF[1]}. {OUT}"),
        ((IDLE,), (OFF,), f"{IDLE}; {OFF[0]}: {OFF[1]}. {OUT}"),
    ],
)
def test_whether_it_stays_awake(idle: tuple[str, ...], found: tuple[tuple[str, str], ...], said: str) -> None:
    """Whoever masks sleep.target has not switched the job off that asks the kernel."""
    start = boot.Start((), idle, LOOK, off=jobs.Jobs(found, 3, LOOK))
    expected = "sleep: expected no idle action, and no job that switches it off, found"
    assert says(boot.judged_awake(start), "", 2) == (PASS if said == "none" else FAIL, f"{expected} {said}")


def test_where_nobody_may_search_the_jobs_only_sleep_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """As another account than root without sudo: all else is judged."""

    def refused(*_: object) -> jobs.Jobs:
        raise CouldNotAsk("only root may read what others' jobs do")

    monkeypatch.setattr(jobs, "search", refused)
    monkeypatch.setattr(boot, "_look", lambda *_: boot.Start((), (), LOOK))
    monkeypatch.setattr(boot, "_restarts", lambda *_: ())
    start = boot.look(Migration(settings_without_a_lab(), Secrets()))
    expected = "sleep: expected no idle action, and no job that switches it off, found"
    assert says(boot.judged_awake(start), "") == (UNKNOWN, f"{expected} only root may read what others' jobs do")
    assert says(boot.judged_awake(replace(start, sleeps=(IDLE,))), "") == (FAIL, f"{expected} {IDLE}. {MASK}")


@pytest.mark.parametrize(
    ("server", "line", "held", "filtered"),
    [
        ("dovecot", "IPAddressDeny=any\n{0}IPAddressAllow=localhost 100.64.0.0/10", False, False),
        ("postfix", "IPAddressDeny=any\n{0}IPAddressAllow=localhost 100.64.0.0/10", False, True),
        ("dovecot", "RestrictAddressFamilies=AF_UNIX AF_INET", False, False),
        ("postfix", "RestrictAddressFamilies=AF_UNIX AF_INET", True, False),
        ("dovecot", "RestrictAddressFamilies=AF_UNIX", True, False),
        ("dovecot", "IPAddressDeny=any", True, False),
    ],
)
def test_mail_comes_to_postfix_only(server: str, line: str, *, held: bool, filtered: bool) -> None:
    """Dovecot has it from Postfix, on the same machine: its users may be those of a tailnet."""
    at = f"{ETC}/{server}.service.d/own.conf:"
    own = f"{LIB}/{server}.service:[Service]\n{at}{line.format(at)}"
    text = f"=-=-= {server}\nstate enabled\n=-=-= files of units\n{own}\n"
    there: Any = SimpleNamespace(name="Dell", run=lambda *_, **__: Result((), 0, text, ""))
    start = boot._look(there, {"postfix": False, "dovecot": False}, "/etc/postfix", IPv6Address("2001:db8::1"))
    assert (bool(start.held[0][1]), bool(start.filtered)) == (held, filtered)


def test_postfix_does_with_less_memory() -> None:
    own = f"{LIB}/postfix.service:[Service]\n{LIB}/postfix.service:MemoryMax=48M"
    assert not units.service(own, "postfix").held(100, ())


@pytest.mark.parametrize(
    ("line", "by"),
    [
        ("ExecStart=/usr/sbin/postfix -c /etc/postfix.old start", "postfix -c /etc/postfix.old"),
        ("ExecStart=/usr/lib/postfix/sbin/master -w -c/etc/postfix.old", "master -w -c/etc/postfix.old"),
        ('Environment="MAIL_CONFIG=/srv/postfix"', "MAIL_CONFIG=/srv/postfix"),
        ("ExecStart=/usr/sbin/postfix -c /etc/postfix/ start", ""),
        ("ExecStart=/usr/sbin/postmulti -i - -p start", ""),
        ("ExecStart=/bin/sh -c /usr/local/bin/start-postfix", ""),
    ],
)
def test_postfix_is_started_with_another_configuration(line: str, by: str) -> None:
    own = f"{LIB}/postfix.service:[Service]\n{ETC}/postfix.service.d/own.conf:{line}"
    found = units.service(own, "postfix").reads_else("/etc/postfix")
    assert found == (
        f"{by} ({ETC}/postfix.service.d/own.conf), and not the configuration in /etc/postfix" if by else ""
    )


def test_what_the_distribution_itself_asks_for() -> None:
    own = f"{LIB}/dovecot.service:BindsTo=tmp.mount\n{LIB}/dovecot.service:ConditionPathIsMountPoint=/x"
    assert not units.service(f"{DOVECOT}\n{own}", "dovecot").held(100, ())


@pytest.mark.parametrize(
    ("lines", "by"),
    [
        ((), ""),
        (("ReadOnlyPaths=/etc /usr",), ""),
        (("ReadOnlyPaths=/etc", "ReadOnlyPaths=-/srv"), "ReadOnlyPaths=-/srv"),
        (("ReadOnlyPaths=/srv", "ReadOnlyPaths="), ""),
        (("ReadOnlyPaths=/srv", "ReadWritePaths=/srv/vmail"), ""),
        (("ReadOnlyPaths=/", "ReadWritePaths=/var /run"), "ReadOnlyPaths=/"),
        (("ReadOnlyPaths=/", "ReadWritePaths=%S/mail"), ""),
        (("InaccessiblePaths=/srv/vmail", "ReadWritePaths=/srv/vmail"), "InaccessiblePaths=/srv/vmail"),
        (("TemporaryFileSystem=/srv:ro", "BindPaths=/disk/vmail:/srv/vmail"), ""),
        (("TemporaryFileSystem=/srv:ro",), "TemporaryFileSystem=/srv:ro"),
        (("ProtectSystem=strict",), "ProtectSystem=strict"),
        (("ProtectSystem=strict", "ReadWritePaths=/srv /run"), ""),
        (("ProtectHome=yes",), ""),
        (("StateDirectory=mail",), ""),
    ],
)
def test_where_a_server_may_write(lines: tuple[str, ...], by: str) -> None:
    assert topped(*lines).shuts(MAIL) == (f"{by} ({TOP})" if by else "")


@pytest.mark.parametrize(("leads", "closed"), [("/srv/vmail/alice", True), ("/disk/alice", False)])
def test_a_link_on_the_way_to_a_mailbox(leads: str, closed: bool) -> None:
    """Which of the two a file names nobody knows: closed is what both are."""
    text = f"{DOVECOT}\n{TOP}:ReadOnlyPaths=/srv"
    it = durability._service("dovecot", {MAIL: leads}, {"files of units": text}, "Dell", Look())
    assert bool(it.closed) is closed


def test_homes_and_states() -> None:
    assert topped("ProtectHome=read-only").shuts("/run/user/8/Maildir") == f"ProtectHome=read-only ({TOP})"
    assert not topped("ProtectHome=no").shuts("/run/user/8/Maildir")
    assert not topped("ProtectSystem=strict", "StateDirectory=mail").shuts("/var/lib/mail/alice")


def test_which_file_counts() -> None:
    whole = f"{DOVECOT}\n{LIB}/dovecot.service:RuntimeMaxSec=1h\n"
    assert units.service(whole, "dovecot").ends
    assert not units.service(f"{whole}{ETC}/dovecot.service:[Service]", "dovecot").ends
    two = f"{LIB}/dovecot.service.d/a.conf:RuntimeMaxSec=1h\n{ETC}/dovecot.service.d/a.conf:RuntimeMaxSec=infinity"
    assert not units.service(f"{DOVECOT}\n{two}", "dovecot").ends
    later = f"{LIB}/dovecot.service.d/z.conf:RuntimeMaxSec=1h\n{ETC}/dovecot.service.d/a.conf:RuntimeMaxSec=infinity"
    assert units.service(f"{DOVECOT}\n{later}", "dovecot").ends
    assert units.service("", "postfix") == units.Service("postfix.service", {})


def test_where_postfix_is_run_by_an_instances_unit() -> None:
    """As in Debian 12, whose postfix.service runs /bin/true."""
    text = f"{LIB}/postfix.service:ExecStart=/bin/true\n{LIB}/postfix@.service:[Service]\n"
    text += f"{ETC}/postfix.service.d/a.conf:RuntimeMaxSec=1h\n"
    assert units.service(text, "postfix") == units.Service("postfix@-.service", {})
    for name in ("postfix@-.service", "postfix@.service"):
        it = units.service(f"{text}{ETC}/{name}.d/a.conf:RuntimeMaxSec=1h\n", "postfix")
        assert it.ends == f"RuntimeMaxSec=1h with Restart=no ({ETC}/{name}.d/a.conf)"


def test_what_is_closed_or_cleared_is_named() -> None:
    closed = durability.Service("dovecot.service", ((MAIL, "ReadOnlyPaths=/srv (a)"), ("/srv/b", "x")), LOOK)
    where = (durability.Folder("mailbox b", "/tmp/b", "ext2/ext3", "/tmp"),)
    it = durability.Kept((), where, ("always",), LOOK, LOOK, (), (closed, durability.Service("p", (), LOOK)))
    (cleared, folder), (shut, service), (fine, other), _ = all_say(durability.judged(it), "")
    assert (cleared, shut, fine) == (FAIL, FAIL, PASS)
    assert "mailbox b: /tmp/b: expected on a disk, found in /tmp, which is cleared by itself. It is empty" in folder
    assert f"open to it, found ReadOnlyPaths=/srv (a) closes {MAIL} and 1 more. Take that out" in service
    assert other == "p: expected where its mail lies, open to it, found nothing closes it"


@pytest.mark.parametrize(
    ("path", "above"), [("/tmp/a", "/tmp"), ("/var/tmp/a/b", "/var/tmp"), ("/tmpfiles/a", ""), (MAIL, "")]
)
def test_what_is_cleared(path: str, above: str) -> None:
    (it,) = durability._cleared((durability.Folder("", path, "ext4"),))
    assert it.cleared == above


ADDRESS = IPv6Address("2001:db8::10")
NOW = (
    f"at {int(ADDRESS):032x} 02 40 00 80     eth0\n"
    "now /proc/sys/net/ipv6/conf/all/disable_ipv6:0\nnow /proc/sys/net/ipv6/conf/eth0/disable_ipv6:0\n"
    "now /proc/sys/net/ipv6/conf/lo/disable_ipv6:1\n"
)
A, Z = "/etc/sysctl.d/10-a.conf", "/usr/lib/sysctl.d/90-z.conf"
ALL = "net.ipv6.conf.all.disable_ipv6"


@pytest.mark.parametrize(
    ("lines", "by"),
    [
        ((), ""),
        ((f"{A}:{ALL} = 1",), f"{ALL} = 1 ({A})"),
        ((f"{A}:-net/ipv6/conf/eth0/disable_ipv6=1",), f"net/ipv6/conf/eth0/disable_ipv6=1 ({A})"),
        ((f"{A}:net.ipv6.conf.lo.disable_ipv6 = 1",), ""),
        ((f"{A}:net.ipv6.conf.eth1.disable_ipv6 = 1",), ""),
        ((f"{A}:net.ipv6.conf.default.disable_ipv6 = 1",), ""),
        ((f"{A}:{ALL} = 0",), ""),
        ((f"{A}:{ALL} = 1", f"{A}:net.ipv6.conf.eth0.disable_ipv6 = 0"), ""),
        ((f"{Z}:{ALL} = 0", f"{A}:{ALL} = 1"), ""),
        ((f"{Z}:{ALL} = 1", f"{A}:{ALL} = 0"), f"{ALL} = 1 ({Z})"),
        ((f"/usr/lib/sysctl.d/10-a.conf:{ALL} = 1",), ""),
    ],
)
def test_what_switches_ipv6_off(lines: tuple[str, ...], by: str) -> None:
    text = NOW + "".join(f"file {each}\n" for each in (A, "/usr/lib/sysctl.d/10-a.conf", Z))
    text += "".join(f"set {each}\n" for each in lines)
    assert ipv6_switch.off(text, ADDRESS) == by
    assert not ipv6_switch.off(text, None)
    assert not ipv6_switch.off(text.replace("eth0/disable_ipv6:0", "eth0/disable_ipv6:1"), ADDRESS)
    verdict, said = says(ipv6_switch.judged(by, ADDRESS, LOOK), "")
    found = f"off: {by}. Take the line out" if by else "nothing switches it off"
    assert verdict is (FAIL if by else PASS)
    assert said.startswith(f"IPv6 ({ADDRESS}): expected on after the next start, found {found}")


def test_ipv6_where_dell_has_none() -> None:
    assert ipv6_switch.judged("", None, LOOK).verdict is ABSENT
    assert not ipv6_switch.off("", ADDRESS)


LOG = "/var/log/mail.log"
TELLS_SYSLOG = "postrotate\n  /usr/lib/rsyslog/rsyslog-rotate\nendscript"


@pytest.mark.parametrize(
    ("file", "text", "lost"),
    [
        (LOG, f"{LOG} {{\n  daily\n  create\n}}", True),
        (LOG, f"/var/log/*.log {{\n  weekly\n{TELLS_SYSLOG}\n}}", True),
        (LOG, f"/var/log/syslog\n{LOG}\n{{\n  weekly\n{TELLS_SYSLOG}\n}}", True),
        (LOG, f'"{LOG}" /var/log/x {{\n  daily\n  copytruncate\n}}', False),
        (LOG, f"{LOG} {{\n  daily\n  postrotate\n    postfix reload >/dev/null\n  endscript\n}}", False),
        (LOG, f"{LOG} {{\n  postrotate\n    if [ -x /x ]; then {{\n}}\n    /usr/local/bin/own\n  endscript\n}}", False),
        (LOG, "/var/log/apt/*.log {\n  daily\n}", False),
        (LOG, "weekly\ncreate\n# copytruncate", False),
        ("/var/log/postfix", f"{LOG} {{\n  daily\n}}", False),
    ],
)
def test_whether_the_log_goes_on(file: str, text: str, lost: bool) -> None:
    said = f"{file}\nfile /etc/logrotate.conf\nweekly\ninclude /etc/logrotate.d\nfile /etc/logrotate.d/x\n{text}"
    it = log_rotation.rotated(said, Look())
    assert it is not None
    assert it.lost is lost
    verdict, line = says(log_rotation.judged(replace(it, evidence=LOOK)), "")
    found = "/etc/logrotate.d/x renames it and tells Postfix nothing. Postfix" if lost else "nothing that ends it"
    assert verdict is (FAIL if lost else PASS)
    assert line.startswith(f"Postfix's log {file}: expected goes on when it is rotated, found {found}")
    everywhere = log_rotation.rotated(said.replace("weekly\ninclude", "copytruncate\ninclude"), Look())
    assert everywhere is not None
    assert not everywhere.lost


@pytest.mark.parametrize("file", ["", "/dev/stdout"])
def test_where_another_writes_the_log(file: str) -> None:
    assert log_rotation.rotated(f"{file}\nfile /x\n{LOG} {{\n}}", Look()) is None
    assert log_rotation.judged(None).verdict is ABSENT
