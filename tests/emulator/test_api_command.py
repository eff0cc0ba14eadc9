"""``python -m fixtures.lab.emulator`` as it is started in the lab."""

import json
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX

ROOT = Path(__file__).parents[2]
DEADLINE_S = 15.0
WORLD = {
    "account_id": ACCOUNT,
    "tokens": [{"value": "all", "scopes": ["zone:read"]}],
    "zones": [
        {
            "name": APEX,
            "id": "1" * 32,
            "name_servers": ["ada.ns.cloudflare.com"],
            "records": [{"type": "MX", "name": APEX, "content": OLD_MX, "ttl": 300, "priority": 10}],
        }
    ],
}


@pytest.fixture
def command(tmp_path: Path, certificate: Path) -> list[str]:
    (tmp_path / "world.json").write_text(json.dumps(WORLD), encoding="utf-8")
    where = ["--world", str(tmp_path / "world.json"), "--dns-db", str(tmp_path / "ns.sqlite")]
    served = ["--api", "127.0.0.1:0", "--certificate", str(certificate)]
    return [sys.executable, "-m", "fixtures.lab.emulator", *where, *served]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=DEADLINE_S, check=False)


@pytest.fixture
def started(command: list[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and what it said until it was ready."""
    more = ["--management", "127.0.0.1:0", "--no-mail", "--seed", "42"]
    with subprocess.Popen([*command, *more], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "ready" not in said and (line := process.stdout.readline()):
            said += line
        yield process, said
        process.kill()


def test_it_is_ready_and_gone_soon(started: tuple[subprocess.Popen[str], str], authority: trustme.CA) -> None:
    process, said = started
    assert "seed 42" in said
    tls = ssl.create_default_context()
    authority.configure_trust(tls)
    port = re.search(r"API on 127\.0\.0\.1 port (\d+)", said)
    assert port is not None
    with httpx.Client(verify=tls, headers={"authorization": "Bearer all"}) as client:
        answer = client.get(f"https://127.0.0.1:{port[1]}/client/v4/zones")
        assert answer.json()["result"][0]["name"] == APEX
        # A connection that is still open must not hold it.
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param(["--no-mail", "--api", "0.0.0.0:8443"], "neither loopback nor", id="every address"),
        pytest.param(["--no-mail", "--api", "192.0.2.7:8443"], "neither loopback nor", id="a foreign address"),
        pytest.param(["--no-mail", "--api", "127.0.0.1"], "expected ADDRESS:PORT", id="no port"),
        pytest.param(["--no-mail", "--world", "/nowhere"], "--world /nowhere", id="no world"),
        pytest.param(["--no-mail", "--dns-db", "/nowhere/x"], "--dns-db /nowhere/x", id="no place for the database"),
        pytest.param(["--no-mail", "--certificate", "/dev/null"], "--certificate /dev/null", id="no certificate"),
        pytest.param(["--no-mail", "--enabling", "maybe"], "invalid choice: 'maybe'", id="unknown choice"),
        pytest.param(["--no-mail", "--settle-s", "-1"], "settle_s: expected greater than", id="settles in the past"),
        pytest.param([], "--mx: expected at least one address", id="mail without an MX"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(command: list[str], options: list[str], said: str) -> None:
    ended = run([*command, *options])
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("package", ["starlette", "uvicorn", "aiosmtpd"])
def test_what_only_a_rehearsal_has_is_missing(command: list[str], package: str) -> None:
    """A sentence, and what to do; also where the package is asked for late."""
    argv = [*command[2:], "--mx", "127.0.0.1", "--smtp-port", "0"]
    code = (
        f"import runpy, sys; sys.modules[{package!r}] = None; sys.argv = {argv!r}; "
        "runpy.run_module('fixtures.lab.emulator', run_name='__main__')"
    )
    ended = run([sys.executable, "-c", code])
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"emulator: {package}")
    assert f"is missing from {sys.executable}" in ended.stderr
    assert "bash scripts/setup.sh lab" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_help_teaches(command: list[str]) -> None:
    ended = run([*command[:3], "--help"])
    assert ended.returncode == 0
    for word in ("Never for production", "--enabling", "--world FILE", "examples:"):
        assert word in ended.stdout
