"""The probes' tests: those below ``inside`` run in the lab's network, which a process can enter but never leave."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import ClockSettings, Secrets, StoreSettings

collect_ignore = [] if os.environ.get("MXGATE_INSIDE") else ["inside"]


@pytest.fixture
def migration(tmp_path: Path) -> Iterator[Migration]:
    """The settings of a lab that doesn't stand, an empty store, and the system's clock."""
    store = StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite")
    made = Migration(settings_without_a_lab().model_copy(update={"store": store, "clock": ClockSettings()}), Secrets())
    yield made
    made.store.close()
