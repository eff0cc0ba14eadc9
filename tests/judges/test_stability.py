"""S-1 to S-5: nights and days, speed, sessions, EC2's silence, and the three witnesses."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.gates import nights
from fixtures.gates.nights import DAY_S, Night, Series
from fixtures.ledger import alignment, switches, witnesses
from fixtures.ledger.alignment import Alignment, Share
from fixtures.ledger.switches import Settled
from fixtures.ledger.witnesses import Agreement, Difference
from fixtures.probes.dell.postfix import Queue, Queued
from fixtures.probes.logs import ec2_silence
from fixtures.probes.logs.ec2_silence import Passed, Silence, Witnessed
from fixtures.probes.logs.history import HostLog
from fixtures.probes.logs.postfix_log import Trail
from tests.judges import ABSENT, DOMAIN, FAIL, LOOK, PASS, UNKNOWN, all_say, balanced, entry, says


def series(verdicts: str, gap_days: float = 1.0, days: float = 0) -> Series:
    """Nights GAP_DAYS apart; a letter each: green, red, unsure."""
    kinds = {"g": PASS, "r": FAIL, "u": UNKNOWN}
    kept = tuple(
        Night(n * gap_days * DAY_S, n * gap_days * DAY_S, f"{n}", kinds[each], ()) for n, each in enumerate(verdicts)
    )
    return Series(0.0, (days or len(verdicts) * gap_days) * DAY_S, kept, ())


@pytest.mark.parametrize(
    ("counted", "verdicts", "found"),
    [
        (series("ggg"), [PASS, PASS], "3 in a row, of 3 nights"),
        (series("ggg", gap_days=0.9, days=2.9), [PASS, UNKNOWN], "3 in a row, of 3 nights"),
        (series("gg", days=3), [UNKNOWN, PASS], "2 in a row, of 2 nights: not yet"),
        (series("grgg"), [FAIL, PASS], "2 in a row, of 4 nights: 1970-01-02 "),
        (series("rggg"), [PASS, PASS], "3 in a row, of 4 nights"),
        (series("gug", days=2.9), [UNKNOWN, UNKNOWN], "2 in a row, of 3 nights: not yet"),
        (None, [UNKNOWN], "no record of what they are counted from"),
    ],
    ids="enough too-few-days too-few red red-before unsure nobody-knows".split(),
)
def test_nights_and_days(counted: Series | None, verdicts: list[Verdict], found: str) -> None:
    judged = list(nights.judged(counted, 3))
    assert [each.verdict for each in judged] == verdicts
    assert judged[0].found.startswith(found)
    assert judged[0].expected == "3 green nights in a row"
    for each, hint in zip(judged, ("Go on with pytest features/ --soak, every night: 1 more", "Wait"), strict=False):
        assert each.hint == (hint if counted and not each.verdict.opens else "")
    if len(judged) == 2 and counted:
        said = f"the days: expected 3 days since what they are counted from, found {counted.days:.1f}"
        assert judged[1].sentence().startswith(said)
        assert [look.answer for each in judged for look in each.evidence] == [counted.evidence.answer] * 2


def took(*seconds: float) -> Settled:
    return Settled(DOMAIN, 0.0, (balanced(*(entry(n, arrived=1000.0 + n + s) for n, s in enumerate(seconds))),), LOOK)


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (took(10, 10, 60), PASS, "half within 10.0 s, 99 % within 60.0 s (n = 3)"),
        (took(10, 10.5, 60), FAIL, "half within 10.5 s, 99 % within 60.0 s (n = 3)"),
        (took(1, 1, 60.5), FAIL, "half within 1.0 s, 99 % within 60.5 s (n = 3)"),
        (took(*[1.0] * 199, 61.0), PASS, "half within 1.0 s, 99 % within 1.0 s (n = 200)"),
        (took(-0.9, 10, 10), PASS, "half within 10.0 s, 99 % within 10.0 s (n = 3)"),
        (took(*[1.0] * 199, -30.0), PASS, "half within 1.0 s, 99 % within 1.0 s (n = 200)"),
        (
            took(10, -30),
            UNKNOWN,
            f"1 of 2 came before they were sent: the clocks here and on Dell differ. {switches.CLOCKS}",
        ),
        (Settled(DOMAIN, 0.0, (balanced(entry(arrived=None)),), LOOK), UNKNOWN, "no mail to time"),
    ],
)
def test_quick(each: Settled, verdict: Verdict, found: str) -> None:
    expected = "expected half within 10 s, 99 % within 60 s"
    assert says(switches.judged_quick(each, 10.0, 60.0)) == (verdict, f"{DOMAIN}: {expected}, found {found}")


def sessions(before: int, after: int, *, wanted: bool = True, reports: tuple[int, int] = (1, 1)) -> Alignment:
    first, second = [
        Share(n, 100, failed, "sessions failed", ("sts-policy",))
        for n, failed in zip(reports, (before, after), strict=True)
    ]
    none = Share(0, 0, 0, "")
    return Alignment(DOMAIN, (), (), none, none, wanted, first, second, (), 0, (LOOK,))


@pytest.mark.parametrize(
    ("it", "verdict", "ends"),
    [
        (sessions(1, 3), PASS, "3 of 100 sessions failed (3.0%), by 1 reports"),
        (sessions(1, 4), FAIL, "by 1 reports; sts-policy. Senders put mail off or send it in the clear: see the MTA-STS policy, TLSA and certificates (N-11)"),
        (sessions(1, 4, wanted=False), ABSENT, "found it asks for no reports on TLS"),
        (sessions(1, 4, reports=(0, 0)), ABSENT, "found none has come that can be read here"),
        (sessions(1, 4, reports=(1, 0)), UNKNOWN, alignment.DAILY),
        (sessions(0, 4, reports=(0, 1)), FAIL, "certificates (N-11)"),
    ],
)  # fmt: skip
def test_sessions(it: Alignment, verdict: Verdict, ends: str) -> None:
    judged = says(alignment.judged_sessions(it, 0.02))
    assert judged[0] is verdict
    assert judged[1].startswith(f"{DOMAIN}: expected no rise by more than 2.0%, found ")
    assert judged[1].endswith(ends)


def trail(client: str) -> Trail:
    return Trail("Q1", 0.0, "", client, "", "<1@x>", "a@x", 1, (), None)


def silent(*kinds: tuple[str, str], queued: tuple[Queued, ...] = ()) -> Silence:
    passed = tuple(Passed(trail(client), kind, f"{kind} {n}") for n, (kind, client) in enumerate(kinds))
    log = HostLog("EC2", (), (), -1.0, 0, 0, LOOK)
    return Silence(0.0, 3600.0, passed, 2, log, Queue(queued, LOOK), (), (), LOOK)


def test_ec2_is_silent() -> None:
    expected = "expected none for 1 h, found"
    hint = "This sender doesn't go by the MX record, or by an old answer: inform it, or wait until it asks again"
    quiet = silent(("probe", "a"), ("probe", "b"), ("refused", "c"), ("own bounce", ""), ("own bounce", ""))
    none = "2 probes, 2 clients refused, 1 messages refused by Dell or EC2, 2 bounces of those; neither Dell's log nor a mailbox says otherwise"
    well = (PASS, f"EC2: {expected} {none}")
    assert all_say(ec2_silence.judged_mail(quiet), "") == [well]
    later = (UNKNOWN, "EC2's log: expected lines of 1 h, found it begins later")
    assert all_say(ec2_silence.judged_mail(replace(quiet, log=replace(quiet.log, since=1.0))), "") == [well, later]
    loud = (FAIL, f"from a: {expected} 2 messages, the last: mail 1. {hint}")
    assert all_say(ec2_silence.judged_mail(silent(("mail", "a"), ("mail", "a"))), "") == [loud]
    witnessed = replace(quiet, witnessed=(Witnessed("<1@x>", "Dell's log", "12:00 <1@x>"),))
    (said,) = ec2_silence.judged_mail(witnessed)
    assert (said.verdict, said.member) == (FAIL, "EC2, by Dell's log")
    assert said.found == "1 messages from EC2 that are not in its log, the last: 12:00 <1@x>"


def test_nobody_relays() -> None:
    other = silent(("mail", "192.0.2.1"))
    assert all_say(ec2_silence.judged_relays(other), "") == [(PASS, "EC2: expected nobody, found nobody")]
    hint = "Let it send through Dell (587) before EC2 is stopped"
    assert all_say(ec2_silence.judged_relays(silent(("relayed", "a"), ("relayed", ""), ("relayed", "a"))), "") == [
        (FAIL, f"from a: expected nobody, found 2 messages, the last: relayed 2. {hint}"),
        (FAIL, f"from EC2 itself: expected nobody, found 1 messages, the last: relayed 1. {hint}"),
    ]


def test_the_queue() -> None:
    said = "EC2's queue: expected empty, but for test mail under way, found empty"
    assert all_say(ec2_silence.judged_queue(silent()), "") == [(PASS, said)]
    waits = Queued("Q1", "deferred", 0.0, 61.4, "a@x", (("b@y", ""), ("c@y", "")))
    said = "Q1 on EC2: expected delivered, found in deferred for 61 s, from <a@x> to b@y, c@y. Let it be delivered (postqueue -f on EC2), or see why it can't be"
    assert all_say(ec2_silence.judged_queue(silent(queued=(waits,))), "") == [(FAIL, said)]
    own = silent(("probe", "a"), queued=(replace(waits, queue="active"),))
    said = "EC2's queue: expected empty, but for test mail under way, found 1 test messages under way"
    assert all_say(ec2_silence.judged_queue(own), "") == [(PASS, said)]
    for other in (silent(("mail", "a"), queued=own.queue.messages), silent(("probe", "a"), queued=(waits,))):
        assert [each[0] for each in all_say(ec2_silence.judged_queue(other), "")] == [FAIL]
    held = silent(queued=(replace(waits, queue="hold"),))
    assert [each[1].partition("c@y. ")[2] for each in all_say(ec2_silence.judged_queue(held), "")] == [
        "No run of the queue moves it: postsuper -H Q1 on EC2 does"
    ]


NAMED = Difference("<1@x>", "alice", witnesses.YOUNG, (0, 1, 1), "said")
LEFT, DOUBT = replace(NAMED, name=""), replace(NAMED, name="", doubt="nobody knows")
SHOWN = "<1@x> for alice: statistics 0, log 1, mailboxes 1: "


@pytest.mark.parametrize(
    ("agreed", "differences", "verdict", "found"),
    [
        (3, (), PASS, "3 messages agree"),
        (3, (NAMED, NAMED), PASS, f"3 messages agree; differences: 2 {witnesses.YOUNG}"),
        (3, (NAMED, LEFT), FAIL, f"3 messages agree; differences: 1 {witnesses.YOUNG}; 1 unexplained, such as {SHOWN}unexplained; said. Look for the message by its Message-ID in Dell's log, in its mailbox, and in Cloudflare's activity log; if Dell is meant to make copies, name in dell.filters what makes them, such as always_bcc"),
        (3, (DOUBT, replace(LEFT, says="discard action")), FAIL, f"3 messages agree; 1 unexplained, such as {SHOWN}unexplained; discard action. Look for the message by its Message-ID in Dell's log, in its mailbox, and in Cloudflare's activity log; if a Sieve script of a user's may discard mail, name sieve in dell.filters; if Dell is meant to make copies, name in dell.filters what makes them, such as always_bcc"),
        (3, (DOUBT,), UNKNOWN, f"3 messages agree; 1 of which nobody can know, such as {SHOWN}nobody knows; said. Let Dovecot log where it can be read, and keep its log as long as Postfix's"),
        (0, (NAMED,), UNKNOWN, f"0 messages agree; differences: 1 {witnesses.YOUNG}: nothing to compare. Send mail, and look again half an hour later: {witnesses.YOUNG} is no answer"),
    ],
)  # fmt: skip
def test_the_three_witnesses(agreed: int, differences: tuple[Difference, ...], verdict: Verdict, found: str) -> None:
    judged = witnesses.judged(Agreement(DOMAIN, (1, 2, 3), agreed, differences, (LOOK,)))
    expected = f"{DOMAIN}: expected {witnesses.AGREE}, found statistics 1, log 2, mailboxes 3; "
    assert says(judged) == (verdict, expected + found)
    assert isinstance(judged.evidence[0], Evidence)
