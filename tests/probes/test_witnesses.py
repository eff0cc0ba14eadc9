"""What is in no mailbox, although Cloudflare and Postfix know of it: deleted by its user, or discarded by Dovecot."""

from dataclasses import replace
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.ledger import witnesses
from fixtures.ledger.witnesses import COPIED, DOUBT, FORWARDED, GONE, OLDER, UNDER_WAY, Agreement
from fixtures.probes.cloudflare.events import Event
from fixtures.probes.logs.dovecot_log import Dovecot
from fixtures.probes.logs.postfix_log import Delivery, Trail
from fixtures.probes.mailbox.imap import Stored

NOW = 1_790_000_000.0
SWITCHED = NOW - 86400
CAROL, DAVE = "carol@pilot.example.net", "dave@pilot.example.net"
NOTED = Evidence("asked", "answered")
SPAM = "250 2.7.0 Ok, discarded, id=7-01 - spam"
STORED = "stored mail into mailbox 'INBOX'"
DISCARDED = "discard action: Marked message to be discarded if not explicitly delivered (discard action)"
SENT_ON = "redirect action: forwarded to <b@c.example>"


def lying(
    user: str, folder: str = "INBOX", session: str = "ses+1", at: float = NOW - 7200, written: str = "<1@x>"
) -> Stored:
    """The message in a folder, with the trace of the delivery that it came by. WRITTEN: its Message-ID there."""
    received = f"from x (104.30.0.9) by dell.example.jp with LMTP id {session} for <{CAROL}>; {formatdate(at)}"
    return Stored(user, folder, 1, (("Message-ID", written), ("Received", received)))


def copied(to: str, original: str = "", daemon: str = "lmtp") -> Delivery:
    """What Dell's Postfix delivers besides, by a bcc or an alias."""
    return Delivery(NOW - 7200, daemon, to, original, "r", 1.0, (), "2.0.0", "sent", f"250 2.0.0 <{to}> ses+2 Saved")


def heard(
    dovecot: Dovecot | CouldNotAsk, *, message_id: str = "<1@x>", ago_s: float = 7200.0, **more: Any
) -> Agreement:
    """Of one message, which Cloudflare and Postfix have delivered and no mailbox has."""
    return compared(dovecot, NOW - ago_s, NOW - ago_s, message_id=message_id, **more)


def compared(
    dovecot: Dovecot | CouldNotAsk,
    at: float,
    counted_at: float,
    *,
    message_id: str = "<1@x>",
    filters: tuple[str, ...] = (),
    kept: tuple[Stored, ...] = (),
    client: str = "104.30.0.9",
    sampled: bool = False,
    copies: tuple[Delivery, ...] = (),
    trails: tuple[Trail, ...] = (),
    log_since: float = 0.0,
    numbered: int = 0,
    more: tuple[Event, ...] = (),
    says: str = "",
) -> Agreement:
    """Of one message: logged at one moment, counted by Cloudflare at another; the switch ended at ``SWITCHED``.

    COPIES: what Dell's Postfix delivered of it besides. TRAILS: what it sent itself. LOG_SINCE: when its log begins.
    NUMBERED: the message's number in the ledger; 0: none. MORE: other events. SAYS: how a filter threw it away.
    """
    event = Event(counted_at, message_id, "j@x", CAROL, "s", "delivered", "forward", "", 1)
    lmtp = Delivery(at, "lmtp", CAROL, "", "r", 1.0, (), "2.0.0", "sent", f"250 2.0.0 <{CAROL}> ses+1 Saved")
    lmtp = replace(lmtp, daemon="discard", text=says) if says else lmtp
    trail = Trail("D1", at, "x", client, "", message_id, "SRS0=a@pilot.example.net", 9, (lmtp, *copies), at)
    events: Any = SimpleNamespace(
        domain="pilot.example.net",
        since=SWITCHED,
        events=(event, *more) if counted_at >= SWITCHED else more,
        sampled=sampled,
        evidence=NOTED,
    )
    log: Any = SimpleNamespace(trails=(trail, *trails) if at >= log_since else (), since=log_since, evidence=NOTED)
    settings = settings_without_a_lab()
    settings = settings.model_copy(update={"dell": settings.dell.model_copy(update={"filters": filters})})
    known = [{"message_id": message_id}] if numbered else []
    store = SimpleNamespace(recorded=lambda *_: [], numbered=lambda: known)
    migration: Any = SimpleNamespace(settings=settings, clock=SimpleNamespace(now=lambda: NOW), store=store)
    moments: Any = SimpleNamespace(real=lambda at: at, clock=lambda at: at)
    boxes: Any = SimpleNamespace(messages=kept, evidence=())
    return witnesses._Hearing(migration, moments, events, (log, dovecot), boxes).agreement()


@pytest.mark.parametrize(
    ("did", "name"), [((STORED,), GONE), ((SENT_ON,), FORWARDED), ((DISCARDED, STORED), GONE), ((DISCARDED,), "")]
)
def test_dovecot_tells_what_it_has_done(did: tuple[str, ...], name: str) -> None:
    found = heard(Dovecot({"ses+1": did}, NOTED))
    (difference,) = found.differences
    assert (difference.name, difference.doubt, bool(found.unexplained)) == (name, "", not name)
    assert did[0] in difference.says


def test_a_word_behind_a_message_id_is_no_part_of_it() -> None:
    """As servers write that put one in themselves. Postfix logs it with that word, and is read without it."""
    kept = (lying(CAROL, written="<1@x> (added by postmaster@tin.it)"),)
    assert compared(Dovecot({}, NOTED), NOW - 7200, NOW - 7200, kept=kept).differences == ()


def test_without_a_word_of_dovecots_nobody_can_tell() -> None:
    """Neither where its log lacks the message, nor where it can't be read."""
    for dovecot in (Dovecot({"other": (STORED,)}, NOTED), CouldNotAsk("Dell: no such log")):
        found = heard(dovecot)
        assert (found.unexplained, found.named) == ((), {})
        assert found.doubtful[0].doubt.startswith(DOUBT)
    assert "no such log" in str(found.doubtful[0])


def test_what_was_discarded_is_not_under_way() -> None:
    assert heard(Dovecot({}, NOTED), ago_s=3).named == {UNDER_WAY: 1}
    assert heard(Dovecot({"ses+1": (DISCARDED,)}, NOTED), ago_s=3).unexplained


def test_a_discard_is_explained_where_the_operator_knows_of_sieve() -> None:
    assert heard(Dovecot({"ses+1": (DISCARDED,)}, NOTED), filters=("sieve",)).named == {witnesses.DISCARDED: 1}


@pytest.mark.parametrize(
    ("filters", "message_id", "says", "named"),
    [
        (("content_filter",), "<1@x>", SPAM, {witnesses.FILTERED: 1}),
        (("content_filter",), "<1@x>", "250 Virus Detected; Discarded Email", {witnesses.FILTERED: 1}),
        (("smtp-amavis:[127.0.0.1]:10024",), "<1@x>", SPAM, {witnesses.FILTERED: 1}),
        (("sieve", "always_bcc"), "<1@x>", SPAM, {}),
        (("content_filter",), "<mxgate.1@x>", SPAM, {}),
    ],
)
def test_what_a_filter_throws_away_is_explained_where_the_operator_knows_of_it(
    filters: tuple[str, ...], message_id: str, says: str, named: dict[str, int]
) -> None:
    """As amavis and clamsmtpd do. Our own mail they may not."""
    at = NOW - 7200
    found = compared(Dovecot({}, NOTED), at, at, message_id=message_id, filters=filters, says=says)
    assert (found.named, bool(found.unexplained)) == (named, not named)
    if not named:
        assert "name content_filter in dell.filters" in witnesses.judged(found).hint


@pytest.mark.parametrize(
    ("number", "dovecot", "named"),
    [
        (0, Dovecot({"ses+1": (STORED,)}, NOTED), {GONE: 1}),
        (0, Dovecot({"ses+1": (SENT_ON,)}, NOTED), {}),
        (0, Dovecot({}, NOTED), {}),
        (0, CouldNotAsk("Dell: no such log"), {}),
        (7, Dovecot({"ses+1": (STORED,)}, NOTED), {}),
    ],
)
def test_our_own_test_mail_is_deleted_only_where_dovecot_says_so(
    number: int, dovecot: Dovecot | CouldNotAsk, named: dict[str, int]
) -> None:
    """Of what is numbered the ledger says what became, and nobody deletes it before clean_mail may."""
    found = heard(dovecot, message_id="<mxgate.1@x>", numbered=number)
    assert (found.named, bool(found.unexplained)) == (named, not named)


@pytest.mark.parametrize(
    ("message_id", "status", "ago_s", "refused"),
    [
        ("<2@x>", "error", 7200, ["<2@x> for carol@pilot.example.net: error 550 5.7.1 no"]),
        ("<2@x>", "deliveryFailed", 7200, ["<2@x> for carol@pilot.example.net: deliveryFailed 550 5.7.1 no"]),
        ("<2@x>", "rejected", 7200, []),
        ("<2@x>", "dropped", 7200, []),
        ("<2@x>", "deliveryFailed", 60, []),
        ("<1@x>", "deliveryFailed", 7200, []),  # a later attempt has brought it
        ("<mxgate.2@x>", "deliveryFailed", 7200, []),
    ],
)
def test_what_cloudflare_could_not_deliver_is_named(
    message_id: str, status: str, ago_s: float, refused: list[str]
) -> None:
    """By whichever word. It has arrived nowhere, so they agree."""
    failed = Event(NOW - ago_s, message_id, "j@x", CAROL, "s", status, "forward", "550 5.7.1 no", 1)
    found = heard(Dovecot({"ses+1": (STORED,)}, NOTED), kept=(lying(CAROL),), more=(failed,))
    assert (list(found.refused), found.unexplained) == (refused, ())
    judged = witnesses.judged(found)
    said = "; 1 that Cloudflare could not deliver, such as <2@x> for carol@pilot.example.net: "
    assert (judged.verdict, said in judged.found) == (Verdict.PASS, bool(refused))


@pytest.mark.parametrize(("status", "named"), [("sent", {FORWARDED: 1}), ("bounced", {}), ("expired", {})])
def test_what_a_script_sent_on_has_to_be_taken_there(status: str, named: dict[str, int]) -> None:
    at = NOW - 7200
    smtp = Delivery(at, "smtp", "b@c.example", "", "relay", 1.0, (), "5.7.1", status, "550 5.7.1 no")
    again = Trail("D2", at, "", "", "", "<1@x>", "a@x.example", 9, (smtp,), at)
    for filters in ((), ("sieve",)):  # a script may discard, and this one has not
        found = compared(Dovecot({"ses+1": (SENT_ON,)}, NOTED), at, at, trails=(again,), filters=filters)
        assert (found.named, bool(found.unexplained)) == (named, not named)


@pytest.mark.parametrize(("counted_s", "agreed"), [(10.0, 1), (-10.0, 0)])
def test_what_postfix_took_before_the_switch_ended_counts_where_the_others_count_it(
    counted_s: float, agreed: int
) -> None:
    """Cloudflare and the mailbox may date after it what Dell's log dates before."""
    received = f"from x (104.30.0.9) by dell.example.jp with LMTP; {formatdate(SWITCHED + counted_s)}"
    stored = Stored(CAROL, "INBOX", 1, (("Message-ID", "<1@x>"), ("Received", received)))
    found = compared(Dovecot({"ses+1": (STORED,)}, NOTED), SWITCHED - 10, SWITCHED + counted_s, kept=(stored,))
    assert (found.agreed, found.differences) == (agreed, ())


def test_a_sample_leaves_events_out_and_makes_none_up() -> None:
    """Cloudflare has delivered it, by its own word, and nobody else has seen it."""
    at = NOW - 7200
    assert compared(Dovecot({}, NOTED), at, at, client="192.0.2.1", sampled=True).unexplained


HERE, DAVES = lying(CAROL), lying(DAVE, session="ses+2")
BY_ALIAS = copied(DAVE, CAROL), copied("x@outside.example", CAROL, "smtp")


@pytest.mark.parametrize(
    ("kept", "copies", "filters", "named"),
    [
        ((HERE, lying(CAROL, "Archive")), (), (), {}),  # COPY, COPY and \\Deleted, or a virtual folder
        ((lying(DAVE, "shared/carol/INBOX"), HERE), (), (), {}),  # an ACL
        ((HERE, lying(CAROL, session="ses+9")), (), (), None),  # delivered twice, and logged once
        ((HERE, DAVES), (), (), None),
        ((HERE, DAVES), (copied(DAVE),), ("always_bcc",), {COPIED: 1}),
        ((HERE,), (copied(DAVE),), ("always_bcc",), None),  # the copy itself is lost
        ((HERE, DAVES), BY_ALIAS, ("virtual_alias_maps",), {COPIED: 1}),
        ((HERE,), BY_ALIAS[1:], ("virtual_alias_maps",), {}),
        ((HERE,), BY_ALIAS[1:], (), None),
        ((DAVES,), BY_ALIAS[:1], ("virtual_alias_maps",), None),  # carol has lost hers
    ],
)
def test_a_copy_is_no_second_delivery(
    kept: tuple[Stored, ...], copies: tuple[Delivery, ...], filters: tuple[str, ...], named: dict[str, int] | None
) -> None:
    """Of what is not expected (None), something is left without a name."""
    at = NOW - 7200
    found = compared(Dovecot({}, NOTED), at, at, kept=kept, copies=copies, filters=filters)
    assert bool(found.unexplained or found.doubtful) == (named is None)
    assert named is None or found.named == named


def test_what_a_script_sends_on_to_another_of_ours_comes_from_there() -> None:
    at = NOW - 7200
    found = compared(Dovecot({"ses+1": (SENT_ON,)}, NOTED), at, at, kept=(DAVES,))
    assert (found.named, found.unexplained) == ({FORWARDED: 2}, ())


@pytest.mark.parametrize(
    ("kept", "began_s", "named"),
    [((HERE,), 60.0, {OLDER: 1}), ((HERE,), -60.0, {}), ((), 60.0, None), ((HERE, DAVES), 60.0, None)],
)
def test_a_log_that_begins_later_is_no_witness(
    kept: tuple[Stored, ...], began_s: float, named: dict[str, int] | None
) -> None:
    """The two others have to agree all the same."""
    at = NOW - 7200
    found = compared(Dovecot({}, NOTED), at, at, kept=kept, log_since=at + began_s)
    assert bool(found.unexplained) == (named is None)
    assert named is None or found.named == named
