"""One line of the table that ``scripts/bench`` prints."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Measured = tuple[float, str, float | None, float | None]
"""Ours, the peer's name, its figure, the bound: in seconds, but for another ``unit``."""
_LINE = "{:62} {:>12}  {:32} {:>12} {:>18}  {}"
HEAD = _LINE.format("what", "ours", "peer", "the peer's", "peer / ours", "bound")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, its peer's, and its bound, each time that they were taken. ``why``: the reason for none."""

    what: str
    runs: Sequence[Measured] = ()
    unit: str = "s"
    why: str = ""

    @property
    def ours(self) -> float:
        """The median."""
        return statistics.median(ours for ours, *_ in self.runs)

    @property
    def theirs(self) -> float | None:
        """The median of the peer's; none without a peer."""
        known = [theirs for _, _, theirs, _ in self.runs if theirs is not None]
        return statistics.median(known) if known else None

    @property
    def peer(self) -> str:
        return self.runs[0][1] if self.runs else ""

    @property
    def ratio(self) -> str:
        """The peer's time over ours, above 1 we are faster: the median, and the range of several."""
        each = sorted(theirs / ours for ours, _, theirs, _ in self.runs if theirs)
        if not each:
            return "-"
        return f"{statistics.median(each):.2f}" + (f" ({each[0]:.2f}-{each[-1]:.2f})" if len(each) > 1 else "")

    @property
    def slow(self) -> bool:
        bound = self.runs[0][3] if self.runs else None
        return bound is not None and self.ours > bound

    @property
    def good(self) -> bool:
        return bool(self.runs) and not self.slow

    def said(self, value: float | None) -> str:
        """VALUE with its unit."""
        return "-" if value is None else f"{value:.3f} {self.unit}"

    def row(self) -> str:
        """As the table has it."""
        if not self.runs:
            return _LINE.format(self.what, "-", "", "-", "-", self.why)
        bound = self.runs[0][3]
        limit = "-" if bound is None else f"{bound:g} {self.unit}" + (": OVER" if self.slow else "")
        return _LINE.format(self.what, self.said(self.ours), self.peer, self.said(self.theirs), self.ratio, limit)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long WORK takes, in seconds, and what it returns."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def tried(what: str, work: Callable[[], Measured], unit: str = "s", *, times: int = 1) -> Figure:
    """A figure, or why there is none: one that fails is no reason to lose the others."""
    print(f"  {what} ...", file=sys.stderr, flush=True)
    try:
        # Ours and the peer's, one right after the other: what else the machine does then troubles both.
        return Figure(what, [work() for _ in range(times)], unit)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the table shows it
        return Figure(what, why=f"{type(fault).__name__}: {str(fault)[:200]}")
