"""The way through a tunnel, before a stand-in for Cloudflare's edge and cloudflared."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trustme

from fixtures.probes.smtp.knock import Knock
from fixtures.probes.smtp.smtp_client import aprobe
from fixtures.probes.smtp.websocket import PIECE, Upgrade, framed
from tests.emulator.worker_support import TOKEN, Dell, Tunnel


@asynccontextmanager
async def there() -> AsyncIterator[tuple[Knock, Dell]]:
    tls, dell = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), Dell()
    trustme.CA().issue_cert("localhost").configure_cert(tls)
    server = await asyncio.start_server(dell.serve, "127.0.0.1", 0)
    dell.port = server.sockets[0].getsockname()[1]
    edge = await asyncio.start_server(Tunnel(dell.port).serve, "127.0.0.1", 0, ssl=tls)
    upgrade = Upgrade("localhost", TOKEN)
    port = edge.sockets[0].getsockname()[1]
    try:
        yield Knock("127.0.0.1", port, rcpt=("a@x",), wrapped=True, login=("a", "b"), upgrade=upgrade), dell
    finally:
        server.close()
        edge.close()


@pytest.mark.parametrize("token", [None, (TOKEN[0], "wrong")])
def test_who_has_no_token_is_turned_away(token: tuple[str, str] | None) -> None:
    async def ask() -> None:
        async with there() as (knock, dell):
            talk = await aprobe(replace(knock, upgrade=Upgrade("localhost", token)))
        assert (talk.connection, talk.text, talk.banner) == ("refused", "the tunnel's name answers 302 Found", "")
        assert dell.said == []

    asyncio.run(ask())


def test_dell_is_heard_and_hears() -> None:
    async def ask() -> None:
        async with there() as (knock, dell):
            talk = await aprobe(knock)
            assert talk.recipients[0].accepted
            assert (talk.banner, talk.extensions) == ("Dell\nESMTP", ("CHUNKING", "AUTH PLAIN"))
            assert [each.split()[0] for each in dell.said][:4] == ["EHLO", "AUTH", "MAIL", "RCPT"]
            dell.replies = {"CONNECT": ""}
            assert (await aprobe(knock)).connection == "dropped"

    asyncio.run(ask())


def test_no_message_is_longer_than_cloudflared_reads() -> None:
    assert [len(each) for each in framed(bytes(2 * PIECE + 1))] == [PIECE + 8, PIECE + 8, 1 + 6]
