"""mxgate's Email Worker in the real workerd, fed by the hop, before a server that answers as it is bidden."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
from cloudflare import APIStatusError, Cloudflare, NotFoundError

from fixtures.lab.emulator.api.app import form
from fixtures.lab.emulator.hop import workerd
from fixtures.lab.emulator.hop.workerd import Running
from fixtures.lab.emulator.hop.workers import Outcome
from fixtures.lab.emulator.rig import ROUTED, SENDER
from fixtures.lab.emulator.state import Worker
from tests.conftest import PROJECT
from tests.emulator.conftest import ACCOUNT, Running as Emulator
from tests.emulator.hop_support import Scene, message

SOURCE = (PROJECT / "scripts/lib/worker/worker.js").read_bytes()
ALICE, BOB = f"alice@{ROUTED}", f"bob@{SENDER}"
PATIENCE = b"45_000"
TAKEN = Outcome()
COMMANDS = ("CONNECT", "EHLO", "AUTH", "MAIL", "RCPT", "DATA", ".")


@dataclass(slots=True)
class Dell:
    """A server within TLS for which a line may end in a bare LF, as for the most liberal.

    ``replies``: to a command, to ``CONNECT`` and to the end of data, ``.``; "" hangs up, None says nothing.
    """

    replies: dict[str, str | None] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    whole: list[bytes] = field(default_factory=list)
    """The messages whose end has come, whatever was answered."""
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known = {"CONNECT": "220-Dell\r\n220 ESMTP", "EHLO": "250-Dell\r\n250 AUTH PLAIN", "AUTH": "235 2.7.0 Ok"}
        known |= {"DATA": "354 Go on", "QUIT": "221 2.0.0 Bye"}
        command, line = "CONNECT", b"-"
        while line and (reply := self.replies.get(command, known.get(command, "250 2.0.0 Ok"))) != "":
            if reply is None:
                await reader.read()
                break
            writer.write(f"{reply}\r\n".encode())
            if reply.startswith("354"):
                lines = []
                while (line := await reader.readline()) and line.rstrip() != b".":
                    lines.append(line.removeprefix(b"."))
                command = "."
                self.whole += [b"".join(lines)] if line else []
                continue
            line = await reader.readline()
            self.said.append(line.decode().rstrip())
            command = self.said[-1].partition(" ")[0]
        writer.close()


@asynccontextmanager
async def deployed(authority: trustme.CA, source: bytes = SOURCE) -> AsyncIterator[tuple[Running, Dell]]:
    """The Worker, and the server that it hands mail to."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    dell = Dell()
    server = await asyncio.start_server(dell.serve, "127.0.0.1", 0, ssl=tls, limit=1 << 26)
    dell.port = server.sockets[0].getsockname()[1]
    running = await Running.start(worker(dell.port, source))
    try:
        yield running, dell
    finally:
        await running.stop()
        server.close()


def worker(port: int, source: bytes = SOURCE) -> Worker:
    bindings = {"HOST": "localhost", "PORT": str(port), "LOGIN": "mxgate@example.org", "PASSWORD": "swördfish"}
    return Worker("mxgate", "worker.js", source, bindings, frozenset({"PASSWORD"}), "2026-04-01", "", "")


@pytest.fixture(autouse=True)
def trusted(runner: asyncio.Runner, authority_file: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """By workerd, as the lab's hosts have it."""
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)


async def test_messages_arrive_as_they_came(authority: trustme.CA) -> None:
    eight_bits = "Subject: ü\r\n\r\n\0 ü\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    sent = [b"", b"\r\n", b".\r\n", b"..\r\n.\r\n...\r\n", b"a: b\r\n\r\n.a\r\nb.\r\n.\r\n", eight_bits, b"no end"]
    sent += [(b"." * 75 + b"\r\n") * 40_000, b"\r\n." * 100_000 + b"\r\n"]
    async with deployed(authority) as (running, dell):
        outcomes = [await running.call(each, BOB, ALICE) for each in sent]
    assert outcomes == [TAKEN] * len(sent)
    assert dell.whole == [each if not each or each.endswith(b"\r\n") else each + b"\r\n" for each in sent]
    assert dell.said[1:4] == [
        "AUTH PLAIN AG14Z2F0ZUBleGFtcGxlLm9yZwBzd8O2cmRmaXNo",
        f"MAIL FROM:<{BOB}> SIZE=0 BODY=8BITMIME",
        f"RCPT TO:<{ALICE}>",
    ]


async def test_a_thousand_at_once_each_arrive_once(authority: trustme.CA) -> None:
    sent = [b"Subject: %d\r\n\r\n" % number + b"x" * 4000 + b"\r\n" for number in range(1000)]
    async with deployed(authority) as (running, dell):
        outcomes = await asyncio.gather(*(running.call(each, BOB, ALICE) for each in sent))
    assert set(outcomes) == {TAKEN}
    assert sorted(dell.whole) == sorted(sent)


async def test_nothing_in_a_message_ends_it(authority: trustme.CA) -> None:
    more = b"MAIL FROM:<x@x.example>\r\nRCPT TO:<y@y.example>\r\nDATA\r\nsmuggled\r\n.\r\n"
    async with deployed(authority) as (running, dell):
        for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\n"):
            assert await running.call(b"a" + end + more, BOB, ALICE) == TAKEN
    assert len(dell.whole) == 5
    assert all(each.endswith(b"smuggled\r\n.\r\n") for each in dell.whole)
    assert not any("x.example" in each for each in dell.said)


async def test_only_a_refusal_of_the_message_that_is_for_good_is_for_good(authority: trustme.CA) -> None:
    """Whatever else Dell says, or leaves unsaid, and at whatever point: the sender is to try again."""
    assert PATIENCE in SOURCE
    wrong = {}
    async with deployed(authority, SOURCE.replace(PATIENCE, b"1000")) as (running, dell):
        for command in COMMANDS:
            for reply in ("451 4.3.0 Later", "421 4.3.2 Down", "554 5.7.1 No", "299 What", "rubbish", "", None):
                dell.replies = {command: reply}
                outcome = await running.call(b"a\r\n", BOB, ALICE)
                verdict = reply == "554 5.7.1 No" and command in {"MAIL", "RCPT", "DATA", "."}
                if (outcome.rejected, bool(outcome.threw)) != (("5.7.1 No", False) if verdict else (None, True)):
                    wrong[command, reply] = outcome
        assert wrong == {}
        dell.replies = {"RCPT": "550-5.1.1 <alice>: unknown\r\n550 5.1.1 in virtual mailbox table"}
        outcome = await running.call(b"a\r\n", BOB, ALICE)
        assert outcome == Outcome(rejected="5.1.1 <alice>: unknown 5.1.1 in virtual mailbox table")
        dell.replies = {}
        assert await running.call(b"a\r\n", BOB, ALICE) == TAKEN


async def test_without_anybody_there_and_with_a_strangers_certificate_it_is_for_now() -> None:
    async with deployed(trustme.CA()) as (running, dell):
        assert (await running.call(b"a\r\n", BOB, ALICE)).threw
    assert dell.said == []
    running = await Running.start(worker(1))
    assert (await running.call(b"a\r\n", BOB, ALICE)).threw
    await running.stop()


async def test_an_international_address_asks_for_its_extension_and_no_address_says_a_command(
    authority: trustme.CA,
) -> None:
    async with deployed(authority) as (running, dell):
        assert await running.call(b"a\r\n", "bób@sender.example", ALICE) == TAKEN
        assert (await running.call(b"a\r\n", "bob@x>\r\nRSET", ALICE)).threw
        assert await running.call(b"a\r\n", "", ALICE) == TAKEN
    mails = [each for each in dell.said if each.startswith("MAIL")]
    assert mails == [
        "MAIL FROM:<bób@sender.example> SIZE=3 BODY=8BITMIME SMTPUTF8",
        "MAIL FROM:<> SIZE=3 BODY=8BITMIME",
    ]


def leads_to(stage: Scene, port: int, source: bytes = SOURCE) -> None:
    """The catch-all of the routed zone leads to the Worker."""
    stage.world.workers["mxgate"] = worker(port, source)
    stage.zone.routing.rules.clear()
    catch_all = stage.zone.routing.catch_all
    catch_all.enabled, catch_all.actions = True, [{"type": "worker", "value": ["mxgate"]}]


async def test_what_the_worker_does_is_what_the_sender_hears(stage: Scene, authority: trustme.CA) -> None:
    """One event for each recipient; a throw by either reading of what is known."""
    async with deployed(authority) as (_, dell):
        leads_to(stage, dell.port)
        assert await stage.send(message(), to=(ALICE, f"bob@{ROUTED}")) == "250 2.0.0 Ok"
        assert [each for each in dell.said if each.startswith("RCPT")] == [
            f"RCPT TO:<{ALICE}>",
            f"RCPT TO:<bob@{ROUTED}>",
        ]
        assert message("Hello")[-30:] in dell.whole[0]
        assert dell.whole[0].startswith(b"Received: from client.sender.example.net (127.0.0.1)")
        dell.replies = {"RCPT": "550 5.1.1 <alice>: nobody"}
        assert (await stage.send(message())).startswith("550 5.7.1 5.1.1 <alice>: nobody ")
        dell.replies, dell.said = {"RCPT": "451 4.2.2 full"}, []
        assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
        stage.world.knobs.worker_throws = "rejected"
        assert (await stage.send(message())).startswith("550 5.7.1 Worker call failed for 3 times, aborting ")
        assert len([each for each in dell.said if each.startswith("RCPT")]) == 4
    seen = [(row["action"], row["status"]) for row in stage.world.events]
    assert seen == [("worker", each) for each in ("dropped", "dropped", "rejected", "error", "error")]


async def test_a_worker_that_takes_too_long_or_is_no_script(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workerd, "ANSWER_S_MAX", 0.5)
    leads_to(stage, 1, b"export default { async email() { await new Promise((done) => setTimeout(done, 9000)); } };")
    assert (await stage.send(message())).startswith("550 5.7.1 Worker took too long ")
    leads_to(stage, 1, b"no script {")
    assert (await stage.send(message())).startswith("451 4.3.0 Worker call failed ")
    assert stage.world.events[-1]["errorDetail"].startswith("the runtime has ended")


async def test_a_runtime_that_is_killed_is_started_again(stage: Scene, authority: trustme.CA) -> None:
    async with deployed(authority) as (_, dell):
        leads_to(stage, dell.port)
        assert await stage.send(message()) == "250 2.0.0 Ok"
        (running,) = stage.hop.workers.running.values()
        dell.replies = {".": None}
        sending = asyncio.create_task(stage.send(message()))
        while len(dell.whole) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        running.process.kill()
        assert (await sending).startswith("451 4.3.0 Worker call failed ")
        dell.replies = {}
        assert await stage.send(message()) == "250 2.0.0 Ok"


def test_a_script_is_uploaded_looked_at_and_deleted(client: Cloudflare, emulator: Emulator) -> None:
    scripts: Any = client.workers.scripts
    here = {"account_id": ACCOUNT}
    bindings = [
        {"name": "HOST", "type": "plain_text", "text": "dell"},
        {"name": "PASSWORD", "type": "secret_text", "text": "s3cret"},
    ]
    metadata = {"main_module": "worker.js", "compatibility_date": "2026-04-01", "bindings": bindings}
    to_it: dict[str, Any] = {
        "zone_id": emulator.zone.id,
        "matchers": [{"type": "all"}],
        "actions": [{"type": "worker", "value": ["mxgate"]}],
    }
    with pytest.raises(NotFoundError, match="2016"):
        client.email_routing.rules.catch_alls.update(**to_it)
    scripts.update("mxgate", **here, metadata=metadata, files=[("worker.js", SOURCE, "application/javascript+module")])
    assert [each.id for each in scripts.list(**here)] == ["mxgate"]
    content = scripts.content.get("mxgate", **here)
    assert form(content.headers["content-type"], content.read()) == {"worker.js": SOURCE}
    shown = scripts.script_and_version_settings.get("mxgate", **here).to_dict()["bindings"]
    assert shown == [bindings[0], {"name": "PASSWORD", "type": "secret_text"}]
    client.email_routing.rules.catch_alls.update(**to_it, enabled=True)
    assert emulator.zone.routing.catch_all.actions == to_it["actions"]
    assert "s3cret" not in emulator.management.get("/requests").text
    scripts.delete("mxgate", **here)
    with pytest.raises(NotFoundError, match="10007"):
        scripts.content.get("mxgate", **here)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({}, "No such module"),
        ({"main_module": "other.js"}, "No such module"),
        ({"main_module": "worker.js", "compatibility_date": "today"}, "compatibility date"),
        ({"main_module": "worker.js", "bindings": [{"type": "kv_namespace", "name": "A"}]}, "Not emulated"),
        ({"main_module": "worker.js", "bindings": [{"type": "plain_text", "name": "A-B"}]}, "Invalid binding name"),
        ({"main_module": "worker.js", "keep_bindings": ["secret_text"]}, "Not emulated"),
    ],
)
def test_scripts_refused(client: Cloudflare, metadata: Any, said: str) -> None:
    with pytest.raises(APIStatusError, match=said):
        client.workers.scripts.update("w", account_id=ACCOUNT, metadata=metadata, files=[("worker.js", b"")])
