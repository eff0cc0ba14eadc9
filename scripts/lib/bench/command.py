"""How fast the lab, a gate and the probes are, each beside its peer in the same run: ratios matter, not seconds.

    scripts/bench
    scripts/bench hop       only the emulator's mail hop, half a minute, no lab
    scripts/bench report    only the report in Chromium, a few seconds, no lab
    scripts/bench estate    only a gate over 30 domains with 200 addresses, some two minutes

Makes labs of its own and takes them down in any case. Some five minutes; needs root, like every lab.
Exit: 0 all within their bounds, 1 not so, 2 no lab could be made.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import aiosmtplib
from rich.console import Console
from rich.table import Table

from fixtures.lab.errors import LabError
from fixtures.lab.world import Lab, down
from scripts.lib.bench.figure import Figure, tried

NAME, SEED = "bench", 1
DONE, SLOW, BAD_INPUT = 0, 1, 2
LAB_UP_S_MAX, GATE_S_MAX, ARRIVAL_S_MAX = 10.0, 15.0, 0.1


def timed(work: Callable[[], object]) -> float:
    """How long WORK takes, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def hop() -> Iterator[Figure]:
    """The emulator's mail hop, which needs no lab."""
    from scripts.lib.bench import hop as bench_hop

    print("  the mail hop ...", file=sys.stderr, flush=True)
    try:
        for what, ours, peer, theirs, bound, unit in bench_hop.figures():
            yield Figure(what, ours, peer, theirs, bound, unit=unit)
    except (RuntimeError, OSError, aiosmtplib.SMTPException) as fault:
        yield Figure("the mail hop", why=f"{type(fault).__name__}: {str(fault)[:200]}")


def report() -> Iterator[Figure]:
    """The report of a large gate, which needs no lab but a browser."""
    from scripts.lib.bench import report as bench_report

    yield tried(f"a report of {bench_report.SCENARIOS} scenarios is opened", bench_report.opened)
    yield replace(tried("and its size", bench_report.size), unit="MB")


def measure() -> Iterator[Figure]:
    """Every figure in turn; the lab is up in between."""
    from scripts.lib.bench import benchmarks

    yield from hop()
    yield from report()
    yield Figure("a lab is up", timed(lambda: Lab.up(NAME, seed=SEED)), bound_s=LAB_UP_S_MAX)
    lab = Lab.find(NAME)
    try:
        yield tried("a gate, against a standing lab", lambda: benchmarks.gate(lab, GATE_S_MAX))
        # From here on this process is the operator; the gate had to come first, for it enters the lab by itself.
        yield Figure("the lab is entered", timed(lab.enter))
        yield tried("300 questions for an MX", lambda: benchmarks.questions(lab))
        yield tried("40 clients up to RCPT", lambda: benchmarks.clients(lab))
        yield tried("a log of 200,000 lines", lambda: benchmarks.log(lab))
        yield tried("200 messages are handed over", lambda: benchmarks.sending(lab))
        yield tried("an arrival is seen after it was saved", lambda: benchmarks.arrival(ARRIVAL_S_MAX))
    finally:
        down_s = timed(lambda: down(NAME))
    yield Figure("it is gone", down_s, bound_s=LAB_UP_S_MAX)
    yield from estate()


def estate() -> Iterator[Figure]:
    """A gate over 30 domains, and its questions; in a process of its own, for it becomes that lab's operator."""
    from scripts.lib.bench import estate as bench_estate

    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield from pool.submit(bench_estate.figures, GATE_S_MAX).result()


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "what", nargs="?", choices=("all", "hop", "report", "estate"), default="all", help="default: %(default)s"
    )
    given = parser.parse_args(arguments)
    table = Table(title="one run on this machine")
    for column in ("what", "ours", "peer", "the peer's", "peer / ours", "bound"):
        table.add_column(column, overflow="fold")
    try:
        figures = list({"all": measure, "hop": hop, "report": report, "estate": estate}[given.what]())
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("bench: interrupted; the lab was taken down", file=sys.stderr)
        return SLOW
    for figure in figures:
        table.add_row(*figure.row())
    Console(width=150).print(table)
    return SLOW if any(figure.slow or figure.why for figure in figures) else DONE


if __name__ == "__main__":
    sys.exit(main())
