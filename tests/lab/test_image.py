"""How an image is made: what that leaves of this machine as it is, and from which mirror. mmdebstrap is a stand-in."""

import os
from pathlib import Path

import pytest

from fixtures.lab import image
from tests.conftest import python

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="has mounts of its own")
MOUNTS = "/proc/self/ns/mnt"
STAND_IN = (
    f'#!/bin/sh\nfor each; do case $each in *root) mkdir "$each"; readlink {MOUNTS} >"$each/mounts" ;; esac; done\n'
)
SWEEP = """\
import subprocess, sys
from fixtures.lab import image
left = image.cache().joinpath("building-image-of-the-dead", "root", "dev", "shm")
left.mkdir(parents=True)
subprocess.run(["mount", "-t", "tmpfs", "none", sys.argv[1]], check=True)
subprocess.run(["mount", "--bind", sys.argv[1], left], check=True)
open(sys.argv[1] + "/anothers", "x").close()
image.sweep()
open(sys.argv[1] + "/anothers").close()
"""


@ROOT
def test_a_build_mounts_nothing_here_and_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root mmdebstrap makes no mount namespace of its own, and leaves its mounts where it is killed."""
    recipe, synced = image.Recipe("trixie", (), ""), list[bool]()
    stand_in = tmp_path / "mmdebstrap"
    stand_in.write_text(STAND_IN, encoding="ascii")
    stand_in.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "sync", lambda: synced.append(recipe.path.exists()))
    made = image.ensure(recipe)
    assert (made / "mounts").read_text(encoding="ascii").strip() != os.readlink(MOUNTS)
    assert synced == [False]
    assert list(made.parent.iterdir()) == [made]


@ROOT
def test_what_a_killed_build_has_mounted_is_not_swept(tmp_path: Path) -> None:
    """One of an mxgate that built among the machine's own mounts: /dev/shm is another program's."""
    theirs = tmp_path / "shm"
    theirs.mkdir()
    done = python("-c", SWEEP, str(theirs), before=("unshare", "--mount"), XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr


def test_what_a_killed_build_has_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    image.cache().joinpath("building-image-of-the-dead", "root", "usr").mkdir(parents=True)
    image.sweep()
    assert not list(image.cache().iterdir())


@pytest.mark.parametrize(
    ("suites", "wanted"),
    [
        ("Suites: trixie trixie-updates\n", "Suites: SUITE SUITE-updates\n"),
        ("Suites: bookworm-security\nURIs: http://stable/\n", "Suites: SUITE-security\nURIs: http://stable/\n"),
        ("suites:\n stable\n stable-backports\n", "suites:\n SUITE\n SUITE-backports\n"),
        ("Suites: ./\n", None),
        ("# see sources.list: trixie, bookworm\n", None),
        (None, None),
    ],
)
@pytest.mark.parametrize("recipe", [image.HOSTS, image.DEBIAN_12], ids=["today's", "the one before"])
def test_the_mirror_is_this_machines_whatever_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recipe: image.Recipe, suites: str | None, wanted: str | None
) -> None:
    """Its sources in the image's suite; else mmdebstrap's own mirror."""
    monkeypatch.setattr(image, "SOURCES", tmp_path / "debian.sources")
    if suites is not None:
        image.SOURCES.write_text(suites, encoding="ascii")
    found = image._sources(recipe, tmp_path)
    texts = [Path(file).read_text(encoding="ascii") for file in found]
    assert texts == ([] if wanted is None else [wanted.replace("SUITE", recipe.suite)])
