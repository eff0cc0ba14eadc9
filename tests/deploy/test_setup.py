"""The shell scripts before they set anything up: help, and words that they don't know. Nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PROJECT

TOOLS = "bash cat cut dirname env grep sed sh sha256sum tr".split()
NOTED = "apt-get sudo".split()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without an environment, of somebody who isn't root, where what is to be installed is but noted."""
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    (tmp_path / "requirements.lock").write_text("", encoding="ascii")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in TOOLS:
        (tools / name).symlink_to(str(shutil.which(name)))
    noting = {name: f"echo {name} >>{tmp_path}/installed; exit 1" for name in NOTED}
    for name, body in {"id": "echo 1000", **noting}.items():
        (tools / name).write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
        (tools / name).chmod(0o755)
    return tmp_path


def run(bare: Path, *argv: str, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", *argv], cwd=at or bare, env={"PATH": str(bare / "tools")}, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("script", ["lab", "bench", "test", "rehearse", "gate", "deploy/install"])
def test_help_comes_before_the_set_up(bare: Path, script: str) -> None:
    done = run(bare, f"scripts/{script}", "--help")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 2
    assert not (bare / "installed").exists()


@pytest.mark.parametrize("argv", [("scripts/lab", "--help"), ("scripts/lab", "up", "-h"), ("scripts/bench", "--help")])
def test_the_whole_help_needs_no_root(bare: Path, argv: tuple[str, ...]) -> None:
    done = run(bare, *argv, at=PROJECT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("usage: scripts/")
    assert not (bare / "installed").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("scripts/setup.sh", "liv"), "setup.sh liv: expected lab, test or live; nothing was installed"),
        (("scripts/test", "--quik"), "test --quik: expected --quick, or nothing; nothing was run"),
        (("scripts/test", "--quick", "tests/"), "one option alone"),
    ],
)
def test_a_word_that_it_does_not_know(bare: Path, argv: tuple[str, ...], words: str) -> None:
    done = run(bare, *argv)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (bare / "installed").exists()


def test_a_set_up_that_begins_is_seen(bare: Path) -> None:
    """What the tests above rest on."""
    assert run(bare, "scripts/setup.sh", "lab").returncode == 2
    assert (bare / "installed").exists()
