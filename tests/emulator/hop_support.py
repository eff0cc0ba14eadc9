"""What the hop's tests stand on: names served over UDP, a destination's mail server, and the hop between them."""

# ruff: noqa: ARG002  aiosmtpd passes all its hooks the server, the session and the envelope

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import aiosmtplib
import dkim
from aiosmtpd.smtp import SMTP, Envelope, Session
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fixtures.lab.emulator.hop import Hop
from fixtures.lab.emulator.keys import SigningKey
from fixtures.lab.emulator.knobs import Knobs
from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER, Names, certificate, free_port, table, world as new_world
from fixtures.lab.emulator.state import World, Zone
from fixtures.lab.endpoint import Endpoint


@dataclass(slots=True)
class Destination25:
    """The destination's server: keeps what it takes, and answers as ``replies`` say."""

    replies: dict[str, str] = field(default_factory=dict)
    """Reply to RCPT or DATA instead of acceptance."""
    taken: list[tuple[str, str, bytes, str]] = field(default_factory=list)
    """Sender, recipient, message, the client's HELO."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802  aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if "RCPT" in self.replies:
            return self.replies["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.replies:
            return self.replies["DATA"]
        message = envelope.content if isinstance(envelope.content, bytes) else b""
        self.taken.append((envelope.mail_from or "", envelope.rcpt_tos[0], message, session.host_name or ""))
        self.arrived.set()
        return "250 2.0.0 Ok: queued as 4Zx"


@dataclass(slots=True)
class Scene:
    """A hop with one routed zone, ``alice`` forwarded, and a well-behaved sender's key."""

    world: World
    zone: Zone
    names: dict[tuple[str, str], list[str]]
    names_port: int
    destination: Destination25
    mx_port: int
    sender_key: SigningKey
    signing: SigningKey
    hop: Hop

    def client(self, **more: Any) -> aiosmtplib.SMTP:
        """Of SMTP, as ``client.sender.example.net``."""
        name = f"client.{SENDER}"
        given = {"local_hostname": name, "validate_certs": False, "timeout": 20, **more}
        return aiosmtplib.SMTP(hostname="127.0.0.1", port=self.mx_port, **given)

    async def send(
        self, message: bytes, *, sender: str = f"bob@{SENDER}", to: tuple[str, ...] = (), option: str = "SIZE=100"
    ) -> str:
        """Hand MESSAGE over and return the last reply, whatever it is. OPTION: of MAIL."""
        async with self.client() as client:
            try:
                await client.mail(sender, options=[option] if option else [], encoding="utf-8")
                for recipient in to or (f"alice@{ROUTED}",):
                    await client.rcpt(recipient, encoding="utf-8")
                reply = await client.data(message)
            except aiosmtplib.SMTPResponseException as error:
                return f"{error.code} {error.message}"
        return f"{reply.code} {reply.message}"

    def signed(self, message: bytes) -> bytes:
        """MESSAGE with the sender's own DKIM signature, by another signer than the hop's."""
        key = self.sender_key
        pem = key.private_key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        made = dkim.sign(message, key.selector.encode(), SENDER.encode(), pem, canonicalize=(b"relaxed", b"relaxed"))
        return bytes(made) + message

    @property
    def last(self) -> tuple[str, str, bytes, str]:
        return self.destination.taken[-1]


def message(subject: str = "Hello", body: str = "A line.\r\n..dots\r\n\r\n\r\n") -> bytes:
    """A message from bob to alice."""
    header = f"From: Bob <bob@{SENDER}>\r\nTo: alice@{ROUTED}\r\nSubject: {subject}\r\n"
    header += f"Message-ID: <{time.time_ns()}@{SENDER}>\r\nDate: Sat, 21 Nov 2026 09:25:54 +0000\r\n"
    return f"{header}\r\n{body}".encode()


@cache
def _key(selector: str) -> SigningKey:
    """One for all scenes: to make a key takes longer than many a test."""
    return SigningKey.generate(selector)


@asynccontextmanager
async def scene(folder: Path, *, tls: bool = True) -> AsyncIterator[Scene]:
    """Everything up on loopback; down again at the end."""
    loop = asyncio.get_running_loop()
    signing, sender = _key("cf2024-1"), _key("s1")
    names = table(signing, sender)
    transport, _ = await loop.create_datagram_endpoint(lambda: Names(names), ("127.0.0.1", 0))
    names_port = transport.get_extra_info("sockname")[1]
    pem = certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    destination = Destination25()
    server = await loop.create_server(
        lambda: SMTP(destination, hostname=DELIVERY, tls_context=context if tls else None, loop=loop), "127.0.0.1", 0
    )
    world, zone = new_world(Knobs())
    mx_port = free_port()
    hop = Hop(
        world, signing, ["127.0.0.1"], pem, mx_port, bind_sources=False,
        upstream_port=server.sockets[0].getsockname()[1], nameserver=Endpoint("127.0.0.1", names_port),
    )  # fmt: skip
    await hop.start()
    try:
        yield Scene(world, zone, names, names_port, destination, mx_port, sender, signing, hop)
    finally:
        await hop.stop()
        server.close()
        transport.close()
