"""A domain's MX led back to EC2: its records are added, and then Cloudflare's deleted. Two writes, by DNS alone.

Why not one batch that edits one into the other:
- A record that Email Routing made stays linked to it, however it was edited after unlocking, and goes when routing is
  disabled (cloudflare-docs pull request 32101). EC2's MX must not go that way, so it gets records of its own.
- In one batch Cloudflare deletes before it makes, and the edge sees record by record (Cloudflare, "Batch record
  changes"): a resolver could meet no MX at all. Between two batches it meets both, and either side takes the mail.
- A lock (code 890190) refuses the first batch whole; nothing has changed then, and unlocking is tried only there, so
  that Email Routing's API is needed by nobody who has no lock.
- After a lost answer what stands is read before the batch is made again: a second record with EC2's name would be
  refused (81057, 81058).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import queries as dns
from fixtures.store import StoreError
from scripts.lib.change import Job, Write
from scripts.lib.dns.rrset import line, mx_added, told, value
from scripts.lib.dns.zone import batch, pasted

Body = dict[str, list[dict[str, Any]]]
GROUP = "mail goes to EC2 again"
TRIES = 2
MADE = "switched records"
"""Kind of record: ``ids`` of the MX that a switch made, as one report has Email Routing's own left out of the list."""


def mx_back(job: Job, before: Sequence[Record], ttl: int) -> Iterator[Write]:
    """What is missing of BEFORE is added, with this TTL in seconds; then whatever else stands is deleted."""
    migration, domain = job.migration, job.domain
    wanted, hosts = [value(each) for each in before], {each.text for each in before}
    stands = _stands(job)
    others = [line(value(each), each.ttl) for each in stands if each.text not in hosts]
    ours = [line(text, ttl) for text in dict.fromkeys(wanted)]
    now, both, then = told(stands), "\n".join(sorted([*others, *ours])), "\n".join(sorted(ours))

    def add(stands: Sequence[Record]) -> Body:
        return mx_added(stands, domain, wanted, ttl)

    def remove(stands: Sequence[Record]) -> Body:
        gone = [{"id": each.id} for each in stands if each.text not in hosts]
        return {"deletes": gone} if gone else {}

    for subject, stood, stays, body in (
        (f"{domain} MX, EC2's added", now, both, add),
        (f"{domain} MX, the others deleted", both, then, remove),
    ):
        if stood != stays:
            command = pasted(cloudflare.zone(migration, domain).id, body(stands))
            yield Write(
                GROUP, subject, stood, stays, partial(_make, job, body), partial(_read, job), command, "MX", TRIES
            )


def left_over(job: Job) -> None:
    """Say where name servers still name Cloudflare's MX though the API lists none, which one report has seen."""
    try:
        answers = dns.ask(dns.authorities(job.domain), job.domain, "MX")
    except CouldNotAsk:
        return
    still = [str(each.server) for each in answers if any(map(cloudflare.is_mx, each.hosts))]
    if still:
        job.say(
            f"{', '.join(still)} still name Cloudflare's MX beside EC2's: they lag, or Email Routing hides its own "
            "records. Mail is taken both ways meanwhile. If it stays so, delete them in the dashboard, DNS > Records"
        )


def _make(job: Job, body: Callable[[Sequence[Record]], Body]) -> None:
    batch(job.migration, job.domain, f"{job.domain} MX", body(_stands(job)), once=True)


def _read(job: Job) -> str:
    return told(_stands(job))


def _stands(job: Job) -> tuple[Record, ...]:
    """The MX that are listed, and of those that the switch made also what Email Routing hides from the list."""
    listed = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
    if not hasattr(job.options, "made"):  # once: a store that is out of reach may take its time to say so
        job.options.made = []
        with suppress(StoreError):  # it goes without
            job.options.made = (job.migration.store.last(MADE, job.domain) or {"ids": []})["ids"]
    made, shown = job.options.made, {each.id for each in listed}
    asked = (cloudflare.record_of(job.migration, job.domain, each) for each in made if each not in shown)
    return (*listed, *(each for each in asked if each and (each.name, each.type) == (job.domain, "MX")))
