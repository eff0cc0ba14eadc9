"""What a switch says in the end of how Cloudflare sees the domain: shown with the API's reasons, and no failure."""

from typing import Any

import pytest

from scripts.lib.cloudflare.routing import say_state
from tests.emulator.conftest import APEX, Running
from tests.emulator.test_people import job  # noqa: F401 - a fixture


@pytest.fixture
def switched(emulator: Running, job: Any) -> Any:  # noqa: F811 - the fixture above
    """A domain that has been enabled; its foreign SPF record was kept, or replaced."""
    job.domain = APEX
    for each in list(emulator.zone.records.values()):
        if each.type == "MX":
            del emulator.zone.records[each.id]

    def enable(**knobs: Any) -> None:
        emulator.management.post("/knobs", json=knobs)
        emulator.client().email_routing.dns.create(zone_id=emulator.zone.id)
        say_state(job)

    job.enable = enable
    return job


def test_all_is_well_once_it_is_synced(switched: Any) -> None:
    switched.enable(settle_s=30)
    assert switched.said == [f"Cloudflare says of {APEX}: ready, synced"]


def test_it_is_not_synced_within_the_window(switched: Any) -> None:
    switched.enable(settle_s=86400)
    assert switched.said == [f"Cloudflare says of {APEX}: ready, not synced yet"]


@pytest.mark.parametrize(("shape", "codes"), [("object", "spf.foreign, spf.missing, "), ("list", "")])
def test_it_is_misconfigured_and_locked(switched: Any, shape: str, codes: str) -> None:
    """The codes are only in the object; what is missing is known by either answer."""
    switched.enable(settle_s=0, spf="kept", dns_get=shape)
    assert switched.said == [f"Cloudflare says of {APEX}: misconfigured/locked, synced: {codes}TXT {APEX} is missing"]


def test_nobody_answers(emulator: Running, switched: Any) -> None:
    emulator.management.post("/faults", json={"path": "/email/routing$", "status": 403, "times": 10})
    switched.enable(settle_s=0)
    (said,) = switched.said
    assert said.startswith(f"what Cloudflare says of {APEX} could not be asked: ")
