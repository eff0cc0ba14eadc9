"""The operator's Postfix in the lab: kept byte for byte, but for what is listed, not certified, or refused."""

import base64

import pytest

from fixtures.lab.own import postfix

MAIN = """\
# ours, with a comment
myhostname = dell.example.net
maillog_file = /var/log/mail.log
in_flow_delay = 0
virtual_alias_maps = hash:/etc/postfix/virtual
"""
MASTER = """\
smtp inet n - y - - smtpd
  -o smtpd_etrn_restrictions=reject
postlog unix-dgram n - n - 1 postlogd
"""


def host(main: str = "", master: str = "", quota_policy: str = "", **files: str) -> postfix.Host:
    """What the lab makes of a Dell whose main.cf and master.cf go on with these."""
    held = {"main.cf": MAIN + main, "master.cf": MASTER + master, "virtual": "info@example.net office\n"} | files
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in held.items()}
    return postfix.take("Dell", {"files": encoded, "elsewhere": {}}, quota_policy=quota_policy)


def test_what_the_lab_can_play_is_kept_as_it_is() -> None:
    made = host(virtual="a@example.net b\n")
    assert (made.refused, made.translations, made.not_certified) == ([], [], {})
    assert made.files["/etc/postfix/main.cf"].decode() == MAIN
    assert made.files["/etc/postfix/virtual"] == b"a@example.net b\n"
    assert "smtp inet n - n - - smtpd\n  -o smtpd_etrn" in made.files["/etc/postfix/master.cf"].decode()
    assert made.tables == ["postmap hash:/etc/postfix/virtual"]


@pytest.mark.parametrize(
    ("line", "part", "lab", "uncertain"),
    [
        ("smtpd_milters = inet:127.0.0.1:8891", "parameter smtpd_milters", "", "A-9"),
        ("content_filter = smtp:[127.0.0.1]:10024", "parameter content_filter", "", "E-3"),
        (
            "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:10023, reject_unauth_destination",
            "parameter smtpd_recipient_restrictions",
            "reject_unauth_destination",
            "A-6",
        ),
        ("daemon_directory = /usr/libexec/postfix", "parameter daemon_directory", None, None),
        ("alias_maps = lmdb:/etc/postfix/virtual", "parameter alias_maps", "hash:/etc/postfix/virtual", None),
        ("smtp_tls_CAfile = /etc/pki/tls/cert.pem", "parameter smtp_tls_CAfile", postfix._AUTHORITY, None),
        ("smtpd_tls_CAfile = /etc/x/chain.pem", "parameter smtpd_tls_CAfile", postfix._AUTHORITY, None),
        ("smtpd_tls_CApath = /etc/x/certs", "parameter smtpd_tls_CApath", "", None),
        ("cache = lmdb:${data_directory}/scache", "parameter cache", "hash:${data_directory}/scache", None),
        ("default_database_type = lmdb", "parameter default_database_type", "hash", None),
    ],
)
def test_what_it_can_not_is_reported_and_what_that_decides_on_is_not_certified(
    line: str, part: str, lab: str | None, uncertain: str | None
) -> None:
    made = host(line + "\n")
    (said,) = made.translations
    assert (said.part, said.live, said.lab) == (part, line.partition(" = ")[2], lab)
    assert (uncertain in made.not_certified) if uncertain else not made.not_certified
    assert line not in made.files["/etc/postfix/main.cf"].decode()


def test_the_quota_service_that_the_lab_has_stays() -> None:
    line = "smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:12340\n"
    assert host(line, quota_policy="inet:127.0.0.1:12340").translations == []
    assert "A-17" in host(line).not_certified


def test_a_filter_in_an_override_is_taken_out_and_reported() -> None:
    made = host(master="submission inet n - y - - smtpd\n  -o smtpd_milters=inet:127.0.0.1:8891\n")
    assert [(each.part, each.live) for each in made.translations] == [
        ("override submission/inet/smtpd_milters", "inet:127.0.0.1:8891")
    ]
    assert "override submission/inet/smtpd_milters leads to" in made.not_certified["A-9"]


@pytest.mark.parametrize(
    ("given", "kept", "parts", "uncertain"),
    [
        ("-o content_filter=spam", "-o content_filter=", ["content_filter"], "A-9"),
        (
            "\n  -o smtpd_tls_security_level=encrypt -o smtpd_milters=inet:[::1]:8891",
            "\n  -o smtpd_tls_security_level=encrypt -o smtpd_milters=",
            ["smtpd_milters"],
            "A-9",
        ),
        ("\n  -o { smtpd_milters = inet:a:1,\n    inet:b:2 }", "\n  -o { smtpd_milters =  }", ["smtpd_milters"], "A-9"),
        (
            "\n# ours\n  -o { smtpd_data_restrictions = check_policy_service { inet:a:1, b=9s }, permit }\n#\n  -o a=b",
            "\n# ours\n  -o { smtpd_data_restrictions = permit }\n#\n  -o a=b",
            ["smtpd_data_restrictions"],
            "A-6",
        ),
        (
            "-o a=lmdb:/etc/postfix/virtual -o smtpd_tls_CAfile=/etc/x.pem",
            f"-o a=hash:/etc/postfix/virtual -o smtpd_tls_CAfile={postfix._AUTHORITY}",
            ["a", "smtpd_tls_CAfile"],
            None,
        ),
        ("-o smtpd_milters= -o x=y", "-o smtpd_milters= -o x=y", [], None),
    ],
)
def test_each_override_is_judged_by_its_name(given: str, kept: str, parts: list[str], uncertain: str | None) -> None:
    made = host(master=f"587 inet n - y - - smtpd {given}\n")
    assert f"587 inet n - n - - smtpd {kept}\n" in made.files["/etc/postfix/master.cf"].decode()
    assert [each.part for each in made.translations] == [f"override 587/inet/{name}" for name in parts]
    assert (uncertain in made.not_certified) if uncertain else not made.not_certified


UUCP = "uucp unix - n n - - pipe\n  flags=Fqhu user=uucp argv=uux -r -n -z\n  -o syslog_name=x\n"


@pytest.mark.parametrize(
    ("service", "live"),
    [
        ("tar unix n n n 1 1 ../../../../bin/tar -f /etc/hostname -I {sh -c 'id'}", "../../../../bin/tar -f /etc"),
        ("x unix - n n - - /bin/sh -c id", "/bin/sh -c id"),
        ("x unix - n n - - postfix-script start", "postfix-script start"),
        ("x unix - n n - - pipe user=nobody argv=/bin/sh -c id", "pipe user=nobody argv=/bin/sh -c id"),
        (
            "x unix - n n - - pipe\n\tuser=nobody\n# ours\n\targv=/bin/sh -c id argv=/usr/lib/dovecot/deliver x",
            "pipe user=nobody argv=/bin/sh -c id argv=/usr/lib/dovecot/deliver x",
        ),
        ("x unix - n n - 0 spawn user=nobody argv=/usr/bin/policy", "spawn user=nobody argv=/usr/bin/policy"),
        ("postlog unix-dgram n - n - 1 ../../../bin/sh", "../../../bin/sh"),
    ],
)
def test_no_program_starts_that_another_host_names(service: str, live: str) -> None:
    made = host(master=f"{service}\n")
    name = "/".join(service.split()[:2])
    said = {each.part: each for each in made.translations}[f"service {name}"]
    assert (said.live or "").startswith(live)
    assert (said.lab, said.why) == (None, "a program that is none of Postfix's own, and is not started in the lab")
    assert live.split(maxsplit=1)[0] not in made.files["/etc/postfix/master.cf"].decode().replace("postlogd", "")
    assert not made.refused
    assert not made.not_certified


@pytest.mark.parametrize(
    ("main", "master", "files", "by"),
    [
        ("", "", {}, ""),
        (
            "mailman_destination_recipient_limit = 1\nx = uucp\n",
            "# to uucp:\n",
            {"virtual": "uucp: a\n# x uucp:\n"},
            "",
        ),
        ("default_transport = uucp\n", "", {}, "parameter default_transport"),
        ("transport_maps = inline:{ { x=uucp:y } }\n", "", {}, "parameter transport_maps"),
        ("", "", {"virtual": "x.example\tuucp:y\n"}, "/etc/postfix/virtual"),
        ("", "", {"virtual": "/^x/ FILTER uucp:\n"}, "/etc/postfix/virtual"),
        ("", "587 inet n - n - - smtpd\n  -o default_transport=uucp\n", {}, "master.cf"),
    ],
)
def test_mail_by_such_a_service_certifies_nothing(main: str, master: str, files: dict[str, str], by: str) -> None:
    made = host(main, UUCP + master, **files)
    parts = [each.part for each in made.translations]
    assert parts == ["service uucp/unix", "override uucp/unix/syslog_name"]
    assert set(made.not_certified) == ({*postfix.FILTERED} if by else set())
    assert not by or made.not_certified["A-9"].startswith(
        f"{by} leads to uucp/unix: a program that is none of Postfix's"
    )


@pytest.mark.parametrize("sign", ["\xa0", "\x1c", "\x85", "\u2003", "\xa0#"])
def test_a_service_that_only_postfix_would_see_is_refused(sign: str) -> None:
    (said,) = host(master=f"smtp unix - - n - - smtp\n{sign}x unix - n n - - ../../../bin/sh -c id\n").refused
    assert said.startswith(f"Dell: master.cf has {sign[0]!r}, which only looks like a blank")
    assert not host(master=f"# ours{sign}\n").refused


def test_dovecots_own_delivery_stays() -> None:
    line = "dovecot unix - n n - - pipe flags=DRh user=vmail argv=/usr/lib/dovecot/deliver -f ${sender}\n"
    made = host("virtual_transport = dovecot\n", line)
    assert line in made.files["/etc/postfix/master.cf"].decode()
    assert not made.translations
    assert not made.not_certified


def test_macros_lead_to_certificates_and_tables() -> None:
    main = (
        "live = /etc/letsencrypt/live\nsmtpd_tls_cert_file = $live/$myhostname/fullchain.pem\n"
        "smtpd_tls_key_file = ${live}/$mydomain/privkey.pem\nindexed = ${default_database_type}:${config_directory}/\n"
        "alias_maps = ${indexed}virtual\nsmtp_sasl_password_maps = ${indexed}logins\nrelay_domains = ${indexed}none\n"
        "proxy_read_maps = $smtp_sasl_password_maps\ndata_directory = /srv\ncache = btree:$data_directory/scache\n"
    )
    made = host(main)
    live = "/etc/letsencrypt/live"
    assert made.keys == {f"{live}/dell.example.net/fullchain.pem", f"{live}/example.net/privkey.pem"}
    assert "postalias hash:/etc/postfix/virtual" in made.tables
    assert made.logins == {"/etc/postfix/logins"}
    (refused,) = made.refused
    assert "relay_domains names hash:/etc/postfix/none" in refused


def test_a_comment_in_whatever_encoding_stays_as_it_is() -> None:
    comment = b"# \xcc\xbe\xc1\xb0 f\xfcr\n"
    files = {"main.cf": comment + MAIN.encode(), "master.cf": comment + MASTER.encode(), "virtual": b"a b\n"}
    encoded = {name: base64.b64encode(content).decode() for name, content in files.items()}
    made = postfix.take("Dell", {"files": encoded, "elsewhere": {}})
    assert made.files["/etc/postfix/main.cf"] == files["main.cf"]
    assert made.files["/etc/postfix/master.cf"].startswith(comment)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("transport_maps = hash:/etc/postfix/transport", "names hash:/etc/postfix/transport, which the snapshot lacks"),
        ("virtual_mailbox_maps = mysql:/etc/postfix/my.cf", "looks up in mysql:/etc/postfix/my.cf, which is no file"),
    ],
)
def test_what_no_snapshot_holds_is_refused_by_name(line: str, why: str) -> None:
    (refused,) = host(line + "\n").refused
    assert refused.startswith("Dell: ")
    assert why in refused


def test_dovecot_of_another_series_is_the_labs_own_and_said() -> None:
    lab = "mail_path = ~/Maildir\nservice lmtp {\n  client_limit = 1\n}\n"
    same, why = postfix.dovecot(lab, "2.4.0 (x)\nlmtp_user_concurrency_limit = 3\nmail_path = /other\n")
    assert (why, "lmtp_user_concurrency_limit = 3" in same, "/other" in same) == ("", True, False)
    kept, why = postfix.dovecot(lab, "2.3.16 (x)\nlmtp_user_concurrency_limit = 3\n")
    assert kept == lab
    assert "Dell has Dovecot 2.3.16" in why
