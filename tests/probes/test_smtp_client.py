"""The SMTP client against a server of aiosmtpd's, and each way in which a dialogue can end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from fixtures.access.loop import run
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp import smtp_client, tls
from fixtures.probes.smtp.session import Conversation, Knock
from fixtures.probes.smtp.tls import Handshake, Outdated, Port

LETTER = Letter("a@four.example", ("b@own.example", "no@own.example"), "run", body=".dots\n..\n").write()
AUTHORITY = trustme.CA()
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Taking:
    """Takes mail for all but one recipient."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address.startswith("no@"):
            return "550 5.1.1 nobody"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        self.taken.append(envelope.original_content or b"")
        return "250 queued"


@asynccontextmanager
async def served(handler: object, *, starttls: bool = True):  # type: ignore[no-untyped-def]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert("mx.own.example").configure_cert(context)

    def make() -> SMTP:
        def login(_: SMTP, __: Session, ___: Envelope, ____: str, data: object) -> AuthResult:
            return AuthResult(success=getattr(data, "password", b"") == b"right", handled=False)

        tls_context = context if starttls else None
        return SMTP(handler, tls_context=tls_context, authenticator=login, auth_required=False)

    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        yield Knock("127.0.0.1", server.sockets[0].getsockname()[1], reply_s=9)


def against(talk: Talk, knock: Knock) -> Conversation:
    async def act() -> Conversation:
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            return await smtp_client.aprobe(replace(knock, port=server.sockets[0].getsockname()[1]))

    return run(act())


def asked(knock: Callable[[Knock], Knock], *, starttls: bool = True) -> Conversation:
    async def act() -> Conversation:
        async with served(Taking(), starttls=starttls) as there:
            return await smtp_client.aprobe(knock(there))

    return run(act())


def test_a_message_is_handed_over_by_tls_after_a_login() -> None:
    handler = Taking()

    async def act() -> Conversation:
        async with served(handler) as there:
            return await smtp_client.aprobe(replace(there, starttls=True, login=("alice", "right")), LETTER)

    found = run(act())
    assert (found.queued, found.stage, found.connection) == ("250 queued", "", "open")
    assert [(each.accepted, each.refused_at) for each in found.recipients] == [(True, ""), (False, "rcpt")]
    assert handler.taken == [LETTER.content]
    assert found.tls.startswith("TLSv1.3")
    assert len(found.chain) >= 1
    lines = found.evidence.transcript.splitlines()
    assert lines[-2] == "C: QUIT"
    assert "C: AUTH PLAIN [redacted]" in lines
    assert "right" not in repr(found)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"starttls": True, "login": ("alice", "wrong")}, ("open", "auth", 535)),
        ({"starttls": True, "tls_name": "mx.own.example"}, ("dropped", "starttls", 0)),
        ({"greets": "mx.own.example"}, ("impostor", "banner", 0)),
        ({"host": "127.0.0.1", "port": 1}, ("refused", "connect", 0)),
        ({"mail_from": "a@four.example", "rcpt": ("no@own.example",)}, ("open", "", 550)),
        ({"wrapped": True}, ("dropped", "banner", 0)),
    ],
    ids=["login", "certificate", "impostor", "closed", "unknown recipient", "no TLS there"],
)
def test_each_way_to_end_has_its_type(fields: dict[str, object], expected: tuple[str, str, int]) -> None:
    found = asked(lambda there: replace(there, **fields))  # type: ignore[arg-type]
    assert (found.connection, found.stage, found.outcome.code) == expected


def test_what_is_not_offered_is_not_asked_for() -> None:
    found = asked(lambda there: replace(there, starttls=True), starttls=False)
    assert (found.connection, found.stage, found.code) == ("dropped", "starttls", 0)
    assert "C: STARTTLS" not in found.evidence.transcript


@pytest.mark.parametrize(
    ("said", "expected", "text"),
    [
        (b"554 5.7.1 not you\r\n", ("open", "banner", 554), "5.7.1 not you"),
        (b"SSH-2.0-x\r\n", ("dropped", "banner", 0), "expected a reply, found 'SSH-2.0-x'"),
        (b"", ("dropped", "banner", 0), "the server closed the connection"),
        (b"220 mx\r\n421 4.3.2 closing\r\n", ("open", "ehlo", 421), "4.3.2 closing"),
        (b"220-" + b"x" * 100_000, ("dropped", "banner", 0), "ValueError"),
    ],
    ids=["refused", "no SMTP", "nothing", "closing", "no end"],
)
def test_odd_servers(said: bytes, expected: tuple[str, str, int], text: str) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    found = against(talk, Knock("127.0.0.1", rcpt=("b@own.example",)))
    assert (found.connection, found.stage, found.code) == expected
    assert text in found.text
    assert not found.outcome.accepted


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    found = against(talk, Knock("127.0.0.1", reply_s=0.1))
    assert (found.connection, found.stage) == ("dropped", "banner")
    assert "no reply in 0 s" in found.text


def test_what_comes_in_the_clear_behind_starttls_is_not_read() -> None:
    """RFC 3207, 4.2: somebody on the way may have put it there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"250-mx\r\n250 STARTTLS\r\n")
        await reader.readline()
        writer.write(b"220 go\r\n250 INJECTED\r\n")
        await writer.drain()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("mx.own.example").configure_cert(context)
        await writer.start_tls(context)
        await reader.readline()
        writer.write(b"250 TRUE\r\n")
        await reader.readline()
        writer.close()

    assert against(talk, Knock("127.0.0.1", starttls=True)).text in {"TRUE", ""}


@pytest.mark.parametrize("command", ["NOOP\r\nQUIT", "NOOP \0", "NOOP\x7f"])
def test_a_command_is_one_line(command: str) -> None:
    with pytest.raises(ValueError, match="control characters"):
        asked_for(command)


def test_a_connection_has_forty_commands_at_most() -> None:
    with pytest.raises(ValueError, match="at most 40"):
        asked_for(*["NOOP"] * 40)


def asked_for(*commands: str) -> None:
    async def act() -> None:
        async with served(Taking()) as there, smtp_client.Dialogue(there) as dialogue:
            await dialogue.greet()
            for command in commands:
                await dialogue.say(command)

    run(act())


def test_tls_is_looked_at_with_and_without_trust() -> None:
    async def act() -> tuple[Handshake, Outdated]:
        async with served(Taking()) as there:
            port = Port("port 25", replace(there, starttls=True, tls_name="mx.own.example"))
            return await tls._look(port), await tls._try_outdated(port)

    strict, outdated = run(act())
    assert "self-signed" in strict.fault or "unable to get" in strict.fault
    assert strict.names == ("mx.own.example",)
    assert strict.version == "TLSv1.3"
    assert strict.left_s > 0
    assert (outdated.spoken, outdated.tried) == ("", True)


def test_tls_that_is_not_offered_is_a_fault() -> None:
    async def act() -> Handshake:
        async with served(Taking(), starttls=False) as there:
            return await tls._look(Port("port 25", replace(there, starttls=True, tls_name="mx.own.example")))

    assert run(act()).fault == "STARTTLS is not offered"
