"""Which of a user's folders are looked through, by a server's answers as Dovecot gives them."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from imapclient.exceptions import IMAPClientError
from pydantic import SecretStr

from fixtures.evidence import CouldNotAsk
from fixtures.probes.mailbox import imap

BOX = imap.Mailbox("mx.example", 993, "ben@x.example", SecretStr("x"))
CLOSED = "select failed: [NOPERM] Permission denied"


def _serve(monkeypatch: pytest.MonkeyPatch, faults: dict[str, str], folders: int) -> None:
    """A mailbox with one message in each of its folders; INBOX is the last, as Dovecot lists a Maildir's."""
    names = [f"folder {number}" for number in range(folders - len(faults) - 1)] + [*faults, "INBOX"]
    chosen = [""]

    def select_folder(name: str, *, readonly: bool) -> None:
        assert readonly
        if name in faults:
            raise IMAPClientError(faults[name])
        chosen[0] = name

    @contextmanager
    def opened(_: imap.Mailbox) -> Iterator[tuple[SimpleNamespace, None]]:
        yield (
            SimpleNamespace(
                list_folders=lambda: [((b"\\HasNoChildren",), b".", name) for name in names],
                select_folder=select_folder,
                search=lambda _: [1],
                fetch=lambda *_: {1: {b"BODY[HEADER]": f"Message-ID: <{chosen[0]}@x>\r\n\r\n".encode()}},
            ),
            None,
        )

    monkeypatch.setattr(imap, "opened", opened)


def test_the_inbox_is_read_behind_many_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    _serve(monkeypatch, {}, 400)
    found = imap.lying(BOX, ["<x>"], 0)
    assert len(found) == 400
    assert found[-1].folder == "INBOX"


def test_a_folder_that_its_user_may_not_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is shown to everybody (RFC 4314: the right l without r); another fault stays one."""
    _serve(monkeypatch, {"Public/board": CLOSED}, 4)
    assert [each.folder for each in imap.lying(BOX, ["<x>"], 0)] == ["folder 0", "folder 1", "INBOX"]
    _serve(monkeypatch, {"Broken": "select failed: [SERVERBUG] Internal error"}, 4)
    with pytest.raises(CouldNotAsk, match=r"folder Broken: .*SERVERBUG"):
        imap.lying(BOX, ["<x>"], 0)


def test_more_folders_than_can_be_read_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    _serve(monkeypatch, {}, imap.FOLDERS_MAX + 1)
    with pytest.raises(CouldNotAsk, match=f"has {imap.FOLDERS_MAX + 1} folders; expected at most"):
        imap.lying(BOX, ["<x>"], 0)
