"""Lines that nobody writes: blank ones by the million, stuffed dots, and a header as it was written long ago."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.emulator.rig import ROUTED, SENDER, Rig, rig
from tests.emulator.hop_support import Scene, message

MIB = 1 << 20
BEGIN = f"EHLO client.{SENDER}\r\nMAIL FROM:<bob@{SENDER}>\r\nRCPT TO:<alice@{ROUTED}>\r\n".encode()
TIMES_MAX = 2.5
"""What grows with the square of the lines takes hundreds of times as long."""
LATE_S_MAX = 2.0
"""Of another client's answer meanwhile: on two cores with other work there is much besides the hop."""


@pytest.fixture(scope="module")
def standing(root: Path) -> Iterator[Rig]:
    with rig(root) as made:
        yield made


async def says(port: int, *octets: bytes) -> list[bytes]:
    """The replies to OCTETS, all sent at once before the client stops sending."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"".join(octets))
    writer.write_eof()
    said = (await reader.read()).splitlines()
    writer.close()
    return said


async def took_s(port: int, body: bytes) -> tuple[float, float]:
    """For how long a message of BODY keeps its sender waiting, and another client at most meanwhile."""
    late = 0.0

    async def another() -> None:
        nonlocal late
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        try:
            while True:
                begun = time.perf_counter()
                writer.write(b"NOOP\r\n")
                await reader.readline()
                late = max(late, time.perf_counter() - begun)
                await asyncio.sleep(0.005)
        finally:
            writer.close()

    waiting = asyncio.ensure_future(another())
    begun = time.perf_counter()
    said = await says(port, BEGIN, b"DATA\r\n", message(body=""), body, b".\r\nQUIT\r\n")
    waiting.cancel()
    await asyncio.wait([waiting])
    assert said[-2].startswith(b"250"), said
    return time.perf_counter() - begun, late


@pytest.mark.parametrize(("line", "grows"), [(b"\r\n", 1), (b"\r\r\n", 5 / 3)], ids=["CRLF", "CR CRLF"])
def test_24_mib_of_blank_lines_take_not_much_longer_than_text(standing: Rig, line: bytes, grows: float) -> None:
    """GROWS: a CR by itself becomes a line end of two octets, so 4/3, and as much again to make each of them."""
    text, blanks = (b"x" * 76 + b"\r\n") * (24 * MIB // 78), line * (24 * MIB // len(line))
    for _ in range(3):  # others work on this machine too
        of_text, _ = asyncio.run(took_s(standing.mx_port, text))
        of_blanks, late = asyncio.run(took_s(standing.mx_port, blanks))
        print(f"text {of_text:.2f} s, blank lines {of_blanks:.2f} s, another client waited {late:.2f} s")
        if fair := of_blanks <= TIMES_MAX * grows * of_text and late < LATE_S_MAX:
            break
    assert fair


async def test_stuffed_dots_do_not_count_against_the_size(stage: Scene) -> None:
    """RFC 1870, 5: the size is that of the message, not of what is sent."""
    begin = b"From: a@b.example\r\n\r\n"
    room = SIZE_MAX - len(begin)
    stage.zone.routing.rules[0].actions = [{"type": "drop"}]
    for body, code in ((b"..\r\n" * (room // 3), b"250"), (b"..\r\n" * (room // 3 + 1), b"552")):
        said = await says(stage.mx_port, BEGIN, b"DATA\r\n", begin, body, b".\r\nQUIT\r\n")
        assert said[-2][:3] == code


async def test_an_empty_message_ends_at_its_first_dot(stage: Scene) -> None:
    said = await says(stage.mx_port, BEGIN, b"DATA\r\n.\r\nNOOP\r\n\r\n.\r\n")
    assert [line[:3] for line in said[-5:]] == [b"354", b"250", b"250", b"500", b"500"]


async def test_a_client_that_said_all_and_stops_sending_hears_all(stage: Scene) -> None:
    for number in range(10):
        said = await says(stage.mx_port, BEGIN, b"DATA\r\n", message(), b".\r\nQUIT\r\n")
        codes = [line[:3] for line in said if line[3:4] == b" "]
        assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"221"], said
        assert len(stage.destination.taken) == number + 1


async def test_what_was_cut_off_is_neither_taken_nor_answered(stage: Scene) -> None:
    for rest in (b"", b".", b".\r"):
        assert (await says(stage.mx_port, BEGIN, b"DATA\r\n", message(), rest))[-1].startswith(b"354")
    assert (await says(stage.mx_port, BEGIN, b"BDAT 999 LAST\r\n", message()))[-1].startswith(b"250 2.1.5")
    assert not stage.destination.taken


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (b"X-Sp : y", "250"),
        (b"X-Tab\t: y", "250"),
        (b"From eve@evil.example Sat Nov 21 09:25:54 2026", "550"),
        (b"From: Eve <eve@evil.example>", "550"),
        (b"no field", "550"),
        (b": y", "550"),
    ],
    ids=["obsolete", "obsolete, tab", "mbox", "second From", "no colon", "no name"],
)
async def test_a_first_line_as_nobody_writes_it(stage: Scene, field: bytes, code: str) -> None:
    assert (await stage.send(field + b"\r\n" + message())).startswith(code)
    if code == "250":
        assert b"\r\n" + field + b"\r\nFrom: Bob <" in stage.last[2]


async def test_nested_comments_get_a_verdict_no_defect(stage: Scene, caplog: pytest.LogCaptureFixture) -> None:
    stage.zone.routing.rules[0].actions = [{"type": "drop"}]
    comments = b"From: " + b"(" * 2000 + b")" * 2000 + b" a@" + SENDER.encode()
    reply = await stage.send(comments + b"\r\n" + message().partition(b"\r\n")[2])
    assert reply.startswith("250"), reply
    assert not [each for each in caplog.records if each.exc_info]
