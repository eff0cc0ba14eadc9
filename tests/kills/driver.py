"""One switch or rollback by its own plan, in a process that dies or whose calls fail at a write; no gates, no mail.

Cloudflare's MX hosts are played: they answer CODE to every address, 250 by default; EC2 is, which takes mail; and no
DNS judges an SPF record.
"""

import gc
import json
import multiprocessing
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NoReturn, Self

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.evidence.exiting import ending_in_order
from fixtures.lab.faults.forks import WARM
from fixtures.migration import Migration, open_migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.smtp import mx_hosts
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.settings import Address
from scripts import merge_spf, rollback, switch_mx
from scripts.lib import change, safeguard
from scripts.lib.aws import power
from scripts.lib.aws.power import ACCEPTS, Heard
from scripts.lib.cloudflare import routing
from tests.kills import wires
from tests.kills.injector import Injector

RUN_S_MAX = 60.0


def answer(code: int, migration: Migration, addresses: Iterable[Address], *_: Any) -> tuple[mx_hosts.Asked, ...]:
    """In the place of ``mxhosts.ask``."""
    result = RcptResult("", code, "played", "" if code == 250 else "rcpt")
    outcome = Conversation(
        Knock("192.0.2.1"), "open", "", code, "played", "greeting", (), "", (result,), "", Evidence("", "")
    )
    return tuple(
        mx_hosts.Asked(host, "192.0.2.1", each, outcome)
        for each in addresses
        for host in cloudflare.mx_hosts(migration, each.domain)
    )


def run(folder: Path, name: str, at: tuple[Any, ...], environment: Mapping[str, str], *, heard: bool) -> int:
    """In a process of its own, whose modules are loaded already: its exit status. What it says is in FOLDER/said.

    AT: kind, number and turn as of ``Injector``, and CODE. HEARD: whether anybody reads what it says.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*WARM, __name__])
    process = context.Process(target=_child, args=(folder, name, at, dict(environment), heard))
    process.start()
    process.join(RUN_S_MAX)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{name}: not over after {RUN_S_MAX:.0f} s")
    return process.exitcode


class _Guard:
    """In the place of ``subprocess.Popen``: a guard as a copy of what is loaded, made before anything is tapped.

    How a guard begins as a program of its own, each switch in a lab shows.
    """

    def __init__(self) -> None:
        (hears, word), (said, says), (self._begins, asked) = os.pipe(), os.pipe(), socket.socketpair()
        self._pid = os.fork()
        if not self._pid:
            for each in (word, said, self._begins.detach()):
                os.close(each)
            _be_guard(asked, hears, says)
        for each in (hears, says, asked.detach()):
            os.close(each)
        self.stdin, self.stdout = os.fdopen(word, "wb"), os.fdopen(said, "rb")

    def __call__(self, command: Sequence[str], *, stderr: IO[bytes], env: Mapping[str, str], **_: Any) -> Self:
        socket.send_fds(self._begins, [json.dumps([command[2:], dict(env)]).encode()], [stderr.fileno()])
        return self

    def poll(self) -> object:
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def wait(self, timeout_s: float = RUN_S_MAX) -> None:
        until = time.monotonic() + timeout_s
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("the guard", timeout_s)
            time.sleep(0.02)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)


def _be_guard(asked: socket.socket, hears: int, says: int) -> NoReturn:
    """Once it is begun; or end with a run that begins none."""
    try:
        text, (log,), *_ = socket.recv_fds(asked, 1 << 20, 1)
    except ValueError:
        os._exit(0)
    os.setsid()
    for number, each in enumerate((hears, says, log)):
        os.dup2(each, number)
        os.close(each)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it ends with this process
    sys.argv, environment = json.loads(text)
    os.environ.clear()
    os.environ.update(environment)
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    os._exit(1)


def _child(folder: Path, name: str, at: tuple[Any, ...], environment: dict[str, str], heard: bool) -> None:
    gc.freeze()  # what is warm is never garbage
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # Whoever runs these tests under nohup, or in the background, ignores signals that this run is to get.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    vars(safeguard)["subprocess"] = SimpleNamespace(**vars(subprocess) | {"Popen": _Guard()})
    said = os.open(folder / "said", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    if not heard:
        read, said = os.pipe()
        os.close(read)
    os.dup2(said, 2)
    sys.exit(main(folder, name, *at))


@ending_in_order()
def main(folder: Path, name: str, kind: str, number: int, turn: int, code: int = 250) -> int:  # noqa: PLR0917
    mx_hosts.ask = partial(answer, code)
    vars(power)["knock"] = lambda _: Heard(ACCEPTS, "it takes mail", named=True)
    vars(routing)["LATE_S"] = 1.0
    vars(rollback)["left_over"] = lambda _: None
    vars(merge_spf)["_judge"] = lambda *_: None
    script = {"switch_mx": switch_mx.SCRIPT, "rollback": rollback.SCRIPT}[name]
    migration = (script.opens or open_migration)(str(folder / "migration.toml"))
    change.name_half_way(migration)
    plain: dict[str, Any] = {"config": str(folder / "migration.toml"), "clean_up": False, "with_dell": False}
    options = Namespace(json=False, without_asking_ec2=False, **plain)
    job = change.Job(migration, migration.settings.pilot, options)
    wires.tap(Injector.recall(kind, folder / "injected", every=False, number=number, turn=turn))
    try:
        migration.store.take_over("migration")  # as --take-lock does
        with migration.store.lock("migration", "a test"):
            writes = tuple(script.plan(job))
            with script.around(job):
                change.make(script, job, writes)
                script.finish(job)
            migration.store.record("done", job.domain, script=name, plan="")
        again = change.Job(migration, job.domain, Namespace(without_asking_ec2=False, **plain))
        assert not tuple(script.plan(again)), "it goes on after it was done"
        script.finish(again)
    except (change.Refused, CouldNotAsk) as error:
        print(error, file=sys.stderr)
        return change.REFUSED
    return change.DONE
