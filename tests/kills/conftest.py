"""``--all-kills``: every kill point and every network fault of every script, instead of a sample."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.settings import ClockSettings, Secrets
from scripts.lib.change import Job, Run
from tests.conftest import migration_in
from tests.emulator.conftest import authority, authority_file, certificate, emulator, signing_key, trust  # noqa: F401 - the fixtures of an emulator on loopback
from tests.kills.switching import switch  # noqa: F401 - a fixture


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-kills", action="store_true", help="every kill point and network fault, about an hour")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Of a switch whose store lies in this test's folder."""
    bare = migration_in(tmp_path, clock=ClockSettings(file=tmp_path / "clock"))
    migration = replace(bare, secrets=Secrets(cloudflare_token="a-token-of-this-test"))
    return Job(migration, migration.settings.pilot, argparse.Namespace(config=None), Run("a run"))
