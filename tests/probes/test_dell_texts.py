"""What Dell's files and commands print, read without a Dell: tables, rulesets, jails, aliases, restrictions."""

import ipaddress
import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.access import transport
from fixtures.evidence import CouldNotAsk, Evidence, redact
from fixtures.gates import dellparts
from fixtures.gates.drift import hosts
from fixtures.gates.present import POSTFIX as DELLS, differences
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import allow_list, backups, bans, certificate_renewal, filters, postfix, system_names
from fixtures.probes.logs import postfix_log
from fixtures.probes.smtp import client_addresses
from fixtures.settings import Secrets, Transport
from tests.test_route import by_worker

FOUR, SIX, EC2 = (ipaddress.ip_network(each) for each in ("104.30.0.0/19", "2405:8100:c000::/38", "100.64.10.1/32"))
FAIL2BAN = """\
=-=-= fail2ban
Status
|- Number of jail:	2
`- Jail list:	postfix, sshd
=-=-= jail postfix
--- logpath
`- /var/log/mail.log
--- journalmatch
No journal match filter set
--- ignoreip
These IP addresses/networks are ignored:
|- 127.0.0.0/8
|- 104.30.0.0/17
`- ::1
--- banned
100.64.10.1
=-=-= jail sshd
--- logpath
`- /var/log/auth.log
--- ignoreip
No IP address/network is ignored
"""
ITS_CROWDSEC = """\
=-=-= crowdsec
--- bouncers
name,ip
nft,127.0.0.1
--- decisions
id,scope
1,Ip:104.30.1.1
--- spared
whitelist:
  cidr: ["104.30.0.0/19", "2405:8100:c000::/38", 100.64.0.0/10]
"""
ITS_SSHGUARD = """\
=-=-= sshguard
--- spared
-w 100.64.10.1
127.0.0.0/8
104.30.0.0/19
"""
JAIL = FAIL2BAN + ITS_CROWDSEC + ITS_SSHGUARD


def test_jails_and_decisions_say_which_addresses_they_could_ban() -> None:
    bans_by_name = {each.what: each for each in bans.judge(JAIL, (FOUR, SIX, EC2))}
    assert bans_by_name["fail2ban's jail postfix"].touches == (SIX, EC2)
    assert bans_by_name["fail2ban's jail sshd"].touches == ()
    assert bans_by_name["CrowdSec"].touches == (FOUR,)
    assert bans_by_name["sshguard"].touches == (SIX,)


NAMED = "=-=-= fail2ban\n`- Jail list:\tpostfix\n=-=-= jail postfix\n"
JAIL_OF_ALL = f"{NAMED}--- ignoreip\n100.64.10.1\n--- banned\n203.0.113.9\n"
BY_PORT = "--- port nftables\n{0}\n--- rules nftables\nnft add rule $proto dport {{ $(echo '{0}' | sed s/:/-/g) }}\n"
ALL_PORTS = "--- port ufw\nsmtp\n--- rules ufw\nufw prepend reject from <ip> to any\n"
MAILS = "--- port sendmail-whois\n--- rules sendmail-whois\nprintf Hi | sendmail root\n"
SPARES = "=-=-= crowdsec\n--- bouncers\nname\nnft\n--- decisions\n{}\n--- spared\n100.64.10.1 program == '{}/smtpd'\n"
READS = "=-=-= sshguard\n--- spared\n100.64.10.1\n--- reads\n{}\n"
AT_2465 = bans.Worker(frozenset({2465}), (ipaddress.ip_network("203.0.113.9/32"),))


@pytest.mark.parametrize(
    ("text", "verdict", "says"),
    [
        (JAIL_OF_ALL + BY_PORT.format("smtp,465,submission") + MAILS, "pass", ""),
        (JAIL_OF_ALL + BY_PORT.format("25,2000:3000"), "fail", "bans 203.0.113.9/32, from where the Worker's login"),
        (JAIL_OF_ALL.replace("203.0.113.9", "") + BY_PORT.format("smtp,2465"), "fail", "could ban the Worker"),
        (JAIL_OF_ALL.replace("203.0.113.9", "") + BY_PORT.format("mysterious"), "fail", "could ban the Worker"),
        (JAIL_OF_ALL + BY_PORT.format("smtp") + ALL_PORTS, "fail", "from where the Worker's login"),
        (JAIL_OF_ALL + MAILS.replace("sendmail", "route"), "fail", "from where the Worker's login"),
        (JAIL_OF_ALL, "fail", "from where the Worker's login"),
        (JAIL_OF_ALL.replace("postfix", "sshd") + BY_PORT.format("ssh"), "pass", "nothing of mail"),
        (JAIL_OF_ALL.replace("postfix", "sshd") + ALL_PORTS, "fail", "from where the Worker's login"),
        (SPARES.format("", "postfix/worker"), "pass", ""),
        (SPARES.replace("program", "# program").format("", "postfix/worker"), "inconclusive", "could ban the Worker"),
        (SPARES.format("", "postfix"), "inconclusive", "could ban the Worker"),
        (SPARES.format("1,Ip:203.0.113.9", "postfix/worker"), "fail", "from where the Worker's login"),
        (READS.format('LOGREADER="journalctl -afb -n1 -t sshd -o cat"'), "pass", ""),
        (READS.format('LOGREADER="journalctl -afb -n1 -o cat"'), "inconclusive", "could ban the Worker"),
        (READS.format('FILES="/var/log/auth.log /var/log/mail.log"'), "inconclusive", "could ban the Worker"),
        ("=-=-= traces\nf2b-table\n", "fail", "could ban 100.64.10.1/32; could ban the Worker"),
    ],
)  # fmt: skip
def test_what_can_ban_a_worker_spares_its_port_or_its_lines(text: str, verdict: str, says: str) -> None:
    """Cloudflare lists no addresses that it comes from, so none can be spared by its address."""
    banners = (each for each in bans.judge_all({"": text}, (EC2,), AT_2465) if not each.absent)
    (found,) = (each.judged(Evidence("Dell", ""), (EC2,)) for each in banners)
    assert (found.verdict.value, says in found.found) == (verdict, True), found
    assert verdict == "pass" or ("and the Worker" in found.expected and "without the ports of [route]" in found.hint)


@pytest.mark.parametrize(
    ("way", "found"),
    [
        ('listen = "192.0.2.1:2466"', bans.Worker(frozenset({2465, 2466}), AT_2465.seen)),
        ('listen = "192.0.2.1:2466"\nunit = "way.service"', bans.NO_WORKER),
    ],
)
def test_a_worker_comes_with_its_own_address_where_no_unit_makes_its_way(
    monkeypatch: pytest.MonkeyPatch, way: str, found: bans.Worker
) -> None:
    lines = (
        f"Nov 30 10:00:00 dell postfix/worker/smtpd[1]: {n}ABCDEF0123: client=unknown[{client}], sasl_method=PLAIN, "
        f"sasl_username={user}@pilot.example.net\n"
        for n, (client, user) in enumerate((("203.0.113.9", "worker"), ("203.0.113.9", "worker"), ("::9", "alice")), 1)
    )
    log = postfix_log.parse("".join(lines))
    monkeypatch.setattr(postfix_log, "read", lambda *_, **__: log)
    settings = by_worker('kind = "worker"', f'kind = "worker"\n{way}')
    assert bans.the_worker(Migration(settings, Secrets())) == found


NOBODY = "=-=-= fail2ban\nabsent\n=-=-= crowdsec\nabsent\n=-=-= sshguard\nabsent\n=-=-= traces\n"
DOCKERS = (
    "=-=-= fail2ban\nabsent\n=-=-= crowdsec\n--- bouncers\nname\nnft\n--- spared\n104.30.0.0/19 2405:8100:c000::/38\n"
)


@pytest.mark.parametrize(
    ("host", "inside", "red"),
    [
        ("", {"mail": ""}, {}),
        ("f2b-postfix", {"mail": ""}, {"fail2ban": (FOUR, SIX)}),
        ("CROWDSEC_CHAIN\ncrowdsec-blacklists", {}, {"CrowdSec": (FOUR, SIX)}),
        ("crowdsec", {"mail": "", "other": DOCKERS}, {}),
        ("crowdsec6", {"other": DOCKERS.replace("104.30.0.0/19", "")}, {"CrowdSec in the container other": (FOUR,)}),
        ("f2b-postfix", {"other": FAIL2BAN}, {"fail2ban's jail postfix in the container other": (SIX,)}),
        ("", {"mail": FAIL2BAN + ITS_CROWDSEC}, {
            "fail2ban's jail postfix in the container mail": (SIX,), "CrowdSec in the container mail": (FOUR,),
        }),
        ("f2b-sshd", {"mail": "=-=-= fail2ban\nno"}, {"fail2ban": (FOUR, SIX)}),
    ],
)  # fmt: skip
def test_programs_in_containers_are_asked_too(
    monkeypatch: pytest.MonkeyPatch, host: str, inside: dict[str, str], red: dict[str, object]
) -> None:
    """The container of mail is asked always; another where a trace of a program stands that nobody has."""

    def run(*argv: str, **_: bool) -> Any:
        said = " ".join(inside) if argv[2] == bans._NAMES else NOBODY + host
        return SimpleNamespace(stdout=inside[argv[3]] if argv[1] == "exec" else said)

    machine = SimpleNamespace(name="Dell", run=run)
    mail = SimpleNamespace(run=lambda *_: SimpleNamespace(stdout=inside.get("mail", "")), machine=machine)
    for where, name in (("dell", "mail"), ("dovecot", "")):
        there = SimpleNamespace(run=mail.run, machine=machine, transport=SimpleNamespace(container=name))
        monkeypatch.setattr(bans, where, lambda _, there=there: there)
    found = bans.look(Migration(settings_without_a_lab(), Secrets()), (FOUR, SIX)).banners
    assert {each.what: each.touches for each in found if each.touches} == red


def test_the_machines_own_sshguard_is_judged_by_its_own_whitelist() -> None:
    said = {"": ITS_SSHGUARD, "mail": "=-=-= sshguard\n--- spared\n--- banned\n"}
    assert not [each for each in bans.judge_all(said, (FOUR,)) if each.touches]


def test_a_table_of_clients_is_read_line_by_line() -> None:
    text = "# note\n104.30.0.0/19 OK\n2405:8100:c000::/38\tOK\n10.0.0.0/8 REJECT\n\n203.0.113.20 OK\n"
    networks, barred, odd = allow_list.parse(f"{text}104.30.0.1/19 OK\nif x\n")
    assert [str(each) for each in networks] == ["104.30.0.0/19", "2405:8100:c000::/38", "203.0.113.20/32"]
    assert [(place, str(each)) for place, each in barred] == [(2, "10.0.0.0/8")]
    assert odd == ("104.30.0.1/19 OK", "if x")
    assert allow_list.parse("") == ((), (), ())


@pytest.mark.parametrize(
    ("text", "kept_out"),
    [
        ("104.30.0.0/19 OK\n0.0.0.0/0 REJECT\n", []),
        ("104.30.5.0/24 REJECT\n104.30.0.0/19 OK\n", ["104.30.5.0/24"]),
        ("104.30.5.0/24 DUNNO\n104.30.0.0/19 OK\n", ["104.30.5.0/24"]),
        ("104.30.0.0/20 OK\n0.0.0.0/0 REJECT\n104.30.0.0/19 OK\n", ["0.0.0.0/0"]),
        ("10.0.0.0/8 REJECT\n::/0 REJECT\n104.30.0.0/19 OK\n", []),
    ],
)
def test_the_first_line_that_holds_an_address_decides(text: str, kept_out: list[str]) -> None:
    table = allow_list.Table("t", *allow_list.parse(text), Evidence("t", "t"))
    assert [str(each) for each in table.kept_out(FOUR)] == kept_out


def test_addresses_are_the_same_however_they_are_written() -> None:
    assert client_addresses.same("2405:8100:c000:0::1", "2405:8100:C000::1")
    assert client_addresses.same("::ffff:104.30.0.1", "104.30.0.1")
    assert not client_addresses.same("172.20.0.1", "104.30.0.1")
    assert not client_addresses.same("unknown", "104.30.0.1")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("apikey:SG.x-y_z", []),
        (None, ["no entry"]),
        ("apikey:SG.x        # the key", ["a blank", "a #"]),
        ("apikey", ["form user:password"]),
        (":", ["form user:password"]),
        ("apikey:é", ["printable ASCII"]),
        ("apikey:x\r", ["a blank", "printable ASCII"]),
    ],
)
def test_a_password_is_judged_by_its_form(value: str | None, words: list[str]) -> None:
    faults = backups.form(value)
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))
    assert not any("SG." in fault or "key" in fault for fault in faults)


def test_an_alias_file_is_read_with_its_folds_and_quotes() -> None:
    text = (
        '# head\nPostmaster: root\nroot: alice,\n  bob\n"news desk": |"/bin/filter -x"\n'
        "nobody:\n  /dev/null\nbroken line\n"
    )
    assert system_names.parse(text) == {
        "postmaster": "root", "root": "alice, bob", "news desk": '|"/bin/filter -x"', "nobody": "/dev/null",
    }  # fmt: skip
    assert system_names.parse("") == {}


def test_restrictions_are_read_with_arguments_braces_and_classes() -> None:
    value = (
        "permit_mynetworks,check_client_access,cidr:/etc/a, odd, check_policy_service { unix:private/p,\n timeout=10s }"
        " reject_rbl_client zen.example.net=127.0.0.[2..11] permit_sasl_authenticated reject_unauth_destination"
    )
    assert list(filters.judging(value, {"odd": "reject_unknown_reverse_client_hostname, permit"})) == [
        "check_client_access cidr:/etc/a",
        "reject_unknown_reverse_client_hostname",
        "check_policy_service { unix:private/p, timeout=10s }",
        "reject_rbl_client zen.example.net=127.0.0.[2..11]",
    ]
    circle = {"outer": "inner", "inner": "outer, reject_unverified_sender"}
    assert list(filters.judging("outer", circle)) == ["reject_unverified_sender"]
    listed = "REJECT_RBL_Client zen.example.net"
    assert list(filters.judging(f"{listed}, PERMIT", {})) == [listed]
    tables = "permit_mynetworks, hash:/etc/postfix/access proxy:mysql:/etc/postfix/senders.cf"
    assert list(filters.judging(tables, {})) == ["hash:/etc/postfix/access", "proxy:mysql:/etc/postfix/senders.cf"]
    assert list(filters.judging("", {})) == []
    assert list(filters.judging("check_policy_service", {})) == ["check_policy_service "]


def test_a_line_names_ec2_and_nothing_longer() -> None:
    name, four, six = "mail.own.example", "100.64.10.1", "2001:db8:e::20"
    assert certificate_renewal.named(f"scp root@{four}:/etc/x.pem /etc", four)
    assert certificate_renewal.named("curl https://MAIL.own.example/x.pem", name)
    assert certificate_renewal.named(f"ssh {six} cat", six)
    assert not certificate_renewal.named(f"scp {four}1:/x y; scp 1{four}:/x", four)
    assert not certificate_renewal.named(f"old.{name} {name}.net {name}-2", name)
    assert not certificate_renewal.named(f"{six}:1", six)


def test_a_client_is_run_by_a_job_or_by_a_program_that_a_job_runs() -> None:
    of_certbot = ("client", "/etc/letsencrypt/renewal/dell.conf", "authenticator = dns-cloudflare")
    of_acme = ("client", "~/.acme.sh/dell.own.example/dell.own.example.conf", "Le_Domain='dell.own.example'")
    hook = ("client", "/etc/letsencrypt/renewal-hooks/deploy/reload", "systemctl reload postfix")
    cron = ("job", "/etc/cron.d/certbot", "0 4 * * * root certbot -q renew")
    service = ("program", "/etc/systemd/system/certbot.service", "ExecStart=certbot renew")
    wrapper = ("program", "/usr/local/bin/renew-certs", "certbot renew --post-hook reload")
    wrapped = ("job", "/etc/cron.daily/mail", "renew-certs")
    assert certificate_renewal.idle((of_certbot, of_acme, cron)) == ("acme.sh",)
    assert certificate_renewal.idle((of_certbot, service)) == ("certbot",)
    assert certificate_renewal.idle((of_certbot, wrapper)) == ("certbot",)
    assert certificate_renewal.idle((of_certbot, wrapper, wrapped)) == ()
    assert certificate_renewal.idle((hook,)) == ()
    off = ("job", "/etc/cron.d/certbot", "# 0 4 * * * root certbot -q renew")
    debians = ("job", "/etc/cron.d/certbot", "0 4 * * * root test ! -d /run/systemd/system && certbot -q renew")
    systemd = ("systemd", "/run/systemd/system", "runs")
    snap = ("job", "/etc/systemd/system/snap.certbot.renew.service", "ExecStart=/usr/bin/snap run certbot.renew")
    assert certificate_renewal.idle((of_certbot, snap)) == ()
    assert certificate_renewal.idle((of_certbot, off)) == ("certbot",)
    assert certificate_renewal.idle((of_certbot, debians)) == ()
    assert certificate_renewal.idle((of_certbot, debians, systemd)) == ("certbot",)


def test_what_is_read_of_clients(tmp_path: Path) -> None:
    """A hook, whatever it is called, and no key; an account's URL, where dehydrated keeps it."""
    url = "https://acme.example/acct/1"
    texts = {
        "etc/letsencrypt/renewal/a.conf": "manual_auth_hook = /opt/token-hook\nkey = s3cret\nDNS_x_Token = s3cret\n",
        "etc/dehydrated/accounts/YWNtZQ/account_id.json": f'{{"url":"{url}"}}\n',
        "var/lib/dehydrated/accounts/YWNtZQ/account_id.json": f'{{"url":"{url}2"}}\n',
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    script = re.sub(r"(?<![\w/*~]) ?(/(?:etc|var|run|usr)/)", rf" {tmp_path}\1", certificate_renewal._READ)
    assert not re.search(r"sed[^\n]*/I", script), "BusyBox's sed has no such flag, and prints nothing"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)})
    assert [(kind, text) for kind, _, text in certificate_renewal.parts(done.stdout)] == [
        ("client", "manual_auth_hook = /opt/token-hook"),
        ("account", f"{url}2"),
        ("account", url),
    ]


def test_names_that_must_be_reached_over_http() -> None:
    webroot = "[renewalparams]\nauthenticator = webroot\n[[webroot_map]]\nmail.own.example = /var/www\n"
    assert certificate_renewal.challenged(webroot) == ("mail.own.example",)
    assert certificate_renewal.challenged("[renewalparams]\nauthenticator = dns-cloudflare\ncert = /etc/x.pem\n") == ()
    acme = "Le_Domain='dell.own.example'\nLe_Alt='no'\nLe_Webroot='{}'\n"
    assert certificate_renewal.challenged(acme.format("/var/www")) == ("dell.own.example",)
    assert certificate_renewal.challenged(acme.format("dns_cf")) == ()
    assert certificate_renewal.challenged("") == ()
    assert certificate_renewal.parts("") == ()
    found = certificate_renewal.parts("=-=-= client /a\nx\n=-=-= clock /b\n")
    assert found == (("client", "/a", "x"), ("clock", "/b", ""))


POSTFIX = """\
#!/bin/sh
exec 2>&1
%s
[ "$1" != check ] || echo "postfix/postfix-script: warning: group or other writable: /etc/postfix/./master.cf"
"""
ONLY_THERE = "[ -t 2 ] || exit 0"
LOGINS = """\
smtp_sasl_password_maps = {maps}
relay/unix/smtp_sasl_password_maps = inline:{{ {{[b.example]:587 = me@b.example:Hunter2 b:b}}, c.example=me:Hunter2c }}
relay      unix  -       -       y       -       -       smtp -o smtp_sasl_password_maps=static:me@d.example:Hunter2d
"""


@pytest.mark.parametrize(
    "maps",
    [
        "static:me@a.example:Hunter2a",
        "static:{me:Hunter2 a}",
        "hash:/x, unionmap:{static:me:Hunter2a}",
        "inline:{{x=u:Hunter2x},{y=u:Hunter2y}}",
        "inline:{{x=u:Hunter2x}, y = u:Hunter2y}",
    ],
)
def test_logins_in_main_cf_itself_are_not_shown(maps: str) -> None:
    said = LOGINS.format(maps=maps)
    main, overrides, services = said.splitlines(keepends=True)
    parts = {"values": main, "main": main, "services": services, "overrides": overrides, "expanded": overrides}
    parts |= {"files": "", "running": ""}
    printed = "".join(f"=-=-= {name}\n{text}" for name, text in parts.items())
    host: Any = SimpleNamespace(name="Dell", run=lambda *_, **__: SimpleNamespace(stdout=printed, stderr=""))
    found = postfix.configuration(host)
    assert found.values["smtp_sasl_password_maps"] == maps, "it is judged as it is"
    assert "Hunter2" not in repr(found.evidence)
    host.run = lambda *_: SimpleNamespace(stdout=main, stderr="")
    assert "Hunter2" not in repr(postfix.parameters(host, ["smtp_sasl_password_maps"]).evidence)
    kept, other = (dict(dellparts.postfix(each)) for each in (said, said.replace("Hunter2c", "x")))
    assert "Hunter2" not in repr(kept)
    changed_one = "override relay/unix/smtp_sasl_password_maps"
    assert kept[changed_one] != other[changed_one]
    (changed,) = differences({DELLS: main.replace("Hunter2", "Hunter3")}, {DELLS: main.replace("Hunter2", "Hunter4")})
    assert "Hunter" not in changed
    drifted, _ = hosts.postfix(f"=-=-= postfix\n{said}their = {maps.rpartition('static:')[2].strip('{}')}\n")
    assert "Hunter2" not in redact(repr(drifted))


def test_a_login_by_a_name_of_its_own_is_none_the_less_one() -> None:
    """And a relay host that stands as its key is none, though Postfix can't read the table."""
    said = "ours = me@b.example:Hunter2x\nsmtp_sasl_password_maps = static:${ours}\n"
    assert "Hunter2" not in repr(dict(dellparts.postfix(said)))
    was, now = ({DELLS: said.replace("Hunter2", each)} for each in ("Hunter3", "Hunter4"))
    assert "Hunter" not in differences(was, now)[0]
    unreadable = "smtp_sasl_password_maps = inline:{ [smtp.b.example]:2525 apikey:SG.x }"
    assert list(dellplan.logins(unreadable)) == ["apikey:SG.x"]


def test_a_tables_password_in_main_cf_is_not_shown_either() -> None:
    """As Postfix still reads it there (mysql_table(5), ldap_table(5): backwards compatibility)."""
    said = "virtual_alias_maps = mysql:acc ldap:dir\nacc_password = Hunter5x\ndir_bind_pw = Hunter5 x\n"
    kept = dict(dellparts.postfix(said))
    assert "Hunter5" not in repr(kept)
    assert kept["parameter acc_password"] != dict(dellparts.postfix(said.replace("5x", "6")))["parameter acc_password"]
    (changed,) = differences({DELLS: said}, {DELLS: said.replace("Hunter5", "Hunter6")})
    assert "Hunter" not in changed


@pytest.mark.parametrize(
    ("version", "says", "tools", "found"),
    [
        ("3.10.13", "", "sh env", "master.cf"),
        ("3.8.0", "", "sh env", "master.cf"),
        ("3.7.11", ONLY_THERE, "sh env script", "master.cf"),
        ("3.5.25", ONLY_THERE, "sh env script", "master.cf"),
        ("3.7.11", ONLY_THERE, "sh env", ""),
        ("3.7.11", "echo fatal; exit 1", "sh env", "fatal"),
        ("3.10.13", "echo fatal; exit 1", "sh env", "fatal"),
    ],
)
def test_a_postfix_that_warns_only_at_a_terminal(  # noqa: PLR0917 - pytest gives each by its name
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str, says: str, tools: str, found: str
) -> None:
    """As that of Debian 11 and 12."""
    for name, text in (("postfix", POSTFIX % says), ("postconf", f"#!/bin/sh\necho {version}\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for tool in tools.split():
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    monkeypatch.setenv("PATH", str(tmp_path))
    here = transport.shell("Dell", Transport(kind="local"))
    if not found:
        with pytest.raises(CouldNotAsk, match="only to a terminal"):
            postfix.check(here)
        return
    said = postfix.check(here).said
    assert found in said
    assert said.count("warning") <= 1


ITS_POSTFIX = """\
=-=-= values
mx_restrictions =
smtpd_sender_restrictions = permit
=-=-= main
=-=-= services
smtp inet n - y - - smtpd -o smtpd_sender_restrictions=$mx_restrictions -o mx_restrictions=reject_rbl_client,bl.example
=-=-= overrides
smtp/inet/smtpd_sender_restrictions = $mx_restrictions
smtp/inet/mx_restrictions = reject_rbl_client,bl.example
=-=-= expanded
smtp/inet/smtpd_sender_restrictions = reject_rbl_client,bl.example
smtp/inet/mx_restrictions = reject_rbl_client,bl.example
=-=-= files
/etc/postfix/main.cf|81a4|root|root|9|90.5|100.5
/var/spool/postfix/pid/master.pid|8180|root|root|33|50.5|50.5
/etc/postfix/mxgate.read|81a4|root|root|9|100.0|130.5
=-=-= running
"""


def its_postfix(said: str) -> postfix.Configuration:
    shell = SimpleNamespace(name="dell", run=lambda *_, **__: SimpleNamespace(stdout=said, stderr=""))
    return postfix.configuration(cast("transport.Shell", shell))


def test_a_services_own_value_is_in_force_with_its_macros_expanded() -> None:
    """What was written there, unexpanded, is kept too."""
    it = its_postfix(ITS_POSTFIX)
    assert it.effective("smtpd_sender_restrictions") == "reject_rbl_client,bl.example"
    assert it.effective("smtpd_sender_restrictions", "587/inet") == "permit"
    assert it.overrides["smtp/inet"]["smtpd_sender_restrictions"] == "$mx_restrictions"


def test_that_our_scripts_had_a_file_read_is_known_when_the_log_was_rotated() -> None:
    """A change since then is one, whatever was changed back."""
    assert its_postfix(ITS_POSTFIX).newer_files(()) == ()
    later = its_postfix(ITS_POSTFIX.replace("|100.5\n", "|101.0\n"))
    assert [each.path for each in later.newer_files(())] == ["/etc/postfix/main.cf"]
    assert later.newer_files((101.0,)) == ()
