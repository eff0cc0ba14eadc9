"""E-8: senders of every kind, by our own mail, by what the MX host says to us, and by real mail."""

# ruff: noqa: E501 - tables of cases read better unbroken

import time
from dataclasses import replace
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.probes.logs import providers, real_kinds
from fixtures.probes.logs.providers import PROVIDERS, Heard, Provider
from fixtures.probes.logs.real_kinds import Letter, Real, both
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.probes.mailbox.imap import Stored
from fixtures.probes.smtp import sender_kinds
from fixtures.probes.smtp.sender_kinds import KINDS, WIRE, Tried
from tests.judges import ABSENT, FAIL, LOOK, PASS, UNKNOWN, Says, all_say, says, talk
from tests.judges.test_deliveries import COPY, TEXT, came, talk as handed

BY_NAME = {each.name: each for each in (*KINDS, *WIRE)}
DAY_S = 86_400.0
WHY = "no sender of ours is of this kind"


def copy(results: str = "mx.cloudflare.net; spf=pass smtp.mailfrom=x; dkim=none", client: str = "192.0.2.7") -> Stored:
    hop = f"from x ([{client}]) by cloudflare-email.net with ESMTPS; Fri, 27 Nov 2026 10:00:00 +0000"
    return replace(COPY, headers=(("Received", hop), ("Authentication-Results", results), ("Message-ID", "<1@x>")))


BOTH, NEITHER = (f"mx.cloudflare.net; spf={one} smtp.mailfrom=x; dkim={one}" for one in ("pass", "fail"))
SIGNED = "mx.cloudflare.net; spf=none smtp.mailfrom=x; dkim=pass"
WRONG = ". The settings may be wrong about this sender, or its SPF, its key or its server are"


def saw(spf: str, dkim: str, client: str = "192.0.2.7") -> str:
    return f"Cloudflare saw Seen(spf='{spf}', dkim='{dkim}', client='{client}')"


@pytest.mark.parametrize(
    ("kind", "shown", "stored", "verdict", "found"),
    [
        ("only SPF", "spf=pass only", copy(), PASS, "arrived"),
        ("only SPF", "spf=pass only", copy(BOTH), FAIL, saw("pass", "pass") + WRONG),
        ("only SPF", "spf=pass only", copy(SIGNED), FAIL, saw("none", "pass") + WRONG),
        ("only DKIM", "dkim=pass only", copy(SIGNED), PASS, "arrived"),
        ("only DKIM", "dkim=pass only", copy(BOTH), FAIL, saw("pass", "pass") + WRONG),
        ("SPF and DKIM", "both pass", copy(BOTH), PASS, "arrived"),
        ("SPF and DKIM", "both pass", copy(NEITHER), FAIL, saw("fail", "fail") + WRONG),
        ("SPF and DKIM", "both pass", copy(), FAIL, saw("pass", "none") + WRONG),
        ("IPv4", "an IPv4 client", copy(), PASS, "arrived"),
        ("IPv4", "an IPv4 client", copy(client="2001:db8::7"), FAIL, saw("pass", "none", "2001:db8::7") + WRONG),
        ("IPv6", "an IPv6 client", copy(client="2001:db8::7"), PASS, "arrived"),
        ("IPv6", "an IPv6 client", copy(), FAIL, saw("pass", "none") + WRONG),
        ("TLS", "a client", copy(), PASS, "arrived"),
        ("no TLS", "a client", copy(), PASS, "arrived"),
        ("TLS", "a client", COPY, UNKNOWN, "Cloudflare saw nothing that can be read" + WRONG),
        ("TLS", "a client", replace(copy(), content=TEXT.replace(b"hello", b"bye")), FAIL, "Subject was changed from 'hello' to 'bye'"),
        ("IPv6", "an IPv6 client", replace(copy(), content=TEXT.replace(b"hello", b"bye")), FAIL, "Subject was changed from 'hello' to 'bye'"),
    ],
)  # fmt: skip
def test_a_sender_of_a_kind(kind: str, shown: str, stored: Stored, verdict: Verdict, found: str) -> None:
    judged = sender_kinds.judged(Tried(BY_NAME[kind], (came(stored),)))
    said = f"{kind}: expected in the mailbox, whole, and {shown}, found {found}"
    assert (judged.verdict, judged.sentence()) == (verdict, said)
    written, *looks = judged.evidence
    assert looks == [LOOK, LOOK]
    assert written.asked == f"what Cloudflare wrote on {stored.message_id}"
    assert written.transcript.endswith(f"\n{stored.header('Authentication-Results')}")
    assert ("cloudflare-email.net" in written.transcript) == (stored is not COPY)


@pytest.mark.parametrize(
    ("each", "found"),
    [
        (came(), "not there after 61 s. Last seen: in no log that can be read"),
        (came(said=handed(550, "no", "")), "not taken: 550 no"),
    ],
)
def test_a_sender_whose_mail_does_not_come(each: Delivery, found: str) -> None:
    judged = sender_kinds.judged(Tried(BY_NAME["IPv4"], (each,)))
    expected = "IPv4: expected in the mailbox, whole, and an IPv4 client, found "
    assert says(judged, "", 2) == (FAIL, expected + found)


TAKEN = talk(code=250, text="ok", at="", extensions=("PIPELINING", "CHUNKING"))


@pytest.mark.parametrize(
    ("kind", "said", "those", "verdict", "found"),
    [
        ("PIPELINING", TAKEN, (came(COPY),), PASS, "arrived"),
        ("CHUNKING", TAKEN, (came(COPY),), PASS, "arrived"),
        ("several recipients", TAKEN, (came(COPY), came(COPY), came(COPY)), PASS, "arrived"),
        ("several recipients", TAKEN, (came(COPY), came(), came(COPY)), FAIL, "not there after 61 s. Last seen: in no log that can be read"),
        ("several recipients", TAKEN, (came(COPY), came(replace(COPY, content=b"\r\nbye\r\n"))), FAIL, None),
        ("several recipients", talk(code=250, text="ok", at="", extensions=("SIZE 1",)), (came(COPY),), PASS, "arrived"),
        ("CHUNKING", talk(code=250, text="ok", at="", extensions=("PIPELINING",)), (came(),), ABSENT, "192.0.2.9 does not offer it, so no sender can use it"),
        ("CHUNKING", talk(code=250, text="ok", at=""), (came(COPY),), PASS, "arrived"),
        ("CHUNKING", talk(code=554, text="no", extensions=("CHUNKING",)), (came(said=handed(554, "no", "")),), FAIL, "not taken: 554 no"),
        ("CHUNKING", talk(connection="silent", text="no answer"), (came(said=handed(0, "", "")),), UNKNOWN, "no answer"),
        ("CHUNKING", talk(text="no word"), (came(said=handed(0, "", "")),), UNKNOWN, "no word"),
        ("CHUNKING", talk(connection="silent", code=451, text="later"), (came(said=handed(0, "", "")),), UNKNOWN, "later"),
    ],
)  # fmt: skip
def test_what_we_say_ourselves(
    kind: str, said: Any, those: tuple[Delivery, ...], verdict: Verdict, found: str | None
) -> None:
    judged = says(sender_kinds.judged(Tried(BY_NAME[kind], those, said)), "", 1 + len(those))
    expected = f"{kind}: expected in the mailbox, whole, taken, and delivered to each recipient, found "
    assert judged == (verdict, expected + (found or those[-1].changed))


def test_what_could_not_be_tried_is_judged_by_real_mail() -> None:
    def judged(kind: str, real: Real | CouldNotAsk | None) -> Says:
        found = sender_kinds.judged(Tried(BY_NAME[kind], untried=WHY, real=real))
        return found.verdict, found.sentence()

    expected = "IPv6: expected in the mailbox, whole, and an IPv6 client, found "
    assert judged("IPv6", Real((), (LOOK,)))[0] is ABSENT
    unread = f"{expected}{WHY}; and real mail can't be read: "
    assert judged("IPv6", CouldNotAsk("no log")) == (UNKNOWN, f"{unread}no log")
    assert judged("IPv6", None) == (UNKNOWN, f"{unread}nobody has read it")


# Real mail -----------------------------------------------------------------------------------------------------------

SHOP = Letter(9 * DAY_S, "shop.example", False, True, False, 4, False, 1)
NOW = replace(SHOP, by_cloudflare=True, at=10 * DAY_S)
UNSEEN = replace(NOW, spf=None, signed=None, version=0, tls=None)
LAST = "the last from shop.example on 1970-01"


def test_what_nobody_knows_stays_open() -> None:
    assert (both(True, True), both(True, None), both(None, False), both(None, None)) == (True, None, False, None)


@pytest.mark.parametrize(
    ("kind", "letters", "verdict", "found"),
    [
        ("only SPF", (SHOP, NOW), PASS, f"{WHY}; 1 real messages of this kind came by Cloudflare, {LAST}-11"),
        ("IPv4", (SHOP, NOW, NOW), PASS, f"{WHY}; 2 real messages of this kind came by Cloudflare, {LAST}-11"),
        ("no TLS", (SHOP, UNSEEN), PASS, f"{WHY}; 1 messages of senders who wrote in this way came by Cloudflare, {LAST}-11"),
        ("no TLS", (replace(SHOP, sender=""), replace(UNSEEN, sender="")), UNKNOWN, f"{WHY}; 1 real messages of this kind came by EC2, the last from a null sender on 1970-01-10, and none by Cloudflare. {{}}"),
        ("no TLS", (SHOP, replace(UNSEEN, sender="other.example")), UNKNOWN, f"{WHY}; 1 real messages of this kind came by EC2, {LAST}-10, and none by Cloudflare. {{}}"),
        ("only SPF", (SHOP,), UNKNOWN, f"{WHY}; 1 real messages of this kind came by EC2, {LAST}-10, and none by Cloudflare. {{}}"),
        ("only DKIM", (SHOP,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind"),
        ("SPF and DKIM", (SHOP,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind"),
        ("IPv6", (SHOP,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind"),
        ("TLS", (SHOP,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind"),
        ("TLS", (SHOP, replace(SHOP, tls=None)), ABSENT, f"not tried: {WHY}, and none of 2 real messages of the last 30 days was of this kind (1 can't be known)"),
        ("several recipients", (SHOP,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind"),
        ("only DKIM", (replace(SHOP, spf=None, signed=None),), UNKNOWN, f"{WHY}; of which kind the 1 real messages were that came by EC2 can't be seen"),
        ("TLS", (replace(SHOP, tls=None), NOW), UNKNOWN, f"{WHY}; of which kind the 1 real messages were that came by EC2 can't be seen"),
        ("no TLS", (UNSEEN,), ABSENT, f"not tried: {WHY}, and none of 1 real messages of the last 30 days was of this kind (1 can't be known)"),
        ("only DKIM", (), ABSENT, f"not tried: {WHY}, and none of 0 real messages of the last 30 days was of this kind"),
        ("PIPELINING", (SHOP,), ABSENT, f"not tried: {WHY}. No log says which real mail is of this kind"),
    ],
)  # fmt: skip
def test_real_mail(kind: str, letters: tuple[Letter, ...], verdict: Verdict, found: str) -> None:
    judged = real_kinds.judged(kind, "in the mailbox", WHY, Real(letters, (LOOK,)))
    hint = "Wait until one of them writes again, or name a sender of this kind in [[other_senders]]"
    said = f"{kind}: expected in the mailbox, found {found.format(hint)}"
    assert says(judged, "", 1) == (verdict, said)


def test_real_mail_that_can_not_be_read() -> None:
    judged = real_kinds.judged("TLS", "in the mailbox", WHY, CouldNotAsk("no log"))
    said = f"TLS: expected in the mailbox, found {WHY}; and real mail can't be read: no log"
    assert says(judged, "", 0) == (UNKNOWN, said)


def test_big_providers() -> None:
    def day(at: float) -> str:
        return time.strftime("%Y-%m-%d", time.localtime(at))

    its = (
        Provider("Gmail", 3, 9 * DAY_S, 2, 10 * DAY_S),
        Provider("au", 0, 0, 1, 9 * DAY_S),
        Provider("Yahoo", 4, 9 * DAY_S, 0, 0),
    )
    came_, before = "expected mail of it came by Cloudflare, found", f"by EC2, the last on {day(9 * DAY_S)}"
    for unasked, more in (("", ""), ("no token", " (Cloudflare's events could not be asked: no token)")):
        assert all_say(providers.judged(Heard(its, "a@x", unasked, (LOOK,))), "") == [
            (PASS, f"Gmail: {came_} 2 by Cloudflare, the last on {day(10 * DAY_S)}; 3 {before}"),
            (PASS, f"au: {came_} 1 by Cloudflare, the last on {day(9 * DAY_S)}; 0 by EC2"),
            (UNKNOWN, f"Yahoo: {came_} 4 {before}; none by Cloudflare{more}. Write from an account at Yahoo to a@x, and judge again"),
        ]  # fmt: skip
    nobody = f"the big providers: {came_} none of {', '.join(PROVIDERS)} wrote in the last 30 days"
    assert all_say(providers.judged(Heard((), "a@x", "", (LOOK,))), "") == [(PASS, nobody)]
