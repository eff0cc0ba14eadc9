"""Watch a domain's MX while it moves: authority, resolvers, Dell, and numbered mail, which it sends. Changes nothing.

Mail goes to every address: RATE a second for ten minutes from its start and each change of the MX, then less.
Leaves records in the store, on which gates rely, and recommends a rollback when an abort rule is met; it makes none.
Ends after SECONDS (48 h by the settings), or with Ctrl-C; then it waits for the mail that is on its way. Where its
output is a file, it says how things stand at each change, and every ten minutes.
Exit: 0 done, 1 an abort rule is met, or the mail can't be counted, 2 bad input.
"""

import math
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from rich.cells import set_cell_size
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from fixtures.evidence import CouldNotAsk, plain, tell
from fixtures.evidence.exiting import leave
from fixtures.language import tr
from fixtures.ledger import Balance, Traffic
from fixtures.migration import Migration
from fixtures.probes.logs import providers
from fixtures.report.text import span
from fixtures.settings import Bounds, SettingsError
from fixtures.store import StoreError
from fixtures.watching import ResolverState, Watch, WatchState
from fixtures.watching.records import propagation
from scripts.lib.alarms.paths import Herald
from scripts.lib.change import opened
from scripts.lib.commandline import parser

DONE, ABORT_RULE_MET, BAD_INPUT = 0, 1, 2
LAST = 200
STEADY_S = 600.0
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
        if not 0 < seconds < math.inf:
            raise ValueError(f"--seconds {seconds:g}: expected more than 0, and an end")
        with Traffic(migration, run, rate, domains=(options.domain,), time_max_s=seconds) as traffic:
            return _look_on(migration, Watch(migration, options.domain, traffic, rate), seconds)
    except (SettingsError, StoreError, CouldNotAsk, ValueError, TimeoutError) as error:
        tell(f"watch: {tr(str(error)) or type(error).__name__}")
    except KeyboardInterrupt:
        print("watch: ended before it had begun; nothing was recorded", file=sys.stderr)
    return BAD_INPUT


def _look_on(migration: Migration, watch: Watch, seconds: float) -> int:
    until, watch = time.monotonic() + seconds, watch.start()
    console, herald, bounds = Console(), Herald(migration), migration.settings.bounds
    hurried = False
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the same end as by Ctrl-C
    try:
        try:
            _show(watch, console, herald, bounds, until)
        except KeyboardInterrupt:
            console.print(tr("ending: no more mail is sent. Ctrl-C again: don't wait for what is on its way"))
        watch.drain(bounds.arrival_s)
    except KeyboardInterrupt:
        hurried = True
    finally:
        # A Ctrl-C too many, or a fault, would lose the record of what was watched for hours.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        record = watch.stop()
    herald.hear(watch.state.alarms)
    herald.wait()
    console.print(_page(watch.state, herald, bounds))
    spread = propagation(migration, watch.domain)
    back = spread is not None and not watch.state.away
    for line in ending(watch.state.ledger, watch.domain, spread.watched_s if spread else None, bounds, back=back):
        console.print(Text(plain(line)))
    if watch.state.away and not hurried:
        signal.signal(signal.SIGINT, interrupt)
        for line in _big_providers(migration, watch.domain):
            console.print(Text(plain(line)))
    return ABORT_RULE_MET if record["aborts"] or watch.state.blind else DONE


def _show(watch: Watch, console: Console, herald: Herald, bounds: Bounds, until: float) -> None:
    """How it stands: on a terminal all the time, elsewhere at each change, and every ``STEADY_S``."""
    shown, again = object(), 0.0
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while time.monotonic() < until:
            state = watch.state
            herald.hear(state.alarms)
            if console.is_terminal:
                live.update(_page(state, herald, bounds), refresh=True)
            elif shown != (news := (state.mx, state.alarms, herald.trouble, state.looked)) or time.monotonic() > again:
                shown, again = news, time.monotonic() + STEADY_S
                console.print(_page(state, herald, bounds))
            time.sleep(min(0.5, max(0.0, until - time.monotonic())))


def _page(state: WatchState, herald: Herald, bounds: Bounds) -> Group:
    unheard = [Text(plain(tr("alarm not sent: {why}", why=herald.trouble)), ALARM)] if herald.trouble else []
    return Group(*unheard, screen(state, bounds))


def _big_providers(migration: Migration, domain: str) -> Iterator[str]:
    """Whose mail came by Cloudflare, and who of those that wrote before is silent. Ctrl-C: nobody waits for that."""
    try:
        yield from map(tr, providers.lines(providers.ask(migration, (domain,))))
    except (CouldNotAsk, TimeoutError) as why:
        yield tr("big providers: could not look: {why}", why=why)
    except KeyboardInterrupt:
        return


def screen(state: WatchState, bounds: Bounds) -> Group:
    """Everything on 24 lines of 80 columns, what is alarming first. A line a fact; only alarms may take two.

    Foreign text is never markup.
    """
    made = (Text(line, style, no_wrap=style != ALARM, overflow="ellipsis") for line, style in lines(state, bounds))
    return Group(*made)


def lines(state: WatchState, bounds: Bounds) -> Iterator[tuple[str, str]]:
    """Each line with its style."""
    for met in state.alarms:
        yield from ((line, ALARM) for line in _two_lines(tr("ALARM: {what}", what=plain(tr(met)))))
    if state.aborts:
        way_back = f"python -m scripts.rollback --domain {state.domain}"
        advice = tr("recommended: {command}", command=way_back)
        nothing = tr("EC2 is the MX: there is nothing to take back; look into it before a switch")
        yield advice if state.away else nothing, ALARM
    yield f"{time.strftime('%H:%M:%S %Z')}  {state.domain}  {_since(state)}", "bold"
    yield f"MX: {', '.join(state.mx) or tr('none')}", ""
    counts = {"n": state.asked, "without": state.without_mx, "errors": state.errors}
    yield tr("at the authority: {n} answers, {without} without an MX, {errors} errors", **counts), ""
    for each in state.resolvers[:RESOLVERS_MAX]:
        yield f"  {set_cell_size(set_cell_size(plain(each.name), 24), 25)}{_turn(state, each)}", ""
    if left := state.resolvers[RESOLVERS_MAX:]:
        same = sum(each.mx == state.mx for each in left)
        yield "  " + tr("and {n} more resolvers, {same} of them with this MX", n=len(left), same=same), ""
    if state.ledger:
        yield from ((line, "") for line in _mail(state.ledger))
    if state.waiting is None:
        yield tr("Dell: could not look") if state.looked else tr("Dell: not looked yet"), ""
    else:
        waits = {"n": state.waiting, "more": state.more_waiting}
        yield tr("Dell: {n} recipients wait, {more} more than at best", **waits), ""
    yield from (("  " + tr("refused {line}", line=line), "") for line in state.rejects)
    if state.unsent:
        yield tr("could not send: {why}", why=plain(state.unsent)), "yellow"
    yield from ((tr("could not look: {why}", why=plain(tr(each))), "yellow") for each in state.troubles)
    if state.withdrawn:
        yield tr("withdrawn: {why}", why=plain(tr(state.withdrawn))), "green"
    most = {"lost": bounds.abort_lost, "waiting": bounds.abort_deferred}
    yield tr("advises to go back at: {lost} lost, or {waiting} more who wait", **most), ""
    if state.away:
        yield tr("a rollback begun now would be through in {t}", t=span(state.rollback_s)), ""


def _two_lines(text: str) -> Iterator[str]:
    """TEXT on as many lines as an alarm may take; wide characters take two columns."""
    folded = Text(text).wrap(Console(width=WIDTH), WIDTH)
    for line in folded[: ALARM_LINES_MAX - 1]:
        yield line.plain.rstrip()
    if rest := "".join(line.plain for line in folded[ALARM_LINES_MAX - 1 :]):
        last = Text(rest)
        last.truncate(WIDTH, overflow="ellipsis")
        yield last.plain


def _since(state: WatchState) -> str:
    if state.changed_at is None:
        return tr("the MX has not changed since this began") if state.away else tr("not switched yet")
    after = span(round(state.now - state.changed_at))
    return tr("switched, T+{t}", t=after) if state.away else tr("back at EC2, T+{t}", t=after)


def _turn(state: WatchState, resolver: ResolverState) -> str:
    if resolver.error:
        return tr("could not ask: {why}", why=plain(resolver.error))
    other = tr("the old MX") if state.changed_at else ", ".join(resolver.mx)
    said = [tr("this MX") if resolver.mx == state.mx else other]
    if resolver.ttl is not None:
        said.append(tr("asks again in {t}", t=span(resolver.ttl)))
    if resolver.first_new_s is not None:
        said.append(tr("since T+{t}", t=span(round(resolver.first_new_s))))
    return tr(", ").join(said)


def _mail(found: Balance) -> Iterable[str]:
    counts = {"sent": found.injected, "arrived": found.arrived, "flying": found.in_flight}
    late = {"overdue": len(found.overdue), "late": len(found.delayed)}
    yield tr(
        "mail: {sent} sent, {arrived} arrived, {flying} in flight, {overdue} overdue, {late} late", **counts, **late
    )
    said = [tr("{n} lost", n=len(found.lost))]
    if found.refused:
        said.append(tr("{n} refused as announced", n=len(found.refused)))
    said.append(tr("{n} twice", n=len(found.explained_copies) + len(found.unexplained_copies)))
    said.append(tr("{n} unexpected", n=len(found.unexpected)))
    yield "      " + tr(", ").join(said)
    last = found.series[-LAST:]
    ways = Counter(each.path for each in last if each.arrived is not None)
    stale = sorted({each.sender for each in last if each.path == "ec2"})
    counts = {"n": len(last), "cloudflare": ways["cloudflare"], "ec2": ways["ec2"]}
    who = ", ".join(stale) or tr("nobody")
    yield tr("of the last {n}, through Cloudflare {cloudflare}, through EC2 {ec2} ({who})", **counts, who=who)


def ending(
    found: Balance | None, domain: str, watched_s: float | None, bounds: Bounds, *, back: bool = False
) -> Iterator[str]:
    """What became of the mail, and of the hours for which a switch has to be watched (N-8)."""
    if found is None:
        yield tr("mail: what became of it is not known: it was never counted without trouble")
    else:
        yield tr("mail: {counts}", counts=tr(found.sentence()))
        if found.outstanding:
            n = found.outstanding
            yield tr("{n} are still on their way: the next gate looks for them", n=n)
    if back:
        gate = f"pytest features/ --gate rolledback --domain {domain}"
        yield tr("{domain} is back at EC2: {gate} judges that", domain=domain, gate=gate)
    elif watched_s is None:
        needs = {"domain": domain, "t": span(bounds.watch_s)}
        yield tr("{domain} is not switched: of the {t} that a switch is watched for nothing has begun", **needs)
    elif watched_s < bounds.watch_s:
        known = {"t": span(watched_s), "left": span(bounds.watch_s - watched_s)}
        again = f"python -m scripts.watch --domain {domain}"
        yield tr("watched for {t} since the switch, {left} are missing (N-8): {again}", **known, again=again)
    else:
        yield tr("watched for {t} since the switch: long enough (N-8)", t=span(watched_s))


if __name__ == "__main__":
    leave(main)
