"""E-6, E-7, X-5: replies, bounces, and the way back."""

# ruff: noqa: E501 - tables of cases read better unbroken

import email
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.ledger import wayback
from fixtures.ledger.wayback import Journey, Stand, Zone
from fixtures.probes.dell import postfix
from fixtures.probes.dns.queries import Answer
from fixtures.probes.logs import postfix_log
from fixtures.probes.logs.message_trace import Trace
from fixtures.probes.logs.postfix_log import Delivery, Trail
from fixtures.probes.mailbox import bounces
from fixtures.probes.mailbox.bounces import Notices, Returned
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.mailbox.message import Hop, Letter, Report
from fixtures.probes.mailbox.signatures import Signature
from fixtures.probes.smtp import submission
from fixtures.probes.smtp.submission import Insistence
from fixtures.settings import Relay
from tests.judges import ALICE, DOMAIN, FAIL, LOOK, PASS, UNKNOWN, all_say, answer, balanced, entry, says, talk

OTHER = Relay(
    host="[smtp.post.example]:465", name="Post", spf_include="spf.post.example", dkim_selectors=("k1",),
    keys_shown="Domains", traces=("post.example",),
)  # fmt: skip
NONE = Relay(host="")
REPLY = b"From: alice@x.example\r\nSubject: [mxgate] reply\r\nMessage-ID: <1@x>\r\n\r\nYes.\r\n"
KNOWS = OTHER.model_copy(update={"login": False})
"""By its address, whoever comes from there."""
NO_ANSWER = Signature(DOMAIN, "s1", "no answer", aligned=True, asked=False)
RELAYS_OWN = replace(NO_ANSWER, domain="sendgrid.info", aligned=False)


def receipt(*hops: Hop, relay: Relay = Relay(), **authentication: Any) -> Any:  # noqa: B008 - frozen
    """A reply of alice's, as far as a judge looks."""
    judged = SimpleNamespace(**{"evidence": LOOK, "signatures": ()} | authentication) if authentication else None
    message, talked = SimpleNamespace(message_id="<1@x>", content=REPLY), SimpleNamespace(evidence=LOOK)
    sent = SimpleNamespace(address=ALICE, sender="587", message=message, taken=True, conversation=talked)
    arrived = SimpleNamespace(received=hops, content=b"Received: x\r\n" + REPLY) if hops else None
    return submission.Receipt(sent, arrived, SimpleNamespace(evidence=LOOK), judged, relay)  # type: ignore[arg-type] # stand-ins


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (receipt(dkim_passes=True), PASS, "DKIM passes and is aligned"),
        (receipt(dkim_passes=False), FAIL, "what came"),
        (receipt(dkim_passes=False, signatures=(NO_ANSWER,)), UNKNOWN, str(NO_ANSWER)),
        (receipt(dkim_passes=False, signatures=(RELAYS_OWN,)), FAIL, "what came"),
        (receipt(), UNKNOWN, "no reply arrived, so there is no signature to look at"),
    ],
)
def test_a_reply_is_signed(it: Any, verdict: Verdict, found: str) -> None:
    judged = submission.judged_signed(it)
    expected = f"alice@{DOMAIN} by 587: expected DKIM passes for the sender's domain, found "
    assert (judged.verdict, judged.sentence()) == (verdict, expected + found)


MX, NONE_THERE, BROKEN = answer("10 mx.x"), answer(), answer(error="SERVFAIL")


@pytest.mark.parametrize(
    ("returns", "verdict", "found"),
    [
        ((MX, NONE_THERE, NONE_THERE), PASS, "em1.x"),
        ((NONE_THERE, answer("192.0.2.1"), BROKEN), PASS, "em1.x"),
        ((NONE_THERE, NONE_THERE, answer("2001:db8::1")), PASS, "em1.x"),
        ((answer("0 ."), answer("192.0.2.1"), NONE_THERE), FAIL, f"{DOMAIN} what came"),
        ((NONE_THERE,) * 3, FAIL, f"{DOMAIN} what came"),
        ((NONE_THERE, NONE_THERE, BROKEN), UNKNOWN, "SERVFAIL"),
        ((BROKEN, answer("192.0.2.1"), NONE_THERE), UNKNOWN, "SERVFAIL"),
        ((), UNKNOWN, "the mailbox's server shows no Return-Path"),
        (None, UNKNOWN, "no reply arrived, so there is no return path to ask for"),
    ],
)
def test_a_return_path_exists(returns: tuple[Answer, ...] | None, verdict: Verdict, found: str) -> None:
    it = receipt() if returns is None else receipt(returns=returns, return_path="em1.x")
    judged = submission.judged_return_path(it)
    assert (judged.verdict, judged.expected, judged.found) == (verdict, "a return path that exists", found)
    assert ("Many receivers refuse such senders" in judged.hint) is (verdict is FAIL)


@pytest.mark.parametrize(
    ("said", "verdict", "found"),
    [
        (talk(code=250, text="2.1.5 Ok", at=""), PASS, "taken"),
        (talk(code=553, text="5.7.1 not owned"), FAIL, "refused: 553 5.7.1 not owned (at rcpt)"),
        (talk(code=553, text="5.7.1 not owned", at="mail"), FAIL, "refused: 553 5.7.1 not owned (at mail)"),
        (talk(code=451, text="4.3.5 later"), UNKNOWN, "not asked: 451 4.3.5 later (at rcpt)"),
        (talk(code=535, text="5.7.8 no", at="auth"), UNKNOWN, "not asked: 535 5.7.8 no (at auth)"),
        (talk("silent"), UNKNOWN, "not asked: nothing (at connect)"),
    ],
    ids=["taken", "another's", "another's, at once", "later", "no login", "silent"],
)
def test_users_write_as_their_aliases(said: Any, verdict: Verdict, found: str) -> None:
    (judged,) = submission.judged_others([submission.As(replace(ALICE, local="info"), "587", said)], aliases_send=True)
    assert (judged.verdict, judged.found) == (verdict, found)
    assert judged.member == f"alice@{DOMAIN} as info@{DOMAIN} by 587"
    assert ("smtpd_sender_login_maps" in judged.hint) is (verdict is FAIL)


@pytest.mark.parametrize(("send", "found"), [(True, "none that a user"), (False, "aliases_send = false")])
def test_where_there_is_no_alias_none_is_judged(send: bool, found: str) -> None:
    (judged,) = submission.judged_others([], aliases_send=send)
    assert judged.verdict is Verdict.ABSENT
    assert found in judged.found


def test_nobody_writes_as_a_role() -> None:
    given = [replace(ALICE, local=name) for name in ("alice", "info", "postmaster", "abuse", "sales")]
    settings: Any = SimpleNamespace(addresses=lambda _domains: given)
    assert [each.local for each in submission.others(settings, (DOMAIN,))] == ["info", "sales"]


def hop(protocol: str, by: str = "smtp.sendgrid.net") -> Hop:
    return Hop(by, "dell", "192.0.2.1", protocol, 0.0, f"by {by} with {protocol}")


@pytest.mark.parametrize(
    ("hops", "both", "verdict", "found"),
    [
        ((hop("ESMTPSA"),), False, PASS, "with ESMTPSA"),
        ((hop("ESMTPS"),), True, FAIL, "with ESMTPS, without a login"),
        ((hop("ESMTPA"),), True, FAIL, "with ESMTPA, without TLS: the password went over the wire in the clear"),
        ((hop("ESMTP"),), True, PASS, "with ESMTP, and Dell hands over no other way: what came"),
        ((hop("ESMTP"),), False, FAIL, "with ESMTP, and Dell does not insist: what came"),
        ((hop("ESMTPSA", by="elsewhere"),), True, UNKNOWN, "it did not come through SendGrid"),
        ((), True, UNKNOWN, "no reply arrived, so there is no trace of it"),
    ],
)
def test_sendgrid_took_it_by_tls_after_a_login(hops: tuple[Hop, ...], both: bool, verdict: Verdict, found: str) -> None:
    judged = submission.judged_protected(receipt(*hops), Insistence(both, LOOK))
    expected = f"alice@{DOMAIN} by 587: expected taken by SendGrid over TLS, after a login, found "
    assert (judged.verdict, judged.sentence()) == (verdict, expected + found)
    if verdict is not UNKNOWN:
        assert judged.evidence[0].asked == "SendGrid's trace on <1@x>"
        assert judged.evidence[0].transcript == hops[0].text


@pytest.mark.parametrize(
    ("relay", "hops", "verdict", "found"),
    [
        (OTHER, (hop("ESMTPSA", by="mx7.post.example"),), PASS, "with ESMTPSA"),
        (OTHER, (hop("ESMTPS", by="mx7.post.example"),), FAIL, "with ESMTPS, without a login"),
        (OTHER, (hop("ESMTPSA"),), UNKNOWN, "it did not come through Post"),
        (KNOWS, (hop("ESMTPS", by="mx7.post.example"),), PASS, "with ESMTPS"),
        (KNOWS, (hop("ESMTP", by="mx7.post.example"),), FAIL, "with ESMTP, and Dell does not insist: what came"),
        (NONE, (hop("ESMTPSA", by="mx.outside.example"),), PASS, "there is none: Dell delivers by itself"),
    ],
)
def test_another_relay_or_none(relay: Relay, hops: tuple[Hop, ...], verdict: Verdict, found: str) -> None:
    judged = submission.judged_protected(receipt(*hops, relay=relay), Insistence(False, LOOK))
    assert (judged.verdict, judged.found) == (verdict, found)


@pytest.mark.parametrize(
    ("relay", "by", "verdict", "found"),
    [
        (OTHER, "mx7.post.example", PASS, "arrived through Post"),
        (OTHER, "smtp.sendgrid.net", FAIL, "arrived, but not through Post"),
        (NONE, "mx.outside.example", PASS, "arrived"),
        (NONE, "", FAIL, "not in the outside mailbox"),
        (Relay(), "smtp.sendgrid.net", PASS, "arrived through SendGrid"),
    ],
)
def test_a_reply_leaves_by_the_relay_of_the_settings(relay: Relay, by: str, verdict: Verdict, found: str) -> None:
    it = receipt(*((hop("ESMTPSA", by=by),) if by else ()), relay=relay)
    (judged,) = submission.judged_arrived([it], relay)
    through = f" through {relay.host}" if relay.host else ""
    expected = f"alice@{DOMAIN} by 587: expected taken, and in the outside mailbox{through}, found "
    last = "" if by else ". Last seen: in no log that can be read"
    assert says(judged, "", 2) == (verdict, expected + found + last)


def test_a_reply_keeps_its_author() -> None:
    it = receipt(hop("ESMTPSA", by="smtp.sendgrid.net"))
    it.sent.taken, it.sent.conversation = True, SimpleNamespace(evidence=LOOK)
    it.arrived.content = REPLY.replace(b"alice@", b"office@").replace(b"Yes", b"No")
    (judged,) = submission.judged_arrived([it], Relay())
    said = "arrived through SendGrid; From was changed from 'alice@x.example' to 'office@x.example'"
    assert (judged.verdict, judged.found) == (FAIL, said)


@pytest.mark.parametrize(("junk", "hint"), [(True, "An outside server takes it for spam"), (False, "Last seen: ")])
def test_a_reply_that_was_filed_is_found(hint: str, *, junk: bool) -> None:
    it = replace(receipt(), filed=Stored("me", "[Gmail]/Spam", 7, (), junk=junk))
    (judged,) = submission.judged_arrived([it], Relay())
    assert (judged.verdict, judged.found) == (FAIL, "not in INBOX of the outside mailbox, but in [Gmail]/Spam")
    assert judged.hint.startswith(hint)


def test_a_reply_is_known_by_another_message_id() -> None:
    """Amazon SES gives each message one of its own, and leaves the fields that it doesn't know."""
    letter = Letter("alice@x.example", ("me@y.example",), "replies").write()
    sent = [*email.message_from_bytes(letter.content).items()]
    took = [(name, "<0100@eu-west-1.amazonses.com>" if name == "Message-ID" else value) for name, value in sent]
    assert took != sent
    assert Stored("me", "INBOX", 1, tuple(took)).message_id == letter.message_id


def test_a_reply_that_waits_on_dell_is_not_lost() -> None:
    waits = "in Dell's own queue (active), for 9 s: kept to a pace by main.cf: smtp_destination_rate_delay = 9m"
    it = replace(receipt(), trace=Trace("", "", (), waits))
    (judged,) = submission.judged_arrived([it], Relay())
    assert (judged.verdict, judged.found) == (FAIL, f"not in the outside mailbox, but {waits}")
    assert "It is not lost" in judged.hint


SPENT = "SASL authentication failed; server smtp.sendgrid.net[192.0.2.1] said: 451 Authentication failed: Maximum credits exceeded"
HOUR_S, DAY_S, NOW = 3600.0, 86_400.0, time.time()


def tried(ago_s: float, text: str = SPENT, status: str = "deferred", relay: str = "none") -> str:
    """A line of Dell's log, as it was AGO_S before ``NOW``."""
    at = datetime.fromtimestamp(NOW - ago_s, UTC).isoformat()
    return f"{at} dell postfix/smtp[1]: BC7941A2BBF{ago_s:.0f}: to=<r@x>, relay={relay}, delay=1, delays=1/0/0/0, dsn=4.0.0, status={status} ({text})"


SENT = {"text": "250 Ok: queued as x", "status": "sent", "relay": "smtp.sendgrid.net[192.0.2.1]:587"}


@pytest.mark.parametrize(
    ("lines", "queued", "relay", "used_up"),
    [
        ([tried(HOUR_S)], [], Relay(), True),
        ([tried(DAY_S - 60)], [], Relay(), True),
        ([tried(HOUR_S, f"delivery temporarily suspended: {SPENT}")], [], Relay(), True),
        ([tried(HOUR_S, "host smtp.sendgrid.net[192.0.2.1] said: 452 4.7.1 Sending rate limit")], [], Relay(), True),
        ([tried(2 * HOUR_S, **SENT), tried(HOUR_S), tried(60, "connect to smtp.sendgrid.net[192.0.2.1]: timed out")], [], Relay(), True),
        ([], [SPENT], Relay(), True),
        ([tried(HOUR_S), tried(60, **SENT)], [SPENT], Relay(), False),
        ([tried(DAY_S + 60)], [], Relay(), False),
        ([tried(HOUR_S, "host smtp.sendgrid.net[192.0.2.1] said: 452 4.2.2 over quota")], [], Relay(), False),
        ([tried(HOUR_S, "host mx.x[192.0.2.7] said: 452 quota exceeded")], [], Relay(), False),
        ([tried(HOUR_S)], [SPENT], OTHER, False),
        ([], ["connect to smtp.sendgrid.net[192.0.2.1]:587: Connection refused", ""], Relay(), False),
        ([], [], Relay(), False),
    ],
)  # fmt: skip
def test_a_relay_host_whose_quota_is_used_up(lines: list[str], queued: list[str], relay: Relay, used_up: bool) -> None:
    queue: Any = SimpleNamespace(messages=[SimpleNamespace(recipients=(("r@x", why),)) for why in queued])
    found = submission.used_up(relay, postfix_log.parse("\n".join(lines)), queue, NOW)
    assert bool(found) is used_up, found
    unread = submission.used_up(relay, None, None, NOW)
    assert not unread, "who can't be asked holds up nothing"


def test_the_last_word_of_the_quota_is_shown() -> None:
    """Whatever the order in which the log has them, by their queue ids."""
    lines = [tried(60, f"{SPENT}, the last"), tried(HOUR_S), tried(2 * HOUR_S)]
    found = submission.used_up(Relay(), postfix_log.parse("\n".join(lines)), None, NOW)
    assert found.endswith(", the last")


def test_where_the_quota_is_used_up_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real mail waits for the same quota."""
    dell = SimpleNamespace(submissions=(SimpleNamespace(name="587", login=True),), log="/var/log/mail.log")
    settings = SimpleNamespace(dell=dell, outside_mailbox=SimpleNamespace(address="me@y.example"), relay=Relay())
    monkeypatch.setattr(submission, "dell", lambda _: None)
    monkeypatch.setattr(postfix, "queue", lambda _: SimpleNamespace(messages=[]))
    monkeypatch.setattr(postfix_log, "read", lambda *_, **__: postfix_log.parse(tried(60)))
    monkeypatch.setattr(submission, "send", lambda _: pytest.fail("it was sent"))
    with pytest.raises(CouldNotAsk, match=r"nothing was sent, for SendGrid said last: .*credits exceeded.*don't judge"):
        submission.send_replies(SimpleNamespace(settings=settings), (ALICE,))  # type: ignore[arg-type] # stand-ins


def test_a_reply_that_used_up_the_quota_says_so() -> None:
    it = replace(receipt(), trace=Trace("", "", (), f"in Dell's own queue (deferred), for 9 s: {SPENT}"))
    (judged,) = submission.judged_arrived([it], Relay())
    assert (judged.verdict, judged.hint) == (FAIL, submission.OWN_QUOTA)


@pytest.mark.parametrize(
    ("code", "stage", "refused", "single", "hint"),
    [
        (421, "banner", "", True, "It was sent away before it had named a sender: by a limit"),
        (421, "starttls", "", False, "It was sent away before it had named a sender: by a limit"),
        (554, "banner", "", False, "Restrictions for port 25"),
        (554, "banner", "", True, ""),
        (421, "mail", "", True, "Others' replies were taken by the same way, so it is this sender"),
        (535, "auth", "", True, "Either this user's account or password"),
        (535, "auth", "", False, "Either this user's account or password"),
        (554, "data", "", True, ""),
        (554, "", "rcpt", True, "Others' replies were taken by the same way, so it is this sender: either a rule on"),
        (554, "", "rcpt", False, "Restrictions for port 25 may reach this port too (X14)"),
        (552, "data", "data", False, ""),
    ],
)
def test_why_a_reply_is_not_taken(code: int, stage: Any, refused: Any, single: bool, hint: str) -> None:
    said = replace(talk(code=code, text="4.7.0 too many", at=refused), stage=stage)
    found = submission.why_not(said, single=single)
    assert found.startswith(hint)
    assert bool(found) is bool(hint)
    assert ("others could log in" in found) is (single and stage == "auth")


@pytest.mark.parametrize(
    ("connection", "others", "verdict", "hint"),
    [
        ("open", "587", FAIL, "Others' replies were taken by the same way, so it is this sender: either a rule on"),
        ("open", "465", FAIL, "Restrictions for port 25 may reach this port too (X14)"),
        ("silent", "587", UNKNOWN, "Nobody answered: is that where programs are set to go, and does a packet filter"),
    ],
)
def test_a_reply_that_is_not_taken(connection: str, others: str, verdict: Verdict, hint: str) -> None:
    refused, taken = receipt(), receipt(hop("ESMTPSA"))
    refused.sent.taken, refused.sent.answer = False, "554 no"
    refused.sent.conversation = talk(connection, code=554, text="no")
    taken.sent.sender = others
    judged, well = submission.judged_arrived([refused, taken], Relay(host=""))
    assert (judged.verdict, judged.found, judged.evidence) == (verdict, "not taken: 554 no", (LOOK,))
    assert well.verdict is PASS
    assert judged.member == f"alice@{DOMAIN} by 587"
    assert judged.hint.startswith(hint)
    assert judged.expected == well.expected == "taken, and in the outside mailbox"


def test_of_another_relay_all_has_to_be_said() -> None:
    with pytest.raises(
        ValidationError, match=r"is not SendGrid, and dkim_selectors, keys_shown, name, .* Expected those"
    ):
        Relay(host="[smtp.sendgrid.net.example]:587")
    assert OTHER.includes == ("spf.post.example",)
    assert NONE.includes == ()
    assert Relay(host="[smtp.eu.sendgrid.net]:587").includes == Relay().includes == ("sendgrid.net",)


@pytest.mark.parametrize(
    ("taken", "said", "verdict", "found"),
    [
        (True, "550 5.1.1 upstream: no such user", PASS, "after 2.0 s: 550 5.1.1 upstream: no such user"),
        (True, "550 5.1.1 no such user", FAIL, "after 2.0 s: 550 5.1.1 no such user; it lacks 'upstream'"),
        (True, "554 upstream", FAIL, "after 2.0 s: 554 upstream; it lacks '5.1.1'"),
        (True, "554 no", FAIL, "after 2.0 s: 554 no; it lacks '5.1.1'; it lacks 'upstream'"),
        (True, "", FAIL, "what came. Dell may have taken the message: see whether it refuses unknown recipients in session (A-7)"),
        (False, "", UNKNOWN, "not sent: 451"),
    ],
)  # fmt: skip
def test_the_bounce(taken: bool, said: str, verdict: Verdict, found: str) -> None:
    sent: Any = SimpleNamespace(taken=taken, conversation=SimpleNamespace(outcome="451", evidence=LOOK))
    back = Returned(Report("<1@x>", said) if said else None, 2.0, LOOK)
    expected = (
        f"alice@{DOMAIN}: expected a bounce in which Cloudflare names its upstream and quotes Dell's 550 5.1.1, found "
    )
    assert says(bounces.judged_back(ALICE, sent, back), looks=2) == (verdict, expected + found)


def trail(*deliveries: Delivery, client: str = "") -> Trail:
    return Trail("Q", 0.0, "", client, "", "<1@x>", "", 1, deliveries, None)


TRY = Delivery(0.0, "error", "r@x", "", "none", 0.0, (), "5.1.1", "bounced", "no such user")
ELSEWHERE = replace(TRY, recipient="s@x")
ITSELF = "; its writer is Dell, so nobody outside learns of it"
HAS_TO_END = ". Mail to our own domain has to end on Dell: see virtual_mailbox_domains and virtual_alias_maps"


@pytest.mark.parametrize(
    ("trails", "verdict", "said"),
    [
        ((trail(TRY),), PASS, f"bounced by error: no such user{ITSELF}"),
        ((trail(replace(TRY, status="sent", daemon="lmtp")),), PASS, f"sent by lmtp: no such user{ITSELF}"),
        ((trail(TRY, TRY),), FAIL, f"bounced by error: no such user; bounced by error: no such user{HAS_TO_END}"),
        ((trail(TRY), trail(TRY)), FAIL, f"bounced by error: no such user; bounced by error: no such user{HAS_TO_END}"),
        ((trail(TRY, client="192.0.2.1"),), FAIL, f"bounced by error: no such user{HAS_TO_END}"),
        ((trail(replace(TRY, daemon="smtp")),), FAIL, f"bounced by smtp: no such user{HAS_TO_END}"),
        ((trail(replace(TRY, status="deferred")),), FAIL, f"deferred by error: no such user{HAS_TO_END}"),
    ],
)
@pytest.mark.parametrize(
    ("after", "quiet", "further"),
    [
        ((), PASS, "0 attempts to deliver further reports"),
        ((trail(),), PASS, "0 attempts to deliver further reports"),
        ((trail(ELSEWHERE), trail(TRY)), FAIL, "2 attempts to deliver further reports: s@x"),
    ],
)
def test_it_comes_to_rest(  # noqa: PLR0917 - a case of two findings
    trails: tuple[Trail, ...], verdict: Verdict, said: str, after: tuple[Trail, ...], quiet: Verdict, further: str
) -> None:
    assert all_say(bounces.judged_at_rest(Notices("r@x", trails, after, LOOK)), "") == [
        (verdict, f"r@x: expected one attempt by Dell itself, which ends there, found {said}"),
        (quiet, f"reports about it: expected none, found {further}"),
    ]


def test_what_dells_log_does_not_show_is_not_at_rest() -> None:
    for trails in ((), (trail(),)):
        none = (UNKNOWN, "r@x: expected an attempt in Dell's log, found none")
        assert all_say(bounces.judged_at_rest(Notices("r@x", trails, (), LOOK)), "") == [none]


# The way back --------------------------------------------------------------------------------------------------------

OLD = Zone("10 mail.x", "v=spf1 a mx -all", {(DOMAIN, "A"): "192.0.2.1"})


def stand(zone: Zone = OLD, rules: tuple[str, ...] = ("r",), *, enabled: bool = True, dell: str = "d") -> Stand:
    routing: Any = SimpleNamespace(rules=rules, enabled=enabled, evidence=LOOK)
    return Stand(zone, routing, dell, LOOK)


def journey(returned: Stand, trouble: str = "", *entries: Any, **balance: Any) -> Journey:
    return Journey(DOMAIN, trouble, stand(), returned, (), 1002.0, balanced(*entries, **balance), LOOK)


@pytest.mark.parametrize(
    ("returned", "red"),
    [
        (stand(), []),
        (stand(replace(OLD, mx="10 route1")), [f"MX of {DOMAIN}"]),
        (stand(replace(OLD, spf="v=spf1 a mx include:c -all")), []),
        (stand(replace(OLD, spf="v=spf1 a -all")), [f"SPF of {DOMAIN}"]),
        (stand(replace(OLD, others={})), [f"other records, {DOMAIN}"]),
        (stand(rules=()), [f"rules, {DOMAIN}"]),
        (stand(dell="e"), [f"main.cf and master.cf of Dell, {DOMAIN}"]),
    ],
)
def test_only_the_mx_moved(returned: Stand, red: list[str]) -> None:
    judged = list(wayback.judged_moved_only(OLD, journey(returned)))
    assert [each.member for each in judged if each.verdict is FAIL] == red
    assert len(judged) == 6
    failed, *_ = wayback.judged_moved_only(OLD, journey(returned, "refused"))
    assert failed.sentence() == f"{DOMAIN}: expected a way back to EC2, found refused"


@pytest.mark.parametrize(
    ("returned", "red"),
    [
        (stand(rules=(), enabled=False), []),
        (stand(rules=(), enabled=True), ["Email Routing"]),
        (stand(rules=("r",), enabled=False), ["Email Routing"]),
        (stand(replace(OLD, spf="v=spf1 a mx include:c -all"), (), enabled=False), [f"SPF of {DOMAIN}"]),
    ],
)
def test_all_is_as_it_was(returned: Stand, red: list[str]) -> None:
    assert [each.member for each in wayback.judged_clean(OLD, journey(returned)) if each.verdict is FAIL] == red
    back, *_, routing = wayback.judged_clean(OLD, journey(returned, "refused"))
    assert says(back, looks=0) == (FAIL, f"{DOMAIN}: expected a way back to EC2, found refused")
    found = f"enabled: {returned.routing.enabled}, {len(returned.routing.rules)} rules"
    assert says(routing, looks=0)[1] == f"Email Routing: expected off, without rules, found {found}"


@pytest.mark.parametrize(
    ("rrset", "error", "verdict"),
    [
        (("10 mail.x",), "", PASS),
        (("10 route1",), "", FAIL),
        (("10 mail.x", "5 y"), "", FAIL),
        (("10", "mail.x"), "", FAIL),
        ((), "SERVFAIL", UNKNOWN),
    ],
)
def test_everybody_is_led_to_ec2(rrset: tuple[str, ...], error: str, verdict: Verdict) -> None:
    answer: Any = SimpleNamespace(server="ns1", rrset=rrset, error=error, evidence=LOOK)
    judged = says(wayback.judged_led(answer, "10 mail.x", DOMAIN))
    said = f"ns1: expected 10 mail.x, once the TTL and a minute had passed, found {error or 'what came'}"
    assert judged == (verdict, said)


BACK, LATE = entry(path="ec2"), entry(2, path="ec2")


@pytest.mark.parametrize(
    ("entries", "more", "verdict", "found"),
    [
        ((BACK, LATE), {}, PASS, "2 sent, 0 amiss; 1 after the TTL, 0 not by EC2"),
        ((BACK, replace(LATE, path="cloudflare")), {}, FAIL, "2 sent, 0 amiss; 1 after the TTL, 1 not by EC2: "),
        ((BACK, LATE, entry(3, arrived=None)), {}, FAIL, "3 sent, 1 amiss; 2 after the TTL, 1 not by EC2: "),
        ((BACK, LATE), {"unexplained_copies": (BACK,)}, FAIL, "2 sent, 1 amiss; 1 after the TTL, 0 not by EC2: twice: "),
        ((BACK, LATE), {"unexpected": ("a stranger's",)}, FAIL, "2 sent, 1 amiss; 1 after the TTL, 0 not by EC2: a stranger's"),
        ((BACK,), {}, UNKNOWN, "no mail after the TTL: 1 sent, 0 amiss; 0 after the TTL, 0 not by EC2"),
    ],
)  # fmt: skip
def test_all_of_it_arrived(entries: tuple[Any, ...], more: dict[str, Any], verdict: Verdict, found: str) -> None:
    judged = says(wayback.judged_mail(journey(stand(), "", *entries, **more)))
    assert judged[0] is verdict
    assert judged[1].startswith(f"{DOMAIN}: expected all arrived, the last through EC2, found {found}")
