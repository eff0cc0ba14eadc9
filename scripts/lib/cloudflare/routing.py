"""Email Routing's own switches as writes: enable, unlock, lock, and keep the SPF record.

Enabling, and locking again, is the API's "add and lock"; unlocking lets the MX be written (890190 while locked).
developers.cloudflare.com/api/resources/email_routing/subresources/dns
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.change import TRY_AGAIN_S, Job, Refused, Write
from scripts.lib.dns.spf_text import SENDGRID, merged
from scripts.lib.dns.zone import is_spf, set_rrset, unlock_records

EDIT = "Zone Settings: Edit"
GROUP = "Email Routing"
UNLOCKED = {"unlocked", "misconfigured"}
LOCKED, READY = "locked", "ready"
TRIES = 3
"""Of enabling, where an answer was lost, say."""
REFUSED = "code 2008"
"""Enabling while foreign MX records stand, a null MX among them: "Non-Cloudflare MX records exist", HTTP 409. Seen by
several; ``replaces`` was seen by nobody yet."""
SYNC_PAUSE_S = 5.0
LEFT = "as Email Routing leaves it"


def status(migration: Migration, domain: str) -> str:
    """``off``, or the API's word."""
    zone = cloudflare.zone(migration, domain)
    with cloudflare.asking(f"Email Routing of {domain}", "Zone Settings: Read"):
        told: Any = cloudflare.client(migration).email_routing.get(zone_id=zone.id)
        return str(told.status or "unknown") if told.enabled else "off"


def enable(job: Job, danger: str = "") -> Write:
    """Switch Email Routing on. Refused with the way out where foreign MX records are in its way."""

    def do() -> None:
        settings = job.migration.settings
        while True:
            try:
                return add_and_lock(job)
            except CouldNotAsk as error:
                if REFUSED not in str(error):
                    raise
                if settings.cloudflare.enabling != "refuses":
                    raise Refused(
                        f'{error}. Nothing was changed. In migration.toml set cloudflare.enabling = "refuses", judge '
                        "the gate again, and plan again: then the MX goes first"
                    ) from None
                # Just after the batch it may still be refused for the MX that stood before.
                if job.migration.clock.now() - job.options.moved_at > settings.bounds.window_s / 2:
                    raise
            time.sleep(TRY_AGAIN_S)

    def read() -> str:
        return "off" if status(job.migration, job.domain) == "off" else "enabled"

    return Write(GROUP, f"Email Routing of {job.domain}", "off", "enabled", do, read, danger=danger, tries=TRIES)


def disable(job: Job) -> Write:
    """Switch Email Routing off. It takes its records along, a merged SPF record among them (X10): look at them next."""

    def do() -> None:
        zone = cloudflare.zone(job.migration, job.domain)
        with cloudflare.asking(f"disabling Email Routing of {job.domain}", EDIT):
            cloudflare.client(job.migration).email_routing.dns.delete(zone_id=zone.id)

    def read() -> str:
        return "off" if status(job.migration, job.domain) == "off" else "enabled"

    return Write(GROUP, f"Email Routing of {job.domain}", "enabled", "off", do, read, danger="deletes")


def subaddressing(job: Job, *, wanted: bool) -> Iterator[Write]:
    """Whether ``user+detail@`` is taken by the rule of ``user@``: off as a zone comes, which loses such mail (C-5)."""

    def set_to(wanted: bool) -> None:
        zone = cloudflare.zone(job.migration, job.domain)
        with cloudflare.asking(f"subaddressing of {job.domain}", EDIT):
            cloudflare.client(job.migration).email_routing.edit(zone_id=zone.id, support_subaddress=wanted)

    def read() -> str:
        zone = cloudflare.zone(job.migration, job.domain)
        with cloudflare.asking(f"Email Routing of {job.domain}", "Zone Settings: Read"):
            told: Any = cloudflare.client(job.migration).email_routing.get(zone_id=zone.id)
            return "on" if told.support_subaddress else "off"

    now, then = read(), "on" if wanted else "off"
    if now != then:
        yield Write(GROUP, f"subaddressing of {job.domain}", now, then, lambda: set_to(wanted), read)


def unlock(job: Job) -> Write:
    """Let its records be written, and leave them so: going back needs nothing of Email Routing's API then."""

    def read() -> str:
        return "unlocked" if status(job.migration, job.domain) in UNLOCKED else "locked"

    subject = f"lock of the records of {job.domain}"
    made = Write(GROUP, subject, "locked", "unlocked", lambda: unlock_records(job.migration, job.domain), read)
    return if_it_can(job, made)


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
        add_and_lock(job)
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
        return [each.text for each in cloudflare.records(migration, domain).of(domain, "TXT") if is_spf(each)]

    wanted = merged([*before, *stands()], (migration.settings.cloudflare.spf_include, SENDGRID))

    def do() -> None:
        for write in set_rrset(
            job, domain, domain, "TXT", [wanted], migration.settings.bounds.ttl_s, "SPF", only=is_spf
        ):
            job.say(f"Email Routing left {write.before!r}")
            write.do()

    def read() -> str:
        return wanted if stands() == [wanted] else LEFT

    return Write(f"DNS of {domain}", f"{domain} TXT", LEFT, wanted, do, read, danger="SPF")


def add_and_lock(job: Job, name: str = "") -> None:
    """Enable, or lock again. NAME: a subdomain; for the zone's own name none may be sent (see ``unlock_records``)."""
    zone = cloudflare.zone(job.migration, job.domain)
    with cloudflare.asking(f"enabling Email Routing of {name or job.domain}", EDIT):
        dns = cloudflare.client(job.migration).email_routing.dns
        dns.create(zone_id=zone.id, name=name) if name else dns.create(zone_id=zone.id)


def prove_right(job: Job) -> None:
    """A call that changes nothing, before anything moves: the settings are written as they stand. ``CouldNotAsk``."""
    zone, sdk = cloudflare.zone(job.migration, job.domain), cloudflare.client(job.migration).email_routing
    with cloudflare.asking(f"Email Routing of {job.domain}, written as it stands", EDIT):
        stands: Any = sdk.get(zone_id=zone.id)
        sdk.edit(zone_id=zone.id, support_subaddress=bool(stands.support_subaddress))


def told_state(job: Job) -> None:
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
    synced = {True: "synced", False: "not synced yet", None: "synced or not: not told"}[found.synced]
    job.say(f"Cloudflare says of {job.domain}: {found.status}, {synced}" + (f": {wrong}" if wrong else ""))
