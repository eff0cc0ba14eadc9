"""Give a zone's mail records their normal TTL again, once the migration is over.

Those are the records that the scripts shortened or made: the domain's MX (unless Cloudflare manages it) and SPF, the
delivery names' MX, and Dell's addresses, as far as they lie in this zone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.change import Job, Script, Write, run
from scripts.lib.dns.zone import is_managed, is_spf, seconds, set_ttl


def plan(job: Job) -> Iterator[Write]:
    """Only ever lengthens."""
    settings = job.migration.settings
    ttl = settings.bounds.old_ttl_s
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        # Names that lie in another zone have no record in this one.
        deliveries = dict.fromkeys(each.delivery for each in settings.domains)
        rrsets = [
            (domain, "MX"),
            *((delivery, "MX") for delivery in deliveries),
            (settings.dell.name, "A"),
            (settings.dell.name, "AAAA"),
        ]
        for name, kind in rrsets:
            stands = present.of(name, kind)
            if any(seconds(each) < ttl for each in stands) and not is_managed(stands):
                yield from set_ttl(job, domain, name, kind, ttl, "MX" if kind == "MX" else "", present=present)
        if any(is_spf(each) and seconds(each) < ttl for each in present.of(domain, "TXT")):
            yield from set_ttl(job, domain, domain, "TXT", ttl, "SPF", only=is_spf, present=present)


SCRIPT = Script("restore_ttl", "Give a zone's mail records their normal TTL again.", plan, per_domain=True)


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
