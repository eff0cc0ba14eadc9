"""A server that stops lets go of every connection, whatever its client does."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import trustme

from fixtures.lab.emulator.api.serving import HttpServer, listen


async def _answers(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_a_client_that_says_no_farewell_is_not_waited_for(
    authority: trustme.CA, certificate: Path, runner: asyncio.Runner
) -> None:
    tls = ssl.create_default_context()
    authority.configure_trust(tls)

    async def talk() -> None:
        server = HttpServer(_answers, listen("127.0.0.1", 0), certificate)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=tls)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a ReadTransport, over TLS too
        assert server.server_state.connections
        await server.stop()
        assert not server.server_state.connections
        writer.transport.abort()

    runner.run(asyncio.wait_for(talk(), 10))
