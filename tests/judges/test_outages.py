"""O-1 to O-3: numbered mail that met an outage, and in whose queue it lay."""

# ruff: noqa: E501 - tables of cases read better unbroken

from typing import Any

import pytest

from fixtures.ledger import outage_mail
from fixtures.ledger.accounting import Entry
from fixtures.ledger.outage_mail import OutageMail
from tests.judges import DOMAIN, FAIL, LOOK, PASS, UNKNOWN, all_say, balanced, entry, says

WHOLE = "a.example: expected every one arrived, once, found"
HINT = "See the queues of the senders and of Dell, and their logs"


def met(*entries: Entry, began: float = 1000.0, ended: float = 1010.0, **changes: Any) -> OutageMail:
    return OutageMail(balanced(*entries, **changes), began, ended, LOOK)


LOST, TWICE = entry(2, arrived=None, copies=0), entry(3, copies=2)


@pytest.mark.parametrize(
    ("mail", "verdict", "found"),
    [
        (met(entry()), PASS, f"{WHOLE} 1 sent, 0 of them amiss; 0 came twice"),
        (met(entry(), TWICE), PASS, f"{WHOLE} 2 sent, 0 of them amiss; 1 came twice"),
        (met(entry(), LOST), FAIL, f"{WHOLE} 2 sent, 1 of them amiss; 0 came twice: {LOST.sentence()}. {HINT}"),
        (met(entry(), entry(9, domain="b.example", arrived=None)), PASS, f"{WHOLE} 1 sent, 0 of them amiss; 0 came twice"),
        (met(TWICE, unexplained_copies=(TWICE,)), FAIL, f"{WHOLE} 1 sent, 1 of them amiss; 1 came twice: twice without a reason: {TWICE.sentence()}. {HINT}"),
        (met(entry(), unexpected=("a changed body",)), FAIL, f"{WHOLE} 1 sent, 1 of them amiss; 0 came twice: a changed body. {HINT}"),
        (met(unexpected=("a changed body",)), FAIL, f"{WHOLE} 0 sent, 1 of them amiss; 0 came twice: a changed body. {HINT}"),
    ],
)  # fmt: skip
def test_whole(mail: OutageMail, verdict: object, found: str) -> None:
    assert says(outage_mail.judged_whole(DOMAIN, mail)) == (verdict, found)


def test_no_mail_shows_nothing() -> None:
    found = says(outage_mail.judged_whole(DOMAIN, met(entry(domain="b.example"))), DOMAIN, 0)
    assert found == (UNKNOWN, "a.example: expected mail, found 0 sent, 0 of them amiss; 0 came twice")


def test_keepers() -> None:
    """Acknowledged after the end of it, or within a log's second before: the senders had it."""
    senders = entry(1, acknowledged=1009.5, arrived=1012.0, deferrals=2)
    nobody_said = entry(2, acknowledged=None, arrived=1016.0)
    beyond = entry(3, acknowledged=1009.0, arrived=1011.0)
    through = entry(4, acknowledged=1005.0, arrived=1006.0)
    found = all_say(outage_mail.judged_keepers(met(senders, beyond, through)), "")
    one = f"1 kept by the senders (1 deferred in session), the longest 11.0 s in an outage of 10.0 s, the last in its mailbox 2.0 s after it; {outage_mail.SENDERS_PATIENCE}"
    two = f"1 kept by Cloudflare or Dell (0 deferred in session), the longest 8.0 s in an outage of 10.0 s, the last in its mailbox 1.0 s after it; {outage_mail.BEYOND_PATIENCE}"
    assert found == [
        (PASS, f"the senders: expected {one}, found {one}"),
        (PASS, f"Cloudflare or Dell: expected {two}, found {two}"),
    ]
    ((_, only),) = all_say(outage_mail.judged_keepers(met(nobody_said)), "")
    assert "1 kept by Cloudflare or Dell" in only
    assert "14.0 s" in only


def test_an_outage_that_nobody_felt_shows_nothing() -> None:
    found = all_say(outage_mail.judged_keepers(met(entry(1, arrived=1009.0), entry(99, arrived=1200.0))), "")
    said = "the outage: expected mail that waited for its end, found 1 sent in 10.0 s of outage, none was held up"
    assert found == [(UNKNOWN, said)]


EXPECTED = "expected mail taken by other hosts while r1.mx was silent, found"


def test_who_moved_on() -> None:
    moved = entry(1, acknowledged_by="r2.mx[1.2.3.4]:25")
    stuck = entry(2, sender="six", acknowledged=None)
    wrong = entry(3, sender="old", acknowledged_by="r1.mx[1.2.3.4]:25")
    too_late = entry(4, sender="late", acknowledged=1009.5)
    elsewhere = entry(5, sender="other", domain="b.example", acknowledged=None)
    after = entry(60, sender="after", acknowledged=None)
    mail = met(moved, stuck, wrong, too_late, elsewhere, after)
    assert all_say(outage_mail.judged_moved_on("r1.mx", {DOMAIN}, mail), "") == [
        (PASS, f"four: {EXPECTED} of 1 messages 1 taken meanwhile, 0 of them by r1.mx; r2.mx[1.2.3.4]:25"),
        (FAIL, f"six: {EXPECTED} of 1 messages 0 taken meanwhile, 0 of them by r1.mx. One of them: {stuck.sentence()}"),
        (FAIL, f"old: {EXPECTED} of 1 messages 1 taken meanwhile, 1 of them by r1.mx. One of them: {wrong.sentence()}"),
        (FAIL, f"late: {EXPECTED} of 1 messages 0 taken meanwhile, 0 of them by r1.mx. One of them: {too_late.sentence()}"),
    ]  # fmt: skip
