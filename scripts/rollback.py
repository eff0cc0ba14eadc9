"""Take a domain back to EC2: its MX and its SPF record, as the first snapshot has them. Needs no gate.

    python -m scripts.rollback --domain D                the MX and SPF, at once
    python -m scripts.rollback --domain D --clean-up     later: rules, Email Routing, MTA-STS policy, TTLs
    python -m scripts.rollback --domain D --with-dell    that, and Dell's files and names, once no domain is switched

Email Routing, its rules and Dell's admission of Cloudflare stay at first, since mail still comes that way until the
switched TTL has passed everywhere; ``--clean-up`` refuses until then. Without it all stays, a shortened TTL too: the
next switch needs it. After ``stop_ec2`` the instance is started first; after ``delete_ec2`` no way leads back.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

from fixtures.gates.progress import Progress
from fixtures.probes import cloudflare
from fixtures.probes.account import record
from scripts import dellback, takeback
from scripts.change import Job, Refused, Script, Write, run, unfinished
from scripts.power import FIRST, gateway_again
from scripts.routing import UNLOCKED, unlock
from scripts.zone import is_spf, set_rrset, value


def plan(job: Job) -> Iterator[Write]:
    """What leads mail back; later, what else was changed for the domain."""
    first = tuple(_mail(job))
    if not (job.options.clean_up or job.options.with_dell):
        yield from first
        return
    # What a killed run left of TTLs, or disabling of the SPF record, is no reason to stop.
    stands = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
    away = {each.text for each in stands} & set(job.migration.settings.cloudflare.mx)
    if away or any(each.group == FIRST for each in first):
        again = f"python -m scripts.rollback --domain {job.domain}"
        raise Refused(f"mail of {job.domain} does not go to EC2 yet: first {again}")
    yield from takeback.plan(job)
    if job.options.with_dell:
        yield from dellback.plan(job)
        yield from takeback.delivery_names(job)


def _mail(job: Job) -> Iterator[Write]:
    migration, domain = job.migration, job.domain
    progress = Progress.read(migration.store, migration.settings)
    once = [each for each in map(record, takeback.at_first(job)["records"]) if each.name == domain]
    yield from gateway_again(job, progress)
    records, routing = cloudflare.records(migration, domain), cloudflare.routing(migration, domain)
    before = [each for each in once if each.type == "MX"]
    lowered = migration.settings.bounds.ttl_s if progress.done_at("lower_ttl", domain) else 0
    ttl = lowered or before[0].ttl
    moved = tuple(set_rrset(job, domain, domain, "MX", [value(e) for e in before], ttl, "MX", present=records))
    if moved and routing.enabled and routing.status not in UNLOCKED:
        yield unlock(job)
    yield from (replace(each, group="mail goes to EC2 again") for each in moved)
    spf = [each for each in once if is_spf(each)]
    ttl = lowered or (spf[0].ttl if spf else ttl)
    yield from set_rrset(
        job, domain, domain, "TXT", [each.text for each in spf], ttl, "SPF", only=is_spf, present=records
    )


def _check(job: Job) -> None:
    """What is taken back later waits for the caches, of every domain where Dell is concerned."""
    if job.options.clean_up or job.options.with_dell:
        takeback.require_let_go(job, job.domain)
    for domain in job.migration.settings.domain_names if job.options.with_dell else ():
        if domain != job.domain:
            takeback.require_taken_back(job, domain)


def _finish(job: Job) -> None:
    begun = unfinished(job, SCRIPT.name)
    if job.options.clean_up or job.options.with_dell:
        takeback.completed(job)
    elif begun:
        seconds = time.time() - begun[0]["real_at"]
        job.migration.store.record(takeback.BACK, job.domain, seconds=seconds)
        job.say(f"{job.domain} is back after {seconds:.1f} s of writing; caches follow within the TTL")


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clean-up", action="store_true", help="later: rules, Email Routing, policy, TTLs")
    parser.add_argument("--with-dell", action="store_true", help="that, and Dell's files, once no domain is switched")


SCRIPT = Script(
    "rollback",
    "Take a domain back to EC2, as the first snapshot has it.",
    plan,
    per_domain=True,
    options=_options,
    check=_check,
    finish=_finish,
)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
