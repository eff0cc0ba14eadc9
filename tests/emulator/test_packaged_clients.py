"""Clients as Debian and Python's index bring them, unmodified: ddclient, acme.sh's hook, and cli4.

They have Cloudflare's address built in. curl is led elsewhere by its own file of settings, which both shells' read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulator.conftest import APEX, OLD_MX, Running
from tests.emulator.led import environment
from tests.fetched import from_debian, from_index

RUN_S_MAX = 60
CURLRC = 'cacert = "{authority}"\nconnect-to = "api.cloudflare.com:443:127.0.0.1:{port}"\n'
DDCLIENT = f"""\
ssl=yes
use=ip
protocol=cloudflare, zone={APEX}, ttl=300, login=token, password=all {OLD_MX}
"""
HOOK = """\
. "$ACME/acme.sh" >/dev/null
. "$ACME/dnsapi/dns_cf.sh"
dns_cf_add "$NAME" first && dns_cf_add "$NAME" second && dns_cf_rm "$NAME" first
"""
CLI4 = "cloudflare==2.20.0", "46aefc39dfaa2365d639b423cec2cd5350ae11153c7247d3eb3545bdcf01a68a"


def _home(emulator: Running, authority: str, folder: Path) -> dict[str, str]:
    """Where curl finds its settings."""
    text = CURLRC.format(authority=authority, port=emulator.url.rpartition(":")[2])
    (folder / ".curlrc").write_text(text, encoding="utf-8")
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def _run(command: list[str], given: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command, env=given, cwd=folder, capture_output=True, text=True, timeout=RUN_S_MAX, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_ddclient_finds_its_zone_and_changes_an_address(emulator: Running, authority_file: str, tmp_path: Path) -> None:
    """By a path that ends in a slash."""
    program = from_debian("ddclient", tmp_path) / "usr/bin/ddclient"
    (tmp_path / "settings").write_text(DDCLIENT, encoding="ascii")
    (tmp_path / "settings").chmod(0o600)
    options = f"-file settings -cache {tmp_path}/cache -daemon=0 -verbose -ip 198.51.100.77".split()
    said = _run(["perl", str(program), *options], _home(emulator, authority_file, tmp_path), tmp_path)
    assert emulator.contents("A", OLD_MX) == ["198.51.100.77"], said


def test_acme_sh_adds_and_removes_its_challenge(emulator: Running, authority_file: str, tmp_path: Path) -> None:
    where = from_debian("acme.sh", tmp_path) / "usr/share/acme.sh"
    given = {"ACME": str(where), "NAME": f"_acme-challenge.{APEX}", "LE_WORKING_DIR": str(tmp_path), "CF_Token": "all"}
    said = _run(["sh", "-c", HOOK], _home(emulator, authority_file, tmp_path) | given, tmp_path)
    assert emulator.contents("TXT", f"_acme-challenge.{APEX}") == ["second"], said


def test_cli4_sends_numbers_as_texts_unless_it_is_asked_not_to(
    emulator: Running, authority_file: str, tmp_path: Path
) -> None:
    folder = from_index(*CLI4, tmp_path)
    lines = from_debian("python3-jsonlines", tmp_path) / "usr/lib/python3/dist-packages"
    given = environment(emulator, authority_file, tmp_path, CLOUDFLARE_API_TOKEN="all")
    given["PYTHONPATH"] += f"{os.pathsep}{folder}{os.pathsep}{lines}"
    cli4 = [sys.executable, "-m", "cli4"]
    zones = json.loads(_run([*cli4, "/zones"], given, tmp_path).stdout)
    assert [each["name"] for each in zones] == [APEX]
    where = f"/zones/:{APEX}/dns_records"
    record = ["type=A", f"name=x.{APEX}", "content=198.51.100.8"]
    with pytest.raises(AssertionError, match="9021"):
        _run([*cli4, "--post", *record, "ttl=300", where], given, tmp_path)
    _run([*cli4, "--post", *record, "ttl==300", where], given, tmp_path)
    assert emulator.contents("A", f"x.{APEX}") == ["198.51.100.8"]
