"""Shorten the TTL of a domain's MX and SPF record, so that the switch is seen soon, and a way back too.

To bounds.ttl_s, and only ever shorter. What resolvers hold already they keep for its old lifetime: the switch has to
wait until that has run out.
"""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.change import Job, Script, Write
from scripts.lib.dns.records import set_ttl


def plan(job: Job) -> Iterator[Write]:
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        for kind in ("MX", "TXT"):
            yield from set_ttl(job, domain, domain, kind, job.migration.settings.bounds.ttl_s, present, shorter=True)


SCRIPT = Script("lower_ttl", __doc__, plan, per_domain=True)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
