"""What nobody should say to an MX host: it answers, it goes on, the next client is served, and what it took arrives."""

import asyncio
import json
import re
import secrets
import time
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from fixtures.lab.emulator.rig import ROUTED, SENDER
from tests.emulator.hop_support import Scene, message, scene

T = TypeVar("T")
DEADLINE_S = 10.0
PROPERTY = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
WAITING = (b"BDAT 99999999999999999999 LAST", b"BDAT 26214401", b"STARTTLS")
"""After these the MX host rightly waits for what is never sent."""


class Standing:
    """A hop that many examples talk to, in a loop of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stage: Scene) -> None:
        self.loop = loop
        self.stage = stage
        self.strays: list[dict[str, Any]] = []
        """What reached the loop's handler: exceptions that nobody took."""

    def run(self, act: Awaitable[T]) -> T:
        return self.loop.run_until_complete(asyncio.wait_for(act, DEADLINE_S))


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    loop = asyncio.new_event_loop()
    made = scene(tmp_path_factory.mktemp("hop"))
    try:
        standing = Standing(loop, loop.run_until_complete(made.__aenter__()))
        loop.set_exception_handler(lambda _, context: standing.strays.append(context))
        yield standing
        loop.run_until_complete(made.__aexit__(None, None, None))
    finally:
        loop.close()


COMMANDS = st.sampled_from(
    [
        f"EHLO client.{SENDER}".encode(), b"HELO x", b"EHLO", b"MAIL FROM:<bob@%b>" % SENDER.encode(), b"MAIL FROM:<>",
        b"RCPT TO:<alice@%b>" % ROUTED.encode(), b"RCPT TO:<nobody@%b>" % ROUTED.encode(), b"RCPT TO:<@a,@b:c@d>",
        b"MAIL FROM:<a@b> SIZE=99999999999", b"MAIL FROM:<a@b> BODY=BINARYMIME", b"MAIL FROM:<a@b> SMTPUTF8",
        b"MAIL FROM:<a@b> SIZE=\xc2\xb2",
        b"MAIL FROM:<\xc3\xa9@b.example>", b"RCPT TO:<\xc3\xa9@%b>" % ROUTED.encode(), b"RCPT TO:<\xff@b>", b"RCPT TO:",
        b'MAIL FROM:<"a b"@c>', b'MAIL FROM:<"@c>', b"MAIL FROM:<a@[1.2.3.4", b"RCPT TO:<a@b> X=", b"MAIL", b"RCPT",
        b"DATA", b"DATA x", b".", b"..", b"RSET", b"RSET x", b"NOOP", b"VRFY", b"VRFY <a\x00@b>", b"EXPN x", b"HELP",
        b"HELP DATA", b"AUTH PLAIN AGEAYg==", b"AUTH", b"STARTTLS x", b"BDAT", b"BDAT 3", b"BDAT 0 LAST",
        b"BDAT 7 LAST", b"BDAT -1", b"BDAT 1 2", b"BDAT \xd9\xa3", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2", b"GET / HTTP/1.1",
        b"Subject: x", b"\x16\x03\x01\x02\x00\x01", b"\x00", b"\xff\xfe", b"", b" ", b"QUIT x", b"QUIT",
        b"X" * 1001, b"NOOP " + b"y" * 70_000, *WAITING,
    ]
)  # fmt: skip
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"", b"\x00\r\n", b"\r\r\n"])
PIECES = st.one_of(COMMANDS, COMMANDS, COMMANDS, st.binary(max_size=40))
DIALOGUES = st.lists(st.tuples(PIECES, ENDS), max_size=25).map(lambda said: [a + b for a, b in said])


async def said_to(stage: Scene, dialogue: list[bytes], *, at_once: bool) -> bytes:
    """All that the MX host answers to DIALOGUE and an attempt to leave, until it hangs up or waits for more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)
    leaving = b"\r\n.\r\nQUIT\r\n" * 3
    answers = b""
    waiting = any(each in b"".join(dialogue) for each in WAITING)
    try:
        if at_once:
            writer.write(b"".join(dialogue) + leaving)
        else:
            for each in [*dialogue, leaving]:
                writer.write(each)
                await writer.drain()
                await asyncio.sleep(0)
        while piece := await asyncio.wait_for(reader.read(1 << 16), 0.2 if waiting else 5):
            answers += piece
    except TimeoutError:
        assert waiting, f"no end, after {answers!r}"
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answers


@PROPERTY
@given(dialogue=DIALOGUES, at_once=st.booleans())
def test_any_dialogue_is_answered_and_ended(standing: Standing, dialogue: list[bytes], at_once: bool) -> None:
    answers = standing.run(said_to(standing.stage, dialogue, at_once=at_once))
    in_the_clear = answers.partition(b"220 Ready to start TLS\r\n")[0]
    if answers:  # what is sent after QUIT resets the connection, and answers may go with it
        assert answers.startswith(b"220 mx.cloudflare.net")
    for line in in_the_clear.splitlines():
        assert re.match(rb"[2345]\d\d[ -]", line), line
        assert line[:3] not in {b"451", b"421"}, line
        assert b"emulator:" not in line, line

    async def all_gone() -> None:
        while standing.stage.hop.receiver.sessions:  # noqa: ASYNC110  the hop has no event to wait for
            await asyncio.sleep(0.005)

    standing.run(all_gone())
    assert not standing.strays
    json.dumps(list(standing.stage.world.events), ensure_ascii=False).encode()  # as the management port shows them


LINES = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from([b"", b".", b"..", b".x", b"QUIT", b"\x00", b" ", b"\t.", b"From x", b"x" * 900]),
            st.binary(max_size=60),
        ),
        st.sampled_from([b"\r\n", b"\r\n", b"\n", b"\r", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n"]),
    ),
    max_size=12,
).map(lambda lines: b"".join(a + b for a, b in lines))


async def handed_over(stage: Scene, mail: bytes, sizes: list[int], *, bdat: bool) -> bytes:
    """The reply to MAIL, sent in pieces of SIZES and the rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)
    begin = f"EHLO client.{SENDER}\r\nMAIL FROM:<bob@{SENDER}>\r\nRCPT TO:<alice@{ROUTED}>\r\n".encode()
    stuffed = (b"." if mail.startswith(b".") else b"") + mail.replace(b"\r\n.", b"\r\n..")
    text = mail if bdat else stuffed + b".\r\n"
    writer.write(begin if bdat else begin + b"DATA\r\n")
    for size in sizes:
        piece, text = text[:size], text[size:]
        writer.write(b"BDAT %d\r\n%b" % (len(piece), piece) if bdat else piece)
        await writer.drain()
    writer.write((b"BDAT %d LAST\r\n%b" % (len(text), text) if bdat else text) + b"QUIT\r\n")
    replies = (await reader.read()).splitlines()
    writer.close()
    assert replies[-1].startswith(b"221")
    return replies[-2]


@PROPERTY
@given(body=LINES, sizes=st.lists(st.integers(1, 200), max_size=4), bdat=st.booleans())
def test_what_is_taken_arrives_once_and_unchanged(
    standing: Standing, body: bytes, sizes: list[int], bdat: bool
) -> None:
    """Whatever its lines are and however it is cut; single line ends become CRLF."""
    taken = standing.stage.destination.taken
    before = len(taken)
    mail = b"X-Number: %b\r\n%b" % (secrets.token_hex(8).encode(), message(body="")) + body
    if not bdat and not mail.endswith(b"\r\n"):
        mail += b"\r\n"  # the end of data begins with it
    assert standing.run(handed_over(standing.stage, mail, sizes, bdat=bdat)).startswith(b"250")
    whole = re.sub(rb"\r\n|\r|\n", b"\r\n", mail)
    assert len(taken) == before + 1
    added, found, rest = taken[-1][2].partition(b"X-Number:")
    assert found + rest == whole + (b"" if whole.endswith(b"\r\n") else b"\r\n")
    assert len(re.findall(rb"^DKIM-Signature:", added, re.MULTILINE)) == 2


@pytest.mark.parametrize(
    "what", [b"EHLO a\x00b", b"MAIL FROM:<a\x1b@b>", b"RCPT TO:<\xff@b>", b"EHLO a\rb", b"VRFY \xc3"]
)
def test_what_is_no_text_goes_no_further(standing: Standing, what: bytes) -> None:
    begin = f"EHLO x\r\nMAIL FROM:<bob@{SENDER}>\r\n".encode()
    answers = standing.run(said_to(standing.stage, [begin, what + b"\r\n"], at_once=False))
    assert b"\r\n501 5.5.2 Error: control characters or no UTF-8\r\n" in answers


@pytest.mark.parametrize("sender", [b"<bob@%b>" % SENDER.encode(), b'<"b b"@%b>' % SENDER.encode()])
@pytest.mark.parametrize("more", ["SIZE=²", "SIZE=\N{ARABIC-INDIC DIGIT ONE}", "\N{LATIN SMALL LETTER LONG S}ize=1"])
def test_parameters_are_ascii(standing: Standing, sender: bytes, more: str) -> None:
    dialogue = [b"EHLO x\r\n", b"MAIL FROM:%b %b\r\n" % (sender, more.encode())]
    answers = standing.run(said_to(standing.stage, dialogue, at_once=False))
    assert b"\r\n501 Syntax: MAIL FROM: <address> [SP <mail-parameters>]\r\n" in answers


def test_the_next_client_is_served_while_many_say_nothing(standing: Standing) -> None:
    async def act() -> None:
        idle = [await asyncio.open_connection("127.0.0.1", standing.stage.mx_port) for _ in range(200)]
        begun = time.monotonic()
        assert (await standing.stage.send(message())).startswith("250")
        assert time.monotonic() - begun < 3
        for _, writer in idle:
            writer.close()

    standing.run(act())


def test_an_injected_command_before_tls_is_forgotten(standing: Standing) -> None:
    """RFC 3207, section 4.2: what came in clear after STARTTLS is not taken as said inside of TLS."""

    async def act() -> bytes:
        return await said_to(standing.stage, [b"EHLO x\r\nSTARTTLS\r\nRSET\r\nNOOP\r\n"], at_once=True)

    answers = standing.run(act())
    assert answers.count(b"\r\n250 ") == 1, "but EHLO, nothing was answered 250"
