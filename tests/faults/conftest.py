"""A lab for each file's planted faults. It goes from gate to gate, and at each one what belongs there is planted in it.

The operator's plan comes first, before phase 1: a lab never goes back.
"""

import os
from collections.abc import Iterator

import pytest

from fixtures.lab.faults.walk import Walk, hasty
from tests.labs import standing

NAME = f"rows-{os.getpid()}"
"""Two runs of these tests at once must not take each other's lab."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-faults", action="store_true", help="plant every fault of the catalogue, not some of them")


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """A lab before phase 1, in which nobody waits a whole minute for mail that can't come."""
    with standing(NAME, 2, month=True) as lab:
        hasty(lab)
        yield Walk(lab, straight=True)
