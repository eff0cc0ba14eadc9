"""main.cf, master.cf and their templates as text: ours is set, the rest stays, what can't be understood is refused."""

import re
import socket
import threading
from argparse import Namespace
from contextlib import nullcontext
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import pytest

from fixtures.access.changing import Shell
from fixtures.access.transport import Result
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import SMTP
from fixtures.probes.dell import tables
from fixtures.probes.dell.tables import ALIAS_DOMAINS
from fixtures.settings import Secrets, Transport
from fixtures.settings.dell import Keeps
from scripts.lib.change import Job, Refused
from scripts.lib.dell import delivering, effect, kept, relaying, restore
from scripts.lib.dell.postfix_text import parameters, services, with_parameters, with_services, with_template
from scripts.retire_ec2_access import without_ec2
from tests.test_route import by_worker

MAIN = """\
# The operator's words.
mynetworks = 127.0.0.0/8,
  172.20.0.0/24,
# in between
  103.21.244.0/22
biff=no
\tmessage_size_limit_of_none = 1

relayhost = [smtp.sendgrid.net]:587"""
PLAIN = MAIN.replace("\tmessage_size_limit_of_none = 1\n", "")
MASTER = """\
# service type
smtp      inet  n       -       y       -       -       smtpd
  -o content_filter=scan:127.0.0.1:10024
submission inet n - y - - smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup    unix  n       -       y       60      1       pickup"""
SETTINGS = settings_without_a_lab()
WANTED = dellplan.services(SETTINGS)
AT = dellplan.places(SETTINGS)
XCLIENT = AT.xclient


MAPS = "hash:/etc/postfix/virtual"
OFFERS = {"smtpd_sasl_auth_enable": "yes"}
OURS, OWN = dellplan.parameters(SETTINGS), SETTINGS.domain_names[0]


MAILBOXES = {f"texthash:{AT.mailboxes}": {next(SETTINGS.addresses()).mailbox: "mailbox"}}


class Says:
    """Dell, as far as it is asked: Postfix's parameters in force, rows of its tables, and what it prints else."""

    name = "Dell"

    def __init__(self, values: dict[str, str], rows: dict[str, dict[str, str]], printed: dict[str, str]) -> None:
        self.values, self.rows, self.printed = values, rows, printed
        self.asked = list[str]()
        """Tables, each as often as somebody had questions for it."""

    def run(self, *argv: str, stdin: str = "", **_: object) -> Result:
        match argv:
            case "postconf", "-x", *names:
                text = "".join(f"{each} = {self.values.get(each, '')}\n" for each in names)
            case "postmap", "-q", "-", table if table in self.rows:
                self.asked.append(table)
                text = "".join(f"{key}\t{self.rows[table][key]}\n" for key in stdin.split() if key in self.rows[table])
                return Result(argv, 0 if text else 1, text, "")
            case "postmap", "-q", key, table if table in self.rows:
                text = self.rows[table].get(key, "")
                return Result(argv, 0 if text else 1, f"{text}\n" if text else "", "")
            case "postmap", "-q", _, table:
                return Result(argv, 1, "", f"postmap: fatal: open database {table}: No such file or directory")
            case "postmap", "-s", table:
                text = "".join(f"{key} {to}\n" for key, to in self.rows[table].items())
            case "postconf", "-M", service:
                text = self.printed.get(f"-M {service}", "")
            case "doveconf", *_:
                text = self.printed.get(" ".join(argv), "")
            case "test", "-s", path:
                return Result(argv, 0 if path in self.printed else 1, "", "")
            case _:
                text = self.printed.get(argv[-1], "")
        return Result(argv, 0, text, "")


def named(
    values: dict[str, str],
    rows: dict[str, dict[str, str]] | None = None,
    printed: dict[str, str] | None = None,
    **dell: Any,
) -> str:
    """By what names a plan is refused where main.cf says VALUES, and DELL is other than in the settings; or nothing."""
    settings = SETTINGS.model_copy(update={"dell": SETTINGS.dell.model_copy(update=dell)})
    in_force = {"config_directory": "/etc/postfix", "data_directory": "/var/lib/postfix"}
    in_force |= {"default_database_type": "lmdb", "queue_directory": "/var/spool/postfix"}
    in_force |= {"virtual_transport": OURS["virtual_transport"], **values}
    shell: Any = Says(in_force, rows or {}, printed or {})
    with patch.object(delivering, "dovecot", lambda _: shell):
        try:
            kept.require(shell, settings, values)
        except Refused as refused:
            return str(refused)
    return ""


@pytest.mark.parametrize(
    ("values", "rows", "keeps", "found"),
    [
        # As Postfix's VIRTUAL_README has it, "Postfix virtual ALIAS example: separate domains, UNIX system accounts".
        ({"virtual_alias_domains": f"x.example {OWN.upper()}"}, {}, (), f"out of {ALIAS_DOMAINS} in one go"),
        ({}, {MAPS: {OWN: "anything"}}, (MAPS,), f"{OWN} is a virtual alias domain: .* its row out of {MAPS}"),
        ({}, {MAPS: {OWN: "anything"}}, (), ""),
        ({"virtual_alias_domains": "$own", "own": MAPS}, {MAPS: {OWN: "anything"}}, (), f"its row out of {MAPS}"),
        ({"virtual_alias_domains": "hash:$config_directory/own"}, {"hash:/etc/postfix/own": {}}, (), ""),
        (
            {"virtual_alias_domains": "${indexed}own", "indexed": "${default_database_type}:${config_directory}/"},
            {"lmdb:/etc/postfix/own": {OWN: "anything"}},
            (),
            f"{OWN} is a virtual alias domain: .* its row out of lmdb:/etc/postfix/own",
        ),
        ({"virtual_alias_domains": "hash:/nosuch"}, {}, (), f"{ALIAS_DOMAINS}: Dell: hash:/nosuch can't be asked"),
        ({"virtual_alias_domains": "/etc/own"}, {}, (), "its row out of /etc/own"),
        ({"virtual_alias_domains": f"!{OWN} {MAPS} other.example"}, {MAPS: {OWN: "x"}}, (), ""),
        ({"virtual_alias_domains": ""}, {MAPS: {OWN: "anything"}}, (MAPS,), ""),
        ({}, {MAPS: {"press@x.example": "anything"}}, (MAPS,), ""),
    ],
    ids="word row goes table folder indexed unreadable file excluded none aliases".split(),
)
def test_a_domain_of_aliases_only_is_refused(
    values: dict[str, str], rows: dict[str, dict[str, str]], keeps: tuple[str, ...], found: str
) -> None:
    """Postfix asks virtual_alias_domains before virtual_mailbox_domains: all mail of the domain would bounce."""
    values = {"virtual_alias_maps": ", ".join(rows), **values}
    said = named(
        values,
        rows,
        {"/etc/own": f"a.example\n{OWN}\n"},
        keeps=Keeps(virtual_alias_maps=keeps),
        dropped=("press@x.example",),
    )
    assert re.search(found, said) if found else said == "", said


@pytest.mark.parametrize(
    ("restriction", "said"),
    [
        # By itself it would refuse users: 587 and 465 go by main.cf's list of senders.
        ("reject_rbl_client zen.example", "is moved to smtpd_sender_restrictions first, behind permit_mynetworks, "),
        ("reject_unauth_pipelining", "the plan does without it: name it in dell.dropped\n"),
        ("reject_non_fqdn_recipient", "the plan does without it: name it in dell.dropped\n"),
    ],
)  # fmt: skip
def test_what_becomes_of_a_restriction_that_the_plan_has_not(restriction: str, said: str) -> None:
    name = "smtpd_recipient_restrictions"
    today = {name: f"permit_mynetworks, permit_sasl_authenticated, {restriction}, reject_unauth_destination"}
    assert f"{name}: {restriction}: " in named(today)
    assert said in named(today)
    assert named(today, dropped=(restriction,)) == ""


def test_a_relay_host_that_knows_dell_by_its_address_gets_no_login() -> None:
    """Postfix would ask a table that is not there, and no mail would leave."""
    host = {"relayhost": SETTINGS.relay.host}
    knows = SETTINGS.model_copy(update={"relay": SETTINGS.relay.model_copy(update={"login": False})})
    bare, there = (cast("Any", Says({}, {}, each)) for each in ({}, {"/etc/postfix/sasl_passwd": "x"}))
    with pytest.raises(Refused, match=r"no login for .* in /etc/postfix/sasl_passwd, .* relay.login = false\. Nothing"):
        relaying.require_login(bare, SETTINGS, host)
    for shell, settings in ((there, SETTINGS), (bare, knows)):
        relaying.require_login(shell, settings, host)
    assert relaying.parameters(there, SETTINGS, host)["smtp_sasl_password_maps"] == "hash:/etc/postfix/sasl_passwd"
    planned = relaying.parameters(bare, knows, host)
    assert planned["smtp_tls_security_level"] == "encrypt"
    assert not [name for name in planned if name.startswith("smtp_sasl")]
    assert [*dellplan.sends_otherwise(SETTINGS, host)] == [
        *("smtp_sasl_auth_enable", "smtp_sasl_password_maps", "smtp_tls_security_level")
    ]
    assert [*dellplan.sends_otherwise(knows, host)] == ["smtp_tls_security_level"]
    in_force = host | {"smtp_sasl_auth_enable": "yes", "smtp_sasl_password_maps": "hash:/nosuch"}
    effect._require_tables(cast("Any", Says(in_force, MAILBOXES, {})), knows)


def test_the_proof_of_service_sees_a_domain_of_aliases_only() -> None:
    aliased, plain = (cast("Any", Says(each, MAILBOXES, {})) for each in ({"virtual_alias_domains": OWN}, {}))
    with pytest.raises(Refused, match=f"{OWN} is a virtual alias domain"):
        effect._require_tables(aliased, SETTINGS)
    effect._require_tables(plain, SETTINGS)


def test_a_table_is_asked_once_for_all_domains() -> None:
    """Each question is a round trip, at each gate; the first pattern decides for each name."""
    domains = [name for each in SETTINGS.domains for name in each.served]
    assert len(domains) > 1
    rows = {MAPS: dict.fromkeys(domains, "x"), "hash:/late": {domains[0]: "x"}}
    shell: Any = Says({}, rows, {"/etc/own": domains[1]})
    out, *others = tables.aliased(shell, SETTINGS, f"!{domains[0]} /etc/own {MAPS} hash:/late")
    assert (out.domain, out.by) == (domains[1], "/etc/own")
    assert [(each.domain, each.by) for each in others] == [(each, MAPS) for each in domains[2:]]
    assert shell.asked == [MAPS] * bool(domains[2:])


LISTENER = f"127.0.0.1:{AT.port} inet n - y - - smtpd\n"
SOCKET = "   0: {}:2729 00000000:0000 0A 00000000:00000000 00:00000000 00000000   109        0 {} 1 0 100 0 0 10 0\n"


@pytest.mark.parametrize(
    ("sockets", "before", "worker", "taken"),
    [
        (SOCKET.format("0100007F", 41), "", False, "port 10025 at 127.0.0.1 .* as dell.xclient_port"),
        (SOCKET.format("00000000", 41), "", False, "port 10025 at 0.0.0.0 .* as dell.xclient_port"),
        (SOCKET.format("0100007F", 41), LISTENER, False, ""),
        (SOCKET.format("0100007F", 40), "", False, ""),
        (SOCKET.format("0101007F", 41), "", False, ""),
        (SOCKET.format("0101007F", 41), LISTENER, True, "port 10025 at 127.0.1.1 .* as route.listen"),
        ("", "", False, ""),
    ],
    ids=["a filter", "everywhere", "in master.cf", "an older one of Postfix's", "elsewhere", "the Worker's", "free"],
)
def test_a_port_that_another_program_has_is_refused(sockets: str, before: str, taken: str, *, worker: bool) -> None:
    """``fatal: bind 127.0.0.1 port 10025: Address already in use``: the reload would end Postfix. spampd is there."""
    route = by_worker().route.model_copy(update={"listen": "10025"})
    settings = by_worker().model_copy(update={"route": route}) if worker else SETTINGS
    shell: Any = Says({}, {}, {"/proc/net/tcp6": sockets, effect._LISTENING: "socket:[40]\n"})
    after = LISTENER + "10025 inet n - y - - smtpd\n"
    with pytest.raises(Refused, match=taken) if taken else nullcontext():
        effect.require_free(shell, settings, before, after)


def test_the_proof_of_service_greets_by_the_address_that_it_claims() -> None:
    """A name without records meets 450 4.7.1 where Dell has reject_unknown_helo_hostname."""
    heard: list[str] = []

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as client, client.makefile("rw", encoding="ascii", newline="\r\n") as talk:
            print("220 dell", file=talk, flush=True)
            for line in talk:
                heard.append(line.strip())
                if line.startswith("QUIT"):
                    return
                print("250-dell\n250 STARTTLS" if "EHLO" in line else "250 Ok", file=talk, flush=True)

    with socket.create_server(("127.0.0.1", 0)) as server:
        listening = threading.Thread(target=serve, args=(server,))
        listening.start()
        dell = SETTINGS.dell.model_copy(update={"xclient_port": server.getsockname()[1]})
        here = Shell("Dell", Transport(kind="local"))
        effect._require_accepted(here, SETTINGS.model_copy(update={"dell": dell}), "104.30.0.1", f"bob@{OWN}")
        listening.join()
    greets, claims = "EHLO [104.30.0.1]", "XCLIENT ADDR=104.30.0.1"
    assert heard == [greets, claims, greets, "MAIL FROM:<>", f"RCPT TO:<bob@{OWN}>", "QUIT"]


def test_a_value_over_several_lines_becomes_one_and_the_rest_stays() -> None:
    text = with_parameters(PLAIN, {"mynetworks": "127.0.0.0/8", "a": ""})
    assert text == (
        "# The operator's words.\nmynetworks = 127.0.0.0/8\n# in between\nbiff=no\n\n"
        "relayhost = [smtp.sendgrid.net]:587\na =\n"
    )


def test_what_says_the_same_stays_byte_for_byte() -> None:
    same = {"mynetworks": "127.0.0.0/8 172.20.0.0/24 103.21.244.0/22", "biff": "no\tmessage_size_limit_of_none = 1"}
    assert with_parameters(MAIN + "\n", same) == MAIN + "\n"


@pytest.mark.parametrize("relay", ["[new]:465", "[smtp.sendgrid.net]:587", ""])
def test_the_way_back_leaves_how_dell_sends_to_another_relay(relay: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table of logins is not taken back; as long as the relay is the same, main.cf is as it was to the byte."""
    made = SETTINGS.model_copy(update={"relay": SETTINGS.relay.model_copy(update={"host": relay})})
    old = f"{PLAIN}\nsmtp_tls_security_level = encrypt\n"
    now = f"relayhost = {relay}\nsmtp_tls_security_level = encrypt\nsmtp_tls_wrappermode = yes\nsmtpd_x = ours\n"
    job = Job(Migration(made, Secrets()), "", Namespace())
    text = restore._sending_as_now(job, old, now)
    assert restore._sending_as_now(job, old, text) == text
    assert restore._sending_as_now(job, old, None) == restore._sending_as_now(job, old, f" {now}") == old
    if "sendgrid" in relay:
        assert (text, capsys.readouterr().err) == (old, "")
        return
    kept = old.replace("relayhost = [smtp.sendgrid.net]:587", f"relayhost = {relay}".rstrip())
    assert text == f"{kept}smtp_tls_wrappermode = yes\n"
    assert "and no longer by [smtp.sendgrid.net]:587" in capsys.readouterr().err


def test_the_way_back_takes_what_stood_twice_before() -> None:
    """Nobody can mend what the first snapshot holds."""
    relay = "[email-smtp.ap-northeast-1.amazonaws.com]:587"
    made = SETTINGS.model_copy(update={"relay": SETTINGS.relay.model_copy(update={"host": relay})})
    old = "relayhost =\nx = 1\nrelayhost = [smtp.sendgrid.net]:587\n"
    text = restore._sending_as_now(Job(Migration(made, Secrets()), "", Namespace()), old, f"relayhost = {relay}\n")
    assert text == f"x = 1\nrelayhost = {relay}\n"


def test_the_whole_plan_is_in_force_and_a_second_time_changes_nothing() -> None:
    planned = dellplan.parameters(SETTINGS)
    once = with_parameters(MAIN, planned)
    assert {name: parameters(once)[name] for name in planned} == planned
    assert with_parameters(once, planned) == once


def test_mailboxes_that_local_delivers_into_get_no_limit() -> None:
    """Debian's main.cf has none. With one, a larger mailbox of a domain that Dell keeps would bounce its mail."""
    text = with_parameters("mailbox_size_limit = 0\n", dellplan.parameters(SETTINGS))
    assert text.startswith("mailbox_size_limit = 0\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("  127.0.0.0/8\nbiff = no\n", "line 1: continues"),
        ("biff = no\nmynetworks\n", "line 2: no `name = value`"),
        ("mynetworks = a\nmynetworks = b\n", "line 2: mynetworks stands twice"),
    ],
)
def test_main_cf_that_is_unclear_is_refused(text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        with_parameters(text, {"mynetworks": "127.0.0.0/8"})


def test_only_port_25_is_restricted_and_the_listener_is_its_copy() -> None:
    text = with_services(MASTER, WANTED, OFFERS, OURS)
    assert text.startswith(MASTER[: MASTER.index("submission")].rstrip("\n") + "\n  -o smtpd_client_restrictions=")
    assert MASTER[MASTER.index("submission") :] in text
    (listener,) = services(text, XCLIENT)
    (smtp,) = services(text, SMTP)
    assert listener.text.split()[1:8] == smtp.text.split()[1:8]
    assert listener.text.endswith(f"{smtp.text.split('smtpd', 1)[1]} -o smtpd_authorized_xclient_hosts=127.0.0.1")
    assert with_services(text, WANTED, {}, OURS) == text


def test_a_listener_that_is_no_copy_any_more_is_made_again() -> None:
    text = with_services(MASTER, WANTED, OFFERS, OURS)
    changed = text.replace("  -o content_filter=scan:127.0.0.1:10024\n", "", 1)
    assert changed != text
    (listener,) = services(with_services(changed, WANTED, {}, OURS), XCLIENT)
    assert "content_filter" not in listener.text


def test_an_older_restriction_is_replaced_where_it_stands() -> None:
    text = with_services(MASTER.replace("content_filter=scan", "smtpd_client_restrictions=x"), WANTED, {}, OURS)
    assert services(text, SMTP)[0].text.count("smtpd_client_restrictions=") == 1


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("  -o smtpd_sasl_auth_enable=yes\n", "", "smtpd_sasl_auth_enable = yes only by main.cf, where it will be no"),
        ("  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject\n", "", "no restrictions of its own"),
        ("       smtpd\n", "       postscreen\n", "expected one service"),
        (
            "       smtpd\n  -o content",
            "       postscreen\nsmtpd pass - - y - - smtpd\n  -o smtpd_proxy_filter=[::1]:10024\n  -o content",
            r"has of its own moves along: smtpd_proxy_filter=\[::1\]:10024, content_filter=scan:127.0.0.1:10024$",
        ),
        ("pickup ", "localhost:10025 inet n - n - - smtpd\npickup ", "port 10025 is taken"),
        ("-o content_filter=scan:127.0.0.1:10024", "-o { content_filter = scan:x }", "options in braces"),
    ],
)
def test_master_cf_that_would_lose_something_is_refused(old: str, new: str, why: str) -> None:
    assert old in MASTER
    with pytest.raises(Refused, match=why):
        with_services(MASTER.replace(old, new), WANTED, OFFERS, OURS)


def test_an_option_in_braces_is_one_too() -> None:
    """As ``postconf -P`` writes one with blanks (master(5))."""
    own = "-o smtpd_sasl_auth_enable=yes\n  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
    ask = "check_policy_service { inet:[::1]:7777, timeout=10s }"
    assert own in MASTER
    braces = f"-o {{smtpd_sasl_auth_enable=yes}}\n  -o {{ smtpd_recipient_restrictions = {ask}, reject }}"
    with_services(MASTER.replace(own, braces), WANTED, OFFERS, OURS)


@pytest.mark.parametrize(
    ("held", "why"),
    [
        ("-----BEGIN PRIVATE KEY-----\n-----BEGIN CERTIFICATE-----\n", ""),
        ("-----BEGIN CERTIFICATE-----\n", "holds no private key, and STARTTLS would be answered with 454. Name a file"),
        ("", "is not there on Dell, or empty"),
        (None, "is not there on Dell, or empty"),
    ],
)
def test_a_chain_file_without_its_key_is_refused(tmp_path: Path, held: str | None, why: str) -> None:
    """Postfix itself says nothing of it: X12. Without one named, what main.cf names stays."""
    file, here = tmp_path / "a chain.pem", Shell("Dell", Transport(kind="local"))
    if held is not None:
        file.write_text(held, encoding="ascii")
    settings = SETTINGS.model_copy(update={"dell": SETTINGS.dell.model_copy(update={"tls_chain_file": file})})
    with pytest.raises(Refused, match=f"dell.tls_chain_file: {file} {why}") if why else nullcontext():
        effect.require_certificate(here, settings, {})


def test_tables_hold_every_address_and_ec2_only_if_asked() -> None:
    with_it, without = (dellplan.tables(SETTINGS, with_ec2=each) for each in (True, False))
    ec2 = f"{ip_address(str(SETTINGS.ec2.seen_by_dell_as))}/32 OK\n"
    assert with_it[AT.admitted] == without[AT.admitted] + ec2
    for address in SETTINGS.addresses():
        assert f"{address.destination} {address.mailbox}\n" in without[AT.aliases]
        assert f"{address.mailbox} mailbox\n" in without[AT.mailboxes]


def test_no_milter_hears_of_the_workers_login() -> None:
    """Rspamd logs "skip SPF checks for local networks and authorized users", and signers sign a user's mail."""
    there = by_worker()
    ours = dellplan.services(there)[f"{there.route.listen}/inet"]
    assert ours["milter_mail_macros"] == "i"


def test_nothing_of_ours_has_two_lines_or_a_blank_in_an_option() -> None:
    assert not any("\n" in value for value in dellplan.parameters(SETTINGS).values())
    assert not any(" " in value for each in WANTED.values() for value in each.values())


def test_spf_loses_the_terms_that_name_only_ec2() -> None:
    ec2 = SETTINGS.ec2
    theirs = f"ip4:{ec2.ipv4} +ip4:{ec2.ipv4}/32 ip6:{ec2.ipv6} a:{ec2.name}"
    kept = f"ip4:{ec2.ipv4}0 ip4:203.0.113.0/24 a ~all"
    assert without_ec2(f"v=spf1 {theirs} {kept}", SETTINGS) == f"v=spf1 {kept}"


TEMPLATE = """\
{% set nets = ["127.0.0.0/8"] %}
myhostname = {{ name }}
{% if tls %}
smtpd_tls_security_level = may
{% endif %}
mynetworks =
  {{ nets | join(" ") }}
%{ if biff }
biff = ${biff}
{{ include "more.cf" }}
"""


def test_an_engines_lines_stay_where_they_are() -> None:
    wanted = {"biff": "no", "smtpd_tls_security_level": "may", "a": "b"}
    said = with_template(TEMPLATE, lambda text: with_parameters(text, wanted))
    assert said == TEMPLATE.replace("biff = ${biff}", "biff = no") + "a = b\n"


def test_a_value_that_a_placeholder_continues_goes_as_a_whole() -> None:
    said = with_template(TEMPLATE, lambda text: with_parameters(text, {"mynetworks": "127.0.0.0/8"}))
    assert said == TEMPLATE.replace('mynetworks =\n  {{ nets | join(" ") }}', "mynetworks = 127.0.0.0/8")


def test_what_stands_twice_is_refused() -> None:
    text = TEMPLATE + "{% if other %}\nbiff = yes\n{% endif %}\n"
    with pytest.raises(Refused, match="biff stands twice"):
        with_template(text, lambda each: with_parameters(each, {"biff": "no"}))
