"""What a server of IMAP says that lets nobody in, and what comes of it as advice; and what one is asked to search."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError
from pydantic import SecretStr

from fixtures.probes.mailbox import imap, refused_logins

PASSWORD = "login refused"
BUSY = "no login"


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


def test_what_was_sent_just_now_is_not_sought_in_all_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever day the server has: to look for a header that it has not indexed, Dovecot reads each message."""
    client, box = Mock(**{"search.return_value": []}), imap.Mailbox("mx.example", 993, "alice", SecretStr("x"))

    @contextmanager
    def opened(*_: object) -> Iterator[Any]:
        yield client, {b"UIDNEXT": 1}

    monkeypatch.setattr(imap, "opened", opened)
    imap.find(box, [f"<{number}@x>" for number in range(imap.IDS_AT_ONCE + 1)], 0)
    imap.of_run(box, "a run")
    asked = [call.args[0] for call in client.search.call_args_list]
    assert len(asked) == 3
    for criteria in asked:
        assert criteria[0] == "SINCE"
        days = (time.time() - time.mktime(time.strptime(criteria[1], "%d-%b-%Y"))) / 86_400
        assert 2 <= days < 4
