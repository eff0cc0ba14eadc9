"""Email Routing's own switches as writes: enable, also by way of a subdomain, unlock, lock, and keep the SPF record.

Enabling, and locking again, is the API's "add and lock"; unlocking lets the MX be written (890190 while locked).
developers.cloudflare.com/api/resources/email_routing/subresources/dns
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.waiting import waiting
from fixtures.language import tr
from fixtures.migration import Migration
from fixtures.migration.trials import begun
from fixtures.probes.cloudflare import answers, api as cloudflare, changing, rate_limit
from fixtures.probes.cloudflare.api import Record
from scripts.lib.change import TRY_AGAIN_S, Job, Refused, Write
from scripts.lib.dns.records import danger_of, merged, set_rrset, set_spf, spf_texts, unlock_records

T = TypeVar("T")
EDIT = "Zone Settings: Edit"
GROUP = "Email Routing"
UNLOCKED = {"unlocked", "misconfigured"}
LOCKED, READY = "locked", "ready"
TRIES = 3
"""Of enabling, where an answer was lost, say."""
REFUSED = "code 2008"
"""Enabling while foreign MX records stand, a null MX among them: "Non-Cloudflare MX records exist", HTTP 409. Seen by
several; that they are replaced was seen by nobody yet, and would do no harm in this order."""
SYNC_PAUSE_S = 5.0
LEFT = "as Email Routing leaves it"
LATE_S = 2.0
"""For so long after a switch of Email Routing the SPF record is looked at. Nobody has seen that it takes any time."""


def status(migration: Migration, domain: str) -> str:
    """``off``, or the API's word."""
    return _ask(migration, domain, lambda it: str(it.get("status") or "unknown") if it["enabled"] else "off")


def _ask(migration: Migration, domain: str, read: Callable[[dict[str, Any]], T]) -> T:
    """What READ finds in the settings of Email Routing. An answer that is none of these is a ``CouldNotAsk`` too."""
    with cloudflare.asking(f"Email Routing of {domain}", "Zone Settings: Read"):
        return read(answers.result_of(cloudflare.routing_settings(migration, domain).json()))


def require_no_trial(job: Job) -> None:
    """``Refused`` while a trial of this zone is at it: what it takes away in the end would be this domain's mail."""
    if begun(job.migration.store, job.domain):
        raise Refused(
            f"a trial has begun in {job.domain}, and switches Email Routing off in its end. Nothing was written: first "
            "python -m scripts.trial, which goes on with it, or python -m scripts.trial --undo"
        )


def _takes_details(job: Job) -> bool:
    return _ask(job.migration, job.domain, lambda it: bool(it.get("support_subaddress")))


def _switched(job: Job) -> str:
    return "off" if status(job.migration, job.domain) == "off" else "enabled"


def enable(job: Job) -> Write:
    """Switch Email Routing on, once the MX is Cloudflare's."""
    do, read = partial(_while_refused, job), partial(_switched, job)
    return Write(GROUP, f"Email Routing of {job.domain}", "off", "enabled", do, read, tries=TRIES)


def _while_refused(job: Job) -> None:
    """Add and lock. Just after the MX has moved it may still be refused for the one that stood before."""
    while True:
        try:
            return add_and_lock(job)
        except CouldNotAsk as error:
            waited_s = job.migration.clock.now() - job.run.moved_at
            if REFUSED not in str(error) or waited_s > job.migration.settings.bounds.window_s / 2:
                raise
        time.sleep(TRY_AGAIN_S)


def disable(job: Job) -> Write:
    """Switch Email Routing off. It takes its records along, a merged SPF record among them (X10): look at them next."""

    def do() -> None:
        zone = cloudflare.zone(job.migration, job.domain)
        with cloudflare.asking(f"disabling Email Routing of {job.domain}", EDIT):
            changing.client(job.migration).email_routing.dns.delete(zone_id=zone.id)

    read = partial(_switched, job)
    return Write(GROUP, f"Email Routing of {job.domain}", "enabled", "off", do, read, danger="deletes")


def subaddressing(job: Job, *, wanted: bool) -> Iterator[Write]:
    """Whether ``user+detail@`` is taken by the rule of ``user@``: off as a zone comes, which loses such mail (C-5)."""

    def read() -> str:
        return "on" if _takes_details(job) else "off"

    now, then, do = read(), "on" if wanted else "off", partial(_set_subaddressing, job, wanted=wanted)
    if now != then:
        yield Write(GROUP, f"subaddressing of {job.domain}", now, then, do, read)


def _set_subaddressing(job: Job, *, wanted: bool) -> None:
    zone = cloudflare.zone(job.migration, job.domain)
    with cloudflare.asking(f"subaddressing of {job.domain}", EDIT):
        changing.client(job.migration).email_routing.edit(zone_id=zone.id, support_subaddress=wanted)


def unlock(job: Job) -> Write:
    """Let its records be written, and leave them so: going back needs nothing of Email Routing's API then.

    Mail flows without it: what can't be asked is tried, and what was tried counts as done.
    """
    tried = []

    def do() -> None:
        tried.append(True)
        unlock_records(job.migration, job.domain)

    def read() -> str:
        with suppress(CouldNotAsk):
            if tried or status(job.migration, job.domain) in UNLOCKED:
                return "unlocked"
        return "locked"

    return if_it_can(job, Write(GROUP, f"lock of the records of {job.domain}", "locked", "unlocked", do, read))


def if_it_can(job: Job, write: Write) -> Write:
    """WRITE, but what fails of it is only said: mail flows without it."""
    failed: list[bool] = []

    def do() -> None:
        try:
            write.do()
        except CouldNotAsk as error:
            failed.append(True)
            job.say(f"{write.subject}: not {write.after}, do it in the dashboard: {error}")

    return replace(write, do=do, read=lambda: write.after if failed else write.read())


def lock(job: Job) -> Write:
    """Have Email Routing add what lacks, and lock. What Cloudflare still finds wrong then is no failure of this."""
    done = []

    def do() -> None:
        _while_refused(job)
        done.append(True)

    def read() -> str:
        return LOCKED if done or status(job.migration, job.domain) == READY else "unlocked"

    return Write(GROUP, f"records of {job.domain}, complete and locked", "unlocked", LOCKED, do, read)


def keep_spf(job: Job, before: Sequence[str] = ()) -> Write:
    """The merged SPF record after enabling, which may have put Cloudflare's own in its place (X10).

    BEFORE: as ``merge_spf`` has it, which this must not take back.
    """
    migration, domain = job.migration, job.domain

    def stands() -> list[str]:
        return spf_texts(cloudflare.records(migration, domain), domain)

    wanted = merged(list(dict.fromkeys([*before, *stands()])), migration.settings.spf_includes)

    def do() -> None:
        for write in set_spf(job, domain, [wanted], migration.settings.bounds.ttl_s):
            job.say(f"Email Routing left {write.before!r}")
            write.do()

    def read() -> str:
        return wanted if stands() == [wanted] else LEFT

    return Write(f"DNS of {domain}", f"{domain} TXT", LEFT, wanted, do, read, danger="SPF")


def looked_at_long(write: Write) -> Write:
    """WRITE of a record that Email Routing may touch a little after it was switched: that nothing is to be done is
    known only once LATE_S have passed.
    """
    ends = 0.0

    def read() -> str:
        nonlocal ends
        ends = ends or time.monotonic() + LATE_S  # from the first look on
        with waiting(lambda: tr("{subject}: looking whether Email Routing changes it", subject=tr(write.subject))):
            while (found := write.read()) == write.after and time.monotonic() < ends:
                time.sleep(TRY_AGAIN_S)
        return found

    return replace(write, read=read)


def add_and_lock(job: Job, name: str = "") -> None:
    """Enable, or lock again. NAME: a subdomain; for the zone's own name none may be sent (see ``unlock_records``)."""
    zone = cloudflare.zone(job.migration, job.domain)
    with cloudflare.asking(f"enabling Email Routing of {name or job.domain}", EDIT):
        dns = changing.client(job.migration).email_routing.dns
        dns.create(zone_id=zone.id, name=name) if name else dns.create(zone_id=zone.id)


def prove_right(job: Job) -> None:
    """A call that changes nothing, before anything moves: a setting is written as it stands. ``CouldNotAsk``."""
    _set_subaddressing(job, wanted=_takes_details(job))


def wait_s(job: Job, requests: int) -> float:
    """In how many seconds Cloudflare takes so many REQUESTS; 0: now, or it does not say. ``CouldNotAsk``."""
    with cloudflare.asking(f"Email Routing of {job.domain}", "Zone Settings: Read"):
        return rate_limit.wait_s(requests, cloudflare.routing_settings(job.migration, job.domain).headers)


def say_state(job: Job) -> None:
    """What Cloudflare says of the domain now. It is waited until that is ready, within the window; no failure of ours.

    States as others saw them after enabling: ``misconfigured/locked``, and ``synced`` false for minutes.
    """
    clock = job.migration.clock
    until = clock.now() + job.migration.settings.bounds.window_s
    while True:
        try:
            found = cloudflare.routing(job.migration, job.domain)
        except CouldNotAsk as error:
            job.say(f"what Cloudflare says of {job.domain} could not be asked: {error}")
            return
        well = found.complete and found.synced is not False
        if well or clock.now() > until:
            break
        clock.sleep(SYNC_PAUSE_S)
    wrong = ", ".join((*found.faults, *(f"{each.type} {each.name} is missing" for each in found.missing)))
    synced = {True: "synced", False: "not synced yet", None: "synced or not: it does not say"}[found.synced]
    job.say(f"Cloudflare says of {job.domain}: {found.status}, {synced}" + (f": {wrong}" if wrong else ""))


def subdomain(job: Job) -> str:
    return f"{job.migration.settings.cloudflare.subdomain}.{job.domain}"


def enable_by_subdomain(job: Job) -> Write:
    """Add and lock the subdomain's records, which enables the zone; nothing of the domain's own is touched.

    Seen in September 2026 on a zone in production: a subdomain was ready and carried mail, while the zone's own name
    had a foreign MX. Whether Cloudflare's hosts take the domain's own addresses by then is not known; they are asked.
    """

    def read() -> str:
        return "enabled" if subdomain_records(job) and status(job.migration, job.domain) != "off" else "off"

    name = subdomain(job)
    return Write(GROUP, f"Email Routing of {name}", "off", "enabled", partial(add_and_lock, job, name), read)


def subdomain_removed(job: Job, *, fresh: bool) -> Iterator[Write]:
    """What was placed for the subdomain goes again. FRESH: it will have been.

    By DNS, and not by ``disable`` with its name, for which only tests of Cloudflare's own ask: if it reads no name
    there, it switches off the domain, whose mail it has by then.
    """
    if not (fresh or subdomain_records(job)):
        return

    def do() -> None:
        unlock_records(job.migration, job.domain, subdomain(job))
        for owner, kind in dict.fromkeys((each.name, each.type) for each in subdomain_records(job)):
            texts = [each.text for each in subdomain_records(job) if (each.name, each.type) == (owner, kind)]
            danger = danger_of(owner, kind, texts, deletes=True)
            for write in set_rrset(job, job.domain, owner, kind, [], 1, danger):
                write.do()

    def read() -> str:
        return "enabled" if subdomain_records(job) else "off"

    yield if_it_can(job, Write(GROUP, f"records of {subdomain(job)}", "enabled", "off", do, read, danger="deletes"))


def subdomain_records(job: Job) -> tuple[Record, ...]:
    mine = subdomain(job)
    found = cloudflare.records(job.migration, job.domain).records
    return tuple(each for each in found if each.name == mine or each.name.endswith(f".{mine}"))
