"""Watch a domain's MX while it moves: authority, resolvers, Dell, and numbered mail, which it sends. Changes nothing.

Mail goes to every address: RATE a second for ten minutes from its start and each change of the MX, then less.
Leaves records in the store, on which gates rely, and recommends a rollback when an abort rule is met; it makes none.
Ends after SECONDS (48 h by the settings), or with Ctrl-C; then it waits for the mail that is on its way.
Exit: 0 done, 1 an abort rule is met, 2 bad input.
"""

import contextlib
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fixtures.evidence import CouldNotAsk
from fixtures.ledger import Balance, Traffic
from fixtures.migration import Migration
from fixtures.report.text import plain, span
from fixtures.settings import Bounds, SettingsError
from fixtures.store import StoreError
from fixtures.watching import ResolverState, Watch, WatchState
from fixtures.watching.records import propagation
from scripts.lib.alarms.paths import Herald
from scripts.lib.change import opened
from scripts.lib.commandline import parser

DONE, ABORT_RULE_MET, BAD_INPUT = 0, 1, 2
LAST = 200
RESOLVERS_MAX, ALARM_LINES_MAX, WIDTH = 6, 2, 80
ALARM = "bold red"


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("watch", __doc__)
    made.add_argument("--domain", required=True)
    made.add_argument("--seconds", type=float, help="how long, really (default: bounds.watch_s)")
    made.add_argument("--rate", type=float, help="messages a second (default: traffic.switch_rate_per_s)")
    options = made.parse_args(arguments)
    try:
        migration = opened(options.config)
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
                herald.hear(watch.state.aborts)
                if console.is_terminal:
                    live.update(screen(watch.state, bounds), refresh=True)
                time.sleep(min(0.5, max(0.0, until - time.monotonic())))
    except KeyboardInterrupt:
        console.print("ending: no more mail is sent. Ctrl-C again: don't wait for what is on its way")
    with contextlib.suppress(KeyboardInterrupt):
        watch.drain(bounds.arrival_s)
    record = watch.stop()
    herald.hear(watch.state.aborts)
    console.print(screen(watch.state, bounds))
    if herald.trouble:
        console.print(Text(f"alarm not sent: {herald.trouble}", style="bold red"))
    spread = propagation(migration, watch.domain)
    for line in ending(watch.state.ledger, watch.domain, spread.watched_s if spread else None, bounds):
        console.print(Text(line))
    return ABORT_RULE_MET if record["aborts"] else DONE


def screen(state: WatchState, bounds: Bounds) -> Group:
    """Everything on 24 lines of 80 columns, what is alarming first. A line a fact; only alarms may take two.

    Foreign text is never markup.
    """
    made = (Text(line, style, no_wrap=style != ALARM, overflow="ellipsis") for line, style in lines(state, bounds))
    return Group(*made)


def lines(state: WatchState, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Each line with its style."""
    for met in state.aborts:
        for line in textwrap.wrap(f"ALARM: {plain(met)}", WIDTH, max_lines=ALARM_LINES_MAX, placeholder=" ..."):
            yield line, ALARM
    if state.aborts:
        advice = f"recommended: python -m scripts.rollback --domain {state.domain}"
        yield (
            (advice if state.away else "EC2 is the MX: there is nothing to take back; look into it before a switch"),
            ALARM,
        )
    yield f"{time.strftime('%H:%M:%S %Z')}  {state.domain}  {_since(state)}", "bold"
    yield f"MX: {', '.join(state.mx) or 'none'}", ""
    yield f"at the authority: {state.asked} answers, {state.without_mx} without an MX, {state.errors} errors", ""
    for each in state.resolvers[:RESOLVERS_MAX]:
        yield f"  {plain(each.name)[:24]:25}{_turn(state, each)}", ""
    if left := state.resolvers[RESOLVERS_MAX:]:
        yield f"  and {len(left)} more resolvers, {sum(each.mx == state.mx for each in left)} of them with this MX", ""
    if state.ledger:
        yield from ((line, "") for line in _mail(state.ledger))
    waiting = (
        "could not look" if state.waiting is None else f"{state.waiting} recipients wait, {state.more_waiting} more"
    )
    yield f"Dell: {waiting}{'' if state.waiting is None else ' than at best'}", ""
    yield from ((f"  refused {line}", "") for line in state.rejects)
    yield from ((f"could not look: {plain(each)}", "yellow") for each in state.troubles)
    if state.withdrawn:
        yield f"withdrawn: {plain(state.withdrawn)}", "green"
    yield f"advises to go back at: {bounds.abort_lost} lost, or {bounds.abort_deferred} more who wait", ""
    if state.away:
        yield f"a rollback begun now would be through in {span(state.rollback_s)}", ""


def _since(state: WatchState) -> str:
    if state.changed_at is None:
        return "not switched yet" if not state.away else "the MX has not changed since this began"
    since = "switched, T+" if state.away else "back at EC2, T+"
    return since + span(round(state.now - state.changed_at))


def _turn(state: WatchState, resolver: ResolverState) -> str:
    if resolver.error:
        return f"could not ask: {plain(resolver.error)}"
    stands = "this MX" if resolver.mx == state.mx else "the old MX" if state.changed_at else ", ".join(resolver.mx)
    left = "" if resolver.ttl is None else f", asks again in {span(resolver.ttl)}"
    after = "" if resolver.first_new_s is None else f", since T+{span(round(resolver.first_new_s))}"
    return f"{stands}{left}{after}"


def _mail(found: Balance) -> Iterable[str]:
    yield (
        f"mail: {found.injected} sent, {found.arrived} arrived, {found.in_flight} in flight, "
        f"{len(found.overdue)} overdue, {len(found.delayed)} late"
    )
    copies = len(found.explained_copies) + len(found.unexplained_copies)
    refused = f"{len(found.refused)} refused as announced, " if found.refused else ""
    yield f"      {len(found.lost)} lost, {refused}{copies} twice, {len(found.unexpected)} unexpected"
    last = found.series[-LAST:]
    ways = Counter(each.path for each in last if each.arrived is not None)
    stale = sorted({each.sender for each in last if each.path == "ec2"})
    by_ec2 = f"{ways['ec2']} ({', '.join(stale) or 'nobody'})"
    yield f"of the last {len(last)}, through Cloudflare {ways['cloudflare']}, through EC2 {by_ec2}"


def ending(found: Balance | None, domain: str, watched_s: float | None, bounds: Bounds) -> Iterator[str]:
    """What became of the mail, and of the hours for which a switch has to be watched (N-8)."""
    if found is None:
        yield "mail: what became of it is not known: it was never counted without trouble"
    else:
        yield f"mail: {found.sentence()}"
        if found.outstanding:
            yield f"{found.outstanding} are still on their way: the next watch and the next gate look for them"
    if watched_s is None:
        yield f"{domain} is not switched: of the {span(bounds.watch_s)} that a switch is watched for nothing has begun"
    elif watched_s < bounds.watch_s:
        left = span(bounds.watch_s - watched_s)
        again = f"python -m scripts.watch --domain {domain}"
        yield f"watched for {span(watched_s)} since the switch, {left} are missing (N-8): {again}"
    else:
        yield f"watched for {span(watched_s)} since the switch: long enough (N-8)"


if __name__ == "__main__":
    sys.exit(main())
