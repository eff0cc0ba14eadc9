"""``--all-kills``: every kill point and every network fault of every script, instead of a sample."""

import argparse
from pathlib import Path

import pytest

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import ClockSettings, Secrets, StoreSettings
from scripts.lib.change import Job, Run
from tests.emulator.conftest import authority, authority_file, certificate, emulator, signing_key, trust  # noqa: F401 - the fixtures of an emulator on loopback


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-kills", action="store_true", help="every kill point and network fault, about an hour")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Of a switch whose store lies in this test's folder."""
    outcome = {
        "store": StoreSettings(url=f"sqlite:///{tmp_path}/store.sqlite"),
        "clock": ClockSettings(file=tmp_path / "clock"),
    }
    settings = settings_without_a_lab().model_copy(update=outcome)
    secrets = Secrets(cloudflare_token="a-token-of-this-test")
    return Job(Migration(settings, secrets), settings.pilot, argparse.Namespace(config=None), Run("a run"))
