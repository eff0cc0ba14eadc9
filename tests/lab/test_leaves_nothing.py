"""SIGKILL of a rehearsal while its drills run, and of the warden too: the next ``down`` removes every trace."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fixtures.lab import containers, drills, world
from tests.conftest import PROJECT, python, until
from tests.lab.test_lab import machine

NAME = "rehearsal"
LABS = (NAME, *(f"{NAME}-{each}" for each in drills.LABS))
"""The rehearsal's own and those of its drills, which their own wardens take down."""
RUNNING_S_MAX = 180.0
GONE_S_MAX = 300.0
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


def traces(labs: list[dict[str, dict[str, int]]]) -> Iterator[str]:
    """What is left of them: containers, folders, namespaces, mounts, processes."""
    for name in LABS:
        yield from containers.names(name)
        yield from (str(path) for path in [world.RUN / name] if path.exists())
    yield from {str(each) for lab in labs for each in lab["namespaces"].values()} & namespaces()
    yield from (line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if f"/{NAME}" in line)
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            command = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            ours = (f"mxgate/{NAME}", f"fixtures.lab.warden {NAME}", f"mxgate-{NAME}-", f'"lab": "{NAME}"')
            if any(each in command for each in ours):
                yield command


def test_a_killed_rehearsal_leaves_nothing() -> None:
    if NAME in world.standing():
        pytest.skip("somebody is rehearsing on this machine")
    before = machine(), etc()
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MXGATE_")}
    command = [sys.executable, "-m", "pytest", "features/", "--rehearse", "--seed", "1", "-q"]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL) as pytest_:
        until(lambda: any(map(prepares, LABS[1:])), "its drills prepare Dell", RUNNING_S_MAX)
        # A world whose drills are through may be gone already, lab and all.
        labs = [json.loads(text) for text in map(state, LABS) if text]
        warden = int((world.RUN / NAME / "warden").read_text(encoding="ascii").split()[0])
        os.kill(warden, signal.SIGKILL)
        pytest_.kill()
    assert len(list(traces(labs))) > len(labs[0]["pids"])

    done = python("scripts.lab_cli", "down", "--name", NAME)
    assert done.stdout == f"lab {NAME!r} is gone\n", done.stderr
    until(lambda: not list(traces(labs)), "no trace of any lab is left", GONE_S_MAX)
    assert (machine(), etc()) == before


def prepares(name: str) -> bool:
    """Whether prepare_dell has begun in that lab: its run is in the operator's store."""
    return b"prepare_dell" in read(world.RUN / name / "operator/store.sqlite-wal")


def state(name: str) -> bytes:
    """What the lab wrote about itself when it stood; empty, where it does not."""
    return read(world.RUN / name / "lab.json")


def read(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""
