"""Proves that an alarm gets through, with the state of the mail at that moment beside it."""

from __future__ import annotations

import secrets as dice
import time

from fixtures.evidence import CouldNotAsk
from fixtures.loop import run
from fixtures.migration import Migration
from fixtures.transport import connect
from scripts.alarm_paths import Sent, ping, send, ways


def drill(migration: Migration) -> tuple[Sent, ...]:
    """Send a marked test alarm on each way, and ping the healthcheck. Raises ``NotSent`` and ``SettingsError``."""
    number, dell, how = dice.token_hex(3), migration.settings.dell, migration.settings.alarm
    mail = f"port 25 of {dell.name} {_port_25(str(dell.ipv4))}"
    text = f"This is a drill, number {number}; nothing is wrong. At this moment {mail}."
    sent = send(ways(migration.secrets, migration.settings), how, f"DRILL {number}", text)
    print(f"drill {number}: {mail}")
    for each in sent:
        print(f"  {each.way}: {'refused it' if each.fault else f'took it after {each.took_s:.1f} s'}")
    if migration.secrets.healthcheck_url.get_secret_value():
        began = time.monotonic()
        fault = ping(migration.secrets, how)
        print(f"  healthcheck: {'refused its ping' if fault else 'took its ping'}")
        sent += (Sent("healthcheck", fault, time.monotonic() - began),)
    print(f"Look whether number {number} was shown to a person: what took it may still keep it to itself")
    return sent


def _port_25(address: str) -> str:
    try:
        run(connect(address, 25)).close()
    except (CouldNotAsk, OSError) as error:
        return f"does not answer ({error or type(error).__name__})"
    return "answers"
