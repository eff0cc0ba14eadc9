"""Logs of any length: both readers see the same, nothing is lost between blocks, and every form of a log is read."""

import bz2
import gzip
import io
import json
import lzma
import time
from collections.abc import Iterator
from datetime import timedelta, timezone, tzinfo
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings, strategies as st

from fixtures.evidence import CouldNotAsk
from fixtures.probes.logs import log_blocks, postfix_log
from fixtures.probes.logs.bulk import Bulk, Read

NOW = 1_790_100_000.0
IDS = ("4A1B2C3D4E", "4Fq3Zk1yWcz1Hs", "NOQUEUE")
BY_CONTENT = (
    "header To: a; b from h.example[192.0.2.7]; from=<x@y.example> to=<z@a.example> proto=SMTP helo=<h>: 5.7.1 no",
    "body from me to you from local; from=<x@y.example> to=<z@a.example>: no text of ours",
    "mime-error improper use of 8-bit data in message header: x from h.example[192.0.2.7]; from=<> to=<z@a.example>",
)
"""What cleanup refuses by a rule of header_checks(5), or as no MIME."""
WORDS = st.sampled_from(
    (
        "client=mail.four.example[192.0.2.1]",
        "client=unknown[2001:db8::1]:4711, sasl_method=PLAIN, sasl_username=alice@a.example",
        "client=localhost[127.0.0.1], orig_queue_id=4A1B2C3D4E, orig_client=mail.four.example[192.0.2.1]:5",
        "client=localhost[::1]:9, sasl_method=PLAIN, sasl_username=alice@a.example, orig_client=unknown[unknown]",
        "client=amavis[172.20.0.5], orig_client=mail.four.example[2001:db8::1]",
        "uid=0 from=<root>",
        "message-id=<1@four.example>",
        "message-id=without-brackets",
        "message-id=<>",
        "resent-message-id=<2@four.example>",
        "from=<friend@four.example>, size=2048, nrcpt=1 (queue active)",
        "from=<>, size=77, nrcpt=2 (queue active)",
        'from=<"a..b"@four.example>, size=77, nrcpt=1 (queue active)',
        'from=<"a b"@four.example>, size=77, nrcpt=1 (queue active)',
        (
            'to=<"taro."@a.example>, orig_to=<"Taro.+x"@a.example>, relay=dell[private/dovecot-lmtp], delay=0.1, '
            "delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 Saved)"
        ),
        (
            "reject: RCPT from unknown[192.0.2.7]: 550 5.1.1 <no@a.example>: unknown; "
            'from=<"abc."@four.example> to=<"x>y"@a.example> proto=ESMTP helo=<"h.">'
        ),
        "from=<a@b.example>, status=expired, returned to sender",
        (
            "to=<alice@a.example>, relay=dell[private/dovecot-lmtp], delay=0.1, delays=0.05/0/0/0.05, dsn=2.0.0, "
            "status=sent (250 2.0.0 <alice@a.example> aB3k Saved)"
        ),
        (
            "to=<al@a.example>, orig_to=<info@a.example>, relay=none, conn_use=3, delay=10, delays=1/2/3/4, dsn=4.4.1, "
            "status=deferred (connect to dell[192.0.2.9]:25: Connection timed out)"
        ),
        (
            "to=<bob@b.example>, relay=mx.b.example[192.0.2.6]:25, delay=1, delays=0.1/0/0.1/0.8, tls=dane:may/!mx, "
            "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4B00000001)"
        ),
        "to=<x@a.example>, relay=local, delay=1.2.3, delays=0/0/0/0, dsn=2.0.0, status=sent (no number)",
        "to=<broken",
        "removed",
        "removed (discarded)",
        (
            "reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <a;b@c.example>: Relay access denied; from=<x@y.example> "
            "to=<a;b@c.example> proto=ESMTP helo=<[192.0.2.7]>"
        ),
        "reject: CONNECT from [192.0.2.8]:40000: too many connections",
        (
            "milter-reject: END-OF-MESSAGE from h.example[192.0.2.7]: 5.7.1 spam; from=<x@y.example> to=<z@a.example> "
            "proto=ESMTP helo=<h>"
        ),
        *(f"reject: {what}" for what in BY_CONTENT),
        "enabling PIX workarounds: disable_esmtp delay_dotcrlf for mx.example[192.0.2.5]:25",
        "sender non-delivery notification: 4B00000000",
    )
)
DAEMONS = st.sampled_from(("postfix/smtpd", "postfix/qmgr", "postfix-in/lmtp", "postfix/submission/smtpd"))
STAMPS = st.sampled_from(
    ("Sep 21 12:00:01", "Sep  1 02:03:04", "2026-09-21T12:00:02.123456+09:00", "2026-09-21T03:00:00Z")
)
OTHERS = st.sampled_from(
    (
        "Sep 21 12:00:00 dell sshd[1]: Accepted publickey for alice",
        "Sep 21 12:00:00 dell postfix/smtpd[7]: connect from unknown[192.0.2.1]",
        "Sep 21 12:00:00 dell postfix/smtpd[7]: warning: hostname x does not resolve to address 192.0.2.1",
        "Sep 21 12:00:00 dell postfix/master[1]: reload -- version 3.10.13, configuration /etc/postfix",
        "Xyz 99 12:00:00 dell postfix/smtpd[7]: 4A1B2C3D4E: removed",
        "Sep 31 12:00:00 dell postfix/smtpd[7]: 4A1B2C3D4E: removed",
        "a line of postfix/ that is none",
        "",
        "\x00\x01\u00e9\u3042",
    )
)
FORMATS = (
    "{} dell {}[7]: {}: {}",
    "{} dell mail.info {}[7]: {}: {}",  # BusyBox
    "<22>1 {} dell {} 7 - -  {}: {}",  # RFC 5424, as rsyslog writes it
    "<22>{} dell {}[7]: {}: {}",
    "{} INFO    {}[7]: {}: {}",  # boky/postfix, by rsyslog, without a host
)
TEXT = st.text(st.characters(exclude_characters="\n\r", codec="utf-8"), max_size=60)


def _lines(form: str) -> st.SearchStrategy[list[str]]:
    line = st.builds(form.format, STAMPS, DAEMONS, st.sampled_from(IDS), WORDS)
    cut = st.builds(lambda a, b: a[: len(b)] + b, line, TEXT)
    return st.lists(st.one_of(line, line, line, OTHERS, TEXT, cut), max_size=30)


LINES = st.one_of(*map(_lines, FORMATS))


def bulk(*blocks: bytes | bytearray) -> tuple[Bulk, Read]:
    made = Bulk(100)
    source = made.source("dell")
    made.take(source, blocks, now=NOW)
    made.finish()
    return made, source


def rows(made: Bulk, asked: str) -> list[tuple[Any, ...]]:
    return made.db.execute(asked).fetchall()


@settings(max_examples=40, deadline=None, phases=[Phase.generate])
@given(LINES, st.lists(st.integers(0, 30), max_size=3))
def test_both_readers_see_the_same(lines: list[str], cuts: list[int]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    edges = [0, *sorted(cuts), len(lines)]
    blocks = ["".join(f"{line}\n" for line in lines[a:b]).encode() for a, b in pairwise(edges)]
    log = postfix_log.parse(text, now=NOW)
    made, source = bulk(*filter(None, blocks))
    with made:
        assert source.lines == log.lines
        assert source.unread == log.unread, (lines, made.unread(source))
        asked = """SELECT qid, at_us, coalesce(client_name, ''), coalesce(client_address, ''), coalesce(sasl_user, ''),
            coalesce(message_id, ''), sender, coalesce(size, 0), removed_at,
            coalesce(forwarded, false), n0 FROM message ORDER BY n0"""
        messages = rows(made, asked)
        assert [each[:10] for each in messages] == [_seen(trail) for trail in log.trails], lines
        asked = """SELECT n0, d.at_us, daemon, recipient, original, relay, delay_s, dsn, status, answer
            FROM delivery d JOIN message m ON m.id = d.message ORDER BY n0, n"""
        assert rows(made, asked) == [
            (first, _us(d.at), d.daemon, d.recipient, d.original, d.relay, d.delay_s, d.dsn, d.status, d.text)
            for (*_, first), trail in zip(messages, log.trails, strict=True)
            for d in trail.deliveries
        ]
        assert rows(made, "SELECT 1 FROM delivery WHERE message NOT IN (SELECT id FROM message)") == []
        asked = "SELECT at_us, stage, client_name, client_address, sender, recipient, helo FROM turned ORDER BY ALL"
        assert rows(made, asked) == sorted(
            (_us(r.at), r.stage, r.client_name, r.client_address, r.sender, r.recipient, r.helo) for r in log.rejects
        )


def _us(at: float | None) -> int | None:
    return None if at is None else round(at * 1e6)


def _seen(trail: postfix_log.Trail) -> tuple[object, ...]:
    known = (trail.client_name, trail.client_address, trail.sasl_user, trail.message_id, trail.sender, trail.size)
    return (trail.queue_id, _us(trail.at), *known, _us(trail.removed_at), trail.forwarded)


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=400).map(lambda data: data.replace(b"\r", b"")))
def test_any_octets_are_lines(data: bytes) -> None:
    made, source = bulk(*log_blocks._blocks(io.BufferedReader(io.BytesIO(data)), 16))
    with made:
        assert source.lines == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


USUAL = (
    "{} dell postfix/smtpd[7]: 4A1B2C3D4E: client=mail.four.example[192.0.2.1]",
    "{} dell postfix/cleanup[8]: 4A1B2C3D4E: message-id=<1@four.example>",
    "{} dell postfix/qmgr[9]: 4A1B2C3D4E: removed",
)
AT = "2026-09-21T12:00:02.123456+09:00"
SAID = [line.partition(" dell ")[2] for line in USUAL]


def _export(said: str) -> bytes:
    """As ``journalctl -o export`` writes it; the second field as it does where a value has octets of its own."""
    tag, _, message = said.partition(": ")
    name, _, process = tag.rstrip("]").partition("[")
    head = "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1789959602123456\n_HOSTNAME=dell\n"
    head += f"SYSLOG_IDENTIFIER={name}\n_PID={process}\n"
    return head.encode() + b"MESSAGE\n" + len(message).to_bytes(8, "little") + message.encode() + b"\n\n"


def _journal(said: str) -> str:
    tag, _, message = said.partition(": ")
    name, _, process = tag.rstrip("]").partition("[")
    entry = {"__REALTIME_TIMESTAMP": "1789959602123456", "_HOSTNAME": "dell", "SYSLOG_IDENTIFIER": name}
    return json.dumps(entry | {"_PID": process, "MESSAGE": [*message.encode()] if "client" in message else message})


PLAIN = "".join(f"{line}\n".format(AT) for line in USUAL).encode()
FORMS = {
    "RFC 3339": PLAIN,
    "no newline at the end": PLAIN[:-1],
    "CR LF": PLAIN.replace(b"\n", b"\r\n"),
    "RFC 5424": "".join(f"<22>1 {AT} dell {s.replace('[', ' ', 1).replace(']:', ' - -', 1)}\n" for s in SAID).encode(),
    "RFC 5424 by rsyslog, docker logs -t": "".join(
        f"{AT} <22>1 {AT} dell {s.replace('[', ' ', 1).replace(']:', ' - - ', 1)}\n" for s in SAID
    ).encode(),
    "a priority": "".join(f"<22>{AT} dell {said}\n" for said in SAID).encode(),
    "BusyBox": "".join(f"{AT} dell mail.info {said}\n" for said in SAID).encode(),
    "boky/postfix": "".join(f"{AT} INFO    {said}\n" for said in SAID).encode(),
    "boky/postfix, docker logs -t": "".join(f"{AT} {AT} INFO    {said}\n" for said in SAID).encode(),
    "BusyBox, docker logs -t": "".join(f"{AT} Sep 21 12:00:02 ab12 mail.info {said}\n" for said in SAID).encode(),
    "docker logs -t": "".join(f"{AT} Sep 21 12:00:02 dell {said}\n" for said in SAID).encode(),
    "docker logs -t, no host": "".join(f"{AT} {said}\n" for said in SAID).encode(),
    "json-file": "".join(json.dumps({"log": f"Sep 21 12:00:02 dell {s}\n", "time": AT}) + "\n" for s in SAID).encode(),
    "CRI": "".join(f"2026-09-21T03:00:02.123456789Z stdout F Sep 21 12:00:02 dell {said}\n" for said in SAID).encode(),
    "journalctl -o export": b"".join(map(_export, SAID)),
    "journalctl -o json": "".join(f"{_journal(said)}\n" for said in SAID).encode(),
    "gzip": gzip.compress(PLAIN),
    "bzip2": bz2.compress(PLAIN),
    "xz": lzma.compress(PLAIN),
    "octets that are no UTF-8": PLAIN + b"Sep 21 12:00:00 dell sshd[1]: \xff\xfe \x01 \x00\n",
    "a line of a megabyte": PLAIN + b"Sep 21 12:00:00 dell sshd[1]: " + b"x" * 2**20 + b"\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_log_is_read(form: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(FORMS[form])
    blocks = [bytes(each) for each in log_blocks.of_file(tmp_path / "log")]
    log = postfix_log.parse(b"".join(blocks).decode("utf-8", "surrogateescape"), now=NOW)
    (trail,) = log.trails
    known = (trail.queue_id, _us(trail.at), trail.client_address, trail.message_id, _us(trail.removed_at))
    assert known == ("4A1B2C3D4E", 1_789_959_602_123_456, "192.0.2.1", "<1@four.example>", 1_789_959_602_123_456)
    assert not log.unread
    made, source = bulk(*blocks)
    with made:
        asked = "SELECT qid, at_us, client_address, message_id, removed_at FROM message"
        assert rows(made, asked) == [known]
        assert not source.unread


def test_a_log_that_is_cut_off_in_the_middle_is_named(tmp_path: Path) -> None:
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(PLAIN * 1000)[:-20])
    with pytest.raises(CouldNotAsk, match=r"mail\.log\.2\.gz can't be read"):
        list(log_blocks.of_file(tmp_path / "mail.log.2.gz"))


@pytest.mark.parametrize("zone", [timezone(timedelta(hours=9)), ZoneInfo("Asia/Tokyo")], ids=str)
def test_a_time_without_a_year_never_lies_ahead(zone: tzinfo) -> None:
    now = time.mktime((2027, 1, 2, 0, 0, 0, 0, 0, 0))
    with Bulk(100) as made:
        source = made.source("dell")
        made.take(source, [b"Dec 31 23:00:00 dell postfix/qmgr[1]: 4A1B2C3D4E: removed\n"], zone=zone, now=now)
        assert source.until_us == 1_798_725_600_000_000  # 2026-12-31T14:00:00Z


@pytest.mark.parametrize("ahead_s", [-0.5, 0.5])
def test_a_log_read_while_the_year_ends_has_its_year(ahead_s: float) -> None:
    """NOW is taken before the log is read, and a host's clock may be a little ahead."""
    now = 1_798_761_600 + ahead_s  # 2027-01-01T00:00:00Z
    line = b"Jan  1 00:00:01 dell postfix/qmgr[1]: 4A1B2C3D4E: removed\n"
    (trail,) = postfix_log.parse(line.decode(), now=now).trails
    assert trail.removed_at == 1_798_761_601
    with Bulk(100) as made:
        source = made.source("dell")
        made.take(source, [line], now=now)
        assert source.until_us == 1_798_761_601_000_000


def test_every_line_that_is_not_understood_is_counted_and_shown() -> None:
    block = PLAIN + b"Sep 21 12:00:00 dell postfix/smtp[1]: 4A1B2C3D4E: to=<a@b>, relay=x, nonsense\n"
    made, source = bulk(block)
    with made:
        assert source.unread == 1
        assert made.unread(source) == ["4A1B2C3D4E: to=<a@b>, relay=x, nonsense"]


def test_what_a_rule_on_content_refuses_names_its_client_and_its_words() -> None:
    block = "".join(f"Sep 21 12:00:00 dell postfix/cleanup[1]: 4A1B2C3D4E: reject: {what}\n" for what in BY_CONTENT)
    said = [
        ("header", "h.example", "192.0.2.7", "x@y.example", "z@a.example", "h", "5.7.1 no"),
        ("body", "", "", "x@y.example", "z@a.example", "", "no text of ours"),
        ("mime-error", "h.example", "192.0.2.7", "", "z@a.example", "", ""),
    ]
    log = postfix_log.parse(block, now=NOW)
    assert [
        (r.stage, r.client_name, r.client_address, r.sender, r.recipient, r.helo, r.text) for r in log.rejects
    ] == said
    made, source = bulk(block.encode())
    with made:
        asked = "SELECT stage, client_name, client_address, sender, recipient, helo, answer FROM turned ORDER BY rowid"
        assert (source.unread, log.unread, rows(made, asked)) == (0, 0, said)


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ("localhost[127.0.0.1], orig_client=x.example[104.30.0.9]", ("x.example", "104.30.0.9")),
        ("localhost[::1]:25, orig_queue_id=4A1, orig_client=unknown[2001:db8::1]:4", ("unknown", "2001:db8::1")),
        ("localhost[127.0.0.1], orig_client=unknown[unknown]", ("localhost", "127.0.0.1")),
        ("gate.example[192.0.2.1], orig_client=x.example[104.30.0.9]", ("gate.example", "192.0.2.1")),
    ],
)
def test_who_came_to_a_filter_on_loopback_is_the_client(said: str, client: tuple[str, str]) -> None:
    """By XFORWARD: a filter before the queue says whose mail it hands in (smtpd_proxy_filter)."""
    line = f"Sep 21 12:00:00 dell postfix/smtpd[1]: 4A1B2C3D4E: client={said}\n"
    (trail,) = postfix_log.parse(line, now=NOW).trails
    made, _ = bulk(line.encode())
    with made:
        assert rows(made, "SELECT client_name, client_address FROM message") == [client]
    assert (trail.client_name, trail.client_address) == client


def test_what_is_requeued_keeps_its_client() -> None:
    """By ``postsuper -r``: pickup takes it from its old queue file, which says nothing of its end."""
    lines = (
        "smtpd[1]: 4A1B2C3D4E: client=mail.four.example[192.0.2.1], sasl_method=PLAIN, sasl_username=worker",
        "postsuper[2]: 4A1B2C3D4E: requeued",
        "pickup[3]: 5A1B2C3D4E: uid=108 from=<x@y.example> orig_id=4A1B2C3D4E",
        "pickup[3]: 6A1B2C3D4E: uid=0 from=<root>",
    )
    text = "".join(f"2026-09-21T12:00:0{n}Z dell postfix/{line}\n" for n, line in enumerate(lines))
    old, new, other = postfix_log.parse(text, now=NOW).trails
    assert [(t.client_address, t.sasl_user) for t in (old, new, other)] == [("192.0.2.1", "worker")] * 2 + [("", "")]
    assert (old.removed_at, new.removed_at) == (new.at, None)


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_what_is_resent_keeps_its_own_message_id(cut: int) -> None:
    """Resent fields stand on top (RFC 5322, 3.6.6), so cleanup writes theirs first; also where a block ends between."""
    said = ("resent-message-id=<2@phone.example>", "resent-message-id=<3@x>", "message-id=<1@x>", "message-id=<4@x>")
    lines = [f"Sep 21 12:00:00 dell postfix/cleanup[1]: 4A1B2C3D4E: {each}\n" for each in said]
    (trail,) = postfix_log.parse("".join(lines), now=NOW).trails
    made, _ = bulk(*("".join(part).encode() for part in (lines[:cut], lines[cut:]) if part))
    with made:
        assert (trail.message_id, rows(made, "SELECT message_id FROM message")) == ("<1@x>", [("<1@x>",)])


def test_what_tls_was_wanted_may_stand_in_a_delivery() -> None:
    """As Postfix 3.11 writes it by default (smtp_log_tls_feature_status)."""
    said = ", relay=x[192.0.2.6]:25, delay=1, delays=1/0/0/0, tls=may, dsn=2.0.0, status=sent (250 Ok)"
    line = f"Sep 21 12:00:00 dell postfix/smtp[1]: 4A1B2C3D4E: to=<a@b>{said}\n"
    assert [d.text for trail in postfix_log.parse(line, now=NOW).trails for d in trail.deliveries] == ["250 Ok"]
    made, source = bulk(line.encode())
    with made:
        assert (source.unread, rows(made, "SELECT status, answer FROM delivery")) == (0, [("sent", "250 Ok")])


def test_a_clock_that_goes_back_and_a_logger_that_leaves_lines_out_are_noted() -> None:
    lines = [USUAL[0].format(f"Sep 21 12:{minute:02}:00") for minute in (1, 30, 5, 6)]
    lost = "Sep 21 12:31:00 dell rsyslogd: imuxsock lost 12 messages from pid 7 due to rate-limiting"
    made, source = bulk("".join(f"{line}\n" for line in (*lines, lost)).encode())
    with made:
        assert [(host, before - after) for host, after, before in source.steps_back] == [("dell", 25 * 60_000_000)]
        assert source.kinds[9] == 1


def test_messages_of_many_blocks_are_each_there_once() -> None:
    def blocks() -> Iterator[bytes]:
        for number in range(12):
            said = "".join(f"{line}\n" for line in USUAL).format(AT, AT, AT)
            yield "".join(said.replace("4A1B2C3D4E", f"4A{number:02}{each:06}") for each in range(4000)).encode()

    made, source = bulk(*blocks())
    with made:
        assert source.lines == 12 * 4000 * 3
        assert rows(made, "SELECT count(*), count(removed_at), count(client_address) FROM message") == [(48_000,) * 3]


def test_quotes_that_say_nothing_are_left_out() -> None:
    """Postfix quotes a local part that is no atom (info_log_addr_form); Cloudflare and people don't. What needs its
    quotes keeps them.
    """
    head = "Sep 21 12:00:01 dell postfix/{}[7]: 4A1B2C3D4E: "
    sent = "relay=dell[private/dovecot-lmtp], delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 Saved)"
    said = "550 5.1.1 <no@a.example>: unknown;"
    lines = (
        head.format("qmgr") + 'from=<"a..b"@docomo.example>, size=77, nrcpt=1 (queue active)',
        head.format("lmtp") + f'to=<"taro."@a.example>, orig_to=<"x y"@a.example>, {sent}',
        head.format("smtpd").replace("4A1B2C3D4E", "NOQUEUE")
        + f'reject: RCPT from h.example[192.0.2.7]: {said} from=<"abc."@four.example> to=<"z."@a.example> proto=SMTP',
    )
    text = "".join(f"{line}\n" for line in lines)
    log = postfix_log.parse(text, now=NOW)
    (trail,), (reject,) = log.trails, log.rejects
    (delivery,) = trail.deliveries
    expected = ("a..b@docomo.example", "taro.@a.example", '"x y"@a.example', "abc.@four.example", "z.@a.example")
    found = (trail.sender, delivery.recipient, delivery.original, reject.sender, reject.recipient)
    made, _ = bulk(text.encode())
    with made:
        (one,) = rows(made, "SELECT sender, recipient, original FROM message JOIN delivery ON message = id")
        (other,) = rows(made, "SELECT sender, recipient FROM turned")
    assert found == (*one, *other) == expected
