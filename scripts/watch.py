"""Watch a domain's MX while it moves: authority, resolvers, Dell, and numbered mail, which it sends. Changes nothing.

Mail goes to every address: RATE a second for ten minutes from its start and each change of the MX, then less.
Leaves records in the store, on which gates rely, and recommends a rollback when an abort rule is met; it makes none.
Ends after SECONDS (48 h by the settings), or with Ctrl-C; then it waits for the mail that is on its way.
Exit: 0 done, 1 an abort rule is met, 2 bad input.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fixtures.evidence import CouldNotAsk
from fixtures.ledger import Traffic
from fixtures.migration import Migration, open_migration
from fixtures.settings import SettingsError
from fixtures.store import StoreError
from fixtures.watching import Watch
from fixtures.watching.records import propagation
from scripts.lib.alarms.paths import Herald
from scripts.lib.watch_screen import ending, screen

DONE, ABORT_RULE_MET, BAD_INPUT = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    usage, _, rest = (__doc__ or "").partition("\n\n")
    made = argparse.ArgumentParser(prog="python -m scripts.watch", description=usage, epilog=rest)
    made.add_argument("--config", help="settings file (default: $MXGATE_CONFIG, else migration.toml)")
    made.add_argument("--domain", required=True)
    made.add_argument("--seconds", type=float, help="how long, really (default: bounds.watch_s)")
    made.add_argument("--rate", type=float, help="messages a second (default: traffic.switch_rate_per_s)")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    options = parser().parse_args(arguments)
    try:
        migration = open_migration(options.config)
        options.domain = migration.settings.domain(options.domain).name
        run = f"watch-{options.domain}-{time.strftime('%Y%m%dT%H%M%S')}"
        seconds = migration.settings.bounds.watch_s if options.seconds is None else options.seconds
        rate = migration.settings.traffic.switch_rate_per_s if options.rate is None else options.rate
        if seconds <= 0:
            raise ValueError(f"--seconds {seconds:g}: expected more than 0")
        with Traffic(migration, run, rate, domains=(options.domain,), time_max_s=seconds) as traffic:
            return _look_on(migration, Watch(migration, options.domain, traffic, rate), seconds)
    except (SettingsError, StoreError, CouldNotAsk, ValueError, TimeoutError) as error:
        print(f"watch: {error or type(error).__name__}", file=sys.stderr)
    except KeyboardInterrupt:
        print("watch: ended before it had begun; nothing was recorded", file=sys.stderr)
    return BAD_INPUT


def _look_on(migration: Migration, watch: Watch, seconds: float) -> int:
    until, watch = time.monotonic() + seconds, watch.start()
    console, herald, bounds = Console(), Herald(migration), migration.settings.bounds
    try:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            while time.monotonic() < until:
                herald.heed(watch.state.aborts)
                if console.is_terminal:
                    live.update(screen(watch.state, bounds), refresh=True)
                time.sleep(min(0.5, max(0.0, until - time.monotonic())))
    except KeyboardInterrupt:
        console.print("ending: no more mail is sent. Ctrl-C again: don't wait for what is on its way")
    with contextlib.suppress(KeyboardInterrupt):
        watch.drain(bounds.arrival_s)
    told = watch.stop()
    herald.heed(watch.state.aborts)
    console.print(screen(watch.state, bounds))
    if herald.trouble:
        console.print(Text(f"alarm not sent: {herald.trouble}", style="bold red"))
    spread = propagation(migration, watch.domain)
    for line in ending(watch.state.ledger, watch.domain, spread.watched_s if spread else None, bounds):
        console.print(Text(line))
    return ABORT_RULE_MET if told["aborts"] else DONE


if __name__ == "__main__":
    sys.exit(main())
