"""Tell a person what has changed: a gate or a night that came out otherwise than before, or an abort rule that is met.

So too a switch that ended half-way, or that nobody watches.

    python -m scripts.alert                    what has changed since the last time
    python -m scripts.alert --check-silence    and whether nights are missing; if all is well, ping the healthcheck
    python -m scripts.alert --drill            a marked test alarm on each way, and whether mail is up meanwhile
    python -m scripts.alert --unit NAME        that a unit of systemd failed, and what has changed

Where to: MXGATE_ALARM_URLS (apprise's URLs) and MXGATE_HEALTHCHECK_URL. Exit: 0 sent, or nothing to send; 1 an alarm
could not be sent; 2 bad input.
"""

import os
import socket
import sys
from collections.abc import Iterable

from fixtures.evidence import redact, tell
from fixtures.evidence.exiting import leave
from fixtures.gates.alarms import nights_heard
from fixtures.language import tr
from fixtures.migration import Migration, open_migration
from fixtures.settings import Alarm as Ways, Secrets, SettingsError
from fixtures.store import StoreError
from scripts.lib.alarms.paths import NotSent, Sent, drill, ping, send, send_due, ways
from scripts.lib.change import name_half_way, opened
from scripts.lib.commandline import parser

SENT, NOT_SENT, BAD_INPUT = 0, 1, 2
RED = "1"
"""As the exit status of a night: a verdict, which is sent by itself where it has changed."""


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("alert", __doc__)
    what = made.add_mutually_exclusive_group()
    what.add_argument("--check-silence", action="store_true", help="also whether nights are missing")
    what.add_argument("--drill", action="store_true", help="send a marked test alarm on each way")
    what.add_argument("--unit", metavar="NAME", help="this unit of systemd has ended")
    options = made.parse_args(arguments)
    try:
        if options.unit:
            faults = _unit(options.unit, options.config)
        elif options.drill:
            faults = _faults(drill(opened(options.config)))
        else:
            faults = _send_due(opened(options.config), silence=options.check_silence)
    except (SettingsError, StoreError) as error:
        tell(f"alert: {tr(str(error))}")
        return BAD_INPUT
    except NotSent as error:
        tell(f"alert: not sent: {error}")
        return NOT_SENT
    return NOT_SENT if faults else SENT


def _send_due(migration: Migration, *, silence: bool = False) -> int:
    """Returns how many ways took nothing."""
    if silence:  # a way that can't be used must not be found out on the day that it is needed
        ways(migration.secrets, migration.settings)
    faults = 0
    for alarm, sent in send_due(migration, silence=silence):
        print(tr("sent: {title}", title=alarm.title))
        faults += _faults(sent)
    heard = nights_heard(migration) if silence else None
    if silence and not (heard and heard.bad):
        fault = ping(migration.secrets, migration.settings.alarm)
        print(f"alert: {fault}" if fault else tr("nights are not missing"), file=sys.stderr if fault else sys.stdout)
        faults += bool(fault)
    return faults


def _faults(sent: Iterable[Sent]) -> int:
    bad = [each for each in sent if each.fault]
    for each in bad:
        tell(f"alert: {each.way} took nothing: {each.fault}")
    return len(bad)


def _unit(unit: str, config: str | None) -> int:
    """Tell what has changed, and that the unit failed, whatever else is broken: settings and store too.

    systemd says how it ended in MONITOR_* (systemd.exec(5)); ended well, or red by a verdict, is not sent by itself.
    Who looks for silence gives no verdict: red is an alarm, or a ping, that was not taken.
    """
    settings, trouble, faults = None, "", 0
    try:
        migration = open_migration(config)
        settings = migration.settings
        name_half_way(migration)
        faults = _send_due(migration)
    except (SettingsError, StoreError) as error:
        trouble = redact(str(error))
    result, status = os.environ.get("MONITOR_SERVICE_RESULT", ""), os.environ.get("MONITOR_EXIT_STATUS", "")
    verdict = result == "exit-code" and status == RED and not unit.startswith("mxgate-silence")
    if not trouble and (result == "success" or verdict):
        return faults
    how = settings.alarm if settings else Ways()
    about = {"unit": unit, "host": socket.gethostname(), "result": f"{result or 'no result'} {status}".strip()}
    title = tr("{unit} failed on {host} ({result})", **about)
    before = trouble or tr("What has changed was sent before this")
    text = tr("{before}. Look: {command}", before=before, command=f"journalctl -u {unit} -n 50")
    faults += _faults(send(ways(Secrets(), settings), how, title, text))
    print(tr("sent: {title}", title=title))
    return faults


if __name__ == "__main__":
    leave(main)
