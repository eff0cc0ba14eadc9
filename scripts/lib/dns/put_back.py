"""EC2's MX put back by the switch itself, by the run that failed or by the guard that outlives it: DNS first.

What a switch has come to stands in the store, as records ``switching``: ``run``, ``state`` and, from ``moving`` on,
what is to be put back.

| state | |
|---|---|
| ``begun`` | the run writes, and the MX has not moved |
| ``moving`` | recorded just before the write that moves the MX |
| ``going back`` | it failed, and the run or its guard puts EC2's MX back |
| ``through`` | it went well |
| ``unmoved`` | it failed before the MX moved |
| ``back`` | EC2's MX stands again |
| ``given up`` | it could not be put back |
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fixtures.ledger.windows import CLOSED, PUT_BACK, SWITCHING
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from fixtures.store import StoreError
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dns import takeback
from scripts.lib.dns.mx_back import left_over, mx_back
from scripts.lib.dns.zone import is_spf, set_rrset, value

SCRIPT = "switch_mx"
OVER = frozenset({"through", "unmoved", "back", "given up"})
KEPT = ("stood", "mx", "mx_ttl", "spf", "spf_ttl")
LIMIT_S = 6 * 3600.0
"""For so long it is tried, by this machine's own clock: Cloudflare's API was down for hours before."""
SPF_S = 60.0
PAUSE_S, PAUSE_S_MAX = 0.5, 15.0
QUIET_S = 3.0
"""A write whose answer was lost may still be done: for so long EC2's MX must have stood."""


def before(job: Job) -> dict[str, Any]:
    """What is to be put back: the first snapshot's MX, and the SPF record as it stands. ``Refused`` without a snapshot.

    ``stood``: the MX as it is, for X-1.
    """
    takeback.at_first(job)
    mx, _ = takeback.mx_at_first(job)
    progress, bounds = Progress.read(job.migration.store, job.migration.settings), job.migration.settings.bounds
    stands = cloudflare.records(job.migration, job.domain)
    spf = [each for each in stands.of(job.domain, "TXT") if is_spf(each)]
    return {
        "stood": sorted(map(value, stands.of(job.domain, "MX"))),
        "mx": sorted({value(each) for each in mx}),
        "mx_ttl": bounds.ttl_s if progress.done_at("lower_ttl", job.domain) else mx[0].ttl,
        "spf": [each.text for each in spf],
        "spf_ttl": spf[0].ttl if spf else bounds.ttl_s,
    }


def put_back(job: Job, kept: dict[str, Any], why: str, limit_s: float = LIMIT_S) -> str:
    """Put EC2's MX back, however often it takes, then the SPF record; returns what was done. ``Refused`` at the limit.

    KEPT: what ``before`` gave. Nothing of the store is needed for it: that is told after each write, if it can be.
    """
    began = time.monotonic()
    job = replace(job, migration=replace(job.migration, hurried=True))
    job.say(f"the MX of {job.domain} goes back to {', '.join(kept['mx'])}: {why}")
    book = Book(job)
    book.later.append(lambda: noted(job, "going back", kept, why=why))
    if not _stands(job, book, lambda: _mx(job, kept), limit_s, QUIET_S):
        book.later.append(lambda: noted(job, "given up", kept, why=why))
        book.write()
        raise Refused(still_away(job, limit_s))
    took = time.monotonic() - began
    book.later += [
        lambda: noted(job, "back", kept, why=why),
        lambda: job.migration.store.record(CLOSED, job.domain, why=PUT_BACK),
        lambda: job.migration.store.record(takeback.BACK, job.domain, seconds=took),
    ]
    book.write()
    done = f"EC2's MX of {job.domain} stands again, {took:.0f} s later; caches follow within {kept['mx_ttl']} s"
    left_over(job)
    if not _stands(job, book, lambda: _spf(job, kept), SPF_S, 0):
        done += f". The SPF record could not be written: python -m scripts.merge_spf --domain {job.domain}"
    return done


def still_away(job: Job, limit_s: float) -> str:
    """What a person has to do where nothing else helped."""
    return (
        f"{job.domain}: THE MX STILL LEADS TO CLOUDFLARE. For {limit_s / 3600:.1f} h it could not be put back. Do "
        f"it by hand, now: python -m scripts.by_hand --domain {job.domain}"
    )


@dataclass(slots=True)
class Book:
    """What the store is still to be told. After one fault it is told nothing more: each may take 20 s to come."""

    job: Job
    later: list[Callable[[], None]] = field(default_factory=list)
    shut: bool = False

    def write(self) -> None:
        while self.later:
            entry = self.later.pop(0)
            try:
                if not self.shut:
                    entry()
            except StoreError as error:
                self.shut = True
                self.job.say(f"not recorded, nor what follows: {error}")


def _mx(job: Job, kept: dict[str, Any]) -> Iterator[Write]:
    rows = (text.partition(" ") for text in kept["mx"])
    yield from mx_back(
        job, [Record("MX", job.domain, host, kept["mx_ttl"], int(at)) for at, _, host in rows], kept["mx_ttl"]
    )


def _spf(job: Job, kept: dict[str, Any]) -> Iterator[Write]:
    """Enabling may have put another in its place (X10)."""
    yield from set_rrset(job, job.domain, job.domain, "TXT", kept["spf"], kept["spf_ttl"], "SPF", only=is_spf)


def noted(job: Job, state: str, kept: dict[str, Any], **more: Any) -> None:
    """Record what the switch has come to. Raises ``StoreError``."""
    body = {key: kept[key] for key in KEPT if key in kept} | more
    job.migration.store.record(SWITCHING, job.domain, run=job.options.run, state=state, **body)


def _stands(job: Job, book: Book, planned: Callable[[], Iterator[Write]], limit_s: float, quiet_s: float) -> bool:
    """Do what is PLANNED, again and again until for QUIET_S nothing is left to do. False at the limit."""
    until, pause, said, since = time.monotonic() + limit_s, PAUSE_S, "", 0.0
    while time.monotonic() < until:
        try:
            writes = 0
            for write in planned():
                write.do()
                book.later.append(partial(_journal, job, write))
                writes += 1
            since = 0.0 if writes else since or time.monotonic()
            if since and time.monotonic() - since >= quiet_s:
                return True
            pause = PAUSE_S
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else leads the mail back
            since, pause = 0.0, min(pause * 1.5, PAUSE_S_MAX)
            if str(error) != said:
                said = str(error)
                job.say(f"{said}. It is tried again; by hand: python -m scripts.by_hand --domain {job.domain}")
        book.write()
        time.sleep(pause)
    return False


def _journal(job: Job, write: Write) -> None:
    about = (SCRIPT, job.domain, job.options.run, write.subject)
    job.migration.store.log(*about, "after", before=write.before, after=write.after, why="put back")
