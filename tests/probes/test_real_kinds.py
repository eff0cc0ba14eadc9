"""Kinds of sender by real mail: what it proves, and what is said where there was none."""

import gzip
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.probes.dns import spf
from fixtures.probes.logs import real_kinds
from fixtures.probes.logs.real_kinds import Letter, Real, both, judged
from fixtures.probes.mailbox import imap
from tests.probes.test_history import DAY_S, MAIN, migration

SHOP = Letter(time.time(), "shop.example", False, True, False, 4, False, 1)
WHY = "no sender of ours is of this kind"


def verdict(kind: str, *letters: Letter) -> tuple[Verdict, str]:
    found = judged(kind, "in the mailbox", WHY, Real(letters, ()))
    return found.verdict, found.found


def test_what_nobody_knows_stays_open() -> None:
    assert (both(True, True), both(True, None), both(None, False), both(None, None)) == (True, None, False, None)


@pytest.mark.parametrize("kind", ["only SPF", "IPv4", "no TLS"])
def test_mail_that_cloudflare_brought_is_the_proof(kind: str) -> None:
    now = replace(SHOP, by_cloudflare=True)
    assert verdict(kind, SHOP, now)[0] is Verdict.PASS
    # What Cloudflare wrote may be gone with the message: the sender's way is known from before.
    unseen = replace(now, spf=None, signed=None, version=0, tls=None)
    assert verdict(kind, SHOP, unseen)[0] is Verdict.PASS
    assert verdict(kind, SHOP, replace(unseen, sender="other.example"))[0] is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("kind", ["only SPF", "IPv4", "no TLS"])
def test_mail_that_came_by_ec2_and_not_since_is_no_proof(kind: str) -> None:
    found, says = verdict(kind, SHOP)
    assert found is Verdict.INCONCLUSIVE
    assert "1 real messages of this kind came by EC2, the last from shop.example" in says
    assert "none by Cloudflare" in says


@pytest.mark.parametrize("kind", ["only DKIM", "SPF and DKIM", "IPv6", "TLS", "several recipients", "PIPELINING"])
def test_what_nobody_used_was_not_tried(kind: str) -> None:
    found, says = verdict(kind, SHOP)
    assert found is Verdict.ABSENT
    assert says.startswith(f"not tried: {WHY}")


def test_mail_of_which_nothing_can_be_seen_settles_nothing() -> None:
    found, says = verdict("only DKIM", replace(SHOP, spf=None, signed=None))
    assert found is Verdict.INCONCLUSIVE
    assert "can't be seen" in says
    assert verdict("only DKIM")[0] is Verdict.ABSENT
    assert judged("TLS", "x", WHY, CouldNotAsk("no log")).verdict is Verdict.INCONCLUSIVE


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
    assert judged("IPv6", "x", WHY, Real(tuple(found.values()), ())).verdict is Verdict.PASS
