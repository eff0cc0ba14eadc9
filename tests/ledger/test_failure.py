"""Only a DSN that says *failed* is a bounce (RFC 3464, 2.3.3)."""

import pytest

from fixtures.probes.mailbox.message import Report, failure

DSN = """\
From: MAILER-DAEMON@mx.outside.example
Message-ID: <the-report@mx.outside.example>
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b

I'm sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.outside.example

Final-Recipient: rfc822; alice@webmakeprofit.org
Action: {action}
Status: 5.1.1
{more}\
Diagnostic-Code: smtp; 550 5.1.1 Address
 does not exist

--b
Content-Type: {kind}

Message-ID: <mxgate.1@four.example>
Subject: [mxgate test 1]

--b--
"""


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers"])
def test_a_failure_names_its_message(kind: str) -> None:
    expected = Report("<mxgate.1@four.example>", "smtp; 550 5.1.1 Address does not exist")
    assert failure(DSN.format(action="failed", kind=kind, more="").encode(), 0) == expected


@pytest.mark.parametrize(
    "names",
    [
        "Message-ID: <mxgate.1@four.example> (added by postmaster@tin.it)",
        "Message-ID: <0106018f@email.amazonses.com>\nX-Mxgate-Id: <mxgate.1@four.example>",
    ],
    ids=["a comment behind it", "one that Amazon SES put in its place"],
)
def test_the_message_is_named_as_it_was_sent(names: str) -> None:
    text = DSN.format(action="failed", kind="message/rfc822", more="")
    found = failure(text.replace("Message-ID: <mxgate.1@four.example>", names).encode(), 0)
    assert found is not None
    assert found.message_id == "<mxgate.1@four.example>"


@pytest.mark.parametrize(
    ("more", "relay", "at"),
    [
        ("Remote-MTA: dns; route1.mx.cloudflare.net\n", "route1.mx.cloudflare.net", 7.0),
        (
            "Remote-MTA: dns;route1.mx.cloudflare.net\nLast-Attempt-Date: Thu, 01 Jan 1970 00:01:40 +0000\n",
            "route1.mx.cloudflare.net",
            100.0,
        ),
        ("Last-Attempt-Date: some day\n", "", 7.0),
        ("Last-Attempt-Date: Mon, 30 Nov 2026 22:00:00 +99999999999999\n", "", 7.0),
        ("Last-Attempt-Date: Mon, 30 Nov 99999999999 22:00:00 +0000\n", "", 7.0),
    ],
    ids=["its relay", "its time, too", "no date", "no zone", "no year"],
)
def test_a_failure_says_who_refused_and_when(more: str, relay: str, at: float) -> None:
    found = failure(DSN.format(action="failed", kind="message/rfc822", more=more).encode(), 7.0)
    assert found is not None
    assert (found.relay, found.at) == (relay, at)


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered"])
def test_other_reports_are_no_bounce(action: str) -> None:
    assert failure(DSN.format(action=action, kind="message/rfc822", more="").encode(), 0) is None


def test_ordinary_mail_is_no_bounce() -> None:
    assert failure(b"Message-ID: <x@y>\n\nAction: failed\n", 0) is None


def test_parts_in_parts_without_end_are_no_bounce() -> None:
    inner = "".join(f'Content-Type: multipart/report; boundary="{n}"\n\n--{n}\n' for n in range(5000))
    assert failure(inner.encode(), 0) is None
