"""A server in Dell's place that answers as it is bidden, and a tunnel that leads to it."""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import trustme

from fixtures.lab.emulator.hop import workerd
from fixtures.lab.emulator.hop.workerd import Running
from fixtures.lab.emulator.state import Worker
from fixtures.plan import worker as worker_plan

SOURCE = worker_plan.source().encode()
READ_MAX = 16 * 1024
"""So much of a WebSocket's message cloudflared hands on; what it has beyond is lost (cloudflare/cloudflared, 1741)."""
TOKEN = ("id.access", "s3cret")


@dataclass(slots=True)
class Dell:
    """An SMTP server.

    ``replies``: to a command, to ``CONNECT``, and to the last piece of a message, ``LAST``, or the end of data, ``.``;
    "" hangs up, None says nothing.
    """

    replies: dict[str, str | None] = field(default_factory=dict)
    late_s: dict[str, float] = field(default_factory=dict)
    """Seconds until its reply to a command."""
    said: list[str] = field(default_factory=list)
    whole: list[bytes] = field(default_factory=list)
    """The messages whose end has come, whatever was answered."""
    swallowed: int = 0
    """How many octets have come while it said nothing."""
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._converse(reader, writer)
        writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known = {"CONNECT": "220-Dell\r\n220 ESMTP", "EHLO": "250-Dell\r\n250-CHUNKING\r\n250 AUTH PLAIN"}
        known |= {"AUTH": "235 2.7.0 Ok", "DATA": "354 Go on", "QUIT": "221 2.0.0 Bye"}
        command, line, pieces = "CONNECT", b"-", []
        while line and (reply := self.replies.get(command, known.get(command, "250 2.0.0 Ok"))) != "":
            if reply is None:
                while data := await reader.read(1 << 16):
                    self.swallowed += len(data)
                break
            if late_s := self.late_s.get(command):
                await asyncio.sleep(late_s)
            writer.write(f"{reply}\r\n".encode())
            if reply.startswith("354"):
                lines = []
                while (line := await reader.readline()) and line.rstrip() != b".":
                    lines.append(line.removeprefix(b"."))
                self.whole += [b"".join(lines)] if line else []
                command = "."
                continue
            line = await reader.readline()
            self.said.append(line.decode().rstrip())
            command, _, size = self.said[-1].partition(" ")
            if command == "BDAT":
                pieces.append(await reader.readexactly(int(size.removesuffix(" LAST"))))
                if size.endswith(" LAST"):
                    self.whole.append(b"".join(pieces))
                    command, pieces = "LAST", []


@dataclass(slots=True)
class Tunnel:
    """What a Worker meets of Cloudflare's edge, of Access and of cloudflared with a rule for tcp://."""

    port: int
    """Dell's."""
    token: tuple[str, str] = TOKEN

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[1:-2]
            fields = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
            status = await self._joined(fields, reader, writer)
            if status:
                writer.write(f"HTTP/1.1 {status}\r\nLocation: /cdn-cgi/access\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async def _joined(self, fields: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """The status with which nobody is let through; else empty, when all has been said."""
        if (fields.get("cf-access-client-id"), fields.get("cf-access-client-secret")) != self.token:
            return "302 Found"
        if fields.get("upgrade") != "websocket":
            return "400 Bad Request"
        try:
            answers, onwards = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return "502 Bad Gateway"
        key = hashlib.sha1(f"{fields['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode())
        accepted = base64.b64encode(key.digest()).decode()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(f"Sec-WebSocket-Accept: {accepted}\r\n\r\n".encode())
        both = [asyncio.create_task(it) for it in (_unframed(reader, onwards), _framed(answers, writer))]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for each in both:
            each.cancel()
        onwards.close()
        return ""


async def _unframed(reader: asyncio.StreamReader, onwards: asyncio.StreamWriter) -> None:
    """A client's messages, as octets (RFC 6455, 5.2)."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        while (head := await reader.readexactly(2))[0] & 15 != 8:
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
            mask, data = await reader.readexactly(4), await reader.readexactly(size)
            plain = int.from_bytes(data, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
            onwards.write(plain.to_bytes(size, "big")[:READ_MAX])
            await onwards.drain()


async def _framed(answers: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Octets as messages of a server."""
    with suppress(ConnectionError):
        while data := await answers.read(READ_MAX):
            writer.write(b"\x82" + (bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")))
            writer.write(data)
            await writer.drain()


def worker(source: bytes, *, port: int = 1, tunnel: int = 0, token: tuple[str, str] = TOKEN) -> Worker:
    """The Worker, for a PORT of this machine, or for a TUNNEL there."""
    way = {"HOST": "localhost", "PORT": str(port)}
    if tunnel:
        way = {"TUNNEL": f"https://localhost:{tunnel}", "ACCESS_ID": token[0], "ACCESS_SECRET": token[1]}
    bindings = {**way, "LOGIN": "mxgate@example.org", "PASSWORD": "swördfish"}
    return Worker("mxgate", "worker.js", source, bindings, frozenset({"PASSWORD"}), "2026-04-01", "", "")


@dataclass(frozen=True, slots=True)
class Deploying:
    """In one of the forms: a port within TLS, or a tunnel to a port without."""

    authority: trustme.CA
    tunnel: bool

    @asynccontextmanager
    async def __call__(
        self, source: bytes = SOURCE, authority: trustme.CA | None = None, token: tuple[str, str] = TOKEN
    ) -> AsyncIterator[tuple[Running, Dell]]:
        """The Worker, and the server that it hands mail to."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        (authority or self.authority).issue_cert("localhost").configure_cert(tls)
        here: Any = {"host": "127.0.0.1", "port": 0, "backlog": workerd.BACKLOG}
        dell = Dell()
        server = await asyncio.start_server(dell.serve, **here, ssl=None if self.tunnel else tls)
        dell.port = server.sockets[0].getsockname()[1]
        edge = await asyncio.start_server(Tunnel(dell.port).serve, **here, ssl=tls)
        tunnel = edge.sockets[0].getsockname()[1] if self.tunnel else 0
        running = await Running.start(worker(source, port=dell.port, tunnel=tunnel, token=token))
        try:
            yield running, dell
        finally:
            await running.stop()
            server.close()
            edge.close()
