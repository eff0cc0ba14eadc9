"""The message matrix as data, and what is called a change of a message."""

import email
import re
from base64 import encodebytes
from dataclasses import replace
from email.policy import default

import pytest

from fixtures.probes.mailbox import shapes
from fixtures.probes.mailbox.message import changes
from fixtures.probes.mailbox.shapes import Shape, every, write
from tests.judges import ALICE


def written(shape: Shape) -> bytes:
    friend = "friend@sender.example.net"
    return write(shape, friend, friend, ("alice@example.net",), ("a@b.c",)).content


def small(shape: Shape) -> Shape:
    """What is large takes long to parse, and is alike from line to line."""
    return replace(shape, octets=min(shape.octets, 20_000))


def named(name: str) -> Shape:
    return next(shape for shape in every() if shape.name == name)


@pytest.mark.parametrize("shape", every(), ids=lambda shape: shape.name)
def test_every_shape_is_a_message_that_says_what_is_special(shape: Shape) -> None:
    content = written(small(shape))
    assert re.match(rb"# ?[^\r\n]{11}", (shapes.SHAPES / f"{shape.name}.eml").read_bytes())
    assert re.search(rb"^Message-ID: (\S+)\r\nX-Mxgate-Id: \1\r\n", content, re.MULTILINE)
    assert b"{" not in content.split(b"\r\n\r\n")[0]
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    parsed = email.message_from_bytes(content, policy=default)
    assert not parsed.defects
    assert all(not part.defects for part in parsed.walk())
    assert list(changes(content, content)) == []


def test_bodies_are_what_their_files_say() -> None:
    def body(name: str) -> str:
        return str(email.message_from_bytes(written(named(name)), policy=default).get_body().get_content())  # type: ignore[union-attr]

    assert "試験メール" in body("iso-2022-jp")
    assert "Straße" in body("eight-bit")
    assert "🙂" in body("utf-8")
    parts = email.message_from_bytes(written(named("file-names")), policy=default).iter_attachments()
    assert [part.get_filename() for part in parts][1:] == ["見積書.pdf", "見積書.xls"]
    assert max(map(len, written(named("long-lines")).split(b"\r\n"))) == 998
    assert 20 * 2**20 <= len(written(named("20-mib"))) < 20.1 * 2**20


def test_directives_are_read_and_mistakes_named() -> None:
    assert (named("null-sender").local, named("two-dots").local, named("html").local) == ("", "a..b", None)
    assert (named("several-recipients").recipients, named("plus-address").detail) == (3, "shop")
    to = {name: named(name).written(ALICE) for name in ("capitals", "plus-address", "html")}
    assert to == {"capitals": "ALICE@a.example", "plus-address": "alice+shop@a.example", "html": "alice@a.example"}
    with pytest.raises(ValueError, match="colour"):
        shapes._shape("x", b"# special\n@ colour red\nFrom: {from}\n\n")
    assert shapes._shape("x", b"").template == b""


@pytest.mark.parametrize(
    ("name", "was", "becomes", "said"),
    [
        ("html", b"From: ", b"From: Gateway ", "From was changed"),
        ("html", b"Message-ID: <mxgate", b"Message-ID: <0106018f", "Message-ID was changed"),
        ("raw-subject", "移行".encode(), "試験".encode(), "Subject was changed"),
        ("utf-8", "これは".encode(), "それは".encode(), "the body or its parts"),
        ("file-names", b"filename*=ISO-2022-JP''", b"filename*=UTF-8''", "names of attachments"),
        ("smime-signed", b"at its end:   \r\n", b"at its end:\r\n", "the part that was signed"),
        ("smime-signed", b"\r\n.A line", b"\r\n..A line", "the part that was signed"),
        ("20-mib", b"large.bin", b"small.bin", "names of attachments"),
    ],
)
def test_what_is_changed_is_named(name: str, was: bytes, becomes: bytes, said: str) -> None:
    sent = written(small(named(name)))
    assert was in sent
    assert any(said in change for change in changes(sent, sent.replace(was, becomes, 1)))


def test_what_mail_servers_may_do_is_no_change() -> None:
    sent = written(named("utf-8"))
    traced = b"Received: from a by b; Mon, 1 Jan 2026 00:00:00 +0000\r\n" + sent
    assert list(changes(sent, traced)) == []
    assert list(changes(sent, sent.replace(b"=\r\n =?UTF-8", b"=\r\n\t=?UTF-8"))) == []
    recoded = sent.replace(b"Content-Transfer-Encoding: 8bit", b"Content-Transfer-Encoding: base64")
    head, _, body = recoded.partition(b"\r\n\r\n")
    assert list(changes(sent, head + b"\r\n\r\n" + encodebytes(body).replace(b"\n", b"\r\n"))) == []


def test_what_is_no_message_is_named_and_not_raised() -> None:
    sent = written(named("smime-signed"))
    for arrived in (b"", b"\r\n", b"\xff" * 1000, sent[:200], b"Content-Type: multipart/signed\r\n\r\n--"):
        assert list(changes(sent, arrived))


def test_a_line_that_breaks_off_the_header_changes_the_body() -> None:
    """Below the first empty line all is as it was."""
    sent = written(named("utf-8"))
    head, _, body = sent.partition(b"\r\n\r\n")
    assert list(changes(sent, head + b"\r\nno field\r\nX-Last: x\r\n\r\n" + body))
    declared = sent.replace(b"Content-Type: ", b"Content-Type: image/png\r\nContent-Type: ", 1)
    assert any("the body or its parts" in change for change in changes(sent, declared))
