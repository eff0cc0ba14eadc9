"""The balance: each message has arrived, has bounced, or is outstanding, and no figure flatters.

While Cloudflare may refuse mail, as a plan announced, what it refused is counted apart; all else is lost.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.ledger import balance, collecting, switches
from fixtures.ledger.accounting import UNEXPECTED, outstanding
from fixtures.ledger.windows import CLOSED, OPENED, PUT_BACK, SETTLED, WRITE_S, windows
from fixtures.probes.mailbox.message import hops, path_of
from tests.ledger.conftest import DOMAIN, NOW, OTHER, ROUTE, RUN, SETTINGS, Book

EC2 = "mail.webmakeprofit.org[192.0.2.1]:25"
ANNOUNCED: dict[str, Any] = {"seconds": 120.0, "ttl_s": 60}
BEGUN = (0, OPENED, ANNOUNCED)


def _closed(at: float, why: str = SETTLED) -> tuple[float, str, dict[str, Any]]:
    return at, CLOSED, {"why": why}


def test_all_arrived_is_whole_and_says_its_bound(book: Book) -> None:
    for _ in range(300):
        book.add(arrived_real="0.5", copies=1, path="ec2")
    found = book.balance()
    assert found.whole
    assert found.loss_rate_bound == pytest.approx(0.00994, abs=1e-5)
    assert found.latency_p50_s == pytest.approx(0.5, abs=0.01)
    assert found.acknowledged == 300, "what arrived was acknowledged, though no log says so"
    assert "loss rate below 1.00% at 95 % (n = 300)" in found.sentence()


def test_each_path_has_its_own_seconds(book: Book) -> None:
    """So the new one can be held against today's. What did not arrive has none."""
    for tenths in range(1, 101):
        book.add(arrived_real=str(tenths / 10), copies=1, path="cloudflare")
    book.add(arrived_real="0.2", copies=1, path="ec2")
    book.add(age=5)
    found = book.balance()
    new, old, none = (found.paths[name] for name in ("cloudflare", "ec2", "none"))
    assert (found.latency_p50_s, found.latency_p99_s) == pytest.approx((5.0, 9.9), abs=0.01)
    assert (new.p50_s, new.p90_s, new.p99_s) == pytest.approx((5.0, 9.0, 9.9), abs=0.01)
    assert old.arrived == 1
    assert (old.p50_s, old.p99_s) == pytest.approx((0.2, 0.2), abs=0.01)
    assert (none.injected, none.arrived, none.p50_s) == (1, 0, None)


@pytest.mark.parametrize(
    ("messages", "said"), [(1, "95%"), (2, "78%"), (300, "1.00%"), (1355, "0.23%"), (100_000, "0.0030%")]
)
def test_the_bound_is_never_said_too_low(book: Book, messages: int, said: str) -> None:
    found = replace(book.balance(), injected=messages, arrived=messages)
    assert found.loss_rate_bound is not None
    assert (1 - found.loss_rate_bound) ** messages == pytest.approx(0.05)
    assert float(found.loss_rate_below.rstrip("%")) >= round(100 * found.loss_rate_bound, 9)
    assert found.loss_rate_below == said
    assert f"below {said} at 95 %" in found.sentence()


def test_nothing_injected_is_not_whole(book: Book) -> None:
    found = book.balance()
    assert not found.whole
    assert found.loss_rate_bound is None
    assert found.latency_p99_s is None


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"age": 5}, "in_flight"),
        ({"age": 100}, "overdue"),
        ({"age": 1000}, "lost"),
        ({"age": 5, "bounced": "550 5.1.1"}, "lost"),
        ({"age": 5, "bounced": "550 5.1.1", "injected_real": None}, "lost"),
        ({"age": 5, "deferrals": 1, "injected_real": None}, "in_flight"),
        ({"acknowledged_real": NOW, "injected_real": None}, "lost"),
        ({"age": 100, "arrived_real": "75", "copies": 1}, "delayed"),
        ({"arrived_real": "1", "copies": 2, "deferrals": 1}, "explained_copies"),
        ({"arrived_real": "1", "copies": 2}, "unexplained_copies"),
    ],
)
def test_each_message_has_its_place(book: Book, fields: dict[str, Any], where: str) -> None:
    book.add(arrived_real="0.1", copies=1)
    book.add(**fields)
    found = book.balance()
    places = {
        "in_flight": found.in_flight, "overdue": len(found.overdue), "lost": len(found.lost),
        "delayed": len(found.delayed), "explained_copies": len(found.explained_copies),
        "unexplained_copies": len(found.unexplained_copies),
    }  # fmt: skip
    assert places == {name: int(name == where) for name in places}
    assert found.injected == found.arrived + found.outstanding + len(found.lost) == 2
    assert found.whole == (where in {"delayed", "explained_copies"})
    assert outstanding(book.migration, RUN) == fields.keys().isdisjoint({"arrived_real", "bounced"})


def test_what_is_not_due_yet_is_not_lost(book: Book) -> None:
    """Also where a queue may hold mail for less than its way may take."""
    bounds = SETTINGS.bounds.model_copy(update={"arrival_s": 60.0, "oldest_deferred_s": 30.0})
    settings = book.migration.settings.model_copy(update={"bounds": bounds})
    book.add(age=45)
    assert not balance(replace(book.migration, settings=settings), RUN).lost


def test_a_bounce_of_what_arrived_is_no_loss(book: Book) -> None:
    book.add(arrived_real="1", copies=1, bounced="DSN: late")
    assert book.balance().whole


def test_what_no_queue_took_counts_only_if_it_arrived(book: Book) -> None:
    book.add(injected_real=None)
    book.add(injected_real=None, arrived_real="1", copies=1)
    assert book.balance().injected == 1


def test_what_a_queue_took_by_its_log_may_still_arrive(book: Book) -> None:
    book.add(injected_real=None)
    assert switches._outstanding(book.migration) == set()
    book.add(injected_real=None, deferrals=1)
    assert switches._outstanding(book.migration) == {RUN}


@pytest.mark.parametrize(
    ("written", "pause"),
    [
        (range(-60, 200, 29), None),
        ([*range(-60, 0, 5), *range(60, 200, 5)], (0, 60)),
        ([*range(-60, -30, 5), *range(340, 400, 5)], (0, 340)),
        ([*range(-60, 15, 5), *range(15, 200, 31)], (15, 46)),
        ([*range(-60, 55, 5), *range(300, 400, 5)], None),
        (range(-60, 36, 5), (35, 71)),
        ([-58, *range(2, 200, 5)], None),
    ],
    ids=[
        "none",
        "from the batch on",
        "sender gone",
        "half of a minute",
        "once all is taken",
        "gone for good",
        "calm before",
    ],
)
def test_mail_flows_while_the_mx_moves(book: Book, written: Sequence[int], pause: tuple[int, int] | None) -> None:
    """A switch at NOW, of which Cloudflare took all mail 40 s later; what was written when is by the second."""
    times: dict[str, Any] = {"began": NOW, "real_began": NOW, "ended": NOW + 1, "real_ended": NOW + 1}
    book.record(1, "switch", **times)
    book.record(40, CLOSED, why=SETTLED)
    for at in written:
        book.add(injected_at=NOW + at, injected_real=NOW + at, arrived_real=NOW + at + 1)
    ledger = switches._added_up(book.migration, DOMAIN, [RUN], NOW - 60, time.time())
    *paused, arrived = switches.whole([ledger], {DOMAIN: NOW})
    assert arrived.verdict is Verdict.PASS
    expected = [f"none written {switches.spell(NOW + pause[0], NOW + pause[1])}"] if pause else []
    assert [(each.verdict, each.found) for each in paused] == [(Verdict.INCONCLUSIVE, found) for found in expected]
    judged = switches.judged_bounces([ledger], {DOMAIN: NOW})
    assert {each.verdict for each in judged} == {Verdict.PASS, *(each.verdict for each in paused)}


def test_what_was_found_stays_found(book: Book) -> None:
    """Whoever looks for the first time after one of two copies was deleted, or after the log was rotated."""
    (user, *_) = SETTINGS.mailboxes((DOMAIN,))
    book.add("<1@s>", injected_real=None)
    book.come(user, "<1@s>", 5.0, 7.0)
    book.come(user, "<1@s>", 7.0)
    (found,) = book.balance().series
    assert (found.copies, found.arrived) == (2, 5.0)


def test_a_run_began_with_the_first_that_a_queue_took(book: Book) -> None:
    book.add(injected_real=None)
    began = book.add(age=5 * 86400)
    book.add(age=86400)
    collector = collecting._Collector(book.migration, RUN)
    assert {each.since for each in collector._mailboxes} == {began}
    collector.close()


def test_windows_and_domains_are_kept_apart(book: Book) -> None:
    book.add(age=50, arrived_real="1", copies=1)
    at = book.add(age=20, bounced="550")
    book.add(age=10, domain=OTHER, arrived_real="1", copies=1)
    assert book.balance().injected == 3
    assert book.balance(until=at).whole
    assert len(book.balance(since=at).lost) == 1
    assert book.balance(domain=OTHER).whole


def test_mail_in_a_wrong_place_is_not_whole(book: Book) -> None:
    book.add(arrived_real="1", copies=1)
    book.store.record(UNEXPECTED, DOMAIN, run=RUN, what="no. 1 for u is in v")
    book.store.record(UNEXPECTED, DOMAIN, run="another", what="none of ours")
    found = book.balance()
    assert found.unexpected == ("no. 1 for u is in v",)
    assert not found.whole


LOCAL = "from dell.webmakeprofit.org by dell.webmakeprofit.org with LMTP id x"
BY_EC2 = "from ec2 (mail [100.64.10.1]) by dell.webmakeprofit.org"
STRANGER = "from x (y [192.0.2.9]) by mail.webmakeprofit.org"
TAKEN = "from x (y [192.0.2.9]) by cloudflare-email.net"
LOGGED_IN = "from worker"


@pytest.mark.parametrize(
    ("received", "path"),
    [
        (["from ec2 (mail [100.64.10.1]) by dell.webmakeprofit.org"], "ec2"),
        (["from x by mail.webmakeprofit.org (Postfix) with ESMTP"], "ec2"),
        (["from route1 (unknown [104.30.31.254]) by dell.webmakeprofit.org"], "cloudflare"),
        (["from route1 (unknown [IPv6:2405:8100:c000::7]) by dell.webmakeprofit.org"], "cloudflare"),
        (["from a (b [104.30.0.1]) by dell", "from c (d [203.0.113.20]) by cloudflare-email.net"], "ec2+cloudflare"),
        (["from a (b [104.30.32.1]) by dell", "from [999.1.1.1] by notmail.webmakeprofit.org"], "other"),
        (["from x (x [999.1.1.1]) by dell"], "other"),
        ([], "other"),
        ([LOCAL, BY_EC2, STRANGER], "ec2"),
        ([LOCAL, BY_EC2, "from a (b [104.30.0.1]) by mail.webmakeprofit.org", STRANGER], "ec2+cloudflare"),
        ([LOCAL, BY_EC2, STRANGER, "from route1 (x [104.30.0.1]) by mail.webmakeprofit.org"], "ec2"),
        ([LOCAL, "from a (b [104.30.0.1]) by dell", TAKEN, BY_EC2], "cloudflare"),
        ([LOCAL, "from a (b [104.30.0.1]) by dell", "from a by cloudflare-email.net", BY_EC2], "cloudflare"),
        ([LOCAL, "from backup (b [192.0.2.7]) by dell", BY_EC2], "other"),
        ([LOCAL, "from filter (f [172.22.0.5]) by dell", BY_EC2], "ec2"),
    ],
)
def test_the_path_is_read_from_what_servers_saw(received: list[str], path: str) -> None:
    """What stands below the field of the first client that is none of ours, that client wrote."""
    assert path_of(hops(received), SETTINGS) == path


@pytest.mark.parametrize(
    ("received", "path"),
    [
        ([LOCAL, f"{LOGGED_IN} (w [192.0.2.200]) by dell with ESMTPSA", TAKEN], "cloudflare"),
        ([LOCAL, f"{LOGGED_IN} (localhost [127.0.0.1]) by dell with ESMTPA", TAKEN], "cloudflare"),
        ([LOCAL, f"{LOGGED_IN} (w [192.0.2.200]) by dell with ESMTPSA", TAKEN, BY_EC2], "cloudflare"),
        ([LOCAL, BY_EC2, STRANGER, TAKEN], "ec2"),
        ([LOCAL, "from x (x [192.0.2.7]) by dell with ESMTPS", TAKEN], "other"),
    ],
)
def test_the_path_by_a_worker_ends_with_cloudflare(received: list[str], path: str) -> None:
    settings = SETTINGS.model_copy(update={"route": SETTINGS.route.model_copy(update={"kind": "worker"})})
    assert path_of(hops(received), settings) == path


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ([], []),
        ([BEGUN], [(0, 120)]),
        ([BEGUN, _closed(20)], [(0, 20)]),
        ([BEGUN, _closed(900)], [(0, 120)]),
        ([BEGUN, _closed(5, PUT_BACK)], [(0, 65)]),
        ([BEGUN, _closed(900, PUT_BACK)], [(0, 180 + WRITE_S)]),
        ([BEGUN, (2, OPENED, ANNOUNCED), _closed(9)], [(0, 9), (2, 9)]),
        ([BEGUN, _closed(5, PUT_BACK), (60, OPENED, ANNOUNCED), _closed(100)], [(0, 65), (60, 100)]),
        ([BEGUN, (300, OPENED, ANNOUNCED), _closed(310)], [(0, 120), (300, 310)]),
        ([_closed(-9), BEGUN], [(0, 120)]),
    ],
    ids="none|left open|settled|settled too late|put back|put back too late|tried again|tried again while caches lead "
    "there|killed, and again|an earlier end".split("|"),
)
def test_from_the_batch_to_its_end(
    book: Book, written: list[tuple[float, str, dict[str, Any]]], expected: list[tuple[float, float]]
) -> None:
    for at, kind, body in written:
        book.record(at, kind, **body)
    book.record(0, OPENED, OTHER, **ANNOUNCED)
    found = [(begin - NOW, end - NOW) for begin, end in windows(book.store, DOMAIN)]
    assert found == [pytest.approx(each, abs=0.01) for each in expected]


@pytest.mark.parametrize(
    ("at", "relay", "domain", "lost"),
    [
        (10, ROUTE, DOMAIN, False),
        (-0.9, ROUTE, DOMAIN, False),
        (-1.1, ROUTE, DOMAIN, True),
        (20.5, ROUTE, DOMAIN, True),
        (10, EC2, DOMAIN, True),
        (10, ROUTE, OTHER, True),
    ],
    ids=["inside", "by a log of whole seconds", "before", "after the end", "by EC2", "of another domain"],
)
def test_what_was_refused_inside_is_counted_apart(
    book: Book, at: float, relay: str, domain: str, *, lost: bool
) -> None:
    book.record(0, OPENED, **ANNOUNCED)
    book.record(20, CLOSED, why=SETTLED)
    book.refused(at, relay, domain)
    found = book.balance()
    assert (len(found.lost), len(found.refused)) == (int(lost), int(not lost))
    assert ("refused in the announced window 1" in found.sentence()) is not lost
    assert not found.whole, "nothing else was sent"


@pytest.mark.parametrize(
    "said",
    [
        "550 5.7.1 upstream (dell.example.net) error: permanent error: 550 5.1.1 <a@b.example>: User unknown. 1aWt",
        "550 upstream (dell.example.net.) error: failed to initialize: Permanent Unknown error: permanent error (550)",
        "smtp; 550 5.7.1 could not initialize upstream: Unknown error: permanent error (550): 5.7.1 Access denied",
    ],
)
def test_what_dell_refused_is_lost_though_cloudflare_said_it_inside(book: Book, said: str) -> None:
    """Cloudflare hands on in session what the destination's server says; no plan announced that."""
    book.record(*BEGUN[:2], **ANNOUNCED)
    book.refused(5, text=said)
    found = book.balance()
    assert (len(found.lost), len(found.refused)) == (1, 0)


def test_what_is_missing_without_a_refusal_stays_lost(book: Book) -> None:
    book.record(*BEGUN[:2], **ANNOUNCED)
    book.refused(5)
    rest: tuple[dict[str, Any], ...] = ({}, {"arrived_real": NOW + 6, "copies": 1}, {"bounced": "DSN: expired"})
    for fields in rest:
        book.add(injected_at=NOW + 5, injected_real=NOW + 5, **fields)
    found = book.balance()
    assert (len(found.refused), len(found.lost), found.arrived) == (1, 2, 1)
    assert found.injected == found.arrived + found.outstanding + len(found.lost) + len(found.refused)


def test_the_rest_is_whole(book: Book) -> None:
    """So is what was refused, and arrived after all."""
    book.record(*BEGUN[:2], **ANNOUNCED)
    for at in (5, 6):
        book.refused(at)
    book.store.update_messages([{"message_id": "<refused-6@s>", "arrived_real": NOW + 9, "copies": 1}])
    book.add(injected_at=NOW, injected_real=NOW, arrived_real=NOW + 1, copies=1)
    assert book.balance().whole
