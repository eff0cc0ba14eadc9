"""Give a zone's mail records their normal TTL again, once the migration is over.

Those are the records that the scripts shortened or made: the domain's MX (unless Cloudflare manages it) and SPF, the
delivery names' MX, and Dell's addresses, as far as they lie in this zone. To bounds.old_ttl_s, or what the first
snapshot has if that is longer, and only ever longer.
"""

from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.probes import snapshot
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns.after_all import shortest
from scripts.lib.change import Job, Script, Write
from scripts.lib.dns.records import set_ttl


def plan(job: Job) -> Iterator[Write]:
    settings = job.migration.settings
    # As N-12 looks at them: other texts may stand at the name of the SPF, with lifetimes of their own.
    deliveries, start = [(each, "MX") for each in settings.deliveries], snapshot.first(job.migration)
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        before = shortest(snapshot.about_mail(start.records(domain), settings)) if start else {}
        # Names that lie in another zone have no record in this one.
        rrsets = ((domain, "MX"), *deliveries, (settings.dell.name, "A"), (settings.dell.name, "AAAA"), (domain, "TXT"))
        for name, kind in rrsets:
            ttl = max(settings.bounds.old_ttl_s, before.get((name, kind), 0))
            yield from set_ttl(job, domain, name, kind, ttl, present, shorter=False)


SCRIPT = Script("restore_ttl", __doc__, plan, per_domain=True)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
