"""Make, look into, and remove labs.

The lab plays the whole world of the migration with real servers in containers: Dell, EC2, AWS's and Cloudflare's
APIs, name servers, resolvers with a clock that can be moved, outside senders and mailboxes. It changes nothing of
this machine's network.

  scripts/lab up                        make it; stands until taken down
  scripts/lab up --at phase3            make it, and carry the migration to that gate
  scripts/lab clock 48                  let 48 hours pass on its clock
  scripts/lab shell operator            a shell where pytest and the scripts would run
  scripts/lab shell dell -- postqueue -p
  scripts/lab logs dell                 what Dell's daemons have written
  scripts/lab down                      remove every trace, also of one whose process was killed

Exit: 0 done, 1 not so (status: no lab, or a dead daemon), 2 bad input or something is missing.
"""

import argparse
import os
import random
import shlex
import sys
import time

from fixtures.evidence import tell
from fixtures.evidence.exiting import leave
from fixtures.lab import plan
from fixtures.lab.errors import LabError
from fixtures.lab.world import MAIN, Lab, down, standing
from fixtures.language import tr

DONE, FAILED, BAD_INPUT = 0, 1, 2
GATES = ("phase1", "phase2", "phase3", "phase4", "deletion", "signoff")
HOSTS = tuple(host.name for host in plan.HOSTS)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("MXGATE_LAB", MAIN), help="which lab (default: %(default)s)")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", parents=[common], help="make a lab and wait until all of it answers")
    up.add_argument("--seed", type=int, help="of all that is drawn by lot; printed (default: another each time)")
    up.add_argument("--at", choices=GATES, metavar="GATE", help=f"carry the migration to a gate: {', '.join(GATES)}")
    where = "which of those that fixtures/lab/README.md names"
    up.add_argument(
        "--dell", choices=plan.DELLS, default=plan.DELLS[0], help=f"Dell's Postfix: {where} (default: %(default)s)"
    )
    count = "how many domains the operator has, to 30, which have 200 addresses (default: %(default)s)"
    up.add_argument("--domains", type=int, choices=range(3, 31), default=3, metavar="N", help=count)
    what = "today's gateway: an instance of EC2's, or an old VPS at another provider (default: %(default)s)"
    up.add_argument("--gateway", choices=plan.GATEWAYS, default=plan.GATEWAYS[0], help=what)
    where = "from Cloudflare to Dell's port 25, or to a Worker and by a way that Dell makes (default: %(default)s)"
    up.add_argument("--route", choices=plan.ROUTES, default=plan.ROUTES[0], help=where)
    knobs = "the emulator's, after --, such as -- --enabling refuses (python -m fixtures.lab.emulator --help)"
    up.add_argument("knobs", nargs="*", metavar="-- KNOB", help=knobs)
    commands.add_parser("down", parents=[common], help="remove every trace of a lab")
    commands.add_parser("status", parents=[common], help="hosts, addresses, power, dead daemons")
    logs = commands.add_parser("logs", parents=[common], help="what a host's daemons have written")
    logs.add_argument("host", choices=HOSTS, metavar="HOST", help=", ".join(HOSTS))
    logs.add_argument("--lines", type=int, default=50, help="of each log (default: %(default)s)")
    clock = commands.add_parser("clock", parents=[common], help="let hours pass on the lab's clock")
    clock.add_argument("hours", type=float, metavar="HOURS", help="how many; a hold of the pilot is 48, a night 24")
    shell = commands.add_parser("shell", parents=[common], help="a shell, or a command, in a host")
    shell.add_argument("host", choices=HOSTS, metavar="HOST", help=", ".join(HOSTS))
    shell.add_argument("argv", nargs="*", metavar="-- COMMAND")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        return _DO[options.command](options)
    except LabError as error:
        tell(f"lab: {tr(str(error))}")
        return BAD_INPUT
    except KeyboardInterrupt:
        print("lab: interrupted; what had begun was taken down", file=sys.stderr)
        return FAILED


def _up(options: argparse.Namespace) -> int:
    begun = time.monotonic()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    kinds = {"dell": options.dell, "domains": options.domains, "gateway": options.gateway, "route": options.route}
    lab = Lab.up(options.name, seed, options.knobs, **kinds)
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
    from rich.console import Console
    from rich.table import Table

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


def _clock(options: argparse.Namespace) -> int:
    clock = Lab.find(options.name).clock
    try:
        clock.advance(options.hours * 3600)
    except ValueError as error:
        raise LabError(str(error)) from None
    print(f"lab {options.name!r}: its clock is {clock.offset / 3600:g} h ahead of this machine's")
    return DONE


def _shell(options: argparse.Namespace) -> int:
    try:
        Lab.find(options.name).shell(options.host, options.argv)
    except OSError as error:
        raise LabError(f"{options.host}: {shlex.join(options.argv)}: {error.strerror}") from None
    return DONE


_DO = {"up": _up, "down": _down, "status": _status, "logs": _logs, "clock": _clock, "shell": _shell}

if __name__ == "__main__":
    leave(main)
