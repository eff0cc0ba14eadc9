"""Watch a domain's MX while it moves: authority, resolvers, Dell, and numbered mail, which it sends. Changes nothing.

Mail goes to every address: RATE a second for 15 min after its start and each change of the MX, then one a minute.
Leaves records in the store, on which gates rely, and recommends a rollback when an abort rule is met; it makes none.
Ends after SECONDS (48 h by the settings), or with Ctrl-C. Exit: 0 done, 1 an abort rule was met, 2 bad input.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fixtures.evidence import CouldNotAsk
from fixtures.gates.store import StoreError
from fixtures.ledger import Traffic
from fixtures.migration import Migration, open_migration
from fixtures.settings import SettingsError
from fixtures.watching import Watch, WatchState
from scripts.alarm_paths import Herald

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
    console, herald = Console(), Herald(migration)
    try:
        with Live(console=console, auto_refresh=False, transient=False) as live:
            while time.monotonic() < until:
                herald.heed(len(watch.state.aborts))
                if console.is_terminal:
                    live.update(screen(watch.state, migration), refresh=True)
                time.sleep(min(0.5, max(0.0, until - time.monotonic())))
    except KeyboardInterrupt:
        console.print("ending; what was seen is being written")
    told = watch.stop()
    console.print(screen(watch.state, migration))
    if herald.trouble:
        console.print(Text(f"alarm not sent: {herald.trouble}", style="bold red"))
    console.print(f"asked {told['asked']} times, {told['without_mx']} answers without an MX")
    return ABORT_RULE_MET if told["aborts"] else DONE


def screen(state: WatchState, migration: Migration) -> Group:
    """Everything on one screen. Foreign text is never read as rich's markup."""
    table = Table(title=Text(f"{state.domain}: {', '.join(state.mx) or 'no MX'} (TTL {state.ttl_s} s)"))
    for column in ("resolver", "answers", "asks again in", "new after"):
        table.add_column(column)
    for each in state.resolvers:
        new = state.changed_at is not None and each.mx == state.mx
        kind = "could not ask" if each.error else "new" if new else "old" if state.changed_at else "same"
        left = "-" if each.ttl is None else f"{each.ttl} s"
        after = "-" if each.first_new_s is None else f"{each.first_new_s:.0f} s"
        table.add_row(*map(Text, (each.name, f"{kind}: {each.error or ', '.join(each.mx)}", left, after)))
    return Group(table, *(Text(line, style=style) for line, style in _lines(state, migration)))


def _lines(state: WatchState, migration: Migration) -> Iterator[tuple[str, str]]:
    since = "not switched yet" if state.changed_at is None else f"T+{state.now - state.changed_at:.0f} s"
    yield f"{time.strftime('%H:%M:%S %Z')}  {since}", "bold"
    if ledger := state.ledger:
        yield f"mail: {ledger.sentence()}", ""
        by_ec2 = [entry.sender for entry in ledger.series[-200:] if entry.path == "ec2"]
        yield f"through EC2, of the last 200: {len(by_ec2)} ({', '.join(sorted(set(by_ec2))) or 'nobody'})", ""
    queue = "could not look" if state.dell_queue is None else str(state.dell_queue)
    yield f"authority: {state.asked} answers, {state.without_mx} without an MX, {state.errors} errors", ""
    yield f"Dell's queue: {queue}; last rejects: {'none' if not state.rejects else ''}", ""
    for line in state.rejects:
        yield f"  {line}", ""
    for trouble in state.troubles:
        yield f"could not look: {trouble}", "yellow"
    bounds = migration.settings.bounds
    yield f"abort rules: {bounds.abort_lost} lost, {bounds.abort_deferred} waiting", ""
    for met in state.aborts:
        yield f"MET: {met}", "bold red"
    if state.aborts:
        yield f"recommended: python -m scripts.rollback --domain {state.domain}", "bold red"
    yield f"a rollback would take {state.rollback_s:.0f} s now", ""


if __name__ == "__main__":
    sys.exit(main())
