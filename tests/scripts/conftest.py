"""What a script is given where no lab stands: the settings of one, and an empty store."""

from pathlib import Path

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import Secrets, StoreSettings


@pytest.fixture
def migration(tmp_path: Path) -> Migration:
    store = StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite")
    return Migration(settings_without_a_lab().model_copy(update={"store": store}), Secrets())
