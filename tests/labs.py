"""A lab of the tests' own, and what is run where its operator is."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab.faults.walk import carry
from fixtures.lab.history import HOSTS
from fixtures.lab.plan import PRINTING
from fixtures.lab.world import Lab, down
from fixtures.plan.gates import Gate
from scripts.lib import change
from tests import warm
from tests.conftest import COMMAND_S_MAX, MONTHS, inherited, run, until

POWER_S_MAX = 60.0
MAILBOX_MADE = 'sed -n "s/^$1:/$2:/p" /etc/dovecot/users >>/etc/dovecot/users; sleep 1.1'
"""On Dell: a mailbox $2, with the password of $1. Dovecot looks whether its file has changed once a second."""

DATED_BACK = "shopt -s nullglob; cd $1; cp -a --parents var/log/mail.log* var/log/dovecot.log* srv/vmail* $2"
"""From a host's root to another: all that ``history`` has dated back, and Dovecot's log of it. Who holds a log open
goes on with it.
"""


@contextmanager
def standing(
    name: str, seed: int, at: str = "", *, month: bool = False, quiet: bool = False, **how: Any
) -> Iterator[Lab]:
    """A lab that goes in the end, and with this process. AT: the gate to which it is carried, without taking anything
    back on the way; QUIET: without mail either; else as ``Lab.up``.
    """
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    down(name)
    lab = Lab.up(name, seed=seed, owner_pid=os.getpid(), month=False, **how)
    try:
        if month and lab.dell not in PRINTING:
            let_a_month_pass(lab)
        if at:
            carry(name, at, quiet=quiet, straight=True)
        yield lab
    finally:
        lab.down()


def let_a_month_pass(lab: Lab) -> None:
    """The mail of the month before. It is made once for each kind of lab; each further one has the same files."""
    month = Path(os.environ[MONTHS], f"{lab.dell}-{lab.gateway}-{lab.route}")
    with month.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be having it made
        known = month.exists()
        if not known:
            done = warm.python(("-m", "fixtures.lab.history", lab.name), inherited(), None, COMMAND_S_MAX)
            assert done.returncode == 0, done.stderr[-3000:]
        part = month if known else month.with_suffix(".part")
        for host in HOSTS:
            (kept := part / host).mkdir(parents=True, exist_ok=True)
            ways = (kept, lab.root(host)) if known else (lab.root(host), kept)
            done = run(["bash", "-ec", DATED_BACK, "bash", *map(str, ways)])
            assert done.returncode == 0, done.stderr
        part.rename(month)


def shared(name: str, seed: int, at: str = "", **how: Any) -> Any:
    """The fixture of a lab, as ``standing`` makes it, that a file's tests share in the order in which they stand."""

    @pytest.fixture(scope="module")
    def lab() -> Iterator[Lab]:
        with standing(name, seed, at, **how) as made:
            yield made

    return lab


def on(lab: Lab, host: str, command: str) -> str:
    """What COMMAND of bash, which has to succeed, prints on HOST."""
    done = lab.exec(host, ["bash", "-ec", command])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def resettle(lab: Lab, *changes: tuple[str, str]) -> None:
    """Each of CHANGES in the operator's settings: a text that stands there once, and what comes in its place."""
    file = lab.folder / "operator/migration.toml"
    text = file.read_text(encoding="utf-8")
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    file.write_text(text, encoding="utf-8")


def cut_the_power(lab: Lab, host: str) -> None:
    """And give it back, as ``hosts/common/init`` has it."""
    os.kill(lab.pids[host], signal.SIGUSR1)
    until(lambda: lab.power(host) == "off", f"{host}'s power is off", POWER_S_MAX)
    os.kill(lab.pids[host], signal.SIGUSR2)
    until(lambda: lab.power(host) == "on", f"{host}'s power is on", POWER_S_MAX)


def opens(lab: Lab, gate: Gate) -> None:
    """GATE is judged, and opens."""
    done = warm.features("--lab", lab.name, "--gate", gate.value)
    assert done.returncode == 0, done.stdout[-8000:]


def shell(lab: str, *argv: str) -> list[str]:
    """The command that runs ARGV where the lab's operator is."""
    return [sys.executable, "-m", "scripts.lab_cli", "shell", "--name", lab, "operator", "--", *argv]


def operator(
    lab: str,
    *argv: str,
    before: Sequence[str] = (),
    stdin: str | None = None,
    timeout_s: float = COMMAND_S_MAX,
    environ: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """``python ARGV`` where the lab's operator is. BEFORE: a command there that runs it, from a cold start.

    ENVIRON: what is otherwise in its environment (None: isn't there). The rest: as ``run``.
    """
    if before:
        # Names that are not to be set come first: "-" sorts before letters.
        given = sorted(
            f"--unset={name}" if value is None else f"{name}={value}" for name, value in (environ or {}).items()
        )
        return run(shell(lab, "env", *given, *before, sys.executable, *argv), None, stdin, timeout_s)
    return warm.python(argv, inherited(), stdin, timeout_s, lab, environ=environ)


def as_operator(lab: str, code: str, timeout_s: float = COMMAND_S_MAX) -> Any:
    """What CODE tells, as JSON on its last line, when it runs where the lab's operator is."""
    done = operator(lab, "-c", code, timeout_s=timeout_s)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def planned(lab: str, script: str, *options: str, **how: Any) -> dict[str, Any]:
    """What SCRIPT would write, as its status says too. HOW: as of ``operator``."""
    done = operator(lab, "-m", f"scripts.{script}", *options, "--json", **how)
    assert done.returncode in {change.DONE, change.PLANNED}, done.stdout + done.stderr
    outcome: dict[str, Any] = json.loads(done.stdout)
    assert bool(outcome["writes"]) == (done.returncode == change.PLANNED), outcome
    return outcome


def applied(lab: str, script: str, *options: str, **how: Any) -> tuple[list[dict[str, str]], str]:
    """What SCRIPT had to write, written by that plan; and all that it said. HOW: as of ``operator``."""
    outcome = planned(lab, script, *options, **how)
    assert outcome["writes"], f"{script} has nothing to do"
    done = operator(lab, "-m", f"scripts.{script}", *options, "--apply", outcome["digest"], **how)
    assert done.returncode == change.DONE, done.stdout + done.stderr
    return outcome["writes"], done.stdout + done.stderr
