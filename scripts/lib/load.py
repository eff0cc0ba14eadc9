"""Send thousands of numbered messages through a switch, the way back and each outage, and account for every one.

    scripts/load                          all of it: 12 times 10,000 messages, more than an hour
    scripts/load cutover rollback         only through these
    scripts/load power --messages 1000    a minute
    scripts/load cutover --planted        one message taken away, one doubled, one misfiled, one altered: are all named?

Makes a lab of its own and takes it down in any case; needs root, like every lab. An outage comes again and again
until all is sent. What was under way at a fault may come twice; nothing else may, and nothing may be missing.
Exit: 0 every message is accounted for, 1 not so, 2 bad input or no lab could be made.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from fixtures.evidence import CouldNotAsk, tell
from fixtures.evidence.exiting import leave
from fixtures.lab.errors import LabError
from fixtures.lab.world import Lab
from fixtures.language import tr
from fixtures.plan.gates import Gate

NAME, SEED = "load", 1
MESSAGES, RATE_PER_S, MESSAGES_MAX = 10_000, 60.0, 1_000_000
TROUBLES_SHOWN = 10
DONE, NOT_SO, BAD_INPUT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Send, count and print; returns the exit status."""
    from fixtures.lab.load import POINTS, RATE_MAX_PER_S

    made = argparse.ArgumentParser(
        prog="scripts/load", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(POINTS)
    made.add_argument("what", nargs="*", metavar="WHAT", help=f"of {names}; default: all, in this order")
    made.add_argument("--messages", type=int, default=MESSAGES, metavar="N", help="through each (default: %(default)s)")
    rate = f"messages a second, to {RATE_MAX_PER_S:.0f} (default: %(default)s)"
    made.add_argument("--rate", type=float, default=RATE_PER_S, metavar="R", help=rate)
    made.add_argument("--seed", type=int, default=SEED, help="of all that the lab draws by lot (default: %(default)s)")
    made.add_argument("--planted", action="store_true", help="plant four faults in the mailboxes before counting")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures, and every message's trail, there")
    given = made.parse_args(arguments)
    if wrong := [each for each in given.what if each not in POINTS]:
        made.error(f"{wrong[0]}: expected one of {names}")
    if not 0 < given.messages <= MESSAGES_MAX:
        made.error(f"--messages {given.messages}: expected 1 to {MESSAGES_MAX}")
    if not 0 < given.rate <= RATE_MAX_PER_S:
        made.error(f"--rate {given.rate:g}: expected more than 0 and at most {RATE_MAX_PER_S:.0f}")
    try:
        return _all(given, given.what or list(POINTS))
    except (LabError, CouldNotAsk) as error:
        tell(f"load: {tr(str(error))}")
        return BAD_INPUT if isinstance(error, LabError) else NOT_SO
    except KeyboardInterrupt:
        print("load: interrupted; the lab was taken down", file=sys.stderr)
        return NOT_SO


def _all(given: argparse.Namespace, points: list[str]) -> int:
    from fixtures.lab.drills import World
    from fixtures.lab.load import Loaded, Order, put_through
    from fixtures.lab.rehearsal import stand_at
    from fixtures.migration import open_migration

    found: list[Loaded] = []
    lab = Lab.up(NAME, seed=given.seed, owner_pid=os.getpid())
    try:
        stand_at(lab, Gate.PHASE3, quiet=True)
        world = World(lab, open_migration())
        for what in points:
            one = put_through(world, what, Order(given.messages, given.rate, given.planted), _say)
            found.append(one)
            print(f"{what}: {one.sentence()}", flush=True)
            amiss = [each.sentence() for each in (*one.lost, *one.unaccounted)][:TROUBLES_SHOWN]
            for line in (*amiss, *one.balance.unexpected):
                print(f"    {line}", flush=True)
    finally:
        lab.down()
    if given.json:
        given.json.write_text(json.dumps([asdict(each) for each in found], indent=1), encoding="utf-8")
    return DONE if all(one.planted_named if given.planted else one.whole for one in found) else NOT_SO


def _say(text: str) -> None:
    """On a terminal each line takes the place of the one before."""
    ends = "\r" if sys.stderr.isatty() else "\n"
    print(f"  {text:<90}", end=ends, file=sys.stderr, flush=True)


if __name__ == "__main__":
    leave(main)
