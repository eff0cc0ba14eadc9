"""octodns, which nobody here wrote, manages the emulated zone unmodified: dump, plan, apply, and nothing left to do."""

import sys
from pathlib import Path

import pytest
import yaml

from tests.emulator.conftest import APEX, Running
from tests.emulator.redirected import environment, ran

CONFIGURATION = """\
manager:
  max_workers: 1
providers:
  files:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}
    enforce_order: false
  there:
    class: octodns_cloudflare.CloudflareProvider
    token: env/CLOUDFLARE_TOKEN
    account_id: env/CLOUDFLARE_ACCOUNT_ID
    zones_per_page: 50
zones:
  {zone}.:
    sources: [files]
    targets: [there]
"""
ADDED = {
    "dell": [
        {"type": "A", "ttl": 300, "value": "198.51.100.9"},
        {"type": "AAAA", "ttl": 300, "value": "2001:db8::9"},
        {"type": "MX", "ttl": 300, "value": {"exchange": f"mail.{APEX}.", "preference": 10}},
    ],
    "www": {"type": "CNAME", "ttl": 600, "value": f"{APEX}."},
    "_25._tcp.mail": {
        "type": "TLSA", "ttl": 3600,
        "value": {
            "certificate_usage": 3, "selector": 1, "matching_type": 1, "certificate_association_data": "ab" * 32,
        },
    },
    "_imaps._tcp": {
        "type": "SRV", "ttl": 300, "value": {"priority": 0, "weight": 1, "port": 993, "target": "d.example."},
    },
    "long._domainkey": {"type": "TXT", "ttl": 300, "value": "v=DKIM1\\; k=rsa\\; p=" + "A" * 400},
}  # fmt: skip


class Octodns:
    """Its commands, run against the emulator with nothing but an address and a certificate to trust."""

    def __init__(self, emulator: Running, authority: str, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "octodns.yaml"
        self._file.write_text(CONFIGURATION.format(folder=folder, zone=APEX), encoding="utf-8")
        self._environment = environment(
            emulator, authority, folder, CLOUDFLARE_TOKEN="all", CLOUDFLARE_ACCOUNT_ID="a" * 32
        )

    def run(self, command: str, *arguments: str) -> str:
        call = [sys.executable, "-m", f"octodns.cmds.{command}", f"--config-file={self._file}", *arguments]
        done = ran(call, self._environment, self.folder)
        return done.stdout + done.stderr


@pytest.fixture
def octodns(emulator: Running, authority_file: str, tmp_path: Path) -> Octodns:
    folder = tmp_path / "octodns"
    folder.mkdir()
    return Octodns(emulator, authority_file, folder)


def test_dump_plan_apply_and_a_second_plan_is_empty(emulator: Running, octodns: Octodns) -> None:
    octodns.run("dump", f"--output-dir={octodns.folder}", f"{APEX}.", "there")
    file = octodns.folder / f"{APEX}.yaml"
    zone = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert {record["type"] for record in zone[""]} == {"MX", "TXT"}
    said = octodns.run("sync")
    assert "No changes were planned" in said, said[-1500:]
    zone |= ADDED
    next(record for record in zone[""] if record["type"] == "MX")["ttl"] = 600
    file.write_text(yaml.safe_dump(zone), encoding="utf-8")
    planned = octodns.run("sync")
    assert "Creates=7, Updates=1, Deletes=0" in planned, planned
    assert len(emulator.zone.records) == 3, "a plan changes nothing"
    octodns.run("sync", "--doit")
    assert "No changes were planned" in octodns.run("sync")
    assert emulator.contents("MX", f"dell.{APEX}") == [f"mail.{APEX}"]
    assert emulator.contents("TLSA", f"_25._tcp.mail.{APEX}") == ["3 1 1 " + "ab" * 32]
    (mx,) = [record for record in emulator.zone.records.values() if (record.type, record.name) == ("MX", APEX)]
    assert (mx.ttl, mx.priority) == (600, 10)
    del zone["www"], zone["_imaps._tcp"]
    file.write_text(yaml.safe_dump(zone), encoding="utf-8")
    octodns.run("sync", "--doit")
    assert "No changes were planned" in octodns.run("sync")
    assert not emulator.contents("CNAME", f"www.{APEX}")
