"""The trial's own mail server: takes what Cloudflare forwards, or refuses, drops and stalls it as it is asked to.

It listens where the settings say: on this machine, in a network namespace, or on a host by SSH, whose SSH server then
listens (GatewayPorts clientspecified); nothing is installed there. It relays nothing, and keeps mail in memory only.
"""

import asyncio
import socket
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from functools import partial
from typing import Literal

import asyncssh
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fixtures.access.loop import run
from fixtures.access.namespaces import inside
from fixtures.access.transport import shell
from fixtures.evidence import CouldNotAsk
from fixtures.settings import Vantage

PORT = 25
LINE_MAX, MESSAGE_MAX = 1 << 20, 40 << 20
COMMAND_S = 60.0
SIZE = 50_000_000
FREEBIND = {socket.AF_INET: (socket.SOL_IP, 15), socket.AF_INET6: (socket.IPPROTO_IPV6, 78)}
"""IP_FREEBIND and IPV6_FREEBIND (Linux, ip(7)), which Python has no name for before 3.12."""
How = Literal["take", "4xx at RCPT", "5xx at RCPT", "4xx after the dot", "5xx after the dot", "drop", "stall"]
REPLIES: dict[How, str] = {
    "4xx at RCPT": "451 4.3.0 mxgate trial: try again later",
    "5xx at RCPT": "550 5.7.1 mxgate trial: not here",
    "4xx after the dot": "451 4.3.0 mxgate trial: try again later",
    "5xx after the dot": "550 5.6.0 mxgate trial: not this",
}

SILENT: dict[How, float] = {"drop": 0.0, "stall": 120.0}
"""After the end of data: for so many seconds nothing is said, and then the connection ends."""
OTHERS = {"QUIT": "221 2.0.0 Bye", "RSET": "250 2.0.0 Ok", "NOOP": "250 2.0.0 Ok"}


@dataclass(slots=True)
class Contact:
    """One session of somebody's, as far as it went. ``at``: real time."""

    peer: str
    at: float = field(default_factory=time.time)
    helo: str = ""
    tls: str = ""
    """Version and cipher; empty: in the clear."""
    sender: str = ""
    recipients: list[str] = field(default_factory=list)
    content: bytes = b""
    met: How = "take"

    @property
    def message(self) -> Message:
        return message_from_bytes(self.content)

    @property
    def taken(self) -> bool:
        """It was answered 250 after the dot."""
        return bool(self.content) and self.met == "take"


@dataclass(slots=True)
class Receiver:
    """The server. ``how``: what every session meets that names a recipient now."""

    addresses: tuple[str, ...]
    via: Vantage | None
    name: str
    how: How = "take"
    contacts: list[Contact] = field(default_factory=list)
    _servers: list[asyncio.Server | asyncssh.SSHListener] = field(default_factory=list)
    _sessions: set[asyncio.Task[None]] = field(default_factory=set)

    def open(self) -> None:
        """Listen. ``CouldNotAsk`` where port 25 can't be had."""
        try:
            run(self._open())
        except (OSError, CouldNotAsk, asyncssh.Error, asyncssh.ChannelListenError) as fault:
            run(self._close())
            where = f"{', '.join(self.addresses)} port {PORT} at {self.via.name if self.via else 'this machine'}"
            raise CouldNotAsk(
                f"trial: the trial's mail server can't listen on {where}: {fault}. Expected a port 25 that is free "
                "there; by SSH also root, and GatewayPorts clientspecified in its sshd_config"
            ) from None

    def close(self) -> None:
        """Listen no longer: whoever comes is refused. Sessions that have begun go on."""
        run(self._close())

    def end(self) -> None:
        """Close, and end all sessions."""
        run(self._end())

    def of(self, marker: str) -> list[Contact]:
        """The sessions whose message holds MARKER."""
        return [each for each in list(self.contacts) if marker.encode() in each.content]

    def until(self, holds: Callable[[], bool], limit_s: float) -> bool:
        """Wait in real time, as mail does; whether HOLDS did."""
        deadline = time.monotonic() + limit_s
        while not holds():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True

    async def _open(self) -> None:
        context = _terms(self.name)
        remote = self.via.transport if self.via else None

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if task := asyncio.current_task():
                self._sessions.add(task)
                task.add_done_callback(self._sessions.discard)
            with suppress(OSError, EOFError, ValueError, asyncio.LimitOverrunError, asyncio.CancelledError):
                peer = (await reader.readline()).decode().strip() if remote else writer.get_extra_info("peername")[0]
                await self._session(reader, writer, peer.removeprefix("::ffff:"), context)
            with suppress(OSError):
                writer.close()

        if self.via and remote:
            local = await asyncio.start_server(talk, "127.0.0.1", 0, limit=LINE_MAX)
            self._servers.append(local)
            port = local.sockets[0].getsockname()[1]
            connection = await shell(self.via.name, remote).connection()

            async def bridge(peer: str, reader: asyncssh.SSHReader[bytes], writer: asyncssh.SSHWriter[bytes]) -> None:
                there, out = await asyncio.open_connection("127.0.0.1", port)
                out.write(f"{peer}\n".encode())
                await asyncio.gather(_pipe(reader, out), _pipe(there, writer))

            def accept(peer: str, _: int) -> Callable[..., Awaitable[None]]:
                return partial(bridge, peer)

            for address in self.addresses:
                self._servers.append(await connection.start_server(accept, address, PORT, encoding=None))
            return
        for address in self.addresses:
            listen = partial(_listening, address)
            made = await inside(self.via.path, listen) if self.via and self.via.path else listen()
            self._servers.append(await asyncio.start_server(talk, sock=made, limit=LINE_MAX))

    async def _close(self) -> None:
        while self._servers:
            self._servers.pop().close()

    async def _end(self) -> None:
        await self._close()
        tasks = list(self._sessions)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _session(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str, context: ssl.SSLContext
    ) -> None:
        contact = Contact(peer)
        self.contacts.append(contact)
        await _say(writer, f"220 {self.name} ESMTP mxgate trial")
        while line := await asyncio.wait_for(reader.readline(), COMMAND_S):
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            match verb.upper():
                case "EHLO" | "HELO":
                    contact.helo = rest
                    tls = "" if contact.tls else "250-STARTTLS\r\n"
                    await _say(writer, f"250-{self.name}\r\n{tls}250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE {SIZE}")
                case "STARTTLS":
                    contact.tls = await _encrypted(writer, context)
                case "MAIL":
                    contact = self._next(contact)
                    contact.sender = _path(rest)
                    await _say(writer, "250 2.1.0 Ok")
                case "RCPT":
                    contact.met = self.how
                    contact.recipients.append(_path(rest))
                    await _say(writer, REPLIES[contact.met] if contact.met.endswith("RCPT") else "250 2.1.5 Ok")
                case "DATA":
                    await _say(writer, "354 Go on")
                    contact.content = await asyncio.wait_for(_content(reader), COMMAND_S)
                    if contact.met in SILENT:
                        await asyncio.sleep(SILENT[contact.met])
                        return
                    await _say(writer, REPLIES[contact.met] if contact.met.endswith("dot") else "250 2.0.0 Ok")
                case _:
                    await _say(writer, OTHERS.get(verb.upper(), "502 5.5.1 Not here"))
                    if verb.upper() == "QUIT":
                        return

    def _next(self, contact: Contact) -> Contact:
        """Several messages in one session are several contacts."""
        if not contact.sender and not contact.recipients:
            return contact
        made = Contact(contact.peer, helo=contact.helo, tls=contact.tls)
        self.contacts.append(made)
        return made


async def _say(writer: asyncio.StreamWriter, text: str) -> None:
    writer.write(f"{text}\r\n".encode())
    await asyncio.wait_for(writer.drain(), COMMAND_S)


async def _encrypted(writer: asyncio.StreamWriter, context: ssl.SSLContext) -> str:
    """STARTTLS: version and cipher."""
    # What the client says next is TLS's: nothing of it may be read before.
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await _say(writer, "220 2.0.0 Ready")
    await writer.start_tls(context)
    cipher = writer.get_extra_info("cipher")
    return f"{cipher[1]} {cipher[0]}" if cipher else "unknown"


def _listening(address: str) -> socket.socket:
    """A socket that listens there, also for an address that only the lab's routes know."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        level, option = FREEBIND[family]
        made.setsockopt(level, option, 1)
        made.bind((address, PORT))
        made.listen(100)
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


async def _content(reader: asyncio.StreamReader) -> bytes:
    """Until the lonely dot, dots unstuffed (RFC 5321, 4.5.2). ``ValueError``: too much of it."""
    lines, size = list[bytes](), 0
    while (line := await reader.readline()) not in {b".\r\n", b""}:
        size += len(line)
        if size > MESSAGE_MAX:
            raise ValueError("more than the trial takes")
        lines.append(line[1:] if line.startswith(b".") else line)
    return b"".join(lines)


async def _pipe(source: asyncio.StreamReader | asyncssh.SSHReader[bytes], sink: object) -> None:
    with suppress(OSError, asyncssh.Error):
        while data := await source.read(65536):
            sink.write(data)  # type: ignore[attr-defined]
            await sink.drain()  # type: ignore[attr-defined]
    with suppress(OSError, asyncssh.Error):
        sink.close()  # type: ignore[attr-defined]


def _path(text: str) -> str:
    """The address of a MAIL or RCPT command."""
    return text.partition("<")[2].partition(">")[0]


def _terms(name: str) -> ssl.SSLContext:
    """With a certificate of its own making, as most mail servers' clients take any."""
    key = ec.generate_private_key(ec.SECP256R1())
    who, now, month = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]), datetime.now(UTC), timedelta(30)
    made = x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number(), now - month, now + month)
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as file:
        file.write(made.sign(key, hashes.SHA256()).public_bytes(pem) + secret)
        file.flush()
        context.load_cert_chain(file.name)
    return context
