"""What the guard of a switch does about a run that is stuck."""

import signal
import subprocess
import sys
import time

import pytest
import sqlalchemy as sa

from fixtures.store import records
from scripts.lib import switch_guard
from scripts.lib.change import Job
from scripts.lib.dns import mx_back


def test_the_guard_ends_a_stuck_run_whatever_its_clock_says(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of the move lies 9 h ahead: the clock went back after it."""
    mx_back.noted(job, "moving", {})
    with job.migration.store.engine.begin() as db:
        db.execute(sa.update(records).values(real_at=time.time() + 32_400))
    monkeypatch.setattr(switch_guard, "LOOK_S", 0.01)
    monkeypatch.setattr(switch_guard, "LATE_S", 0.1 - job.migration.settings.bounds.window_s)
    with subprocess.Popen(["sleep", "30"], stdout=subprocess.PIPE) as stuck:
        monkeypatch.setattr(sys, "stdin", stuck.stdout)  # silent as long as it runs
        job.options.watch = stuck.pid
        try:
            assert not switch_guard.watch(job, {})
        finally:
            stuck.kill()
        assert stuck.wait() == -signal.SIGKILL
