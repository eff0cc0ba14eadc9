"""A judge asks nobody: neither a system over the network, nor a program."""

import socket
import subprocess

import asyncssh  # noqa: F401 - it starts ldconfig when it is imported, which no judge asked for
import pytest

from fixtures.access import loop


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a judge asks nobody: what it needs comes with the evidence")

    monkeypatch.setattr(loop, "loop", asked)
    monkeypatch.setattr(socket.socket, "connect", asked)
    monkeypatch.setattr(subprocess.Popen, "__init__", asked)
