"""SIGKILL of a rehearsal in its middle, and of the warden too: the next ``down`` removes every trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fixtures.lab import containers, world
from tests.conftest import PROJECT, python
from tests.lab.test_lab import machine, until

NAME = "rehearsal"
RUNNING_S_MAX = 60.0
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")


def etc() -> list[tuple[str, int]]:
    """Every file and folder of /etc with its last change."""
    return sorted((str(path), path.lstat().st_mtime_ns) for path in Path("/etc").rglob("*"))


def namespaces() -> set[str]:
    """The network namespaces that any process is in."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        with suppress(OSError):  # it has ended meanwhile
            found.add(os.readlink(link).removeprefix("net:[").removesuffix("]"))
    return found


def traces(lab: dict[str, dict[str, int]]) -> Iterator[str]:
    """What is left of a lab: its containers, folder, namespaces, mounts, processes."""
    yield from containers.names(NAME)
    if (world.RUN / NAME).exists():
        yield str(world.RUN / NAME)
    yield from {str(each) for each in lab["namespaces"].values()} & namespaces()
    yield from (line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if f"/{NAME}/" in line)
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            told = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if f"mxgate/{NAME}" in told or f"fixtures.lab.warden {NAME}" in told or f"mxgate-{NAME}-" in told:
                yield told


def test_a_killed_rehearsal_leaves_nothing() -> None:
    if NAME in world.standing():
        pytest.skip("somebody is rehearsing on this machine")
    before = machine(), etc()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MXGATE_")}
    command = [sys.executable, "-m", "pytest", "features/", "--rehearse", "--seed", "1", "-q"]
    folder = world.RUN / NAME
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as pytest_:
        until(lambda: b"prepare_dell" in store(folder), "phase 1 is behind it", RUNNING_S_MAX)
        lab = json.loads((folder / "lab.json").read_text(encoding="utf-8"))
        warden = int((folder / "warden").read_text(encoding="ascii").split()[0])
        os.kill(warden, signal.SIGKILL)
        pytest_.kill()
    assert len(list(traces(lab))) > len(lab["pids"])

    done = python("scripts.lab_cli", "down", "--name", NAME)
    assert done.stdout == f"lab {NAME!r} is gone\n", done.stderr
    until(lambda: not list(traces(lab)), "no trace of the lab is left")
    assert (machine(), etc()) == before


def store(folder: Path) -> bytes:
    with suppress(OSError):
        return (folder / "operator/store.sqlite-wal").read_bytes()
    return b""
