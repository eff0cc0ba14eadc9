"""Whatever befalls a rollback at whichever write: mail has an MX all the while, and the next run finishes.

As ``test_switch_writes.py``, without a lab; the mail that flows meanwhile is looked at in one (``walk.py``).
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fixtures.lab.emulator.api.routing import MX_HOSTS
from scripts.lib import change
from tests.emulator.conftest import OLD_MX, Running
from tests.kills.injector import injected
from tests.kills.test_switch_writes import MERGED, Switch, switch  # noqa: F401 - a fixture

WRITES = ADDED, DELETED = 1, 2
"""EC2's MX is added, then Cloudflare's is deleted."""
DEEDS = {"kills": ("before", "after"), "faults": ("429", "500", "time-out", "lost", "403", "409", "422")}
POINTS = [(kind, number, turn) for kind in DEEDS for number in WRITES for turn in range(len(DEEDS[kind]))]
SAMPLE = {("kills", ADDED, 1), ("kills", DELETED, 0), *(("faults", ADDED, turn) for turn in range(4))}
ROUTING = {"path": "/email/routing", "method": ".*", "times": 10_000}


@pytest.fixture
def there(switch: Switch) -> Switch:  # noqa: F811 - the fixture above
    """The domain at Cloudflare, and what runs a script."""
    status, said, state = switch()
    assert (status, state) == (0, "through"), said
    return switch


@pytest.mark.parametrize("at", POINTS, ids=lambda at: f"write {at[1]}, {at[0]} {at[2]}")
def test_at_each_write(
    there: Switch,
    emulator: Running,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    at: tuple[str, int, int],
) -> None:
    """Killed before it or after it, or answered so once; Email Routing's API is dead throughout."""
    if at not in SAMPLE and not request.config.getoption("--all-kills", default=False):
        pytest.skip("asked for with --all-kills")
    emulator.management.post("/faults", json={**ROUTING, "status": 503})
    status, said, _ = there(*at, script="rollback")
    assert len(injected(tmp_path / "injected")) == 1
    assert status in {-signal.SIGKILL, change.DONE, change.REFUSED}, said
    stands = set(emulator.contents("MX"))
    assert stands in ({*MX_HOSTS}, {*MX_HOSTS, OLD_MX}, {OLD_MX})
    again, said, _ = there(script="rollback")
    assert again == change.DONE, said
    assert emulator.contents("MX") == [OLD_MX]
    assert emulator.contents("TXT") == [MERGED]


@pytest.mark.parametrize("code", ["890190", "1046"])
def test_locked_records_are_unlocked_and_only_they(there: Switch, emulator: Running, code: str) -> None:
    """While they are locked nothing but Email Routing's own API helps: without it nothing is changed."""
    emulator.management.post("/knobs", json={"lock_code": code})
    emulator.zone.routing.locked = True
    emulator.management.post("/faults", json={**ROUTING, "status": 503})
    status, said, _ = there(script="rollback")
    assert (status, emulator.contents("MX")) == (change.REFUSED, sorted(MX_HOSTS)), said
    emulator.management.delete("/faults")
    status, said, _ = there(script="rollback")
    assert (status, emulator.contents("MX")) == (change.DONE, [OLD_MX]), said
