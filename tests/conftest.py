"""What several of the tests use: settings, commands as an operator types them, and what a bad one must come to."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from fixtures.evidence import redaction
from fixtures.language import pasting
from fixtures.migration import Migration
from fixtures.settings import Secrets, StoreSettings

PROJECT = Path(__file__).parents[1]
# Hundreds of processes are started: what one has compiled, the next need not compile again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Other tests' labs have the machine meanwhile: that something is slow to draw, or slow once, says nothing.
settings.register_profile("busy", deadline=5000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")
os.environ["LC_ALL"] = "C.UTF-8"  # what is shown is compared in English, whoever runs them

LONG = """
    lab/test_after_the_switch lab/test_worker_faults lab/test_vps lab/test_by_tunnel kills/test_kills faults/test_faults
    kills/test_switch_writes lab/test_rendered_drills scripts/test_night trial/test_trial lab/test_debian_12_drills
    lab/test_by_worker lab/test_rendered_gates kills/test_switch_late scripts/test_keeps
    faults/test_drawn scripts/test_owner_docker lab/test_lab lab/test_live_path lab/test_rehearse_own
    scripts/test_owner_template scripts/test_ec2 lab/test_second_dell lab/test_live_by_worker scripts/test_feasibility
    lab/test_live_by_init ledger/test_announced scripts/test_switch lab/test_leaves_nothing scripts/test_doctor
    scripts/test_rollback lab/test_phase3
    kills/ emulator/test_workers ledger/ trial/ lab/ scripts/ faults/ emulator/
""".split()
"""Files and folders that take long, the longest first: so begins who has several workers, and none is left with one."""

MONTHS = "TESTS_MONTHS"
"""Environment: where the months of labs lie that this run has had made."""
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
COMMAND_S_MAX = 300
MINIMAL = """\
target = "live"
pilot = "pilot.example.net"
[[domains]]
name = "pilot.example.net"
delivery = "dell.pilot.example.net"
mailboxes = ["alice"]
[dell]
name = "mx.pilot.example.net"
ipv4 = "198.51.100.10"
transport = { host = "198.51.100.10" }
networks = ["127.0.0.0/8"]
imap_host = "198.51.100.10"
[ec2]
region = "ap-northeast-1"
instance_id = "i-0123456789abcdef0"
name = "mail.example.net"
ipv4 = "203.0.113.20"
seen_by_dell_as = "100.64.10.1"
transport = { host = "203.0.113.20" }
[cloudflare]
account_id = "00000000000000000000000000000000"
[[resolvers]]
name = "quad9"
address = "9.9.9.9"
[store]
url = "sqlite:///STORE"
"""


def pytest_configure(config: pytest.Config) -> None:
    """Where ``tests.labs`` keeps months: a folder that all workers share, who begin with this environment."""
    if not hasattr(config, "workerinput"):
        made = tempfile.TemporaryDirectory(prefix="mxgate-months-")
        config.add_cleanup(made.cleanup)
        os.environ[MONTHS] = made.name


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: pytest-xdist hands out whole files in this order (``--no-loadscope-reorder``)."""
    # pytest reads this file for features too, where nobody names a folder.
    places = {item: item.path.as_posix().removeprefix(f"{PROJECT}/tests/") for item in items}
    items.sort(key=lambda item: next((n for n, each in enumerate(LONG) if places[item].startswith(each)), len(LONG)))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What one test gave to a program, no other's hints name, and no other's texts hide."""
    secrets = redaction._secrets
    yield
    redaction._secrets = secrets
    pasting.use()


def minimal(folder: Path, more: str = "") -> Path:
    """A migration.toml in FOLDER with the least that can be, and MORE; its store will lie next to it."""
    file = folder / "migration.toml"
    file.write_text(MINIMAL.replace("STORE", str(folder / "store.sqlite")) + more, encoding="utf-8")
    return file


def migration_in(folder: Path, **changes: Any) -> Migration:
    """No systems, and a store in FOLDER; CHANGES: other settings."""
    from fixtures.lab.files import settings_without_a_lab  # what has no lab imports this module too

    store = StoreSettings(url=f"sqlite:///{folder}/store.sqlite")
    return Migration(settings_without_a_lab().model_copy(update={"store": store, **changes}), Secrets())


def inherited() -> dict[str, str]:
    """The environment of whoever runs the tests, without their settings."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("MXGATE_", "PYTEST_"))}


def run(
    command: Sequence[str],
    environment: dict[str, str] | None = None,
    stdin: str | None = None,
    timeout_s: float = COMMAND_S_MAX,
    cwd: Path = PROJECT,
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND, at the project's top, without the settings of whoever runs the tests."""
    return subprocess.run(
        command,
        cwd=cwd,
        env=inherited() | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        timeout=timeout_s,
    )


def python(*argv: str, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m ARGV`` (or ``-c CODE``), after BEFORE, from a cold start (warm: ``tests.warm.program``)."""
    given = ("-m", *argv) if argv[0] != "-c" else argv
    return run([*before, sys.executable, *given], environment)


def until(
    found: Callable[[], Any], what: str | Callable[[], object], within_s: float = 60.0, *, pause_s_max: float = 0.5
) -> Any:
    """Wait for WHAT, or for what that tells when it does not come: what FOUND finds. It looks ever less often."""
    deadline, pause_s = time.monotonic() + within_s, 0.02
    while not (it := found()):
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what() if callable(what) else what}"
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, pause_s_max)
    return it


def ended(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """It ended with STATUS and one clear message that has WORDS: no traceback, and nothing was judged."""
    said = done.stdout + done.stderr
    assert done.returncode == status, said[-3000:]
    for noise in ("Traceback", "INTERNALERROR", "Error:"):
        assert noise not in said, said[-3000:]
    assert len(said.strip().splitlines()) <= 40, said[-3000:]
    for word in words:
        assert word in said, f"no word of {word!r} in:\n{said[-3000:]}"
