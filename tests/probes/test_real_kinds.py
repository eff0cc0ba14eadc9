"""Kinds of sender by real mail, as both logs show them."""

import gzip
import time
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dns import spf
from fixtures.probes.logs import real_kinds
from fixtures.probes.logs.real_kinds import Real, judged
from fixtures.probes.mailbox import imap
from tests.probes.test_history import DAY_S, MAIN, migration


def _mail(queue_id: str, client: str, sender: str, to: tuple[str, ...], counts: str = "") -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - DAY_S))
    lines = [("smtpd", f"{queue_id}: client=x[{client}]"), ("cleanup", f"{queue_id}: message-id=<{queue_id[:-1]}@x>")]
    lines.append(("qmgr", f"{queue_id}: from=<{sender}>, size=900, nrcpt={len(to)} (queue active)"))
    way = "relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (said)"
    lines += [("smtp", f"{queue_id}: to=<{each}>, {way}") for each in to]
    lines.append(("qmgr", f"{queue_id}: removed"))
    lines += [("smtpd", f"disconnect from x[{client}] ehlo=2 {counts} commands=9")] if counts else []
    return "".join(f"{stamp} host postfix/{daemon}[7]: {rest}\n" for daemon, rest in lines)


def test_logs_say_how_mail_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hosts' logs, rotated too; nothing lies in a mailbox any more."""
    alice, bob = f"alice@{MAIN}", f"bob@{MAIN}"
    old = _mail("AAAAAA11", "2001:db8::9", "news@shop.example", (alice,), "starttls=1 mail=1 rcpt=1 data=1 quit=1")
    (tmp_path / "ec2.log.1.gz").write_bytes(gzip.compress(old.encode()))
    (tmp_path / "ec2.log").write_text(_mail("BBBBBB11", "192.0.2.1", "", (alice, bob), "mail=1 rcpt=2 data=1"))
    rewritten = f"SRS0=abcd=ef=shop.example=news@{MAIN}"
    dell = _mail("AAAAAA12", "100.64.10.1", "news@shop.example", (alice,))
    (tmp_path / "dell.log").write_text(dell + _mail("CCCCCC12", "104.30.1.1", rewritten, (f"alice@dell.{MAIN}",)))
    monkeypatch.setattr(imap, "kept", lambda *_, **__: imap.Mailboxes((), ()))
    monkeypatch.setattr(spf, "check", lambda *_: spf.Result("pass", "", 0, 0))
    found = {(each.sender, each.by_cloudflare): each for each in real_kinds.ask(migration(tmp_path), (MAIN,)).letters}
    first, bounce, since = found["shop.example", False], found["", False], found["shop.example", True]
    assert (first.version, first.tls, first.spf, first.signed, first.recipients) == (6, True, True, None, 1)
    assert (bounce.version, bounce.tls, bounce.spf, bounce.recipients) == (4, False, False, 2)
    assert (since.version, since.tls, since.spf, since.signed) == (0, None, None, None)
    assert judged("IPv6", "x", "nobody of ours is", Real(tuple(found.values()), ())).verdict is Verdict.PASS
