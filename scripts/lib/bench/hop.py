"""What ``scripts/bench`` measures of the emulator's mail hop, alone on loopback between smtp-source and smtp-sink."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Iterator

import aiosmtplib

from fixtures.lab import image
from fixtures.lab.emulator.rig import ROUTED, SENDER, Rig, rig

MESSAGES, RUNS, AT_ONCE = 600, 3, 200
RATE_MIN = 150
"""Messages of 4 KiB in a second, on two cores that have nothing else to do."""
GROWTH_MIB_MAX = 40.0
OCTETS, TIMES_MAX = 26_000_000, 4.0
MIB = 1 << 20

Row = tuple[str, float, str, float | None, float, str]
"""What, ours, the peer's name, its figure, the bound, the unit of all three."""


def figures() -> Iterator[Row]:
    """Each in turn; ``RuntimeError`` or ``LabError`` where one can't be had."""
    with rig(image.ensure()) as made:
        made.send(50, made.mx_port)
        ours, theirs = zip(*(_one(made) for _ in range(RUNS)), strict=True)
        straight = "smtp-source straight into the same sink"
        what = f"{MESSAGES} messages of 4 KiB through the hop, median of {RUNS}"
        yield what, statistics.median(ours), straight, statistics.median(theirs), MESSAGES / RATE_MIN, "s"
        before = made.memory_mib()
        peak = made.peak_mib(lambda: made.send(MESSAGES, made.mx_port, at_once=AT_ONCE))
        yield f"{AT_ONCE} connections at once: the hop grows by", peak - before, "", None, GROWTH_MIB_MAX, "MiB"
        before = made.memory_mib()
        peak = made.peak_mib(lambda: asyncio.run(_large(made.mx_port)))
        times = (peak - before) * MIB / OCTETS
        yield "a message of 25 MiB: the hop grows by so many times it", times, "", None, TIMES_MAX, "x"


def _one(made: Rig) -> tuple[float, float]:
    """Ours and theirs, one right after the other: what else the machine does then troubles both."""
    return made.send(MESSAGES, made.mx_port), made.send(MESSAGES, made.sink_port)


async def _large(port: int) -> None:
    mail = f"From: <bob@{SENDER}>\r\nSubject: large\r\n\r\n".encode() + b"a few words\r\n" * (OCTETS // 13)
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname=f"client.{SENDER}", start_tls=False)
    async with client:
        await client.sendmail(f"bob@{SENDER}", [f"alice@{ROUTED}"], mail)
