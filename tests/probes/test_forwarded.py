"""What is read from forwarded mail: envelope senders, Cloudflare's results, verification mails, signatures."""

import email.utils
import time
from dataclasses import replace
from email.message import EmailMessage

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.plan.dkim import new_key
from fixtures.probes.mailbox import signatures, verification
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.mailbox.seen_by_cloudflare import read
from fixtures.probes.mailbox.signatures import form_of, sealed, verified
from fixtures.probes.smtp.sender_kinds import KINDS
from fixtures.settings import Address

CLOUDFLARE = settings_without_a_lab().cloudflare
PUBLIC = new_key()[1]
ADDRESS = Address("example.net", "dell.example.net", "alice", "alice")


@pytest.mark.parametrize(
    ("return_path", "known"),
    [
        ("SRS0=zpcd=vb=sender.example=help@example.net", True),
        ("srs0=8y4d=fh=carrier.example=a..b@example.net", True),
        ('"SRS0=8y4d=fh=carrier.example=a b"@EXAMPLE.NET', True),
        ("cfbounces+ndrdrop@example.net", True),
        ("CFBOUNCES+NDRDROP@example.net", True),
        ("cfbounces+ndrdrop@other.example", False),
        ("SRS0=zpcd=vb=sender.example@example.net", False),
        ("bounces@example.net", False),
        ("", False),
        ("@example.net", False),
    ],
)
def test_forms_of_the_envelope_sender(return_path: str, *, known: bool) -> None:
    assert bool(form_of(return_path, "example.net")) == known


def test_cloudflares_results_are_read() -> None:
    field = (
        "mx.cloudflare.net; dkim=fail header.d=a.example; dkim=pass header.d=b.example header.s=s1; dmarc=pass "
        "header.from=b.example policy.dmarc=none; spf=none (mx.cloudflare.net: x) smtp.helo=h; spf=softfail "
        "(mx.cloudflare.net: domain of a@b.example) smtp.mailfrom=a@b.example; arc=none smtp.remote-ip=192.0.2.1"
    )
    found = read(
        [("Authentication-Results", "mx.other.example; spf=pass"), ("authentication-results", field)], "2001:db8::1"
    )
    assert found is not None
    assert (found.spf, found.dkim, found.version) == ("softfail", "pass", 6)
    assert {kind.name for kind in KINDS if kind.shows(found)} >= {"only DKIM", "IPv6"}
    assert not any(kind.shows(found) for kind in KINDS if kind.name in {"only SPF", "SPF and DKIM", "IPv4"})


@pytest.mark.parametrize("headers", [[], [("Authentication-Results", "mx.other.example; spf=pass")], [("X", "y")]])
def test_without_cloudflares_field_nothing_is_known(headers: list[tuple[str, str]]) -> None:
    assert read(headers, "") is None


def test_a_field_without_results_says_nothing() -> None:
    found = read([("Authentication-Results", "mx.cloudflare.net; none")], "")
    assert found is not None
    assert (found.spf, found.dkim, found.version) == ("", "", 0)


@pytest.mark.parametrize(
    "content", [b"", b"\r\n", b"From: a\r\n\r\nx\r\n", b"ARC-Seal: i=x\r\nFrom: a\r\n\r\n", b"\xff\xfe"]
)
def test_a_seal_that_is_none_is_a_fault(content: bytes) -> None:
    assert sealed(content).fault
    assert sealed(content).domain == ""


def test_a_broken_signature_is_a_fault_and_not_raised() -> None:
    for value in (b"", b"v=1", b"v=1; a=rsa-sha256; d=; s=; b=; bh=; h=", b"=;=;"):
        content = b"DKIM-Signature: " + value + b"\r\nFrom: a@example.net\r\n\r\nx\r\n"
        assert [bool(each.fault) for each in verified(content, "example.net")] == [True]


@pytest.mark.parametrize(
    ("came_days", "fault"),
    [(20, "there is no key at s._domainkey.x.example"), (15, "x= value is past"), (None, "x= value is past")],
)
def test_a_signature_may_expire_after_its_mail_has_come(
    monkeypatch: pytest.MonkeyPatch, came_days: float | None, fault: str
) -> None:
    """As Google's do, which are good for a week. COME_DAYS ago, by the newest trace; None: it has none."""
    monkeypatch.setattr(signatures, "_key", lambda *_, **__: None)
    now = time.time()
    received = f"Received: by dell with LMTP id x; {email.utils.formatdate(now - 86400 * (came_days or 0))}\r\n"
    signed = f"t={now - 23 * 86400:.0f}; x={now - 16 * 86400:.0f}"
    field = f"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; {signed}; h=from; bh=aaaa; b=bbbb\r\n"
    content = f"{received if came_days else ''}{field}From: a@x.example\r\n\r\nHello.\r\n".encode()
    assert [each.fault.partition(" (")[0] for each in verified(content, "x.example")] == [fault]


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (PUBLIC, "the signature does not match"),
        (PUBLIC.partition("p=")[0] + "p=", "p= is empty: the key was revoked"),
        (None, "there is no key at s._domainkey.x.example"),
    ],
)
def test_why_a_signature_does_not_verify(monkeypatch: pytest.MonkeyPatch, key: str | None, fault: str) -> None:
    monkeypatch.setattr(signatures, "_key", lambda *_, **__: key.encode() if key else None)
    body_hash = b"yZQq1c8wjBl0fZ4Wc/oraMCAG1mZJv5v/hlvyFy+t6A="  # the body itself is as it was
    field = b"DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=" + body_hash + b"; b=bbbb\r\n"
    (found,) = verified(field + b"From: a@x.example\r\n\r\nHello.\r\n", "x.example")
    assert (found.fault, found.asked) == (fault, True)


def _arrived(body: str, came: str = "host.example [192.0.2.25]") -> Stored:
    mail = EmailMessage()
    mail["From"], mail["Date"] = "Cloudflare <noreply@notify.cloudflare.com>", email.utils.formatdate(0)
    mail.set_content(body)
    way = (
        ("Received", "from dell by dell with LMTP id x; Thu, 1 Jan 1970 00:00:00 +0000"),
        ("Received", f"from mta.example ({came}) by dell.example.net (Postfix) with ESMTP id x; no"),
    )
    return Stored("alice", "INBOX", 1, way, saved_at=5.0, content=mail.as_bytes())


def test_links_are_taken_from_cloudflare_only() -> None:
    good = "https://dash.cloudflare.com/email-routing/verify?token=t"
    body = f"{good} https://evil.example/verify?x https://cloudflare.com.evil.example/verify https://[::1/verify?bad"
    found = verification._mail(ADDRESS, _arrived(body), CLOUDFLARE)
    assert found.links == (good,)
    assert (found.client_address, found.client_name) == ("192.0.2.25", "mta.example")
    assert good not in repr(found)
    assert "links" not in found.body


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("", []),
        ('<a href="https://DASH.Cloudflare.com/verify?t=%3D">x</a>', ["https://DASH.Cloudflare.com/verify?t=%3D"]),
        ("https://evil.example\\@dash.cloudflare.com/verify", []),
        ("https://evil.example\\.cloudflare.com/verify", []),
        ("https://evil.example/verify#@dash.cloudflare.com/", []),
        ("https://dash.cloudflare.com@evil.example/verify", []),
        ("https://evil.example\uff0f.cloudflare.com/verify", []),
        ("https://notcloudflare.com/verify", []),
        ("https://dash.cloudflare.com/\x1b[2Jverify", []),
        ("https://dash.cloudflare.com/\u202everify", []),
        ("https://dash.cloudflare.com/verify\x1b[2J\u202e", ["https://dash.cloudflare.com/verify"]),
    ],
)
def test_links_go_where_browsers_take_them_and_tell_a_terminal_nothing(text: str, links: list[str]) -> None:
    assert list(verification._mail(ADDRESS, _arrived(text), CLOUDFLARE).links) == links


@pytest.mark.parametrize("charset", [b"iso-2022-jp-ms", b"unknown-8bit", b'""', b"utf-8\0"])
def test_mail_in_a_charset_that_python_lacks_is_passed_over(charset: bytes) -> None:
    content = b"Content-Type: text/plain; charset=" + charset + b"\n\nhttps://dash.cloudflare.com/verify\n"
    assert verification._mail(ADDRESS, replace(_arrived(""), content=content), CLOUDFLARE).links == ()


def test_mail_of_strangers_ends_nothing_and_takes_no_time() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(1500))
    for content in (nested, b"\n" + b"https://" * 50_000):
        began = time.process_time()
        assert verification._mail(ADDRESS, replace(_arrived(""), content=content), CLOUDFLARE).links == ()
        assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("came", "cloudflares"),
    [
        ("mta.notify.cloudflare.com [192.0.2.25]", True),
        ("notcloudflare.com [192.0.2.25]", False),
        ("unknown [192.0.2.25]", False),
        ("unknown [104.30.0.9]", True),
        ("unknown [IPv6:2405:8100:c000::9]", True),
    ],
)
def test_who_brought_it_is_dells_postfixs_word(came: str, *, cloudflares: bool) -> None:
    assert verification._mail(ADDRESS, _arrived("", came), CLOUDFLARE).cloudflares is cloudflares
