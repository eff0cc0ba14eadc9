"""A domain's MTA-STS policy (RFC 8461): the file, and the record whose id tells senders to fetch it again."""

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

from fixtures.access.changing import Shell, shell
from fixtures.access.transport import CommandFailed
from fixtures.evidence import CouldNotAsk
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dell.host_files import replace
from scripts.lib.dns.records import set_rrset, value

_KEYS = ("version", "mode", "max_age")
_TRUSTED = Path(__file__).with_name("trusted_path.sh").read_text(encoding="utf-8")
_UNTRUSTED = 45


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
        raise Refused(f"no MTA-STS policy: expected the fields {', '.join(_KEYS)} (RFC 8461, 3.2), found {text[:80]!r}")
    kept = [f"{key}: {found}" for key, found in pairs if key not in {*_KEYS, "mx"}]
    lines = ["version: STSv1", f"mode: {fields['mode']}", *(f"mx: {name}" for name in mx)]
    return "".join(f"{line}\r\n" for line in (*lines, f"max_age: {fields['max_age']}", *kept))


def identifier(text: str) -> str:
    """The id of a policy: the same for the same text. At most 32 letters and digits (RFC 8461, 3.1)."""
    return sha256(text.encode()).hexdigest()[:32]


def publish(job: Job, domain: str, mx: Sequence[str]) -> Iterator[Write]:
    """The file first, then the record (RFC 8461, 8.3). Nothing for a domain whose ``mta_sts`` is false."""
    if not job.migration.settings.domain(domain).mta_sts:
        return
    before = published(job.migration, domain)
    try:
        after = policy(before, mx)
    except Refused as error:
        raise Refused(f"{_place(job.migration, domain)[1]}: {error}") from None
    yield from put_back(job, domain, after)
    yield from _record(job, domain, identifier(after))


def published(migration: Migration, domain: str) -> str:
    """The policy's text as it lies on the host of ``[mta_sts]``. Raises ``CouldNotAsk``."""
    return _trusted(*_place(migration, domain), 'cat -- "$1"')


def _trusted(web: Shell, path: str, then: str = "") -> str:
    """What THEN, a script, prints, once nobody can lead root from PATH to another file. Raises ``CouldNotAsk``."""
    done = web.run("sh", "-c", f"{_TRUSTED}{then}", "sh", path, check=False)
    if done.status == _UNTRUSTED:
        owner, _, place = done.stdout.strip().partition(" ")
        user = f'Let [mta_sts] transport be {owner}\'s (prefix = ["sudo", "-n", "-u", "{owner}"]), or make it'
        raise CouldNotAsk(
            f"{path}: root was to go there, and others can change {place}, and so lead root to any file they want. "
            f"{'Make it' if owner == 'root' else user} root's, and nobody else's to write (chmod go-w). Nothing was "
            "read or changed"
        )
    if not done.ok:
        raise CommandFailed(web.name, done)
    return done.stdout


def taken(migration: Migration, domain: str) -> str | None:
    """The same for a snapshot; None for a domain without a policy, or whose policy lies where we can't read it."""
    settings = migration.settings
    return published(migration, domain) if settings.mta_sts and settings.domain(domain).mta_sts else None


def put_back(job: Job, domain: str, after: str | None) -> Iterator[Write]:
    """Only the file, as it is to be; nothing where that is not known."""
    if after is None or (before := published(job.migration, domain)) == after:
        return
    web, path = _place(job.migration, domain)
    _require_own(job.migration, domain)
    escaped = shlex.quote(after.replace("\r\n", r"\r\n"))
    command = f"printf %b {escaped} >{shlex.quote(path)}  # on the host of [mta_sts]"
    do = partial(_replace, web, path, after)
    yield Write(f"MTA-STS of {domain}", path, before, after, do, lambda: published(job.migration, domain), command)


def _replace(web: Shell, path: str, after: str) -> None:
    _trusted(web, path)
    try:
        replace(web, path, after)
    except CommandFailed as error:
        if "chown" not in error.result.stderr:
            raise
        raise Refused(
            f"{path}: is another user's, and only they, or root, can leave it so. Let [mta_sts] transport be theirs "
            '(prefix = ["sudo", "-n", "-u", "USER"]), or root\'s where the folder is. The file stands as it was'
        ) from None


def _require_own(migration: Migration, domain: str) -> None:
    """``Refused`` where another domain has the same file: each is switched, and taken back, by itself."""

    def real(name: str) -> str:
        web, path = _place(migration, name)
        return web.run("readlink", "-f", "--", path, check=False).stdout

    others = [each.name for each in migration.settings.domains if each.mta_sts and each.name != domain]
    own = real(domain) if others else ""
    if shared := [each for each in others if real(each) == own]:
        raise Refused(
            f"{_place(migration, domain)[1]} is the file of {', '.join(shared)}, too, and each domain moves by itself: "
            "give each a file of its own, and plan again. Nothing was changed"
        )


def _place(migration: Migration, domain: str) -> tuple[Shell, str]:
    settings = migration.settings.mta_sts
    if settings is None:
        raise Refused(f"{domain} has mta_sts = true, but migration.toml has no [mta_sts] that says where policies lie")
    path = settings.root / f"mta-sts.{domain}" / ".well-known" / "mta-sts.txt"
    return shell("web", settings.transport), str(path)


def _record(job: Job, domain: str, wanted: str) -> Iterator[Write]:
    name = f"_mta-sts.{domain}"
    present = cloudflare.records(job.migration, domain)
    if led := present.of(name, "CNAME"):
        raise Refused(
            f"{name} is an alias of {led[0].text}: change the policy by hand, then its id there. N-11 judges both"
        )
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
