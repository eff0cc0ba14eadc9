"""One line of the table that ``scripts/bench`` prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure, its peer's, and its bound: in seconds, but for another ``unit``. ``why``: the reason for none."""

    what: str
    ours_s: float | None = None
    peer: str = ""
    peer_s: float | None = None
    bound_s: float | None = None
    why: str = ""
    unit: str = "s"

    @property
    def slow(self) -> bool:
        return self.bound_s is not None and self.ours_s is not None and self.ours_s > self.bound_s

    def row(self) -> tuple[str, ...]:
        """As the table has it. The ratio is the peer's time over ours: above 1 we are faster."""
        if self.ours_s is None:
            return self.what, "-", self.peer, "-", "-", self.why
        ratio = f"{self.peer_s / self.ours_s:.2f}" if self.peer_s else "-"
        peer = "-" if self.peer_s is None else f"{self.peer_s:.3f} {self.unit}"
        bound = "-" if self.bound_s is None else f"{self.bound_s:g} {self.unit}" + (": OVER" if self.slow else "")
        return self.what, f"{self.ours_s:.3f} {self.unit}", self.peer, peer, ratio, bound


def tried(what: str, work: Callable[[], tuple[float, str, float | None, float | None]]) -> Figure:
    """A figure, or why it can't be had: one that fails is no reason to lose the others."""
    print(f"  {what} ...", file=sys.stderr, flush=True)
    try:
        ours_s, peer, peer_s, bound_s = work()
    except Exception as fault:  # noqa: BLE001 - whatever it is, it is told in the table
        return Figure(what, why=f"{type(fault).__name__}: {str(fault)[:200]}")
    return Figure(what, ours_s, peer, peer_s, bound_s)
