"""One switch or rollback by its own plan, in a process that dies or whose calls fail at a write; no gates, no mail.

Cloudflare's MX hosts are played: they answer CODE to every address, 250 by default; EC2 is, which takes mail; and no
DNS judges an SPF record.
"""

import multiprocessing
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.lab.faults.forks import WARM
from fixtures.migration import Migration, open_migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.smtp import mx_hosts
from fixtures.probes.smtp.knock import Conversation, Knock, RcptResult
from fixtures.settings import Address
from scripts import merge_spf, rollback, switch_mx
from scripts.lib import change
from scripts.lib.aws import power
from scripts.lib.aws.power import ACCEPTS, Heard
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


def _child(folder: Path, name: str, at: tuple[Any, ...], environment: dict[str, str], heard: bool) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    # Whoever runs these tests under nohup, or in the background, ignores signals that this run is to get.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    said = os.open(folder / "said", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    if not heard:
        read, said = os.pipe()
        os.close(read)
    os.dup2(said, 2)
    sys.exit(main(folder, name, *at))


def main(folder: Path, name: str, kind: str, number: int, turn: int, code: int = 250) -> int:  # noqa: PLR0917
    mx_hosts.ask = partial(answer, code)
    vars(power)["knock"] = lambda _: Heard(ACCEPTS, "it takes mail", named=True)
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
                change._complete(script, job, "")
        again = change.Job(migration, job.domain, Namespace(without_asking_ec2=False, **plain))
        assert not tuple(script.plan(again)), "it goes on after it was done"
        change._complete(script, again, "")
    except (change.Refused, CouldNotAsk) as error:
        print(error, file=sys.stderr)
        return change.REFUSED
    return change.DONE
