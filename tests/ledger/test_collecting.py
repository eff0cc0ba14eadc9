"""What one reading learns of numbered mail, and that nothing counts as lost of what could not be read or written."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.ledger import collect, collecting
from fixtures.ledger.collecting import forget, look
from fixtures.ledger.switches import settled
from fixtures.ledger.windows import REJECTED
from fixtures.probes.logs.postfix_log import Delivery
from fixtures.probes.mailbox import bounces, imap
from fixtures.probes.mailbox.imap import Mailbox, Stored
from fixtures.store import Store, StoreError
from tests.ledger.conftest import DOMAIN, RUN, SETTINGS, Book, stored
from tests.ledger.test_failure import DSN

USERS = set(SETTINGS.mailboxes())
CAROL, DAVE = SETTINGS.mailboxes((DOMAIN,))[:2]
OVERDUE_S = SETTINGS.bounds.arrival_s + 40


@dataclass
class World:
    """What lies in mailboxes and logs. Each Reader and SenderLog tells it once, as the real ones do."""

    inbox: list[Stored] = field(default_factory=list)
    filed: list[Stored] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    """Users one of whose other folders can't be selected, ``inbox of`` such, ``contents``, and hosts whose log can't be
    read."""
    deferred: list[str] = field(default_factory=list)
    """By EC2's log."""
    logs_read: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    """Users whose inbox was, in order."""
    open: set[str] = field(default_factory=set)
    """Whose connection is."""

    def require(self, what: str) -> None:
        if what in self.unreadable:
            raise CouldNotAsk(f"{what} can't be read")

    def lying(self, where: Mailbox, names: Any, _: float) -> list[Stored]:
        self.require(where.user)
        return [each for each in self.filed if each.user == where.user and each.message_id in names]

    def contents(self, _: object, wanted: list[Stored]) -> dict[Stored, bytes]:
        self.require("contents")
        return {each: each.content for each in wanted}


@pytest.fixture
def world(book: Book, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()

    class Box:
        def __init__(self, mailbox: Mailbox, *_: object) -> None:
            self.mailbox, self.known = mailbox, set[Stored]()

        def new(self) -> list[Stored]:
            if self.mailbox.user in USERS:
                made.read.append(self.mailbox.user)
                made.open.add(self.mailbox.user)
            made.require(f"inbox of {self.mailbox.user}")
            found = [each for each in made.inbox if each.user == self.mailbox.user and each not in self.known]
            self.known.update(found)
            return found

        def close(self) -> None:
            made.open.discard(self.mailbox.user)

    class Log:
        def __init__(self, shell: Any, *_: object) -> None:
            self.host = str(shell)

        def new(self) -> list[tuple[str, Delivery]]:
            made.logs_read.append(self.host)
            made.require(self.host)
            deferred = made.deferred if self.host == "EC2" else []
            return [
                (each, Delivery(1.0, "smtp", CAROL, "", "dell", 1.0, (), "4.4.2", "deferred", "lost"))
                for each in deferred
            ]

    monkeypatch.setattr(collecting, "Reader", Box)
    monkeypatch.setattr(bounces, "Reader", Box)
    monkeypatch.setattr(collecting, "SenderLog", Log)
    monkeypatch.setattr(collecting, "shell", lambda name, _: name)
    monkeypatch.setattr(collecting, "ec2", lambda _: "EC2")
    monkeypatch.setattr(collecting, "dell", lambda _: "Dell")
    monkeypatch.setattr(imap, "lying", made.lying)
    monkeypatch.setattr(imap, "contents", made.contents)
    yield made
    forget(book.migration, RUN)


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds)


@pytest.mark.parametrize("call", ["numbered", "update_messages", "record"])
def test_what_was_read_while_the_store_failed_is_read_again(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    collect(book.migration, RUN)
    book.add("<1@s>", mailbox=CAROL)
    world.inbox = [stored(CAROL, "<1@s>", 1.0), stored(CAROL, "<nobody@s>", 1.0)]

    def locked(*_: object, **__: object) -> None:
        raise StoreError("the database is locked")

    with monkeypatch.context() as patch:
        patch.setattr(Store, call, locked)
        with pytest.raises(StoreError):
            collect(book.migration, RUN)
    assert collect(book.migration, RUN) == []
    assert book.balance().arrived == 1
    assert len(book.balance().unexpected) == 2, "its body is none of ours, and the other is nobody's"


@pytest.mark.parametrize("what", [CAROL, "contents"])
def test_what_could_not_be_looked_for_in_folders_is_looked_for_again(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Until then every round says so, also between two looks: what it misses is not known to be lost."""
    for name, user in (("<1@s>", CAROL), ("<2@s>", DAVE)):
        book.add(name, mailbox=user, age=OVERDUE_S)
        world.filed.append(replace(stored(user, name, 1.0), folder="Archive"))
    world.unreadable = {what}
    for _ in range(3):
        assert f"{what} can't be read" in collect(book.migration, RUN)
    assert book.balance().arrived == (what == CAROL), "the other one's folders were read"
    world.unreadable = set()
    later(monkeypatch, collecting.LOOK_S)
    assert collect(book.migration, RUN) == []
    assert book.balance().arrived == 2


def test_copies_are_explained_once_each_log_could_be_read(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EC2 can't be reached for a while. Dell's log says the same again: it is not read for ever."""
    book.add("<1@s>", mailbox=CAROL)
    world.inbox, world.deferred = [stored(CAROL, "<1@s>", 1.0), stored(CAROL, "<1@s>", 2.0)], ["<1@s>"]
    world.unreadable = {"EC2"}
    for turn in range(5):
        later(monkeypatch, turn * collecting.ASK_S)
        collect(book.migration, RUN)
    assert world.logs_read.count("Dell") == collecting.ASKED_MAX
    assert len(book.balance().unexplained_copies) == 1
    world.unreadable = set()
    collect(book.migration, RUN)
    assert len(book.balance().unexplained_copies) == 1, "asked a moment ago"
    later(monkeypatch, collecting.ASK_S)
    collect(book.migration, RUN)
    assert len(book.balance().explained_copies) == 1


@pytest.mark.parametrize("kind", ["smtp", "SMTP"], ids=["as Postfix writes it", "as Sendmail does"])
def test_a_refusal_that_a_bounce_tells_is_on_record(book: Book, world: World, kind: str) -> None:
    """By this record an announced one is no loss (Sendmail's: github.com/sisimai/set-of-emails, lhost-sendmail-01)."""
    book.add("<mxgate.1@four.example>", mailbox=CAROL)
    more = "Remote-MTA: DNS; route1.mx.cloudflare.net\n"
    dsn = DSN.format(action="failed", kind="message/rfc822", more=more).replace("smtp;", f"{kind};")
    assert SETTINGS.outside_mailbox
    world.inbox = [Stored(SETTINGS.outside_mailbox.user, "INBOX", 1, (), content=dsn.encode())]
    assert collect(book.migration, RUN) == []
    assert [each["relay"] for each in book.store.recorded(REJECTED)] == ["route1.mx.cloudflare.net"]


@pytest.mark.parametrize(
    ("times", "protocol", "copies"),
    [((5.0, 7.0), "LMTP", 2), ((5.0, 5.0), "LMTP", 1), ((5.0, 5.0), "ESMTP", 2)],
    ids=["two deliveries", "moved away and back", "no trace of a delivery: each is one"],
)
def test_a_copy_is_a_delivery_of_its_own(book: Book, *, times: tuple[float, ...], protocol: str, copies: int) -> None:
    """What a user moves out of the inbox and back has another UID, and is no second copy."""
    book.add("<1@s>", mailbox=CAROL)
    book.come(CAROL, "<1@s>", *times, protocol=protocol)
    assert [each.copies for each in book.balance().series] == [copies]


def test_of_few_mailboxes_each_is_read_in_every_round_and_stays_open(book: Book, world: World) -> None:
    """Until a gate has judged: a process that holds them for longer takes them from the users."""
    book.add("<1@s>", mailbox=CAROL, arrived_real="1", copies=1)
    collect(book.migration, RUN)
    collect(book.migration, RUN)
    assert sorted(world.read) == sorted([*USERS, *USERS])
    assert world.open == USERS
    settled(book.migration, {DOMAIN: 0.0})
    assert not world.open
    collect(book.migration, RUN)
    assert world.open == USERS


def test_many_mailboxes_are_read_in_turn_and_none_stays_open(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "HELD_MAX", len(USERS) - 1)

    begun, said = time.monotonic(), list[str]()

    def read(seconds: float) -> list[str]:
        world.read.clear()
        monkeypatch.setattr(time, "monotonic", lambda: begun + seconds)
        said[:] = collect(book.migration, RUN)
        assert not world.open
        return sorted(world.read)

    everybody = sorted(USERS)
    assert read(0) == everybody
    assert read(30) == []
    book.add("<1@s>", mailbox=CAROL, age=20)
    assert read(35) == [CAROL], "its message has been under way for a while"
    assert read(44) == []
    assert read(46) == [CAROL]
    assert read(collecting.TURN_S + 1) == everybody
    world.unreadable = {f"inbox of {DAVE}"}
    for turn in range(3):
        assert DAVE in read(2 * collecting.TURN_S + 2 + turn)
        assert said == [f"inbox of {DAVE} can't be read"]
    world.unreadable, world.inbox = set(), [stored(CAROL, "<1@s>", 1.0)]
    world.read.clear()
    look(book.migration, RUN, 0)
    assert sorted(world.read) == everybody, "who settles the mail wants to know of all of it"
    assert book.balance().arrived == 1
