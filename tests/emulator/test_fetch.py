"""Dell fetches what waits in the bucket: its script, before the emulated R2 and servers that answer as bidden."""

import asyncio
import base64
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from pydantic import SecretStr
from starlette.types import Message as Event, Receive, Scope, Send

from fixtures.access.clock import Clock
from fixtures.lab.emulator.api import s3
from fixtures.lab.emulator.api.serving import HttpServer, listen
from fixtures.lab.emulator.state import Bucket, Stored, World
from fixtures.plan import fetcher
from fixtures.settings import Secrets
from tests.conftest import PROJECT
from tests.emulator.conftest import ACCOUNT, new_world
from tests.emulator.test_workers import ALICE, BOB
from tests.emulator.worker_support import Dell

SCRIPT = PROJECT / "scripts/lib/worker/fetch.sh"
NAME, ALL = "waiting", "all"


pytestmark = pytest.mark.usefixtures("runner")


@dataclass(slots=True)
class Scene:
    world: World
    dell: Dell
    out: Dell
    """Where Postfix sends what its own machine gives it."""
    folder: Path
    command: tuple[str, ...]

    def put(self, number: int, body: bytes, sender: str = BOB, to: str = ALICE) -> None:
        metadata = {"from": base64.b64encode(sender.encode()).decode(), "to": base64.b64encode(to.encode()).decode()}
        self.left[f"mail/{number}"] = Stored(body, metadata, 0, "2026-11-27T00:00:00Z")

    @property
    def left(self) -> dict[str, Stored]:
        return self.world.buckets[NAME].objects

    async def start(self) -> asyncio.subprocess.Process:
        environment = {"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(self.folder), "TMPDIR": str(self.folder)}
        environment["STATE_DIRECTORY"] = str(self.folder / "state")
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(*self.command, env=environment, stderr=pipe)

    async def run(self) -> tuple[int, str]:
        process = await self.start()
        _, said = await process.communicate()
        return process.returncode or 0, said.decode()


class Stalling(s3.S3):
    """Says no more than half of the first message that it is asked for."""

    stalled = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def half(event: Event) -> None:
            if event["type"] == "http.response.body":
                self.stalled, event["body"], event["more_body"] = True, event["body"][: len(event["body"]) // 2], True
            await send(event)
            if self.stalled:
                await asyncio.sleep(2)

        stalls = "/mail/" in scope["path"] and not self.stalled
        await super().__call__(scope, receive, half if stalls else send)


@asynccontextmanager
async def scene(folder: Path, authority: trustme.CA, r2: type[s3.S3] = s3.S3) -> AsyncIterator[Scene]:
    host = f"{ACCOUNT}.r2.cloudflarestorage.com"
    certificate = folder / "tls.pem"
    authority.issue_cert(host, "localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    world = new_world(Clock(folder / "clock"))
    world.buckets[NAME] = Bucket(NAME, "")
    (token,) = world.tokens
    server = HttpServer(r2(world), listen("127.0.0.1", 0), certificate)
    await server.start()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    dell, out, taking = Dell(), Dell(), []
    for each, context in ((dell, tls), (out, None)):
        taking.append(await asyncio.start_server(each.serve, "127.0.0.1", 0, ssl=context, limit=1 << 26))
        each.port = taking[-1].sockets[0].getsockname()[1]
    trust = f'cacert = "{folder}/ca.pem"\n'
    secret = sha256(ALL.encode()).hexdigest()
    keys = f'user = "{token.id}:{secret}"\naws-sigv4 = "aws:amz:auto:s3"\n'
    (folder / "mxgate-bucket.curl").write_text(f'{trust}connect-to = "::127.0.0.1:{server.port}"\n{keys}')
    route = SimpleNamespace(bucket=NAME, login="worker", listen="127.0.0.1:1", tunnel="", host="localhost", port=1)
    cloudflare, named = SimpleNamespace(account_id=ACCOUNT), SimpleNamespace(name="dell.example")
    settings: Any = SimpleNamespace(route=route, cloudflare=cloudflare, dell=named)
    planned = fetcher.files(settings, Secrets(worker_password=SecretStr("swördfish")))[fetcher.POSTFIX]
    kept = [line for line in planned.splitlines(keepends=True) if not line.startswith("connect-to")]
    (folder / "mxgate-postfix.curl").write_text("".join([trust, *kept]))
    urls = (f"https://{host}/{NAME}", f"smtps://localhost:{dell.port}", f"smtp://127.0.0.1:{out.port}")
    try:
        yield Scene(world, dell, out, folder, ("sh", str(SCRIPT), *urls))
    finally:
        await server.stop()
        for listening in taking:
            listening.close()


async def test_what_waits_is_handed_in_as_it_came_and_deleted(tmp_path: Path, authority: trustme.CA) -> None:
    eight_bits = "Subject: ü\r\n\r\n\0 ü\r\n".encode() + bytes(range(128, 256)) + b"\r\n"
    sent = [
        b"\r\n",
        b".\r\n",
        b"..\r\n.\r\n",
        b"a: b\r\n\r\n.a\r\nb.\r\n.\r\n",
        eight_bits,
        b"no end",
        b"a\r\n\r\n\rb\r\n",
    ]
    sent += [(b"." * 75 + b"\r\n") * 30_000]
    smuggling = b"a\n.\nMAIL FROM:<x@x.example>\n.\r\nb\r\n"
    async with scene(tmp_path, authority) as it:
        for number, body in enumerate([*sent, smuggling]):
            it.put(number, body)
        it.left["half-way"] = Stored(b"", {}, 0, "")
        assert await it.run() == (0, "")
        assert it.dell.whole == [
            *(each if each.endswith(b"\r\n") else each + b"\r\n" for each in sent),
            smuggling.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        ]
        assert list(it.left) == ["half-way"]
        assert f"MAIL FROM:<{BOB}>" in it.dell.said[2]
        assert f"RCPT TO:<{ALICE}>" in it.dell.said[3]


async def test_an_international_address_and_no_sender(tmp_path: Path, authority: trustme.CA) -> None:
    async with scene(tmp_path, authority) as it:
        it.dell.replies = {"EHLO": "250-Dell\r\n250-SMTPUTF8\r\n250 AUTH PLAIN"}
        it.put(1, b"a\r\n", "bób@sender.example")
        it.put(2, b"b\r\n", "")
        assert await it.run() == (0, "")
    mails = [each for each in it.dell.said if each.startswith("MAIL")]
    assert mails == ["MAIL FROM:<bób@sender.example> SMTPUTF8", "MAIL FROM:<>"]


async def test_what_the_worker_did_not_write_stays_and_holds_up_nobody(tmp_path: Path, authority: trustme.CA) -> None:
    """Without metadata, with a command in an address, or with metadata that is no base64."""
    async with scene(tmp_path, authority) as it:
        it.left["mail/1"] = Stored(b"a\r\n", {}, 0, "2026-11-27T00:00:00Z")
        it.put(2, b"b\r\n", "bob@x>\r\nRSET")
        for number, name in ((3, "from"), (4, "to")):
            it.put(number, b"a\r\n")
            it.left[f"mail/{number}"].metadata[name] = "alice@x.example"
        it.put(5, b"c\r\n", "bób@sender.example", "dórte@routed.example.net")
        it.dell.replies = {"EHLO": "250-Dell\r\n250-SMTPUTF8\r\n250 AUTH PLAIN"}
        status, said = await it.run()
        theirs = [f"mail/{number}" for number in (1, 2, 3, 4)]
        assert (status, list(it.left), it.dell.whole) == (0, theirs, [b"c\r\n"])
        own = [line for line in said.splitlines() if not line.startswith("base64: ")]
        assert own == [f"{each}: its envelope is none of the Worker's" for each in theirs]


async def test_what_dell_refuses_for_good_bounces_with_its_words(tmp_path: Path, authority: trustme.CA) -> None:
    """But a bounce has no sender, and gets none; and a bounce that can't be had yet keeps its message."""
    body = b"Subject: hello\r\nX: y\r\n\r\ntext\r\n"
    for command in ("MAIL", "RCPT", "DATA", "."):
        (folder := tmp_path / f"at {command}").mkdir()
        async with scene(folder, authority) as it:
            it.put(1, body)
            it.put(2, b"b\r\n", "")
            it.dell.replies = {command: "550 5.1.1 <alice>: Recipient address rejected"}
            it.out.replies = {"RCPT": "451 4.3.0 Later"}
            status, said = await it.run()
            assert (status, list(it.left)) == (0, ["mail/1"])
            assert "to <alice@routed.example.net>: refused: 550 5.1.1 <alice>: Recipient address rejected" in said
            it.out.replies = {}
            status, said = await it.run()
            assert (status, list(it.left)) == (0, [])
            (bounce,) = it.out.whole
        assert "MAIL FROM:<>" in it.out.said
        assert f"RCPT TO:<{BOB}>" in it.out.said
        assert b"Status: 5.1.1\r\nDiagnostic-Code: smtp; 550 5.1.1 <alice>: Recipient" in bounce
        assert b"Subject: hello\r\nX: y\r\n\r\n--=mxgate=--\r\n" in bounce


OF_DELL = ("503 5.5.1 Bad sequence", "521 5.3.2 No mail here", "530 5.7.0 Must issue STARTTLS first")
"""They say nothing of the message."""


async def test_all_else_stays_and_holds_up_nobody(tmp_path: Path, authority: trustme.CA) -> None:
    async with scene(tmp_path, authority) as it:
        for command in ("CONNECT", "AUTH", "MAIL", "RCPT", "DATA", "."):
            early = ["554 5.7.1 No"] if command in {"CONNECT", "AUTH"} else []
            for reply in ("451 4.7.1 Later", "421 4.3.2 Down", "", *OF_DELL, *early):
                it.put(1, b"a\r\n")
                it.put(2, b"b\r\n")
                it.dell.replies = {command: reply}
                status, said = await it.run()
                unheard = command in {"CONNECT", "AUTH"} or (command != "." and not reply)
                assert (status, len(it.left)) == (int(unheard), 2), (command, reply, said)
        it.dell.replies = {}
        assert await it.run() == (0, "")
        assert it.dell.whole[-2:] == [b"a\r\n", b"b\r\n"]


async def test_a_bounce_that_this_machine_refuses_keeps_its_message_and_holds_up_nobody(
    tmp_path: Path, authority: trustme.CA
) -> None:
    """A refusal of the sender's own address is the end: nobody can hear of it."""
    async with scene(tmp_path, authority) as it:
        it.put(1, b"a\r\n")
        it.put(2, b"b\r\n", "")
        temporary = f"550 5.7.1 <{BOB}>: Recipient address rejected: the policy service is not there now"
        hostname = "504 5.5.2 <dell>: Helo command rejected: need fully-qualified hostname"
        full = f"552 5.2.2 <{BOB}>: Recipient address rejected: mailbox full"
        for reply in (hostname, temporary, full, *OF_DELL, ""):
            it.put(2, b"b\r\n", "")
            it.dell.replies = {"RCPT": "550 5.1.1 <alice>: nobody"}
            it.out.replies = {"CONNECT" if not reply else "RCPT": reply}
            status, said = await it.run()
            assert (status, list(it.left)) == (1, ["mail/1"])
            assert f"mail/1: its bounce to <{BOB}> is not taken: {reply or 'no answer'}\n" in said
        ends = (
            f"550 5.1.2 <{BOB}>: Recipient address rejected: Domain not found",
            f"504 5.5.2 <{BOB}>: Recipient address rejected: need fully-qualified address",
            "501 5.1.3 Bad recipient address syntax",
        )
        for number, reply in enumerate(ends, 1):
            it.put(number, b"a\r\n")
            it.out.replies = {"RCPT": reply}
            status, said = await it.run()
            assert (status, list(it.left)) == (0, []), (reply, said)
    assert it.out.whole == []


async def test_what_stays_hides_nothing_behind_it(
    tmp_path: Path, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R2 lists a page at a time."""
    monkeypatch.setattr(s3, "KEYS_MAX", 2)
    async with scene(tmp_path, authority) as it:
        for number in range(4):
            it.left[f"mail/{number}"] = Stored(b"a\r\n", {}, 0, "2026-11-27T00:00:00Z")
        it.put(4, b"b\r\n")
        status, _ = await it.run()
        assert (status, len(it.left), it.dell.whole) == (0, 4, [b"b\r\n"])


async def test_the_login_goes_as_the_worker_sends_it(tmp_path: Path, authority: trustme.CA) -> None:
    """curl prefers CRAM-MD5, wherever that is offered."""
    async with scene(tmp_path, authority) as it:
        it.dell.replies = {"EHLO": "250-Dell\r\n250 AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256"}
        it.put(1, b"a\r\n")
        assert (await it.run(), it.dell.whole) == ((0, ""), [b"a\r\n"])
    assert it.dell.said[1].startswith("AUTH PLAIN ")


async def test_what_is_read_at_the_second_try_has_one_envelope(tmp_path: Path, authority: trustme.CA) -> None:
    """R2 stalls half-way: what curl notes of the second answer follows what it noted of the first."""
    async with scene(tmp_path, authority, Stalling) as it:
        it.put(1, b"a\r\n" * 100)
        keys = tmp_path / "mxgate-bucket.curl"
        keys.write_text(f"{keys.read_text()}max-time = 1\n")
        status, said = await it.run()
        assert (status, "timed out" in said, list(it.left)) == (0, True, [])
    assert [each for each in it.dell.said if each[:4] in {"MAIL", "RCPT"}] == [
        f"MAIL FROM:<{BOB}>",
        f"RCPT TO:<{ALICE}>",
    ]
    assert it.dell.whole == [b"a\r\n" * 100]


async def test_what_can_not_be_deleted_is_handed_in_once_and_holds_up_nobody(
    tmp_path: Path, authority: trustme.CA
) -> None:
    """And bounces once. It is deleted as soon as it may be, and then nothing is left of it."""
    async with scene(tmp_path, authority) as it:
        (token,) = it.world.tokens
        token.scopes = frozenset({"objects:read"})
        for number, reply in enumerate(("250 Ok", "550 5.1.1 <alice>: nobody", "250 Ok")):
            it.put(number, b"%d\r\n" % number)
            it.dell.replies = {"RCPT": reply}
            status, said = await it.run()
            assert (status > 0, "403" in said, len(it.left)) == (True, True, number + 1)
        token.scopes = frozenset({"objects:edit"})
        for _ in range(2):
            assert await it.run() == (0, "")
        assert (it.dell.whole, len(it.out.whole), list(it.left)) == ([b"0\r\n", b"2\r\n"], 1, [])
    assert (tmp_path / "state/done").read_text() == ""


async def test_without_the_right_keys_nothing_is_read(tmp_path: Path, authority: trustme.CA) -> None:
    async with scene(tmp_path, authority) as it:
        it.put(1, b"a\r\n")
        keys = tmp_path / "mxgate-bucket.curl"
        keys.write_text(keys.read_text().replace('"\naws', 'x"\naws'))
        status, said = await it.run()
        assert status
        assert "403" in said
        assert (len(it.left), it.dell.said) == (1, [])


async def test_killed_at_any_point_nothing_is_lost(tmp_path: Path, authority: trustme.CA) -> None:
    """What comes twice was handed in when it was killed."""
    sent = [b"%d\r\n" % number for number in range(60)]
    async with scene(tmp_path, authority) as it:
        it.world.knobs.transient_errors = 0.02
        for number, body in enumerate(sent):
            it.put(100 + number, body)
        chance, kills = random.Random(19), 0
        while it.left:
            process = await it.start()
            try:
                await asyncio.wait_for(process.wait(), chance.uniform(0.05, 1.5))
            except TimeoutError:
                process.kill()
                kills += 1
                await process.wait()
        twice = [each for each in sent if it.dell.whole.count(each) > 1]
        assert set(it.dell.whole) == set(sent)
        assert kills > 3
        assert len(twice) <= kills
