"""Changes of DNS records, as writes for ``change.py``: one write replaces one RRset of a zone, in one batch call.

``set_rrset`` makes, replaces and deletes; ``set_ttl`` changes nothing but how long an RRset may be kept. Both plan
nothing where everything already stands as wanted. How an RRset looks as text: ``rrset.py``.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dns.rrset import changes, danger_of, every, is_spf, line, seconds, told, value

__all__ = ["is_managed", "is_spf", "seconds", "set_rrset", "set_ttl", "value"]
LOCKED = "managed by Email Routing"
"""Email Routing holds the records (MX, DKIM) until they are unlocked: seen for every way of writing them, with one text
and code 890190, or 1046."""
_BATCH = "https://api.cloudflare.com/client/v4/zones/{}/dns_records/batch"


def is_managed(records: Sequence[Record]) -> bool:
    """Whether the MX records are Email Routing's own: Cloudflare gives them their TTL, and locks them."""
    return any(cloudflare.is_mx(each.text) for each in records)


def set_rrset(  # noqa: PLR0913, PLR0917 - an RRset is that much, and the danger is said aloud
    job: Job,
    domain: str,
    name: str,
    kind: str,
    wanted: Sequence[str],
    ttl: int,
    danger: str = "",
    *,
    only: Callable[[Record], bool] = every,
    present: Records | None = None,
) -> Iterator[Write]:
    """At most one write, after which the RRset NAME KIND in the zone of DOMAIN is WANTED, unproxied, with this TTL.

    WANTED: as ``value`` gives them; empty deletes. ONLY: which records of the RRset are meant, such as ``is_spf``.
    DANGER: what the script allows itself to change; ``Refused`` if it is of another class (``MX``, ``SPF``, ``DKIM``,
    ``DMARC``, ``NS``, or ``deletes``). PRESENT spares asking again while planning. Raises ``CouldNotAsk``.
    """
    migration = job.migration
    stands = _select((present or cloudflare.records(migration, domain)).of(name, kind), only)
    before, after = told(stands), "\n".join(sorted(line(text, ttl) for text in set(wanted)))
    if before == after:
        return
    touched = danger_of(name, kind, (*wanted, *map(value, stands)), deletes=len(stands) > len(set(wanted)))
    if touched and touched != danger:
        allowed = danger or "nothing of danger"
        raise Refused(f"{name} {kind}: this would change {touched}, and the script allows itself {allowed}")

    def select() -> tuple[Record, ...]:
        return _select(cloudflare.records(migration, domain).of(name, kind), only)

    def do() -> None:
        for body in changes(select(), name, kind, wanted, ttl):
            batch(migration, domain, f"{name} {kind}", body)

    zone_id = cloudflare.zone(migration, domain).id
    command = " &&\n".join(pasted(zone_id, body) for body in changes(stands, name, kind, wanted, ttl))
    yield Write(f"DNS of {domain}", f"{name} {kind}", before, after, do, lambda: told(select()), command, touched)


def set_ttl(  # noqa: PLR0913, PLR0917 - as set_rrset
    job: Job,
    domain: str,
    name: str,
    kind: str,
    ttl: int,
    danger: str = "",
    *,
    only: Callable[[Record], bool] = every,
    present: Records | None = None,
) -> Iterator[Write]:
    """The RRset as it stands, with another TTL. Nothing where there is no such record."""
    found = present or cloudflare.records(job.migration, domain)
    values = [value(each) for each in _select(found.of(name, kind), only)]
    if values:
        yield from set_rrset(job, domain, name, kind, values, ttl, danger, only=only, present=found)


def pasted(zone_id: str, body: dict[str, Any]) -> str:
    """The batch as a command for a person to paste."""
    return (
        "printf 'oauth2-bearer = %s' \"$MXGATE_CLOUDFLARE_TOKEN\" | curl --config - --fail-with-body "
        f"--json {shlex.quote(json.dumps(body))} {_BATCH.format(zone_id)}"
    )


def batch(migration: Migration, domain: str, what: str, body: dict[str, Any], *, once: bool = False) -> None:
    """Unlocked first where Cloudflare says that it must be, and only then: DNS can be written without that API.

    ONCE: not repeated after an answer that was lost.
    """
    if not body:
        return
    zone_id = cloudflare.zone(migration, domain).id
    client = cloudflare.once(migration) if once else cloudflare.client(migration)

    def do() -> None:
        with cloudflare.asking(f"change of {what}", "DNS: Edit"):
            client.dns.records.batch(zone_id=zone_id, **body)

    try:
        do()
    except CouldNotAsk as error:
        if LOCKED not in str(error):
            raise
        unlock_records(migration, domain)
        do()


def unlock_records(migration: Migration, domain: str, name: str = "") -> None:
    """Let the records of Email Routing be written. NAME: a subdomain; for the zone's own name none may be sent.

    Its own name is refused with 2007 (seen for POST: terraform-provider-cloudflare issue 5890; wrangler sends no body).
    """
    zone = cloudflare.zone(migration, domain)
    with cloudflare.asking(f"unlocking the records of {name or domain}", "Zone Settings: Edit"):
        dns = cloudflare.client(migration).email_routing.dns
        dns.edit(zone_id=zone.id, name=name) if name else dns.edit(zone_id=zone.id)


def _select(records: Sequence[Record], only: Callable[[Record], bool]) -> tuple[Record, ...]:
    return tuple(filter(only, records))
