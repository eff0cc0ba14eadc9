"""The options of ``scripts/lab``."""

from __future__ import annotations

import argparse
import os

from fixtures.lab import plan
from fixtures.lab.files import DELLS
from fixtures.lab.world import MAIN

GATES = ("phase1", "phase2", "phase3", "phase4", "deletion", "signoff")
HOSTS = tuple(host.name for host in plan.HOSTS)

_EPILOG = """\
The lab plays the whole world of the migration with real servers in containers: Dell, EC2, AWS's and Cloudflare's
APIs, name servers, resolvers with a clock that can be moved, outside senders and mailboxes. It changes nothing of
this machine's network.

  scripts/lab up                        make it; stands until taken down
  scripts/lab up --at phase3            make it, and carry the migration to that gate
  scripts/lab shell operator            a shell where pytest and the scripts would run
  scripts/lab shell dell -- postqueue -p
  scripts/lab logs dell                 what Dell's daemons have written
  scripts/lab down                      remove every trace, also of one whose process was killed

Exit: 0 done, 1 not so (status: no lab, or a dead daemon), 2 bad input or something is missing."""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/lab",
        description="Make, look into, and remove labs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--name", default=os.environ.get("MXGATE_LAB", MAIN), help="which lab (default: %(default)s)")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands.add_parser("up", parents=[common], help="make a lab and wait until all of it answers")
    up.add_argument("--seed", type=int, help="of all that is drawn by lot; printed (default: another each time)")
    up.add_argument("--at", choices=GATES, metavar="GATE", help=f"carry the migration to a gate: {', '.join(GATES)}")
    up.add_argument(
        "--dell",
        choices=DELLS,
        default=DELLS[0],
        help="Dell's Postfix: on the host, in a container behind a userland proxy (X16), or so over IPv6 alone "
        "(default: %(default)s)",
    )
    up.add_argument(
        "--domains",
        type=int,
        choices=range(3, 31),
        default=3,
        metavar="N",
        help="how many domains the operator has, to 30, which have 200 addresses (default: %(default)s)",
    )
    up.add_argument(
        "knobs",
        nargs="*",
        metavar="-- KNOB",
        help="the emulator's, after --, such as -- --enabling refuses (python -m fixtures.lab.emulator --help)",
    )
    commands.add_parser("down", parents=[common], help="remove every trace of a lab")
    commands.add_parser("status", parents=[common], help="hosts, addresses, power, dead daemons")
    logs = commands.add_parser("logs", parents=[common], help="what a host's daemons have written")
    logs.add_argument("host", choices=HOSTS, metavar="HOST", help=", ".join(HOSTS))
    logs.add_argument("--lines", type=int, default=50, help="of each log (default: %(default)s)")
    shell = commands.add_parser("shell", parents=[common], help="a shell, or a command, in a host")
    shell.add_argument("host", choices=HOSTS, metavar="HOST", help=", ".join(HOSTS))
    shell.add_argument("argv", nargs="*", metavar="-- COMMAND")
    return made
