"""Let a domain's MTA-STS policy admit only Cloudflare's MX, once the gateway is nobody's MX."""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.probes.dns.mta_sts import ROUTING
from scripts.lib.change import Job, Script, Write
from scripts.lib.dns.mta_sts import publish


def plan(job: Job) -> Iterator[Write]:
    """Policy and record; nothing for a domain without MTA-STS."""
    for domain in job.domains:
        yield from publish(job, domain, (ROUTING,))


SCRIPT = Script("narrow_mta_sts", __doc__, plan, per_domain=True)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
