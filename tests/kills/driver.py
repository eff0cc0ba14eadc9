"""One switch by its own plan, in a process that dies or whose calls fail at a given write; gates and mail left out.

    python -m tests.kills.driver FOLDER KIND NUMBER TURN [CODE]

FOLDER has ``migration.toml``. KIND, NUMBER, TURN: as ``Fate``. Cloudflare's MX hosts are
played: they answer CODE to every address, 250 by default.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from fixtures.evidence import CouldNotAsk, Evidence
from fixtures.migration import Migration, open_migration
from fixtures.probes import mxhosts
from fixtures.probes.session import Conversation, Knock, RcptResult
from fixtures.settings import Address
from scripts import change, switch_mx
from tests.kills import wires
from tests.kills.fate import Fate


def answer(code: int, migration: Migration, addresses: Iterable[Address]) -> tuple[mxhosts.Asked, ...]:  # noqa: ARG001
    """In the place of ``mxhosts.ask``."""
    result = RcptResult("", code, "played", connected=True, refused_at="" if code == 250 else "rcpt")
    told = Conversation(
        Knock("192.0.2.1"), "open", "", code, "played", "greeting", (), "", (result,), "", Evidence("", "")
    )  # fmt: skip
    return tuple(mxhosts.Asked("route1.mx.cloudflare.net", "192.0.2.1", each, told) for each in addresses)


def main(folder: Path, kind: str, number: int, turn: int, code: int = 250) -> int:
    mxhosts.ask = partial(answer, code)
    migration = open_migration(folder / "migration.toml")
    options = Namespace(config=str(folder / "migration.toml"), json=False)
    job = change.Job(migration, migration.settings.pilot, options)
    wires.tap(Fate.recall(kind, folder / "befallen", every=False, number=number, turn=turn))
    try:
        migration.store.take_over("migration")  # as --take-lock does
        with migration.store.lock("migration", "a test"):
            writes = tuple(switch_mx.plan(job))
            with switch_mx.SCRIPT.around(job):
                for write in writes:
                    change._write(switch_mx.SCRIPT, job, write, job.options.run)
                change._complete(switch_mx.SCRIPT, job, "")
        again = change.Job(migration, job.domain, Namespace(config=options.config))
        assert not tuple(switch_mx.plan(again)), "it goes on after it was done"
        change._complete(switch_mx.SCRIPT, again, "")
    except (change.Refused, CouldNotAsk) as error:
        print(error, file=sys.stderr)
        return change.REFUSED
    return change.DONE


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])))
