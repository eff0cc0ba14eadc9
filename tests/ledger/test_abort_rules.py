"""When a watch advises to go back: never on the word of a collector in trouble, and no alarm stands that was wrong."""

import contextlib
import time
from pathlib import Path
from typing import Any, cast

import pytest

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.gates import alarms as news
from fixtures.ledger import Traffic, closed_losses
from fixtures.migration import Migration
from fixtures.probes.dell import postfix
from fixtures.probes.dell.postfix import Queue, Queued
from fixtures.probes.logs.postfix_log import Reject
from fixtures.watching import counting
from fixtures.watching.abort_rules import DEFERRED, LOST, MET, alarms
from fixtures.watching.counting import Counting
from fixtures.watching.dellside import DellSide, deferred, own_probe
from tests.ledger.conftest import DOMAIN, NOW, RUN, SETTINGS, Book

MANY = [f"<{number}@s>" for number in range(SETTINGS.bounds.abort_deferred)]
"""As many as an abort rule asks for."""


class Mail(Book):
    """Numbered mail of a watch, whose collector says TROUBLES, and what Counting makes of it."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self.troubles: list[str] = []
        patch.setattr(counting, "collect", lambda *_: self.troubles)
        self.held: list[tuple[str, float]] = []
        self.run, self.stopped_by, self.rate = RUN, "", counting.CALM_PER_S
        self.began = time.time() - 5000
        self.counting = Counting(self.migration, DOMAIN, cast("Traffic", self), self.began)

    def hold(self, sender: str, seconds: float) -> None:
        self.held.append((sender, seconds))

    def many(self, **fields: Any) -> None:
        for name in MANY:
            self.add(name, **fields)

    def miss(self) -> None:
        """One that is lost, by a round."""
        self.add("<1@s>", age=1800)
        self.counting.round(0)

    def next(self) -> Counting:
        """The next watch, which has begun."""
        made = Counting(self.migration, DOMAIN, self.counting.traffic, self.began)
        made.begin()
        return made

    def arrives(self, *names: str) -> None:
        came = {"arrived_real": time.time(), "bounced": None}
        self.store.update_messages([{"message_id": each, **came} for each in names])

    def met(self) -> list[tuple[str, bool]]:
        return [(each.rule.name, bool(each.withdrawn)) for each in alarms(self.store, DOMAIN)]


@pytest.fixture
def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mail:
    return Mail(tmp_path, monkeypatch)


@pytest.mark.parametrize("arrived", [True, False])
def test_nothing_is_lost_until_a_collector_is_out_of_trouble(mail: Mail, *, arrived: bool) -> None:
    """The mailboxes can't be read for half an hour: all that was sent meanwhile seems to be missing."""
    mail.add("<1@s>", age=1800)
    mail.troubles = ["alice: the connection was reset"]
    for _ in range(3):
        with pytest.raises(CouldNotAsk, match="reset"):
            mail.counting.round(0)
    assert mail.met() == []
    mail.troubles = []
    if arrived:
        mail.arrives("<1@s>")
    mail.counting.round(0)
    mail.counting.round(0)
    assert mail.met() == [(LOST, False)] * (not arrived)
    assert ["1 messages lost" in each for each in mail.counting.standing.values()] == [True] * (not arrived)


@pytest.mark.parametrize(
    ("fields", "waiting", "met"),
    [
        ({"bounced": "550 5.1.1"}, 0, [LOST]),
        ({"deferrals": 1}, 0, []),
        ({"deferrals": 1}, SETTINGS.bounds.abort_deferred, [DEFERRED]),
    ],
    ids=["it bounced", "it may have arrived", "they wait at Dell"],
)
def test_what_is_known_in_spite_of_trouble(mail: Mail, fields: dict[str, Any], waiting: int, met: list[str]) -> None:
    """One mailbox can't be read; a sender's log and Dell's queue can."""
    mail.many(**fields)
    mail.troubles = ["alice: the connection was reset"]
    for _ in range(2):
        with pytest.raises(CouldNotAsk, match="reset"):
            mail.counting.round(waiting)
    assert mail.met() == [(each, False) for each in met]


@pytest.mark.parametrize("what", ["troubles", "stopped_by"])
def test_whoever_could_not_count_for_long_is_blind(mail: Mail, what: str) -> None:
    mail.counting.counted_at -= SETTINGS.bounds.oldest_deferred_s
    setattr(mail, what, "the password is wrong" if what == "stopped_by" else ["the password is wrong"])
    with contextlib.suppress(CouldNotAsk):
        mail.counting.round(0)
    assert "nobody would see a loss" in mail.counting.blind
    mail.troubles, mail.stopped_by = [], ""
    mail.counting.round(0)
    assert mail.counting.blind == ""


@pytest.mark.parametrize("gone", [False, True])
def test_what_a_second_look_finds_is_not_lost(mail: Mail, monkeypatch: pytest.MonkeyPatch, *, gone: bool) -> None:
    """Of many mailboxes some wait their turn: before a message counts as lost, all are read, once for its sake."""
    looks = list[tuple[Any, ...]]()

    def collect(_: Any, __: str, *since: float) -> list[str]:
        looks.append(since)
        if since and not gone:
            mail.arrives("<1@s>")
        return []

    monkeypatch.setattr(counting, "collect", collect)
    mail.miss()
    mail.counting.round(0)
    assert mail.met() == [(LOST, False)] * gone
    assert [len(each) for each in looks] == [0, 1, 0]


def test_an_alarm_that_proves_wrong_is_withdrawn_on_record(mail: Mail) -> None:
    mail.miss()
    (alarm,) = news.due(mail.migration)
    news.keep(mail.migration, alarm)
    mail.arrives("<1@s>")
    mail.counting.round(0)
    assert mail.met() == [(LOST, True)]
    assert mail.counting.standing == {}
    assert "all 1 that counted as lost are accounted for" in mail.counting.withdrawn
    (withdrawal,) = news.due(mail.migration)
    assert not withdrawal.bad
    assert "false alarm" in withdrawal.title


def test_one_that_is_half_wrong_stands(mail: Mail) -> None:
    for number in (1, 2):
        mail.add(f"<{number}@s>", age=1800)
    mail.counting.round(0)
    mail.arrives("<1@s>")
    mail.counting.round(0)
    assert mail.met() == [(LOST, False)]


def test_one_of_which_the_ledger_has_one_no_more_stands(mail: Mail) -> None:
    mail.add("<1@s>", arrived_real="1", copies=1)
    mail.migration.store.record(MET, DOMAIN, rule=LOST, found="2", messages=["<1@s>", "<2@s>"], run=RUN)
    mail.next()
    assert mail.met() == [(LOST, False)]


def test_one_that_proved_wrong_stands_while_others_are_lost(mail: Mail) -> None:
    """The next watch judges its own run only: this alarm is all that still says it."""
    mail.miss()
    mail.add("<2@s>", bounced="550 5.1.1")
    mail.arrives("<1@s>")
    mail.run = "another"
    again = mail.next()
    assert mail.met() == [(LOST, False)]
    assert LOST in again.standing
    closed_losses.close(mail.store, "<2@s>", "sent once more", "op on host")
    again.round(0)
    assert mail.met() == [(LOST, True)]


def test_the_next_loss_is_a_new_alarm(mail: Mail) -> None:
    mail.miss()
    mail.arrives("<1@s>")
    mail.counting.round(0)
    mail.add("<2@s>", bounced="550 5.1.1")
    mail.counting.round(0)
    assert mail.met() == [(LOST, True), (LOST, False)]


def test_the_next_watch_withdraws_what_an_earlier_one_left(mail: Mail) -> None:
    mail.miss()
    mail.arrives("<1@s>")
    again = mail.next()
    assert mail.met() == [(LOST, True)]
    assert again.standing == {}


def test_an_alarm_of_another_domain_is_left_as_it_is(mail: Mail) -> None:
    mail.migration.store.record(MET, "other.example.net", rule=LOST, found="1", messages=["<1@s>"], run=RUN)
    mail.counting.begin()
    assert mail.counting.standing == {}


@pytest.mark.parametrize(
    ("queued", "more", "withdrawn"),
    [
        (0, [], True),
        (None, [], False),
        (2, [], False),
        (0, [{"age": 1800}], False),
        (0, [{"age": 100, "acknowledged_real": NOW}], False),
        (0, [{"deferrals": 1}], False),
    ],
    ids=[
        *("over", "Dell was not asked", "some wait at Dell"),
        *("one is lost", "one is late", "one waits at its sender"),
    ],
)
def test_who_waited_and_waits_no_more(
    mail: Mail, *, queued: int | None, more: list[dict[str, Any]], withdrawn: bool
) -> None:
    mail.many(deferrals=1)
    mail.counting.round(0, 0)
    assert mail.met() == [(DEFERRED, False)]
    (alarm,) = news.due(mail.migration)
    news.keep(mail.migration, alarm)
    mail.arrives(*MANY)
    for fields in more:
        mail.add(**fields)
    mail.counting.round(0, queued)
    assert mail.met()[0] == (DEFERRED, withdrawn)
    assert (DEFERRED in mail.counting.standing) is not withdrawn
    if withdrawn:
        assert "nobody waits any more" in mail.counting.withdrawn
        (withdrawal,) = news.due(mail.migration)
        assert (withdrawal.bad, "is over" in withdrawal.title) == (False, True)


def test_the_next_watch_sees_that_nobody_waits_any_more(mail: Mail) -> None:
    """Once it has looked at Dell: not before, and not by what it sends itself."""
    mail.many(deferrals=1)
    mail.counting.round(0, 0)
    mail.run = "another"
    again = mail.next()
    again.round(0, 0)
    assert mail.met() == [(DEFERRED, False)]
    mail.arrives(*MANY)
    again.round(0, None)
    assert mail.met() == [(DEFERRED, False)]
    again.round(0, 0)
    assert mail.met() == [(DEFERRED, True)]


def test_what_dell_held_is_not_known_while_it_is_asked(monkeypatch: pytest.MonkeyPatch, mail: Mail) -> None:
    dell = DellSide(mail.migration)
    assert dell.queued is None
    dell.count(3)
    assert dell.queued == dell.waiting

    def silent(_: object) -> Queue:
        raise CouldNotAsk("no route to host")

    monkeypatch.setattr(postfix, "queue", silent)
    with pytest.raises(CouldNotAsk):
        dell.look()
    assert [dell.queued, dell.waiting] == [None, 3]


@pytest.mark.parametrize(
    ("fields", "waiting", "met"),
    [
        ({"deferrals": 1}, 0, True),
        ({"deferrals": 1, "acknowledged_real": 1.0}, 0, False),
        ({"deferrals": 1, "arrived_real": 1.0}, 0, False),
        ({"deferrals": 0}, 0, False),
        ({"deferrals": 0}, SETTINGS.bounds.abort_deferred, True),
    ],
    ids=["put off at its sender", "taken since", "arrived since", "under way", "at Dell"],
)
def test_who_waits(mail: Mail, fields: dict[str, Any], waiting: int, *, met: bool) -> None:
    mail.many(**fields)
    mail.counting.round(waiting)
    assert mail.met() == [(DEFERRED, False)] * met


def test_whoever_is_put_off_is_given_time(mail: Mail) -> None:
    mail.add("<1@s>", deferrals=1)
    mail.counting.round(0)
    mail.counting.round(0)
    mail.add("<2@s>", deferrals=1)
    mail.add("<3@t>", sender="t", deferrals=2)
    mail.counting.round(0)
    assert sorted(mail.held) == [("s", 10.0), ("s", 20.0), ("t", 10.0)]


@pytest.mark.parametrize(
    ("rate", "held"), [(counting.CALM_PER_S, [10, 20, 40, 80]), (SETTINGS.traffic.switch_rate_per_s, [10, 20, 20, 20])]
)
def test_while_an_mx_moves_no_sender_is_silent_for_long(mail: Mail, rate: float, held: list[float]) -> None:
    mail.rate = rate
    mail.counting.round(0)
    for number in range(4):
        mail.add(f"<{number}@s>", deferrals=1)
        mail.counting.round(0)
    assert [seconds for _, seconds in mail.held] == held


def queued(queue: str, *recipients: str) -> Queued:
    return Queued("Q1", queue, 0, 0, "x@y.example", tuple((each, "") for each in recipients))


def test_only_ours_and_only_what_is_deferred_waits_at_dell() -> None:
    domain = SETTINGS.domains[0]
    waiting = (
        queued("deferred", f"a@{domain.name}", f"b@{domain.delivery}", "c@customer.example"),
        queued("deferred", "d@customer.example"),
        queued("active", f"e@{domain.name}"),
    )
    assert deferred(SETTINGS, Queue(waiting, Evidence("the queue", "3"))) == 2


def test_what_waited_before_is_not_the_switch_s_doing() -> None:
    dell = DellSide(cast("Migration", None))
    assert dell.more == 0
    for waiting, more in ((30, 0), (32, 2), (5, 0), (25, 20)):
        dell.count(waiting)
        assert dell.more == more


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        ({"sender": "probe@four.example"}, True),
        ({"sender": "mxgate-1a2b@customer.example"}, True),
        ({"helo": "a1b2.mxgate.invalid"}, True),
        ({"recipient": "mxgate-nobody-1@x.example"}, True),
        ({"sender": "a@customer.example", "helo": "mx.customer.example", "recipient": "bob@x.example"}, False),
        ({"sender": SETTINGS.senders[0].address}, False),
        ({"client_address": "104.30.0.1", "helo": "[104.30.0.1]"}, True),
        ({"client_address": "104.30.0.1", "helo": "mx.cloudflare.net"}, False),
        ({"helo": "[192.0.2.1]"}, False),
    ],
    ids=[
        *("its sender", "in a domain that exists", "its HELO", "its recipient", "a customer", "numbered mail"),
        *("prepare_dell's", "Email Routing's", "a stranger's"),
    ],
)
def test_our_own_probes_are_no_news(fields: dict[str, str], *, ours: bool) -> None:
    known: dict[str, Any] = {"client_address": "192.0.2.1", "sender": "", "recipient": "", "helo": ""} | fields
    assert own_probe(SETTINGS, Reject(0, "RCPT", "host", code=550, text="no", **known)) is ours
