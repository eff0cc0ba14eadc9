"""All real mail: a planted loss among ten thousand, and whatever else a log can show, is found and named."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.ledger import switches
from fixtures.probes.cloudflare.events import Event, Events
from fixtures.probes.logs.bulk import Bulk
from fixtures.reconciliation import changes, real_mail
from fixtures.reconciliation.real_mail import Zones
from fixtures.reconciliation.reconciling import GATEWAY, HOME, Known, Reconciled, Reconciliation
from fixtures.report import reconciled
from scripts import reconcile
from tests.probes import test_history

BEGAN = 1_790_000_000
EVERY_S = 2
Line = tuple[float, str]


class Mail:
    """One message on its way: what EC2 and Dell write of it."""

    def __init__(self, number: int, *, by_cloudflare: bool = False, login: str = "") -> None:
        self.login = login
        self.number, self.at, self.by_cloudflare = number, BEGAN + EVERY_S * number, by_cloudflare
        self.id, self.user = f"<{number}.abc@four.example>", f"alice{number % 7}"
        self.address, self.sender = f"{self.user}@a.example", f"friend{number % 50}@four{number % 20}.example"
        # Email Routing rewrites it; a Worker hands it on.
        self.envelope = (
            f"SRS0=abcd=ef={self.sender.partition('@')[2]}=friend@a.example" if by_cloudflare else self.sender
        )
        self.envelope = self.sender if login else self.envelope
        self.keys = f"4G{number:09X}", f"4H{number:09X}"
        self.session = f"sEss{number}X"

    def on_ec2(self) -> list[Line]:
        key, there = self.keys
        taken = (f"smtpd[1]: {key}: client=mx.four.example[192.0.2.1]", f"cleanup[1]: {key}: message-id={self.id}")
        size = f"qmgr[1]: {key}: from=<{self.sender}>, size={3000 + self.number % 100}, nrcpt=1 (queue active)"
        to = f"smtp[1]: {key}: to=<{self.address}>, relay=dell[198.51.100.1]:25, delay=1.0, delays=0.1/0/0.1/0.8"
        sent = f"{to}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {there})"
        lines = [self._line(0, "gate", each) for each in (*taken, size)]
        return [*lines, self._line(1, "gate", sent), self._gone("gate", key)]

    def on_dell(self, *, again: str = "", size: int = 0, user: str = "", stored: bool = True) -> list[Line]:
        key, session, user = self.keys[1] + again, self.session + again, user or self.user
        client = "104.30.0.9]" if self.by_cloudflare else "203.0.113.5]"
        if self.login:
            client = f"127.0.0.1], sasl_method=PLAIN, sasl_username={self.login}"
        taken = (f"smtpd[1]: {key}: client=gate.example[{client}", f"cleanup[1]: {key}: message-id={self.id}")
        size = size or 3300 + self.number % 100
        queued = f"qmgr[1]: {key}: from=<{self.envelope}>, size={size}, nrcpt=1 (queue active)"
        to = f"lmtp[1]: {key}: to=<{self.address}>, relay=dell[private/dovecot-lmtp], delay=0.5, delays=0.1/0/0.1/0.3"
        sent = f"{to}, dsn=2.0.0, status=sent (250 2.0.0 <{user}@a.example> {session} Saved)"
        stamp = self._line(1, "", "")[1].split(" dell")[0].rsplit(" ", 2)[0]
        did = f"sieve: msgid={self.id}: stored mail into mailbox 'INBOX'"
        kept = f"{stamp} dell dovecot: lmtp({user})<7><{session}>: {did}"
        lines = [self._line(0, "dell", each) for each in (*taken, queued)]
        return [*lines, *[(self.at + 1.0, kept)] * stored, self._line(1, "dell", sent), self._gone("dell", key)]

    def event(self) -> Event:
        said = ("dropped", "worker") if self.login else ("delivered", "forward")
        return Event(self.at, self.id, self.sender, self.address, "", *said, "", 1)

    def _gone(self, host: str, key: str) -> Line:
        return self._line(1, host, f"qmgr[1]: {key}: removed")

    def _line(self, after: int, host: str, said: str) -> Line:
        stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(self.at + after))
        return self.at + after, f"{stamp} {host} postfix/{said}"


LOGIN = "worker@a.example"
On = Callable[[Mail], list[Line]]


def text(lines: list[Line]) -> bytes:
    return "".join(f"{line}\n" for _, line in sorted(lines, key=lambda line: line[0])).encode()


Parked = tuple[tuple[str, str, float], ...]


def accounted(
    mails: list[Mail], planted: dict[int, On], events: tuple[Events, ...] = (), parked: Parked | None = None
) -> Reconciled:
    with Bulk() as bulk:
        return joined(bulk, mails, planted, events, parked).account()


def joined(
    bulk: Bulk, mails: list[Mail], planted: dict[int, On], events: tuple[Events, ...] = (), parked: Parked | None = None
) -> Reconciliation:
    gate = text([line for mail in mails if not mail.by_cloudflare for line in mail.on_ec2()])
    home = text([line for mail in mails for line in planted.get(mail.number, Mail.on_dell)(mail)])
    logs = [(bulk.source("EC2"), GATEWAY), (bulk.source("Dell"), HOME)]
    for (source, _), block in zip(logs, (gate, home), strict=True):
        bulk.take(source, [block], now=BEGAN + 86400)
    bulk.finish()
    return Reconciliation(bulk, logs, Known(events=events, login=LOGIN, parked=parked))


def found(done: Reconciled) -> set[tuple[str, str]]:
    return {(each.what, each.message_id) for each in done.found}


PLANTED: dict[str, On] = {
    "missing": lambda _: [],
    "duplicate": lambda mail: mail.on_dell() + mail.on_dell(again="D"),
    "misfiled": lambda mail: mail.on_dell(user="bob"),
    "altered": lambda mail: mail.on_dell(size=100),
}


@pytest.mark.parametrize("what", PLANTED)
def test_one_in_ten_thousand_is_found_and_named(what: str) -> None:
    done = accounted([*map(Mail, range(10_000))], {4321: PLANTED[what]})
    assert found(done) == {(what, Mail(4321).id)}
    assert not done.good
    (one,) = done.found
    assert one.address == Mail(4321).address
    assert abs(one.since - Mail(4321).at) <= EVERY_S
    assert sum(number for states in done.states.values() for number in states.values()) >= 10_000


def test_an_alias_for_several_makes_no_duplicate() -> None:
    """One delivery for each of its people, and its own name may be one; a second one is one too many."""

    def aliased(mail: Mail) -> list[Line]:
        *lines, (at, sent), gone = mail.on_dell()
        other = sent.replace(f"to=<{mail.address}>", f"to=<ann@a.example>, orig_to=<{mail.address}>")
        return [*lines, (at, sent), (at, other), gone]

    def twice(mail: Mail) -> list[Line]:
        *lines, gone = aliased(mail)
        return [*lines, lines[-1], gone]

    done = accounted([*map(Mail, range(300))], {100: aliased, 200: twice})
    assert found(done) == {("duplicate", Mail(200).id)}
    assert "handed over 1 times, delivered 2 times" in done.found[0].says


SPAM, VIRUS = "250 2.7.0 Ok, discarded, id=7-01 - spam", "250 Virus Detected; Discarded Email"
"""What amavis and clamsmtpd answer, which throw it away."""


def filtered(lines: list[Line], *, by: str, discards: str = "", at: str = "127.0.0.1") -> list[Line]:
    """LINES of a host, on which a filter takes each message from its queue, and hands it in again by loopback, from its
    container (AT another address), or by sendmail (AT nowhere, as SpamAssassin's recipe has it).
    """
    (key,) = {line.split(": ")[1] for _, line in lines if "postfix/" in line}
    again = key.replace("4", "5", 1)
    when, host = lines[0][0], lines[0][1].split(" postfix/")[0]
    recipient = next(line.split("to=<")[1].split(">")[0] for _, line in lines if ": to=<" in line)
    taken_again = f"250 2.0.0 from MTA(smtp:[{at}]:10025): 250 2.0.0 Ok: queued as {again}"
    answer = discards or (taken_again if at else "delivered via spamassassin service")
    relay = f"filter[{at}]:10024" if at else "spamassassin"
    to = f"to=<{recipient}>, relay={relay}, delay=1, delays=0.1/0/0/0.9"
    to += f", dsn=2.0.0, status=sent ({answer})"
    hop = [*lines[:3], (when, f"{host} postfix/{by}[1]: {key}: {to}")]
    hop += [(when, f"{host} postfix/qmgr[1]: {key}: removed")]
    taken = f"smtpd[2]: {again}: client=filter[{at}]" if at else f"pickup[2]: {again}: uid=110 from=<{recipient}>"
    client = [(when, f"{host} postfix/{taken}")]
    return hop if discards else [*hop, *client, *[(at, line.replace(key, again)) for at, line in lines[1:]]]


def test_what_a_filter_before_the_queue_hands_in_came_from_its_client() -> None:
    mails = [Mail(number, by_cloudflare=True) for number in range(300)]

    def handed_in(mail: Mail) -> list[Line]:
        gate = "client=gate.example[104.30.0.9]"
        return [(at, line.replace(gate, f"client=localhost[127.0.0.1], orig_{gate}")) for at, line in mail.on_dell()]

    done = accounted(mails, {each.number: handed_in for each in mails}, events(mails[1:]))
    assert found(done) == {("message without an event", mails[0].id)}
    assert done.states == {"Cloudflare": {"stored": 300}}


@pytest.mark.parametrize("at", ["127.0.0.1", "172.20.0.5", ""])
@pytest.mark.parametrize("by_cloudflare", [False, True])
def test_a_filter_that_hands_in_again_is_a_hop_inside_the_host(
    by_cloudflare: bool, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As amavis does: no message is two. What it throws away is discarded, what is lost behind it missing."""
    mails = [Mail(number, by_cloudflare=by_cloudflare) for number in range(300)]
    on_ec2, by = Mail.on_ec2, "amavis/lmtp" if at else "pipe"
    monkeypatch.setattr(
        Mail,
        "on_ec2",
        lambda mail: filtered(on_ec2(mail), by="smtp" if at else by, discards=VIRUS * (mail.number == 50), at=at),
    )
    planted: dict[int, On] = {each.number: lambda mail: filtered(mail.on_dell(), by=by, at=at) for each in mails}
    planted[100] = lambda mail: filtered(mail.on_dell(stored=False), by=by, at=at)
    planted[150] = lambda mail: filtered(mail.on_dell(), by="amavis/smtp", discards=SPAM)
    planted[200] = lambda mail: [*planted[0](mail), *mail.on_dell(again="D")]
    planted[50] = planted[0] if by_cloudflare else PLANTED["missing"]
    done = accounted(mails, planted, events(mails) if by_cloudflare else ())
    assert found(done) == {("missing", mails[100].id), ("duplicate", mails[200].id)}
    states = done.states["Cloudflare" if by_cloudflare else "EC2"]
    assert states == {"discarded": 1 + (not by_cloudflare), "missing": 1, "stored": 299 if by_cloudflare else 297}


@pytest.mark.parametrize("host", ["EC2", "Dell"])
def test_what_a_filter_took_and_never_handed_in_again_is_missing(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By sendmail, where all else comes back; what goes to a mailbox by pipe never does, and the last may yet come."""
    mails, lost = [*map(Mail, range(300))], (100, 299)
    on_ec2, on_dell = Mail.on_ec2, Mail.on_dell

    def swallowed(mail: Mail, lines: list[Line]) -> list[Line]:
        return filtered(lines, by="pipe", at="")[: 5 if mail.number in lost else None]

    def delivered(mail: Mail) -> list[Line]:
        said = "relay=dovecot, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered via dovecot service)"
        lines = [(at, line.replace("postfix/lmtp", "postfix/pipe")) for at, line in on_dell(mail, stored=False)]
        return [(at, re.sub("relay=.*", said, line)) for at, line in lines]

    def for_another(mail: Mail) -> list[Line]:  # as filter scripts do that are passed around
        lines = swallowed(mail, on_dell(mail))
        return [(at, re.sub(r"(: 5H\w+: to=)<[^>]*>", r"\1<spam@a.example>", line)) for at, line in lines]

    if host == "EC2":
        monkeypatch.setattr(Mail, "on_ec2", lambda mail: swallowed(mail, on_ec2(mail)))
        planted: dict[int, On] = dict.fromkeys(lost, PLANTED["missing"])
    else:
        planted = {mail.number: lambda mail: swallowed(mail, on_dell(mail)) for mail in mails}
        planted[8] = for_another
    planted[7] = delivered
    done = accounted(mails, planted)
    assert found(done) == {("missing", mails[100].id), ("waiting", mails[299].id)}
    assert "the filter spamassassin took it, and handed nothing in again" in done.found[0].says
    spam = host == "Dell"
    assert done.states["EC2"] == {"delivered": 1 + spam, "missing": 1, "stored": 297 - spam, "waiting": 1}


@pytest.mark.parametrize("at", ["127.0.0.1", ""])
def test_an_alias_is_known_behind_a_filter(at: str) -> None:
    """Postfix resolves it before the filter, and behind it names only the one that it was there."""
    mails = [Mail(number, by_cloudflare=True) for number in range(300)]

    def aliased(mail: Mail) -> list[Line]:
        lines = filtered(mail.on_dell(), by="pipe" if not at else "smtp", at=at)
        other = f"to=<ann@a.example>, orig_to=<{mail.address}>, relay"
        lines = [(at, line.replace(f"to=<{mail.address}>, relay", other)) for at, line in lines]
        return [
            (at, line.replace(f" orig_to=<{mail.address}>,", "") if "/lmtp[" in line else line) for at, line in lines
        ]

    done = accounted(mails, {100: aliased}, events(mails))
    assert (done.good, done.states) == (True, {"Cloudflare": {"stored": 300}})


def test_mail_without_a_message_id_is_distinguished() -> None:
    """Postfix writes <> of all such mail: each goes by the queue id that Dell gave it, by no other's arrival."""
    mails = [*map(Mail, range(300))]
    for mail in mails[100:200]:
        mail.id = "<>"
    done = accounted(mails, {150: PLANTED["missing"]})
    assert found(done) == {("missing", "")}
    assert [each.address for each in done.found] == [mails[150].address]


def test_mail_that_dovecot_never_mentions_is_missing() -> None:
    done = accounted([*map(Mail, range(500))], {200: lambda mail: mail.on_dell(stored=False)})
    assert found(done) == {("missing", Mail(200).id)}


def test_a_delivery_that_can_not_be_read_is_named() -> None:
    """Of a form that no Postfix has yet: where it is, all mail can't be called accounted for."""

    def newer(mail: Mail) -> list[Line]:
        return [(at, line.replace(", dsn=", ", new=1, dsn=")) for at, line in mail.on_dell()]

    done = accounted([*map(Mail, range(300))], {200: newer})
    assert not done.good
    address = Mail(200).address
    listed = [(each.what, each.address) for each in done.found]
    assert listed == [("delivery not understood", address), ("not known", address)]
    assert "new=1, dsn=2.0.0" in done.found[0].says


def test_all_is_well_where_nothing_is_planted() -> None:
    done = accounted([*map(Mail, range(300))], {})
    assert (done.good, done.found) == (True, ())
    assert done.states == {"EC2": {"stored": 300}}


def test_what_lies_beyond_dells_log_is_not_called_missing() -> None:
    done = accounted([*map(Mail, range(300))], dict.fromkeys((0, 1, 2, 297, 298, 299), PLANTED["missing"]))
    assert done.good
    assert done.states["EC2"]["not known"] == 6


def events(mails: list[Mail], interval: int = 1) -> tuple[Events, ...]:
    said = tuple(mail.event() for mail in mails)
    return (Events("a.example", BEGAN, BEGAN + 86400, said, Evidence("events", ""), interval),)


def test_an_event_without_a_message_is_missing_and_a_message_without_an_event_is_named() -> None:
    mails = [Mail(number, by_cloudflare=True) for number in range(500)]
    heard = events([mail for mail in mails if mail.number != 300])
    done = accounted(mails, {200: PLANTED["missing"]}, heard)
    assert found(done) == {("missing", mails[200].id), ("message without an event", mails[300].id)}
    assert "an event without a message" in next(each.says for each in done.found if each.what == "missing")


def test_what_a_worker_brings_is_known_by_its_login() -> None:
    mails = [Mail(number, by_cloudflare=True, login=LOGIN) for number in range(300)]
    heard = events([mail for mail in mails if mail.number != 200])
    done = accounted(mails, {100: PLANTED["missing"]}, heard)
    assert found(done) == {("missing", mails[100].id), ("message without an event", mails[200].id)}
    assert set(done.states) == {"Cloudflare"}


def test_what_waited_in_the_bucket_is_not_missing() -> None:
    """It waits there, or Dell refused it when it came, and it bounced; what neither says of makes it missing."""
    mails = [Mail(number, by_cloudflare=True, login=LOGIN) for number in range(300)]
    refusal = "550 5.1.1 <ALICE>: Recipient address rejected: unknown; from=<BOB> to=<ALICE> proto=ESMTP helo=<dell>"

    def refused(mail: Mail) -> list[Line]:
        said = refusal.replace("ALICE", mail.address).replace("BOB", mail.sender)
        return [mail._line(60, "dell", f"worker/smtpd[1]: NOQUEUE: reject: RCPT from localhost[127.0.0.1]: {said}")]

    planted: dict[int, On] = {100: lambda _: [], 150: refused, 200: lambda _: []}
    (heard,) = events(mails)
    said = tuple(replace(each, sender=f"A Friend <{each.sender}>") for each in heard.events)
    for parked in (
        (mails[100].sender, mails[100].address, 0.0),
        ("bounces+7@esp.example", mails[100].address, mails[100].at + 30),
    ):
        done = accounted(mails, planted, (replace(heard, events=said),), (parked,))
        assert found(done) == {("missing", mails[200].id), ("bounced", mails[150].id), ("waiting", mails[100].id)}
    assert done.states == {"Cloudflare": {"bounced": 1, "missing": 1, "stored": 297, "waiting": 1}}
    assert len(found(accounted(mails, planted, events(mails)))) == 3
    two = {100: PLANTED["missing"], 107: PLANTED["missing"]}  # for the same address, of which one waits
    done = accounted(mails, two, events(mails), (("bounces+7@esp.example", mails[100].address, mails[100].at + 1),))
    assert found(done) == {("missing", mails[107].id), ("waiting", mails[100].id)}


def test_a_plus_address_is_the_address() -> None:
    """Dell's log has it without its detail, at the routed name; Cloudflare and the bucket as it was written."""
    mails = [Mail(number, by_cloudflare=True, login=LOGIN) for number in range(300)]

    def detailed(address: str) -> str:
        return address.title().replace("@", "+shop@")

    (heard,) = events(mails)
    said = tuple(replace(each, recipient=detailed(each.recipient)) for each in heard.events)
    parked = ((mails[100].sender, detailed(mails[100].address), 0.0),)
    done = accounted(mails, {100: PLANTED["missing"]}, (replace(heard, events=said),), parked)
    assert done.good
    assert done.states == {"Cloudflare": {"stored": 299, "waiting": 1}}


@pytest.mark.parametrize("by_cloudflare", [False, True])
def test_what_dell_throws_away_or_holds_is_said(by_cloudflare: bool) -> None:
    """By a rule of its own: the one who handed it over heard that it was taken. Of another copy that says nothing."""
    mails = [Mail(number, by_cloudflare=by_cloudflare) for number in range(300)]

    def stopped(verb: str) -> On:
        def on_dell(mail: Mail) -> list[Line]:
            said = f"cleanup[1]: {mail.keys[1]}: {verb}: header Subject: x from gate.example[203.0.113.5]"
            said += f"; from=<{mail.envelope}> to=<{mail.address}> proto=ESMTP helo=<g>: no thanks"
            return [*mail.on_dell()[:2], mail._line(0, "dell", said)]

        return on_dell

    planted: dict[int, On] = {100: stopped("discard"), 150: stopped("hold"), 160: stopped("milter-discard")}
    planted[170] = lambda mail: mail.on_dell()[:3]  # somebody holds it by hand, and no line says so
    (heard,) = events(mails)
    another = replace(mails[100].event(), recipient="bob@a.example")
    heard = replace(heard, events=(*heard.events, another))
    done = accounted(mails, planted, (heard,) if by_cloudflare else ())
    waiting = {("waiting", mails[150].id), ("waiting", mails[170].id)}
    assert found(done) == waiting | ({("missing", mails[100].id)} if by_cloudflare else set())
    assert {each.address for each in done.found if each.what == "missing"} <= {"bob@a.example"}
    (states,) = done.states.values()
    assert states == {"discarded": 2, "stored": 296, "waiting": 2} | ({"missing": 1} if by_cloudflare else {})


def test_the_suites_own_mail_is_no_real_mail() -> None:
    """A message of A-20's comes from one of Email Routing's addresses, and no event speaks of it."""
    mails = [Mail(number, by_cloudflare=number % 2 == 0) for number in range(300)]
    for mail in mails[100:102]:
        mail.id = f"<mxgate.{mail.number}@a.example>"
    heard = events([mail for mail in mails if mail.by_cloudflare and mail.number != 100])
    done = accounted(mails, {101: PLANTED["missing"]}, heard)
    assert (done.good, done.found) == (True, ())
    assert done.states == {"EC2": {"stored": 149}, "Cloudflare": {"stored": 149}}
    asked = replace(heard[0], events=(*heard[0].events, replace(mails[100].event(), recipient="bob@a.example")))
    assert accounted(mails, {}, (asked,)).good


def test_a_sample_accuses_nobody_and_says_so() -> None:
    mails = [Mail(number, by_cloudflare=True) for number in range(100)]
    done = accounted(mails, {}, events(mails[::10], interval=10))
    assert done.good
    assert done.counts == {"no event in the sample": 90}
    assert "a.example: Cloudflare's events are a sample, one of 10" in done.notes


def test_the_switch_shows_who_fell_silent_in_all_three_forms(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [Mail(number) for number in range(2000)]
    after = [Mail(number, by_cloudflare=True) for number in range(2000, 4000) if number % 20 != 7]
    (tmp_path / "ec2").write_bytes(text([line for mail in before for line in mail.on_ec2()]))
    (tmp_path / "dell").write_bytes(text([line for mail in (*before, *after) for line in mail.on_dell()]))
    switch = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(BEGAN + EVERY_S * 2000))
    argv = ["--ec2", str(tmp_path / "ec2"), "--dell", str(tmp_path / "dell"), "--switch", switch]
    argv += ["--json", str(tmp_path / "all.json"), "--page", str(tmp_path / "page.html")]
    assert reconcile.main(argv) == reconcile.DONE
    assert "1 sender domains have fallen silent" in capsys.readouterr().out
    assert (tmp_path / "all.json").stat().st_mode & 0o777 == 0o600, "it names correspondents"
    said = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [each["domain"] for each in said["changes"]["silent"]] == ["four7.example"]
    assert said["states"] == {"EC2": {"stored": 2000}, "Cloudflare": {"stored": 1900}}
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "four7.example" in page


def test_a_sender_that_cloudflare_hides_has_not_fallen_silent() -> None:
    """Signed mail comes from an address of Cloudflare's own: only its event says whose it is."""
    mails = [Mail(number, by_cloudflare=number >= 1000) for number in range(2000) if number < 1000 or number % 20 != 7]
    for mail in mails[1000:]:
        mail.envelope = "cfbounces+ndrdrop@a.example"
    heard = events(mails[1000:])
    said = tuple(replace(each, sender=f"A Friend <{each.sender.upper()}>") for each in heard[0].events)
    late = replace(heard[0], events=said[:-20], until=mails[-1].at)  # Cloudflare's statistics take their time
    for known, silent, notes in (
        ((replace(heard[0], events=said),), ["four7.example"], 0),
        ((late,), ["four7.example"], 0),
        ((replace(late, until=BEGAN + 86400.0),), [], 1),
        ((), [], 1),
    ):
        with Bulk() as bulk:
            changed = changes.across(joined(bulk, mails, {}, known), BEGAN + EVERY_S * 1000.0)
        assert [each.domain for each in changed.silent] == silent
        assert len(changed.notes) == notes


def test_nothing_is_drawn_of_nothing() -> None:
    assert not reconciled.volume([], 0)
    with pytest.raises(CouldNotAsk):
        real_mail.of_files(real_mail.Files((), (Path("/nowhere/mail.log"),)), (), Zones(), None)


def test_the_hosts_of_a_migration_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rotated files included; where Dovecot can't be asked, that it has a mail is Postfix's word."""
    monkeypatch.setattr(switches, "first_switch", lambda *_: None)
    to = f"alice@{test_history.MAIN}"
    sent = [test_history.mail(2, f"EEEEEE{number}", f"<{number}@x>", to) for number in (1, 2, 3)]
    (tmp_path / "ec2.log.1").write_text(sent[0] + sent[1])
    (tmp_path / "ec2.log").write_text(sent[2])
    went = ((0, 5), (1, 2), (3, 2), (4, 1))
    kept = (test_history.mail(ago, f"DDDDDD{number}", f"<{number}@x>", to) for number, ago in went)
    (tmp_path / "dell.log").write_text("".join(kept))
    done, changes = real_mail.of_migration(test_history.migration(tmp_path), 30, Zones())
    assert found(done) == {("missing", "<2@x>")}
    assert changes is None
    assert any("no word of Dovecot's" in note for note in done.notes)
