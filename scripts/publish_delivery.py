"""Publish where Dell takes mail: an MX for each domain's delivery name, and Dell's own addresses.

Email Routing forwards to the MX of the destination's domain, and to nothing else (X4). The world doesn't use these
names, and one that is in use already is refused, so nothing of today's mail changes. A backup MX that stays stands
there behind Dell.
"""

from collections.abc import Iterable, Iterator

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Records
from fixtures.probes.dns import queries as dns
from scripts.lib.change import Job, Refused, Script, Write, left_unfinished
from scripts.lib.dns.records import set_rrset

PREFERENCE = 10


def plan(job: Job) -> Iterator[Write]:
    """Addresses before the MX that names them, so that no MX ever leads nowhere. Raises ``Refused``."""
    settings = job.migration.settings
    if settings.by_worker:
        job.say("a Worker hands mail to Dell: no name of Dell's is needed for it, and there is nothing to publish")
        return
    dell, ttl = settings.dell, settings.bounds.ttl_s
    here = _zone(job, dell.name, "dell.name")
    present = {domain: cloudflare.records(job.migration, domain) for domain in settings.domain_names}
    _seen(present[here], dell.name)
    _not_in_use(job, settings.domain_names, present[here], (dell.name, "A"), [str(dell.ipv4)])
    yield from set_rrset(job, here, dell.name, "A", [str(dell.ipv4)], ttl, present=present[here])
    if dell.ipv6:
        _not_in_use(job, settings.domain_names, present[here], (dell.name, "AAAA"), [str(dell.ipv6)])
        yield from set_rrset(job, here, dell.name, "AAAA", [str(dell.ipv6)], ttl, present=present[here])
    elif present[here].of(dell.name, "AAAA"):
        raise Refused(
            f"{dell.name} has an AAAA record, and the settings give Dell no ipv6: Email Routing would try IPv6 first. "
            "Set dell.ipv6, or delete the record"
        )
    for delivery, domain in {each.delivery: each.name for each in settings.domains}.items():
        there = _zone(job, delivery, "a delivery name")
        _seen(present[there], delivery)
        hosts = settings.mx_of_delivery(domain)
        served = [each.name for each in settings.domains if each.delivery == delivery]
        _not_in_use(job, served, present[there], (delivery, "MX"), hosts)
        targets = [f"{PREFERENCE * number} {host}" for number, host in enumerate(hosts, 1)]
        yield from set_rrset(job, there, delivery, "MX", targets, ttl, "MX", present=present[there])


def _zone(job: Job, name: str, what: str) -> str:
    try:
        return dns.zone_of(job.migration, name)
    except CouldNotAsk as error:
        raise Refused(f"{error}. Set {what} to a name in one of them: only these zones are known to be yours") from None


def _seen(present: Records, name: str) -> None:
    """Refuse where nobody would see what is written."""
    zone = present.zone.name
    for each in (each for each in present.records if each.type == "NS" and each.name != zone):
        if f".{name}".endswith(f".{each.name}"):
            raise Refused(
                f"{each.name} is delegated to {each.text}: what stands here at {name} nobody sees. Delete the NS "
                f"records of {each.name}, or set another name"
            )
    for each in present.of(name, "CNAME"):
        raise Refused(
            f"{name} is an alias of {each.text}; no other record may have that name (RFC 1034, 3.6.2). "
            "Delete it, or set another name"
        )


def _not_in_use(job: Job, served: Iterable[str], present: Records, of: tuple[str, str], planned: Iterable[str]) -> None:
    """Refuse, until these records are ours for a domain of those SERVED, to lead elsewhere what somebody may go by, or
    to take its proxy away. OF: a name, and a type.
    """
    name, kind = of
    stand = {(each.text or ".") + " by Cloudflare's proxy" * each.proxied for each in present.of(name, kind)}
    others = sorted(stand - set(planned))
    if not others:
        return
    lacks = Progress.read(job.migration.store, job.migration.settings).lacks(SCRIPT.name)
    if set(served) <= set(lacks) and f"{name} {kind}" not in left_unfinished(job, SCRIPT.name):
        raise Refused(
            f"{name} {kind} stands already and leads to {', '.join(others)}: EC2 or your users may go by it. Take a "
            "new name (dell.name, delivery), or delete the record first"
        )


SCRIPT = Script("publish_delivery", __doc__, plan)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
