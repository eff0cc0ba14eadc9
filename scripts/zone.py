"""Changes of DNS records, as writes for ``change.py``: one write replaces one RRset of a zone, in one batch call.

``set_rrset`` makes, replaces and deletes; ``set_ttl`` changes nothing but how long an RRset may be kept. Both plan
nothing where everything already stands as wanted. Text of an RRset: one line a record, sorted, such as
``10 mail.example.net (TTL 300)``; empty where there is none.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fixtures.migration import Migration
from fixtures.probes import cloudflare
from fixtures.probes.cloudflare import Record, Records
from scripts.change import Job, Refused, Write

AUTO, AUTO_S = 1, 300
"""Cloudflare's "automatic" TTL, and how many seconds it is (Cloudflare, DNS, "Time to Live")."""
STRING_MAX = 255
"""Octets of one character string of a TXT record (RFC 1035, 3.3)."""
_BATCH = "https://api.cloudflare.com/client/v4/zones/{}/dns_records/batch"


def every(_: Record) -> bool:
    """The whole RRset."""
    return True


def is_spf(record: Record) -> bool:
    """Whether it is an SPF record (RFC 7208, 4.5); other TXT records of the name are none of its business."""
    return record.type == "TXT" and (record.text.lower() + " ").startswith("v=spf1 ")


def value(record: Record) -> str:
    """The record's data as text: ``10 mail.example.net`` for MX, the joined strings of a TXT."""
    return record.text if record.priority is None else f"{record.priority} {record.text}"


def seconds(record: Record) -> int:
    """How long the record may be kept."""
    return AUTO_S if record.ttl == AUTO else record.ttl


def is_managed(job: Job, records: Sequence[Record]) -> bool:
    """Whether the MX records are Email Routing's own: Cloudflare gives them their TTL, and locks them."""
    return any(each.text in job.migration.settings.cloudflare.mx for each in records)


def told(records: Sequence[Record]) -> str:
    """An RRset as text."""
    return "\n".join(sorted(map(_line, records)))


def set_rrset(  # noqa: PLR0913, PLR0917 - an RRset is zone, name, type, data and TTL, and its class of danger is said aloud
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
    before, after = told(stands), "\n".join(sorted(f"{text} (TTL {_ttl(ttl)})" for text in set(wanted)))
    if before == after:
        return
    touched = danger_of(name, kind, (*wanted, *map(value, stands)), deletes=len(stands) > len(set(wanted)))
    if touched and touched != danger:
        allowed = danger or "nothing of danger"
        raise Refused(f"{name} {kind}: this would change {touched}, and the script allows itself {allowed}")
    body = changes(stands, name, kind, wanted, ttl)
    zone_id = cloudflare.zone(migration, domain).id

    def select() -> tuple[Record, ...]:
        return _select(cloudflare.records(migration, domain).of(name, kind), only)

    def do() -> None:
        _batch(migration, zone_id, f"{name} {kind}", changes(select(), name, kind, wanted, ttl))

    command = (
        'curl --fail-with-body -H "Authorization: Bearer $MXGATE_CLOUDFLARE_TOKEN" -H "Content-Type: application/json" '
        f"--data {shlex.quote(json.dumps(body))} {_BATCH.format(zone_id)}"
    )
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


def danger_of(name: str, kind: str, texts: Sequence[str], *, deletes: bool) -> str:
    """The class of a change that a person has to look at; empty if it is of none."""
    if kind in {"MX", "NS"}:
        return kind
    if "_domainkey" in name.split("."):
        return "DKIM"
    if name.startswith("_dmarc."):
        return "DMARC"
    if kind == "TXT" and any((text.lower() + " ").startswith("v=spf1 ") for text in texts):
        return "SPF"
    return "deletes" if deletes else ""


def changes(
    stands: Sequence[Record], name: str, kind: str, wanted: Sequence[str], ttl: int
) -> dict[str, list[dict[str, Any]]]:
    """The batch that turns what stands into what is wanted.

    A record that stays keeps its identity and comment, and so does one that is replaced by one; otherwise what is no
    longer wanted is deleted and what is new is made. Cloudflare does both in one transaction, deletions first.
    """
    here = {value(each): each for each in stands}
    kept = [(here[text], text) for text in dict.fromkeys(wanted) if text in here]
    old = [each for each in stands if all(each is not stays for stays, _ in kept)]
    new = [text for text in dict.fromkeys(wanted) if text not in here]
    if len(old) == len(new) == 1:
        kept, old, new = [*kept, (old[0], new[0])], [], []
    body: dict[str, list[dict[str, Any]]] = {
        "deletes": [{"id": each.id} for each in old],
        "patches": [
            {"id": each.id, **_fields(name, kind, text, ttl)}
            for each, text in kept
            if _line(each) != f"{text} (TTL {_ttl(ttl)})"
        ],
        "posts": [_fields(name, kind, text, ttl) for text in new],
    }
    return {part: entries for part, entries in body.items() if entries}


def _fields(name: str, kind: str, text: str, ttl: int) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": kind, "name": name, "ttl": ttl}
    if kind == "MX":
        priority, _, host = text.partition(" ")
        return {**fields, "priority": int(priority), "content": host}
    if kind == "TXT":
        return {**fields, "content": quoted(text)}
    return {**fields, "content": text, **({"proxied": False} if kind in {"A", "AAAA", "CNAME"} else {})}


def quoted(text: str) -> str:
    """A TXT record's content as the API wants it: quoted strings of at most 255 octets (RFC 1035, 5.1)."""
    if not text.isascii() or any(character in text for character in '"\\'):
        raise Refused(f"TXT {text!r}: expected ASCII without quotes and backslashes")
    parts = [text[at : at + STRING_MAX] for at in range(0, len(text), STRING_MAX)] or [""]
    return " ".join(f'"{part}"' for part in parts)


def _batch(migration: Migration, zone_id: str, what: str, body: dict[str, Any]) -> None:
    if body:
        with cloudflare.asking(f"change of {what}", "DNS: Edit"):
            cloudflare.client(migration).dns.records.batch(zone_id=zone_id, **body)


def _select(records: Sequence[Record], only: Callable[[Record], bool]) -> tuple[Record, ...]:
    return tuple(filter(only, records))


def _line(record: Record) -> str:
    return f"{value(record)} (TTL {_ttl(record.ttl)}{', proxied' if record.proxied else ''})"


def _ttl(ttl: int) -> str:
    return "automatic" if ttl == AUTO else str(ttl)
