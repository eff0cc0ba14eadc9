"""The person finds each link once, whatever others do to the mailboxes meanwhile."""

from pathlib import Path

from fixtures.lab.person import Inboxes

LINK = "https://dash.cloudflare.com/email-routing/verify?token=1"
MAIL = f"From: Cloudflare <noreply@notify.cloudflare.com>\r\n\r\n{LINK}\r\n"


def maildir(folder: Path) -> Path:
    made = folder / "alice" / "Maildir"
    for name in ("new", "cur", "tmp"):
        (made / name).mkdir(parents=True)
    return made


def test_mail_that_a_client_opened_first(tmp_path: Path) -> None:
    box = maildir(tmp_path)
    (box / "cur/1.a.dell:2,S").write_text(MAIL)
    assert list(Inboxes(tmp_path).links()) == [("alice", LINK)]


def test_mail_that_is_opened_later_is_read_once(tmp_path: Path) -> None:
    box, person = maildir(tmp_path), Inboxes(tmp_path)
    mail = box / "new/1.a.dell"
    mail.write_text(MAIL)
    assert list(person.links()) == [("alice", LINK)]
    mail.rename(box / "cur/1.a.dell:2,S")
    assert list(person.links()) == []


def test_mail_that_goes_while_it_is_looked_at(tmp_path: Path) -> None:
    box = maildir(tmp_path)
    (box / "new/1.a.dell").symlink_to("gone")
    (box / "new/2.a.dell").write_text(MAIL)
    assert list(Inboxes(tmp_path).links()) == [("alice", LINK)]
