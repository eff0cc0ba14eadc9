"""Of which address ``add_address`` and ``remove_address`` are asked, before anything else is looked at."""

from argparse import Namespace

import pytest

from fixtures.migration import Migration
from fixtures.settings import SettingsError
from scripts.lib import addresses
from scripts.lib.change import Job, Refused

DOMAIN = "pilot.example.net"


def job(migration: Migration, given: str) -> Job:
    return Job(migration, DOMAIN, Namespace(address=given))


def test_a_domain_that_is_not_switched_is_refused(migration: Migration) -> None:
    with pytest.raises(Refused, match=f"{DOMAIN} is not switched: .* before the gate phase1. Nothing was changed"):
        addresses.asked_for(job(migration, "info"))


@pytest.mark.parametrize("given", ["info", "INFO", f"info@{DOMAIN}", f"Info@{DOMAIN.upper()}"])
def test_a_name_or_a_whole_address(migration: Migration, given: str) -> None:
    migration.store.record("done", DOMAIN, script="switch_mx", plan="")
    assert addresses.asked_for(job(migration, given)) == "info"


@pytest.mark.parametrize("given", ["", "@", "in fo", "info@elsewhere.example", "a@b@c", "x" * 65])
def test_what_is_no_address_of_the_domain(migration: Migration, given: str) -> None:
    migration.store.record("done", DOMAIN, script="switch_mx", plan="")
    with pytest.raises(SettingsError, match="--address "):
        addresses.asked_for(job(migration, given))


def test_what_was_begun_is_kept_until_it_is_done(migration: Migration) -> None:
    asked, address = job(migration, "info"), f"info@{DOMAIN}"
    addresses.keep(asked, address, "added")
    assert addresses.state(asked, address) == ""
    for state in (addresses.BEGUN, "added", addresses.BEGUN, "removed"):
        addresses.keep(asked, address, state)
        assert addresses.state(asked, address) == state
