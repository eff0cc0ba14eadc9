"""pytest-bdd asks our look-up of steps, and no longer its own."""

import sys

import pytest
import pytest_bdd

from fixtures.gates import definitions


def test_pytest_bdd_asks_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[pytest_bdd.scenario.__module__]
    monkeypatch.setattr(module, "find_fixturedefs_for_step", None)
    definitions.install()
    assert vars(module)["find_fixturedefs_for_step"] is definitions.of_step
