"""A-16: what waits in Dell's queue, and which of its servers say something."""

from dataclasses import replace

import pytest

from fixtures.evidence import Look, Verdict
from fixtures.probes.dell import reception
from fixtures.probes.dell.postfix import Queue, Queued
from fixtures.probes.dell.reception import Server
from tests.judges import FAIL, LOOK, PASS, UNKNOWN, all_say, says


def test_the_queue() -> None:
    late = Queued("Q", "deferred", 0.0, 301.0, "a@x", (("b@a.example", "no route"), ("c@a.example", "")))
    expected = "expected nothing inbound older than 300 s, found"
    hint = "postcat -vq Q shows it; postqueue -i Q tries again"
    none = [(PASS, f"Dell's queue: {expected} what came")]
    for queue, said in (
        ((late,), [(FAIL, f"Q to b@a.example: {expected} 301 s old, deferred: no route. {hint}")]),
        ((replace(late, age_s=300.0),), none),
        ((replace(late, recipients=(("b@x", ""),)),), none),
        (
            (replace(late, recipients=(("b@a.example", ""),)),),
            [(FAIL, f"Q to b@a.example: {expected} 301 s old, deferred: no reason given. {hint}")],
        ),
    ):
        assert all_say(reception.judged_queue(Queue(queue, LOOK), ("a.example",), 300.0), "") == said
    (unread,) = reception.judged_queue(None, (), 300.0)
    sentence = f"Dell's queue: {expected} it can't be read: is Postfix up?"
    assert (unread.verdict, unread.sentence()) == (UNKNOWN, sentence)


@pytest.mark.parametrize(
    ("down", "unasked", "verdict", "found"),
    [
        ("", "", PASS, "what came"),
        ("it is down", "", FAIL, "it is down. Mail waits, or is read by nobody, until it is"),
        ("", "no way there", UNKNOWN, "no way there"),
    ],
)
def test_servers(down: str, unasked: str, verdict: Verdict, found: str) -> None:
    said = f"IMAP: expected up, found {found}"
    assert says(reception.judged(Server("IMAP", down, unasked, LOOK)), "") == (verdict, said)


ALL_UP = """\
=-=-= policy unix:private/quota-status
status 0
action=DUNNO

=-=-= lmtp
status 0
220 dell Dovecot ready.
"""


@pytest.mark.parametrize(
    ("said", "lmtp", "policy"),
    [
        (ALL_UP, "", ""),
        (ALL_UP.replace("action=DUNNO", "action=552 5.2.2 full"), "", ""),
        (ALL_UP.replace("0\naction=DUNNO", "142\nAlarm clock"), "", "no word in 5 s"),
        (ALL_UP.replace("action=DUNNO", ""), "", "the connection was closed without a word"),
        (ALL_UP.replace("0\naction=DUNNO", "111\n/q: Connection refused"), "", "/q: Connection refused"),
        (ALL_UP.replace("0\n220 dell Dovecot ready.", "142\n"), "no word in 5 s", ""),
    ],
)
def test_who_has_to_say_something(said: str, lmtp: str, policy: str) -> None:
    heard = reception.heard(said, "private/lmtp", "Dell", Look())
    hints = ("Dovecot's log says why: a panic, Out of memory", "asks it about each message")
    for server, down, advice in zip(heard, (lmtp, policy), hints, strict=True):
        judged = reception.judged(server)
        assert (judged.verdict, judged.found if down else "") == (FAIL if down else PASS, down)
        assert server.what in {"LMTP at private/lmtp", "the policy service unix:private/quota-status"}
        assert advice in server.hint


@pytest.mark.parametrize("said", ["=-=-= lmtp\nstatus 127\nneither perl nor python3 is there\n", "sh: not found"])
def test_where_nobody_can_listen_nothing_is_down(said: str) -> None:
    (server,) = reception.heard(said, "private/lmtp", "Dell", Look())
    assert (server.down, reception.judged(server).verdict) == ("", UNKNOWN)
