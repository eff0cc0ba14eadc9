"""Wrangler, Cloudflare's own command line, unmodified: every ``email routing`` command, as a person would type it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.conftest import ACCOUNT, APEX, Running, calls
from tests.emulator.redirected import RUN_S_MAX

PROGRAM = Path(sys.prefix) / "npm/node_modules/.bin/wrangler"
ALICE, DELIVERY = f"alice@{APEX}", f"alice@dell.{APEX}"

ADDRESSES, HERE = "/accounts/{}/email/routing/addresses", "/zones/{}/email/routing"
SETTINGS_AND_DNS = {
    *(("GET", path) for path in ("/memberships", "/zones", HERE, f"{HERE}/dns", "/accounts/{}/email/routing/zones")),
    *(("POST", f"{HERE}/{word}") for word in ("enable", "disable", "unlock")),
}
ADDRESSES_AND_RULES = {
    *((method, ADDRESSES) for method in ("GET", "POST")),
    *((method, f"{ADDRESSES}/{{}}") for method in ("GET", "DELETE")),
    *((method, f"{HERE}/rules") for method in ("GET", "POST")),
    *((method, f"{HERE}/rules/{{}}") for method in ("GET", "PUT", "DELETE")),
    *((method, f"{HERE}/rules/catch_all") for method in ("GET", "PUT")),
}
"""Of the contract, what it asks at least: tests/trial/test_contract.py counts on that."""

Wrangler = Callable[..., str]


@pytest.fixture
def wrangler(emulator: Running, authority_file: str, tmp_path: Path) -> Wrangler:
    """What a command says; it has to end well, or with the ERROR that is expected."""
    assert PROGRAM.exists(), f"{PROGRAM} is missing: run bash scripts/setup.sh test"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "NODE_EXTRA_CA_CERTS": authority_file, "NO_COLOR": "1",
        "CLOUDFLARE_API_BASE_URL": f"{emulator.url}/client/v4", "CLOUDFLARE_API_TOKEN": "all",
        # No account is named, so that it asks whose the token is; and nothing but the emulator is asked.
        "WRANGLER_SEND_METRICS": "false", "WRANGLER_HIDE_BANNER": "true",
    }  # fmt: skip

    def run(*words: str, error: str | None = None) -> str:
        done = subprocess.run(
            [PROGRAM, "email", "routing", *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=RUN_S_MAX, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == (0 if error is None else 1), said
        assert error is None or error in said, said
        return said

    return run


def test_settings_and_dns(emulator: Running, wrangler: Wrangler) -> None:
    """On, unlocked and off: with another's MX records it is refused first."""
    assert re.search(rf"{APEX}\W+{emulator.zone.id}\W+no\b", wrangler("list"))
    assert "Status:   unconfigured" in wrangler("settings", APEX)
    assert wrangler("dns", "get", APEX).count("MX record:") == 3
    wrangler("enable", APEX, error="Non-Cloudflare MX records exist [code: 2008]")
    for identifier in [each for each, record in emulator.zone.records.items() if record.type == "MX"]:
        del emulator.zone.records[identifier]
    assert f"Email Routing enabled for {APEX}" in wrangler("enable", APEX)
    assert re.search(rf"{APEX}\W+{emulator.zone.id}\W+yes\b", wrangler("list"))
    assert len(emulator.contents("MX")) == 3
    wrangler("dns", "unlock", APEX, "--force")
    assert emulator.zone.routing.enabled
    assert "Status:   unlocked" in wrangler("settings", APEX)
    wrangler("disable", APEX, "--force")
    assert emulator.contents("MX") == []
    asked = {each["path"] for each in emulator.management.get("/requests").json()}
    assert "/client/v4/memberships" in asked
    assert f"/client/v4/accounts/{ACCOUNT}/email/routing/zones" in asked
    assert calls(emulator) >= SETTINGS_AND_DNS


def test_an_object_in_the_place_of_the_list_is_more_than_it_takes(emulator: Running, wrangler: Wrangler) -> None:
    """Two accounts had such an answer; wrangler 4 reads only the list."""
    emulator.management.post("/knobs", json={"dns_get": "object"})
    wrangler("dns", "get", APEX, error="records is not iterable")


@pytest.mark.usefixtures("old_destinations")
def test_addresses_and_rules(emulator: Running, wrangler: Wrangler) -> None:
    wrangler("addresses", "create", DELIVERY)
    (destination,) = emulator.world.destinations.values()
    assert re.search(rf"{destination.id}\W+{re.escape(DELIVERY)}\W+pending", wrangler("addresses", "list"))
    to_alice = ["--match-type", "literal", "--match-field", "to", "--match-value", ALICE]
    forward = ["--action-type", "forward", "--action-value", DELIVERY]
    wrangler("rules", "create", APEX, *to_alice, *forward, error="[code: 2054]")
    destination.verified = destination.created
    assert "Verified: 2" in wrangler("addresses", "get", destination.id)
    wrangler("rules", "create", APEX, *to_alice, *forward, "--name", "for alice")
    (rule,) = emulator.zone.routing.rules
    assert (rule.name, rule.enabled) == ("for alice", True)
    assert f"Actions:  forward:{DELIVERY}" in wrangler("rules", "list", APEX)
    assert f"literal to = {ALICE}" in wrangler("rules", "get", APEX, rule.id)
    wrangler("rules", "update", APEX, rule.id, *to_alice, "--action-type", "drop", "--enabled", "false")
    assert "drop" in wrangler("rules", "get", APEX, rule.id)
    assert "Enabled: false" in wrangler("rules", "get", APEX, "catch-all")
    wrangler("rules", "update", APEX, "catch-all", *forward, "--enabled", "true")
    assert emulator.zone.routing.catch_all.actions == [{"type": "forward", "value": [DELIVERY]}]
    wrangler("rules", "delete", APEX, rule.id, "--force")
    wrangler("rules", "get", APEX, rule.id, error="failed")
    assert emulator.zone.routing.rules == []
    wrangler("addresses", "delete", destination.id, "--force")
    assert emulator.world.destinations == {}
    assert calls(emulator) >= ADDRESSES_AND_RULES
    assert not emulator.zone.routing.catch_all.enabled
