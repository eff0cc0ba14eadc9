"""X-1, X-2, R-2, N-8, N-9, C-7: numbered mail around switches, and what watch recorded of them."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.ledger import agreement, switches
from fixtures.ledger.accounting import Balance
from fixtures.ledger.agreement import Agreement
from fixtures.ledger.switches import Settled, spell
from fixtures.ledger.traffic import turns
from fixtures.probes.cloudflare.events import ONCE_IN, Estimate, Events
from fixtures.settings import Address
from fixtures.watching import abort_rules, records
from fixtures.watching.records import Moment, Propagation, Turn
from tests.judges import DOMAIN, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, balanced, entry, says

EC2 = {"path": "ec2"}
LOST: dict[str, Any] = {"arrived": None, "copies": 0, "path": ""}
EARLY = (10.0, 20.0)


def ledger(*balances: Balance, domain: str = DOMAIN, since: float = 0.0) -> Settled:
    return Settled(domain, since, balances, LOOK)


@pytest.mark.parametrize(
    ("times", "announced", "verdict", "expected", "found"),
    [
        ([], [], PASS, "at no time", ""),
        ([], [EARLY], PASS, "{10-20}", ""),
        ([10.0, 20.0], [EARLY], PASS, "{10-20}", " within 10 s, {10-20}"),
        ([15.0, 500.0, 600.0], [EARLY, (30.0, 40.0)], FAIL, "{10-20}, {30-40}", " within 585 s, {15-600}, 2 of them {500-600}, unannounced"),
        ([500.0], [], FAIL, "at no time", " within 0 s, {500-500}, 1 of them {500-500}, unannounced"),
    ],
)  # fmt: skip
def test_refusals(
    times: list[float], announced: list[tuple[float, float]], verdict: object, expected: str, found: str
) -> None:
    said = f"expected refused {expected}, if at all, found {len(times)} refused by Cloudflare with 5xx{found}"
    for begin, end in ((10, 20), (30, 40), (15, 600), (500, 600), (500, 500)):
        said = said.replace(f"{{{begin}-{end}}}", spell(begin, end))
    assert says(switches.judged_refusals(ledger(), times, announced)) == (verdict, f"a.example: {said}")


def test_bounces() -> None:
    refused = entry(2, bounced="550 no", announced=True, **LOST)
    found = switches.judged_bounces(
        [ledger(balanced(entry())), ledger(balanced(entry(), refused, entry(3, announced=True, **LOST)))], {}
    )
    two = f"2 of 3 refused by Cloudflare: {refused.sentence()}. {switches.BOUNCED}"
    assert all_say(found) == [
        (PASS, "a.example: expected none refused, found 1 injected, none refused"),
        (FAIL, f"a.example: expected none refused, found {two}"),
    ]
    assert "[[waivers]] for X-2 with this scenario; or another order: cloudflare.enabling" in switches.BOUNCED


def test_what_nobody_sent_is_unknown() -> None:
    for judge in (switches.judged_bounces, switches.whole):
        none, empty = judge([ledger()], {"b.example": None, DOMAIN: 1.0})
        assert says(none, "b.example", 0) == (UNKNOWN, "b.example: expected a record of its switch, found none")
        assert says(empty) == (UNKNOWN, "a.example: expected numbered mail, found 0 injected")


def test_whole() -> None:
    lost, later = entry(2, injected=1010.0, **LOST), entry(3, injected=1015.0, **LOST)
    announced = entry(4, announced=True, **LOST)
    stretch = f", written in 5 s, {spell(1010, 1015)}"
    its = [
        ledger(balanced(entry(), announced)),
        ledger(balanced(entry(), lost, later)),
        ledger(balanced(entry(), unexpected=("a copy in bob",))),
    ]
    assert all_say(switches.whole(its, {})) == [
        (PASS, "a.example: expected every one arrived, found 2 injected, 0 missing, 1 refused in the announced window (X-2)"),
        (FAIL, f"a.example: expected every one arrived, found 3 injected, 2 missing{stretch}: {lost.sentence()}"),
        (FAIL, "a.example: expected every one arrived, found 1 injected, 0 missing: a copy in bob"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("its", "verdict", "delayed", "explained", "without"),
    [
        (balanced(entry()), PASS, 0, 0, 0),
        (balanced(delayed=(entry(), entry(2)), explained_copies=(entry(3),)), PASS, 2, 1, 0),
        (balanced(unexplained_copies=(entry(),)), FAIL, 0, 0, 1),
    ],
)
def test_copies(its: Balance, verdict: object, delayed: int, explained: int, without: int) -> None:
    said = f"{delayed} delayed, {explained} twice with a 4xx in their trail, {without} twice without"
    found = says(switches.judged_copies(ledger(its)))
    assert found == (verdict, f"a.example: expected no unexplained copy, found {said}")


@pytest.mark.parametrize(("number", "verdict"), [(19, UNKNOWN), (20, PASS), (0, UNKNOWN)])
def test_stale_caches_have_to_be_seen(number: int, verdict: object) -> None:
    its = ledger(balanced(*(entry(each, **EC2) for each in range(number)), entry(99)))
    first, enough = switches.judged_stale([its], {DOMAIN: 900.0})
    arrived = number + 1 if number else 0
    assert says(first) == (PASS, f"a.example: expected every one arrived, found {arrived} arrived")
    assert says(enough, "") == (verdict, f"stale caches: expected 20 or more, found {number} (a.example {number})")


def test_what_a_stale_sender_lost_is_seen() -> None:
    """Each message of a sender that had a stale cache, whichever way that went; of no other sender."""
    lost, others = entry(2, **LOST), entry(3, sender="six", **LOST)
    its = ledger(balanced(entry(1, **EC2), lost, others))
    before = ledger(balanced(entry(1, **EC2)), domain="b.example")
    found = list(switches.judged_stale([its, before], {DOMAIN: 1000.0, "b.example": None}))
    assert says(found[0]) == (FAIL, f"a.example: expected every one arrived, found 1 missing: {lost.sentence()}")
    assert says(found[1], "b.example") == (PASS, "b.example: expected every one arrived, found 0 arrived")
    assert says(found[2], "", 2) == (UNKNOWN, "stale caches: expected 20 or more, found 1 (a.example 1, b.example 0)")


@pytest.mark.parametrize(
    ("entries", "verdict", "since", "others"),
    [
        ((entry(100),), PASS, 1, 0),
        ((entry(99, **EC2), entry(100)), PASS, 1, 0),
        ((entry(99),), UNKNOWN, 0, 0),
        ((entry(100, **LOST),), UNKNOWN, 0, 0),
        ((entry(100), entry(101, **EC2), entry(102, **EC2)), FAIL, 3, 2),
    ],
)
def test_ways(entries: tuple[Any, ...], verdict: object, since: int, others: int) -> None:
    """The boundary: what was sent in the second in which the last cache let go doesn't count."""
    its = ledger(balanced(*entries), since=1039.0)
    found = f"{since} messages since the last cache let go, {others} of them by another way"
    found += f": {entries[1].sentence()}" if verdict is FAIL else ""
    said = f"a.example: expected all through Cloudflare, found {found}"
    assert says(switches.judged_ways(its, 60.0)) == (verdict, said)


HELD = "first of all, and held for 48 h"


def test_a_hold_begins_again_with_a_red_night() -> None:
    for red, verdict, hours in ((172_800.0, PASS, "48.0"), (172_801.0, FAIL, "48.0"), (180_000.0, FAIL, "46.0")):
        judged = switches.judged_hold("p", {"p": 0.0}, 0.0, 345_600.0, 172_800.0, red=red)
        found = f"held for {hours} h since its last red night, switched before it: none"
        assert says(judged, "", 0) == (verdict, f"p: expected {HELD}, found {found}")


@pytest.mark.parametrize(
    ("first", "since", "verdict", "found"),
    [
        ({"p": 0.0}, 0.0, PASS, "held for 48.0 h, switched before it: none"),
        ({"p": 0.0, "b": 10.0}, 0.0, PASS, "held for 48.0 h, switched before it: none"),
        ({"p": 0.0}, 1.0, FAIL, "held for 48.0 h, switched before it: none"),
        ({"p": 0.0}, 3600.0, FAIL, "held for 47.0 h, switched before it: none"),
        ({"p": 5.0, "b": 4.0, "c": 3.0}, 0.0, FAIL, "held for 48.0 h, switched before it: b, c"),
        ({"p": 5.0, "b": None}, 0.0, FAIL, "held for 48.0 h, switched before it: b"),
        ({"p": None, "b": 4.0}, 0.0, PASS, "held for 48.0 h, switched before it: none"),
        ({"p": 5.0}, None, UNKNOWN, "no record of its switch"),
        ({"b": 5.0}, 0.0, FAIL, "held for 0.0 h, switched before it: none"),
        ({}, None, FAIL, "held for 0.0 h, switched before it: none"),
    ],
)
def test_hold(first: dict[str, float | None], since: float | None, verdict: object, found: str) -> None:
    judged = switches.judged_hold("p", first, since, 172_800.0, 172_800.0)
    assert says(judged, "", 0) == (verdict, f"p: expected {HELD}, found {found}")


ALL_WELL = Moment(
    DOMAIN, answers=300, without_mx=0, errors=0, parts=(), strays=(), gap_s=3.0, late_gap_s=10.0, evidence=LOOK
)
moment = partial(replace, ALL_WELL)


SETS = "expected every answer the old set or the new one, found"
FEW = f"expected 300 answers or more, no gap over 3 s around the switch, and none over 10 s in the 30 s after it, found what came. {records.NO_RECORD}"
BETWEEN = "Mail that asked then may have bounced, or gone to a stranger: look into X-2, and who else wrote there"


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (moment(), PASS, f"{SETS} 300 answers, 0 without a mail server"),
        (moment(parts=("10 a", "20 b")), PASS, f"{SETS} 300 answers, 0 without a mail server; for seconds of propagation: 10 a; for seconds of propagation: 20 b"),
        (moment(answers=299), UNKNOWN, FEW),
        (moment(gap_s=3.1), UNKNOWN, FEW),
        (moment(late_gap_s=10.1), UNKNOWN, FEW),
        (moment(answers=2, without_mx=1), FAIL, f"{SETS} 2 answers, 1 without a mail server. {BETWEEN}"),
        (moment(gap_s=9.0, strays=("10 x",)), FAIL, f"{SETS} 300 answers, 0 without a mail server; between: 10 x. {BETWEEN}"),
    ],
)  # fmt: skip
def test_moment(it: Moment, verdict: object, found: str) -> None:
    assert says(records.judged_moment(DOMAIN, it)) == (verdict, f"a.example: {found}")


def test_at_most_five_of_a_kind_are_shown() -> None:
    many = tuple(str(number) for number in range(9))
    found = records.judged_moment(DOMAIN, moment(parts=many, strays=many)).found
    assert (found.count("propagation: "), found.count("between: ")) == (5, 5)


@pytest.mark.parametrize("domains", [(3,), (4, 4), (4, 3, 5), (3, 3, 3, 3)])
@pytest.mark.parametrize("senders", [("a", "b"), ("a", "b", "c")])
def test_an_outage_meets_each_senders_mail_for_each_domain(domains: tuple[int, ...], senders: tuple[str, ...]) -> None:
    many = [[Address(f"d{d}", "", f"{n}", "") for n in range(size)] for d, size in enumerate(domains)]
    written = list(islice(turns(many, senders), len(senders) * sum(domains)))
    assert len(set(written)) == len(written), "every pair of an address and a sender, once"
    soon = {(address.domain, sender) for address, sender in written[: len(senders) * len(domains)]}
    assert len(soon) == len(senders) * len(domains)


def test_nobody_watched() -> None:
    none = (UNKNOWN, f"found no record of a switch. {records.NO_RECORD}")
    (turn,) = records.judged_turns(DOMAIN, None)
    for judged, expected in (
        (records.judged_moment(DOMAIN, None), "every answer the old set or the new one"),
        (turn, "a record of the switch"),
        (records.judged_watch(DOMAIN, None, 1.0), "a record of the switch"),
    ):
        assert says(judged, DOMAIN, 0) == (none[0], f"a.example: expected {expected}, {none[1]}")
    assert records.NO_RECORD.startswith("Keep `python -m scripts.watch` running through the switch and for 48 h")


def spread(*turns: Turn, watched_s: float = 0.0) -> Propagation:
    return Propagation(DOMAIN, turns, watched_s, LOOK)


def test_turns() -> None:
    """A resolver that was stale fails, whether it followed later or not; what nobody saw is unknown."""
    it = spread(
        Turn("one", 5.0, None, 300),
        Turn("two", 700.0, 600.0, 300),
        Turn("three", None, 400.0, 300),
        Turn("four", None, None, 300),
        Turn("five", 20.0, 400.0, 300),
    )
    late = "expected no old answer later than 330 s (a TTL of 300 s, and 30 s until Cloudflare's edge follows)"
    stays = "This stays red: a [[waivers]] for N-8 may rest on"
    hint = f"Its users' mail still goes to EC2: don't stop it before this resolver has followed. {stays} when it did"
    followed = f"It has followed since. {stays} that, and on a way back that takes as long there"
    assert all_say(records.judged_turns(DOMAIN, it)) == [
        (PASS, f"a.example at one: {late}, found the new answer 5 s after the switch"),
        (FAIL, f"a.example at two: {late}, found the old answer 600 s after the switch, the new one from 700 s on. {followed}"),
        (FAIL, f"a.example at three: {late}, found the old answer 400 s after the switch. {hint}"),
        (UNKNOWN, f"a.example at four: expected a record of when it first gave the new answer, found no such record. {records.NO_RECORD}"),
        (FAIL, f"a.example at five: {late}, found the old answer 400 s after the switch, though the new one after 20 s already: it has several caches. {hint}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("watched_s", "expected"),
    [
        (172_800.0, (PASS, "48.0 h")),
        (172_799.0, (FAIL, f"48.0 h. {records.NO_RECORD}")),
        (3600.0, (FAIL, f"1.0 h. {records.NO_RECORD}")),
    ],
)
def test_watch(watched_s: float, expected: Says) -> None:
    found = says(records.judged_watch(DOMAIN, spread(watched_s=watched_s), 172_800.0))
    assert found == (expected[0], f"a.example: expected watched for 48 h, found watched for {expected[1]}")


def test_abort_rules() -> None:
    rule = abort_rules.Rule("lost", "3 lost")
    stands = abort_rules.Alarm("p", rule, "r", 0, 0)
    hint = "If it proved wrong, or is over: python -m scripts.watch --domain p withdraws it"
    said = f"p: lost: expected no abort rule met, found 3 lost. {hint}"
    assert says(abort_rules.judged("p", stands), "", 0) == (FAIL, said)
    withdrawn = abort_rules.Alarm("p", rule, "r", 0, 0, "all came")
    found = "a false alarm (3 lost), withdrawn: all came"
    said = f"p: lost: expected no abort rule met, found {found}"
    assert says(abort_rules.judged("p", withdrawn), "", 0) == (PASS, said)


# Cloudflare's events -------------------------------------------------------------------------------------------------


def agreed(
    seen: int = 2, interval: int = 1, without: tuple[str, ...] = (), unfound: tuple[str, ...] = (), copies: int = 1
) -> Agreement:
    """Two messages that came through Cloudflare, the second of them so many times."""
    events, came = Events(DOMAIN, 0.0, 9.0, (), LOOK, interval), (entry(copies=0), entry(2, copies=copies))
    return Agreement(DOMAIN, events, ledger(), came, Estimate(seen, interval), without, unfound)


NOTHING: list[tuple[Agreement | CouldNotAsk | None, str, int]] = [
    (None, "no record of its switch", 0),
    (CouldNotAsk("GraphQL: denied"), "GraphQL: denied", 0),
    (
        Agreement(DOMAIN, Events(DOMAIN, 0.0, 9.0, (), LOOK), ledger(), (), Estimate(0), (), ()),
        "no numbered mail older than 30 min came through Cloudflare in that time. Send numbered mail, and look again after that time",
        2,
    ),
]


@pytest.mark.parametrize(("it", "found", "looks"), NOTHING)
def test_nothing_to_compare_with_events(it: Agreement | CouldNotAsk | None, found: str, looks: int) -> None:
    for judge, expected in (
        (agreement.judged_delivered, "an event for each numbered message that came through Cloudflare"),
        (agreement.judged_found, "a message for each event with one of our numbers"),
    ):
        assert says(judge(DOMAIN, it), looks=looks) == (UNKNOWN, f"a.example: expected {expected}, found {found}")


SAMPLE = f" (a sample: what chance brings once in {ONCE_IN} times counts against them)"
LATE = ". Ask again in half an hour: events can be late. If it stays so, one of the two records lost mail"


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (agreed(), PASS, "2 of them delivered by its events"),
        (agreed(9), PASS, "9 of them delivered by its events"),
        (agreed(without=("no. 1", "no. 2")), FAIL, f"2 of them delivered by its events; 2 differ, first no. 1{LATE}"),
        (agreed(0, 10), PASS, f"about 0 (0 seen, one of 10) of them delivered by its events{SAMPLE}"),
        (agreed(3, 10, copies=2), PASS, f"about 30 (3 seen, one of 10) of them delivered by its events{SAMPLE}"),
        (agreed(3, 10), FAIL, f"about 30 (3 seen, one of 10) of them delivered by its events{SAMPLE}{LATE}"),
        (agreed(2, 10, ("no. 1",)), FAIL, f"about 20 (2 seen, one of 10) of them delivered by its events{SAMPLE}; 1 differ, first no. 1{LATE}"),
    ],
)  # fmt: skip
def test_events_and_ledger(it: Agreement, verdict: Verdict, found: str) -> None:
    expected = "a.example: expected an event for each numbered message that came through Cloudflare, found 2 numbered messages came through Cloudflare, "
    assert says(agreement.judged_delivered(DOMAIN, it), looks=2) == (verdict, expected + found)


def test_an_event_without_its_message() -> None:
    hint = "Look for it in Dell's log by its Message-ID: accepted mail was lost there, or somebody else used our number"
    expected = "a.example: expected a message for each event with one of our numbers, found "
    assert says(agreement.judged_found(DOMAIN, agreed()), looks=2) == (PASS, f"{expected}none without")
    judged = says(agreement.judged_found(DOMAIN, agreed(unfound=("no. 1", "no. 2"))), looks=2)
    assert judged == (FAIL, f"{expected}2 without, first no. 1. {hint}")
