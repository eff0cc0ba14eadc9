"""While a domain's MX moves: whatever fails puts EC2's MX back, in this run, or by a guard that outlives it.

The guard (``switch_guard.py``) is begun before anything is written, in a session of its own. It is told when all is
over; if this process ends without a word, or is stopped for too long, it acts.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

from fixtures.evidence import CouldNotAsk
from fixtures.ledger.windows import CLOSED, OPENED, SETTLED
from fixtures.store import StoreError
from scripts.lib import night_papers
from scripts.lib.change import Job, Refused
from scripts.lib.dns import put_back

ROOT = Path(__file__).parents[2]
BEGIN_S, END_S = 30.0, 10.0
OVER = b"over\n"
"""The word by which the guard knows that nothing is left to do."""


class Overdue(BaseException):
    """Cloudflare refused mail for longer than the plan lets it. No client's ``except Exception`` may swallow it."""


@contextmanager
def guarded(job: Job) -> Iterator[None]:
    """Around the writes of a switch. ``Refused`` says that EC2's MX was put back, and why."""
    job.options.run, job.options.through = secrets.token_hex(6), False
    job.options.moving = job.options.moved_at = None
    put_back.noted(job, "begun", {})
    over = False
    with _guard(job) as guard, _signals():
        try:
            yield
            over = True
        except BaseException as error:
            if over := job.options.through:
                raise
            _be_deaf()
            kept = job.options.moving
            if kept is None:
                with suppress(StoreError):
                    put_back.noted(job, "unmoved", {})
                over = True
                raise
            why = "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
            job.say("Ctrl-C has no effect now: EC2's MX is being put back")
            done = put_back.put_back(job, kept, why)
            over = True
            if isinstance(error, Refused | CouldNotAsk | StoreError | KeyboardInterrupt | Overdue):
                raise Refused(f"{why}.\n{done}") from None
            job.say(done)
            raise
        finally:
            _be_deaf()
            _dismiss(guard, over=over)


def moving(job: Job) -> None:
    """To be called just before a write that moves the MX: from here on Cloudflare has ``bounds.window_s``."""
    if job.options.moving is not None:
        return
    kept = put_back.before(job)
    store, bounds = job.migration.store, job.migration.settings.bounds
    put_back.noted(job, "moving", kept)
    if job.migration.settings.cloudflare.enabling != "by_subdomain":
        store.record(OPENED, job.domain, run=job.options.run, seconds=bounds.window_s, ttl_s=bounds.ttl_s)
    job.options.moving, job.options.moved_at = kept, job.migration.clock.now()
    if _is_main():
        signal.setitimer(signal.ITIMER_REAL, bounds.window_s)


def through(job: Job) -> None:
    """Mail is taken: whatever fails or is interrupted from now on undoes nothing. Where nothing was, nothing to do."""
    if getattr(job.options, "through", True):
        return
    job.options.through = True
    if _is_main():
        signal.setitimer(signal.ITIMER_REAL, 0)
    with suppress(StoreError):
        put_back.noted(job, "through", {})
        if job.options.moving is not None:
            job.migration.store.record(CLOSED, job.domain, why=SETTLED)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does; the alarm of ``moving`` ends whatever call hangs."""

    def end(number: int, _: FrameType | None) -> None:
        if number == signal.SIGALRM:
            raise Overdue("Cloudflare did not take mail for every address within bounds.window_s")
        raise KeyboardInterrupt

    if not _is_main():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGALRM)}
    before[signal.SIGINT] = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _be_deaf() -> None:
    """Nobody ends this half-way but by SIGKILL, after which the guard goes on."""
    if _is_main():
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTSTP, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def log_of(job: Job) -> Path:
    """Where the guard writes what it did."""
    return night_papers.folder(job.migration) / f"switch-{job.domain}.log"


@contextmanager
def _guard(job: Job) -> Iterator[subprocess.Popen[bytes]]:
    config = ["--config", str(job.options.config)] if job.options.config else []
    asked = ["--domain", job.domain, "--run", job.options.run, "--watch", str(os.getpid()), *config]
    with _log(log_of(job)) as log:
        made = subprocess.Popen(
            [sys.executable, "-m", "scripts.lib.switch_guard", *asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=log, start_new_session=True, env=_environment(job),
        )  # fmt: skip
    timer = threading.Timer(BEGIN_S, made.kill)
    timer.start()
    try:
        ready = made.stdout.readline() if made.stdout else b""
    finally:
        timer.cancel()
    if ready != b"ready\n":
        made.kill()
        made.wait()
        raise Refused(f"{job.domain}: its guard did not begin; nothing was written. Look into {log_of(job)}")
    yield made


def _log(file: Path) -> IO[bytes]:
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except OSError as error:
        raise Refused(f"{file}: the guard's log can't be written: {error.strerror}. Nothing was written") from None


def _environment(job: Job) -> dict[str, str]:
    """Secrets by the environment alone, also those that came from a file or a credential that goes with this run."""
    secret, made = job.migration.secrets, dict(os.environ)
    given = {"CLOUDFLARE_TOKEN": secret.cloudflare_token, "STORE_URL": secret.store_url}
    for name, value in given.items():
        if text := value.get_secret_value():
            made[f"MXGATE_{name}"] = text
            made.pop(f"MXGATE_{name}_FILE", None)
    made["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), made.get("PYTHONPATH", ""))))
    return made


def _dismiss(guard: subprocess.Popen[Any], *, over: bool) -> None:
    """Tell it that it is OVER; else it goes on, by what the store says, once this process has let go of the lock."""
    assert guard.stdin is not None
    with suppress(OSError):
        guard.stdin.write(OVER if over else b"")
        guard.stdin.close()
    if not over:
        return
    try:
        guard.wait(END_S)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()
