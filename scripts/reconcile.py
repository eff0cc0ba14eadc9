"""Account for all real mail of a period: where each message is, or that it is missing, and since when. Changes nothing.

    python -m scripts.reconcile              the logs of EC2 and Dell, and Cloudflare's events, by the settings
    python -m scripts.reconcile --ec2 ec2/mail.log* --dell dell/mail.log*      log files here, without settings

Files may be compressed, and in any order: rotated ones are put into it by their first line. Also read: RFC 5424, what
journalctl -o export or -o json writes, docker logs, and the files of container engines.
Exit: 0 nothing is missing, bounced, doubled, misfiled or altered, as far as the logs reach; 1 something is, or a
delivery is not understood; 2 bad input, or logs without a word of the mail that was asked for.
"""

import json
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from datetime import UTC, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fixtures.evidence import CouldNotAsk, plain, tell
from fixtures.evidence.exiting import leave
from fixtures.language import N_, tr
from fixtures.reconciliation.changes import Changes
from fixtures.reconciliation.reconciling import BAD, UNDECIDED, Reconciled
from scripts.lib.commandline import parser

DONE, AMISS, BAD_INPUT = 0, 1, 2
SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    options = _parser().parse_args(arguments)
    made = _outputs(options)
    try:
        _require_room(made, (*options.ec2, *options.dell, *options.dovecot))
        done, changes = _asked(options)
        if str(options.json) == "-":
            print(_json(done, changes))
        else:
            _show(Console(), done, changes)
        _write(options, done, changes)
    except (CouldNotAsk, ValueError) as error:
        tell(f"reconcile: {tr(str(error))}")
        return BAD_INPUT
    except OSError as error:
        tell(f"reconcile: {error.filename2 or error.filename or ' or '.join(map(str, made))}: {error.strerror}")
        return BAD_INPUT
    return DONE if done.good else AMISS


def _parser() -> ArgumentParser:
    made = parser("reconcile", __doc__)
    made.add_argument("--ec2", nargs="+", type=Path, default=[], metavar="LOG", help="EC2's log files")
    made.add_argument("--dell", nargs="+", type=Path, default=[], metavar="LOG", help="Dell's log files")
    made.add_argument("--dovecot", nargs="+", type=Path, default=[], metavar="LOG", help="Dovecot's, if it has its own")
    made.add_argument(
        "--domain", action="append", default=[], help="of the operator's (default: what Dell delivers itself)"
    )
    made.add_argument("--switch", metavar="TIME", help="when the MX moved, ISO 8601: what has changed since is shown")
    made.add_argument(
        "--zone",
        help="of times without one: +0900, or a name, which knows summer time: Asia/Tokyo (default: UTC in files, and "
        "what date says on hosts)",
    )
    made.add_argument("--ec2-zone", metavar="ZONE", help="of EC2's, if it is another")
    made.add_argument("--dell-zone", metavar="ZONE", help="of Dell's, if it is another")
    made.add_argument("--days", type=int, default=30, help="of the hosts' logs (default: %(default)s)")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all of it there; - is standard output")
    made.add_argument("--page", type=Path, metavar="FILE", help="write a page with charts there")
    return made


def _outputs(options: Namespace) -> list[Path]:
    return [each for each in (options.json, options.page) if each and str(each) != "-"]


def _require_room(made: list[Path], logs: Iterable[Path]) -> None:
    """``ValueError`` for a file that can't be MADE, or in whose place another stands: LOGS are evidence."""
    for each in made:
        if each.is_dir() or not each.parent.is_dir():
            raise ValueError(N_(f"{each}: expected a file's path, in a folder that there is"))
        if each.is_file() and any(log.exists() and each.samefile(log) for log in logs):
            raise ValueError(N_(f"{each}: is a log that is read, and would be replaced"))
    if len({each.absolute() for each in made}) < len(made):
        raise ValueError(N_(f"{made[0]}: --json and --page would write the same file"))


def _write(options: Namespace, done: Reconciled, changes: Changes | None) -> None:
    """The files that were asked for. Raises ``OSError``."""
    if options.json in _outputs(options):
        from fixtures.evidence.files import replace

        replace(options.json, _json(done, changes))
    if options.page:
        from fixtures.report import reconciled

        reconciled.write(done, changes, options.page)


def _asked(options: Namespace) -> tuple[Reconciled, Changes | None]:
    from fixtures.reconciliation import real_mail

    if options.dovecot and not (options.ec2 or options.dell):
        raise ValueError(N_("--dovecot: says only what became of mail in Postfix's log: name that too, by --dell"))
    if options.ec2 and not options.dell:
        raise ValueError(N_("--ec2: only Dell's log says what became of mail after that: name it too, by --dell"))
    zones = real_mail.Zones(_zone(options, "ec2_zone", "zone"), _zone(options, "dell_zone", "zone"))
    if not (options.ec2 or options.dell):
        # What a migration needs takes as long to load as a hundred thousand lines take to read.
        from fixtures.settings import SettingsError
        from fixtures.store import StoreError
        from scripts.lib.change import opened

        try:
            return real_mail.of_migration(opened(options.config), options.days, zones)
        except (SettingsError, StoreError) as error:
            raise CouldNotAsk(str(error)) from error
    files = real_mail.Files(tuple(options.ec2), tuple(options.dell), tuple(options.dovecot))
    try:
        switch = real_mail.moment(options.switch, _zone(options, "zone") or UTC) if options.switch else None
    except ValueError as error:
        raise ValueError(f"--switch {error}") from None
    return real_mail.of_files(files, tuple(options.domain), zones, switch)


def _zone(options: Namespace, *names: str) -> tzinfo | None:
    """By the first of the options with these NAMES that is given. Raises ``ValueError``."""
    name, zone = next(((each, said) for each in names if (said := getattr(options, each))), ("", ""))
    if not zone:
        return None
    try:
        return timezone(timedelta(seconds=time.strptime(zone, "%z").tm_gmtoff or 0))
    except ValueError:
        pass
    try:
        return ZoneInfo(zone)
    except (ValueError, KeyError, OSError):  # of three letters several mean several
        option = f"--{name.replace('_', '-')}"
        why = N_(f"{option} {zone}: expected how far it is ahead of UTC, +0900 or -0500, or its name, Asia/Tokyo")
        raise ValueError(why) from None


def _json(done: Reconciled, changes: Changes | None) -> str:
    said = done.as_json() | {"good": done.good, "changes": changes.as_json() if changes else None}
    return json.dumps(said, indent=1, ensure_ascii=False)


def _show(console: Console, done: Reconciled, changes: Changes | None) -> None:
    length = timedelta(seconds=round(done.until - done.since))
    console.print(Text(f"From {_time(done.since)} to {_time(done.until)} ({length})"))
    console.print(_table("Where the mail is", ("came by", "state", "messages"), _states(done)))
    for each in done.totals:
        console.print(
            Text(
                f"{each.source}: {each.lines} lines, {each.unread} unread; {each.received} received, "
                f"{each.delivered} delivered, {each.deferred} deferred ({each.deferrals} deferrals), {each.bounced} "
                f"bounced, {each.rejected} rejected, {each.discarded} discarded; {each.headless} without a beginning"
            )
        )
    for what, number in done.counts.items():
        shown = [each for each in done.found if each.what == what][:SHOWN]
        rows = [(_time(each.since), each.message_id, each.address, each.says) for each in shown]
        title = f"{number} {what}" + ("" if what in (*BAD, *UNDECIDED) else " (harmless)")
        console.print(_table(title, ("since", "message", "for", "in whose words"), rows))
    if changes:
        _show_changes(console, changes)
    for source, lines in done.unread.items():
        such = "\n".join(map(plain, lines[:5]))
        console.print(Text(f"{source}, lines that could not be read, such as:\n{such}"))
    for note in done.notes:
        console.print(Text(f"- {plain(note)}"))
    console.print(Text(_conclusion(done)))


def _conclusion(done: Reconciled) -> str:
    if not done.good:
        return "Not all mail is where it should be."
    if done.undecided:
        return f"Nothing is missing as far as the logs reach; {', '.join(done.undecided)}."
    return "All mail is accounted for."


def _states(done: Reconciled) -> list[tuple[str, str, str]]:
    return [(via, state, f"{number}") for via, states in done.states.items() for state, number in states.items()]


def _show_changes(console: Console, changes: Changes) -> None:
    rows = [(what, f"{before:g}", f"{after:g}") for what, before, after in changes.measures]
    console.print(_table(f"Across the switch of {_time(changes.switched)}", ("measure", "before", "after"), rows))
    silent = [(s.domain, f"{s.before}", f"{s.expected:.1f}", _time(s.last)) for s in changes.silent[:SHOWN]]
    if silent:
        title = f"{len(changes.silent)} sender domains have fallen silent"
        console.print(_table(title, ("domain", "mails before", "expected since", "last"), silent))
    for note in changes.notes:
        console.print(Text(f"- {plain(note)}"))


def _table(title: str, heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    made = Table(title=Text(title), title_justify="left")
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*(Text(plain(each)) for each in row))
    return made


def _time(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S%z", time.localtime(at))


if __name__ == "__main__":
    leave(main)
