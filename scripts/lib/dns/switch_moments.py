"""When a domain's MX moved: recorded as it is written, or, where the run was killed then, from the journal."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from fixtures.evidence import CouldNotAsk
from fixtures.ledger.windows import SWITCHING
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.store import StoreError
from scripts.lib.change import Job, Write, unfinished
from scripts.lib.dns.mx_back import MADE
from scripts.lib.dns.put_back import SCRIPT
from scripts.lib.dns.rrset import value
from scripts.lib.safeguard import moving


def noted(job: Job, write: Write) -> Write:
    """A write by which the MX moves, or may move: from then on guarded, with its times recorded if it did."""
    clock = job.migration.clock

    def do() -> None:
        moving(job)
        began, real_began = clock.now(), time.time()
        write.do()
        made = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
        job.options.made = [each.id for each in made]
        job.migration.store.record(MADE, job.domain, ids=job.options.made)
        after = sorted(map(value, made))
        if after and all(cloudflare.is_mx(text.rpartition(" ")[2]) for text in after):
            _record(job, began, real_began, job.options.moving["stood"], after)

    return replace(write, do=do)


def remember(job: Job) -> None:
    """After the last write: if no run since the last that was done has recorded it, the journal knows when it began."""
    with suppress(StoreError, CouldNotAsk):  # mail is taken, whatever becomes of this
        _remember(job)


def _remember(job: Job) -> None:
    store = job.migration.store
    runs = unfinished(job, SCRIPT)
    if not runs or store.recorded("switch", job.domain, since=runs[0]["at"]):
        return
    stood = (store.last(SWITCHING, job.domain, state="moving") or {"stood": []})["stood"]
    # In this order: enabling moves the MX only where no batch has.
    for subject in (f"{job.domain} MX", f"Email Routing of {job.domain}"):
        for row in store.journaled(SCRIPT, job.domain, since=runs[0]["at"]):
            if row["subject"] == subject:
                _record(job, row["at"], row["real_at"], stood, _mx(job))
                return


def _mx(job: Job) -> list[str]:
    return sorted(value(each) for each in cloudflare.records(job.migration, job.domain).of(job.domain, "MX"))


def _record(job: Job, began: float, real_began: float, before: list[str], after: list[str]) -> None:
    """It ended now at the latest."""
    store, clock = job.migration.store, job.migration.clock
    times = {"began": began, "ended": clock.now(), "real_began": real_began, "real_ended": time.time()}
    store.record("switch", job.domain, **times, before=before, after=after)
