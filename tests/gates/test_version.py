"""The version is the code: whatever judges or changes names it, and nothing else does."""

import os
import shutil
import time
import tomllib
from pathlib import Path

import pytest

from fixtures.migration.version import FOLDERS, RELEASE, VERSION, tree_digest
from tests.conftest import PROJECT

LIMIT_S = 1.0


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as an archive leaves it: no Git, no caches, other times."""
    there = tmp_path_factory.mktemp("unpacked") / "mxgate"
    caches = shutil.ignore_patterns("__pycache__")
    for folder in (*FOLDERS, "tests"):
        shutil.copytree(PROJECT / folder, there / folder, ignore=caches, copy_function=shutil.copyfile)
    for name in ("conftest.py", "README.md"):
        shutil.copyfile(PROJECT / name, there / name)
    return there


def test_it_is_the_release_and_what_was_read() -> None:
    released = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert released == RELEASE
    assert f"{RELEASE}+{tree_digest(PROJECT)}" == VERSION


def test_an_unpacked_tree_is_the_same(unpacked: Path) -> None:
    assert tree_digest(unpacked) == tree_digest(PROJECT)


VOIDS_NOTHING = """
    README.md features/README.md scripts/README.md tests/test_house.py fixtures/probes/.dns.py.swp
    fixtures/probes/__pycache__/dns.cpython-313.pyc steps/dns.py~
""".split()
VOIDS_ALL = """
    fixtures/probes/dns/queries.py steps/dns.py features/stability/nights.feature scripts/switch_mx.py
    fixtures/gates/catalogue.toml fixtures/probes/mailbox/data/shapes/html.eml scripts/gate conftest.py
    fixtures/probes/new.py
""".split()


@pytest.mark.parametrize("touched", [*VOIDS_NOTHING, *VOIDS_ALL])
def test_what_is_touched_voids_all_or_nothing(unpacked: Path, touched: str) -> None:
    file, before = unpacked / touched, tree_digest(unpacked)
    was = file.read_bytes() if file.exists() else None
    file.parent.mkdir(exist_ok=True)
    with file.open("ab") as added:
        added.write(b"# more\n")
    assert (tree_digest(unpacked) != before) is (touched in VOIDS_ALL)
    if was is None:
        file.unlink()
    else:
        file.write_bytes(was)
        os.utime(file, (0, 0))
    assert tree_digest(unpacked) == before


def test_a_file_by_another_name_is_other_code(unpacked: Path) -> None:
    before = tree_digest(unpacked)
    moved = (unpacked / "steps/dns.py").rename(unpacked / "steps/zns_steps.py")
    assert tree_digest(unpacked) != before
    moved.rename(unpacked / "steps/dns.py")


def test_nobody_waits_for_it() -> None:
    def once() -> float:
        began = time.perf_counter()
        tree_digest(PROJECT)
        return time.perf_counter() - began

    assert min(once() for _ in range(5)) < LIMIT_S
