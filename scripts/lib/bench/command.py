"""How fast the lab, a gate and the probes are, each next to its peer in the same run: ratios matter, not seconds.

    scripts/bench
    scripts/bench hop       only the emulator's mail hop, half a minute, no lab
    scripts/bench log       only a log of a million lines, half a minute, no lab
    scripts/bench report    only the report in Chromium, a few seconds, no lab
    scripts/bench lab       only a lab of three domains, its gate and its probes, some two minutes
    scripts/bench estate    only a gate over 30 domains with 200 addresses, some two minutes

Makes labs of its own and takes them down in any case; prints each figure as soon as it is known. Some five minutes;
needs root, like every lab. Exit: 0 all within their bounds, 1 not so, 2 no lab could be made.
"""

import argparse
import importlib
import subprocess
import sys

from fixtures.evidence import tell
from fixtures.evidence.exiting import leave
from fixtures.lab.errors import LabError
from fixtures.language import tr
from scripts.lib.bench.figure import HEAD

PARTS = {"hop": "local", "log": "local", "report": "local", "lab": "labs", "estate": "labs"}
"""Each part, and the module that has its function."""
DONE, SLOW, BAD_INPUT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    made = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", nargs="?", choices=("all", *PARTS), default="all", help="default: %(default)s")
    given = made.parse_args(arguments)
    print(HEAD, flush=True)
    # In processes of their own, for a process that has entered a lab is its operator to the end.
    return max(map(_apart, PARTS)) if given.what == "all" else part(given.what)


def part(name: str) -> int:
    """Measure one part; returns the exit status."""
    good = True
    try:
        for figure in getattr(importlib.import_module(f"scripts.lib.bench.{PARTS[name]}"), name)():
            print(figure.row(), flush=True)
            good = good and figure.good
    except LabError as error:
        tell(f"bench: {tr(str(error))}")
        return BAD_INPUT
    except KeyboardInterrupt:
        print("bench: interrupted; the lab was taken down", file=sys.stderr)
        return SLOW
    return DONE if good else SLOW


def _apart(name: str) -> int:
    code = f"import sys; from scripts.lib.bench.command import part; sys.exit(part({name!r}))"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


if __name__ == "__main__":
    leave(main)
