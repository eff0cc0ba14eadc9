"""While a domain's MX moves: whatever fails puts EC2's MX back, in this run, or by a guard that outlives it.

The guard (``switch_guard.py``) is begun before anything is written, in a session of its own. It hears when all is
over; if this process ends without a word, or is stopped for too long, it acts. When the MX moved is recorded as it is
written, or, where the run was killed then, is read from the journal.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import IO, Any

from fixtures.evidence import CouldNotAsk
from fixtures.ledger.windows import CLOSED, OPENED, SETTLED, SWITCHING
from fixtures.migration.progress import unfinished
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.store import Locked, StoreError
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dns import mx_back
from scripts.lib.dns.records import as_text, value

ROOT = Path(__file__).parents[2]
BEGIN_S, END_S = 30.0, 10.0
OVER = b"over\n"
"""The word by which the guard knows that nothing is left to do."""


class Overdue(BaseException):
    """Cloudflare refused mail for longer than the plan lets it. No client's ``except Exception`` may swallow it."""


@contextmanager
def guarded(job: Job) -> Iterator[None]:
    """Around the writes of a switch. ``Refused`` says that EC2's MX was put back, and why."""
    job.run.through = False
    mx_back.noted(job, "begun", {})
    over = False
    guard = job.run.guard = _guard(job)
    with _signals():
        try:
            yield
            over = True
        except BaseException as error:
            if over := job.run.through:
                raise
            _be_deaf()
            if job.run.kept is None:
                with suppress(StoreError):
                    mx_back.noted(job, "unmoved", {})
                over = True
                raise
            why = "it was interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
            job.say("Ctrl-C has no effect now: EC2's MX is being put back")
            kept = job.run.kept
            # Another run may have gone on since: unless something is known to be down, the store is asked that first.
            if isinstance(error, Locked | Refused | Overdue):
                kept = {**kept, "real_at": 0.0}
            try:
                done = mx_back.put_back(job, kept, why)
            except Refused as refused:  # by a person, or since another run has gone on: the guard is meant too
                over = bool(mx_back.ended) or isinstance(refused, mx_back.Overtaken)
                raise
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
    if job.run.kept is not None:
        return
    if job.run.guard and job.run.guard.poll() is not None:  # memory ran out, say
        raise Refused(
            f"{job.domain}: its guard has ended, so the MX was not moved. Look into {log_of(job)}, plan again"
        )
    kept = mx_back.before(job)
    store, bounds = job.migration.store, job.migration.settings.bounds
    mx_back.noted(job, "moving", kept)
    if job.migration.settings.cloudflare.enabling != "by_subdomain":
        store.record(OPENED, job.domain, run=job.run.number, seconds=bounds.window_s, ttl_s=bounds.ttl_s)
    job.run.kept, job.run.moved_at = {**kept, "real_at": time.time()}, job.migration.clock.now()
    if _is_main():
        signal.setitimer(signal.ITIMER_REAL, bounds.window_s)


def through(job: Job) -> None:
    """Mail is taken: whatever fails or is interrupted from now on undoes nothing. Again: what could not be recorded."""
    store = job.migration.store
    if not job.run.through:
        job.run.through = True
        if _is_main():
            signal.setitimer(signal.ITIMER_REAL, 0)
        if job.run.guard:
            _say_over(job.run.guard)  # it goes by the store, which may be away just now
    with suppress(StoreError):
        last = store.last(SWITCHING, job.domain)
        if not last or last["run"] != job.run.number or last["state"] == "through":
            return
        if job.run.kept is not None:
            store.record(CLOSED, job.domain, why=SETTLED)
        mx_back.noted(job, "through", {})


def moves(job: Job, write: Write, mx: Sequence[str] = ()) -> Write:
    """A write by which the MX moves, or may move: from then on guarded, with its times recorded if it did.

    MX: what it becomes, where WRITE makes these records and returns their ids; else that is looked up.
    """
    clock = job.migration.clock

    def do() -> None:
        moving(job)
        began, real_began = clock.now(), time.time()
        made, after = write.do(), sorted(mx)
        if not isinstance(made, list) or len(made) != len(after):
            listed = cloudflare.records(job.migration, job.domain)
            made, after = [each.id for each in listed.of(job.domain, "MX")], sorted(map(value, cloudflare.mx(listed)))
        job.run.made = made
        job.migration.store.record(mx_back.MADE, job.domain, ids=job.run.made)
        if after and all(cloudflare.is_mx(text.rpartition(" ")[2]) for text in after):
            _record(job, began, real_began, (job.run.kept or {"stood": []})["stood"], after)

    def read() -> str:
        """With those that Email Routing, once it is enabled, hides from the list."""
        return as_text(mx_back.standing(job)) if mx and job.run.made else write.read()

    return replace(write, do=do, read=read)


def remember(job: Job) -> None:
    """After the last write: if no run since the last that was done has recorded it, the journal knows when it began."""
    with suppress(StoreError, CouldNotAsk):  # mail is taken, whatever becomes of this
        _remember(job)


def _remember(job: Job) -> None:
    store = job.migration.store
    runs = unfinished(job.migration.store, mx_back.SWITCH, job.domain)
    if not runs or store.recorded("switch", job.domain, since=runs[0]["at"]):
        return
    stood = (store.last(SWITCHING, job.domain, state="moving") or {"stood": []})["stood"]
    for row in store.journaled(mx_back.SWITCH, job.domain, since=runs[0]["at"]):
        if row["subject"] == f"{job.domain} MX":
            now = cloudflare.mx(cloudflare.records(job.migration, job.domain))
            _record(job, row["at"], row["real_at"], stood, sorted(map(value, now)))
            return


def _record(job: Job, began: float, real_began: float, before: list[str], after: list[str]) -> None:
    """It ended now at the latest."""
    store, clock = job.migration.store, job.migration.clock
    times = {"began": began, "ended": clock.now(), "real_began": real_began, "real_ended": time.time()}
    store.record("switch", job.domain, **times, before=before, after=after)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does; the alarm of ``moving`` ends whatever call hangs. Where the terminal is lost this
    process just dies, unless it ignores that: the guard then puts back.
    """

    def end(number: int, _: FrameType | None) -> None:
        if number == signal.SIGALRM:
            raise Overdue("Cloudflare did not take mail for every address within bounds.window_s")
        raise KeyboardInterrupt

    if not _is_main():
        yield
        return
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGALRM)}
    before[signal.SIGINT] = signal.getsignal(signal.SIGINT)
    before[signal.SIGHUP] = lost = signal.getsignal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_IGN if lost == signal.SIG_IGN else signal.SIG_DFL)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _be_deaf() -> None:
    """Nobody ends this half-way but by SIGKILL, after which the guard goes on, or by SIGTERM while it fails."""
    if _is_main():
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGTERM, mx_back.end)
        for number in (signal.SIGINT, signal.SIGTSTP, signal.SIGTTOU):
            signal.signal(number, signal.SIG_IGN)


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def log_of(job: Job) -> Path:
    """Where the guard writes what it did."""
    return job.migration.night / f"switch-{job.domain}.log"


def _guard(job: Job) -> subprocess.Popen[bytes]:
    config = ["--config", str(job.options.config)] if job.options.config else []
    asked = ["--domain", job.domain, "--run", job.run.number, "--watch", str(os.getpid()), *config]
    command = [sys.executable, "-m", "scripts.lib.switch_guard", *asked]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with _log(log_of(job)) as log:
        made = subprocess.Popen(command, stderr=log, start_new_session=True, env=_environment(job), **pipes)
    timer = threading.Timer(BEGIN_S, made.kill)
    timer.start()
    assert made.stdout
    try:
        with made.stdout as heard:  # it says no more: what follows goes into its log
            ready = heard.readline()
    finally:
        timer.cancel()
    if ready != b"ready\n":
        made.kill()
        made.wait()
        raise Refused(f"{job.domain}: its guard did not begin; nothing was written. Look into {log_of(job)}")
    return made


def _log(file: Path) -> IO[bytes]:
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except OSError as error:
        raise Refused(f"{file}: the guard's log can't be written: {error.strerror}. Nothing was written") from None


def _environment(job: Job) -> dict[str, str]:
    """Secrets by the environment only, also those that came from a file or a credential that goes with this run."""
    secret, made = job.migration.secrets, dict(os.environ)
    given = {"CLOUDFLARE_TOKEN": secret.cloudflare_token, "STORE_URL": secret.store_url}
    for name, held in given.items():
        if text := held.get_secret_value():
            made[f"MXGATE_{name}"] = text
            made.pop(f"MXGATE_{name}_FILE", None)
    made["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), made.get("PYTHONPATH", ""))))
    return made


def _dismiss(guard: subprocess.Popen[Any], *, over: bool) -> None:
    """Say that it is OVER; else it goes on, by what the store says, once this process has let go of the lock."""
    assert guard.stdin is not None
    if over:
        _say_over(guard)
    with suppress(OSError):
        guard.stdin.close()
    if not over:
        return
    try:
        guard.wait(END_S)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


def _say_over(guard: subprocess.Popen[Any]) -> None:
    """Where it has heard so before, it has ended."""
    assert guard.stdin is not None
    with suppress(OSError):
        guard.stdin.write(OVER)
        guard.stdin.flush()
