"""Proves that an alarm gets through, with the state of the mail at that moment beside it."""

from __future__ import annotations

import secrets as dice
import socket
import time

from fixtures.migration import Migration
from scripts.lib.alarms.paths import Sent, ping, send, ways

CONNECT_S = 5.0


def drill(migration: Migration) -> tuple[Sent, ...]:
    """Send a marked test alarm on each way, and ping the healthcheck. Raises ``NotSent`` and ``SettingsError``."""
    number, dell, how = dice.token_hex(3), migration.settings.dell, migration.settings.alarm
    mail = f"Dell's port 25 {_port_25(dell.imap_host)}"  # by the way on which its mailboxes are read
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


def _port_25(host: str) -> str:
    try:
        socket.create_connection((host, 25), CONNECT_S).close()
    except OSError as error:
        return f"does not answer ({error})"
    return "answers"
