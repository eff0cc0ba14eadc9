"""``--all-kills``: every kill point and every network fault of every script, instead of a sample."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-kills", action="store_true", help="every kill point and network fault, about an hour")
