"""Email Routing enabled by way of a subdomain, while EC2's MX stands at the domain itself.

Seen in September 2026 on a zone in production: a subdomain was ready and carried mail, while the zone's own name had a
foreign MX. Whether Cloudflare's hosts take the domain's own addresses by then is not known; they are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn

from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare.routing import GROUP, add_and_lock, if_it_can, status
from scripts.lib.cloudflare.settling import Look
from scripts.lib.dns.rrset import danger_of
from scripts.lib.dns.zone import set_rrset, unlock_records

SET_UP, NONE = "enabled", "off"


def name(job: Job) -> str:
    return f"{job.migration.settings.cloudflare.subdomain}.{job.domain}"


def enable(job: Job) -> Write:
    """Add and lock the subdomain's records, which enables the zone; nothing of the domain's own is touched."""

    def read() -> str:
        return SET_UP if _records(job) and status(job.migration, job.domain) != "off" else NONE

    return Write(GROUP, f"Email Routing of {name(job)}", NONE, SET_UP, lambda: add_and_lock(job, name(job)), read)


def removed(job: Job, *, fresh: bool) -> Iterator[Write]:
    """What was placed for the subdomain goes again. FRESH: it will have been."""
    if not (fresh or _records(job)):
        return

    def do() -> None:
        unlock_records(job.migration, job.domain, name(job))
        for owner, kind in dict.fromkeys((each.name, each.type) for each in _records(job)):
            texts = [each.text for each in _records(job) if (each.name, each.type) == (owner, kind)]
            danger = danger_of(owner, kind, texts, deletes=True)
            for write in set_rrset(job, job.domain, owner, kind, [], 1, danger):
                write.do()

    def read() -> str:
        return SET_UP if _records(job) else NONE

    yield if_it_can(job, Write(GROUP, f"records of {name(job)}", SET_UP, NONE, do, read, danger="deletes"))


def giving_up(job: Job) -> Callable[[Look], None]:
    """Nothing has moved: the subdomain goes, and what is left is said."""

    def give_up(found: Look) -> NoReturn:
        for write in removed(job, fresh=True):
            write.do()
        raise Refused(
            f"{found}\n  Nothing has moved, and {name(job)} is gone again. By this way it can't be done: set "
            'cloudflare.enabling = "refuses" in migration.toml, with its window, judge the gate again, and plan again'
        )

    return give_up


def _records(job: Job) -> tuple[Record, ...]:
    mine = name(job)
    found = cloudflare.records(job.migration, job.domain).records
    return tuple(each for each in found if each.name == mine or each.name.endswith(f".{mine}"))
