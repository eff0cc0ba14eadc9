"""One lab at phase3 for the tests that need the migration under way; the last of them use it up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.lab.world import Lab
from tests.labs import standing

PHASE3 = "tests-path"


@pytest.fixture(scope="package")
def phase3() -> Iterator[Lab]:
    """A lab of which every domain is ready to be switched. It goes with this process."""
    with standing(PHASE3, 3, "phase3", month=True) as lab:
        yield lab
