"""Who received, from logs as they lie about: rotated, compressed, damaged, of two hosts that tell of the same mail."""

import gzip
import time
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.logs import history
from fixtures.settings import Secrets, Settings, Transport

DAY_S = 86_400
MAIN = "webmakeprofit.org"


def migration(folder: Path) -> Migration:
    """Both hosts' logs lie in FOLDER, on this machine."""
    settings = settings_without_a_lab()
    local = {"transport": Transport(kind="local")}
    changed = {
        "dell": settings.dell.model_copy(update={**local, "log": folder / "dell.log"}),
        "ec2": settings.ec2.model_copy(update={**local, "log": folder / "ec2.log"}),
    }
    return Migration(settings.model_copy(update=changed), Secrets())


def mail(days_ago: float, queue_id: str, message_id: str, to: str, status: str = "sent", *, original: str = "") -> str:
    """The log lines of one message."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - days_ago * DAY_S))
    orig = f"orig_to=<{original}>, " if original else ""
    return "".join(
        f"{stamp} host postfix/{daemon}[7]: {queue_id}: {rest}\n"
        for daemon, rest in (
            ("smtpd", "client=mx.shop.example[203.0.113.9]"),
            ("cleanup", f"message-id={message_id}"),
            ("qmgr", "from=<news@shop.example>, size=900, nrcpt=1 (queue active)"),
            ("smtp", f"to=<{to}>, {orig}relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status={status} (said)"),
            ("qmgr", "removed"),
        )
    )


def test_reads_rotated_and_compressed_files(tmp_path: Path) -> None:
    """The log, its plain and its packed rotations count alike; what is older than the window doesn't."""
    (tmp_path / "ec2.log").write_text("")
    (tmp_path / "dell.log").write_text(mail(0.1, "AAAAAA1", "<1@x>", f"alice@{MAIN}"))
    (tmp_path / "dell.log.1").write_text(mail(5, "AAAAAA2", "<2@x>", f"bob@{MAIN}"))
    packed = mail(40, "AAAAAA3", "<3@x>", f"bob@{MAIN}") + mail(20, "AAAAAA4", "<4@x>", f"office@{MAIN}", original="x")
    (tmp_path / "dell.log.2.gz").write_bytes(gzip.compress(packed.encode()))
    (tmp_path / "dell.log-20260101.gz").write_bytes(gzip.compress(mail(9, "AAAAAA5", "<5@x>", f"bob@{MAIN}").encode()))
    (tmp_path / "dell.login").write_text(mail(1, "AAAAAA6", "<6@x>", f"nobody@{MAIN}"))
    found = history.received(migration(tmp_path))
    assert {address: len(taken) for address, taken in found.by_address.items()} == {
        f"alice@{MAIN}": 1,
        f"bob@{MAIN}": 2,
    }
    assert found.covers_days == pytest.approx(0, abs=0.1)  # EC2's log is empty


def test_a_message_counts_once_and_only_where_it_was_kept(tmp_path: Path) -> None:
    """What EC2 passed on and Dell returned was not received; what Dell's log has, EC2's tells no second time."""
    (tmp_path / "ec2.log").write_text(
        mail(2, "EEEEEE1", "<1@x>", f"alice@{MAIN}")
        + mail(2, "EEEEEE2", "<2@x>", f"nobody@{MAIN}")
        + mail(2, "EEEEEE3", "<3@x>", f"Info@{MAIN}")
        + mail(2, "EEEEEE4", "<mxgate.1@x>", f"bob@{MAIN}")
        + mail(2, "EEEEEE5", "<5@x>", "somebody@elsewhere.example")
    )
    (tmp_path / "dell.log").write_text(
        mail(2, "DDDDDD1", "<1@x>", f"alice@{MAIN}", original=f"Alice+shop@dell.{MAIN}")
        + mail(2, "DDDDDD2", "<2@x>", f"nobody@{MAIN}", "bounced")
    )
    found = history.received(migration(tmp_path))
    assert {each.address: each.host for each in found.taken} == {f"alice@{MAIN}": "Dell", f"info@{MAIN}": "EC2"}
    assert found.daily_peak.messages == 2


def test_mail_without_a_message_id_is_distinguished_by_its_queue_ids(tmp_path: Path) -> None:
    """EC2 names the queue id that Dell gave it; what Dell's log lacks isn't taken for what it has."""
    (tmp_path / "ec2.log").write_text(
        mail(2, "EEEEEE1", "<>", f"alice@{MAIN}").replace("(said)", "(250 2.0.0 Ok: queued as DDDDDD1)")
        + mail(2, "EEEEEE2", "<>", f"alice@{MAIN}").replace("(said)", "(250 2.0.0 Ok: queued as DDDDDD2)")
        + mail(2, "EEEEEE3", "<>", f"bob@{MAIN}")
    )
    (tmp_path / "dell.log").write_text(mail(2, "DDDDDD1", "<>", f"alice@{MAIN}"))
    found = history.received(migration(tmp_path))
    assert [(each.address, each.host, each.message_id) for each in found.taken] == [
        (f"alice@{MAIN}", "Dell", "DDDDDD1"),
        (f"alice@{MAIN}", "EC2", "DDDDDD2"),
        (f"bob@{MAIN}", "EC2", "EEEEEE3"),
    ]
    gateway, home = found.hosts
    assert list(gateway.by_id()) == ["DDDDDD1", "DDDDDD2", "EEEEEE3"]
    assert list(home.by_id()) == ["DDDDDD1"]


def test_what_is_no_line_is_counted_and_passed_over(tmp_path: Path) -> None:
    """Half a line, binary rubbish, an impossible date."""
    rubbish = "Feb 31 25:00:00 host postfix/smtp[1]: AAAAAA9: to=<a@b>\n\x00\xff postfix/x to=<\npostfix/smtp to=<"
    (tmp_path / "ec2.log").write_bytes(rubbish.encode("latin-1"))
    (tmp_path / "dell.log").write_text(mail(2, "DDDDDD1", "<1@x>", f"alice@{MAIN}"))
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
