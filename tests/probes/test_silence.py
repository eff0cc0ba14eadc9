"""EC2's silence: its log has to be alive, and no other witness may say otherwise."""

import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from fixtures.access.transport import shell
from fixtures.evidence import Evidence, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes.dell.postfix import Queue
from fixtures.probes.logs import postfix_log, sign_of_life
from fixtures.probes.logs.ec2_silence import Passed, Silence, Witnessed, by_dell, by_mailboxes, judged_mail, sort
from fixtures.probes.logs.history import HostLog
from fixtures.probes.logs.postfix_log import Trail
from fixtures.probes.logs.sign_of_life import Sign
from fixtures.probes.mailbox.imap import Mailboxes, Stored
from fixtures.settings import Transport

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NOW = time.time()
SINCE = NOW - 3600
NOTED = Evidence("asked", "answered")
SETTINGS = settings_without_a_lab()
EC2 = str(SETTINGS.ec2.seen_by_dell_as)


def trail(message_id: str, client: str = EC2, at: float = NOW) -> Trail:
    return Trail("A1", at, "x", client, "", message_id, "news@shop.example", 9, (), at)


@pytest.mark.parametrize(
    ("home", "gateway", "others"),
    [
        pytest.param([trail("<1@x>")], [], ["<1@x>"], id="Dell has it, EC2 has not"),
        pytest.param([trail("<1@x>")], [trail("<1@x>", "192.0.2.1")], [], id="both have it"),
        pytest.param([trail("<mxgate.1@x>")], [], [], id="our own test mail"),
        pytest.param([trail("<1@x>", "104.30.0.9")], [], [], id="from Cloudflare"),
        pytest.param([trail("<1@x>", str(SETTINGS.ec2.ipv4))], [], ["<1@x>"], id="by EC2's public address"),
        pytest.param([trail("<1@x>", "unknown")], [], [], id="an address that is none"),
        pytest.param([trail("<1@x>", at=SINCE - 1)], [], [], id="a second too early"),
        pytest.param([trail("<1@x>", at=SINCE)], [], ["<1@x>"], id="at the very moment"),
        pytest.param([trail("<1@x>")], [trail("<1@x>", at=SINCE - 9)], [], id="EC2 took it before that time"),
    ],
)
def test_dells_log_is_a_witness(home: list[Trail], gateway: list[Trail], others: list[str]) -> None:
    assert [each.message_id for each in by_dell(SETTINGS, home, gateway, SINCE)] == others


def stored(message_id: str, client: str, at: float = NOW, *below: str) -> Stored:
    received = f"from a (a [{client}]) by dell.webmakeprofit.org (Postfix); {formatdate(at)}"
    way = tuple(("Received", each) for each in (received, *below))
    return Stored("carol@x", "INBOX", 1, (("Message-ID", message_id), *way, ("From", "a@b.example")))


BY_A_STRANGER = f"from x (y [192.0.2.9]) by {SETTINGS.ec2.name}; {formatdate(SINCE - 5)}"
LATE = f"from s (s [192.0.2.8]) by x; {formatdate(NOW)}"


@pytest.mark.parametrize(
    ("kept", "gateway", "others"),
    [
        pytest.param(stored("<1@x>", EC2), [], ["<1@x>"], id="a mailbox has it, EC2 has not"),
        pytest.param(stored("<1@x>", EC2), [trail("<1@x>")], [], id="both have it"),
        pytest.param(stored("<1@x>", "104.30.0.9"), [], [], id="it came through Cloudflare"),
        pytest.param(stored("<mxgate.1@x>", EC2), [], [], id="our own test mail"),
        pytest.param(stored("<1@x>", EC2, SINCE - 5), [], [], id="before that time"),
        pytest.param(stored("", EC2), [], [], id="without an id it can't be looked up"),
        pytest.param(stored("<1@x>", "192.0.2.9", NOW, BY_A_STRANGER), [], [], id="a stranger says that it was EC2"),
        pytest.param(stored("<1@x>", EC2, SINCE - 5, BY_A_STRANGER, LATE), [], [], id="a stranger says when"),
    ],
)
def test_a_mailbox_is_a_witness(kept: Stored, gateway: list[Trail], others: list[str]) -> None:
    found = by_mailboxes(SETTINGS, Mailboxes((kept,), ()), gateway, SINCE)
    assert [each.message_id for each in found] == others


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        pytest.param(Trail("A1", NOW, "x", "192.0.2.9", "", "", None, 0, (), None), "broken off", id="only asked for"),
        pytest.param(Trail("A1", NOW, "x", "192.0.2.9", "", "<1@x>", None, 0, (), None), "mail", id="it began to come"),
        pytest.param(Trail("A1", NOW, "x", "192.0.2.9", "", "", "", 9, (), None), "mail", id="it has no Message-ID"),
        pytest.param(trail("<1@x>", "192.0.2.9"), "mail", id="a message"),
        pytest.param(trail("<mxgate.1@x>", "192.0.2.9"), "probe", id="our own test mail"),
    ],
)
def test_who_only_asks_for_an_address_brings_no_mail(found: Trail, kind: str) -> None:
    assert sort(SETTINGS, found).kind == kind


BEGUN = "smtpd[1]: 4A1B2C3D4E: client=x.example[192.0.2.9]", "cleanup[1]: 4A1B2C3D4E: message-id=<1@x>"
OURS = BEGUN[0].replace("192.0.2.9", "10.0.0.1"), BEGUN[1]
FROM = "from x.example[192.0.2.9]"
ENVELOPE = "; from=<a@x> to=<b@y> proto=ESMTP helo=<x>"
TO = "smtp[1]: 4A1B2C3D4E: to=<b@y>, relay=dell[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status="
DELIVERED = f"{TO.replace('b@y', next(SETTINGS.addresses()).address)}sent (250 Ok)"
AGAIN = "smtpd[1]: 4A1B2C3D4E: client=localhost[127.0.0.1]"
ASKED = BEGUN[1], "qmgr[1]: 4A1B2C3D4E: from=<double-bounce@ec2.example>, size=9, nrcpt=1", f"{TO}undeliverable (550)"


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((*BEGUN, f"cleanup[1]: 4A1B2C3D4E: milter-reject: END-OF-MESSAGE {FROM}: 5.7.1{ENVELOPE}"), "refused"),
        ((*BEGUN, f"smtpd[1]: 4A1B2C3D4E: reject: END-OF-MESSAGE {FROM}: 550 5.7.1 no{ENVELOPE}"), "refused"),
        ((*BEGUN, f"cleanup[1]: 4A1B2C3D4E: reject: header Subject: x {FROM}{ENVELOPE}: 5.7.1 no"), "refused"),
        ((*BEGUN, f"cleanup[1]: 4A1B2C3D4E: milter-discard: END-OF-MESSAGE {FROM}: 5.7.1{ENVELOPE}"), "mail"),
        ((*BEGUN, f"cleanup[1]: 4A1B2C3D4E: milter-reject: END-OF-MESSAGE {FROM}: 4.7.1 later{ENVELOPE}"), "mail"),
        ((*BEGUN, f"smtpd[1]: 4A1B2C3D4E: reject: RCPT {FROM}: 550 5.1.1 no{ENVELOPE}"), "mail"),
        ((*OURS, f"cleanup[1]: 4A1B2C3D4E: reject: body x {FROM}{ENVELOPE}"), "relayed"),
        ((f"{AGAIN}, orig_client=x.example[192.0.2.9]", BEGUN[1], DELIVERED), "mail"),
        ((AGAIN, BEGUN[1], DELIVERED), "relayed"),
        (ASKED, "probe"),
        ((*ASKED, f"{TO}sent (250 Ok)"), "relayed"),
    ],
)
def test_what_ec2_itself_refuses_or_only_asks_is_no_mail(lines: tuple[str, ...], kind: str) -> None:
    """After the data, or when it asks Dell whether a recipient exists (reject_unverified_recipient)."""
    text = "".join(f"2026-09-21T12:00:00Z ec2 postfix/{line}\n" for line in lines)
    (found,) = postfix_log.parse(text).trails
    assert sort(SETTINGS, found).kind == kind


def silence(*, mail: bool = False, witnessed: bool = False, oldest: float = SINCE - 9) -> Silence:
    passed = (Passed(trail("<1@x>", "192.0.2.9"), "mail", "says"),) if mail else ()
    log = HostLog("EC2", (), (), oldest, 0, 0, NOTED)
    others = (Witnessed("<2@x>", "Dell's log", "said"),) if witnessed else ()
    return Silence(SINCE, 3600, passed, 0, log, Queue((), NOTED), others, (), NOTED)


@pytest.mark.parametrize(
    ("it", "verdicts"),
    [
        pytest.param(silence(), [PASS], id="silent"),
        pytest.param(silence(mail=True), [FAIL], id="its log has mail"),
        pytest.param(silence(witnessed=True), [FAIL], id="another has mail"),
        pytest.param(silence(mail=True, witnessed=True), [FAIL, FAIL], id="both have"),
        pytest.param(silence(oldest=SINCE + 1), [PASS, OPEN], id="it begins later"),
        pytest.param(silence(oldest=SINCE), [PASS], id="it begins just then"),
    ],
)
def test_silence_is_judged_by_all_that_is_known(it: Silence, verdicts: list[Verdict]) -> None:
    assert [each.verdict for each in judged_mail(it)] == verdicts


@pytest.mark.parametrize(
    ("answer", "lines", "verdict", "says"),
    [
        pytest.param("501 5.1.7 Bad", ("a line",), PASS, "", id="alive"),
        pytest.param("501 5.1.7 Bad", (), OPEN, "Either Postfix writes elsewhere", id="answered, and not written"),
        pytest.param("", (), OPEN, "is Postfix up?", id="nobody answered"),
    ],
)
def test_a_log_is_alive_if_our_mark_is_in_it(answer: str, lines: tuple[str, ...], verdict: Verdict, says: str) -> None:
    found = sign_of_life.judged(Sign("EC2", "/var/log/mail.log", answer, "refused", lines, NOTED))
    assert (found.verdict, says in found.hint) == (verdict, True)


@pytest.mark.parametrize(
    ("written", "alive"), [pytest.param(True, True, id="alive"), pytest.param(False, False, id="dead")]
)
def test_the_mark_is_looked_for_in_the_log_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool, alive: bool
) -> None:
    """Also where its line comes late."""
    place = tmp_path / "mail.log"
    place.write_text("")

    def leave(_: Any, mark: str, __: Any) -> tuple[str, str, str]:
        if written:
            place.write_text(f"Nov 26 10:00:00 h postfix/smtpd[1]: warning: Illegal address syntax: <{mark}@@x>\n")
        return "501 5.1.7", "", "C: MAIL"

    monkeypatch.setattr(sign_of_life, "_leave", leave)
    monkeypatch.setattr(sign_of_life, "PAUSES_S", (0.0, 0.0))
    sign = sign_of_life.ask(shell("here", Transport(kind="local")), str(place), ())
    assert bool(sign.lines) == alive
