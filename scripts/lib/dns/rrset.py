"""RRsets as text, and the batch that turns one into another. Pure; ``zone.py`` makes writes of it.

Text of an RRset: one line a record, sorted, such as ``10 mail.example.net (TTL 300)``; empty where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fixtures.probes.cloudflare.api import Record
from fixtures.probes.dns import spf
from scripts.lib.change import Refused

AUTO, AUTO_S = 1, 300
"""Cloudflare's "automatic" TTL, and how many seconds it is (Cloudflare, DNS, "Time to Live")."""
STRING_MAX = 255
"""Octets of one character string of a TXT record (RFC 1035, 3.3)."""


def every(_: Record) -> bool:
    """The whole RRset."""
    return True


def is_spf(record: Record) -> bool:
    """Whether it is an SPF record (RFC 7208, 4.5); other TXT records of the name are none of its business."""
    return record.type == "TXT" and spf.is_spf(record.text)


def value(record: Record) -> str:
    """The record's data as text: ``10 mail.example.net`` for MX, the joined strings of a TXT."""
    return record.text if record.priority is None else f"{record.priority} {record.text}"


def seconds(record: Record) -> int:
    """How long the record may be kept."""
    return AUTO_S if record.ttl == AUTO else record.ttl


def told(records: Sequence[Record]) -> str:
    """An RRset as text."""
    return "\n".join(sorted(line(value(each), each.ttl, proxied=each.proxied) for each in records))


def line(text: str, ttl: int, *, proxied: bool = False) -> str:
    """One record of it."""
    return f"{text} (TTL {'automatic' if ttl == AUTO else ttl}{', proxied' if proxied else ''})"


def danger_of(name: str, kind: str, texts: Sequence[str], *, deletes: bool) -> str:
    """The class of a change that a person has to look at; empty if it is of none."""
    if kind in {"MX", "NS"}:
        return kind
    if "_domainkey" in name.split("."):
        return "DKIM"
    if name.startswith("_dmarc."):
        return "DMARC"
    if kind == "TXT" and any(map(spf.is_spf, texts)):
        return "SPF"
    return "deletes" if deletes else ""


Batch = dict[str, list[dict[str, Any]]]


def changes(stands: Sequence[Record], name: str, kind: str, wanted: Sequence[str], ttl: int) -> tuple[Batch, ...]:
    """The batches that turn what stands into what is wanted, in this order: two at most.

    A record that stays keeps its identity and comment. Others are patched into wanted ones, pair by pair (of an MX the
    same host first); what lacks is made with them, and what is over is deleted last. For Cloudflare writes a batch in
    one transaction, but it reaches the edge record by record (developers.cloudflare.com/dns/manage-dns-records/how-to/
    batch-record-changes): so there is a record at every moment, and never one that is neither old nor wanted. An MX
    that Email Routing made is not patched into another: it stays linked, and disabling deletes it, edited or not
    (github.com/cloudflare/cloudflare-docs/pull/32101).
    """
    here = {value(each): each for each in stands}
    kept = [(here[text], text) for text in dict.fromkeys(wanted) if text in here]
    old = [each for each in stands if all(each is not same for same, _ in kept)]
    new = [text for text in dict.fromkeys(wanted) if text not in here]
    stays = {each.text for each in old}
    for text in sorted(new, key=lambda text: text.rpartition(" ")[2] not in stays):
        host = text.rpartition(" ")[2]
        free = [each for each in old if kind != "MX" or each.text == host or not each.managed]
        if free:
            pair = next((each for each in free if each.text == host), free[0])
            kept.append((pair, text))
            old.remove(pair)
            new.remove(text)
    first: Batch = {
        "patches": [
            {"id": each.id, **_fields(name, kind, text, ttl)}
            for each, text in kept
            if (value(each), each.ttl, each.proxied) != (text, ttl, False)
        ],
        "posts": [_fields(name, kind, text, ttl) for text in new],
    }
    last: Batch = {"deletes": [{"id": each.id} for each in old]}
    batches = ({part: entries for part, entries in each.items() if entries} for each in (first, last))
    return tuple(each for each in batches if each)


def mx_added(stands: Sequence[Record], name: str, wanted: Sequence[str], ttl: int) -> dict[str, list[dict[str, Any]]]:
    """The batch after which the WANTED MX records stand too, beside whatever else does.

    Only a record of a wanted host is patched, for its preference or TTL: Cloudflare takes no second one (81057).
    """
    here = {each.text: each for each in stands}
    body: dict[str, list[dict[str, Any]]] = {"patches": [], "posts": []}
    for text in dict.fromkeys(wanted):
        fields, same = _fields(name, "MX", text, ttl), here.get(text.partition(" ")[2])
        if same is None:
            body["posts"].append(fields)
        elif (value(same), same.ttl) != (text, ttl):
            body["patches"].append({"id": same.id, **fields})
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
