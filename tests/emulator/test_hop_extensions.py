"""PIPELINING, CHUNKING and unproven mail at the MX hosts: what is offered works, and each knob has its two sides."""

import asyncio

from fixtures.lab.emulator.rig import DELIVERY, ROUTED, SENDER, rule
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp.knock import Conversation, Knock
from fixtures.probes.smtp.sender_kinds import hand_over
from tests.emulator.hop_support import Scene, message


async def handed(stage: Scene, extension: str, *to: str) -> Conversation:
    content = stage.signed(message())
    marked = Marked("<x@y>", f"bob@{SENDER}", to, content)
    return await hand_over(Knock("127.0.0.1", stage.mx_port), marked, extension)


async def test_both_ways_bring_one_message_to_each_recipient(stage: Scene) -> None:
    stage.zone.routing.rules.append(rule("carol", {"type": "forward", "value": [f"alice@{DELIVERY}"]}))
    for extension in ("PIPELINING", "CHUNKING"):
        stage.destination.taken.clear()
        sent = await handed(stage, extension, f"alice@{ROUTED}", f"carol@{ROUTED}")
        assert sent.queued.startswith("250"), sent.evidence.transcript
        assert extension in sent.extensions
        assert len(stage.destination.taken) == 2
        assert all(mail.endswith(message().split(b"\r\n\r\n", 1)[1]) for _, _, mail, _ in stage.destination.taken)


async def test_what_is_not_offered_is_not_used(stage: Scene) -> None:
    stage.world.knobs.offers = "neither"
    for extension in ("PIPELINING", "CHUNKING"):
        sent = await handed(stage, extension, f"alice@{ROUTED}")
        assert (sent.queued, sent.connection) == ("", "open")
        assert sent.extensions
        assert extension not in sent.extensions
    assert not stage.destination.taken


async def test_an_unknown_recipient_leaves_nothing_half_said(stage: Scene) -> None:
    for extension in ("PIPELINING", "CHUNKING"):
        sent = await handed(stage, extension, f"nobody@{ROUTED}")
        assert (sent.queued, sent.code) == ("", 503), sent.evidence.transcript
    assert not stage.destination.taken


def test_a_server_that_is_none_is_no_answer() -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-x\r\n")
        await writer.drain()
        writer.close()

    async def inside() -> Conversation:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            marked = Marked("<x@y>", "a@b.example", ("c@d.example",), b"From: a\r\n\r\n")
            return await hand_over(Knock("127.0.0.1", port), marked, "CHUNKING")

    sent = asyncio.run(inside())
    assert (sent.queued, sent.code, sent.extensions) == ("", 0, ())
    assert "SSH-2.0-x" in sent.text


async def test_bdat_is_counted(stage: Scene) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.mx_port)

    async def say(line: str, data: bytes = b"") -> str:
        writer.write(line.encode() + b"\r\n" + data)
        while (reply := (await reader.readline()).decode())[3:4] == "-":
            pass
        return reply[:3]

    assert (await reader.readline()).startswith(b"220")
    assert await say(f"EHLO client.{SENDER}") == "250"
    assert await say("BDAT x LAST") == "501"
    assert await say("BDAT 3 SOON") == "501"
    assert await say("BDAT 5 LAST", b"QUIT\r") == "503"
    assert await say(f"MAIL FROM:<bob@{SENDER}>") == "250"
    assert await say(f"RCPT TO:<alice@{ROUTED}>") == "250"
    assert await say("BDAT 0") == "250"
    content = message()
    assert await say(f"BDAT {len(content)}", content) == "250"
    assert await say("BDAT 0 LAST") == "250"
    writer.close()
    assert len(stage.destination.taken) == 1


async def test_unproven_mail_is_refused_or_as_before_july_2025_forwarded(stage: Scene) -> None:
    stranger = message().replace(SENDER.encode(), b"nobody.example.org")
    assert (await stage.send(stranger, sender="bob@nobody.example.org")).startswith("550 5.7.26")
    stage.world.knobs.unproven = "forwarded"
    assert (await stage.send(stranger, sender="bob@nobody.example.org")).startswith("250")
    assert stage.last[1] == f"alice@{DELIVERY}"
