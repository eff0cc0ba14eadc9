"""Let a domain's MTA-STS policy admit only Cloudflare's MX, once the gateway is nobody's MX."""

import time
from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.ledger.switches import last_switch
from fixtures.probes.dns.mta_sts import ROUTING, parse
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dns.mta_sts import publish, published


def plan(job: Job) -> Iterator[Write]:
    """Policy and record; nothing for a domain without MTA-STS."""
    for domain in job.domains:
        yield from publish(job, domain, (ROUTING,))


def check(job: Job) -> None:
    """No sender can hold the policy from before the switch any more: narrowed sooner, N-11 stays red for good."""
    switched, age_s = last_switch(job.migration, job.domain), parse(published(job.migration, job.domain)).max_age_s
    if switched is not None and job.migration.clock.now() < (over := switched + age_s):
        until = time.strftime("%Y-%m-%d %H:%M", time.localtime(over))
        raise Refused(
            f"{job.domain}: until {until} senders may hold the policy from before the switch (max_age of "
            f"{age_s / 86400:g} days), and so long both MX stay in it. Run it again after that: once EC2 is deleted it "
            "needs no gate"
        )


SCRIPT = Script("narrow_mta_sts", __doc__, plan, per_domain=True, check=check)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
