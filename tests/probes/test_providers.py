"""Big providers, by logs as Postfix writes them: who wrote by EC2, who has come by Cloudflare, and who is silent."""

import time
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.probes.cloudflare import events
from fixtures.probes.cloudflare.events import Event, Events
from fixtures.probes.logs import providers
from fixtures.probes.logs.providers import Heard, Provider, Spam, of
from fixtures.probes.mailbox import imap
from fixtures.probes.mailbox.imap import Stored
from tests.probes.test_history import DAY_S, MAIN, migration

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
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - days * DAY_S))
    lines = (
        ("smtpd", f"client={client}"),
        ("cleanup", f"message-id=<{queue_id[:-1]}@x>"),
        ("qmgr", f"from=<{sender}>, size=900, nrcpt=1 (queue active)"),
        ("smtp", f"to=<{to}>, relay=r, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (said)"),
        ("qmgr", "removed"),
    )
    return "".join(f"{stamp} host postfix/{daemon}[7]: {queue_id}: {rest}\n" for daemon, rest in lines)


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
