"""Cloudflare's MX hosts may refuse a domain's mail for a while: waited for, as a write."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from fixtures.evidence import CouldNotAsk
from fixtures.migration import trials
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.smtp import mx_hosts
from fixtures.settings import Address
from fixtures.store import StoreError
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare.routing import subdomain, subdomain_records, subdomain_removed
from scripts.lib.safeguard import moving, through

EARLY_S = 900.0
"""The longest wait for Cloudflare's MX hosts while EC2 is still the MX, on the migration's clock."""
PAUSE_S = 1.0
UNHEARD_S = 30.0
"""Hosts that can't be asked are asked again for so long; those that were heard decide then, if any was."""
Words = dict[tuple[str, str, str], str]
"""The last word of each host, at each of its addresses, on each of ours: a refusal, until it takes it (empty). Silence
is none."""
TAKEN, NOT_TAKEN = "250 for every address", "not asked yet"


@dataclass(frozen=True, slots=True)
class Look:
    """What the hosts said: those that refuse an address, and those that nobody could ask; a line each."""

    refused: tuple[str, ...]
    unheard: tuple[str, ...]
    heard: bool
    """Whether any was heard at all."""
    seconds: float

    def __str__(self) -> str:
        lines = (*self.refused[:10], *(f"could not be asked: {each}" for each in self.unheard[:10]))
        return "\n  ".join(("Cloudflare's MX hosts:", *lines))


def settle(job: Job) -> Write:
    """The MX has moved: wait until each of Cloudflare's MX hosts takes each address. ``Refused`` after the window."""
    store, window_s = job.migration.store, job.migration.settings.bounds.window_s

    def do() -> None:
        moving(job)  # a run that went down before it asked has moved it
        found = _wait(job, job.run.moved_at, window_s)
        if found.refused or not found.heard:
            raise Refused(f"{window_s:.0f} s after the MX had moved Cloudflare does not take every address. {found}")
        _require_there(job)
        through(job)
        if found.unheard:
            job.say(f"{found}\n  Whether these take mail is shown by the numbered mail of watch")
        with suppress(StoreError):
            store.record("settling", job.domain, seconds=found.seconds, moved=True)
        job.say(f"Cloudflare's MX hosts take every address, {found.seconds:.0f} s after the MX had moved")

    subject = f"MX hosts of Cloudflare for {job.domain}, {_announced(job)}"
    return _asked("Email Routing", subject, do)


def _require_there(job: Job) -> None:
    """``Refused`` where the MX has been led elsewhere meanwhile, by another operator's rollback say."""
    with suppress(CouldNotAsk):
        stands = [each.text for each in cloudflare.records(job.migration, job.domain).of(job.domain, "MX")]
        if others := [each for each in stands if not cloudflare.is_mx(each)]:
            raise Refused(f"the MX of {job.domain} is no longer Cloudflare's: it is {', '.join(sorted(others))}")


def ask_first(job: Job, *, by_subdomain: bool) -> Write:
    """While EC2 is still the MX: do Cloudflare's MX hosts take every address already? Best if they do.

    BY_SUBDOMAIN: where they don't within a quarter of an hour, all of it is given up; else the MX moves after the
    window's time.
    """

    def do() -> None:
        limit_s = EARLY_S if by_subdomain else job.migration.settings.bounds.window_s
        found = _wait(job, job.migration.clock.now(), limit_s)
        if not found.refused and not found.unheard:
            job.migration.store.record("settling", job.domain, seconds=found.seconds, moved=False)
            job.say(f"Cloudflare's MX hosts take every address after {found.seconds:.0f} s, and EC2 is still the MX")
        elif by_subdomain:
            _give_up(job, found)
        else:
            job.say(f"{found}\n  The MX moves all the same")

    return _asked("before mail moves", f"MX hosts of Cloudflare for {job.domain}, asked while EC2 is still the MX", do)


def _give_up(job: Job, found: Look) -> NoReturn:
    """Nothing has moved: the subdomain goes, if it can, and what is left is said."""
    for write in subdomain_removed(job, fresh=True):
        write.do()
    gone = False
    with suppress(CouldNotAsk):
        gone = not subdomain_records(job)
    left = f"{subdomain(job)} is gone again" if gone else f"{subdomain(job)} stands yet, where nobody has mail"
    raise Refused(
        f"{found}\n  Nothing has moved, and {left}. By this way it can't be done: set "
        'cloudflare.enabling = "refuses" in migration.toml, with its window, judge the gate again, and plan again'
    )


def _asked(group: str, subject: str, do: Callable[[], None]) -> Write:
    done: list[bool] = []

    def once() -> None:
        do()
        done.append(True)

    return Write(group, subject, NOT_TAKEN, TAKEN, once, lambda: TAKEN if done else NOT_TAKEN)


def _wait(job: Job, since: float, limit_s: float) -> Look:
    """Until every host that can be asked takes every address, or LIMIT_S after SINCE, on the migration's clock.

    A host stands for several machines, which learn of a domain one after the other: once each address was taken, all
    are asked once more, as long as half of the time is left.
    """
    clock, pause, together = job.migration.clock, PAUSE_S, mx_hosts.TOGETHER
    addresses = job.migration.settings.domain(job.domain).addresses
    words: Words = {}
    whole = True
    while True:
        asked: Words = {} if whole else words
        unheard = _ask(job, addresses, asked, together)
        words |= asked
        waited, refused = clock.now() - since, tuple(filter(None, words.values()))
        clean = bool(words) and not refused and (waited > UNHEARD_S or not unheard)
        if waited > limit_s or (clean and (whole or waited > limit_s / 2)):
            return Look(refused, unheard, bool(words), waited)
        if whole := clean:
            continue
        if refused and not _refused(words, addresses[0]):  # or it takes no more in one dialogue
            together = max(1, together // 2)
        clock.sleep(pause)
        pause = min(pause * 1.3, limit_s / 30)


def _ask(job: Job, addresses: tuple[Address, ...], words: Words, together: int) -> tuple[str, ...]:
    """Ask what is not taken yet, and put what is heard into WORDS; returns what can't be heard, a line each."""
    try:
        # One address a host first: only where the domain is known is it worth asking for all of them.
        silent = _look(job, addresses[:1], words)
        if words and not _refused(words, addresses[0]):
            silent += _look(job, addresses, words, {(each.host, each.at) for each in silent}, together)
    except CouldNotAsk as error:
        return (str(error),)
    heard = {(host, address) for host, _, address in words}
    lines = {key: _line(each) for each in silent if (key := (each.host, each.address.address)) not in heard}
    return tuple(lines.values())


def _refused(words: Words, address: Address) -> bool:
    return any(said for (*_, of), said in words.items() if of == address.address)


def _look(
    job: Job, addresses: tuple[Address, ...], words: Words, without: Collection[tuple[str, str]] = (), together: int = 1
) -> list[mx_hosts.Asked]:
    """Put what is heard now into WORDS; returns the rest. WITHOUT: hosts, at those of their addresses, not to ask."""

    def is_open(host: str, at: str, address: Address) -> bool:
        return (host, at) not in without and words.get((host, at, address.address)) != ""

    silent = []
    for each in mx_hosts.ask(job.migration, addresses, is_open, together):
        key = each.host, each.at, each.address.address
        if each.heard:
            words[key] = "" if each.talk.outcome.accepted else _line(each)
        else:
            silent.append(each)
    for each in silent:  # a host is heard by one family: what it said by the other, while it was heard, is no last word
        if any((host, of) == (each.host, each.address.address) and at != each.at for host, at, of in words):
            words.pop((each.host, each.at, each.address.address), None)
    return silent


def _line(asked: mx_hosts.Asked) -> str:
    return f"{asked.host} ({asked.at}), {asked.address.address}: {asked.talk.outcome}"


def _announced(job: Job) -> str:
    """What the plan says of the time in which Cloudflare may refuse mail."""
    window_s = job.migration.settings.bounds.window_s
    measured = job.migration.store.last("settling", job.migration.settings.pilot)
    lasted = f"{measured['seconds']:.0f} s at the pilot, " if measured and measured["moved"] else ""
    trial = trials.latest(job.migration.store, job.migration.settings)
    if trial and isinstance(seconds := trial.value("settle_s"), int | float):
        on = time.strftime("%Y-%m-%d", time.localtime(trial.at))
        lasted += f"{seconds:.0f} s in the trial at {trial.name} (observed on {on}), "
    return (
        f"which may refuse mail meanwhile (550 5.1.1, so that it bounces): {lasted}up to {window_s:.0f} s, after which "
        f"EC2's MX is put back, and then for up to {job.migration.settings.bounds.ttl_s} s more, from caches"
    )
