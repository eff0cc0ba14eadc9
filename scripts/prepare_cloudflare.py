"""Register and verify a destination for each address of a domain, and give each its rule. No mail moves by this.

Cloudflare forwards only to verified addresses, and a rule takes a destination only once that is verified
(developers.cloudflare.com/email-service/configuration/email-routing-addresses). All are registered first; then people
open the links in their mailboxes, in a browser, and are waited for together. Meanwhile Dell lets Cloudflare's
notification hosts in by their forward-confirmed names; that is withdrawn in any case.

With a Worker ([route] kind) none of it is needed: one catch-all leads to the Worker.
"""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.cloudflare import worker
from scripts.lib.cloudflare.routing import require_no_trial, subaddressing
from scripts.lib.cloudflare.rules import address_rules, catch_all
from scripts.lib.cloudflare.verification import destinations, record
from scripts.lib.dell.guests import require_lookup, withdrawing


def plan(job: Job) -> Iterator[Write]:
    domain, by_worker = job.migration.settings.domain(job.domain), job.migration.settings.by_worker
    if not by_worker:
        yield from destinations(job, domain.addresses)
    yield from address_rules(job)
    yield from catch_all(job)
    if not by_worker:
        yield from subaddressing(job, wanted=domain.plus_addresses == "mailbox")


def _check(job: Job) -> None:
    require_no_trial(job)
    require_lookup(job.migration)
    if job.migration.settings.by_worker and (lacks := worker.lacking(job.migration)):
        raise Refused(f"{lacks}. Nothing was written")


SCRIPT = Script("prepare_cloudflare", __doc__, plan, per_domain=True, check=_check, finish=record, around=withdrawing)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
