"""DNS records: RRsets as text, the batch that turns one into another, SPF records merged, and all that as writes.

Text of an RRset: one line a record, sorted, such as ``10 mail.example.net (TTL 300)``; empty where there is none.
``set_rrset`` makes, replaces and deletes one RRset in one write; ``set_ttl`` changes only how long it may be kept.
Both plan nothing where everything already stands as wanted.
"""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.probes.cloudflare.answers import CURL
from fixtures.probes.cloudflare.api import AUTO, Record, Records
from fixtures.probes.dns import spf
from scripts.lib.change import Job, Refused, Write

STRING_MAX = 255
"""Octets of one character string of a TXT record (RFC 1035, 3.3)."""
LOCKED = "managed by Email Routing"
"""Email Routing holds the records (MX, DKIM) until they are unlocked: seen for every way of writing them, with one text
and code 890190, or 1046."""
_BATCH = "https://api.cloudflare.com/client/v4/zones/{}/dns_records/batch"
_MILDEST_FIRST = "+?~-"
Batch = dict[str, list[dict[str, Any]]]


def every(_: Record) -> bool:
    """The whole RRset."""
    return True


def is_spf(record: Record) -> bool:
    """Whether it is an SPF record (RFC 7208, 4.5); other TXT records of the name are none of its business."""
    return record.type == "TXT" and spf.is_spf(record.text)


def value(record: Record) -> str:
    """The record's data as text: ``10 mail.example.net`` for MX, the joined strings of a TXT."""
    return record.text if record.priority is None else f"{record.priority} {record.text}"


def as_text(records: Sequence[Record]) -> str:
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
    return N_("deletes") if deletes else ""


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
    stands = tuple(filter(only, (present or cloudflare.records(migration, domain)).of(name, kind)))
    before, after = as_text(stands), "\n".join(sorted(line(text, ttl) for text in set(wanted)))
    if before == after:
        return
    touched = danger_of(name, kind, (*wanted, *map(value, stands)), deletes=len(stands) > len(set(wanted)))
    if touched and touched != danger:
        allowed = danger or "nothing of danger"
        raise Refused(f"{name} {kind}: this would change {touched}, and the script allows itself {allowed}")

    def select() -> tuple[Record, ...]:
        return tuple(filter(only, cloudflare.records(migration, domain).of(name, kind)))

    def do() -> list[str]:
        """The ids of what stands then."""
        old = select()
        bodies = changes(old, name, kind, wanted, ttl)
        new = [identifier for body in bodies for identifier in batch(migration, domain, f"{name} {kind}", body)]
        gone = {entry["id"] for body in bodies for entry in body.get("deletes", ())}
        return [*dict.fromkeys((*(each.id for each in old if each.id not in gone), *new))]

    zone_id = cloudflare.zone(migration, domain).id
    command = " &&\n".join(pasted(zone_id, body) for body in changes(stands, name, kind, wanted, ttl))
    yield Write(f"DNS of {domain}", f"{name} {kind}", before, after, do, lambda: as_text(select()), command, touched)


def set_ttl(  # noqa: PLR0913, PLR0917 - as set_rrset
    job: Job, domain: str, name: str, kind: str, ttl: int, present: Records, *, shorter: bool
) -> Iterator[Write]:
    """The RRset as it stands (of TXT records the SPF), with another TTL: only ever SHORTER, or only ever longer.

    MX records of Cloudflare's own making stay: it gives them their TTL, and locks them.
    """
    only = is_spf if kind == "TXT" else every
    stands = tuple(filter(only, present.of(name, kind)))
    if kind == "MX" and any(cloudflare.is_mx(each.text) for each in stands):
        return
    if any(each.kept_s > ttl if shorter else each.kept_s < ttl for each in stands):
        danger = {"MX": "MX", "TXT": "SPF"}.get(kind, "")
        values = [value(each) for each in stands]
        yield from set_rrset(job, domain, name, kind, values, ttl, danger, only=only, present=present)


def set_spf(  # noqa: PLR0913 - as set_rrset
    job: Job, name: str, wanted: Sequence[str], ttl: int, *, domain: str = "", present: Records | None = None
) -> Iterator[Write]:
    """At most one write, after which the SPF record of NAME is WANTED. DOMAIN: its zone, if that is another name."""
    yield from set_rrset(job, domain or name, name, "TXT", wanted, ttl, "SPF", only=is_spf, present=present)


def spf_texts(present: Records, name: str) -> list[str]:
    """The SPF records of a name; more than one are an error to receivers."""
    return [each.text for each in present.of(name, "TXT") if is_spf(each)]


def pasted(zone_id: str, body: dict[str, Any]) -> str:
    """The batch as a command for a person to paste."""
    return f"{CURL} --fail-with-body --json {shlex.quote(json.dumps(body))} {_BATCH.format(zone_id)}"


def batch(migration: Migration, domain: str, what: str, body: dict[str, Any], *, once: bool = False) -> list[str]:
    """Write it; returns the ids of what was made and patched.

    Unlocked first where Cloudflare says that it must be, and only then: DNS can be written without that API.

    ONCE: not repeated after an answer that was lost.
    """
    if not body:
        return []
    zone_id = cloudflare.zone(migration, domain).id
    client = changing.once(migration) if once else changing.client(migration)

    def do() -> list[str]:
        with cloudflare.asking(f"change of {what}", "DNS: Edit"):
            return _ids(client.post(f"/zones/{zone_id}/dns_records/batch", cast_to=object, body=body))

    try:
        return do()
    except CouldNotAsk as error:
        if LOCKED not in str(error):
            raise
        unlock_records(migration, domain)
        return do()


def _ids(answer: Any) -> list[str]:
    """Of what was made and patched; whoever needs them looks for more where an answer is odd."""
    done = answer.get("result") if isinstance(answer, dict) else None
    parts = [done.get(name) for name in ("posts", "patches")] if isinstance(done, dict) else []
    rows = [each for part in parts if isinstance(part, list) for each in part if isinstance(each, dict)]
    return [str(each["id"]) for each in rows if "id" in each]


def unlock_records(migration: Migration, domain: str, name: str = "") -> None:
    """Let the records of Email Routing be written. NAME: a subdomain; for the zone's own name none may be sent.

    Its own name is refused with 2007 (seen for POST: terraform-provider-cloudflare issue 5890; wrangler sends no body).
    """
    zone = cloudflare.zone(migration, domain)
    with cloudflare.asking(f"unlocking the records of {name or domain}", "Zone Settings: Edit"):
        dns = changing.client(migration).email_routing.dns
        dns.edit(zone_id=zone.id, name=name) if name else dns.edit(zone_id=zone.id)


def merged(texts: Sequence[str], includes: Sequence[str]) -> str:
    """One record of all TEXTS: their mechanisms in order, each once, then the INCLUDES that lack, then ``all``.

    Of several ``all`` the mildest stays; where there is no record yet it is ``~all``, where a record has none it gets
    none. Raises ``Refused`` for what can't be merged: a redirect with another record, what is no term, a term that
    nobody reads, an include that is denied.
    """
    mechanisms, modifiers, alls = list[spf.Term](), list[spf.Term](), list[spf.Term]()
    away = next((each.text for text in texts for each in _terms(text) if each.name == "redirect"), "")
    if away and len(texts) > 1:
        raise Refused(
            f"{away} hands the word to another record, and there are several. Put that record's terms here first"
        )
    for text in texts:
        ended = False
        for term in _terms(text):
            if not term.qualifier:
                modifiers.append(term)
            elif ended:
                raise Refused(
                    f"{text!r}: nobody reads {term.text}, which stands after all (RFC 7208, 5.1). Take it out first"
                )
            elif term.name == "all":
                ended = True
                alls.append(term)
            else:
                mechanisms.append(term)
    words = [term.text for term in mechanisms]
    words += [f"include:{name}" for name in includes if not _included(mechanisms, name)]
    alls.sort(key=lambda term: _MILDEST_FIRST.find(term.qualifier))
    words += [term.text for term in alls[:1]] if texts else ["~all"]
    return " ".join(dict.fromkeys(("v=spf1", *words, *(term.text for term in modifiers))))


def _terms(text: str) -> tuple[spf.Term, ...]:
    try:
        found = spf.terms(text)
    except spf.Malformed as why:
        raise Refused(f"{text!r} is no record of SPF (RFC 7208, 12): {why}. Correct it first") from None
    return found


def _included(mechanisms: Sequence[spf.Term], name: str) -> bool:
    for term in mechanisms:
        if (term.name, term.value.lower()) == ("include", name.lower()):
            if term.qualifier != "+":
                raise Refused(f"{term.text} says that {name} may not send. Take the {term.qualifier!r} away first")
            return True
    return False
