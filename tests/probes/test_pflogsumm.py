"""What is counted in a log, next to pflogsumm's own count of the same lines."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from fixtures.probes.logs import log_blocks
from fixtures.reconciliation import real_mail
from fixtures.reconciliation.real_mail import Files, Zones
from tests.fetched import from_debian

SAME = {
    "received": "received",
    "delivered": "delivered",
    "forwarded": "forwarded",
    "deferred": "deferred",
    "bounced": "bounced",
    "rejected": "rejected",
    "reject_warnings": "reject warnings",
    "held": "held",
    "discarded": "discarded",
    "senders": "senders",
    "sending_domains": "sending hosts/domains",
    "recipients": "recipients",
    "recipient_domains": "recipient hosts/domains",
}
PACKAGES = ("pflogsumm", "libdate-calc-perl", "libcarp-clan-perl", "libbit-vector-perl")


def test_the_totals_are_pflogsumms(tmp_path: Path) -> None:
    """Only ``bytes`` are rounded there; a queue id that comes again without long ids it takes for the same message."""
    log = tmp_path / "mail.log"
    log.write_text("".join(map(_message, range(3000))), encoding="ascii")
    theirs = _pflogsumm(log, tmp_path)
    done, _ = real_mail.of_files(Files((), (log,)), (), Zones(), None)
    (ours,) = done.totals
    assert {name: getattr(ours, name) for name in SAME} == {name: theirs[said] for name, said in SAME.items()}
    assert min(getattr(ours, name) for name in SAME) > 0
    assert ours.unread == 0


def _pflogsumm(log: Path, folder: Path) -> dict[str, int]:
    paths = []
    for package in PACKAGES:
        (folder / package).mkdir()
        paths.append(from_debian(package, folder / package))
    libraries = [each for root in paths for form in ("usr/**/perl5", "usr/lib/*/perl5/*") for each in root.glob(form)]
    env = os.environ | {"PERL5LIB": ":".join(map(str, libraries))}
    argv = ["perl", str(paths[0] / "usr/sbin/pflogsumm"), str(log)]
    said = subprocess.run(argv, env=env, capture_output=True, text=True, check=True, timeout=60).stdout
    totals = said.partition("Per-")[0]
    return {
        name: int(number) for number, name in re.findall(r"^ *(\d+) +([a-z/ ]+?)(?: +\(.*)?$", totals, re.MULTILINE)
    }


def _message(number: int) -> str:
    """A message's lines, of many kinds."""
    host, key = f"Sep 21 12:{number // 60 % 60:02}:{number % 60:02} dell postfix", f"4A{number:08X}"
    client = f"mx{number % 9}.four{number % 5}.example[192.0.2.{number % 99}]"
    sender = f"f{number % 40}@four{number % 5}.example"
    kind = number % 12
    said = f"from=<{sender}> to=<x@a.example> proto=ESMTP helo=<h>"
    single = {
        0: f"smtpd[1]: NOQUEUE: reject: RCPT from {client}: 554 5.7.1 <x@a.example>: Relay access denied; {said}",
        1: f"smtpd[1]: NOQUEUE: reject_warning: RCPT from {client}: 450 4.7.1 <h>: Helo command rejected: no; {said}",
        2: f"smtpd[1]: {key}: discard: RCPT from {client}: <x@a.example>: Sender address TEXT; {said}",
        3: f"smtpd[1]: {key}: hold: RCPT from {client}: <x@a.example>: Recipient address TEXT; {said}",
        4: f"cleanup[1]: {key}: reject: header Subject: money from {client}; {said}: 5.7.1 no",
    }
    if kind in single:
        return f"{host}/{single[kind]}\n"
    come = f"{host}/pickup[1]: {key}: uid=0 from=<root>" if kind == 5 else f"{host}/smtpd[1]: {key}: client={client}"
    to = f"{host}/lmtp[1]: {key}: to=<u{number % 30}@A{number % 3}.example>, relay=dell[private/lmtp]"
    to += ", delay=1.5, delays=1/0/0/0.5"
    status = {
        6: "dsn=4.2.0, status=deferred (host dell said: 451 4.2.0 later)",
        7: "dsn=5.1.1, status=bounced (host dell said: 550 5.1.1 no such user; reject: so)",
        8: "dsn=2.0.0, status=sent (forwarded as 4B00000000)",
    }.get(kind, "dsn=2.0.0, status=sent (250 2.0.0 <u@a.example> aB Saved)")
    lines = [come, f"{host}/cleanup[1]: {key}: message-id=<{number}@four.example>"]
    begun = f"{host}/qmgr[1]: {key}: from=<{sender}>, size={1000 + number}, nrcpt=1 (queue active)"
    lines += [begun, f"{to}, {status}"]
    lines += [f"{to}, dsn=2.0.0, status=sent (250 2.0.0 Ok)"] * (kind == 6) + [f"{host}/qmgr[1]: {key}: removed"]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("size", [200, 5000, log_blocks.BLOCK])
def test_the_size_of_blocks_changes_nothing(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "mail.log"
    log.write_text("".join(map(_message, range(300 if size > 200 else 12))), encoding="ascii")
    whole, _ = real_mail.of_files(Files((), (log,)), (), Zones(), None)
    of_file = log_blocks.of_file
    monkeypatch.setattr(log_blocks, "of_file", lambda path, _=0: of_file(path, size))
    monkeypatch.setattr(log_blocks, "BLOCK", size)
    assert real_mail.of_files(Files((), (log,)), (), Zones(), None)[0] == whole
