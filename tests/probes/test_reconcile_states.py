"""Where a message is for each of an alias's people, what waits and for how long, and what only looks like a loss."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from fixtures.reconciliation.reconciling import Reconciled
from scripts import reconcile
from tests.probes.test_reconcile import LOGIN, Line, Mail, On, accounted, found, text
from tests.probes.test_reconcile_files import on_files
from tests.probes.test_returned import ON_EC2, by_hand

Change = Callable[[list[Line]], list[Line]]
DELL_GONE = "EC2 handed it over, and Dell's log has no word of it"


def aliased(mail: Mail, first: str) -> list[Line]:
    """On Dell, where the address stands for two: FIRST is what became of it for ann, before the other's delivery."""
    *lines, (at, sent), gone = mail.on_dell()
    ann = sent.replace(f"to=<{mail.address}>", f"to=<ann@a.example>, orig_to=<{mail.address}>")
    return [*lines, (at, f"{ann.partition('status=')[0]}status={first}"), (at, sent), gone]


@pytest.mark.parametrize(
    ("first", "what"),
    [
        ("bounced (host dell said: 552 5.2.2 <ann@a.example> Quota exceeded)", "bounced"),
        ("sent (250 2.0.0 <ann@a.example> oTher Saved)", "missing"),
    ],
)
def test_each_person_of_an_alias_counts(first: str, what: str) -> None:
    """What Dovecot refuses is logged before what it saves, in the same transaction."""
    mails = [Mail(number, by_cloudflare=True) for number in range(300)]
    done = accounted(mails, {100: lambda mail: aliased(mail, first)})
    assert (found(done), done.good) == ({(what, mails[100].id)}, False)


def on_ec2(change: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of message 100 EC2 writes what CHANGE makes of it."""
    monkeypatch.setattr(Mail, "on_ec2", lambda mail: (change if mail.number == 100 else list)(ON_EC2(mail)))


KEY = Mail(100).keys[0]


def held(lines: list[Line], key: str = KEY) -> list[Line]:
    said = f"hold: header Subject: x from mx.four.example[192.0.2.1]; from=<a@b> to=<{Mail(100).address}> proto=ESMTP"
    return [*lines[:2], (lines[0][0], f"{lines[0][1].partition(' postfix/')[0]} postfix/cleanup[1]: {key}: {said}")]


@pytest.mark.parametrize(
    ("change", "what", "says"),
    [
        (held, "waiting", f"{KEY}: a rule holds it"),
        (lambda lines: held(held(lines), "NOQUEUE")[-1:] + lines[:2], "waiting", f"{KEY}: a rule holds it"),
        (lambda lines: by_hand(held(lines), KEY), "missing", f"{KEY}: deleted from the queue by hand (postsuper)"),
        (lambda lines: lines[:3], "waiting", f"{KEY}: taken into the queue, and its recipient is not in the log"),
    ],
)
def test_what_ec2_never_tried_is_listed(change: Change, what: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    on_ec2(change, monkeypatch)
    mails = [*map(Mail, range(300))]
    done = accounted(mails, {100: lambda _: []})
    assert [(each.what, each.message_id, each.says) for each in done.found] == [(what, mails[100].id, says)]
    assert done.undecided == (("1 wait as yet",) if what == "waiting" else ())


def queued(host: str, sender: str, *taken: str, deleted: bool = False) -> list[Line]:
    """What HOST writes of a message that it has TAKEN and never tries."""
    mail, key = Mail(150), "5A00000009"
    said = [*(each.replace(": ", f"[1]: {key}: ", 1) for each in taken), f"cleanup[1]: {key}: message-id=<other@x>"]
    said += [f"qmgr[1]: {key}: from=<{sender}>, size=900, nrcpt=1 (queue active)"]
    return [mail._line(0, host, each) for each in said + [f"postsuper[1]: {key}: removed"] * deleted]


def with_queued(host: str, lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> Reconciled:
    """Three hundred by EC2, and HOST has these LINES too."""
    if host == "gate":
        on_ec2(lambda usual: [*usual, *lines], monkeypatch)
    return accounted([*map(Mail, range(300))], {100: lambda mail: [*mail.on_dell(), *lines * (host == "dell")]})


OUTSIDE = "smtpd: client=mx.four.example[192.0.2.1]"
RELAYED = "to=<x@far.example>, relay=far[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"


GOING_OUT = (
    ("alice1@a.example", "submission/smtpd: client=pc[192.0.2.7], sasl_method=PLAIN, sasl_username=alice1"),
    ("root@dell.a.example", "pickup: uid=0 from=<root>"),
    ("",),  # its own bounce
    ("", "smtpd: client=dell[198.51.100.1]"),  # another's
    ("shop@a.example", "smtpd: client=localhost[127.0.0.1]"),
)


@pytest.mark.parametrize("deleted", [False, True])
@pytest.mark.parametrize("host", ["gate", "dell"])
def test_what_goes_out_is_no_mail_to_us(host: str, deleted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = list[Line]()
    for number, (sender, *taken) in enumerate(GOING_OUT):
        its = queued(host, sender, *taken, deleted=deleted)
        lines += [(at, line.replace("5A0", f"5A{number}").replace("<other", f"<{number}")) for at, line in its]
    done = with_queued(host, lines, monkeypatch)
    assert (done.found, done.undecided) == ((), ())
    assert done.states == {"EC2": {"stored": 300}}


@pytest.mark.parametrize("host", ["gate", "dell"])
def test_who_hands_in_mail_for_others_is_no_stranger(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Dell does on EC2, without a password."""
    before = [(at, line.replace("5A", "5B")) for at, line in queued(host, "alice1@a.example", OUTSIDE)]
    before.append(Mail(150)._line(1, host, f"smtp[1]: 5B00000009: {RELAYED}"))
    on_host = [*before, *queued(host, "alice1@a.example", OUTSIDE, deleted=True)]
    assert with_queued(host, on_host, monkeypatch).found == ()


@pytest.mark.parametrize("host", ["gate", "dell"])
@pytest.mark.parametrize(("deleted", "what"), [(False, "waiting"), (True, "not known")])
def test_whose_it_was_is_not_known(host: str, deleted: bool, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came from outside, so it is listed; that a recipient is ours nothing shows, so it is not missing."""
    done = with_queued(host, queued(host, "x@far.example", OUTSIDE, deleted=deleted), monkeypatch)
    assert (found(done), done.good) == ({(what, "<other@x>")}, True)
    assert done.undecided == ("1 are not known" if deleted else "1 wait as yet",)
    says = "deleted from the queue by hand (postsuper)" if deleted else "taken into the queue, and its recipient is "
    assert done.found[0].says.startswith(f"5A00000009: {says}")


@pytest.mark.parametrize("login", ["", LOGIN])
def test_what_cloudflare_brought_is_ours_without_an_event(login: str) -> None:
    mails = [Mail(number, by_cloudflare=True, login=login) for number in range(300)]
    done = accounted(mails, {100: lambda mail: by_hand(mail.on_dell()[:3], mail.keys[1])})
    assert found(done) == {("missing", mails[100].id)}


def test_a_bounce_that_ec2_brought_is_joined_by_its_message_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer of Dell's has a queue id."""
    monkeypatch.setattr(
        Mail, "on_ec2", lambda mail: [(at, re.sub(" queued as .*", ")", it)) for at, it in ON_EC2(mail)]
    )

    def untried(mail: Mail) -> list[Line]:
        return [(at, line.replace(mail.sender, "")) for at, line in mail.on_dell()[:3]]

    done = accounted([*map(Mail, range(300))], {100: untried})
    assert found(done) == {("waiting", Mail(100).id)}
    assert done.found[0].address == Mail(100).address


@pytest.mark.parametrize(("goes_on", "what"), [(True, "missing"), (False, "not known")])
def test_nothing_waits_for_ever(goes_on: bool, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postfix gives up after five days; a log that ended before that doesn't say so."""

    def deferred(lines: list[Line]) -> list[Line]:
        *taken, (at, sent), _ = lines
        return [*taken, (at, f"{sent.partition('dsn=')[0]}dsn=4.4.1, status=deferred (connect to dell: timed out)")]

    on_ec2(deferred, monkeypatch)
    mails = [*map(Mail, range(300)), Mail(6 * 43_200, by_cloudflare=not goes_on)]
    monkeypatch.setattr("tests.probes.test_reconcile.BEGAN", mails[-1].at)
    done = accounted(mails, {100: lambda _: []})
    assert found(done) == {(what, mails[100].id)}
    assert (done.good, done.undecided) == (what != "missing", ("1 are not known",) * (what != "missing"))


def test_a_copy_of_another_origin_is_no_duplicate() -> None:
    """As of somebody who writes to a list and to one who is on it: one comes from Dell itself, one by EC2."""

    def twice(mail: Mail) -> list[Line]:
        again = [(at, line.replace("203.0.113.5]", "192.168.1.5]")) for at, line in mail.on_dell(again="D")]
        return [*mail.on_dell(), *again]

    done = accounted([*map(Mail, range(300))], {100: twice})
    assert (found(done), done.states) == (set(), {"Dell": {"stored": 1}, "EC2": {"stored": 300}})


def led_to(to: str, relay: str = "dell[198.51.100.1]") -> Change:
    """EC2's alias for message 100's address: to TO, by RELAY."""
    other = f"<{to}>, orig_to=<{Mail(100).address}>"

    def change(lines: list[Line]) -> list[Line]:
        named = [(at, line.replace(f"<{Mail(100).address}>", other)) for at, line in lines]
        return [(at, line.replace("dell[198.51.100.1]", relay)) for at, line in named]

    return change


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (led_to("bob@far.example"), "missing"),  # by Dell's own relay, whatever Dell calls him
        (led_to("bob@far.example", "far[192.0.2.9]"), "sent on"),
        (led_to("bob@a.example"), "stored"),
    ],
)
def test_what_ec2s_alias_leads_to(change: Change, state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is joined by the recipient that Dell was given."""
    on_ec2(change, monkeypatch)

    def to_bob(mail: Mail) -> list[Line]:
        return [(at, line.replace(mail.address, "bob@a.example")) for at, line in mail.on_dell() * (state == "stored")]

    states = accounted([*map(Mail, range(300))], {100: to_bob}).states
    assert states == {"EC2": {"stored": 299} | {state: 1 + 299 * (state == "stored")}}


def test_what_dell_discards_before_it_has_a_queue_id_is_not_missing() -> None:
    def discarded(mail: Mail) -> list[Line]:
        said = f"smtpd[1]: NOQUEUE: discard: RCPT from gate.example[203.0.113.5]: <{mail.address}>: rule; "
        return [mail._line(0, "dell", f"{said}from=<{mail.sender}> to=<{mail.address}> proto=ESMTP helo=<g>")]

    done = accounted([*map(Mail, range(300))], {100: discarded, 200: lambda _: []})
    assert found(done) == {("missing", Mail(200).id)}
    assert done.states == {"EC2": {"discarded": 1, "missing": 1, "stored": 298}}


LOST = "systemd-journald[3]: Suppressed 5120 messages from "


def lost(logger: str) -> On:
    """On Dell, with what LOGGER says at the time of the message."""

    def on_dell(mail: Mail) -> list[Line]:
        at, line = mail._line(0, "dell", "")
        return [*mail.on_dell(), (at, line.replace("postfix/", logger))]

    return on_dell


@pytest.mark.parametrize("missing", [False, True])
def test_what_a_logger_left_out_is_said(missing: bool) -> None:
    planted: dict[int, On] = {150: lost(f"{LOST}postfix.service")} | ({100: lambda _: []} if missing else {})
    done = accounted([*map(Mail, range(300))], planted)
    assert done.undecided == ("1 times a logger left lines out",)
    assert [each.says for each in done.found] == [f"{DELL_GONE}; or it is in lines that a logger left out"] * missing


@pytest.mark.parametrize(
    ("logger", "times"),
    [
        (f"{LOST}system.slice/postfix@-.service", 1),
        (f"{LOST}dovecot.service", 1),
        (f"{LOST}/system.slice/docker-0a1b2c.scope", 1),
        (f"{LOST}libpod-0a1b2c.scope", 1),
        (f"{LOST}user@1000.service", 1),
        (f"{LOST}rsyslog.service", 1),
        (f"{LOST}systemd-journald.service", 1),
        ("rsyslogd: imuxsock lost 12 messages from pid 7 due to rate-limiting", 1),
        (f"{LOST}nginx.service", 0),
        (f"{LOST}cron.service", 0),
    ],
)
def test_only_lines_that_may_be_mails_are_left_out(logger: str, times: int) -> None:
    done = accounted([*map(Mail, range(300))], {150: lost(logger), 100: lambda _: []})
    assert done.undecided == ("1 times a logger left lines out",) * times
    assert [each.says for each in done.found] == [DELL_GONE + "; or it is in lines that a logger left out" * times]
    assert [each.unread for each in done.totals] == [0, 0]


@pytest.mark.parametrize("domain", ["evil.example", "a.example"])
def test_a_quoted_address_is_understood(domain: str) -> None:
    def quoted(mail: Mail) -> list[Line]:
        said = f'smtp[1]: {mail.keys[1]}: to=<"a>b"@{domain}>, relay=x[192.0.2.9]:25, delay=1, delays=0/0/0/1'
        return [*mail.on_dell()[:-1], mail._line(1, "dell", f"{said}, dsn=5.1.1, status=bounced (no)")]

    done = accounted([*map(Mail, range(300))], {100: quoted})
    assert done.good
    assert "delivery not understood" not in done.counts


def test_a_foreign_delivery_that_can_not_be_read_is_no_loss_of_ours() -> None:
    def broken(mail: Mail) -> list[Line]:
        said = f"smtp[1]: {mail.keys[1]}: to=<x@evil.example>, relay=x[192.0.2.9]:25, new=1"
        return [*mail.on_dell()[:-1], mail._line(1, "dell", said), mail.on_dell()[-1]]

    done = accounted([*map(Mail, range(300))], {100: broken})
    assert (done.good, found(done)) == (True, set())


def test_what_dovecots_mail_log_adds_is_no_line_that_could_not_be_read() -> None:
    def logged(mail: Mail) -> list[Line]:
        at, line = mail._line(0, "dell", "")
        said = f"dovecot: lmtp(bob)<1><S>: Info: save: box=INBOX, uid=1, msgid={mail.id}, size=465"
        return [*mail.on_dell(), (at, line.replace("postfix/", said))]

    done = accounted([*map(Mail, range(300))], {100: logged})
    assert [each.unread for each in done.totals] == [0, 0]
    assert done.undecided == ()


def test_a_header_line_less_is_no_harm() -> None:
    mail = Mail(100)
    done = accounted([*map(Mail, range(300))], {100: lambda mail: mail.on_dell(size=2800)})
    assert (found(done), done.good) == ({("smaller", mail.id)}, True)


def test_each_host_has_its_zone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """EC2 writes UTC, and Dell Japan's time: by one zone for both nothing is said."""
    argv = on_files(tmp_path, ["--ec2", "EC2", "--dell", "DELL"], [Mail(number) for number in range(300)])
    later = [Mail(number) for number in range(300)]
    for mail in later:
        mail.at += 9 * 3600
    (tmp_path / "DELL").write_bytes(text([line for mail in later for line in mail.on_dell()]))
    assert reconcile.main(argv) == reconcile.BAD_INPUT
    assert "--dell-zone +0900 would fit" in capsys.readouterr().err
    for zone in ("+0900", "Asia/Tokyo"):
        assert reconcile.main([*argv, "--dell-zone", zone]) == reconcile.DONE
        assert "All mail is accounted for." in capsys.readouterr().out
