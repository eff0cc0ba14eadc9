"""Who received, from logs as they lie about: rotated, compressed, damaged, of two hosts that tell of the same mail."""

import gzip
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.logs import ec2_silence, history
from fixtures.settings import Secrets, Settings, Transport

DAY_S = 86_400
MAIN = "webmakeprofit.org"
ALICE = f"alice@{MAIN}"


def migration(folder: Path) -> Migration:
    """Both hosts' logs lie in FOLDER, on this machine."""
    settings = settings_without_a_lab()
    local = {"transport": Transport(kind="local")}
    changed = {
        "dell": settings.dell.model_copy(update={**local, "log": folder / "dell.log"}),
        "ec2": settings.ec2.model_copy(update={**local, "log": folder / "ec2.log"}),
    }
    return Migration(settings.model_copy(update=changed), Secrets())


def mail(
    days_ago: float,
    queue_id: str,
    message_id: str,
    to: str,
    status: str = "sent",
    *,
    original: str = "",
    client: str = "mx.shop.example[203.0.113.9]",
    sender: str = "news@shop.example",
) -> str:
    """The log lines of one message, to one recipient or to several."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - days_ago * DAY_S))
    orig, way = f"orig_to=<{original}>, " if original else "", "relay=r, delay=1, delays=0/0/0/1"
    return "".join(
        f"{stamp} host postfix/{daemon}[7]: {queue_id}: {rest}\n"
        for daemon, rest in (
            ("smtpd", f"client={client}"),
            ("cleanup", f"message-id={message_id}"),
            ("qmgr", f"from=<{sender}>, size=900, nrcpt=1 (queue active)"),
            *(("smtp", f"to=<{each}>, {orig}{way}, dsn=2.0.0, status={status} (said)") for each in to.split()),
            ("qmgr", "removed"),
        )
    )


def received(folder: Path, *, ec2: str = "", dell: str = "") -> history.History:
    """By these logs."""
    (folder / "ec2.log").write_text(ec2)
    (folder / "dell.log").write_text(dell)
    return history.received(migration(folder))


def test_reads_rotated_and_compressed_files(tmp_path: Path) -> None:
    """The log, its plain and its packed rotations count alike; what is older than the window doesn't."""
    (tmp_path / "dell.log.1").write_text(mail(5, "AAAAAA2", "<2@x>", f"bob@{MAIN}"))
    packed = mail(40, "AAAAAA3", "<3@x>", f"bob@{MAIN}") + mail(20, "AAAAAA4", "<4@x>", f"office@{MAIN}", original="x")
    (tmp_path / "dell.log.2.gz").write_bytes(gzip.compress(packed.encode()))
    (tmp_path / "dell.log-20260101.gz").write_bytes(gzip.compress(mail(9, "AAAAAA5", "<5@x>", f"bob@{MAIN}").encode()))
    for other in ("dell.login", "dell.log.info"):  # as /var/log/mail.info next to /var/log/mail
        (tmp_path / other).write_text(mail(1, "AAAAAA6", "<6@x>", f"nobody@{MAIN}"))
    found = received(tmp_path, dell=mail(0.1, "AAAAAA1", "<1@x>", ALICE))
    assert {address: len(taken) for address, taken in found.by_address.items()} == {ALICE: 1, f"bob@{MAIN}": 2}
    assert found.covers_days == pytest.approx(0, abs=0.1)  # EC2's log is empty


def test_what_unpacks_to_more_than_was_asked_for_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is another's packs 600 MB into 600 kB, whatever it was asked for."""
    monkeypatch.setattr(history, "_READ", 'echo "+0000|/var/log/mail.log"; head -c 4000000 /dev/zero | gzip -1')
    monkeypatch.setattr(history, "BYTES_MAX", 2**20)
    with pytest.raises(CouldNotAsk, match=r"comes to more than the 1 MiB that were asked for: not read"):
        received(tmp_path)


def test_a_message_counts_once_and_only_where_it_was_kept(tmp_path: Path) -> None:
    """What EC2 passed on and Dell returned was not received; what Dell's log has, EC2's tells no second time."""
    ec2 = (
        mail(2, "EEEEEE1", "<1@x>", ALICE)
        + mail(2, "EEEEEE2", "<2@x>", f"nobody@{MAIN}")
        + mail(2, "EEEEEE3", "<3@x>", f"Info@{MAIN}")
        + mail(2, "EEEEEE4", "<mxgate.1@x>", f"bob@{MAIN}")
        + mail(2, "EEEEEE5", "<5@x>", "somebody@elsewhere.example")
    )
    dell = mail(2, "DDDDDD1", "<1@x>", ALICE, original=f"Alice+shop@dell.{MAIN}")
    found = received(tmp_path, ec2=ec2, dell=dell + mail(2, "DDDDDD2", "<2@x>", f"nobody@{MAIN}", "bounced"))
    assert {each.address: each.host for each in found.taken} == {f"alice@{MAIN}": "Dell", f"info@{MAIN}": "EC2"}
    assert found.daily_peak.messages == 2


def test_mail_without_a_message_id_is_distinguished_by_its_queue_ids(tmp_path: Path) -> None:
    """EC2 names the queue id that Dell gave it; what Dell's log lacks isn't taken for what it has."""
    ec2 = (
        mail(2, "EEEEEE1", "<>", ALICE).replace("(said)", "(250 2.0.0 Ok: queued as DDDDDD1)")
        + mail(2, "EEEEEE2", "<>", ALICE).replace("(said)", "(250 2.0.0 Ok: queued as DDDDDD2)")
        + mail(2, "EEEEEE3", "<>", f"bob@{MAIN}")
    )
    found = received(tmp_path, ec2=ec2, dell=mail(2, "DDDDDD1", "<>", ALICE))
    taken = [(each.address, each.host, each.message_id) for each in found.taken]
    assert taken == [(ALICE, "Dell", "DDDDDD1"), (ALICE, "EC2", "DDDDDD2"), (f"bob@{MAIN}", "EC2", "EEEEEE3")]
    gateway, home = found.hosts
    assert list(gateway.by_id()) == ["DDDDDD1", "DDDDDD2", "EEEEEE3"]
    assert list(home.by_id()) == ["DDDDDD1"]


AMAVIS = "127.0.0.1[127.0.0.1]:10024", "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBBB1"


def filtered(filter_: tuple[str, str], taken: str, said: str, *, to: str = f"zzdict@{MAIN}") -> str:
    """The log lines of a message that a filter took from the queue (its relay, its answer), and handed in again."""
    daemon = "pipe" if "via" in filter_[1] else "smtp-amavis/smtp"
    delay = "delay=1, delays=0/0/0/1"
    lines = (
        "smtpd[1]: AAAAAA1: client=mx.shop.example[203.0.113.9]",
        "cleanup[1]: AAAAAA1: message-id=<1@x>",
        "qmgr[1]: AAAAAA1: from=<news@shop.example>, size=900, nrcpt=1 (queue active)",
        f"{daemon}[1]: AAAAAA1: to=<{to}>, relay={filter_[0]}, {delay}, dsn=2.0.0, status=sent ({filter_[1]})",
        "qmgr[1]: AAAAAA1: removed",
        taken,
        "cleanup[1]: BBBBBB1: message-id=<1@x>",
        "qmgr[1]: BBBBBB1: from=<news@shop.example>, size=1500, nrcpt=1 (queue active)",
        f"smtp[1]: BBBBBB1: to=<{to}>, relay=dell[198.51.100.1]:25, {delay}, dsn=2.0.0, {said}",
    )
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - DAY_S))
    return "".join(f"{stamp} host postfix/{line}\n" for line in lines if not line.endswith(": "))


LOCALLY = "smtpd[2]: BBBBBB1: client=localhost[127.0.0.1]"
REFUSED = "status=bounced (host dell said: 550 5.1.1 unknown)"


@pytest.mark.parametrize(
    ("filter_", "taken"),
    [
        pytest.param(AMAVIS, LOCALLY, id="amavis"),
        pytest.param(
            AMAVIS, "smtpd[2]: BBBBBB1: client=localhost[::1], orig_client=mx.shop.example[203.0.113.9]", id="XFORWARD"
        ),
        pytest.param(
            ("amavis[172.20.0.5]:10024", AMAVIS[1]),
            "smtpd[2]: BBBBBB1: client=amavis.net[172.20.0.5]",
            id="a container",
        ),
        pytest.param(
            ("spamassassin", "delivered via spamassassin service"),
            "pickup[2]: BBBBBB1: uid=110 from=<news@shop.example>",
            id="by sendmail",
        ),
    ],
)
def test_what_a_filter_hands_in_again_is_the_same_message(filter_: tuple[str, str], taken: str, tmp_path: Path) -> None:
    """What became of it behind the filter is what became of it: Dell has refused it, or taken it once."""
    found = received(tmp_path, ec2=filtered(filter_, taken, REFUSED))
    assert (found.taken, found.daily_peak.messages) == ((), 0)
    (trail,) = found.hosts[0].trails
    assert (trail.queue_id, trail.client_address, trail.removed_at) == ("AAAAAA1", "203.0.113.9", None)
    assert ec2_silence.sort(migration(tmp_path).settings, trail).kind == "refused"
    for said, status in (("status=sent (250 Ok)", ["sent"]), ("status=deferred (later)", ["deferred"])):
        lines = filtered(filter_, taken, said, to=ALICE)
        lines = lines.replace("BBBBBB1: to=<alice@", "BBBBBB1: to=<Alice+spam@")
        found = received(tmp_path, ec2=filtered(filter_, taken, REFUSED), dell=lines)
        assert [each.status for trail in found.hosts[1].trails for each in trail.deliveries] == status
        assert list(found.by_address) == [f"alice@{MAIN}"] * (status == ["sent"])


@pytest.mark.parametrize(
    ("taken", "id_", "to"),
    [
        ("smtpd[2]: BBBBBB1: client=mx.other.example[192.0.2.7]", "<1@x>", f"bob@{MAIN}"),
        (LOCALLY, "<2@x>", f"bob@{MAIN}"),
        (LOCALLY, "<1@x>", ALICE),
    ],
)
def test_what_only_looks_as_handed_in_again_is_another_message(taken: str, id_: str, to: str, tmp_path: Path) -> None:
    said = filtered(AMAVIS, taken, "status=sent (250 Ok)", to=f"bob@{MAIN}")
    said = said.replace("cleanup[1]: BBBBBB1: message-id=<1@x>", f"cleanup[1]: BBBBBB1: message-id={id_}")
    said = said.replace(f"BBBBBB1: to=<bob@{MAIN}>", f"BBBBBB1: to=<{to}>")
    assert len(received(tmp_path, dell=said).hosts[1].trails) == 2


def test_an_alias_and_two_filters_are_seen_through(tmp_path: Path) -> None:
    """Postfix names the alias only before the first of them; what one throws away nobody received."""
    said = filtered(AMAVIS, LOCALLY, f"status=sent ({AMAVIS[1]})", to=f"bob@{MAIN}")
    first, _, last = said.rpartition("smtp[1]: BBBBBB1: to=")
    last = last.replace("dell[198.51.100.1]:25", AMAVIS[0]).replace("as BBBBBB1", "as CCCCCC1")
    third = mail(1, "CCCCCC1", "<1@x>", f"bob@{MAIN}").replace("mx.shop.example[203.0.113.9]", "localhost[127.0.0.1]")
    both = f"{first}smtp[1]: BBBBBB1: to={last}"
    both = both.replace("AAAAAA1: to=<bob", f"AAAAAA1: to=<bob@{MAIN}>, orig_to=<sales")
    found = received(tmp_path, dell=both + third)
    assert [(each.address, each.line.split()[0]) for each in found.taken] == [(f"sales@{MAIN}", "AAAAAA1")]
    thrown = mail(1, "DDDDDD1", "<2@x>", f"bob@{MAIN}").replace("(said)", "(250 2.7.0 Ok, discarded, id=7-01 - spam)")
    found = received(tmp_path, dell=thrown)
    assert (found.taken, found.hosts[1].trails[0].deliveries[0].thrown_away) == ((), True)


@pytest.mark.parametrize(
    ("before", "behind", "each_has"),
    [
        (("<bob>",), ("<bob>", "<office>"), {"bob": 1, "office": 1}),
        (("<bob>", "<bob>, orig_to=<sales>"), ("<bob>",), {"sales": 1}),
        (("<bob>", "<sales>"), ("<bob>", "<bob>, orig_to=<sales>"), {"bob": 1, "sales": 1}),
        (("<sales>",), ("<bob>, orig_to=<sales>", "<alice>, orig_to=<sales>"), {"sales": 2}),
    ],
    ids=["always_bcc behind it only", "an alias and its mailbox", "an alias behind it only", "an alias for two"],
)
def test_each_delivery_behind_a_filter_counts_once_and_none_is_left_out(
    before: tuple[str, ...], behind: tuple[str, ...], each_has: dict[str, int], tmp_path: Path
) -> None:
    lines = filtered(AMAVIS, LOCALLY, "status=sent (250 Ok)", to="x")
    for queue_id, recipients in (("AAAAAA1", before), ("BBBBBB1", behind)):
        line = next(each for each in lines.splitlines(keepends=True) if f"{queue_id}: to=" in each)
        each = (line.replace("<x>", to.replace(">", f"@{MAIN}>")) for to in recipients)
        lines = lines.replace(line, "".join(each))
    found = received(tmp_path, dell=lines)
    has = {address.removesuffix(f"@{MAIN}"): len(taken) for address, taken in found.by_address.items()}
    assert has == each_has
    assert [each.queue_id for each in found.hosts[1].trails] == ["AAAAAA1"]


def test_what_is_no_line_is_counted_and_passed_over(tmp_path: Path) -> None:
    """Half a line, binary rubbish, an impossible date."""
    rubbish = "Feb 31 25:00:00 host postfix/smtp[1]: AAAAAA9: to=<a@b>\n\x00\xff postfix/x to=<\npostfix/smtp to=<"
    (tmp_path / "ec2.log").write_bytes(rubbish.encode("latin-1"))
    (tmp_path / "dell.log").write_text(mail(2, "DDDDDD1", "<1@x>", ALICE))
    found = history.received(migration(tmp_path))
    assert list(found.by_address) == [f"alice@{MAIN}"]
    assert found.hosts[0].unread == 3


def test_a_missing_or_damaged_log_is_no_empty_log(tmp_path: Path) -> None:
    """Nobody could look, which is not the same as nobody received."""
    (tmp_path / "dell.log").write_text("")
    with pytest.raises(CouldNotAsk, match=r"ec2\.log"):
        history.received(migration(tmp_path))
    (tmp_path / "ec2.log").write_text("")
    (tmp_path / "ec2.log.1.gz").write_bytes(gzip.compress(mail(2, "E1", "<1@x>", f"bob@{MAIN}").encode())[:40])
    with pytest.raises(CouldNotAsk, match="can't be read whole"):
        history.received(migration(tmp_path))


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (f"Alice@{MAIN}", f"alice@{MAIN}"),
        (f"alice+a+b@dell.{MAIN}", f"alice@{MAIN}"),
        (f"+@{MAIN}", f"+@{MAIN}"),
        ("root", ""),
        (f"root@mail.{MAIN}", ""),
        (f"@{MAIN}", ""),
    ],
)
def test_addresses_as_the_world_writes_them(written: str, plain: str) -> None:
    settings: Settings = settings_without_a_lab()
    assert history.plain(settings, written) == plain


def test_a_find_without_printf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As BusyBox's: the log is there all the same."""
    (tmp_path / "find").write_text(
        f'#!/bin/sh\ncase " $* " in *" -printf "*) exit 1 ;; esac\nexec {shutil.which("find")} "$@"\n', encoding="utf-8"
    )
    (tmp_path / "find").chmod(0o755)
    (tmp_path / "dell.log").write_text(mail(1, "DDDDDD1", "<1@x>", ALICE), encoding="utf-8")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    argv = ["sh", "-c", history._READ, "sh", str(tmp_path / "dell.log"), "9", "1000000", "status=sent"]
    done = subprocess.run(argv, capture_output=True, check=True)
    head, _, packed = done.stdout.partition(b"\n")
    assert head.endswith(b"dell.log")
    assert b"status=sent" in gzip.decompress(packed)
