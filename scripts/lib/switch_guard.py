"""Puts EC2's MX back if the switch that it watches dies half-way. Begun by ``switch_mx``; not for a person to run.

Ends when that process says that all is over. Where it ends without a word, by SIGKILL or with its terminal, or is
stopped for longer than the window, the MX goes back as the store says, and what was done stands in the store and in
``night/switch-DOMAIN.log``.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from fixtures.evidence import CouldNotAsk, tell
from fixtures.evidence.exiting import leave
from fixtures.ledger.windows import LATE_S, SWITCHING
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import SettingsError
from fixtures.store import Locked, StoreError
from scripts.lib.change import DONE, REFUSED, Job, Refused, Run
from scripts.lib.commandline import parser
from scripts.lib.dns import mx_back
from scripts.lib.safeguard import OVER

LOOK_S = 5.0
PAUSE_S = 0.3
WATCH_S_MAX = 24 * 3600.0
WITHOUT_A_WORD = "the run of switch_mx ended without a word"


def state(job: Job) -> dict[str, Any]:
    """What the switch has come to; over, where a later one has begun."""
    last = job.migration.store.last(SWITCHING, job.domain) or {"state": "unmoved"}
    return last if last.get("run") == job.run.number else {"state": "unmoved"}


def watch(job: Job, now: dict[str, Any]) -> bool:
    """Until the watched process has ended; returns whether it said that all was over. NOW: what it had come to."""
    poll, process = select.poll(), _opened(job.options.watch)
    poll.register(sys.stdin.fileno(), select.POLLIN | select.POLLHUP)
    poll.register(process, select.POLLIN)
    late_s = job.migration.settings.bounds.window_s + LATE_S
    ends, moving = time.monotonic() + WATCH_S_MAX, (0, 0.0)
    while time.monotonic() < ends:
        if poll.poll(LOOK_S * 1000):  # a word, the end of file that comes with the end of the process, or that itself
            os.set_blocking(sys.stdin.fileno(), False)
            with suppress(BlockingIOError):
                return os.read(sys.stdin.fileno(), len(OVER)) == OVER
            return False
        with suppress(StoreError):
            now |= state(job)
            if now["state"] != "moving":
                continue
            # Also since it was first seen, by a clock that nobody sets: the record's may have gone back.
            if now["place"] != moving[0]:
                moving = (now["place"], time.monotonic())
            if max(time.time() - now["real_at"], time.monotonic() - moving[1]) > late_s:
                job.say(f"the run is stuck {late_s:.0f} s after the MX moved (stopped by Ctrl-Z?): it is ended")
                signal.pidfd_send_signal(process, signal.SIGKILL)
    return False


def _opened(process: int) -> int:
    """``CouldNotAsk`` where it has ended already, or where this system has no such thing (pidfd_open(2))."""
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError) as error:
        raise CouldNotAsk(f"process {process} can't be watched: {error}") from None


def act(job: Job, now: dict[str, Any]) -> None:
    """Put the MX back, if the dead run had moved it: by the store, else by what was read last."""
    until = time.monotonic() + mx_back.LIMIT_S
    while time.monotonic() < until:
        try:
            now = state(job)
            if now["state"] in {*mx_back.OVER, "begun"}:
                job.say(f"the run {job.run.number} has ended; nothing is to be done: {now['state']}")
                return
            job.migration.store.take_over("migration")
            with job.migration.store.lock("migration", f"the guard of switch_mx {job.domain}"):
                if (now := state(job))["state"] not in mx_back.OVER:
                    job.say(mx_back.put_back(job, now, WITHOUT_A_WORD))
                return
        except StoreError as error:
            if not isinstance(error, Locked) and "mx" in now:  # the disk is full, say, or its server is down
                job.say(f"without the lock, since {error}")
                job.say(mx_back.put_back(job, now, WITHOUT_A_WORD))
                return
        time.sleep(PAUSE_S)
    raise Refused(mx_back.still_away(job, mx_back.LIMIT_S))


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("lib.switch_guard", __doc__)
    made.add_argument("--domain", required=True, help="the routed domain")
    made.add_argument("--run", required=True, help="the run of switch_mx, by its records in the store")
    made.add_argument("--watch", required=True, type=int, metavar="PID", help="the process of that run")
    options = made.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, mx_back.end)
    try:
        migration = open_migration(options.config)
        job = Job(migration, migration.settings.domain(options.domain).name, options, Run(options.run))
        cloudflare.zone(migration, job.domain)  # known from now on
        print("ready", flush=True)
        now: dict[str, Any] = {}
        if not watch(job, now):
            act(job, now)
    except (SettingsError, StoreError, CouldNotAsk, Refused) as error:
        tell(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {error}")
        return REFUSED
    return DONE


if __name__ == "__main__":
    leave(main)
