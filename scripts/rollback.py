"""Take a domain back to EC2: its MX at once, as it was, and the rest later. Needs no gate.

    python -m scripts.rollback --domain D                the MX, at once
    python -m scripts.rollback --domain D --clean-up     later: SPF, rules, Email Routing, MTA-STS policy, TTLs
    python -m scripts.rollback --domain D --with-dell    that, and Dell's files and names, once no domain is switched

Writes: the domain's MX (EC2's records are added, then Cloudflare's deleted). SPF only where who could send before no
longer can. Both as the first snapshot has them, or a person has accepted them by name since (python -m scripts.accept).
Needs: Cloudflare's DNS API. AWS only where EC2 was stopped, may be, or is silent; Email Routing's API only where its
records are locked. It never waits in silence for longer than 20 s, except while EC2 starts.
Later: --clean-up, once the TTL and a minute have passed; it refuses before, since mail still comes that way. Without it
all stays, a shortened TTL too: the next switch needs it.
After stop_ec2 the instance is started first; after delete_ec2 no way leads back. Without the store, or its snapshot:
the copy that switch_mx left, else what the settings say.
By hand, when an API is down: python -m scripts.by_hand --domain DOMAIN
"""

import argparse
import time
from collections.abc import Iterator

from fixtures.evidence.exiting import leave
from fixtures.gates.drift.accepted import WAITS
from fixtures.language import N_
from fixtures.ledger.windows import SWITCHING, half_way, left_half_way
from fixtures.migration.progress import BACK, Progress, unfinished
from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.aws.power import FIRST, gateway_again
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.cloudflare import worker
from scripts.lib.dell import guests, restore
from scripts.lib.dns import takeback
from scripts.lib.dns.mx_back import left_over, mx_back, ttl_back
from scripts.lib.dns.records import value
from scripts.lib.night_papers import open_at_night


def plan(job: Job) -> Iterator[Write]:
    """What leads mail back; later, what else was changed for the domain."""
    first = tuple(_mail(job))
    if not (job.options.clean_up or job.options.with_dell):
        yield from first
        return
    # What a killed run left of TTLs, or disabling of the SPF record, is no reason to stop.
    stands = cloudflare.records(job.migration, job.domain).of(job.domain, "MX")
    away = any(cloudflare.is_mx(each.text) for each in stands)
    if away or any(each.group == FIRST for each in first):
        again = f"python -m scripts.rollback --domain {job.domain}"
        raise Refused(N_(f"mail of {job.domain} does not go to EC2 yet: first {again}"))
    yield from _guests(job)
    yield from takeback.plan(job)
    if job.options.with_dell:
        if job.migration.settings.by_worker:
            yield from _worker(job)
        yield from restore.plan(job)
        yield from takeback.delivery_names(job)


def _guests(job: Job) -> Iterator[Write]:
    """Who is still let in at Dell by a run that was cut short is so no more; ``--with-dell`` does that anyway."""
    settings, store = job.migration.settings, job.migration.store
    cut = any(unfinished(store, each, job.domain) for each in WAITS) and not settings.by_worker
    prepared = Progress.read(store, settings).done_at("prepare_dell") is not None
    if cut and prepared and not job.options.with_dell:
        yield from guests.admission(job, guests.guests(job.migration), admitted=False)


def _worker(job: Job) -> Iterator[Write]:
    """Deleted with the last domain that leads to it; what of this one leads there is taken back before."""
    if others := [each for each in worker.led(job.migration) if each != job.domain]:
        who = ", ".join(others)
        job.say(N_(f"the Worker stays, since {who} leads to it; later: python -m scripts.deploy_worker --undo"))
    else:
        yield from worker.removed(job)


def _mail(job: Job) -> Iterator[Write]:
    yield from gateway_again(job, Progress.read(job.migration.store, job.migration.settings))
    before, assumed = takeback.mx_at_first(job)
    if assumed:
        job.say(assumed)
    yield from mx_back(job, [value(each) for each in before], ttl_back(job, before))
    takeback.say_where_ec2s_name_leads(job)
    yield from takeback.spf_again(job)


def _check(job: Job) -> None:
    """What is taken back later waits for the caches, of every domain where Dell is concerned."""
    if job.options.clean_up or job.options.with_dell:
        takeback.require_let_go(job, job.domain)
    for domain in job.migration.settings.domain_names if job.options.with_dell else ():
        if domain != job.domain:
            takeback.require_taken_back(job, domain)


def _finish(job: Job) -> None:
    begun = unfinished(job.migration.store, SCRIPT.name, job.domain)
    if job.options.clean_up or job.options.with_dell:
        takeback.completed(job)
        return
    if half_way(job.migration.store, job.domain):  # by its own number, which ends the run that left it
        job.migration.store.record(SWITCHING, job.domain, run=job.run.number, state="back", why="rollback")
    if Progress.read(job.migration.store, job.migration.settings).stopped:  # not any more
        job.migration.store.record("undone", "", scripts=("stop_ec2",))
    if begun:
        seconds = time.time() - begun[0]["real_at"]
        job.migration.store.record(BACK, job.domain, seconds=seconds)
        job.say(N_(f"{job.domain} is back after {seconds:.1f} s of writing; caches follow within the TTL"))
        left_over(job)
        judged = f"pytest features/ --gate rolledback --domain {job.domain}"
        job.say(N_(f"next: {judged}; to take back the rest: --clean-up"))


def _by_hand(job: Job) -> bool:
    """Whether the MX is EC2's by a person's hand, and the store goes on believing in the switch."""
    if job.options.clean_up or job.options.with_dell:
        return False
    progress = Progress.read(job.migration.store, job.migration.settings)
    half = left_half_way(job.migration, job.domain) is not None
    return half or progress.switched(job.domain) or progress.stopped


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clean-up", action="store_true", help="later: SPF, rules, Email Routing, policy, TTLs")
    parser.add_argument("--without-asking-ec2", action="store_true", help="the MX goes to EC2, silent or not")
    parser.add_argument("--with-dell", action="store_true", help="that, and Dell's files, once no domain is switched")


SCRIPT = Script(
    "rollback",
    __doc__,
    plan,
    per_domain=True,
    options=_options,
    check=_check,
    finish=_finish,
    still_counts=_by_hand,
    opens=open_at_night,
    otherwise=N_("BY HAND, without any API: python -m scripts.by_hand --domain {domain} (or the paper in night/)"),
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
