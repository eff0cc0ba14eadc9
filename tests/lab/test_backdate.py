"""The month before is dated back, and nothing of it is changed but dates."""

import gzip
import time
from pathlib import Path

from fixtures.lab.history import DAY_S, Period, date_log_back, date_mailboxes_back
from fixtures.probes.logs.postfix_log import parse

BEGUN = 1_790_000_000.0


def period(days: float, logged: tuple[int, int], begun: float = BEGUN) -> Period:
    return Period(begun, begun + 1, days * DAY_S, {"dell": logged})


def line(at: float, text: str) -> bytes:
    return time.strftime("%b %e %H:%M:%S ", time.gmtime(at)).encode() + f"dell postfix/{text}\n".encode()


def test_log_lines_go_to_the_week_in_which_they_were_written(tmp_path: Path) -> None:
    """What came before and after the month stays; each file holds its days, in order, at the old time of day."""
    log = tmp_path / "mail.log"
    parts = [line(BEGUN, f"qmgr[1]: AAAAAA{n}: removed") for n in range(5)]
    starts = [sum(map(len, parts[:n])) for n in range(6)]
    log.write_bytes(b"".join(parts))
    ages = (22.5, 3.25, 0.5)
    date_log_back(log, "dell", [period(age, (starts[n + 1], starts[n + 2])) for n, age in enumerate(ages)])
    texts = {
        "": log.read_bytes(),
        ".1": (tmp_path / "mail.log.1").read_bytes(),
        ".4.gz": gzip.decompress((tmp_path / "mail.log.4.gz").read_bytes()),
    }
    found = {
        name: [(trail.queue_id, trail.at - BEGUN) for trail in parse(text.decode(), now=BEGUN).trails]
        for name, text in texts.items()
    }
    assert found[".4.gz"] == [("AAAAAA1", -22.5 * DAY_S)]
    assert found[".1"] == [("AAAAAA2", -3.25 * DAY_S)]
    assert found[""] == [("AAAAAA3", -0.5 * DAY_S), ("AAAAAA0", 0), ("AAAAAA4", 0)]
    assert (tmp_path / "mail.log.1").stat().st_mtime < BEGUN


def test_a_message_keeps_all_but_its_dates(tmp_path: Path) -> None:
    """Received, the file's name and its time go back; Date, body and signatures stay."""
    new = tmp_path / "alice/Maildir/new"
    new.mkdir(parents=True)
    head = (
        b"Received: from a by b\n\tfor <c>; Mon, 21 Sep 2026 13:33:20 +0000 (UTC)\n"
        b"DKIM-Signature: t=1790000000;\n\tb=x\nDate: Mon, 21 Sep 2026 13:33:20 +0000\n"
    )
    body = b"\nReceived: Mon, 21 Sep 2026 13:33:20 +0000\n\n\n"
    (new / "1790000000.M250000P9.dell,S=3,W=4").write_bytes(head + body)
    (new / "1790000009.M1P9.dell").write_bytes(head + body)
    (new.parent / "dovecot-uidlist").touch()
    date_mailboxes_back(tmp_path, [period(2, (0, 0))])
    moved, stayed = sorted(new.iterdir())
    assert (moved.name, stayed.name) == ("1789827200.M250000P9.dell", "1790000009.M1P9.dell")
    assert moved.read_bytes() == head.replace(b"Mon, 21", b"Sat, 19", 1) + body
    assert moved.stat().st_mtime == 1789827200.25
    assert not (new.parent / "dovecot-uidlist").exists()
