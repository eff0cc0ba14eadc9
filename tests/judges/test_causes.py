"""A hint names the cause that the answers show; where two are possible, it says both."""

# ruff: noqa: E501 - tables of cases read better unbroken

import ipaddress
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.ledger.alignment import DAILY, PAST, Alignment, Fallen, Share, judged as aligned
from fixtures.probes import snapshot
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dell.allow_list import Published, Table, Voice, judged_only, judged_there
from fixtures.probes.dell.postfix import Queue, Queued
from fixtures.probes.dns import dkim_keys, queries as dns
from fixtures.probes.dns.dkim_keys import CLOUDFLARES_HINT, relays_hint
from fixtures.probes.logs.message_trace import Trace, waiting
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.smtp import mx_hosts, recipients
from fixtures.probes.smtp.clients import ADMITTED, Client, judged_own_senders
from fixtures.probes.smtp.knock import PROBE, Conversation, Knock, RcptResult
from fixtures.probes.smtp.submission import pairs
from fixtures.settings import Address, Relay
from fixtures.settings.dell import Submission
from tests.judges import answer

PASS, FAIL, OPEN, ABSENT = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ABSENT
NOTED, HEARD = Evidence("asked", "answered"), Evidence("prefixes", "heard")
CAROL = Address("own.example", "dell.own.example", "carol", "carol")
NET, OTHER = ipaddress.ip_network("104.30.0.0/19"), ipaddress.ip_network("104.16.0.0/13")


def talk(
    code: int, text: str = "", stage: Any = "rcpt", *, mail_from: str = "", connection: Any = "open"
) -> Conversation:
    stage = "" if code == 250 else stage
    result, knock = RcptResult("carol@own.example", code, text, stage), Knock("192.0.2.1", mail_from=mail_from)
    return Conversation(knock, connection, stage, code, text, "x", (), "", (result,), "", NOTED)


YES, REJECTED = talk(250, "ok"), talk(554, "5.7.1 Client host rejected: Access denied")
UNKNOWN, BUSY = talk(550, "5.1.1 User unknown"), talk(421, "4.7.0 Error: too many errors")
SILENT = talk(0, "no answer", "connect", connection="silent")
LISTED = talk(554, "192.0.2.9 found on one or more RBLs (abusixip)")


@pytest.mark.parametrize(
    ("seen", "nobody", "somebody", "says"),
    [
        pytest.param(UNKNOWN, PASS, FAIL, "", id="unknown"),
        pytest.param(talk(551, "5.1.1 moved"), FAIL, FAIL, "", id="another code"),
        pytest.param(talk(550, "no such user"), FAIL, FAIL, "", id="without its enhanced code"),
        pytest.param(YES, FAIL, PASS, "either virtual_mailbox_maps is missing (X6), or a catch-all", id="taken"),
        pytest.param(BUSY, OPEN, OPEN, "Either it is short of processes (stress: ", id="under stress"),
        pytest.param(talk(421, "4.7.0 x Error: too many connections"), OPEN, OPEN, "or a limit on clients", id="a limit"),
        pytest.param(talk(450, "4.1.1 User unknown"), FAIL, FAIL, "soft_bounce", id="put off as unknown"),
        pytest.param(REJECTED, FAIL, FAIL, "The client is refused, whatever recipient", id="the client is refused"),
        pytest.param(talk(554, "5.7.1 no", "banner"), FAIL, FAIL, "see A-2", id="refused before any recipient"),
        pytest.param(SILENT, OPEN, OPEN, "no word on recipients", id="could not ask"),
    ],
)  # fmt: skip
def test_what_is_said_of_a_recipient(seen: Conversation, nobody: Verdict, somebody: Verdict, says: str) -> None:
    (first,), (second,) = recipients.judged_nobody({"d": seen}), recipients.judged_somebody({"d": seen})
    for found, verdict, expected in ((first, nobody, recipients.UNKNOWN), (second, somebody, recipients.KNOWN)):
        assert (found.verdict, found.expected, found.domain) == (verdict, expected, "d")
        assert (found.member, found.found, found.evidence) == ("carol@own.example", str(seen.outcome), (NOTED,))
        assert verdict is PASS or says in found.hint


@pytest.mark.parametrize(
    ("seen", "control", "verdict", "says"),
    [
        pytest.param(YES, YES, PASS, "", id="taken"),
        pytest.param(REJECTED, YES, FAIL, "A rule against spoofing", id="our senders only"),
        pytest.param(REJECTED, REJECTED, FAIL, "refuses this client whatever sender it names", id="whatever the sender"),
        pytest.param(talk(554, "no", "banner"), YES, FAIL, "the client itself", id="before any sender"),
        pytest.param(SILENT, SILENT, OPEN, "no word on senders", id="could not ask"),
        pytest.param(REJECTED, None, FAIL, "A rule against spoofing", id="no control"),
    ],
)  # fmt: skip
def test_whether_it_is_spoofing_that_is_refused(
    seen: Conversation, control: Conversation | None, verdict: Verdict, says: str
) -> None:
    client = Client("EC2", "192.0.2.1", None)
    offers = [("own.example", client, seen)]
    if control:
        offers.append(("own.example", client, replace(control, knock=Knock("192.0.2.1", mail_from=PROBE))))
    (found,) = judged_own_senders(offers)
    assert (found.verdict, says in found.hint) == (verdict, True), found
    assert (found.member, found.found, found.domain) == (f"<> from {client}", str(seen.outcome), "own.example")
    assert (found.expected, found.evidence) == (ADMITTED, (NOTED,) * len(offers))
    elsewhere = [("other.example", who, talk_) for _, who, talk_ in offers[1:]]
    (uncontrolled,) = judged_own_senders([offers[0], *elsewhere])
    assert uncontrolled.evidence == (NOTED,)


@pytest.mark.parametrize(
    ("detailed", "base", "takes", "verdict", "says"),
    [
        pytest.param(YES, YES, True, PASS, "", id="taken"),
        pytest.param(UNKNOWN, YES, True, FAIL, "subaddressing is off, or this host", id="subaddressing is off"),
        pytest.param(UNKNOWN, UNKNOWN, True, FAIL, "either its rule is off or gone (C-2)", id="the rule is off"),
        pytest.param(YES, YES, False, FAIL, "subaddressing is on", id="taken, and should not be"),
        pytest.param(YES, None, False, FAIL, "Either the catch-all is on (C-3), or a rule", id="nobody's is taken"),
        pytest.param(UNKNOWN, None, True, FAIL, "catch-all that the settings want is off", id="the catch-all is off"),
        pytest.param(UNKNOWN, None, False, PASS, "", id="nobody's is refused"),
        pytest.param(SILENT, YES, True, OPEN, "port 25 is blocked", id="could not ask"),
        pytest.param(LISTED, None, False, OPEN, "lookup.abusix.com", id="the asking address is on a block list"),
    ],
)
def test_why_a_subaddress_goes_nowhere(
    detailed: Conversation, base: Conversation | None, takes: bool, verdict: Verdict, says: str
) -> None:
    offered = mx_hosts.Offered("own.example", "carol+mxgate@own.example", "route1", detailed, base=base)
    found = mx_hosts.judged(offered, {"own.example"} if takes else set())
    assert (found.verdict, says in found.hint) == (verdict, True), found
    assert bool(found.hint) == (verdict is not PASS)
    assert (found.member, found.domain) == ("carol+mxgate@own.example at route1", "own.example")
    assert found.expected == ("taken" if takes else "refused in session, for good")
    assert found.found == str(detailed.outcome)
    assert found.evidence == (NOTED,) * (2 if base else 1)


def published(doubt: str = "") -> Published:
    return Published("_spf", frozenset({NET}), (Voice("quad9", frozenset({NET}), "", HEARD),), doubt)


@pytest.mark.parametrize(
    ("there", "named", "verdict", "says"),
    [
        pytest.param([NET], [NET], PASS, "", id="in both"),
        pytest.param([], [NET], FAIL, "either the table was changed by hand, or prepare_dell", id="not in the table"),
        pytest.param([], [], FAIL, "Cloudflare publishes it newly", id="in neither"),
        pytest.param([NET], [], FAIL, "put it in by hand", id="in the table only"),
    ],
)
def test_why_a_prefix_is_missing(there: list[Any], named: list[Any], verdict: Verdict, says: str) -> None:
    (found,) = judged_there(published(), Table("t", tuple(there), (), (), NOTED), named)
    assert (found.verdict, says in found.hint) == (verdict, True), found
    where = ("there, and in the settings" if named else "only in the table") if there else "not there"
    assert (found.member, found.found, found.evidence) == (str(NET), where, (NOTED, HEARD))
    assert found.expected == ("in the settings too" if there else "in t")
    doubtful, again = judged_there(published("they differ"), Table("t", tuple(there), (), (), NOTED), named)
    assert again == found
    hint = "One resolver's answer may be old, or forged: wait for what it has kept to run out, and ask again"
    said = f"_spf: expected two resolvers that say the same, found they differ. {hint}"
    assert (doubtful.verdict, doubtful.evidence, doubtful.sentence()) == (OPEN, (NOTED, HEARD), said)


@pytest.mark.parametrize(
    ("named", "ours", "doubt", "verdict", "says"),
    [
        pytest.param([], [], "", FAIL, "somebody has put it in by hand", id="by hand"),
        pytest.param([OTHER], [], "", FAIL, "publishes it no more", id="by the settings"),
        pytest.param([], [OTHER], "", PASS, "", id="ours"),
        pytest.param([], [], "the resolvers differ", OPEN, "", id="nobody knows what is published"),
        pytest.param([], [OTHER], "the resolvers differ", PASS, "", id="ours, whatever is published"),
    ],
)
def test_why_a_stranger_stands_in_the_table(
    named: list[Any], ours: list[Any], doubt: str, verdict: Verdict, says: str
) -> None:
    odd, published_ = ("if /x/", "endif"), published(doubt)
    found, *lines = judged_only(published_, Table("t", (OTHER,), (), odd, NOTED), named, ours)
    assert (found.verdict, says in found.hint) == (verdict, True), found
    whose = "ours" if ours else doubt or "an entry of its own"
    assert (found.member, found.found, found.expected) == (str(OTHER), whose, f"one of {NET}, or ours")
    assert verdict is not FAIL or found.hint.startswith("Whoever has it may deliver here. The settings ")
    assert [(each.member, each.verdict, each.found) for each in lines] == [
        (each, FAIL, "a line of another form") for each in odd
    ]
    assert {each.expected for each in lines} == {"a network and OK (cidr_table(5))"}
    assert {each.evidence for each in (found, *lines)} == {(NOTED, HEARD)}
    (good,) = judged_only(published(), Table("t", (NET,), (), (), NOTED), named, ours)
    assert (good.verdict, good.found) == (PASS, "published by Cloudflare")


def test_nothing_published_is_not_known() -> None:
    found = list(judged_there(Published("_spf", frozenset(), (), "none answered"), Table("t", (), (), (), NOTED), ()))
    assert [each.verdict for each in found] == [OPEN]


def missing(trace: Trace | None, *filed: Stored) -> str:
    sent: Any = SimpleNamespace(address=CAROL)
    search: Any = SimpleNamespace(waited_s=6.0)
    found = Delivery(sent, (), search, "", trace, filed).missing("carol", "there", ())
    assert found.verdict is FAIL
    return found.sentence()


def test_where_a_missing_message_is() -> None:
    """In Dell's own queue, in another folder, in another mailbox, there by now, or nobody knows."""
    late = Stored("carol@own.example", "INBOX", 1, ())
    assert "it has come since. It is late, and not lost. Last seen: " in missing(None, late)
    waits = "in Dell's own queue (hold), for 6 s: kept"
    assert "in no log" in missing(None)
    assert waits in missing(Trace("Dell A1 from x: deferred", "", (), waits))
    junk, others = Stored("carol@own.example", "Junk", 1, ()), Stored("dave@own.example", "INBOX", 1, ())
    assert "but in Junk of carol@own.example" in missing(None, junk)
    assert "Sieve script" in missing(None, junk)
    assert "either an alias of Dell's leads there (virtual_alias_maps), or Cloudflare's rule" in missing(None, others)


@pytest.mark.parametrize(
    ("place", "reason", "slow", "says"),
    [
        pytest.param("deferred", "connection refused", "x", "(deferred), for 9 s: connection refused", id="put off"),
        pytest.param("hold", "", "x", "until it is released", id="held"),
        pytest.param("active", "", "", "under way", id="under way"),
        pytest.param("active", "", "x = 9m", "9 s: kept to a pace by main.cf: x = 9m", id="kept to a pace"),
    ],
)
def test_how_a_message_waits(place: str, reason: str, slow: str, says: str) -> None:
    queue = Queue((Queued("A1", place, 0.0, 9.0, "a@b", (("c@d", reason),)),), NOTED)
    assert says in waiting("Dell", queue, slow, {"A1"})
    assert waiting("Dell", queue, slow, {"B2"}) == ""


def alignment(before: tuple[int, int], after: tuple[int, int], *fallen: Fallen, read: bool = True) -> Alignment:
    first, second = (Share(1 if every else 0, every, good, "messages aligned") for good, every in (before, after))
    nothing = Share(0, 0, 0, "sessions failed")
    addresses, ours = ("rua@own.example",), ("rua@own.example",) if read else ()
    return Alignment("own.example", addresses, ours, first, second, False, nothing, nothing, fallen, 0, (NOTED,))


ROW: Any = SimpleNamespace(count=1, source="192.0.2.1", signers=("own.example",))


@pytest.mark.parametrize(
    ("it", "verdict", "says"),
    [
        pytest.param(alignment((99, 100), (99, 100)), PASS, "", id="as before"),
        pytest.param(alignment((100, 100), (99, 100)), PASS, "", id="fallen by as much as may be"),
        pytest.param(alignment((9, 9), (1, 2), Fallen(ROW, True)), FAIL, "A source of yours lost its proof", id="known"),
        pytest.param(alignment((9, 9), (1, 2), Fallen(ROW, False)), FAIL, "A source is new: either", id="new"),
        pytest.param(alignment((9, 9), (1, 2), Fallen(ROW, True), Fallen(ROW, False)), FAIL, "(E-6). A source is new", id="both"),
        pytest.param(alignment((0, 0), (1, 1)), OPEN, PAST, id="no report before"),
        pytest.param(alignment((1, 1), (0, 0)), OPEN, DAILY, id="no report since"),
        pytest.param(alignment((1, 1), (1, 1), read=False), OPEN, "next to rua@own.example", id="can't be read"),
    ],
)  # fmt: skip
def test_why_alignment_fell(it: Alignment, verdict: Verdict, says: str) -> None:
    found = aligned(it, 0.01)
    assert (found.verdict, says in found.hint) == (verdict, True)
    assert (found.member, found.domain, found.expected) == ("own.example", "own.example", "no fall by more than 1.0%")
    assert found.evidence == (NOTED,)
    both = f"before: {it.before}; after: {it.after}"
    if verdict is not OPEN:
        assert found.found == both + "".join(f"; {each}" for each in it.fallen)
    elif it.read:
        side = "since" if it.before.all else "before"
        assert found.found == f"no report on its own mail {side} the switch; {both}"
        more = aligned(replace(it, unreadable=2), 0.01)
        assert more.found == f"{found.found}; 2 messages that look like reports can't be read"
    else:
        assert found.found == "its reports go where they can't be read"
        assert found.hint == "Let reports also go to an address of yours, next to rua@own.example (rua)"
        two = aligned(replace(it, addresses=("a@b", "c@d")), 0.01)
        assert two.hint.endswith("next to a@b, c@d (rua)")
        none = aligned(replace(it, addresses=()), 0.01)
        assert (none.verdict, none.found, none.evidence) == (ABSENT, "its DMARC record asks for no reports", (NOTED,))
        assert (none.member, none.domain, none.expected) == (found.member, found.domain, found.expected)


def test_of_many_that_fell_five_are_shown() -> None:
    found = aligned(alignment((9, 9), (1, 9), *(Fallen(ROW, known=True) for _ in range(7))), 0.01)
    assert found.found.count("which was aligned before") == 5


def test_each_user_sends_by_a_users_way_and_each_way_is_used() -> None:
    local, first, second = (
        Submission(name=name, host="192.0.2.1", login=login)
        for name, login in (("dell", False), ("587", True), ("465", True))
    )
    users = [Address("own.example", "dell.own.example", each, each) for each in ("a", "b", "c")]
    found = [f"{way.name} {address.local}" for way, address in pairs((local, first, second), users)]
    assert found == ["587 a", "465 b", "587 c", "dell a"]
    first_only = [f"{way.name} {address.local}" for way, address in pairs((local, first, second), users[:1])]
    assert first_only == ["587 a", "dell a", "465 a"]
    assert [way.name for way, _ in pairs((local,), users)] == ["dell"] * 3


def test_whose_key_it_is_decides_what_to_do() -> None:
    assert "switch_mx" in CLOUDFLARES_HINT
    assert "SendGrid's key: Settings, Sender Authentication there" in relays_hint(Relay())


@pytest.mark.parametrize(
    ("before", "signs", "never"),
    [
        (("TXT s1._domainkey",), True, True),
        (("TXT s1._domainkey",), False, False),
        (("TXT s1._domainkey", "CNAME s2._domainkey"), True, False),
        (("NS _domainkey",), True, False),
        (None, True, False),
    ],
    ids=["it never had that key", "nor has it another", "it had that key", "another zone has them", "no snapshot"],
)
def test_a_key_that_never_was_there_is_not_gone(
    before: tuple[str, ...] | None, signs: bool, never: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A domain may sign by fewer selectors than the others, and the settings have one list for all."""
    stood = [each.split() for each in before or ()]
    rows = [{"type": kind, "name": f"{name}.own.example", "content": "x", "ttl": 300} for kind, name in stood]
    kept = snapshot.Kept("", "", {"zones": {"own.example": {"records": rows}}}, NOTED)
    stands = answer("v=DKIM1; p=x") if signs else answer()
    monkeypatch.setattr(snapshot, "first", lambda _: None if before is None else kept)
    monkeypatch.setattr(dkim_keys, "run", list)
    monkeypatch.setattr(dkim_keys, "gather", list)
    monkeypatch.setattr(cloudflare, "required", lambda *_: ())
    monkeypatch.setattr(dns, "aask_everywhere", lambda _, name, __: (stands if name[:2] == "s1" else answer(),))
    settings: Any = SimpleNamespace(settings=SimpleNamespace(relay=Relay()))
    hints = {key.name[:2]: key.hint for key in dkim_keys.published(settings, ("own.example",))}
    assert hints["s2"] == relays_hint(Relay(), never=never)
    assert ("relay.dkim_selectors" in hints["s2"]) is never
    assert "Either it is gone" in hints["s1"]
