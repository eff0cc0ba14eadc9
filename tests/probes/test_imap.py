"""What a server of IMAP says that lets nobody in, what one is asked to search, and which folders are looked through."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from pydantic import SecretStr

from fixtures.evidence import CouldNotAsk
from fixtures.ledger import cleaning
from fixtures.probes.mailbox import imap, refused_logins

BOX = imap.Mailbox("mx.example", 993, "alice", SecretStr("x"))
PASSWORD = "login refused"
BUSY = "no login"


def open_(monkeypatch: pytest.MonkeyPatch, client: Any) -> None:
    """Every connection is CLIENT."""

    @contextmanager
    def opened(*_: object) -> Iterator[Any]:
        yield client, {b"UIDNEXT": 1, b"UIDVALIDITY": 1}

    for module in (imap, cleaning):
        monkeypatch.setattr(module, "opened", opened)


def refusal(said: Exception) -> LoginError:
    """As imapclient raises it."""
    found = LoginError(str(said))
    found.__context__ = said
    return found


@pytest.mark.parametrize(
    ("said", "kind", "advice"),
    [
        (IMAPClientError(b"[AUTHENTICATIONFAILED] Authentication failed."), PASSWORD, "VARIABLE should be"),
        (IMAPClientError(b"LOGIN failed."), PASSWORD, "VARIABLE should be"),
        (IMAPClientError(b"[ALERT] Application-specific password required"), PASSWORD, "its own words say why"),
        (IMAPClientError(b"[LIMIT] Maximum number of connections from user+IP exceeded"), BUSY, "mail_max_userip_"),
        (IMAPClientError(b"[UNAVAILABLE] Temporary authentication failure. [dell:1]"), BUSY, "Dovecot's log says why"),
        (IMAPClientAbortError("command: LOGIN => socket error: EOF"), BUSY, "process_limit"),
        (IMAPClientAbortError("[UNAVAILABLE] Internal error occurred."), BUSY, "Dovecot's log says why"),
    ],
)
def test_only_a_wrong_password_is_one(said: Exception, kind: str, advice: str) -> None:
    text = refused_logins.said("alice", "VARIABLE", refusal(said))
    assert text.startswith(f"alice: {kind} (")
    assert advice in text
    assert ("VARIABLE" in text) is advice.startswith("VARIABLE")


@pytest.mark.parametrize(
    ("fault", "closed"),
    [
        (IMAPClientAbortError("socket error: EOF"), True),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), True),
        (ConnectionResetError(104, "reset"), True),
        (ConnectionRefusedError(111, "refused"), False),
        (TimeoutError("timed out"), False),
        (TimeoutError("_ssl.c:1012: The handshake operation timed out"), True),
        (TimeoutError("The read operation timed out"), True),
        (IMAPClientError("BAD"), False),
    ],
)
def test_a_connection_by_which_nothing_comes(fault: Exception, closed: bool) -> None:
    assert ("process_limit" in refused_logins.broken("alice", fault)) is closed


def test_a_folder_that_its_owner_may_not_read() -> None:
    said = refused_logins.broken("alice", IMAPClientError("select failed: [NOPERM] Permission denied"))
    assert said.startswith("alice: error: select failed")
    assert "dovecot-acl" in said


def test_what_was_sent_just_now_is_not_sought_in_all_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever day the server has: to look for a header that it has not indexed, Dovecot reads each message."""
    client = Mock(**{"search.return_value": []})
    open_(monkeypatch, client)
    imap.find(BOX, [f"<{number}@x>" for number in range(imap.IDS_AT_ONCE + 1)], 0)
    imap.of_run(BOX, "a run")
    asked = [call.args[0] for call in client.search.call_args_list]
    assert len(asked) == 3
    for criteria in asked:
        assert criteria[0] == "SINCE"
        days = (time.time() - time.mktime(time.strptime(criteria[1], "%d-%b-%Y"))) / 86_400
        assert 2 <= days < 4


class LeavesOut:
    """A server whose full-text index has no X-* (fts_header_excludes): it searches for those in vain.

    As nixos-mailserver sets Dovecot up, and Dovecot's own page on the setting has it for an example.
    """

    noop, has_capability = Mock(), Mock(return_value=False)
    heads: ClassVar[dict[int, bytes]] = {
        5: b"X-Mxgate-Run: a run\r\nMessage-ID: <5@x>\r\n",
        6: b"X-Mxgate-Run: a run of another name\r\nMessage-ID: <6@x>\r\n",
        7: b"X-Mxgate-Run: a run\r\nMessage-ID: <7@x>\r\n",
        8: b"Content-Type: Multipart/Report; boundary=b\r\nMessage-ID: <8@x>\r\n",
    }

    def search(self, keys: Any) -> list[int]:
        return [] if "HEADER" in keys else list(self.heads)

    def fetch(self, uids: list[int], items: list[str]) -> dict[int, dict[bytes, Any]]:
        part = b"BODY[HEADER.FIELDS (X)]" if any("HEADER.FIELDS" in each for each in items) else b"BODY[]"
        known = {b"RFC822.SIZE": 9, b"FLAGS": ()}
        return {uid: {**known, part: self.heads[uid] + b"\r\n"} for uid in uids}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(lambda it: it.run == "a run", [5, 7]), (lambda it: "report" in it.header("Content-Type").lower(), [8])],
    ids=["a run's", "reports"],
)
def test_whose_mail_it_is_no_server_judges(monkeypatch: pytest.MonkeyPatch, wanted: Any, found: list[int]) -> None:
    open_(monkeypatch, LeavesOut())
    reader = imap.Reader(BOX, wanted, 0.0)
    assert [each.uid for each in reader.new()] == found
    assert list(reader.new()) == []


def test_test_mail_is_found_whatever_a_server_has_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    open_(monkeypatch, LeavesOut())
    assert [each.uid for each in imap.of_run(BOX, "a run").messages] == [5, 7]
    assert cleaning.cleanable(BOX, cleaning.Ledger({}, {})).kept == {"it doesn't have our marks just once": 3}


CLOSED = "select failed: [NOPERM] Permission denied"


def serve(monkeypatch: pytest.MonkeyPatch, faults: dict[str, str], folders: int) -> None:
    """A mailbox with one message in each of its folders; INBOX is the last, as Dovecot lists a Maildir's."""
    names = [f"folder {number}" for number in range(folders - len(faults) - 1)] + [*faults, "INBOX"]
    chosen = [""]

    def select_folder(name: str, *, readonly: bool) -> None:
        assert readonly
        if name in faults:
            raise IMAPClientError(faults[name])
        chosen[0] = name

    client = SimpleNamespace(
        list_folders=lambda: [((b"\\HasNoChildren",), b".", name) for name in names],
        select_folder=select_folder,
        search=lambda _: [1],
        fetch=lambda *_: {1: {b"BODY[HEADER]": f"Message-ID: <{chosen[0]}@x>\r\n\r\n".encode()}},
    )
    open_(monkeypatch, client)


def test_the_inbox_is_read_behind_many_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {}, 400)
    found = imap.lying(BOX, ["<x>"], 0)
    assert len(found) == 400
    assert found[-1].folder == "INBOX"


def test_a_folder_that_its_user_may_not_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is shown to everybody (RFC 4314: the right l without r); another fault stays one."""
    serve(monkeypatch, {"Public/board": CLOSED}, 4)
    assert [each.folder for each in imap.lying(BOX, ["<x>"], 0)] == ["folder 0", "folder 1", "INBOX"]
    serve(monkeypatch, {"Broken": "select failed: [SERVERBUG] Internal error"}, 4)
    with pytest.raises(CouldNotAsk, match=r"folder Broken: .*SERVERBUG"):
        imap.lying(BOX, ["<x>"], 0)


def test_more_folders_than_can_be_read_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {}, imap.FOLDERS_MAX + 1)
    with pytest.raises(CouldNotAsk, match=f"has {imap.FOLDERS_MAX + 1} folders; expected at most"):
        imap.lying(BOX, ["<x>"], 0)
