"""The smart host as a process: login, signatures, return path, retries, and its end."""

# ruff: noqa: ASYNC220, ASYNC240  a few milliseconds on a loop that has nothing else to do

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiosmtplib
import dkim
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fixtures.lab.emulator.rig import DELIVERY, ROUTED, free_port, wait_for
from tests.emulator.hop_support import Scene, message, scene

PASSWORD = "SG.right"
READY_S_MAX = 10.0
Act = Callable[[Scene, int, Path], Awaitable[None]]


def run(folder: Path, act: Act) -> None:
    async def inside() -> None:
        async with scene(folder) as stage:
            (folder / "password").write_text(f"{PASSWORD}\n")
            pem = stage.sender_key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (folder / "dkim.pem").write_bytes(pem)
            port = free_port()
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "fixtures.lab.sendgrid", "--listen", f"127.0.0.1:{port}",
                    "--certificate", str(folder / "mx.pem"), "--password-file", str(folder / "password"),
                    "--dkim-key", str(folder / "dkim.pem"), "--log", str(folder / "log"),
                    "--upstream-port", str(stage.hop._upstream_port),
                    "--nameserver", f"127.0.0.1:{stage.names_port}",
                ],
            )  # fmt: skip
            try:
                await asyncio.to_thread(wait_for, port, process, READY_S_MAX)
                await asyncio.wait_for(act(stage, port, folder / "log"), 30)
            finally:
                process.terminate()
                begun = time.monotonic()
                assert process.wait(timeout=5) == 0
                assert time.monotonic() - begun < 1.5

    asyncio.run(inside())


def _client(port: int, folder: Path) -> aiosmtplib.SMTP:
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.check_hostname = False
    return aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, tls_context=context)


def test_nothing_goes_without_a_login(tmp_path: Path) -> None:
    async def act(_stage: Scene, port: int, _log: Path) -> None:
        client = _client(port, tmp_path)
        await client.connect()
        await client.ehlo()
        await client.starttls()
        await client.ehlo()
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match=r"5\.7\.0 Authentication required"):
            await client.mail(f"alice@{ROUTED}")
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            await client.login("apikey", "SG.wrong        # a comment")
        await client.login("apikey", PASSWORD)
        await client.quit()

    run(tmp_path, act)


def test_mail_leaves_signed_and_with_the_smart_hosts_return_path(tmp_path: Path) -> None:
    async def act(stage: Scene, port: int, log: Path) -> None:
        stage.names[f"s1._domainkey.{ROUTED}", "TXT"] = stage.names["s1._domainkey.sender.example.net", "TXT"]
        text = message().replace(b"From: Bob <bob@sender.example.net>", f"From: Alice <alice@{ROUTED}>".encode())
        stage.destination.replies["RCPT"] = "450 4.2.0 wait"
        async with _client(port, tmp_path) as client:
            await client.starttls()
            await client.login("apikey", PASSWORD)
            await client.sendmail(f"alice@{ROUTED}", [f"zoe@{DELIVERY}"], text)
        await asyncio.sleep(0.3)
        stage.destination.replies.clear()
        await asyncio.wait_for(stage.destination.arrived.wait(), 5)
        sender, recipient, mail, helo = stage.last
        assert b" with ESMTPSA id " in mail
        assert sender.startswith("bounces+0-")
        assert sender.endswith(f"@em1234.{ROUTED}")
        assert (recipient, helo) == (f"zoe@{DELIVERY}", "smtp.sendgrid.net")
        key = "".join(part.strip('"') for part in stage.names[f"s1._domainkey.{ROUTED}", "TXT"][0].split('" "'))
        assert dkim.verify(mail, dnsfunc=lambda *_args, **_more: key.encode())
        await asyncio.sleep(0.1)
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        assert [row["status"] for row in rows] == ["deferred", "delivered"]
        assert base64.b64encode(PASSWORD.encode()).decode() not in log.read_text()

    run(tmp_path, act)
