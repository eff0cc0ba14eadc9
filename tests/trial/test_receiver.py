"""The trial's mail server on a host by SSH, whose SSH server listens for it: a real one, on loopback."""

import socket
from pathlib import Path

import aiosmtplib
import asyncssh
import pytest

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.settings import Transport, Vantage
from scripts.lib.trial import receiver

MAIL = b"Subject: x\r\n\r\n.one\r\n"
THERE, CLIENTS = "127.0.0.5", [f"127.0.1.{each}" for each in range(1, 9)]


class Forwards(asyncssh.SSHServer):
    """As with ``GatewayPorts clientspecified``."""

    def server_requested(self, listen_host: str, listen_port: int) -> bool:  # noqa: ARG002 - asyncssh's own
        return listen_host == THERE


@pytest.fixture
def elsewhere(tmp_path: Path) -> Vantage:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(str(tmp_path / "key"))
    key.write_public_key(str(tmp_path / "key.pub"))
    made = asyncssh.listen(
        "127.0.0.1", 0, server_factory=Forwards, server_host_keys=[str(tmp_path / "key")],
        authorized_client_keys=str(tmp_path / "key.pub"),
    )  # fmt: skip

    async def listening() -> int:
        return int((await made).get_port())

    port = run(listening())
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {(tmp_path / 'key.pub').read_text(encoding='ascii')}", encoding="ascii")
    transport = Transport(host="127.0.0.1", port=port, key_file=tmp_path / "key", known_hosts=known)
    return Vantage(name="elsewhere", transport=transport)


def free() -> int:
    with socket.socket() as made:
        made.bind((THERE, 0))
        return int(made.getsockname()[1])


def send(client: str) -> None:
    smtp = aiosmtplib.SMTP(
        hostname=THERE, port=receiver.PORT, source_address=(client, 0), start_tls=True, validate_certs=False, timeout=10
    )  # fmt: skip

    async def go() -> None:
        async with smtp:
            await smtp.sendmail(f"a@{client}", ["b@trial.example"], MAIL)

    run(go())


def test_each_client_is_known_by_its_own_address(elsewhere: Vantage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver, "PORT", free())
    made = receiver.Receiver((THERE,), elsewhere, "mx.trial.example")
    made.open()
    for client in CLIENTS:
        send(client)
    assert [(each.peer, each.sender, each.taken) for each in made.contacts] == [
        (client, f"a@{client}", True) for client in CLIENTS
    ]
    assert all(each.tls and each.content.endswith(b"\r\n\r\n.one\r\n") for each in made.contacts)
    made.close()
    with pytest.raises(aiosmtplib.SMTPConnectError):
        send(CLIENTS[0])
    made.end()


def test_where_the_host_lets_nobody_listen_it_says_so(elsewhere: Vantage) -> None:
    with pytest.raises(CouldNotAsk, match=r"can't listen on 127.0.0.6 port 25 at elsewhere: .*GatewayPorts"):
        receiver.Receiver(("127.0.0.6",), elsewhere, "mx.trial.example").open()
