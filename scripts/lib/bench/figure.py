"""One line of the table that ``scripts/bench`` prints."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Measured = tuple[float, str, float | None, float | None]
"""Ours, the peer's name, its figure, the bound: in seconds, but for another ``unit``."""
_LINE = "{:62} {:>12}  {:32} {:>12} {:>11}  {}"
HEAD = _LINE.format("what", "ours", "peer", "the peer's", "peer / ours", "bound")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure, its peer's, and its bound. ``why``: the reason for none."""

    what: str
    measured: Measured | None = None
    unit: str = "s"
    why: str = ""

    @property
    def slow(self) -> bool:
        ours, _, _, bound = self.measured or (0.0, "", None, None)
        return bound is not None and ours > bound

    @property
    def good(self) -> bool:
        return self.measured is not None and not self.slow

    def row(self) -> str:
        """As the table has it. The ratio is the peer's time over ours: above 1 we are faster."""
        if self.measured is None:
            return _LINE.format(self.what, "-", "", "-", "-", self.why)
        ours, peer, theirs, bound = self.measured
        ratio = f"{theirs / ours:.2f}" if theirs else "-"
        shown = "-" if theirs is None else f"{theirs:.3f} {self.unit}"
        limit = "-" if bound is None else f"{bound:g} {self.unit}" + (": OVER" if self.slow else "")
        return _LINE.format(self.what, f"{ours:.3f} {self.unit}", peer, shown, ratio, limit)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """How long WORK takes, in seconds, and what it returns."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def tried(what: str, work: Callable[[], Measured], unit: str = "s") -> Figure:
    """A figure, or why there is none: one that fails is no reason to lose the others."""
    print(f"  {what} ...", file=sys.stderr, flush=True)
    try:
        return Figure(what, work(), unit)
    except Exception as fault:  # noqa: BLE001 - whatever it is, the table shows it
        return Figure(what, why=f"{type(fault).__name__}: {str(fault)[:200]}")
