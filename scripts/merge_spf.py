"""Merge Cloudflare's and SendGrid's mechanisms into a domain's one SPF record.

Mail that Email Routing forwards bears an envelope sender in the domain itself, and Dell's own mail leaves through
SendGrid: both must be let in by the same record, since two records are an error (X9; RFC 7208, 3.2 and 4.5).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence

from fixtures.evidence import CouldNotAsk
from fixtures.probes import cloudflare, spf
from scripts.change import Job, Refused, Script, Write, run
from scripts.spf_text import SENDGRID, merged
from scripts.zone import is_spf, set_rrset

_COSTLY = re.compile(r"[+?~-]?(?:a|mx|ptr|exists)(?:[:/].*)?", re.IGNORECASE)
"""Mechanisms that cost one lookup and no more of their own (RFC 7208, 4.6.4)."""


def plan(job: Job, before: Sequence[str] = ()) -> Iterator[Write]:
    """One write a domain, or none. BEFORE: records that stood, whose terms are to stand again.

    Raises ``Refused`` if receivers would call the result an error.
    """
    settings = job.migration.settings
    for domain in job.domains:
        present = cloudflare.records(job.migration, domain)
        stands = [each for each in present.of(domain, "TXT") if is_spf(each)]
        text = merged([*before, *(each.text for each in stands)], (settings.cloudflare.spf_include, SENDGRID))
        if [each.text for each in stands] == [text]:
            continue
        if len(stands) > 1:
            job.say(f"{domain} has {len(stands)} SPF records, which receivers call an error: they become one")
        _count(job, domain, text)
        ttl = stands[0].ttl if stands else settings.bounds.ttl_s
        yield from set_rrset(job, domain, domain, "TXT", [text], ttl, "SPF", only=is_spf, present=present)


def _count(job: Job, domain: str, text: str) -> None:
    """At most ten lookups and two that find nothing (RFC 7208, 4.6.4), each include counted as it stands now."""
    lookups = sum(bool(_COSTLY.fullmatch(term)) for term in text.split())
    voids = 0
    for term in text.split():
        name, _, target = term.lstrip("+?~-").partition(":")
        if name.lower() == "include":
            found = spf.evaluate(job.migration, target)
            if found.unasked:
                raise CouldNotAsk(f"SPF of {domain}: {term} can't be counted: {'; '.join(found.unasked)}")
            if found.faults:
                raise Refused(f"SPF of {domain}: {term} is an error to receivers: {'; '.join(found.faults)}")
            lookups, voids = lookups + 1 + found.lookups, voids + found.voids
    if lookups > spf.LOOKUPS_MAX or voids > spf.VOID_MAX:
        raise Refused(
            f"SPF of {domain} would cost {lookups} lookups, {voids} of them void; {spf.LOOKUPS_MAX} and {spf.VOID_MAX} "
            f"are allowed. Take out what is no longer needed: {text}"
        )


SCRIPT = Script("merge_spf", "Merge Cloudflare's and SendGrid's mechanisms into one SPF record.", plan, per_domain=True)


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
