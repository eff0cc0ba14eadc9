"""What the tests inside the lab share."""

import secrets

import pytest

from fixtures.migration import Migration, open_migration


@pytest.fixture(scope="session")
def migration() -> Migration:
    return open_migration()


@pytest.fixture
def mark() -> str:
    """A run's mark that no other test has."""
    return secrets.token_hex(6)
