"""A domain's MTA-STS policy (RFC 8461): the file, and the record whose id tells senders to fetch it again."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from hashlib import sha256

from fixtures.probes import cloudflare
from fixtures.probes.cloudflare import Record
from fixtures.transport import shell
from scripts.change import Job, Refused, Write
from scripts.zone import set_rrset, value

ROUTING = "*.mx.cloudflare.net"
"""Cloudflare's MX hosts, as its own policy names them (Cloudflare, Email Routing, "MTA-STS")."""
_KEYS = ("version", "mode", "max_age")
_REPLACE = 'umask 022; cat >"$1.new" && chmod --reference="$1" "$1.new" && sync "$1.new" && mv -f "$1.new" "$1"'


def policy(text: str, mx: Sequence[str]) -> str:
    """The policy with these MX patterns; version, mode and max_age as they are. ``Refused`` if it is none.

    Lines end in CRLF (RFC 8461, 3.2).
    """
    pairs = [
        (key.strip(), found.strip())
        for key, colon, found in (line.partition(":") for line in text.split("\n"))
        if colon
    ]
    fields = dict(pairs)
    if fields.get("version") != "STSv1" or any(key not in fields for key in _KEYS):
        raise Refused(f"no MTA-STS policy: expected the fields {', '.join(_KEYS)} (RFC 8461, 3.2), found {text!r}")
    kept = [f"{key}: {found}" for key, found in pairs if key not in {*_KEYS, "mx"}]
    lines = ["version: STSv1", f"mode: {fields['mode']}", *(f"mx: {name}" for name in mx)]
    return "".join(f"{line}\r\n" for line in (*lines, f"max_age: {fields['max_age']}", *kept))


def identifier(text: str) -> str:
    """The id of a policy: the same for the same text. At most 32 letters and digits (RFC 8461, 3.1)."""
    return sha256(text.encode()).hexdigest()[:32]


def publish(job: Job, domain: str, mx: Sequence[str]) -> Iterator[Write]:
    """The file first, then the record (RFC 8461, 8.3). Nothing for a domain whose ``mta_sts`` is false."""
    settings = job.migration.settings
    if not settings.domain(domain).mta_sts:
        return
    if settings.mta_sts is None:
        raise Refused(f"{domain} has mta_sts = true, but migration.toml has no [mta_sts] that says where policies lie")
    web = shell("web", settings.mta_sts.transport)
    path = str(settings.mta_sts.root / f"mta-sts.{domain}" / ".well-known" / "mta-sts.txt")

    def read() -> str:
        return web.run("cat", "--", path).stdout

    before = read()
    try:
        after = policy(before, mx)
    except Refused as error:
        raise Refused(f"{path}: {error}") from None
    if before != after:
        escaped = shlex.quote(after.replace("\r\n", r"\r\n"))
        command = f"printf %b {escaped} >{shlex.quote(path)}  # on the host of [mta_sts]"

        def do() -> None:
            web.run("sh", "-c", _REPLACE, "sh", path, stdin=after)

        yield Write(f"MTA-STS of {domain}", path, before, after, do, read, command)
    yield from _record(job, domain, identifier(after))


def _record(job: Job, domain: str, wanted: str) -> Iterator[Write]:
    name = f"_mta-sts.{domain}"
    present = cloudflare.records(job.migration, domain)
    found = [each for each in present.of(name, "TXT") if _is_sts(each)]
    if len(found) != 1:
        raise Refused(
            f"{name} has {len(found)} MTA-STS records, expected one (RFC 8461, 3.1). With none there is no policy in "
            "force, and mta_sts = false is the truth"
        )
    text = re.sub(r"\bid\s*=\s*[A-Za-z0-9]*", f"id={wanted}", value(found[0]))
    yield from set_rrset(job, domain, name, "TXT", [text], found[0].ttl, only=_is_sts, present=present)


def _is_sts(record: Record) -> bool:
    return record.text.startswith("v=STSv1")
