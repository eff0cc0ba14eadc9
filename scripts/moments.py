"""When a domain's MX moved: recorded as it is written, or, where the run was killed then, from the journal."""

from __future__ import annotations

import time
from dataclasses import replace

from fixtures.ledger.windows import OPENED
from fixtures.probes import cloudflare
from scripts.change import Job, Write, unfinished

SCRIPT = "switch_mx"


def noted(job: Job, write: Write) -> Write:
    """A write by which the MX moves, or may move, with its times recorded if it did."""
    clock, bounds = job.migration.clock, job.migration.settings.bounds
    announced = job.migration.settings.cloudflare.enabling in {"refuses", "replaces"}

    def do() -> None:
        began, real_began = clock.now(), time.time()
        if announced:
            job.migration.store.record(OPENED, job.domain, seconds=bounds.window_s, ttl_s=bounds.ttl_s)
        write.do()
        stands = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
        if stands and {each.text for each in stands} <= set(job.migration.settings.cloudflare.mx):
            _record(job, began, real_began)

    return replace(write, do=do)


def remember(job: Job) -> None:
    """After the last write: if no run since the last that was done has recorded it, the journal knows when it began."""
    store = job.migration.store
    runs = unfinished(job, SCRIPT)
    if not runs or store.recorded("switch", job.domain, since=runs[0]["at"]):
        return
    # In this order: enabling moves the MX only where no batch has.
    for subject in (f"{job.domain} MX", f"Email Routing of {job.domain}"):
        for row in store.journaled(SCRIPT, job.domain, since=runs[0]["at"]):
            if row["subject"] == subject:
                _record(job, row["at"], row["real_at"])
                return


def _record(job: Job, began: float, real_began: float) -> None:
    """It ended now at the latest."""
    store, clock = job.migration.store, job.migration.clock
    this = store.last("run", job.domain, script=SCRIPT) or {}
    settled = store.recorded("settling", job.domain, since=this.get("at", began))
    times = {"began": began, "ended": clock.now(), "real_began": real_began, "real_ended": time.time()}
    store.record("switch", job.domain, **times, settle_s=settled[-1]["seconds"] if settled else 0.0)
