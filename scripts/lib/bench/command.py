"""How fast the lab, a gate and the probes are, each next to its peer in the same run: ratios matter, not seconds.

    scripts/bench
    scripts/bench --write   and put what stands next to another program into README's table
    scripts/bench hop       only the emulator's mail hop, half a minute, no lab
    scripts/bench log       only a log of a million lines, half a minute, no lab
    scripts/bench report    only the report in Chromium, a few seconds, no lab
    scripts/bench lab       only a lab of three domains, its gate and its probes, some two minutes
    scripts/bench estate    only a gate over 30 domains with 200 addresses, some two minutes

What is quick is measured several times, next to its peer each time: shown are medians, and the range of the ratio.
Makes labs of its own and takes them down in any case; prints each figure as soon as it is known. Some six minutes;
needs root, like every lab. Exit: 0 all within their bounds, 1 not so, 2 no lab could be made.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from fixtures.evidence import tell
from fixtures.evidence.exiting import leave
from fixtures.lab.errors import LabError
from fixtures.language import tr
from scripts.lib.bench import page
from scripts.lib.bench.figure import HEAD, Figure

PARTS = {"hop": "local", "log": "local", "report": "local", "lab": "labs", "estate": "labs"}
"""Each part, and the module that has its function."""
DONE, SLOW, BAD_INPUT = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    made = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", nargs="?", choices=("all", *PARTS), default="all", help="default: %(default)s")
    made.add_argument("--write", action="store_true", help="put the table into README; of all parts")
    given = made.parse_args(arguments)
    if given.write and given.what != "all":
        made.error("--write wants all parts")
    print(HEAD, flush=True)
    return part(given.what) if given.what != "all" else _all(write=given.write)


def part(name: str, keep: Path | None = None) -> int:
    """Measure one part; returns the exit status. KEEP: where the figures go too, as JSON, one a line."""
    good = True
    try:
        for figure in getattr(importlib.import_module(f"scripts.lib.bench.{PARTS[name]}"), name)():
            print(figure.row(), flush=True)
            good = good and figure.good
            if keep:
                with keep.open("a", encoding="utf-8") as file:
                    file.write(f"{json.dumps(asdict(figure))}\n")
    except LabError as error:
        tell(f"bench: {tr(str(error))}")
        return BAD_INPUT
    except KeyboardInterrupt:
        print("bench: interrupted; the lab was taken down", file=sys.stderr)
        return SLOW
    return DONE if good else SLOW


def _all(*, write: bool) -> int:
    load, _, _ = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "figures")
        kept.touch()
        # In processes of their own, for a process that has entered a lab is its operator to the end.
        status = max(_apart(name, kept) for name in PARTS)
        if write:
            try:
                figures = [Figure(**json.loads(line)) for line in kept.read_text(encoding="utf-8").splitlines()]
                page.write(figures, load)
            except page.NoTableError as error:
                tell(f"bench: README's table was not written: {error}")
                return max(status, SLOW)
    return status


def _apart(name: str, keep: Path) -> int:
    code = (
        f"import sys; from scripts.lib.bench.command import part, Path; sys.exit(part({name!r}, Path({str(keep)!r})))"
    )
    return subprocess.run([sys.executable, "-c", code], check=False).returncode


if __name__ == "__main__":
    leave(main)
