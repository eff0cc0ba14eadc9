"""Many messages, many connections, large messages: none is lost or doubled, and memory stays bounded."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import aiosmtplib
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fixtures.lab.emulator.hop.content import Content
from fixtures.lab.emulator.hop.sign import dkim_signature
from fixtures.lab.emulator.keys import SigningKey
from fixtures.lab.emulator.rig import ROUTED, SENDER, Rig, rig
from tests.emulator.hop_support import message

MESSAGES = int(os.environ.get("MXGATE_HOP_MESSAGES", "500"))
"""How many are counted; 10000 takes a minute or two."""
BODY_OCTETS = 26_000_000
MIB = 1 << 20


@pytest.fixture(scope="module")
def sender() -> SigningKey:
    return SigningKey.generate("s1")


@pytest.fixture
def loaded(root: Path, sender: SigningKey, tmp_path: Path) -> Iterator[Rig]:
    pem = tmp_path / "s1.pem"
    pem.write_bytes(sender.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with rig(root, keep=True, sender_key=pem) as made:
        yield made


def test_no_message_of_many_is_lost_or_doubled(loaded: Rig) -> None:
    loaded.send(MESSAGES, loaded.mx_port, at_once=20, octets=1000)
    arrived = loaded.arrived()
    doubled = {each: times for each, times in arrived.items() if times > 1}
    assert (len(arrived), doubled) == (MESSAGES, {})


def test_two_hundred_connections_at_once_take_little(loaded: Rig) -> None:
    loaded.send(50, loaded.mx_port)
    before = loaded.memory_mib()
    peak = loaded.peak_mib(lambda: loaded.send(600, loaded.mx_port, at_once=200))
    assert peak - before < 40
    assert len(loaded.arrived()) == 650


@pytest.mark.parametrize("line", [b"x" * 76, b"a few words, as in any text that people write to each other"])
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_the_largest_message_takes_less_than_four_times_its_size(
    loaded: Rig, sender: SigningKey, line: bytes, signed: bool
) -> None:
    mail = message(body="") + (line + b"\r\n") * (BODY_OCTETS // (len(line) + 2))
    if signed:
        mail = dkim_signature(Content.of(mail), SENDER, sender, ["from", "subject"]) + mail
    hand_over(loaded, message())
    before = loaded.memory_mib()
    peak = loaded.peak_mib(lambda: hand_over(loaded, mail))
    assert (peak - before) * MIB < 4 * len(mail), f"{peak - before:.0f} MiB"
    assert len(loaded.arrived()) == 2


def test_what_never_ends_takes_no_more_than_the_largest_message(loaded: Rig) -> None:
    async def say(*first: bytes) -> None:
        begin = f"EHLO x\r\nMAIL FROM:<bob@{SENDER}>\r\nRCPT TO:<alice@{ROUTED}>\r\n".encode()
        _, writer = await asyncio.open_connection("127.0.0.1", loaded.mx_port)
        writer.write(b"".join((begin, *first)))
        for _ in range(60):
            writer.write(b"y" * MIB)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    hand_over(loaded, message())
    for first in (b"DATA\r\n", b"BDAT 99999999999\r\n", b"NOOP "):
        before = loaded.memory_mib()
        peak = loaded.peak_mib(_ran(say, first))
        assert peak - before < 80, f"{peak - before:.0f} MiB after {first!r}"
    hand_over(loaded, message())
    assert len(loaded.arrived()) == 2


def hand_over(loaded: Rig, mail: bytes) -> None:
    async def send() -> None:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=loaded.mx_port, local_hostname=f"client.{SENDER}", start_tls=False, timeout=60
        )
        async with client:
            await client.mail(f"bob@{SENDER}")
            await client.rcpt(f"alice@{ROUTED}")
            await client.data(mail)

    asyncio.run(send())


def _ran(say: Callable[..., object], first: bytes) -> Callable[[], object]:
    return lambda: asyncio.run(say(first))  # type: ignore[arg-type]  # a coroutine function
