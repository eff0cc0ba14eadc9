"""What several of the project's own tests use: commands as an operator types them, and what a bad one must come to."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parents[1]
# Hundreds of processes are started: what one has compiled, the next need not compile again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
COMMAND_S_MAX = 300


def run(
    command: Sequence[str],
    environment: dict[str, str] | None = None,
    stdin: str | None = None,
    timeout_s: float = COMMAND_S_MAX,
) -> subprocess.CompletedProcess[str]:
    """Run COMMAND at the project's top, without the settings of whoever runs the tests."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MXGATE_", "PYTEST_"))}
    return subprocess.run(
        command,
        cwd=PROJECT,
        env=inherited | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        timeout=timeout_s,
    )


def python(*argv: str, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m ARGV`` (or ``-c CODE``), after BEFORE."""
    given = ("-m", *argv) if argv[0] != "-c" else argv
    return run([*before, sys.executable, *given], environment)


def features(*options: str, before: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``pytest features/`` with OPTIONS."""
    return python("pytest", "features/", "-q", *options, before=before, **environment)


def ended(done: subprocess.CompletedProcess[str], status: int, *words: str) -> None:
    """It ended with STATUS and one clear message that has WORDS: no traceback, and nothing was judged."""
    said = done.stdout + done.stderr
    assert done.returncode == status, said[-3000:]
    for noise in ("Traceback", "INTERNALERROR", "Error:"):
        assert noise not in said, said[-3000:]
    assert len(said.strip().splitlines()) <= 40, said[-3000:]
    for word in words:
        assert word in said, f"no word of {word!r} in:\n{said[-3000:]}"
