"""Logs of any length: both readers see the same, nothing is lost between blocks, and every form of a log is read."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fixtures.evidence import CouldNotAsk
from fixtures.probes.logs import log_blocks, postfix_log
from fixtures.probes.logs.bulk import Bulk, Read

NOW = 1_790_100_000.0
IDS = ("4A1B2C3D4E", "4Fq3Zk1yWcz1Hs", "NOQUEUE")
SAID = st.sampled_from(
    (
        "client=mail.four.example[192.0.2.1]",
        "client=unknown[2001:db8::1]:4711, sasl_method=PLAIN, sasl_username=alice@a.example",
        "uid=0 from=<root>",
        "message-id=<1@four.example>",
        "message-id=without-brackets",
        "resent-message-id=<2@four.example>",
        "from=<friend@four.example>, size=2048, nrcpt=1 (queue active)",
        "from=<>, size=77, nrcpt=2 (queue active)",
        "from=<a@b.example>, status=expired, returned to sender",
        "to=<alice@a.example>, relay=dell[private/dovecot-lmtp], delay=0.1, delays=0.05/0/0/0.05, dsn=2.0.0, "
        "status=sent (250 2.0.0 <alice@a.example> aB3k Saved)",
        "to=<al@a.example>, orig_to=<info@a.example>, relay=none, conn_use=3, delay=10, delays=1/2/3/4, dsn=4.4.1, "
        "status=deferred (connect to dell[192.0.2.9]:25: Connection timed out)",
        "to=<x@a.example>, relay=local, delay=1.2.3, delays=0/0/0/0, dsn=2.0.0, status=sent (no number)",
        "to=<broken",
        "removed",
        "removed (discarded)",
        "reject: RCPT from unknown[192.0.2.7]: 554 5.7.1 <a;b@c.example>: Relay access denied; from=<x@y.example> "
        "to=<a;b@c.example> proto=ESMTP helo=<[192.0.2.7]>",
        "reject: CONNECT from [192.0.2.8]:40000: too many connections",
        "milter-reject: END-OF-MESSAGE from h.example[192.0.2.7]: 5.7.1 spam; from=<x@y.example> to=<z@a.example> "
        "proto=ESMTP helo=<h>",
        "enabling PIX workarounds: disable_esmtp delay_dotcrlf for mx.example[192.0.2.5]:25",
        "sender non-delivery notification: 4B00000000",
    )
)
DAEMONS = st.sampled_from(("postfix/smtpd[7]", "postfix/qmgr[8]", "postfix-in/lmtp[9]", "postfix/submission/smtpd[5]"))
STAMPS = st.sampled_from(("Sep 21 12:00:01", "Sep  1 02:03:04", "2026-09-21T12:00:02.123456+09:00", "2026-09-21T03:00:00Z"))
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
LINE = st.builds("{} dell {}: {}: {}".format, STAMPS, DAEMONS, st.sampled_from(IDS), SAID)
TEXT = st.text(st.characters(blacklist_characters="\n\r", blacklist_categories=("Cs",)), max_size=60)
LINES = st.lists(st.one_of(LINE, LINE, LINE, OTHERS, TEXT, st.builds(lambda a, b: a[: len(b)] + b, LINE, TEXT)), max_size=30)


def bulk(*blocks: bytes) -> tuple[Bulk, Read]:
    made = Bulk(100)
    source = made.source("dell")
    made.take(source, blocks, now=NOW)
    made.finish()
    return made, source


def rows(made: Bulk, asked: str) -> list[tuple[Any, ...]]:
    return made.db.execute(asked).fetchall()


@settings(max_examples=40, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(LINES, st.lists(st.integers(0, 30), max_size=3))
def test_both_readers_see_the_same(lines: list[str], cuts: list[int]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    edges = [0, *sorted(cuts), len(lines)]
    blocks = ["".join(f"{line}\n" for line in lines[a:b]).encode() for a, b in zip(edges, edges[1:], strict=False)]
    log = postfix_log.parse(text, now=NOW)
    made, source = bulk(*filter(None, blocks))
    with made:
        assert source.lines == log.lines
        assert source.unread == log.unread, (lines, made.unread(source))
        asked = """SELECT qid, at_us, coalesce(client_name, ''), coalesce(client_address, ''), coalesce(sasl_user, ''),
            coalesce(message_id, ''), sender, coalesce(size, 0), removed_at, id FROM message ORDER BY n0"""
        messages = rows(made, asked)
        assert [each[:9] for each in messages] == [_seen(trail) for trail in log.trails], lines
        for (*_, number), trail in zip(messages, log.trails, strict=True):
            asked = f"""SELECT at_us, daemon, recipient, original, relay, delay_s, dsn, status, answer FROM delivery
                WHERE message = {number} ORDER BY n"""
            assert rows(made, asked) == [
                (_us(d.at), d.daemon, d.recipient, d.original, d.relay, d.delay_s, d.dsn, d.status, d.text)
                for d in trail.deliveries
            ]
        asked = "SELECT at_us, stage, client_name, client_address, sender, recipient, helo FROM turned ORDER BY ALL"
        assert rows(made, asked) == sorted(
            (_us(r.at), r.stage, r.client_name, r.client_address, r.sender, r.recipient, r.helo) for r in log.rejects
        )


def _us(at: float | None) -> int | None:
    return None if at is None else round(at * 1e6)


def _seen(trail: postfix_log.Trail) -> tuple[object, ...]:
    known = (trail.client_name, trail.client_address, trail.sasl_user, trail.message_id, trail.sender, trail.size)
    return (trail.queue_id, _us(trail.at), *known, _us(trail.removed_at))


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=400).map(lambda data: data.replace(b"\r", b"")))
def test_any_octets_are_lines(data: bytes) -> None:
    made, source = bulk(*log_blocks._whole([data]))
    with made:
        assert source.lines == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
