"""An SSH connection that goes silent, as when a laptop sleeps or a NAT drops the flow: found out, and opened again."""

import asyncio
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from fixtures.access import transport, tunnels
from fixtures.access.changing import Shell
from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.settings import Transport


class SilentPath:
    """A way to an SSH server over which nothing comes any more once it is ``silent``; new connections get through."""

    def __init__(self) -> None:
        self.connections = 0
        self.silent = False

    async def open(self, keys: Path) -> int:
        """Returns the port."""
        server = await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[str(keys)], authorized_client_keys=f"{keys}.pub", process_factory=_obey
        )
        self._to = server.get_port()
        path = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return int(path.sockets[0].getsockname()[1])

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.silent = False
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        await asyncio.gather(self._pass(reader, back), self._pass(there, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine = self.connections
        while data := await reader.read(65536):
            if self.silent or mine < self.connections:
                continue
            writer.write(data)
        writer.close()


async def _obey(process: asyncssh.SSHServerProcess[str]) -> None:
    """``say WORD`` says it, ``flood`` says more and more; anything else takes for ever."""
    said = (process.command or "").split()
    if "say" in said:
        process.stdout.write(said[-1])
        process.exit(0)
    with suppress(OSError):  # nobody hears it any more; a server of asyncssh's would end the connection for that
        while "flood" in said:
            process.stderr.write("x" * 2**16)
            await process.stderr.drain()
    await asyncio.sleep(600)


@pytest.fixture
def path() -> SilentPath:
    return SilentPath()


@pytest.fixture
def host(tmp_path: Path, path: SilentPath, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Keep-alives ten times as often as they are, so that a test takes seconds."""
    monkeypatch.setattr(tunnels, "KEEPALIVE_S", tunnels.KEEPALIVE_S / 10)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "key"))
    key.write_public_key(str(tmp_path / "key.pub"))
    port = run(path.open(tmp_path / "key"))
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    there = {"host": "127.0.0.1", "user": "somebody", "key_file": tmp_path / "key", "known_hosts": known}
    return Shell("Dell", Transport(kind="ssh", port=port, **there))


def test_the_bounds_say_so() -> None:
    assert 15 <= tunnels.KEEPALIVE_S * (tunnels.KEEPALIVES + 1) <= 20


def test_a_command_under_way_ends_soon_and_says_why(host: Shell, path: SilentPath) -> None:
    assert host.run("say", "first").stdout == "first"
    path.silent = True
    began = time.monotonic()
    with pytest.raises(CouldNotAsk, match=r"Dell: its SSH connection broke \(.*\); the next command makes a new one"):
        host.run("wait")
    assert time.monotonic() - began < tunnels.KEEPALIVE_S * (tunnels.KEEPALIVES + 1) + 5
    assert host.run("say", "again").stdout == "again"
    assert path.connections == 2


def test_one_that_died_between_two_commands_is_not_used(host: Shell, path: SilentPath) -> None:
    assert host.run("say", "first").stdout == "first"
    first = run(host.connection())
    path.silent = True
    run(first.wait_closed(), tunnels.KEEPALIVE_S * (tunnels.KEEPALIVES + 1) + 3)
    assert host.run("say", "again").stdout == "again"
    assert path.connections == 2


def test_a_slow_command_is_waited_for(host: Shell, path: SilentPath) -> None:
    """Its server answers meanwhile; the command's own deadline ends it, and the connection stays."""
    with pytest.raises(CouldNotAsk, match="was not done in"):
        run(host.arun("wait", timeout_s=tunnels.KEEPALIVE_S * 6 - transport.CONNECT_S))
    assert host.run("say", "still").stdout == "still"
    assert path.connections == 1


def test_what_says_more_and_more_is_not_heard_to_its_end(
    host: Shell, path: SilentPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SSH and on this machine; what is just as long as may be is heard."""
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 2**20)
    with pytest.raises(CouldNotAsk, match=r"Dell: `.*flood` answered with more than 1 MiB, and was ended there"):
        host.run("flood")
    assert host.run("say", "still").stdout == "still"
    assert path.connections == 1
    here = Shell("Dell", Transport(kind="local"))
    assert len(here.run("head", "-c", str(2**20), "/dev/zero").stdout) == 2**20
    with pytest.raises(CouldNotAsk, match=r"Dell: `.*/dev/zero` answered with more than 1 MiB"):
        here.run("cat", "/dev/zero")


@pytest.mark.parametrize("there", ["both", "those of another host", "no file"])
def test_which_host_it_is_does_not_depend_on_the_order_of_known_hosts(tmp_path: Path, there: str) -> None:
    """A laptop may know its ed25519 key first, and a runner that was filled by ssh-keyscan its RSA key."""
    files = [tmp_path / name for name in ("ed25519", "rsa")]
    keys = [asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-rsa")]
    for file, key in zip(files, keys, strict=True):
        key.write_private_key(str(file))
        key.write_public_key(f"{file}.pub")
    listed = [asyncssh.generate_private_key("ssh-ed25519")] if there == "those of another host" else keys
    lines = "".join(each.export_public_key().decode() for each in listed) if there != "no file" else ""

    async def obey(process: asyncssh.SSHServerProcess[str]) -> None:
        process.stdout.write(lines if "/etc/ssh/ssh_host_rsa_key.pub" in (process.command or "") else "")
        process.exit(0)

    async def listen() -> int:
        given = {"server_host_keys": [str(each) for each in files], "authorized_client_keys": f"{files[0]}.pub"}
        return int((await asyncssh.listen("127.0.0.1", 0, process_factory=obey, **given)).get_port())

    port, seen = run(listen()), []
    for order in (keys, keys[::-1]):
        known = tmp_path / "known_hosts"
        known.write_text("".join(f"[127.0.0.1]:{port} {each.export_public_key().decode()}" for each in order))
        here = {"host": "127.0.0.1", "user": "somebody", "key_file": files[0], "known_hosts": known}
        seen.append(Shell("Dell", Transport(kind="ssh", port=port, **here)).host_key())
    prints = [each.get_fingerprint() for each in keys]
    assert seen == (prints if there != "both" else [prints[0]] * 2)


@pytest.mark.parametrize("spoilt", ["key_file", "known_hosts"])
@pytest.mark.parametrize("content", [b"nothing\n", b"\xff\xfe\x00"], ids=["text", "octets"])
def test_a_file_of_ours_that_is_none_is_named(host: Shell, spoilt: str, content: bytes) -> None:
    file: Path = getattr(host.transport, spoilt)
    file.write_bytes(content)
    with pytest.raises(
        CouldNotAsk, match=rf"Dell: {spoilt} {file} can't be used: .*\. Expected (a private key|lines as)"
    ):
        host.run("say", "first")


def test_a_key_with_a_passphrase_is_named(host: Shell) -> None:
    file = host.transport.key_file
    assert file
    file.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "hush hush", "-f", str(file)], check=True)
    with pytest.raises(CouldNotAsk, match=r"key_file \S+ can't be used: .*Expected a private key without a passphrase"):
        host.run("say", "first")
