"""What a server of IMAP says that lets nobody in, and what comes of it as advice."""

import ssl

import pytest
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from fixtures.probes.mailbox import refused_logins

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
