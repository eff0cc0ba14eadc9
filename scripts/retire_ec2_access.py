"""Take away what EC2 may still do: deliver to Dell, and send in the domains' names; then the names that lead to it.

Runs after EC2 was stopped and before it is deleted: from then on its address may be anybody's. A name stays as long as
another record leads to it. A backup MX that does not stay loses the same.

    python -m scripts.retire_ec2_access [--apply DIGEST]
"""

import ipaddress
from collections.abc import Collection, Iterator

from fixtures.access.changing import dell
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import lost
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Records
from fixtures.settings import Settings
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dell import effect, host_files, templates
from scripts.lib.dns.records import is_spf, set_rrset, set_spf, spf_texts
from scripts.lib.paper import renewed

_QUALIFIERS = "+?~-"
_OWN = ("TLSA", "A", "AAAA")
"""What stands at a host's name: how to greet it before where it is."""
_LEADS = {"MX", "CNAME", "SRV", "NS", "HTTPS", "SVCB"}
"""Types whose data is, or ends in, the name of a host."""


def plan(job: Job) -> Iterator[Write]:
    """Dell's table, each SPF record, then the names. Raises ``Refused`` while something else leads to them."""
    settings = job.migration.settings
    zones = {domain: cloudflare.records(job.migration, domain) for domain in settings.domain_names}
    _require_unused(job, zones)
    yield from dells_table(job, with_ec2=False)
    for domain, present in zones.items():
        yield from spf(job, domain, present, settings, lost(job.migration.store, settings))
    for domain, present in zones.items():
        hosts = [each.name for each in settings.leaving]
        for name, kind in ((f"_25._tcp.{host}" if kind == "TLSA" else host, kind) for host in hosts for kind in _OWN):
            yield from set_rrset(job, domain, name, kind, [], settings.bounds.ttl_s, "deletes", present=present)


def dells_table(job: Job, *, with_ec2: bool, gives_up: Collection[str] = ()) -> Iterator[Write]:
    """Dell's tables as planned, without an address that EC2's stop GIVES_UP, and read by Postfix."""
    settings = job.migration.settings
    if settings.dell.template:
        yield from templates.plan(job, settings.dell.template, with_ec2=with_ec2, gives_up=gives_up)
        return
    shell = dell(settings)
    tables = list(host_files.tables(shell, settings, with_ec2=with_ec2, given_up=gives_up))
    yield from tables
    yield from effect.effect(shell, settings, planned=bool(tables))


def spf(job: Job, domain: str, present: Records, settings: Settings, besides: Collection[str]) -> Iterator[Write]:
    """Each SPF record of the domain's zone, without who leaves by SETTINGS, and addresses that go BESIDES."""
    for each in filter(is_spf, present.records):
        text = without_ec2(each.text, settings, besides)
        if text != each.text:
            if len(spf_texts(present, each.name)) > 1:
                raise Refused(f"{each.name} has several SPF records, an error to receivers: run merge_spf first")
            yield from set_spf(job, each.name, [text], each.ttl, domain=domain, present=present)


def without_ec2(text: str, settings: Settings, besides: Collection[str] = ()) -> str:
    """An SPF record without the terms that name only who leaves (RFC 7208, 5.3 and 5.6), or an address that goes
    BESIDES; a wider network stays.
    """
    return " ".join(term for term in text.split() if not _names_ec2(term, settings, besides))


def _names_ec2(term: str, settings: Settings, besides: Collection[str]) -> bool:
    name, _, value = term.lstrip(_QUALIFIERS).lower().partition(":")
    if name == "a":
        return value.partition("/")[0].rstrip(".") in {each.name for each in settings.leaving}
    if name not in {"ip4", "ip6"}:
        return False
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return network.num_addresses == 1 and network.network_address in _addresses(settings, besides)


def _require_unused(job: Job, zones: dict[str, Records]) -> None:
    settings = job.migration.settings
    names = {each.name for each in settings.leaving}
    ours = _addresses(settings, lost(job.migration.store, settings))
    for each in (record for present in zones.values() for record in present.records):
        led = names & {word.rstrip(".") for word in each.text.split()} if each.type in _LEADS else set()
        if led:
            raise Refused(f"{each.name} {each.type} still leads to {led.pop()}: whoever follows it would find nothing")
        if each.type in {"A", "AAAA"}:
            known = ipaddress.ip_address(each.text) in ours
            if each.name in names and not known:
                raise Refused(f"{each.name} is {each.text} too, which is not its own by the settings (ipv4, ipv6)")
            if known and each.name not in names:
                job.say(f"{each.name} {each.type} is EC2's address too; whose name that is, you have to say")


def _addresses(settings: Settings, besides: Collection[str]) -> set[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    own = {address for each in settings.leaving for address in (each.ipv4, each.ipv6) if address}
    return own | set(map(ipaddress.ip_address, besides))


SCRIPT = Script("retire_ec2_access", __doc__, plan, leaves=renewed)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
