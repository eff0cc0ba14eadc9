"""Merge Cloudflare's and the relay host's mechanisms into a domain's one SPF record.

Mail that Email Routing forwards has an envelope sender in the domain itself, and Dell's own mail leaves through the
relay host (``[relay]``): the same record must let in both, since two records are an error (X9; RFC 7208, 3.2 and 4.5).
"""

from collections.abc import Iterator, Sequence

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import spf
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dns.records import is_spf, merged, set_spf


def plan(job: Job, before: Sequence[str] = ()) -> Iterator[Write]:
    """One write a domain, or none. BEFORE: records that stood, whose terms are to stand again.

    Raises ``Refused`` if receivers would call the result an error.
    """
    settings = job.migration.settings
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        stands = [each for each in present.of(domain, "TXT") if is_spf(each)]
        texts = [each.text for each in stands]
        text = merged([*before, *texts], settings.spf_includes)
        if texts == [text]:
            continue
        if len(stands) > 1:
            job.say(f"{domain} has {len(stands)} SPF records, which receivers call an error: they become one")
        _judge(job, domain, text)
        ttl = stands[0].ttl if stands else settings.bounds.ttl_s
        yield from set_spf(job, domain, [text], ttl, present=present)


def _judge(job: Job, domain: str, text: str) -> None:
    """As receivers would see it: not more than ten lookups, two that find nothing (RFC 7208, 4.6.4), and no error."""
    found = spf.evaluate(job.migration, domain, instead=text)
    if found.unasked:
        raise CouldNotAsk(f"SPF of {domain} can't be judged before it stands: {'; '.join(found.unasked)}")
    if found.faults:
        raise Refused(
            f"SPF of {domain} would be an error to receivers: {'; '.join(found.faults)}; {spf.LOOKUPS_MAX} lookups, 2 "
            f"of them void, are allowed (RFC 7208, 4.6.4). Take out terms no longer needed. It would be: {text}"
        )


SCRIPT = Script("merge_spf", __doc__, plan, per_domain=True)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
