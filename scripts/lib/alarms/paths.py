"""The ways that alarms leave by: apprise's URLs and a healthcheck's ping. None of them may be the mail under test."""

from __future__ import annotations

import logging
import re
import secrets as dice
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

import httpx

from fixtures.evidence.redaction import keep_secret, redact
from fixtures.gates import alarms
from fixtures.language import N_, tr
from fixtures.settings import Alarm as Ways, Secrets, Settings, SettingsError

if TYPE_CHECKING:
    import apprise

    from fixtures.migration import Migration

URLS_MAX = 10
CONNECT_S, PING_S = 5.0, 10.0
AGAIN_S, WAIT_S = 60.0, 30.0
VARIABLE = "MXGATE_ALARM_URLS"
_ADDRESS = re.compile(r"@((?:[\w-]+\.)+[\w-]+)")
_NAME = re.compile(r"(?:[\w-]+\.)+[\w-]+")


class NotSent(Exception):
    """An alarm reached nobody; says by which way and why."""


@dataclass(frozen=True, slots=True)
class Way:
    """One of the URLs. ``name``: its place and kind, for people; never the URL, which is a secret."""

    name: str
    notifier: apprise.Apprise


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an alarm on one way."""

    way: str
    fault: str
    """Empty: it was taken."""
    took_s: float


def ways(secrets: Secrets, settings: Settings | None) -> tuple[Way, ...]:
    """The ways of ``MXGATE_ALARM_URLS``. Without SETTINGS mail is left out: it may be the mail under test.

    Raises ``SettingsError`` for none at all, one that apprise doesn't know, and one that is the mail under test.
    """
    import apprise

    urls = secrets.alarm_urls.get_secret_value().split()
    if not urls:
        raise SettingsError(
            N_(f"{VARIABLE} is not set: alarms have no way out. Expected apprise's URLs, blanks between")
        )
    if len(urls) > URLS_MAX:
        raise SettingsError(f"{VARIABLE}: {len(urls)} URLs, at most {URLS_MAX}")
    made = []
    for number, url in enumerate(urls, 1):
        _hide(url)
        name = f"way {number} ({url.partition(':')[0][:20]})"
        if fault := _is_own_mail(url, settings):
            raise SettingsError(f"{VARIABLE}, {name}: {fault}. Expected a way that works while that mail is down")
        notifier = apprise.Apprise()
        with _Said() as said:
            if not notifier.add(url):
                raise SettingsError(
                    f"{VARIABLE}, {name}: apprise can't use it ({said}); apprise's documentation has its form"
                )
        if settings is not None or not _is_mail(url):
            made.append(Way(name, notifier))
    return tuple(made)


def _hide(url: str) -> None:
    """Its parts too: a library may show only a path or a user."""
    parts = urlsplit(url)
    keep_secret(url, parts.netloc.rpartition("@")[0], parts.password, *(p for p in parts.path.split("/") if len(p) > 7))
    keep_secret(*(value for pair in parts.query.split("&") if len(value := pair.partition("=")[2]) > 7))


def _is_mail(url: str) -> bool:
    return url.partition(":")[0].lower() in {"mailto", "mailtos"}


def _is_own_mail(url: str, settings: Settings | None) -> str:
    """Why a way would end in the mail under test; empty if it doesn't."""
    if settings is None:
        return ""
    ours = {name for each in settings.domains for name in each.served} | {settings.dell.name}
    text = unquote(unquote(url)).lower()
    # Other services are judged by the addresses that they write to, which come after who we are there.
    rest = text.partition("://")[2].partition("@")[2]
    found = _NAME.findall(text) if _is_mail(url) else _ADDRESS.findall("@".join(["", *rest.split("@")[1:]]))
    dell = settings.dell.ipv4, settings.dell.imap_host  # besides its name
    if _is_mail(url) and any(str(each).lower() in text for each in dell if each):
        return "it sends through Dell"
    hit = next((name for name in found for own in ours if name == own or name.endswith(f".{own}")), "")
    return f"it writes to {hit}, whose mail is under test" if hit else ""


def send(all_ways: tuple[Way, ...], how: Ways, title: str, text: str) -> tuple[Sent, ...]:
    """Send it on each way, with ``how.tries`` tries. Raises ``NotSent`` where none has taken it."""
    head, body = f"mxgate: {redact(title)}", redact(text) or redact(title)

    def once(way: Way) -> str:
        with _Said() as said:
            return "" if way.notifier.notify(body=body, title=head) else str(said)

    sent = tuple(_tried(way.name, how, partial(once, way)) for way in all_ways)
    if not any(not each.fault for each in sent):
        reasons = "; ".join(f"{each.way}: {each.fault}" for each in sent) or "no way is left"
        raise NotSent(f"{title}: nobody took it in {how.tries} tries: {reasons}")
    return sent


def ping(secrets: Secrets, how: Ways) -> str:
    """Ping the healthcheck, if one is named; returns why it took no ping, or nothing."""
    url = secrets.healthcheck_url.get_secret_value()
    _hide(url)

    def ask() -> str:
        try:
            answer = httpx.get(url, timeout=PING_S, follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return "" if answer.is_success else f"it answered {answer.status_code}"

    fault = _tried("healthcheck", how, ask).fault if url else ""
    return redact(f"the healthcheck took no ping in {how.tries} tries: {fault}") if fault else ""


def _tried(way: str, how: Ways, once: Callable[[], str]) -> Sent:
    """ONCE, which says what is wrong, as often as HOW lets it."""
    began, fault = time.monotonic(), ""
    for tried in range(how.tries):
        if tried:
            time.sleep(how.pause_s)
        if not (fault := once()):
            break
    return Sent(way, fault, time.monotonic() - began)


class _Said(logging.Handler):
    """What apprise logs meanwhile: its only way to say why. Kept from the terminal, where it would show URLs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(redact(record.getMessage()))

    def __enter__(self) -> Self:
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def __str__(self) -> str:
        return " ".join("; ".join(self.lines[-2:]).split())[:300] or "without a reason"


def send_due(migration: Migration, *, silence: bool = False) -> Iterator[tuple[alarms.Alarm, tuple[Sent, ...]]]:
    """Send what is due, and remember each that was taken. Raises ``NotSent`` and ``SettingsError``."""
    due = alarms.due(migration, silence=silence)
    out = ways(migration.secrets, migration.settings) if due else ()
    for alarm in due:
        sent = send(out, migration.settings.alarm, alarm.title, alarm.text)
        alarms.keep(migration, alarm)
        yield alarm, sent


def drill(migration: Migration) -> tuple[Sent, ...]:
    """Send a marked test alarm, with the state of the mail, on each way, and ping the healthcheck.

    Raises ``NotSent`` and ``SettingsError``.
    """
    number, how = dice.token_hex(3), migration.settings.alarm
    mail = _port_25(migration.settings.dell.imap_host)  # by the way on which its mailboxes are read
    text = tr("This is a drill, number {number}; nothing is wrong. At this moment {mail}.", number=number, mail=mail)
    sent = send(ways(migration.secrets, migration.settings), how, tr("DRILL {number}", number=number), text)
    print(tr("drill {number}: {mail}", number=number, mail=mail))
    for each in sent:
        took = tr("took it after {seconds} s", seconds=f"{each.took_s:.1f}")
        print(f"  {each.way}{tr(': ')}{tr('refused it') if each.fault else took}")
    if migration.secrets.healthcheck_url.get_secret_value():
        fault = ping(migration.secrets, how)
        print("  " + (tr("healthcheck: refused its ping") if fault else tr("healthcheck: took its ping")))
        sent += (Sent("healthcheck", fault, 0.0),)
    print(tr("Look whether number {n} was shown to a person: what took it may still keep it to itself", n=number))
    return sent


def _port_25(host: str) -> str:
    try:
        socket.create_connection((host, 25), CONNECT_S).close()
    except OSError as error:
        return tr("Dell's port 25 does not answer ({why})", why=error)
    return tr("Dell's port 25 answers")


class Herald:
    """Sends what is due while a watch goes on."""

    def __init__(self, migration: Migration) -> None:
        self._migration, self._heard, self._telling = migration, 0, threading.Lock()
        self._thread: threading.Thread | None = None
        self._tried = 0.0
        self.trouble = ""
        """Why the last one was not sent; empty once it was."""

    def hear(self, met: Collection[str]) -> None:
        """MET: what is an alarm by now; one that was withdrawn is news, too. What was not sent is tried again."""
        busy = self._thread is not None and self._thread.is_alive()
        again = bool(self.trouble) and not busy and time.monotonic() - self._tried > AGAIN_S
        if (again or len(met) != self._heard) and self._migration.secrets.alarm_urls.get_secret_value():
            self._tried = time.monotonic()
            self._thread = threading.Thread(target=self._tell, name="mxgate-alarm", daemon=True)
            self._thread.start()
        self._heard = len(met)

    def wait(self) -> None:
        """Give what is being sent some time, before the process ends with it."""
        if self._thread:
            self._thread.join(WAIT_S)

    def _tell(self) -> None:
        try:
            with self._telling:  # else the second begins before the first has noted what it sent
                for _ in send_due(self._migration):
                    pass
                self.trouble = ""
        except Exception as error:  # noqa: BLE001 - whatever it is: the watch goes on, and says so
            self.trouble = redact(str(error))
