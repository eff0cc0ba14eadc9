"""The table that README shows: what each peer was measured by, on which machine, when, and of which code."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from scripts.lib.bench.figure import Figure

PROJECT = Path(__file__).parents[3]
PAGE = PROJECT / "README.md"
BEGIN, END = "<!-- bench:begin -->\n", "<!-- bench:end -->\n"
PEERS = ("checkdmarc", "dig", "pflogsumm", "smtp-source", "swaks")


class NoTableError(Exception):
    """A figure that the table has to show is not there; says which."""


def write(figures: Iterable[Figure], load: float, page: Path = PAGE) -> None:
    """Put the table into PAGE, between its markers. LOAD: the machine's, before. Raises ``NoTableError``."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    made = table(figures, load)
    page.write_text(f"{before}{BEGIN}{made}{rest[rest.index(END) :]}", encoding="utf-8")


def table(figures: Iterable[Figure], load: float) -> str:
    """The first figure next to each peer. Raises ``NoTableError`` where one could not be measured."""
    shown: dict[str, Figure] = {}
    for each in figures:
        if not each.runs:
            raise NoTableError(f"{each.what}: {each.why}")
        if each.peer.startswith(PEERS):
            shown.setdefault(each.peer, each)
    if missing := [peer for peer in PEERS if not any(each.startswith(peer) for each in shown)]:
        raise NoTableError(f"nothing was measured next to {', '.join(missing)}")
    rows = [(each.what, each.said(each.ours), each.peer, each.said(each.theirs), each.ratio) for each in shown.values()]
    lines = [(machine(load), "ours", "peer", "the peer's", "peer / ours"), ("---",) * 5, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine(load: float) -> str:
    """Where, when and of which code the figures are, in a few words."""
    model = _field("/proc/cpuinfo", "model name")
    memory = round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 2**20)
    argv = ["git", "-C", str(PROJECT), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    return (
        f"{len(os.sched_getaffinity(0))} cores ({model}), {memory} GiB, load {load:.1f} before, "
        f"Linux {platform.release()}, Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}, {commit}"
    )


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "?"
