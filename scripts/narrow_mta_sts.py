"""Let a domain's MTA-STS policy admit Cloudflare's MX alone, once the gateway is no MX of anybody's."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from scripts.lib.change import Job, Script, Write, run
from scripts.lib.dns.mta_sts import ROUTING, publish


def plan(job: Job) -> Iterator[Write]:
    """Policy and record; nothing for a domain without MTA-STS."""
    for domain in job.domains:
        yield from publish(job, domain, (ROUTING,))


SCRIPT = Script("narrow_mta_sts", "Admit Cloudflare's MX alone in a domain's MTA-STS policy.", plan, per_domain=True)


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
