"""EC2's MX put back: as two writes for ``rollback``, and by the switch itself where it fails, or by its guard.

By DNS only: EC2's records are added, and then Cloudflare's deleted. Why not one batch that edits one into the other:
- A record that Email Routing made stays linked to it, however it was edited after unlocking, and goes when routing is
  disabled (cloudflare-docs pull request 32101). EC2's MX must not go that way, so it gets records of its own.
- In one batch Cloudflare deletes before it makes, and the edge sees record by record (Cloudflare, "Batch record
  changes"): a resolver could meet no MX at all. Between two batches it meets both, and either side takes the mail.
- A lock (code 890190) refuses the first batch whole; nothing has changed then, and unlocking is tried only there, so
  that Email Routing's API is needed by nobody who has no lock.
- After a lost answer what stands is read before the batch is made again: a second record with EC2's name would be
  refused (81057, 81058).

What a switch has come to stands in the store, as records ``switching``: ``run``, ``state`` and, from ``moving`` on,
what is to be put back.

| state | |
|---|---|
| ``begun`` | the run writes, and the MX has not moved |
| ``moving`` | recorded just before the write that moves the MX |
| ``going back`` | it failed, and the run or its guard puts EC2's MX back, and looks whether it stays |
| ``through`` | it went well |
| ``unmoved`` | it failed before the MX moved |
| ``back`` | EC2's MX stands again |
| ``given up`` | it could not be put back, in six hours or until somebody ended it |
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.ledger.windows import CLOSED, LATE_S, PUT_BACK, SWITCHING
from fixtures.migration.progress import BACK, Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import queries as dns
from fixtures.store import StoreError
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dns import takeback
from scripts.lib.dns.records import Batch, as_text, batch, changes, is_spf, line, pasted, set_spf, spf_texts, value

SWITCH = "switch_mx"
GROUP = N_("mail goes to EC2 again")
TRIES = 2
MADE = "switched records"
"""Kind of record: ``ids`` of the MX that a switch made, as one report has Email Routing's own left out of the list."""
OVER = frozenset({"through", "unmoved", "back", "given up"})
KEPT = ("stood", "mx", "mx_ttl", "spf", "spf_ttl")
LIMIT_S = 6 * 3600.0
"""For so long it is tried, by this machine's own clock: Cloudflare's API was down for hours before."""
SPF_S = 60.0
PAUSE_S, PAUSE_S_MAX = 0.5, 15.0
QUIET_S, LOOK_S = 3.0, 2.0
"""A write whose answer was lost may still be done: for so long EC2's MX must have stood. Where the MX that moves was
never seen, however Cloudflare answered, it is looked at every LOOK_S for ``bounds.window_s`` more."""
ASKED_AGAIN_S = 60.0
"""How long a store that was away is left in peace: each question may take ten seconds, while mail may bounce."""
ended: list[int] = []
"""The SIGTERMs since a person could first read that the MX can't be put back, or is still looked at: one ends that."""


class Overtaken(Refused):
    """Another run has gone on with the domain: what this one would put back is no longer its own."""


def mx_back(job: Job, wanted: Sequence[str], ttl: int) -> Iterator[Write]:
    """What is missing of WANTED (such as ``10 mail.example.net``) is added, then whatever else stands is deleted."""
    stands, hosts = standing(job), _hosts(wanted)
    others = [line(value(each), each.ttl) for each in stands if each.text not in hosts]
    ours = [line(text, ttl) for text in dict.fromkeys(wanted)]
    now, both, then = as_text(stands), "\n".join(sorted([*others, *ours])), "\n".join(sorted(ours))

    def remove(stands: Sequence[Record]) -> Batch:
        gone = [{"id": each.id} for each in stands if each.text not in hosts]
        return {"deletes": gone} if gone else {}

    for subject, stood, stays, body in (
        (N_(f"{job.domain} MX, EC2's added"), now, both, partial(added, name=job.domain, wanted=wanted, ttl=ttl)),
        (N_(f"{job.domain} MX, the others deleted"), both, then, remove),
    ):
        if stood != stays:
            do, read = partial(_make, job, body), lambda: as_text(standing(job))
            command = pasted(cloudflare.zone(job.migration, job.domain).id, body(stands))
            yield Write(GROUP, subject, stood, stays, do, read, command, "MX", TRIES)


def added(stands: Sequence[Record], name: str, wanted: Sequence[str], ttl: int) -> Batch:
    """The batch after which the WANTED MX records stand too, with whatever else does.

    Only a record of a wanted host is patched, for its preference or TTL: Cloudflare takes no second one (81057).
    """
    ours = [each for each in stands if each.text in _hosts(wanted)]
    return next(iter(changes(ours, name, "MX", wanted, ttl)), {})


def left_over(job: Job) -> None:
    """Say where name servers still name Cloudflare's MX though the API lists none, which one report has seen."""
    try:
        answers = dns.ask(dns.authorities(job.domain), job.domain, "MX")
    except CouldNotAsk:
        return
    still = [str(each.server) for each in answers if any(map(cloudflare.is_mx, each.hosts))]
    if still:
        job.say(
            N_(
                f"{', '.join(still)} still name Cloudflare's MX as well as EC2's: they lag, or Email Routing hides its "
                "own records. Mail is taken both ways meanwhile. If it stays so, delete them in the dashboard, DNS > "
                "Records"
            )
        )


def _hosts(texts: Sequence[str]) -> set[str]:
    return {text.partition(" ")[2] for text in texts}


def _make(job: Job, body: Callable[[Sequence[Record]], Batch]) -> None:
    batch(job.migration, job.domain, f"{job.domain} MX", body(standing(job)), once=True)


def standing(job: Job) -> tuple[Record, ...]:
    """The MX that are listed, and of those that the switch made also what Email Routing hides from the list."""
    listed = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
    if job.run.made is None:  # once: a store that is out of reach may take its time to say so
        job.run.made = []
        with suppress(StoreError):  # it goes without
            job.run.made = (job.migration.store.last(MADE, job.domain) or {"ids": []})["ids"]
    shown = {each.id for each in listed}
    asked = (cloudflare.record_of(job.migration, job.domain, each) for each in job.run.made if each not in shown)
    return (*listed, *(each for each in asked if each and (each.name, each.type) == (job.domain, "MX")))


def before(job: Job) -> dict[str, Any]:
    """What is to be put back: EC2's MX as it was or was accepted, and the SPF as it is. ``Refused`` without a snapshot.

    ``stood``: the MX as it is, for X-1.
    """
    takeback.at_first(job)
    mx, _ = takeback.mx_at_first(job)
    stands, bounds = cloudflare.records(job.migration, job.domain), job.migration.settings.bounds
    spf = next((each for each in stands.of(job.domain, "TXT") if is_spf(each)), None)
    return {
        "stood": sorted(map(value, stands.of(job.domain, "MX"))),
        "mx": sorted({value(each) for each in mx}),
        "mx_ttl": ttl_back(job, mx),
        "spf": spf_texts(stands, job.domain),
        "spf_ttl": spf.ttl if spf else bounds.ttl_s,
    }


def ttl_back(job: Job, mx: Sequence[Record]) -> int:
    """The TTL of EC2's MX: a shortened one stays short, for the next switch needs that."""
    progress = Progress.read(job.migration.store, job.migration.settings)
    return job.migration.settings.bounds.ttl_s if progress.done_at("lower_ttl", job.domain) else mx[0].ttl


@dataclass(slots=True)
class Book:
    """What is still to be written into the store. After one fault nothing more is: each may take 20 s to come."""

    job: Job
    later: list[Callable[[], None]] = field(default_factory=list)
    at: float = field(default_factory=time.time)
    """When this run was last at it, by the system's clock, which a sleep of the machine does not stop."""
    shut: bool = False
    silent_until: float = 0.0
    """Until then (monotonic) a store that was away is not asked again."""

    def overtaken(self, *, at_once: bool = False) -> bool:
        """Whether a later run has gone on. A store that is away says nothing; AT_ONCE: it is asked all the same."""
        if not at_once and time.monotonic() < self.silent_until:
            return False
        try:
            return _overtaken(self.job)
        except StoreError:
            self.silent_until = time.monotonic() + ASKED_AGAIN_S
            return False

    def write(self) -> None:
        while self.later:
            entry = self.later.pop(0)
            try:
                if not self.shut:
                    entry()
            except StoreError as error:
                self.shut = True
                self.job.say(N_(f"not recorded, nor what follows: {error}"))


def put_back(job: Job, kept: dict[str, Any], why: str) -> str:
    """Put EC2's MX back, however often it takes, then the SPF record; returns what was done. ``Refused`` at LIMIT_S.

    KEPT: what ``before`` gave, or the record of it. Nothing of the store is needed for it: that is written after each
    write, if it can be. ``Overtaken`` where the store says, after a failure or a sleep, that another run has gone on.
    """
    began = time.monotonic()
    job = replace(job, migration=replace(job.migration, hurried=True))
    job.say(N_(f"the MX of {job.domain} goes back to {', '.join(kept['mx'])}: {why}"))
    book = Book(job, [partial(_noted_if_ours, job, "going back", kept, why=why)], kept.get("real_at", time.time()))
    took, seen = 0.0, False

    def planned() -> Iterator[Write]:
        nonlocal seen
        for write in mx_back(job, kept["mx"], kept["mx_ttl"]):
            seen = seen or any(cloudflare.is_mx(each.split()[1]) for each in write.before.splitlines())
            yield write

    while not took or (not seen and _made_late(job, book)):
        if not _until_done(job, book, planned, LIMIT_S, QUIET_S):
            book.later.append(partial(_noted_if_ours, job, "given up", kept, why=why))
            book.write()
            raise Refused(still_away(job, LIMIT_S))
        took = time.monotonic() - began
    book.later += [
        partial(_noted_if_ours, job, "back", kept, why=why),
        partial(job.migration.store.record, CLOSED, job.domain, why=PUT_BACK),
        partial(job.migration.store.record, BACK, job.domain, seconds=took),
    ]
    book.write()
    done = f"EC2's MX of {job.domain} stands again, {took:.0f} s later; caches follow within {kept['mx_ttl']} s"
    left_over(job)
    # Enabling may have put another SPF record in its place (X10).
    if not _until_done(job, book, lambda: set_spf(job, job.domain, kept["spf"], kept["spf_ttl"]), SPF_S, 0):
        done += f". The SPF record could not be written: python -m scripts.merge_spf --domain {job.domain}"
    return done


def _made_late(job: Job, book: Book) -> bool:
    """Whether the MX that was never seen comes after all, within ``bounds.window_s``."""
    late_s, trouble = job.migration.settings.bounds.window_s, ""
    job.say(
        N_(
            f"EC2's MX of {job.domain} stands. Cloudflare's was written and not seen, so that it may still come: it is "
            f"looked for {late_s:.0f} s more, and if it comes EC2's is put back again. Leave this running"
        )
    )
    ended.clear()
    until = time.monotonic() + late_s
    while time.monotonic() < until and not _ended_within(LOOK_S):
        try:
            if any(cloudflare.is_mx(each.text) for each in standing(job)) and not book.overtaken():
                job.say(N_(f"CLOUDFLARE'S MX OF {job.domain} HAS COME, LATE: EC2's is put back again"))
                return True
            trouble = ""
        except Exception as error:  # noqa: BLE001 - as in _until_done: the next look may be answered
            trouble = f": {error}"
    if trouble or ended:
        job.say(
            N_(f"Cloudflare's MX of {job.domain} could not be looked for to the end{trouble}. Later: {_again(job)}")
        )
    else:
        job.say(N_(f"Cloudflare's MX of {job.domain} has not come in {late_s:.0f} s. Look again, later: {_again(job)}"))
    return False


def end(*_: object) -> None:
    """A handler of SIGTERM's for whoever puts the MX back."""
    ended.append(1)


def _ended_within(seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not ended and time.monotonic() < until:
        time.sleep(min(0.2, seconds))
    return bool(ended)


def _again(job: Job) -> str:
    return f"python -m scripts.rollback --domain {job.domain}"


def still_away(job: Job, limit_s: float) -> str:
    """What a person has to do where nothing else helped."""
    if ended:
        return N_(
            f"{job.domain}: THE MX MAY STILL LEAD TO CLOUDFLARE, and nobody puts it back any more, since this was "
            f"ended by kill. Now, with a token that works: {_again(job)}. Without the API: "
            f"python -m scripts.by_hand --domain {job.domain}"
        )
    return N_(
        f"{job.domain}: THE MX STILL LEADS TO CLOUDFLARE. For {limit_s / 3600:.1f} h it could not be put back. Do "
        f"it by hand, now: python -m scripts.by_hand --domain {job.domain}"
    )


def noted(job: Job, state: str, kept: dict[str, Any], **more: Any) -> None:
    """Record what the switch has come to. Raises ``StoreError``."""
    body = {key: kept[key] for key in KEPT if key in kept} | more
    job.migration.store.record(SWITCHING, job.domain, run=job.run.number, state=state, **body)


def _noted_if_ours(job: Job, state: str, kept: dict[str, Any], why: str) -> None:
    if not _overtaken(job):
        noted(job, state, kept, why=why)


def _overtaken(job: Job) -> bool:
    """Whether a later run has gone on with the domain. Raises ``StoreError``."""
    last = job.migration.store.last(SWITCHING, job.domain)
    return last is not None and last["run"] != job.run.number


def _until_done(job: Job, book: Book, planned: Callable[[], Iterator[Write]], limit_s: float, quiet_s: float) -> bool:
    """Do what is PLANNED, again and again until for QUIET_S nothing is left to do. False at the limit."""
    until, pause, said, since, failed = time.monotonic() + limit_s, PAUSE_S, "", 0.0, False
    late_s = job.migration.settings.bounds.window_s + LATE_S
    while time.monotonic() < until:
        slept = time.time() - book.at > late_s
        if (failed or slept) and book.overtaken(at_once=slept):
            raise Overtaken(
                N_(
                    f"{job.domain}: another run has gone on since, perhaps on another machine, so nothing more is put "
                    f"back here. dig MX {job.domain} shows where mail goes. What comes next: python -m scripts.next"
                )
            )
        book.at = time.time()
        try:
            writes = 0
            for write in planned():
                write.do()
                book.later.append(partial(_journal, job, write))
                writes += 1
            since = 0.0 if writes else since or time.monotonic()
            if since and time.monotonic() - since >= quiet_s:
                return True
            pause, failed = PAUSE_S, False
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody else leads the mail back
            since, pause, failed = 0.0, min(pause * 1.5, PAUSE_S_MAX), True
            if str(error) != said:
                _tell_failed(job, str(error), first=not said)
                said = str(error)
        book.write()
        if not failed:
            time.sleep(pause)
        elif _ended_within(pause):
            return False
    return False


def _tell_failed(job: Job, why: str, *, first: bool) -> None:
    if first:
        ended.clear()  # nobody could know of this until now
    job.say(
        N_(
            f"{why}. It is tried again; by hand: python -m scripts.by_hand --domain {job.domain}. With another token: "
            f"kill {os.getpid()}, which ends this, then {_again(job)}"
        )
    )


def _journal(job: Job, write: Write) -> None:
    about = (SWITCH, job.domain, job.run.number, write.subject)
    job.migration.store.log(*about, "after", before=write.before, after=write.after, why="put back")
