"""When a process is killed, and which of its calls fail: decided at each call, and remembered beyond the process."""

import json
import os
import signal
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Self
from zlib import crc32

BEFORE, MIDDLE, AFTER = "killed before", "killed in the middle", "killed after"
THROTTLED, BROKEN, TIMEOUT, LOST, CUT = "429", "500", "time-out", "done, answer lost", "cut in the middle"
REFUSED = ("403", "409", "422")


@dataclass(frozen=True, slots=True)
class Call:
    """One call to another system, as the wire carries it."""

    wire: str
    """``cloudflare``, ``aws``, ``ssh`` or ``file``."""
    text: str
    """Which one: the same in another process that makes the same call."""
    writes: bool
    data: bool = False
    """Carries a file, and can be cut in its middle."""

    @property
    def kills(self) -> tuple[str, ...]:
        return (BEFORE, MIDDLE, AFTER) if self.data else (BEFORE, AFTER)

    @property
    def faults(self) -> tuple[str, ...]:
        """How the network can fail it."""
        match self.wire:
            case "cloudflare":
                return (THROTTLED, BROKEN, TIMEOUT, LOST, *REFUSED)
            case "aws":
                return (THROTTLED, BROKEN, TIMEOUT, LOST)
            case "ssh" if self.writes:
                return (TIMEOUT, LOST, CUT) if self.data else (TIMEOUT, LOST)
        return ()


@dataclass(slots=True)
class Injector:
    """What befalls the calls of one script, over all its runs.

    KIND: ``kills`` or ``faults``; empty: nothing. EVERY: every kill point or call, one a time; else only the write
    of NUMBER, once. TURN: which of several deeds comes first. MEMORY: a file of what has injected already.
    """

    kind: str
    memory: Path
    every: bool = False
    number: int = 1
    turn: int = 0
    write: str = ""
    """Which write of the script is under way; empty outside of one."""
    writes: int = 0
    """How many calls of this process have written."""
    done: set[tuple[str, str]] = field(default_factory=set)
    _drawing: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def recall(cls, kind: str, memory: Path, *, every: bool, number: int, turn: int) -> Self:
        return cls(kind, memory, every, number, turn, done={(where, deed) for where, deed, _ in injected(memory)})

    def draw(self, call: Call) -> str:
        """What befalls this call, once and for all; empty if nothing."""
        with self._drawing:  # reads go side by side
            return self._draw(call)

    def _draw(self, call: Call) -> str:
        self.writes += call.writes
        where = f"{self.write} | {call.wire} {call.text}"
        deeds = call.kills if self.kind == "kills" and call.writes else call.faults if self.kind == "faults" else ()
        if not deeds:
            return ""
        if self.kind == "faults" or not self.every:
            if any(key == where for key, _ in self.done) or not (self.every or self._its_turn(call)):
                return ""
            deeds = (deeds[(crc32(call.text.encode()) + self.turn) % len(deeds)],)
        deed = next((each for each in deeds if (where, each) not in self.done), "")
        if deed:
            self._remember(call, where, deed)
        return deed

    def _its_turn(self, call: Call) -> bool:
        return call.writes and self.writes >= self.number and not self.done

    def _remember(self, call: Call, where: str, deed: str) -> None:
        self.done.add((where, deed))
        with self.memory.open("a", encoding="utf-8") as file:
            file.write(json.dumps([where, deed, call.wire]) + "\n")


def injected(memory: Path) -> list[tuple[str, str, str]]:
    """Where, what, and on which wire."""
    if not memory.exists():
        return []
    rows = (json.loads(line) for line in memory.read_text(encoding="utf-8").splitlines())
    return [(where, deed, wire) for where, deed, wire in rows]


def die() -> NoReturn:
    """As a power cut would: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("outlived SIGKILL")
