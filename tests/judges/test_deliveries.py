"""E-1, E-2, E-4, E-5, A-12, C-6: a message in its mailbox, its way, its signatures, Cloudflare's own, one in another."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.evidence import Evidence
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.logs.message_trace import Trace
from fixtures.probes.mailbox import delivery, signatures, verification
from fixtures.probes.mailbox.delivery import Delivery, Sent
from fixtures.probes.mailbox.imap import Search, Stored
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.mailbox.signatures import Forwarded, Signature
from fixtures.probes.mailbox.verification import Sought, VerificationMail
from fixtures.probes.smtp import mx_hosts, smuggling
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.probes.smtp.mx_hosts import Offered
from fixtures.probes.smtp.smuggling import Attempt, Offer, Variant
from tests.judges import ALICE, DOMAIN, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, says

TEXT = b"From: a@four.example\r\nSubject: hello\r\n\r\nbody\r\n"
MARKED = Marked("<1@x>", "a@four.example", (ALICE.address,), TEXT)
THERE = replace(LOOK, asked="the log")
COPY = Stored("alice", "INBOX", 7, (("Received", "from a by b"),), saved_at=2.0, content=TEXT)
EXPECTED = "in the mailbox alice@a.example within 60 s, body as sent, one copy (two only after a 4xx)"
LAST = "Last seen: on EC2"


def talk(code: int = 250, text: str = "Ok", queued: str = "250 queued as 1", connection: Any = "open") -> Conversation:
    said = (RcptResult(ALICE.address, code, text, ""),) if code else ()
    stage: Any = "" if code else "connect"
    return Conversation(Knock("192.0.2.1"), connection, stage, code, text, "", (), "", said, queued, LOOK)


def sent(said: Conversation | None = None, kind: str = "") -> Sent:
    return Sent(ALICE, "four", MARKED, ALICE.address, said or talk(), kind)


def came(
    *copies: Stored, said: Conversation | None = None, kind: str = "", trace: Trace | None = None, path: str = "ec2"
) -> Delivery:
    missing = () if copies else ("<1@x>",)
    return Delivery(sent(said, kind), copies, Search("alice", copies, missing, 61.0, LOOK), path, trace)


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (came(COPY), PASS, "arrived after 2.0 s"),
        (came(replace(COPY, saved_at=60.0)), PASS, "arrived after 60.0 s"),
        (came(replace(COPY, saved_at=61.0)), FAIL, "arrived after 61 s"),
        (came(replace(COPY, content=TEXT.replace(b"hello", b"bye"))), FAIL, "Subject was changed from 'hello' to 'bye'"),
        (came(replace(COPY, content=b"Message-ID: <2@ses.example>\r\n" + TEXT)), FAIL, f"Message-ID was changed from '' to '<2@ses.example>'. {delivery.RENAMED_HINT}"),
        (replace(came(COPY), strays=(replace(COPY, user="bob"),)), FAIL, f"a copy lies in the mailbox bob too. {delivery.COPIES_HINT}"),
        (came(COPY, COPY), FAIL, "2 copies, and no 4xx in its trail"),
        (came(COPY, COPY, trace=Trace("", "", ())), FAIL, "2 copies, and no 4xx in its trail"),
        (came(), FAIL, "not there after 61 s. Last seen: in no log that can be read"),
        (came(trace=Trace("on EC2", "", ())), FAIL, "not there after 61 s. Last seen: on EC2"),
        (came(said=talk(550, "no such user", "")), FAIL, "the first server did not take it: 550 no such user"),
        (came(said=talk(500, "what", "")), FAIL, "the first server did not take it: 500 what"),
        (came(said=talk(451, "later", "")), UNKNOWN, "the first server did not take it: 451 later"),
        (came(said=talk(499, "odd", "")), UNKNOWN, "the first server did not take it: 499 odd"),
        (came(said=talk(451, "later")), FAIL, "the first server did not take it: 451 later"),
    ],
)  # fmt: skip
def test_arrival(each: Delivery, verdict: object, found: str) -> None:
    judged = delivery.judged(each, 60.0)
    said = f"alice@a.example from four: expected {EXPECTED}, found {found}"
    assert (judged.verdict, judged.sentence()) == (verdict, said)
    assert judged.domain == DOMAIN
    assert judged.evidence[:2] == (LOOK, LOOK)


def test_a_second_copy_with_a_reason_is_fine() -> None:
    judged = delivery.judged(came(COPY, COPY, trace=Trace("", "450 busy", (THERE,))), 60.0)
    assert (judged.verdict, judged.found) == (PASS, "2 copies, sent again after 450 busy")
    assert judged.evidence[:3] == (THERE, LOOK, LOOK)


def test_a_kind_of_mail_speaks_of_no_domain() -> None:
    judged = delivery.judged(came(COPY, kind="S/MIME"), 60.0)
    assert (judged.domain, judged.member) == ("", "S/MIME: alice@a.example from four")


def test_what_did_not_come_shows_where_it_was() -> None:
    judged = delivery.judged(came(trace=Trace("on EC2", "", (THERE,))), 60.0)
    assert judged.evidence == (THERE, LOOK, LOOK)
    assert judged.domain == DOMAIN


def test_the_header_is_evidence() -> None:
    (*_, header) = delivery.judged(came(COPY), 60.0).evidence
    assert (header.asked, header.answer) == ("the header of UID 7 in alice", "1 hops, ec2")
    assert header.transcript == "Received: from a by b"


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        (came(COPY, path="cloudflare"), (PASS, "through cloudflare")),
        (came(COPY, path="ec2"), (FAIL, "through ec2")),
        (came(COPY, path="ec2+cloudflare"), (FAIL, "through ec2+cloudflare")),
        (came(path=""), (UNKNOWN, "no message arrived")),
    ],
)
def test_way(each: Delivery, expected: Says) -> None:
    judged = delivery.judged_way("cloudflare", each)
    words = "a Received chain through cloudflare and nothing else"
    said = f"alice@a.example from four: expected {words}, found {expected[1]}"
    assert (judged.verdict, judged.sentence()) == (expected[0], said)
    assert judged.domain == DOMAIN
    assert [isinstance(each, Evidence) for each in judged.evidence] == [True]
    assert each.copies or judged.evidence == (LOOK,)


def sought(mail: VerificationMail | None, *refusals: str, recorded: bool = False) -> Sought:
    return Sought(ALICE, mail, recorded, refusals, (LOOK,))


NEVER = (
    "Cloudflare knows the destination, and Dell's log has no refusal: either the mail came and was deleted, with its "
    "record, or it was never sent. prepare_cloudflare has Cloudflare send another, lets it in and records it"
)
REFUSED = (
    "Dell refused it: prepare_cloudflare lets such mail in while it waits (dell's guests). Run it again, which has "
    "Cloudflare send another, and see that this client's name is among cloudflare.verification_sources"
)
FILED = "Dell took it, and a Sieve script or a mail program filed it there: open its link from there"
NOT_REGISTERED = "Cloudflare does not know this destination, so it has sent nothing: prepare_cloudflare registers it"
MAIL = VerificationMail(ALICE.destination, DOMAIN, "<v@cf>", "104.30.0.9", "out.cf", 1.0)
SOURCE = "alice@dell.a.example: expected the address of the client that brought it, found"


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (sought(MAIL), PASS, "<v@cf> arrived"),
        (sought(None), FAIL, f"neither. {NEVER}"),
        (sought(None, "554 a", "554 b", "554 c"), FAIL, f"neither; refused: 554 c. {REFUSED}"),
        (replace(sought(None), filed=("Junk", "Other")), FAIL, f"neither; such a mail lies in Junk, Other. {FILED}"),
        (replace(sought(None), registered=False), FAIL, f"neither. {NOT_REGISTERED}"),
    ],
)
def test_verification_mail(each: Sought, verdict: object, found: str) -> None:
    words = "expected a mail with Cloudflare's link in alice@a.example, or a record of it"
    assert says(verification.judged(each)) == (verdict, f"alice@dell.a.example: {words}, found {found}")


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (sought(MAIL, recorded=True), PASS, "out.cf [104.30.0.9], within Email Routing's prefixes; recorded when it came"),
        (sought(MAIL), PASS, "out.cf [104.30.0.9], within Email Routing's prefixes; seen in its trace, recorded only with this verdict"),
        (sought(replace(MAIL, client_address="192.0.2.1"), recorded=True), PASS, "out.cf [192.0.2.1], outside of Email Routing's prefixes; recorded when it came"),
        (sought(replace(MAIL, client_address="")), FAIL, "not in the mail's trace. Something on Dell takes its Received line away, or another than Dell's Postfix brought the mail"),
        (sought(None), UNKNOWN, "no mail of which it could be read"),
    ],
)  # fmt: skip
def test_its_source(each: Sought, verdict: object, found: str) -> None:
    judged = verification.judged_source(each, [ip_network("104.30.0.0/16")])
    assert says(judged) == (verdict, f"{SOURCE} {found}")


OUTER, INNER = Marked("<o@x>", "", ("a@b",), b""), Marked("<i@x>", "", ("a@b",), b"")
CLIENT = Client("Email Routing", "104.30.0.1", None)
TAKEN, ANSWERED = "250 2.0.0 Ok: queued as A", "250 2.1.0 Ok"


def attempt(
    *arrived: str, replies: tuple[str, ...] = (TAKEN,), stray: int = 0, control: bool = False, chunking: bool = True
) -> Attempt:
    offer = Offer(CLIENT, Knock("192.0.2.1"), Variant("LF.LF", "\n.\n", "old Postfix"), control, OUTER, INNER)
    return Attempt(offer, replies, arrived, stray, LOOK, chunking)


ONE = f"LF.LF from {CLIENT}: expected exactly one message, no bare CR or LF, found"
NORMALIZE = (
    "Perhaps: it is one of the old Postfix. smtpd_forbid_bare_newline = normalize, with empty "
    "smtpd_forbid_bare_newline_exclusions"
)


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (attempt("<o@x>"), PASS, "one message"),
        (attempt("<o@x>", "<i@x>"), FAIL, f"two messages: the second was smuggled in. {NORMALIZE}"),
        (attempt("<i@x>"), FAIL, f"two messages: the second was smuggled in. {NORMALIZE}"),
        (attempt("<o@x>", replies=(TAKEN, TAKEN)), FAIL, f"two messages: the second was smuggled in. {NORMALIZE}"),
        (attempt("<o@x>", replies=(TAKEN, ANSWERED)), FAIL, f"commands that stand in it are answered. {NORMALIZE}"),
        (attempt("<o@x>", replies=(TAKEN, "221 2.0.0 Bye")), PASS, "one message"),
        (attempt("<o@x>", stray=2), FAIL, "2 bare CRs or LFs in what arrived. cleanup_replace_stray_cr_lf = yes"),
        (attempt(), FAIL, "taken, but not in the mailbox"),
        (attempt(replies=("521 bare <LF>",)), FAIL, "refused: 521 bare <LF>. Refusing bare line ends refuses real mail, too: normalize them"),
        (attempt(replies=()), UNKNOWN, "nothing could be sent"),
    ],
)  # fmt: skip
def test_smuggling(it: Attempt, verdict: object, found: str) -> None:
    assert says(smuggling.judged(it), "") == (verdict, f"{ONE} {found}")


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (attempt("<o@x>", "<i@x>", replies=(TAKEN, TAKEN), control=True), PASS, "2 taken, 2 arrived"),
        (attempt("<o@x>", replies=(TAKEN, TAKEN), control=True), FAIL, "2 taken, 1 arrived"),
        (attempt(replies=(TAKEN, TAKEN), control=True), FAIL, "2 taken, 0 arrived"),
        (attempt("<o@x>", control=True), UNKNOWN, "1 taken, 1 arrived"),
        (attempt(replies=(), control=True), UNKNOWN, "0 taken, 0 arrived"),
        (attempt("<o@x>", replies=(TAKEN, ANSWERED), control=True), UNKNOWN, "1 taken, 1 arrived"),
        (attempt("<o@x>", replies=(TAKEN, ANSWERED), control=True, chunking=False), PASS, "1 taken, 1 arrived"),
        (attempt("<o@x>", replies=(TAKEN, "554 5.5.0"), control=True, chunking=False), UNKNOWN, "1 taken, 1 arrived"),
        (attempt(replies=(TAKEN, ANSWERED), control=True, chunking=False), FAIL, "1 taken, 0 arrived"),
    ],
)
def test_control_of_smuggling(it: Attempt, verdict: object, found: str) -> None:
    words = "expected two messages, or a smuggled one would not have been seen, found"
    if not it.chunking:
        words = "expected one message, and an answer to what stands behind it, or it would not have been seen, found"
    member = f"the control of LF.LF from {CLIENT}"
    assert says(smuggling.judged_control(it), "") == (verdict, f"{member}: {words} {found}")


# E-4: what Cloudflare signs and rewrites -----------------------------------------------------------------------------

HERS = Stored("alice", "INBOX", 7, (("From", "a@four.example"), ("Return-Path", f"<cfbounces+ndrdrop@{DOMAIN}>")))
SIGNED = Signature("four.example", "s", "", aligned=True)
FORWARDER = Signature("email.cloudflare.net", "cf", "", aligned=False)
OWN = Signature(DOMAIN, "cf", "", aligned=False)
SEAL = Signature("email.cloudflare.net", "cf", "", aligned=False, kind="ARC i=1")


def forwarded(*made: Signature, copy: Stored | None = HERS, seal: Signature | None = SEAL) -> Forwarded:
    return Forwarded(came(), copy, made, seal, (LOOK,))


MEMBER = "alice@a.example from four"
BAD, UNASKED = replace(SIGNED, fault="body hash"), replace(SIGNED, fault="TXT: time-out", asked=False)


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (forwarded(SIGNED), PASS, "DKIM d=four.example s=s: verifies"),
        (forwarded(BAD, SIGNED), PASS, "DKIM d=four.example s=s: verifies"),
        (forwarded(BAD), FAIL, "DKIM d=four.example s=s: body hash"),
        (forwarded(UNASKED), UNKNOWN, "DKIM d=four.example s=s: TXT: time-out"),
        (forwarded(OWN), FAIL, "none"),
        (forwarded(), FAIL, "none"),
    ],
)
def test_the_senders_own_signature(each: Forwarded, verdict: object, found: str) -> None:
    expected = f"{MEMBER}: expected a signature of four.example that verifies, found "
    assert says(signatures.judged_own(each)) == (verdict, expected + found)


def test_cloudflares_signatures() -> None:
    forwarder, own, seal = (
        f"{MEMBER}: expected {what} that verifies, found "
        for what in ("the signature of Cloudflare's forwarder", "the signature of a.example", "Cloudflare's ARC seal")
    )
    assert all_say(signatures.judged_cloudflares(forwarded(SIGNED, FORWARDER, OWN))) == [
        (PASS, f"{forwarder}DKIM d=email.cloudflare.net s=cf: verifies"),
        (PASS, f"{own}DKIM d=a.example s=cf: verifies"),
        (PASS, f"{seal}ARC i=1 d=email.cloudflare.net s=cf: verifies"),
    ]
    bad, unasked = replace(SEAL, fault="the chain does not verify"), replace(OWN, fault="time-out", asked=False)
    assert all_say(signatures.judged_cloudflares(forwarded(unasked, seal=bad))) == [
        (FAIL, f"{forwarder}none"),
        (UNKNOWN, f"{own}DKIM d=a.example s=cf: time-out"),
        (FAIL, f"{seal}ARC i=1 d=email.cloudflare.net s=cf: the chain does not verify"),
    ]
    older = replace(FORWARDER, domain="cloudflare-email.net")
    verdicts = [each.verdict for each in signatures.judged_cloudflares(forwarded(older, OWN, seal=None))]
    assert verdicts == [PASS, PASS, FAIL]


@pytest.mark.parametrize(
    ("path", "verdict", "found"),
    [
        (f"cfbounces+ndrdrop@{DOMAIN}", PASS, f"cfbounces+ndrdrop@{DOMAIN}"),
        (f"SRS0=abcd=ef=four.example=a@{DOMAIN}", PASS, f"SRS0=abcd=ef=four.example=a@{DOMAIN}"),
        ("cfbounces+ndrdrop@b.example", FAIL, "cfbounces+ndrdrop@b.example"),
        ("a@four.example", FAIL, "a@four.example"),
        ("", FAIL, "no Return-Path"),
    ],
)
def test_the_rewritten_sender(path: str, verdict: object, found: str) -> None:
    copy = replace(HERS, headers=(("Return-Path", f"<{path}>"),))
    hint = ". Cloudflare rewrites in a way that was not seen before: does Dell still take such a sender (A-8)?"
    expected = f"{MEMBER}: expected one of {', '.join(signatures.FORMS)} at {DOMAIN}, found {found}"
    judged = says(signatures.judged_envelope(forwarded(copy=copy)))
    assert judged == (verdict, expected + (hint if verdict is FAIL else ""))


def test_a_message_that_is_not_there_shows_nothing() -> None:
    gone = forwarded(copy=None)
    missing = (UNKNOWN, f"{MEMBER}: expected a message to look at, found it did not arrive")
    assert says(signatures.judged_own(gone)) == missing
    assert says(signatures.judged_envelope(gone)) == missing
    assert all_say(signatures.judged_cloudflares(gone)) == [missing]


# C-6: what nobody vouches for ----------------------------------------------------------------------------------------


def unproven(said: Conversation, became: Delivery | None = None) -> Offered:
    return Offered(DOMAIN, ALICE.address, "route1", said, became)


UNPROVEN = talk(550, "5.7.26 unauthenticated", "")


@pytest.mark.parametrize(
    ("each", "verdict", "found"),
    [
        (unproven(UNPROVEN), PASS, "550 5.7.26 unauthenticated"),
        (unproven(talk(500, "what", "")), PASS, "500 what"),
        (unproven(talk(599, "what", "")), PASS, "599 what"),
        (unproven(talk(600, "what", "")), UNKNOWN, "600 what"),
        (unproven(talk(450, "later", "")), UNKNOWN, "450 later"),
        (unproven(talk(550, "5.1.1 who", "")), UNKNOWN, "refused for the address: 550 5.1.1 who"),
        (unproven(talk(550, "in an RBL", "")), UNKNOWN, "refused for the address that this was sent from: 550 in an RBL"),
        (unproven(talk(550, "5.7.26 no. RBLtaaXomW5E", "")), PASS, "550 5.7.26 no. RBLtaaXomW5E"),
        (unproven(talk(554, "found on one or more RBLs", "")), UNKNOWN, "refused for the address that this was sent from: 554 found on one or more RBLs"),
        (unproven(talk(550, "Sender IP reverse lookup rejected", "")), UNKNOWN, "refused for the address that this was sent from: 550 Sender IP reverse lookup rejected"),
        (unproven(talk(), came(COPY)), PASS, "taken, and in alice@a.example after 2.0 s"),
        (unproven(talk(), came()), FAIL, "taken: 250 queued as 1, and in no mailbox"),
        (unproven(talk()), FAIL, "taken: 250 queued as 1, and in no mailbox"),
        (unproven(talk(0, "silence", "")), UNKNOWN, "0 silence"),
    ],
)  # fmt: skip
def test_what_nobody_vouches_for(each: Offered, verdict: object, found: str) -> None:
    expected = "alice@a.example at route1: expected refused in session, for good, or in its mailbox, found "
    assert says(mx_hosts.judged_unproven(each)) == (verdict, expected + found)


def test_mail_is_written_to_as_people_spell_an_address() -> None:
    settings = settings_without_a_lab()
    addresses = tuple(settings.addresses())
    spelt = list(delivery.spelt(cast("Migration", SimpleNamespace(settings=settings)), addresses))
    assert [each.mailbox for each in spelt] == [each.mailbox for each in addresses]
    for domain in settings.domains:
        those = [each.local for each in spelt if each.domain == domain.name]
        plain = [each.local for each in domain.addresses]
        detailed = [each for each in those if each.lower().endswith("+mxgate")]
        assert len(detailed) == (domain.plus_addresses == "mailbox")
        assert those[-1] == those[-1].upper()
        assert [each.lower().removesuffix("+mxgate") for each in those] == plain
        assert len(set(plain) & set(those)) >= len(plain) - 2
