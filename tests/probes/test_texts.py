"""What needs no server: log lines, Received fields, bodies, addresses of a prefix, the relay forms."""

import ipaddress
import time
from datetime import UTC, datetime

import pytest

from fixtures.evidence import redact
from fixtures.probes.cloudflare.api import Record, joined, stands_for
from fixtures.probes.logs import postfix_log
from fixtures.probes.mailbox.message import Letter, body_digest, hops
from fixtures.probes.mailbox.signatures import aligned
from fixtures.probes.smtp import relaying
from fixtures.probes.smtp.clients import just_outside, sample_addresses

NOW = datetime(2027, 1, 2, 3, 0, tzinfo=UTC).timestamp()
LOG = """\
Dec 31 23:59:58 mail postfix/postfix-script[9]: starting the Postfix mail system
Dec 31 23:59:58 mail postfix/master[10]: daemon started -- version 3.10.5, configuration /etc/postfix
Jan  1 00:00:01 mail postfix/smtpd[1]: connect from i-jj.cloudflare-email.net[104.30.8.99]
Jan  1 00:00:01 mail postfix/smtpd[1]: 56296A813C: client=i-jj.cloudflare-email.net[104.30.8.99]:4242
Jan  1 00:00:01 mail postfix/cleanup[2]: 56296A813C: message-id=<one@four.example>
Jan  1 00:00:01 mail postfix/qmgr[3]: 56296A813C: from=<SRS0=a=b=c.example=d@own.example>, size=582, \
nrcpt=2 (queue active)
Jan  1 00:00:01 mail postfix/lmtp[4]: 56296A813C: to=<alice@own.example>, orig_to=<info@own.example>, \
relay=mail[private/dovecot-lmtp], delay=0.09, delays=0/0.01/0.05/0.03, dsn=2.0.0, status=sent (250 2.0.0 Saved)
Jan  1 00:00:02 mail postfix/lmtp[4]: 56296A813C: to=<bob@own.example>, relay=none, delay=1, delays=1/0/0/0, \
dsn=4.3.0, status=deferred (451 4.3.0 Too many (concurrent) deliveries)
Jan  1 00:00:09 mail postfix/qmgr[3]: 56296A813C: removed
Jan  1 00:00:10 mail postfix/submission/smtpd[5]: 56296A813C: client=unknown[172.20.0.9], sasl_method=PLAIN, \
sasl_username=alice@own.example
Jan  1 00:00:10 mail postfix/cleanup[2]: 56296A813C: message-id=<two@own.example>
Jan  1 00:00:10 mail postfix/smtp[7]: 56296A813C: host r1.example[192.0.2.1] said: 421 4.3.0 Again, please (in reply \
to end of DATA command)
Jan  1 00:00:10 mail postfix/smtp[7]: 56296A813C: lost connection with r2.example[2001:db8::2] while sending end of \
data -- message may be sent more than once
Jan  1 00:00:11 mail postfix/smtpd[6]: NOQUEUE: reject: RCPT from unknown[2001:db8::7]: 554 5.7.1 <x@y.example>: \
Client host rejected: Access denied; from=<> to=<x@y.example> proto=ESMTP helo=<[IPv6:2001:db8::7]>
2027-01-01T09:00:12.250000+09:00 mail postfix/smtpd[6]: warning: hostname x does not resolve
2027-01-01T09:00:12.250000+09:00 mail postfix/qmgr[3]: ABCDEF1234: from=<>, size=1, nrcpt=1 (queue active)
2027-01-01T09:00:14.250000+09:00 mail postfix/qmgr[8]: ABCDEF1234: from=<>, size=1, nrcpt=1 (queue active)
Jan  1 00:00:13 mail dovecot: imap-login: Info: Logged in
Jan 99 00:00:13 mail postfix/smtpd[6]: connect from unknown[1.2.3.4]
\x00\xff half a li"""


def test_a_log_is_understood() -> None:
    log = postfix_log.parse(LOG, now=NOW)
    assert log.unread == 1
    one, two, three = log.trails
    assert (one.message_id, one.client_name, one.client_address) == (
        "<one@four.example>", "i-jj.cloudflare-email.net", "104.30.8.99",
    )  # fmt: skip
    assert one.sender == "SRS0=a=b=c.example=d@own.example"
    assert [(d.recipient, d.original, d.status) for d in one.deliveries] == [
        ("alice@own.example", "info@own.example", "sent"), ("bob@own.example", "", "deferred"),
    ]  # fmt: skip
    assert one.deliveries[1].text == "451 4.3.0 Too many (concurrent) deliveries"
    assert one.deliveries[0].delays_s == (0, 0.01, 0.05, 0.03)
    assert one.removed_at == datetime(2027, 1, 1, 0, 0, 9, tzinfo=UTC).timestamp()
    assert (two.queue_id, two.message_id, two.sasl_user, two.sender) == (
        one.queue_id, "<two@own.example>", "alice@own.example", None,
    )  # fmt: skip
    assert [(each.status, each.relay) for each in two.put_off] == [
        ("deferred", "r1.example[192.0.2.1]"), ("deferred", "r2.example[2001:db8::2]"),
    ]  # fmt: skip
    assert not one.put_off
    assert [each.text for each in three.put_off] == [postfix_log.CUT_OFF]
    assert (three.sender, three.client_address) == ("", "")
    assert log.clients_of(["<one@four.example>", "<none@x>"]) == {"<one@four.example>": ("104.30.8.99",)}


@pytest.mark.parametrize("first", range(1, LOG.count("\n")))
def test_a_log_that_is_read_in_two_parts_loses_no_attempt(first: int) -> None:
    """The message may have begun in the part before; its reader knows it by its queue id."""
    lines = LOG.splitlines()
    parts = [postfix_log.parse("\n".join(each), now=NOW) for each in (lines[:first], lines[first:])]
    found = [each for part in parts for trail in part.trails for each in (*trail.put_off, *trail.deliveries)]
    assert sorted((each.status, each.relay) for each in found if each.relay) == [
        ("deferred", "none"), ("deferred", "r1.example[192.0.2.1]"), ("deferred", "r2.example[2001:db8::2]"),
        ("sent", "mail[private/dovecot-lmtp]"),
    ]  # fmt: skip


def test_rejects_reloads_and_warnings() -> None:
    log = postfix_log.parse(LOG, now=NOW)
    reject = log.rejects[0]
    assert (reject.stage, reject.client_address, reject.code, reject.sender, reject.recipient) == (
        "RCPT", "2001:db8::7", 554, "", "x@y.example",
    )  # fmt: skip
    assert reject.text == "5.7.1 <x@y.example>: Client host rejected: Access denied"
    assert reject.helo == "[IPv6:2001:db8::7]"
    assert log.rejected_since(reject.at + 1) == ()
    assert log.reloads == (datetime(2026, 12, 31, 23, 59, 58, tzinfo=UTC).timestamp(),)
    assert len(log.warnings) == 1


DISCARDED = """\
Jan  1 00:00:01 mail postfix/smtpd[1]: AAAAAA0001: client=x.example[192.0.2.1]
Jan  1 00:00:01 mail postfix/cleanup[2]: AAAAAA0001: discard: header Subject: reject: now from x.example[192.0.2.1]; \
from=<a@x.example> to=<alice@own.example> proto=ESMTP helo=<x>: spam; rule
Jan  1 00:00:01 mail postfix/cleanup[2]: AAAAAA0001: removed (discarded)
Jan  1 00:00:02 mail postfix/cleanup[2]: AAAAAA0002: discard: body buy from local; from=<a@own.example> \
to=<bob@own.example>
Jan  1 00:00:03 mail postfix/smtpd[1]: NOQUEUE: discard: RCPT from unknown[2001:db8::7]:4242: <a@x.example>: \
Sender address spam; rule; from=<a@x.example> to=<alice@own.example> proto=ESMTP helo=<x>
Jan  1 00:00:04 mail postfix/cleanup[2]: AAAAAA0001: milter-discard: END-OF-MESSAGE from x.example[192.0.2.1]: \
milter triggers DISCARD action; from=<a@x.example> to=<alice@own.example> proto=ESMTP helo=<x>
Jan  1 00:00:05 mail postfix/smtpd[1]: NOQUEUE: discard: cut"""


def test_what_postfix_discards() -> None:
    """By checks of headers and bodies, by tables of access, and for a milter."""
    log = postfix_log.parse(DISCARDED, now=NOW)
    alice, bob = "alice@own.example", "bob@own.example"
    assert [(each.queue_id, each.client_address, each.recipient, each.rule) for each in log.discards] == [
        ("AAAAAA0001", "192.0.2.1", alice, "header Subject: reject: now: spam; rule"),
        ("AAAAAA0002", "", bob, "body buy"),
        ("NOQUEUE", "2001:db8::7", alice, "RCPT: <a@x.example>: Sender address spam; rule"),
        ("AAAAAA0001", "192.0.2.1", alice, "END-OF-MESSAGE: milter triggers DISCARD action"),
    ]
    assert (log.rejects, log.unread, [bool(each.removed_at) for each in log.trails]) == ((), 1, [True])


def test_times_of_both_forms() -> None:
    """The traditional one is the host's own zone's; the year is the one that doesn't lie ahead."""
    line = "mail postfix/master[1]: reload -- version 3.10.5, configuration /etc/postfix\n"
    text = f"Jan  1 09:00:00 {line}2027-01-01T00:00:00.5+00:00 {line}Dec 31 09:00:00 {line}"
    new_year = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    log = postfix_log.parse(text, utc_offset_s=9 * 3600, now=NOW)
    assert log.reloads == (new_year, new_year + 0.5, new_year - 86400)


def test_a_long_log_takes_seconds() -> None:
    """A hundred thousand lines, on a machine that is busy: seconds, not minutes (scripts/bench has the figure)."""
    lines = LOG.splitlines()[2:9]
    text = "\n".join(lines[n % 7].replace("56296A813C", f"{n // 7:010X}") for n in range(100_000))
    begun = time.process_time()
    log = postfix_log.parse(text, now=NOW)
    assert time.process_time() - begun < 3.0
    assert len(log.trails) == 14_286


RECEIVED = {
    "postfix": (
        (
            "from mx.four.example (mx.four.example [203.0.113.150])\r\n\tby mail.own.example (Postfix)"
            " with ESMTPS id 07789A8648\r\n\tfor <alice@own.example>; Wed, 25 Nov 2026 00:50:02 +0000 (UTC)"
        ),
        ("mail.own.example", "mx.four.example", "203.0.113.150", "ESMTPS"),
    ),
    "a literal as greeting": (
        (
            "from [192.0.2.1] (unknown [IPv6:2001:db8::7]) by b.example (Postfix) with ESMTP id 1; "
            "Wed, 25 Nov 2026 00:50:02 +0000"
        ),
        ("b.example", "[192.0.2.1]", "2001:db8::7", "ESMTP"),
    ),
    "Cloudflare": (
        (
            "from mail.sender.test (192.0.2.10)\r\n        by cloudflare-email.net (cloudflare) id AbCdEfGhIj12\r\n"
            "        for <bob@example.com>; Wed, 25 Nov 2026 00:50:02 +0000"
        ),
        ("cloudflare-email.net", "mail.sender.test", "192.0.2.10", ""),
    ),
    "Dovecot": (
        (
            "from dell.own.example by dell.lab.internal with LMTP id aLYFBLowBmvo (envelope-from <f@x.example>) "
            "for <alice@own.example>; Wed, 25 Nov 2026 00:50:02 +0000"
        ),
        ("dell.lab.internal", "dell.own.example", "", "LMTP"),
    ),
    "no client": (
        "by smtp.sendgrid.net (SendGrid) with ESMTPSA id w6Io4F; Wed, 25 Nov 2026 00:50:02 -0000",
        ("smtp.sendgrid.net", "", "", "ESMTPSA"),
    ),
}


@pytest.mark.parametrize("writer", RECEIVED)
def test_a_hop_is_read(writer: str) -> None:
    text, expected = RECEIVED[writer]
    hop = hops([text])[0]
    assert (hop.by, hop.from_name, hop.from_address, hop.protocol) == expected
    assert hop.at == datetime(2026, 11, 25, 0, 50, 2, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "date",
    [
        "not a date",
        "Mon, 30 Nov 2026 22:00:00 +99999999999999",
        "Mon, 30 Nov 99999999999 22:00:00 +0000",
        "Mon, 99999999999 Nov 2026 22:00:00 -0000",
    ],
)
def test_a_hop_that_makes_no_sense_is_kept_as_text(date: str) -> None:
    """A stranger can write anything."""
    hop = hops([f"nonsense; {date}"])[0]
    assert (hop.by, hop.at, hop.text) == ("", None, f"nonsense; {date}")


def test_a_body_is_the_same_in_another_encoding() -> None:
    plain = b"Content-Type: text/plain; charset=utf-8\r\n\r\nfoo =\r\nbar\r\n"
    quoted = (
        b"Received: by x\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\nfoo =3D\r\nbar\r\n"
    )
    assert body_digest(plain) == body_digest(quoted) == body_digest(plain.replace(b"\r\n", b"\n"))
    assert body_digest(plain) != body_digest(plain.replace(b"bar", b"baz"))


def test_a_letter_has_its_marks() -> None:
    letter = Letter("a@four.example", ("b@own.example",), "run-1").write()
    assert b"X-Mxgate-Number: 0\r\n" in letter.content
    assert b"X-Mxgate-Run: run-1\r\n" in letter.content
    assert letter.message_id.endswith("@four.example>")


@pytest.mark.parametrize("prefix", ["104.30.0.0/19", "2405:8100:c000::/38", "192.0.2.0/30"])
def test_a_sample_of_a_prefix(prefix: str) -> None:
    network = ipaddress.ip_network(prefix)
    sample = sample_addresses(network, 7, 16)
    assert sample == sample_addresses(network, 7, 16)
    assert sample[0] == str(network[0])
    assert sample[-1] == str(network[-1])
    assert len(set(sample)) == min(18, network.num_addresses)
    assert all(ipaddress.ip_address(each) in network for each in sample)
    assert not any(ipaddress.ip_address(each) in network for each in just_outside(network))
    assert len(just_outside(network)) == 2


def test_the_relay_forms() -> None:
    forms = relaying.forms()
    assert len(forms) >= 24
    assert len({form.name for form in forms}) == len({(form.mail_from, form.rcpt) for form in forms}) == len(forms)
    assert all("{foreign" in form.rcpt for form in forms)


def test_alignment() -> None:
    assert aligned("em1234.own.example", "own.example")
    assert aligned("own.example", "own.example")
    assert not aligned("notown.example", "own.example")
    assert not aligned("", "own.example")


def test_txt_in_parts_is_one_text() -> None:
    assert joined('"v=DKIM1; p=AB" "CD"') == "v=DKIM1; p=ABCD"
    required = Record("TXT", "own.example", '"v=spf1 include:_spf.mx.cloudflare.net ~all"', 1)
    merged = "v=spf1 include:sendgrid.net include:_spf.mx.cloudflare.net ~all"
    assert stands_for(Record("TXT", "own.example", merged, 300), required)
    by_hand = "v=spf1 +Include:_SPF.mx.cloudflare.net ~all"  # terms have no case, and + is what they mean without it
    assert stands_for(Record("TXT", "own.example", by_hand, 300), required)
    assert not stands_for(Record("TXT", "own.example", "v=spf1 include:sendgrid.net ~all", 300), required)
    assert not stands_for(Record("TXT", "own.example", "v=spf1 -include:_spf.mx.cloudflare.net ~all", 300), required)


def test_a_capability_is_no_secret() -> None:
    """A line of EHLO that ends in AUTH's mechanisms does not swallow the next."""
    shown = "S: 250 AUTH PLAIN\nS: 250 8BITMIME\nC: AUTH PLAIN AGFsaWNlAHBhc3M="
    assert redact(shown) == "S: 250 AUTH PLAIN\nS: 250 8BITMIME\nC: AUTH PLAIN [redacted]"
