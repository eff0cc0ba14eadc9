"""Shorten for how long a domain's MX and SPF record may be kept, so that the switch is seen soon, and a way back too.

What resolvers hold already they keep for its old lifetime: the switch has to wait until that has run out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.change import Job, Script, Write, run
from scripts.lib.dns.zone import is_managed, is_spf, seconds, set_ttl


def plan(job: Job) -> Iterator[Write]:
    """Only ever shortens; MX records of Cloudflare's own making have its lifetime."""
    ttl = job.migration.settings.bounds.ttl_s
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        mx, spf = present.of(domain, "MX"), [each for each in present.of(domain, "TXT") if is_spf(each)]
        if any(seconds(each) > ttl for each in mx) and not is_managed(mx):
            yield from set_ttl(job, domain, domain, "MX", ttl, "MX", present=present)
        if any(seconds(each) > ttl for each in spf):
            yield from set_ttl(job, domain, domain, "TXT", ttl, "SPF", only=is_spf, present=present)


SCRIPT = Script("lower_ttl", "Shorten the TTL of a domain's MX and SPF to the settings' bound.", plan, per_domain=True)


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
