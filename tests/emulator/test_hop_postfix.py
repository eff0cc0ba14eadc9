"""A real Postfix before the hop: it meets every fault of the mail once, tries again, and nothing is lost or doubled."""

# ruff: noqa: ASYNC110, ASYNC240  another program's log and queue bring no event; files of a few lines are read at once

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

import pytest

from fixtures.lab.emulator.rig import ROUTED, SENDER
from tests.emulator.hop_support import Scene, message

STAGES = ("connect", "ehlo", "mail", "rcpt", "data", "dot", "quit")
STARTED_S_MAX = 10.0
MAIN = """\
compatibility_level = 3.10
myhostname = client.{sender}
mydestination =
relayhost = [127.0.0.1]:{port}
inet_protocols = ipv4
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
smtp_tls_security_level = may
smtp_connect_timeout = 2s
smtp_helo_timeout = 1s
smtp_mail_timeout = 1s
smtp_rcpt_timeout = 1s
smtp_data_init_timeout = 1s
smtp_data_done_timeout = 1s
smtp_quit_timeout = 1s
minimal_backoff_time = 1s
"""


class Postfix:
    """A queue of its own in the image, that relays to the hop and listens nowhere."""

    def __init__(self, root: Path, folder: Path) -> None:
        self._root, self._inside = root, Path("/") / folder.relative_to(root)
        self.log = folder / "log"

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8")

    async def ask(self, *argv: str, given: bytes = b"") -> str:
        process = await asyncio.create_subprocess_exec(
            "chroot", str(self._root),
            argv[0], "-c" if argv[0] != "sendmail" else "-C", f"{self._inside}/conf", *argv[1:],
            *(() if argv[0] != "sendmail" else ("-f", f"bob@{SENDER}", f"alice@{ROUTED}")),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(given), 10)
        return said.decode()

    async def send(self) -> None:
        """Queue one message from bob to alice."""
        assert await self.ask("sendmail", given=message().replace(b"\r\n", b"\n")) == ""

    async def retry(self) -> bool:
        """Have it try all again at once; False where its queue is empty."""
        await self.ask("postqueue", "-f")
        return "is empty" not in await self.ask("postqueue", "-p")


@asynccontextmanager
async def postfix(root: Path, port: int) -> AsyncIterator[Postfix]:
    folder = Path(mkdtemp(prefix="postfix-", dir=root / "tmp"))
    inside = Path("/") / folder.relative_to(root)
    made = Postfix(root, folder)
    try:
        folder.chmod(0o755)
        shutil.copytree(root / "etc/postfix", folder / "conf")
        (folder / "conf/main.cf").write_text(MAIN.format(sender=SENDER, port=port, folder=inside), "ascii")
        services = (root / "etc/postfix/master.cf").read_text("ascii").splitlines()
        own = [line for line in services if not line.startswith(("smtp      inet", "submission", "smtps"))]
        (folder / "conf/master.cf").write_text("\n".join(own) + "\n", "ascii")
        (folder / "queue").mkdir()
        (folder / "data").mkdir()
        shutil.chown(folder / "data", *_owner(root))
        daemon = await asyncio.create_subprocess_exec(
            "chroot", str(root), "postfix", "-c", f"{inside}/conf", "start-fg",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(STARTED_S_MAX):
            while not made.log.exists() or "daemon started" not in made.said():
                await asyncio.sleep(0.02)
        yield made
    finally:
        await made.ask("postfix", "abort")
        with suppress(ProcessLookupError):  # the shell that has started it ends with it
            daemon.terminate()
        await asyncio.wait_for(daemon.wait(), STARTED_S_MAX)
        shutil.rmtree(folder)


def _owner(root: Path) -> tuple[int, int]:
    """The number of the image's own user for Postfix, and of its group."""
    for line in (root / "etc/passwd").read_text("utf-8").splitlines():
        name, _, user, group, *_ = line.split(":")
        if name == "postfix":
            return int(user), int(group)
    raise AssertionError("the image has no user postfix")


@pytest.mark.parametrize("kind", ["4xx", "421", "drop", "stall"])
async def test_postfix_tries_again_at_every_stage_and_brings_one_copy(stage: Scene, root: Path, kind: str) -> None:
    for at in STAGES:
        stage.world.mail_faults.plant({"stage": at, "kind": kind, "stall_s": 2})
    async with postfix(root, stage.mx_port) as sender:
        await sender.send()
        while await sender.retry():
            await asyncio.sleep(0.1)
        said = sender.said()
    assert stage.world.mail_faults.as_json() == [], said[-3000:]
    assert len(stage.destination.taken) == 1, said[-3000:]
    assert said.count("status=deferred") >= 4, said[-3000:]
    assert said.count("status=sent") == 1


@pytest.mark.parametrize(("at", "becomes"), [("connect", "sent"), ("mail", "bounced"), ("dot", "bounced")])
async def test_a_refusal_for_good_is_reported_to_the_sender(stage: Scene, root: Path, at: str, becomes: str) -> None:
    """But for a greeting, after which Postfix tries again (smtp_skip_5xx_greeting)."""
    stage.world.mail_faults.plant({"stage": at, "kind": "5xx"})
    async with postfix(root, stage.mx_port) as sender:
        await sender.send()
        while f"to=<alice@{ROUTED}>" not in sender.said() or (
            f"status={becomes}" not in sender.said() and await sender.retry()
        ):
            await asyncio.sleep(0.1)
        said = sender.said()
    assert f"status={becomes}" in said, said[-3000:]
    assert len(stage.destination.taken) == (becomes == "sent")
