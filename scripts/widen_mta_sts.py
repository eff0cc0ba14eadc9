"""Let a domain's MTA-STS policy admit both its old MX and Cloudflare's, so that the switch shuts nobody out.

Senders keep a policy for its max_age, but fetch it again when the id in the record changes, or when it no longer
matches (RFC 8461, 5.1): they must find both MX for as long as either may be met.
"""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.probes.dns.mta_sts import ROUTING
from scripts.lib.change import Job, Script, Write
from scripts.lib.dns.mta_sts import publish


def plan(job: Job) -> Iterator[Write]:
    """Policy and record; nothing for a domain without MTA-STS."""
    for domain in job.domains:
        yield from publish(job, domain, (*job.migration.settings.mx_today(domain), ROUTING))


SCRIPT = Script("widen_mta_sts", __doc__, plan, per_domain=True)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
