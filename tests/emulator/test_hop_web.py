"""The web server of MTA-STS policies: its host's folder and nothing else."""

import http.client
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.lab.emulator.rig import certificate, free_port, wait_for

HOST = "mta-sts.a.example.net"
PATH = "/.well-known/mta-sts.txt"
READY_S_MAX = 10.0


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A running server's; it must end at once when it is asked to."""
    policy = tmp_path / "web" / HOST / ".well-known" / "mta-sts.txt"
    policy.parent.mkdir(parents=True)
    policy.write_bytes(b"version: STSv1\r\n")
    (tmp_path / "web" / "secret").write_text("no")
    (policy.parent / "link").symlink_to(tmp_path / "web" / "secret")
    listen, pem = free_port(), certificate(tmp_path)
    argv = ["--listen", f"127.0.0.1:{listen}", "--certificate", str(pem), "--root", str(tmp_path / "web")]
    process = subprocess.Popen([sys.executable, "-m", "fixtures.lab.web", *argv], stderr=subprocess.DEVNULL)
    try:
        wait_for(listen, process, READY_S_MAX)
        yield listen
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=2) == 0


def get(port: int, folder: Path, path: str, host: str = HOST, method: str = "GET") -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=5)
    with closing(connection):
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host)
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()


def test_a_policy_is_served_under_its_host(port: int, tmp_path: Path) -> None:
    assert get(port, tmp_path, PATH) == (200, b"version: STSv1\r\n")
    assert get(port, tmp_path, PATH, host=f"{HOST.upper()}:443")[0] == 200
    assert get(port, tmp_path, PATH, method="HEAD") == (200, b"")
    assert get(port, tmp_path, PATH, host="mta-sts.b.example.net")[0] == 404


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/../secret", HOST),
        ("/%2e%2e/secret", HOST),
        ("//../../secret", HOST),
        ("/.well-known/link", HOST),
        ("/secret", ""),
        ("/secret", "."),
        ("/web/secret", ".."),
        ("/", HOST),
    ],
)
def test_no_path_leads_out(port: int, tmp_path: Path, path: str, host: str) -> None:
    assert get(port, tmp_path, path, host=host)[0] == 404


def test_a_client_that_never_begins_holds_up_nobody(port: int, tmp_path: Path) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert get(port, tmp_path, PATH)[0] == 200
