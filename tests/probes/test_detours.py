"""What Dell's configuration says of discarding, copying, re-routing and giving up, read without a Dell."""

import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.access.transport import Result
from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.dell import durability, filters, mailbox_access, private_keys, queue_lifetime, tables
from fixtures.probes.dell.filters import Filter
from fixtures.probes.dell.postfix import Configuration
from fixtures.probes.smtp import gateway
from fixtures.settings import Secrets
from tests.judges import LOOK

SINCE_24 = """\
sieve_script personal {
  path = ~/.dovecot.sieve
  type = personal
}
protocol lmtp {
  sieve_script spam {
    path = /etc/dovecot/spam.sieve
    type = before
  }
}
mailbox Junk {
  sieve_script learn {
    cause = copy
    path = /usr/lib/dovecot/sieve/report-spam.sieve
    type = before
  }
}
passdb static {
  type = after
}
"""
SHARED_24 = """\
sieve_script personal {
  path = /etc/dovecot/all.sieve
}
"""
UNTIL_23 = """\
plugin {
  sieve = file:~/sieve;active=~/.dovecot.sieve
  sieve_before = /etc/dovecot/sieve/before.d
  sieve_before2 = /etc/dovecot/sieve/more.d
  sieve_default_name = roundcube
  sieve_plugins = sieve_imapsieve
}
"""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (SINCE_24, ["sieve_script spam: before"]),
        (UNTIL_23, ["sieve_before: /etc/dovecot/sieve/before.d", "sieve_before2: /etc/dovecot/sieve/more.d"]),
        (SHARED_24, ["sieve_script personal: personal, /etc/dovecot/all.sieve"]),
        ("plugin {\n  sieve = /etc/dovecot/all.sieve\n}\n", ["sieve: /etc/dovecot/all.sieve"]),
        ("plugin {\n  sieve = file:/var/mail/%d/%n/sieve;active=/var/mail/%d/%n.sieve\n}\n", []),
        ("plugin {\n  imapsieve_mailbox1_before = file:/etc/dovecot/report-spam.sieve\n}\n", []),
    ],
)
def test_scripts_for_everybody_and_none_of_a_users_own(text: str, found: list[str]) -> None:
    assert [what for what, _ in filters.sieve_ones(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("mail_driver = maildir\n", []),
        ("mailbox_autoexpunge = 1 weeks\n", ["every mailbox: autoexpunge = 1 weeks"]),
        ("namespace x {\n  mailbox INBOX {\n    autoexpunge = 30 d\n  }\n}\n", ["mailbox INBOX: autoexpunge = 30 d"]),
        ("mailbox Trash {\n  autoexpunge = 30 d\n  special_use = \\Trash\n}\n", []),
        ('mailbox Trash {\n  autoexpunge = 30 d\n  special_use = "\\\\Trash"\n}\n', []),
        ("mailbox INBOX {\n  autoexpunge_max_mails = 50\n}\n", ["mailbox INBOX: autoexpunge_max_mails = 50"]),
        ("mailbox INBOX {\n  trash_priority = 2\n}\n", ["mailbox INBOX: trash_priority = 2"]),
        ("mailbox Junk {\n  special_use = \\Junk\n  trash_priority = 1\n}\n", []),
        ("mailbox Sent {\n  autoexpunge = 0\n  special_use = \\Sent\n}\n}\n", []),
    ],
)
def test_mailboxes_from_which_mail_goes_by_itself(text: str, found: list[str]) -> None:
    assert [what for what, _ in filters.expiring_ones(text)] == found


@pytest.mark.parametrize(("more", "found"), [("", []), ("3 Sent\n3 Old Mail\n", ["Sent", "Old Mail"])])
def test_folders_that_a_list_has_emptied_for_new_mail(more: str, found: list[str]) -> None:
    """Dovecot 2.3's plugin; 2.4 has trash_priority."""
    text = "".join(f"mailbox {each} {{\n  special_use = \\{each}\n}}\n" for each in ("Junk", "Trash", "Sent"))
    listed = "# first of all\n1 Junk\n2 INBOX.Trash\n\n"
    shell: Any = SimpleNamespace(run=lambda *argv, **_: Result(argv, 0, listed + more, ""))
    said = [what for what, _ in filters.emptied_ones(shell, f"{text}plugin {{\n  quota = count\n  trash = /t\n}}\n")]
    assert said == [f"trash = /t: {each}" for each in found]
    assert not list(filters.emptied_ones(shell, text))
    gone: Any = SimpleNamespace(run=lambda *argv, **_: Result(argv, 1, "", "No such file"))
    ((what, _),) = filters.emptied_ones(gone, "plugin {\n  trash = /t\n}\n")
    assert what == "trash = /t: can't be read"


def test_what_keeps_copies_or_files_by_detail() -> None:
    text = "lmtp_rawlog_dir = /var/log/raw\nprotocol imap {\n  rawlog_dir = /tmp/%{user}\n}\nimap_rawlog_dir =\n"
    text += "lmtp_save_to_detail_mailbox = yes\nsubmission_relay_rawlog_dir = /r\nrawlogs = /x\n"
    assert [what for what, _ in filters.copying_ones(text)] == [
        "lmtp_rawlog_dir: /var/log/raw",
        "rawlog_dir: /tmp/%{user}",
        "lmtp_save_to_detail_mailbox: yes",
        "submission_relay_rawlog_dir: /r",
    ]
    assert not list(filters.copying_ones("lmtp_save_to_detail_mailbox = no\nlmtp_rawlog_dir = \n"))


def test_whose_password_opens_every_mailbox() -> None:
    """Of Dovecot 2.4 and 2.3; without the path where that is none, or one for each domain."""
    plain = "passdb passwd-file {\n  passwd_file_path = /etc/dovecot/users\n}\nauth_master_user_separator = *\n"
    since_24 = "passdb masters {\n  master = yes\n  passwd_file_path = /etc/dovecot/masters\n}\n"
    until_23 = "passdb {\n  args = scheme=CRYPT username_format=%u /m\n  driver = passwd-file\n  master = yes\n}\n"
    by_domain = "passdb {\n  args = /m/%d\n  master = yes\n}\n"
    found = list(filters.master_ones(plain + since_24 + until_23 + by_domain + plain))
    assert found == [("passdb masters", "/etc/dovecot/masters"), ("passdb", "/m"), ("passdb", "")]
    # Of one protocol only, a level further in.
    found = list(filters.master_ones(f"protocol imap {{\n{since_24}{until_23}}}\n"))
    assert found == [("passdb masters", "/etc/dovecot/masters"), ("passdb", "/m")]


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("5d", "d", 432_000), ("5", "d", 432_000), ("4000s", "s", 4000), ("300", "s", 300), ("1h", "s", 3600),
        ("2w", "d", 1_209_600), ("30m", "s", 1800), ("50", "", 50), ("50s", "", None), ("", "s", None),
        ("soon", "s", None), ("-1", "s", None),
    ],
)  # fmt: skip
def test_a_time_of_postfix(value: str, unit: str, expected: int | None) -> None:
    assert queue_lifetime.number(value, unit) == expected


def test_entries_of_a_table_without_notes_and_blanks() -> None:
    assert tables.lines("# ours\n\na@x.example   mailbox\nb@x.example\ta@x.example\n") == {
        "a@x.example mailbox", "b@x.example a@x.example",
    }  # fmt: skip


def test_a_domain_of_aliases_only_is_found() -> None:
    """A-1: whoever names it in virtual_alias_domains after Dell was prepared."""
    held = (tables.Aliased("a.example", "hash:/v"), tables.Aliased("b.example", "b.example"))
    none, some = (tables.judged_aliased(each, LOOK) for each in ((), held))
    assert (none.verdict, some.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert some.found == "a.example (by hash:/v), b.example (by b.example)"
    assert "all mail for it bounces" in some.hint


def test_a_domain_that_is_the_machines_own_is_found() -> None:
    """A-1: a kept file of mydestination has it, and each parameter is as planned."""
    none, some = (tables.judged_local(each, LOOK) for each in ({}, {"a.example": "/etc/local-host-names"}))
    assert (none.verdict, some.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert some.found == "a.example (by /etc/local-host-names)"


def test_what_a_filter_takes_the_workers_mail_for() -> None:
    """Rspamd, OpenDKIM and amavis skip their checks for users and loopback, and sign what comes from there."""
    ones = (Filter("smtpd_milters", "inet:1", "the settings: inet:1"), Filter("content_filter", "x", ""))
    other = Filter("smtpd_client_restrictions", "check_policy_service inet:2", "")
    named, alien, policy = filters.judged(filters.Filters((*ones, other), LOOK, by_worker=True), ("inet:1",))
    assert named.found.startswith("known: the settings: inet:1; the Worker's mail comes to it from 127.0.0.1 or")
    assert (named.verdict, alien.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert "out of Rspamd's local_addrs" in alien.hint
    assert "127.0.0.1" not in policy.found


@pytest.mark.parametrize(
    ("name", "value", "does"),
    [
        ("message_drop_headers", "bcc, content-length, resent-bcc, return-path", ""),
        ("message_drop_headers", "Bcc", ""),
        ("message_drop_headers", "", ""),
        ("message_drop_headers", "bcc, In-Reply-To", "may discard, refuse or change mail"),
        ("message_reject_characters", "\\0", "may discard, refuse or change mail"),
        ("local_header_rewrite_clients", "permit_inet_interfaces, permit_mynetworks", ""),
        ("local_header_rewrite_clients", "static:all", "rewrites addresses"),
        ("remote_header_rewrite_domain", "", ""),
        ("remote_header_rewrite_domain", "domain.invalid", "rewrites addresses"),
    ],
)
def test_what_changes_header_fields(name: str, value: str, does: str) -> None:
    found = list(filters.postfix_ones(Configuration("Dell", {name: value}, {}, (), {}, (), 1, 0.0, LOOK)))
    assert found == ([(f"{name}: {value}", does)] if does else [])


def test_a_server_s_folders_are_not_taken_for_the_other_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are asked for at once, where both servers run on the machine itself."""
    unit = "/etc/systemd/system/dovecot.service"
    mounts = f"=-=-= paths\n/queue\n/vmail/a\n=-=-= files of units\n{unit}:ReadOnlyPaths=/vmail\n"
    printed = {durability._QUEUE: "ext4 /queue\n", durability._MOUNTS: mounts, durability._FSYNC: "always\n"}

    def run(*argv: str, **_: bool) -> Any:
        return SimpleNamespace(stdout=printed.get(argv[2], "ext4 /vmail/a\n"))

    shell = SimpleNamespace(name="Dell", transport=SimpleNamespace(container=""), run=run)
    shell.machine = shell
    for name in ("dell", "dovecot"):
        monkeypatch.setattr(durability, name, lambda _: shell)
    place = mailbox_access.Place("a@x.example", "a", "/vmail/a", (), ())
    monkeypatch.setattr(mailbox_access, "named", lambda _: (place,))
    found = durability.look(Migration(settings_without_a_lab(), Secrets()))
    closed = ("/vmail/a", f"ReadOnlyPaths=/vmail ({unit})")
    assert {each.name: each.closed for each in found.services} == {"postfix.service": (), "dovecot.service": (closed,)}


POSTCONF = """\
if [ "$1" = -xh ]; then echo hash:/etc/aliases; else
echo "local_recipient_maps = proxy:unix:passwd.byname hash:/etc/aliases"
echo "transport_maps = {hash:$PLACE/a, lmdb:$PLACE/b} hash:$PLACE/c,proxy:hash:$PLACE/a"; echo "x = hash:/none/such"; fi
"""
POSTMAP = """\
case $2 in
hash:*/a) printf 'a\\tx\\nb\\ty\\n' ;; texthash:*/a) printf 'b\\ty\\na\\tx\\n' ;;
lmdb:*/b) echo "b secret" ;; texthash:*/b) echo "b other" ;; *) exit 1 ;; esac
"""


def test_which_tables_are_compared(tmp_path: Path) -> None:
    for name, text in (("postconf", POSTCONF), ("postmap", POSTMAP)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    for name in "abc":
        (tmp_path / name).touch()
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "PLACE": str(tmp_path)}
    said = subprocess.run(["sh", "-c", gateway._MAPS], env=env, capture_output=True, text=True, check=True)
    assert said.stdout.replace(f"{tmp_path}/", "").splitlines() == ["same hash:a", "unread hash:c", "other lmdb:b"]
    assert not said.stderr


KEYS = """\
ssl_key = </etc/old.pem
ssl_server {
  cert_file = /etc/c.pem
  key_file = /etc/block.pem
}
oauth2_key = s3cret
mail_crypt_key = /etc/other.pem
"""


def test_only_lines_of_keys_and_paths_are_taken_from_doveconf() -> None:
    """``-P`` shows secrets, too."""
    shown = private_keys._DOVECONF.partition("doveconf -nP | ")[2]
    done = subprocess.run(["sh", "-c", shown], check=True, input=KEYS, text=True, capture_output=True)
    assert "s3cret" not in done.stdout
    assert list(private_keys.of_dovecot(done.stdout)) == ["/etc/old.pem", "/etc/block.pem"]


@pytest.mark.parametrize(
    ("line", "held"),
    [
        ("connect = host=db dbname=mail user=mail password=s3cret", True),
        ("dnpass = s3cret", True),
        ("  ldap_auth_dn_password = s3cret", True),
        ("passdb static { password = s3cret }", True),
        ("  #password = s3cret", False),
        ("auth_verbose_passwords = sha1", False),
        ("passwd_file_path = /etc/dovecot/users", False),
        ("password = %{ldap:userPassword}", False),
        ("ssl_key_password = </etc/dovecot/private/word", False),
        ("password_query = SELECT username, password FROM users", False),
        ("default_pass_scheme = BLF-CRYPT", False),
    ],
)
def test_which_file_of_dovecots_holds_a_password(line: str, held: bool) -> None:
    (word,) = re.findall(r"^word='(.*)'", mailbox_access._PLACES, re.MULTILINE)
    done = subprocess.run(["grep", "-qE", word], check=False, input=f"# a file\n{line}\n", text=True)
    assert (done.returncode == 0) is held
