"""Real mail by the logs of both hosts: which providers wrote by which way, which are silent, and kinds of sender."""

import gzip
import time
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.probes.cloudflare import events
from fixtures.probes.cloudflare.events import Event, Events
from fixtures.probes.dns import spf
from fixtures.probes.logs import providers, real_kinds
from fixtures.probes.logs.providers import Heard, Provider, Spam, of
from fixtures.probes.mailbox import imap
from fixtures.probes.mailbox.imap import Stored
from tests.probes import test_history
from tests.probes.test_history import MAIN, migration

ALICE = f"alice@{MAIN}"
NOTHING = "Cloudflare says nothing"


@pytest.mark.parametrize(
    ("name", "whose"),
    [
        ("mail-ej1-f41.google.com", "Gmail"),
        ("GMAIL.com.", "Gmail"),
        ("mail-tyzapc01on2083.outbound.protection.outlook.com", "Outlook"),
        ("docomo.ne.jp", "docomo"),
        ("mfsmax.docomo.ne.jp", "docomo"),
        ("yahoo.co.jp", "Yahoo! JAPAN"),
        ("sonic301-1.consmr.mail.ne1.yahoo.com", "Yahoo"),
        ("notgoogle.com", ""),
        ("google.com.evil.example", ""),
        ("com", ""),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_whose_a_name_is(name: str, whose: str) -> None:
    assert of(name) == whose


def mail(queue_id: str, client: str, sender: str, to: str = ALICE, days: float = 2) -> str:
    """One message's lines; its Message-ID is QUEUE_ID's without the last letter, the same on both hosts."""
    return test_history.mail(days, queue_id, f"<{queue_id[:-1]}@x>", to, client=client, sender=sender)


def heard(
    folder: Path, monkeypatch: pytest.MonkeyPatch, boxes: dict[str, str], delivered: tuple[Event, ...] | None
) -> Heard:
    """What is heard where the logs lie in FOLDER. BOXES: Message-ID to author; DELIVERED None: nobody can ask."""
    stored = tuple(
        Stored("alice", "INBOX", 1, (("Message-ID", key), ("From", by)), junk="Sato" in by) for key, by in boxes.items()
    )

    def said(*_: object) -> Events:
        if delivered is None:
            raise CouldNotAsk(NOTHING)
        return Events(MAIN, 0, 0, delivered, None)  # type: ignore[arg-type] # nobody looks at the evidence

    monkeypatch.setattr(imap, "kept", lambda *_, **__: imap.Mailboxes(stored, ()))
    monkeypatch.setattr(events, "events", said)
    return providers.ask(migration(folder), (MAIN,))


def test_by_logs_mailboxes_and_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    google, docomo, apple = "mail-ej1-f41.google.com[209.85.1.1]", "mfsmax.docomo.ne.jp[203.0.113.5]", "x[17.1.1.1]"
    (tmp_path / "ec2.log").write_text(
        mail("AAAAAA1", google, "tanaka@customer.example", days=9)
        + mail("BBBBBB1", google, "sato@gmail.com", days=8)
        + mail("CCCCCC1", docomo, "hana@docomo.ne.jp", days=7)
        + mail("DDDDDD1", apple, "yuki@icloud.com", days=6)
        + mail("EEEEEE1", "shop.example[203.0.113.9]", "news@shop.example", days=5)
    )
    hidden = f"cfbounces+ndrdrop@{MAIN}"
    (tmp_path / "dell.log").write_text(
        mail("FFFFFF2", "x[104.30.1.1]", hidden, f"alice@dell.{MAIN}", days=1)
        + mail("GGGGGG2", "x[104.30.1.2]", hidden, f"alice@dell.{MAIN}", days=0.5)
    )
    boxes = {"<FFFFFF@x>": "Sato <sato@gmail.com>", "<GGGGGG@x>": "news@shop.example"}
    found = heard(tmp_path, monkeypatch, boxes, None)
    assert [(each.name, each.by_ec2, each.by_cloudflare) for each in found.providers] == [
        ("Gmail", 2, 1),
        ("iCloud", 1, 0),
        ("docomo", 1, 0),
    ]
    gmail, _, silent = providers.judged(found)
    assert gmail.verdict is Verdict.PASS
    assert silent.verdict is Verdict.INCONCLUSIVE
    assert gmail.found.startswith("1 by Cloudflare (1 of 1 in Junk), the last on ")
    assert silent.hint == f"Write from an account at docomo to {found.write_to}, and judge again"
    assert NOTHING in silent.found
    # Cloudflare's events know what was deleted since, and our own test mail is nobody's.
    now = time.time()
    delivered = (
        Event(now, "<1@docomo>", "hana@docomo.ne.jp", ALICE, "", "delivered", "forward", "", 1),
        Event(now, "<2@icloud>", "yuki@icloud.com", ALICE, "", "rejected", "forward", "", 1),
        Event(now, "<mxgate.3@x>", "yuki@icloud.com", ALICE, "", "delivered", "forward", "", 1),
    )
    found = heard(tmp_path, monkeypatch, boxes, delivered)
    assert [each.name for each in found.providers if each.silent] == ["iCloud"]
    assert list(providers.lines(found)) == [
        "big providers whose mail came by Cloudflare: Gmail 1, docomo 1",
        f"iCloud: 1 by EC2, none by Cloudflare yet: write from there to {found.write_to}",
    ]


@pytest.mark.parametrize(
    ("by_ec2", "by_cloudflare", "verdict"),
    [
        ((0, 30), (5, 10), Verdict.FAIL),
        ((0, 30), (4, 10), Verdict.PASS),
        ((3, 30), (5, 10), Verdict.FAIL),
        ((9, 30), (5, 10), Verdict.PASS),
        ((0, 1), (5, 200), Verdict.PASS),  # of one message nobody can tell what share it was
        ((0, 0), (9, 10), Verdict.PASS),
    ],
)
def test_what_goes_to_spam_only_by_the_new_way_is_no_arrival(
    by_ec2: tuple[int, int], by_cloudflare: tuple[int, int], verdict: Verdict
) -> None:
    gmail = Provider("Gmail", 30, 1.0, 10, time.time(), Spam(*by_ec2), Spam(*by_cloudflare))
    (found,) = providers.judged(Heard((gmail,), ALICE, "", ()))
    assert found.verdict is verdict
    assert f"{by_cloudflare[0]} of {by_cloudflare[1]} in Junk" in found.found


def test_where_none_of_them_wrote_there_is_nothing_to_wait_for() -> None:
    (found,) = providers.judged(Heard((), ALICE, "", ()))
    assert found.verdict is Verdict.PASS
    assert "none of Gmail, Outlook" in found.found


def test_one_that_wrote_only_since_the_switch_is_through() -> None:
    (found,) = providers.judged(Heard((Provider("Gmail", 0, 0, 3, time.time()),), ALICE, "", ()))
    assert found.verdict is Verdict.PASS
    assert found.found.startswith("3 by Cloudflare")


def ended(lines: str, client: str, counts: str) -> str:
    """LINES, and the end of their session, with how often the CLIENT gave which command."""
    head = lines.partition(" postfix/")[0]
    return f"{lines}{head} postfix/smtpd[7]: disconnect from {client} ehlo=2 {counts} commands=9\n"


def test_logs_say_how_mail_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hosts' logs, rotated too; nothing lies in a mailbox any more."""
    six, four, news = "x[2001:db8::9]", "x[192.0.2.1]", "news@shop.example"
    old = ended(mail("AAAAAA11", six, news), six, "starttls=1 mail=1 rcpt=1 data=1 quit=1")
    (tmp_path / "ec2.log.1.gz").write_bytes(gzip.compress(old.encode()))
    bounced = ended(mail("BBBBBB11", four, "", f"{ALICE} bob@{MAIN}"), four, "mail=1 rcpt=2 data=1")
    (tmp_path / "ec2.log").write_text(bounced)
    rewritten = f"SRS0=abcd=ef=shop.example=news@{MAIN}"
    dell = mail("AAAAAA12", "x[100.64.10.1]", news)
    (tmp_path / "dell.log").write_text(dell + mail("CCCCCC12", "x[104.30.1.1]", rewritten, f"alice@dell.{MAIN}"))
    monkeypatch.setattr(imap, "kept", lambda *_, **__: imap.Mailboxes((), ()))
    monkeypatch.setattr(spf, "check", lambda *_: spf.Result("pass", "", 0, 0))
    found = {(each.sender, each.by_cloudflare): each for each in real_kinds.ask(migration(tmp_path), (MAIN,)).letters}
    first, bounce, since = found["shop.example", False], found["", False], found["shop.example", True]
    assert (first.version, first.tls, first.spf, first.signed, first.recipients) == (6, True, True, None, 1)
    assert (bounce.version, bounce.tls, bounce.spf, bounce.recipients) == (4, False, False, 2)
    assert (since.version, since.tls, since.spf, since.signed) == (0, None, None, None)
    real = real_kinds.Real(tuple(found.values()), ())
    assert real_kinds.judged("IPv6", "x", "nobody of ours is", real).verdict is Verdict.PASS
