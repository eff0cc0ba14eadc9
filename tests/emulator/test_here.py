"""The emulator by itself on loopback: one command, mail through it, its API, and what its page shows in a browser."""

import asyncio
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib
import pytest
from cloudflare import Cloudflare, DefaultHttpxClient

from fixtures.lab.emulator import here, rig
from tests.emulator.conftest import DEADLINE_S
from tests.reading import ROOT
from tests.report.browser import Page, chromium

MARKUP = "<img src=x onerror=alert(1)>"


@dataclass(frozen=True, slots=True)
class Emulated:
    page: str
    smtp: int
    api: str
    authority: str
    zone: str


@pytest.fixture
def emulated() -> Iterator[Emulated]:
    ports = {name: rig.free_port() for name in ("page", "api", "smtp")}
    options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
    argv = [sys.executable, "-m", "fixtures.lab.emulator", "--here", "--seed", "7", "--transient-errors", "0", *options]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            said = "".join(process.stdout.readline() for _ in range(6))
            assert said.startswith("emulator: ready, seed 7."), said
            authority, zone = re.findall(r"--cacert (\S+)", said)[0], re.findall(r"zones/(\w+)/", said)[0]
            api = f"https://{here.HERE}:{ports['api']}"
            yield Emulated(f"http://{here.HERE}:{ports['page']}/", ports["smtp"], api, authority, zone)
        finally:
            process.terminate()
            assert process.wait(DEADLINE_S) == 0
    assert not Path(authority).exists(), "nothing is left of it"


def send(emulated: Emulated, to: str, sender: str = f"bob@{rig.SENDER}") -> str:
    """Returns the reply."""
    letter = f"From: {sender}\r\nSubject: for {to} {MARKUP}\r\n\r\nGood evening.\r\n"
    try:
        found = asyncio.run(
            aiosmtplib.send(
                letter, sender=sender, recipients=[f"{to}@{rig.ROUTED}"], hostname=here.HERE, port=emulated.smtp,
                start_tls=False,
            )
        )  # fmt: skip
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return refused.recipients[0].message
    except aiosmtplib.SMTPResponseException as refused:
        return refused.message
    return found[1]


def test_what_passes_and_what_is_asked_stands_on_its_page(emulated: Emulated, tmp_path: Path) -> None:
    assert send(emulated, "alice").startswith("2.0.0 Ok")
    assert "5.1.1" in send(emulated, "nobody")
    assert "Neither SPF nor DKIM" in send(emulated, "alice", "eve@unknown.example.net")
    trust = ssl.create_default_context(cafile=emulated.authority)
    with DefaultHttpxClient(verify=trust) as http:
        client = Cloudflare(api_token=here.TOKEN, base_url=f"{emulated.api}/client/v4", http_client=http)
        rules = [
            rule.matchers[0].value for rule in client.email_routing.rules.list(zone_id=emulated.zone) if rule.matchers
        ]
    assert f"alice@{rig.ROUTED}" in rules
    with chromium(tmp_path) as page:
        page.open(emulated.page)
        assert page.run(_until("delivered")) == "delivered"
        assert f"for alice {MARKUP}" in cells(page, "events")
        assert cells(page, "events").count("rejected") == 2
        assert {f"alice@{rig.ROUTED}", f"forward alice@{rig.DELIVERY}", "verified", "every other address"} <= set(
            cells(page, "rules")
        )
        assert f"/client/v4/zones/{emulated.zone}/email/routing/rules" in cells(page, "requests")
        assert page.run("document.images.length") == 0, "foreign text became markup"
        send(emulated, "noreply")
        assert page.run(_until("dropped")) == "dropped", "it doesn't follow along"
        assert not page.console
        assert all(each.startswith(emulated.page) for each in page.asked), "it asks elsewhere"


def cells(page: Page, table: str) -> list[str]:
    found: list[str] = page.run(f"[...document.querySelectorAll('#{table} td')].map(each => each.textContent)")
    return found


def _until(word: str) -> str:
    """Of a message's status; the page's own bound on patience is ten seconds here."""
    return f"""new Promise(done => {{ const begun = Date.now(); const look = () => {{
        const found = [...document.querySelectorAll('#events td')].find(each => each.textContent === {word!r});
        if (found || Date.now() - begun > 10000) done(found ? found.textContent : '');
        else setTimeout(look, 100); }}; look(); }})"""


def test_a_port_that_is_taken_is_named(emulated: Emulated) -> None:
    taken = subprocess.run(
        [sys.executable, "-m", "fixtures.lab.emulator", "--here", "--smtp-port", str(emulated.smtp)],
        capture_output=True, text=True, timeout=30, check=False, cwd=ROOT,
    )  # fmt: skip
    assert taken.returncode == 2
    assert "emulator: " in taken.stderr
    assert "address already in use" in taken.stderr
