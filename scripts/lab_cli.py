"""The command ``scripts/lab``: make, look into, and remove labs."""

from __future__ import annotations

import argparse
import random
import shlex
import sys
import time

from rich.console import Console
from rich.table import Table

from fixtures.lab import plan
from fixtures.lab.errors import LabError
from fixtures.lab.world import Lab, down, standing
from scripts.lib.lab_options import parser

DONE, FAILED, BAD_INPUT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _DO[options.command](options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("lab: interrupted; what had begun was taken down", file=sys.stderr)
        return FAILED


def _up(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    lab = Lab.up(options.name, seed, options.knobs, dell=options.dell, domains=options.domains)
    print(f"lab {lab.name!r} is up after {time.monotonic() - begun:.1f} s, seed {lab.seed}, {lab.folder}")
    if options.at:
        from fixtures.lab.rehearsal import stand_at

        stand_at(lab, options.at)
    return DONE


def _down(options: argparse.Namespace) -> int:
    found = down(options.name)
    print(f"lab {options.name!r} is gone" if found else f"there was no lab {options.name!r}")
    return DONE


def _status(options: argparse.Namespace) -> int:
    names = standing()
    if options.name not in names:
        print(f"no lab {options.name!r} stands" + (f"; others do: {', '.join(names)}" if names else ""))
        return FAILED
    lab = Lab.find(options.name)
    table = Table(title=f"lab {lab.name}, seed {lab.seed}, clock +{lab.clock.offset:.0f} s")
    for column in ("host", "addresses", "power", "dead daemons", "first process"):
        table.add_column(column, overflow="fold")
    dead = False
    for host in plan.HOSTS:
        died = lab.died(host.name)
        dead = dead or bool(died)
        addresses = [*host.addresses, *([host.tailnet] if host.tailnet else []), *host.prefixes]
        table.add_row(
            host.name, " ".join(addresses), lab.power(host.name), ", ".join(died) or "-", str(lab.pids[host.name])
        )
    Console().print(table)
    return FAILED if dead else DONE


def _logs(options: argparse.Namespace) -> int:
    for name, file in Lab.find(options.name).logs(options.host):
        print(f"==> {options.host}: {name} ({file})")
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-options.lines :]:
            print(line)
    return DONE


def _shell(options: argparse.Namespace) -> int:
    try:
        Lab.find(options.name).shell(options.host, options.argv)
    except OSError as error:
        raise LabError(f"{options.host}: {shlex.join(options.argv)}: {error.strerror}") from None
    return DONE


_DO = {"up": _up, "down": _down, "status": _status, "logs": _logs, "shell": _shell}

if __name__ == "__main__":
    sys.exit(main())
