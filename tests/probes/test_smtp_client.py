"""The SMTP client against a server of aiosmtpd's, and each way in which a dialogue can end."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from fixtures.access import loop
from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.probes.mailbox import clear_text, delivery
from fixtures.probes.mailbox.clear_text import Answer, Place
from fixtures.probes.mailbox.delivery import Work
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp import smtp_client, tls, vantages
from fixtures.probes.smtp.knock import Conversation, Knock
from fixtures.probes.smtp.smtp_client import Dialogue, aprobe
from fixtures.probes.smtp.tls import Port
from fixtures.settings.schema import Vantage
from tests.judges import LOOK

T = TypeVar("T")
NAME = "mx.own.example"
LETTER = Letter("a@four.example", ("b@own.example", "no@own.example"), "run", body=".dots\n..\n").write()


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


def own_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(NAME).configure_cert(context)
    return context


@asynccontextmanager
async def served(handler: Taking, *, starttls: bool) -> AsyncIterator[Knock]:
    def login(_: SMTP, __: Session, ___: Envelope, ____: str, data: object) -> AuthResult:
        return AuthResult(success=getattr(data, "password", b"") == b"right", handled=False)

    context = own_tls() if starttls else None
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, tls_context=context, authenticator=login), "127.0.0.1", 0
    )
    async with server:
        yield Knock("127.0.0.1", server.sockets[0].getsockname()[1], reply_s=9)


def at_server(
    act: Callable[[Knock], Awaitable[T]], handler: Taking | None = None, *, offers: bool = True, **fields: Any
) -> T:
    """ACT with a knock of these FIELDS, before a server that OFFERS TLS."""

    async def inside() -> T:
        async with served(handler or Taking(), starttls=offers) as there:
            return await act(replace(there, **fields))

    return run(inside())


def against(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], **fields: Any
) -> Conversation:
    """A dialogue with a server of the test's own."""

    async def inside() -> Conversation:
        async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
            return await aprobe(Knock("127.0.0.1", server.sockets[0].getsockname()[1], **fields))

    return run(inside())


def test_a_message_is_handed_over_by_tls_after_a_login() -> None:
    handler = Taking()
    found = at_server(lambda there: aprobe(there, LETTER), handler, starttls=True, login=("alice", "right"))
    assert (found.queued, found.stage, found.connection) == ("250 queued", "", "open")
    assert [(each.accepted, each.refused_at) for each in found.recipients] == [(True, ""), (False, "rcpt")]
    assert handler.taken == [LETTER.content]
    assert found.tls.startswith("TLSv1.3")
    assert len(found.chain) >= 1
    lines = found.evidence.transcript.splitlines()
    assert lines[-2] == "C: QUIT"
    assert "C: AUTH PLAIN [redacted]" in lines
    assert "right" not in repr(found)


@pytest.mark.parametrize("refuses", [False, True])
def test_what_was_refused_behind_data_is_asked_again_so_far(refuses: bool) -> None:
    class Refusing(Taking):
        async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's
            return "550 5.7.1 spam" if refuses else "250 queued"

    found = at_server(lambda there: aprobe(there, LETTER), Refusing())
    assert found.code == (550 if refuses else 250)
    assert ("--quit-after RCPT" in found.evidence.again) is not refuses


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"starttls": True, "login": ("alice", "wrong")}, ("open", "auth", 535)),
        ({"starttls": True, "tls_name": NAME}, ("dropped", "starttls", 0)),
        ({"greets": NAME}, ("impostor", "banner", 0)),
        ({"port": 1}, ("refused", "connect", 0)),
        ({"mail_from": "a@four.example", "rcpt": ("no@own.example",)}, ("open", "", 550)),
        ({"wrapped": True}, ("dropped", "banner", 0)),
    ],
    ids=["login", "certificate", "impostor", "closed", "unknown recipient", "no TLS there"],
)
def test_each_way_to_end_has_its_type(fields: dict[str, Any], expected: tuple[str, str, int]) -> None:
    found = at_server(aprobe, **fields)
    assert (found.connection, found.stage, found.outcome.code) == expected


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

    found = against(talk, rcpt=("b@own.example",))
    assert (found.connection, found.stage, found.code) == expected
    assert text in found.text
    assert not found.outcome.accepted


def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    found = against(talk, reply_s=0.1)
    assert (found.connection, found.stage) == ("dropped", "banner")
    assert "no reply in 0 s" in found.text


def test_what_comes_in_the_clear_behind_starttls_is_not_read() -> None:
    """RFC 3207, 4.2: somebody on the way may have put it there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (b"220 mx\r\n", b"250-mx\r\n250 STARTTLS\r\n", b"220 go\r\n250 INJECTED\r\n"):
            writer.write(said)
            if b"go" not in said:
                await reader.readline()
        await writer.drain()
        await writer.start_tls(own_tls())
        for said in (b"250 TRUE\r\n", b"221 bye\r\n"):
            await reader.readline()
            writer.write(said)
        await writer.drain()
        writer.close()

    found = against(talk, starttls=True)
    assert (found.stage, found.text) == ("", "TRUE")


@pytest.mark.parametrize(
    ("commands", "why"),
    [
        (["NOOP\r\nQUIT"], "control characters"),
        (["NOOP \0"], "control characters"),
        (["NOOP\x7f"], "control characters"),
        (["NOOP"] * 40, "at most 40"),
    ],
)
def test_what_a_probe_does_not_say(commands: list[str], why: str) -> None:
    async def act(there: Knock) -> None:
        async with Dialogue(there) as dialogue:
            await dialogue.greet()
            for command in commands:
                await dialogue.say(command)

    with pytest.raises(ValueError, match=why):
        at_server(act)


def at_port(look: Callable[[Port], Awaitable[T]], *, starttls: bool = True) -> T:
    """What LOOK sees at a server's port 25."""
    return at_server(lambda there: look(Port("port 25", there)), None, offers=starttls, starttls=True, tls_name=NAME)


def test_tls_is_looked_at_with_and_without_trust() -> None:
    (strict,) = at_port(tls._looks)
    assert "self-signed" in strict.fault or "unable to get" in strict.fault
    assert (strict.names, strict.version, strict.left_s > 0) == ((NAME,), "TLSv1.3", True)
    outdated = at_port(tls._try_outdated)
    assert (outdated.spoken, outdated.tried) == ("", True)


def test_a_second_certificate_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of another kind of key (smtpd_tls_eccert_file, ssl_alt_cert): whoever renews one may forget the other."""

    def both() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, key in ((NAME, trustme.KeyType.ECDSA), ("old.own.example", trustme.KeyType.RSA)):
            trustme.CA().issue_cert(name, key_type=key).configure_cert(context)
        return context

    monkeypatch.setitem(globals(), "own_tls", both)
    first, second = at_port(tls._looks)
    assert (first.names, str(first.port).partition(" (")[0]) == ((NAME,), "port 25")
    assert second.names == ("old.own.example",)
    assert str(second.port).startswith("port 25, for clients of RSA keys (")


def test_tls_that_is_not_offered_is_a_fault_and_not_asked_for() -> None:
    (found,) = at_port(tls._looks, starttls=False)
    assert found.fault == "STARTTLS is not offered"
    assert "C: STARTTLS" not in found.evidence.transcript


def test_many_dialogues_have_the_time_of_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that waits for each reply is no reason to throw the others' answers away; what hangs ends all the same."""

    async def slow(*_: object) -> str:
        await asyncio.sleep(0.2)
        return "heard"

    monkeypatch.setattr(smtp_client, "aprobe", slow)
    monkeypatch.setattr(delivery, "aprobe", slow)
    monkeypatch.setattr(delivery, "AT_ONCE", 1)
    monkeypatch.setattr(loop, "DEADLINE_S", 0.3)
    knock = Knock("192.0.2.1")
    assert list(map(str, smtp_client.probe_all([knock] * 4, 1))) == ["heard"] * 4
    assert not delivery.send([Work((), "somebody", knock, replace(LETTER, recipients=()))] * 4)
    monkeypatch.setattr(loop, "DEADLINE_S", 0.1)
    with pytest.raises(CouldNotAsk, match="not done in 0 s"):
        smtp_client.probe_all([knock])


def test_a_time_out_of_the_work_itself_is_its_own() -> None:
    async def its_own() -> None:
        raise TimeoutError("no reply")

    with pytest.raises(TimeoutError, match="no reply"):
        run(its_own())


@pytest.mark.parametrize("source", ["", "::1"])
def test_a_name_is_reached_by_its_other_family_too(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """As the program of any user does; what is asked from an address goes by that one's family."""
    asked: list[tuple[str, int]] = []

    def named(host: str, port: int | None, family: int = 0, kind: int = 0, *_: int) -> list[Any]:
        asked.append((host, family))
        there = ((socket.AF_INET6, "::1"), (socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.2"))
        return [(each, kind, 6, "", (at, port or 0)) for each, at in there if family in {0, each}]

    monkeypatch.setattr(socket, "getaddrinfo", named)
    found = at_server(aprobe, offers=False, host=NAME, source=source)
    assert set(asked) == {(NAME, socket.AF_INET6 if source else 0)}
    assert found.connected != bool(source)


@pytest.mark.parametrize(
    ("open_at", "addresses", "members"),
    [
        ("127.0.0.2", ("127.0.0.1", "127.0.0.2"), ["IMAP at imap.own.example (127.0.0.2) port 143"]),
        ("", ("127.0.0.1", "127.0.0.2"), []),
        ("127.0.0.1", ("127.0.0.1",), ["IMAP at imap.own.example port 143"]),
        ("127.0.0.1", ("127.0.0.1", "lost"), ["IMAP at imap.own.example (127.0.0.1) port 143"]),
    ],
)
def test_each_address_of_a_name_is_asked_for_a_login_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, open_at: str, addresses: tuple[str, ...], members: list[str]
) -> None:
    async def resolved(*_: object) -> tuple[str, ...]:
        return addresses

    async def asked(place: Place, address: str) -> Answer:
        why = "no route" if address == "lost" else ""
        return Answer(place, "PLAIN is offered" if address == open_at else "", "", why, itself=False, evidence=LOOK)

    monkeypatch.setattr(clear_text, "resolve", resolved)
    monkeypatch.setattr(clear_text, "_ask", asked)
    found = [*clear_text.judged(clear_text.ask([Place("IMAP", "imap.own.example", 143)]))]
    assert [each.member for each in found if each.verdict is Verdict.FAIL] == members
    assert not any(each.verdict is Verdict.INCONCLUSIVE for each in found)


def test_a_vantage_whose_namespace_is_gone_proves_nothing(tmp_path: Path) -> None:
    """After a reboot there is none under its path. A rollback, which asks whether EC2 listens, goes on all the same."""
    via = Vantage(name="lan", path=tmp_path / "netns")
    for _ in range(2):  # nor is what failed once kept
        with pytest.raises(CouldNotAsk, match=r"no way into the network namespace .*/netns: No such file"):
            run(vantages.greeting("192.0.2.1", via))
        with pytest.raises(CouldNotAsk, match="No such file"):
            vantages.seen_as(via, "192.0.2.1")
