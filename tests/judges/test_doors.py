"""Dell's doors: where Postfix listens, what strangers hear there, logins, who may read a private key or a mailbox."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.access.transport import Result
from fixtures.evidence import Verdict
from fixtures.probes.dell import backups, mailbox_access, private_keys
from fixtures.probes.dell.doors import Door, doors, greeting, port_of, sockets
from fixtures.probes.dell.postfix import Configuration, File, Service
from fixtures.probes.mailbox.clear_text import Answer, Place, judged as clear_judged, taken
from fixtures.probes.smtp.doors import EXPECTED, NAME_IT, Knocked, Tried, judged
from fixtures.probes.smtp.knock import Conversation, RcptResult
from tests.judges import ABSENT, FAIL, LOOK, PASS, UNKNOWN as OPEN, all_say, says, talk as dialogue

INSIST = (
    "In Dovecot: ssl = required, and no auth_allow_cleartext = yes (2.3: disable_plaintext_auth = yes). "
    "In Postfix: smtpd_tls_auth_only = yes, or smtpd_tls_security_level = encrypt on that service"
)
ITSELF = "asked from Dell itself, where nothing goes over a wire"
SINK, HERE = "sink@nobody.example", "alice@dell.own.example"
PROC = """\
   0: 00000000:0019 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0 0 10 0
   1: 0100007F:2729 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0 0 10 0
   2: 0264400A:0FA0 0164400A:1234 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0 0 10 0
   0: 00000000000000000000000000000000:09DD 00000000000000000000000000000000:0000 0A 0:0 0:0 0  0  0 104 1 0 1
   1: 0000000000000000FFFF00000100007F:09DE 00000000000000000000000000000000:0000 0A 0:0 0:0 0  0  0 104 1 0 1
"""


def configuration(services: dict[str, str], **overrides: dict[str, str]) -> Configuration:
    named = tuple(Service(name, "inet", command, ()) for name, command in services.items())
    made: Any = SimpleNamespace(services=named, overrides={f"{name}/inet": {} for name in overrides})
    made.effective = lambda name, key: overrides.get(key.partition("/")[0].replace(":", "_"), {}).get(name, "")
    found: Configuration = made
    return found


def test_only_listening_sockets_count() -> None:
    """Not connections; an IPv4 address written as IPv6 is IPv4."""
    assert list(sockets(PROC)) == [("0.0.0.0", 25), ("127.0.0.1", 10025), ("::", 2525), ("127.0.0.1", 2526)]


@pytest.mark.parametrize(
    ("name", "port"),
    [
        pytest.param("2525", 2525, id="a number"),
        pytest.param("smtp", 25, id="a name"),
        pytest.param("submissions", 465, id="a name that old systems lack"),
        pytest.param("127.0.0.1:10025", 10025, id="on an address"),
        pytest.param("[::1]:smtp", 25, id="a name on an IPv6 address"),
        pytest.param("no-such-service", 0, id="a name that nobody knows"),
    ],
)
def test_the_port_of_a_service(name: str, port: int) -> None:
    assert port_of(name) == port


def test_a_door_is_known_by_its_service() -> None:
    """What takes no mail is no door; what greets as a mail server is one, without a name."""
    listening = [("0.0.0.0", 25), ("127.0.0.1", 10025), ("0.0.0.0", 465)]
    listening += [("::", port) for port in (25, 2525, 12340, 22)]
    there = configuration(
        {"smtp": "smtpd", "127.0.0.1:10025": "smtpd", "465": "smtpd -o x=y", "12340": "spawn argv=/usr/bin/policy"},
        **{
            "127.0.0.1_10025": {"smtpd_authorized_xclient_hosts": "127.0.0.1"},
            "465": {"smtpd_tls_wrappermode": "yes", "smtpd_upstream_proxy_protocol": "haproxy"},
        },
    )
    assert list(doors(listening, there, greeting("::1|22 SSH-2.0-x\n::1|2525 220 x ESMTP\n"))) == [
        Door(25, ("0.0.0.0", "::"), "smtp/inet", wrapped=False, trusts=()),
        Door(465, ("0.0.0.0",), "465/inet", wrapped=True, trusts=("smtpd_upstream_proxy_protocol = haproxy",)),
        Door(2525, ("::",), "", wrapped=False, trusts=()),
        Door(10025, ("127.0.0.1",), "127.0.0.1:10025/inet", wrapped=False, trusts=()),
    ]


def talk(code: int, text: str = "", *, to: str = HERE, stage: Any = "rcpt", **more: Any) -> Conversation:
    """What a stranger hears."""

    def result(recipient: str) -> RcptResult:
        answer = code if recipient == to else 554
        return RcptResult(recipient, answer, text, "" if answer == 250 else stage)

    results = tuple(map(result, (HERE, SINK)))
    return replace(dialogue(banner="x"), code=code, text=text, stage=stage, recipients=results, **more)


REFUSED, SHUT = talk(554, "Access denied"), talk(0, "refused", connection="refused", stage="connect")
SILENT, AWAY = talk(0, "", connection="silent", stage="connect"), talk(0, "no way", connection="unreachable", stage="")
OFFERS = talk(554, "no", extensions=("PIPELINING", "AUTH PLAIN LOGIN"))
OFFERS_BY_TLS = talk(554, "no", extensions=("AUTH PLAIN LOGIN",), tls="TLSv1.3 x")
TLS_FIRST = talk(530, "STARTTLS first")


def door(port: int = 2525, *addresses: str, trusts: tuple[str, ...] = ()) -> Door:
    return Door(port, addresses or ("0.0.0.0",), f"{port}/inet", wrapped=False, trusts=trusts)


def whether(of: Door, heard: list[Conversation], verdict: Verdict, said: str, *, named: bool = False) -> None:
    """What a stranger HEARD at a door is judged so."""
    tried = tuple(Tried("a stranger", each, SINK) for each in heard)
    (found,) = judged([Knocked(of, named, tried, "" if heard else "nobody")], LOOK)
    hint = "" if verdict is PASS else f". Either {NAME_IT}"
    assert (found.verdict, found.sentence()) == (verdict, f"{of}: expected {EXPECTED}, found {said}{hint}")
    assert found.evidence == (LOOK,) * (len(heard) + 1)


@pytest.mark.parametrize(
    ("heard", "verdict", "said"),
    [
        pytest.param([REFUSED], PASS, "a stranger: 554 Access denied (at rcpt)", id="closed"),
        pytest.param([SHUT], PASS, "a stranger: no connection (refused)", id="a firewall refuses"),
        pytest.param([SILENT], PASS, "a stranger: no connection (silent)", id="a firewall is silent"),
        pytest.param([AWAY, REFUSED], PASS, "a stranger: 554 Access denied (at rcpt)", id="one of two could come"),
        pytest.param([talk(250, "ok")], FAIL, f"it takes mail for {HERE} from a stranger: 250 ok", id="takes mail"),
        pytest.param([talk(250, "ok", to=SINK)], FAIL, "it relays for a stranger: 250 ok", id="relays"),
        pytest.param([REFUSED, OFFERS], FAIL, "it offers a login in the clear to a stranger", id="a login in the clear"),
        pytest.param([OFFERS_BY_TLS], PASS, "a stranger: 554 no (at rcpt)", id="a login over TLS is what it is for"),
        pytest.param([AWAY], OPEN, "a stranger: nothing no way", id="nobody could come"),
        pytest.param([talk(451, "later")], OPEN, "a stranger: 451 later (at rcpt)", id="put off"),
        pytest.param([TLS_FIRST], OPEN, "a stranger: 530 STARTTLS first (at rcpt)", id="TLS is wanted, and was not tried"),
        pytest.param([TLS_FIRST, REFUSED], PASS, "a stranger: 554 Access denied (at rcpt)", id="it is closed over TLS"),
        pytest.param([], OPEN, "nobody", id="nobody was there to try"),
    ],
)  # fmt: skip
def test_a_door_is_closed(heard: list[Conversation], verdict: Verdict, said: str) -> None:
    whether(door(), heard, verdict, said)


TRUSTS = ("a = b",)


@pytest.mark.parametrize(
    ("of", "verdict", "said"),
    [
        pytest.param(door(2525, "127.0.0.1", trusts=TRUSTS), PASS, "on Dell's own loopback only", id="loopback's"),
        pytest.param(door(2525, "127.0.0.1", "192.0.2.1"), OPEN, "nobody", id="not only loopback's"),
        pytest.param(door(25), PASS, "the door that A-2, A-3 and A-6 judge", id="port 25"),
        pytest.param(door(25, trusts=TRUSTS), FAIL, "others may say who its clients are: a = b", id="port 25 trusts"),
    ],
)
def test_a_door_that_nobody_tried(of: Door, verdict: Verdict, said: str) -> None:
    whether(of, [], verdict, said)


def test_a_door_that_is_named_and_one_that_trusts_others() -> None:
    whether(door(), [], PASS, "named in the settings (dell.doors)", named=True)
    whether(door(trusts=TRUSTS), [REFUSED], FAIL, "others may say who its clients are: a = b")


def test_every_client_and_every_door_is_said() -> None:
    """Twice the same is said once."""
    tried = tuple(Tried(who, REFUSED, SINK) for who in ("one", "two", "two"))
    trusting = tuple(Tried("one", each, SINK) for each in (OFFERS, talk(250, "ok")))
    closed, open_ = judged([Knocked(door(), False, tried), Knocked(door(trusts=("a", "b")), False, trusting)], LOOK)
    assert closed.found == "one: 554 Access denied (at rcpt); two: 554 Access denied (at rcpt)"
    who = "others may say who its clients are"
    assert open_.found.startswith(f"{who}: a; {who}: b; it offers a login in the clear to one; it takes mail for ")
    (put_off,) = judged([Knocked(door(), False, (Tried("one", AWAY, SINK), Tried("two", AWAY, SINK)))], LOOK)
    assert put_off.found == "one: nothing no way; two: nothing no way"


def test_no_door_at_all_is_not_seen() -> None:
    (found,) = judged([], LOOK)
    said = "Dell's Postfix: expected at least one port on which it listens, found none is seen"
    assert says(found, "") == (OPEN, said)


DOVECOT = [
    "* OK [CAPABILITY IMAP4rev1 LOGIN-REFERRALS ID ENABLE IDLE SASL-IR LITERAL+ STARTTLS LOGINDISABLED] Dovecot ready.",
    "* CAPABILITY IMAP4rev1 LOGIN-REFERRALS ID ENABLE IDLE SASL-IR LITERAL+ STARTTLS LOGINDISABLED",
]
"""Of version 2.4, as it comes but for its port."""


@pytest.mark.parametrize(
    ("protocol", "offered", "answer", "ways"),
    [
        pytest.param("IMAP", ["* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED"], "b NO [PRIVACYREQUIRED]", "", id="IMAP"),
        pytest.param("IMAP", ["* CAPABILITY IMAP4rev1 AUTH=PLAIN"], "+ ", "LOGIN is not; PLAIN is offered; goes on", id="open"),
        pytest.param("IMAP", DOVECOT, "b NO [PRIVACYREQUIRED] Authentication disallowed", "", id="Dovecot's words"),
        pytest.param("IMAP", ["* OK [CAPABILITY LOGINDISABLED AUTH=LOGIN] x"], "b NO", "PLAIN is", id="a greeting"),
        pytest.param("IMAP", ["* CAPABILITY IMAP4rev1"], "b NO", "LOGIN is not", id="IMAP takes LOGIN only"),
        pytest.param("IMAP", ["* CAPABILITY LOGINDISABLED"], "+", "goes on", id="IMAP goes on all the same"),
        pytest.param("IMAP", [""], "", "", id="IMAP says nothing"),
        pytest.param("POP3", ["+OK", "CAPA", "STLS", "SASL"], "-ERR", "", id="POP3"),
        pytest.param("POP3", ["+OK", "USER", "SASL PLAIN"], "+ ", "USER; PLAIN is offered; goes on", id="open POP3"),
        pytest.param("SMTP", ["220 x ESMTP", "250-x", "250 STARTTLS"], "530 5.7.0", "", id="submission"),
        pytest.param("SMTP", ["220 x", "250-AUTH PLAIN", "250 X"], "334 ", "PLAIN is offered; goes on", id="open"),
        pytest.param("SMTP", ["220 x", "250-AUTH=LOGIN", "250 X"], "530 5.7.0", "PLAIN is offered", id="old form"),
        pytest.param("SMTP", ["220 x", "250-AUTH CRAM-MD5", "250 X-LOGIN"], "530 5.7.0", "", id="no password"),
    ],
)  # fmt: skip
def test_what_takes_a_password(protocol: Any, offered: list[str], answer: str, ways: str) -> None:
    found = taken(protocol, offered, answer)
    assert bool(found) == bool(ways)
    assert all(part in found for part in ways.split("; ")), found


@pytest.mark.parametrize(
    ("values", "verdict", "said"),
    [
        pytest.param({"taken": "", "found": "nobody listens there"}, PASS, "nobody listens there", id="closed"),
        pytest.param({"taken": "PLAIN is offered"}, FAIL, f"PLAIN is offered. {INSIST}", id="open"),
        pytest.param({"why": "no route"}, OPEN, "no route", id="could not look"),
        pytest.param({"taken": "PLAIN is offered", "itself": True}, ABSENT, ITSELF, id="on Dell itself"),
    ],
)
def test_no_password_in_the_clear(values: dict[str, Any], verdict: Verdict, said: str) -> None:
    values = {"taken": "", "found": "", "why": "", "itself": False, **values}
    (found,) = clear_judged([Answer(Place("IMAP", "192.0.2.1", 143), evidence=LOOK, **values)])
    expected = "IMAP at 192.0.2.1 port 143: expected no password taken in the clear, found "
    assert says(found, "") == (verdict, expected + said)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "verdict"),
    [
        pytest.param(0o600, "root", "root", PASS, id="root's"),
        pytest.param(0o640, "root", "ssl-cert", PASS, id="Debian's group of servers"),
        pytest.param(0o400, "postfix", "postfix", PASS, id="Postfix's"),
        pytest.param(0o640, "root", "users", FAIL, id="a group of people"),
        pytest.param(0o660, "root", "ssl-cert", FAIL, id="a group may write"),
        pytest.param(0o644, "root", "root", FAIL, id="everybody may read"),
        pytest.param(0o602, "root", "root", FAIL, id="everybody may write"),
        pytest.param(0o600, "carol", "root", FAIL, id="a user's own"),
        pytest.param(0o600, "caddy", "caddy", FAIL, id="a client's own"),
        pytest.param(0o644, "caddy", "caddy", FAIL, id="a client's own that everybody may read"),
    ],
)
def test_a_key_is_nobody_elses_to_read(mode: int, owner: str, group: str, verdict: Verdict) -> None:
    keys = private_keys.Keys((File("/etc/ssl/a b.pem", True, mode, owner, group),), (), (LOOK, LOOK))
    hint = ". chmod 600 '/etc/ssl/a b.pem'; and who could read it may have it: renew it with a new key"
    if mode == 0o600:
        hint = (
            ". Its owner reads it too: have the certificate client's deploy hook copy it for Postfix and Dovecot "
            "(install -o root -m 600), and name the copy there; or waive this scenario, if the owner is that client"
        )
    said = f"/etc/ssl/a b.pem: expected {private_keys.EXPECTED}, found {mode:04o}, {owner}:{group}"
    assert all_say(private_keys.judged(keys), "", 2) == [(verdict, said + (hint if verdict is FAIL else ""))]


def test_a_key_that_could_not_be_looked_at_is_not_well() -> None:
    unread = private_keys.Keys((), (("Dovecot's keys", "doveconf ended with 89"),), ())
    said = f"Dovecot's keys: expected {private_keys.EXPECTED}, found doveconf ended with 89"
    assert all_say(private_keys.judged(unread), "", 0) == [(OPEN, said)]
    none = "private keys: expected at least one, found neither Postfix nor Dovecot names any"
    assert all_say(private_keys.judged(private_keys.Keys((), (), (LOOK,))), "") == [(OPEN, none)]


def test_keys_are_read_from_both_configurations() -> None:
    there = configuration({}, smtp={"smtpd_tls_chain_files": "/etc/k.pem, /etc/c.pem"})
    assert list(private_keys.of_postfix(there)) == ["/etc/k.pem", "/etc/c.pem"]
    lines = "ssl_key = </etc/old.pem\nssl_server_key_file = /etc/new.pem\n  ssl_server_key_file = /etc/local.pem\n"
    lines += "ssl_server {\n  cert_file = /etc/c.pem\n  alt_key_file = /etc/alt.pem\n  key_file = /etc/block.pem\n}\n"
    assert list(private_keys.of_dovecot(lines + "ssl_client_ca_file = /etc/ca.pem\n")) == [
        "/etc/old.pem",
        "/etc/new.pem",
        "/etc/local.pem",
        "/etc/alt.pem",
        "/etc/block.pem",
    ]


def test_a_wrong_password() -> None:
    tried = mailbox_access.Tried(
        (("alice", "refused"), ("scanner", "let in"), ("dave", "ended with 75")), LOOK, "9 more"
    )
    hint = "Whoever guesses the name reads its mail and sends as this user: give it a password (passdb, nopassword)"
    expected = "expected refused with a password that nobody has, found"
    assert all_say(mailbox_access.judged_passwords(tried), "") == [
        (PASS, f"alice: {expected} refused"),
        (FAIL, f"scanner: {expected} let in. {hint}"),
        (OPEN, f"dave: {expected} ended with 75"),
        (ABSENT, f"other accounts: {expected} not tried: 9 more"),
    ]
    said = f"Dovecot's accounts: {expected} doveadm auth test could not be run"
    assert all_say(mailbox_access.judged_passwords(mailbox_access.Tried((), LOOK)), "") == [(OPEN, said)]


@pytest.mark.parametrize(
    ("said", "came"),
    [
        ("passdb: a auth failed\nextra fields:\n  user=a\nstatus 77\n", "refused"),
        ("passdb: temp auth failed\nextra fields:\n  user=temp\nstatus 77\n", "refused"),
        ("passdb: a auth succeeded\nextra fields:\n  user=a\nstatus 0", "let in"),
        ("passdb: a auth failed\nextra fields:\n  user=a\n  temp\nstatus 77", "doveadm auth test ended with 77: "),
        ("Fatal: connect(auth-client) failed\nstatus 77", "doveadm auth test ended with 77: Fatal: connect(auth"),
        ("status 127", "doveadm auth test ended with 127: no word"),
    ],
)
def test_what_came_of_a_login(said: str, came: str) -> None:
    """Where nobody could be asked, doveadm ends as where the password is wrong."""
    assert mailbox_access.came_of(said).startswith(came)


def test_who_reads_the_mailboxes() -> None:
    folders, bare = ("/m/alice/Maildir/cur", "/m/alice/Maildir/new"), ("/m/alice/Maildir/new",)
    places = (
        mailbox_access.Place("alice", "alice", "/m/alice/Maildir", folders, bare),
        mailbox_access.Place("bob", "bob", "/m/bob", folders, ()),
        mailbox_access.Place("carol", "carol", "/m/bob", (), ()),
        mailbox_access.Place("dave", "dave", "", (), ()),
    )
    it = mailbox_access.Stored(places, "", contained=False, evidence=LOOK)
    expected = "expected closed to other accounts of the machine, found"
    assert all_say(mailbox_access.judged_readers(it), "") == [
        (FAIL, f"alice: {expected} {bare[0]}. chmod -R o-rwx /m/alice/Maildir"),
        (PASS, f"bob: {expected} 2 folders, all closed"),
        (ABSENT, f"carol: {expected} not looked at: no Maildir and no dbox at /m/bob"),
        (ABSENT, f"dave: {expected} not looked at: no Maildir and no dbox at any place that Dovecot names"),
    ]
    hint = "Each user needs a home of their own: see userdb and the list of users"
    assert all_say(mailbox_access.judged_places(it), "") == [
        (PASS, "/m/alice/Maildir: expected one user's, found that of alice"),
        (FAIL, f"/m/bob: expected one user's, found that of bob, carol. {hint}"),
        (OPEN, "dave: expected a place of its own, found Dovecot names none for it"),
    ]
    (blind,) = mailbox_access.judged_readers(mailbox_access.Stored((), "no doveadm", contained=False, evidence=LOOK))
    (inside,) = mailbox_access.judged_readers(mailbox_access.Stored((), "", contained=True, evidence=LOOK))
    assert (blind.verdict, inside.verdict) == (OPEN, ABSENT)


def test_who_reads_the_passwords() -> None:
    lists = tuple(mailbox_access.listed("open 644 root:root /etc/dovecot/the users\nclosed 640 root:dovecot /u\n"))
    it = mailbox_access.Stored((), "", contained=False, evidence=LOOK, lists=lists)
    expected = "expected closed to other accounts of the machine, found"
    hint = "chgrp dovecot '/etc/dovecot/the users'; chmod 640 '/etc/dovecot/the users'; and who could read it may have"
    (opened, closed) = all_say(mailbox_access.judged_lists(it), "")
    assert opened == (FAIL, f"/etc/dovecot/the users: {expected} 644 root:root. {hint} the passwords: change them")
    assert closed == (PASS, f"/u: {expected} 640 root:dovecot")
    others = (replace(it, lists=()), replace(it, contained=True), replace(it, unasked="no setpriv"))
    verdicts = [found.verdict for each in others for found in mailbox_access.judged_lists(each)]
    assert verdicts == [ABSENT, ABSENT, OPEN]


@pytest.mark.parametrize(
    ("lines", "verdicts"),
    [
        ("", [PASS]),
        ("auth_verbose_passwords = sha1:6\nauth_debug_passwords = no\n", [PASS, PASS]),
        ("auth_verbose_passwords = plain:3\nauth_verbose_passwords = no\n", [PASS, PASS]),
        ("auth_verbose_passwords = plain:64\nauth_verbose_passwords = yes\n", [FAIL, FAIL]),
        ("  auth_verbose_passwords = plain\nauth_debug_passwords = yes\n", [FAIL, FAIL]),
        (None, [ABSENT]),
    ],
)
def test_passwords_in_dovecots_log(lines: str | None, verdicts: list[Verdict]) -> None:
    logs = None if lines is None else tuple(mailbox_access.logged(lines))
    it = mailbox_access.Stored((), "", contained=True, evidence=LOOK, logs=logs)
    assert [each.verdict for each in mailbox_access.judged_logs(it)] == verdicts


@pytest.mark.parametrize(
    ("client", "server", "values", "found"),
    [
        ("smtp", "smtpd", {}, []),
        ("smtp -o a=b -v", "smtpd -vv", {}, ["-v of smtp/unix in master.cf", "-v of 587/inet in master.cf"]),
        ("smtp -o -v", "smtpd", {}, []),
        ("smtp", "smtpd", {"debug_peer_list": "SendGrid.net, 104.30.0.0/19 smtp.sendgrid.net.example"}, ["debug_peer_list: sendgrid.net, by smtp/unix"]),
        ("smtp", "smtpd", {"debug_peer_list": "0.0.0.0/0"}, ["debug_peer_list: 0.0.0.0/0, by smtp/unix", "debug_peer_list: 0.0.0.0/0, by 587/inet"]),
        ("smtp", "smtpd", {"smtp_tls_loglevel": "4", "smtpd_tls_loglevel": "1"}, ["smtp_tls_loglevel = 4, by smtp/unix"]),
    ],
)  # fmt: skip
def test_what_writes_logins_in_postfixs_log(client: str, server: str, values: dict[str, str], found: list[str]) -> None:
    """At the relay host, and where users log in; that it says more of others is nobody's secret."""
    services = (
        Service("smtp", "unix", client, ()),
        Service("relay", "unix", "smtp -v", ()),
        Service("smtp", "inet", "smtpd -v", ()),
        Service("587", "inet", server, ()),
    )
    it: Any = SimpleNamespace(services=services, client="smtp/unix")
    it.effective = lambda name, key="": {"smtpd_sasl_auth_enable": "yes" if key == "587/inet" else "no"}.get(
        name, values.get(name, "")
    )
    assert list(backups.logging_ones(it, "[smtp.sendgrid.net]:587")) == found


def test_one_user_may_have_two_names() -> None:
    places = tuple(mailbox_access.Place(each, "alice", "/m/alice/Maildir", (), ()) for each in ("alice@a", "alice@b"))
    (found,) = mailbox_access.judged_places(mailbox_access.Stored(places, "", contained=False, evidence=LOOK))
    assert found.verdict is PASS


@pytest.mark.parametrize(
    ("fields", "name", "path"),
    [
        ("uid\t1\nhome\t/h/a\nmail_path\t/h/a/Maildir", "alice", "/h/a/Maildir"),
        ("user\ta\nhome\t/h/a\nmail\tmaildir:~/Maildir:INBOX=/x", "a", "/h/a/Maildir"),
        ("home\t/h/a\nmail\t", "alice", "/h/a"),
        ("", "alice", ""),
    ],
)
def test_where_a_mailbox_lies(fields: str, name: str, path: str) -> None:
    folders = "there\t/h/a/Maildir/new\nthere\t/h/a/Maildir/cur\nbare\t/h/a/Maildir/cur\n"
    it = mailbox_access.place("alice", f"field\tvalue\n{fields}\n\n{folders}")
    assert (it.name, it.path, len(it.folders), it.bare) == (name, path, 2, ("/h/a/Maildir/cur",))


@pytest.mark.parametrize("known", [True, False])
def test_dovecot_is_asked_for_all_users_at_once(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it doesn't know one of them: where its words begin and end can't be seen then."""
    asked = list[tuple[str, ...]]()

    def run(*argv: str, **_: bool) -> Result:
        asked.append(argv)
        first = "field\tvalue\n\nuserdb lookup: user alice doesn't exist\n"
        if argv[0] == "sh":
            return Result(argv, 0, f"=-=-= user alice\n{first}=-=-= user bob\nuid\t2\nhome\t/h/b\n", "")
        alice = "field\tvalue\nuser\ta\nuid\t1\nhome\t/h/a\n" if known else first
        return Result(argv, 0 if known else 67, f"{alice}uid\t2\nhome\t/h/b\n\n", "")

    monkeypatch.setattr(mailbox_access, "dovecot", lambda _: SimpleNamespace(run=run))
    migration: Any = SimpleNamespace(settings=SimpleNamespace(mailboxes=lambda: ("alice", "bob")))
    found = [(each.user, each.name, each.path) for each in mailbox_access.named(migration)]
    assert found == [("alice", "a", "/h/a") if known else ("alice", "alice", ""), ("bob", "bob", "/h/b")]
    assert len(asked) == (1 if known else 2)
