"""What Dovecot did with a message, by its log, and where that log is."""

from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.logs import dovecot_log
from fixtures.settings import Secrets, Transport

ALICE = "lmtp(alice@own.example)<1659>"
LOG = f"""\
Nov 26 05:27:55 lmtp(1659): Info: Connect from local
Nov 26 05:27:55 {ALICE}<RaLH>: Info: msgid=<1@x.example>: saved mail to INBOX
Nov 26 05:27:55 {ALICE}<+WjaMlv:T2>: Info: sieve: msgid=<2@x.example>: fileinto action: stored mail into mailbox 'Lists'
Nov 26 05:27:55 {ALICE}<C1cI>: Error: sieve: binary /etc/dovecot/global.svbin: save: failed
Nov 26 05:27:55 {ALICE}<C1cI>: Info: sieve: msgid=<3@x.example>: discard action: Marked message to be discarded if not \
explicitly delivered (discard action)
Nov 26 05:27:55 dell dovecot: {ALICE}<old>: sieve: msgid=<4@x.example>: forwarded to <b@c.example>
Nov 26 05:27:55 {ALICE}<both>: Info: sieve: msgid=<5@x.example>: discard action: Marked message to be discarded if not \
explicitly delivered (discard action)
Nov 26 05:27:55 {ALICE}<both>: Info: sieve: msgid=<5@x.example>: stored mail into mailbox 'INBOX'
Nov 26 05:27:55 {ALICE}<blank>: Info: sieve: msgid=<6 7@x.example>: stored mail into mailbox 'INBOX'
Nov 26 05:27:55 {ALICE}<open>: Info: msgid=<8@x.example: saved mail to INBOX
"""


@pytest.mark.parametrize(
    ("session", "stored", "forwarded"),
    [
        ("RaLH", True, False),
        ("+WjaMlv:T2", True, False),
        ("C1cI", False, False),
        ("old", False, True),
        ("both", True, False),
        ("blank", True, False),
        ("open", True, False),
        ("none", False, False),
    ],
)
def test_what_was_done_in_a_session(session: str, *, stored: bool, forwarded: bool) -> None:
    did = dovecot_log.parse(LOG).get(session, ())
    assert (dovecot_log.stored(did), dovecot_log.forwarded(did)) == (stored, forwarded)


def where(monkeypatch: pytest.MonkeyPatch, folder: Path, says: str) -> Migration:
    """A Dell that is this machine, with a ``doveconf`` that says where Dovecot logs."""
    command = folder / "doveconf"
    command.write_text(f'#!/bin/sh\n[ "$2" = info_log_path ] && echo || echo "{says}"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    settings = settings_without_a_lab()
    changed = {"transport": Transport(kind="local"), "log": folder / "mail.log"}
    return Migration(settings.model_copy(update={"dell": settings.dell.model_copy(update=changed)}), Secrets())


@pytest.mark.parametrize(("says", "name"), [("{}/dovecot.log", "dovecot.log"), ("syslog", "mail.log")])
def test_it_is_read_where_dovecot_says_that_it_writes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str, name: str
) -> None:
    """A file of its own, or mixed with Postfix's lines; an answer to Postfix names the session."""
    (tmp_path / name).write_text(LOG)
    log = dovecot_log.read(where(monkeypatch, tmp_path, says.format(tmp_path)), 30)
    assert log.of("250 2.0.0 <alice@own.example> RaLH Saved") == ("saved mail to INBOX",)
    assert log.of("250 2.0.0 <alice@own.example> other Saved") == log.of("delivered to maildir") == ()


def test_a_log_that_is_not_there_is_no_empty_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(CouldNotAsk, match=r"no\.log"):
        dovecot_log.read(where(monkeypatch, tmp_path, f"{tmp_path}/no.log"), 30)
    with pytest.raises(CouldNotAsk, match="can't be asked where it logs"):
        dovecot_log.read(where(monkeypatch, tmp_path, ""), 30)


def test_another_form_of_its_lines_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """iRedMail's deliver_log_format has more between the Message-ID and what was done."""
    said = "msgid=<1@x.example>, size=259, delivery_time=186ms, stored mail into mailbox 'INBOX'"
    (tmp_path / "other.log").write_text(f"Nov 26 05:27:55 {ALICE}<RaLH>: Info: sieve: from=s@o.example, {said}\n")
    with pytest.raises(CouldNotAsk, match=r"form that isn't known here: .*186ms.*deliver_log_format"):
        dovecot_log.read(where(monkeypatch, tmp_path, f"{tmp_path}/other.log"), 30)
