"""What a rollback takes back later: a domain's policy, rules, Email Routing and records.

As the first snapshot has them, or as a person has accepted them by name since.

Not before the switched TTL and a minute have passed since the MX came back, and nobody answers with Cloudflare's MX any
more: until then mail still comes that way. Destinations stay: they are the account's, and move no mail.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fixtures.evidence import CouldNotAsk
from fixtures.gates.drift.accepted import to_go_back_to
from fixtures.language import N_
from fixtures.migration.progress import BACK
from fixtures.probes.cloudflare import api as cloudflare, email_worker
from fixtures.probes.cloudflare.api import AUTO_S, Record, record
from fixtures.probes.dns import queries as dns
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare.routing import disable, looked_at_long, subaddressing, subdomain_removed
from scripts.lib.cloudflare.rules import below, rules_as
from scripts.lib.dns.mta_sts import publish, put_back
from scripts.lib.dns.records import as_text, every, is_spf, merged, set_rrset, set_spf, value
from scripts.lib.night_papers import first_snapshot

LAST_CACHE_S = 60.0
ASSUMED_PREFERENCE = 10
_ALL = re.compile(r"[+?~-]?all", re.IGNORECASE)
LEFT = "as disabling leaves it"
PREPARED = ("merge_spf", "lower_ttl", "widen_mta_sts", "prepare_cloudflare")
"""What is to be done again before the domain's next switch."""


def at_first(job: Job) -> dict[str, Any]:
    """The domain's part of the first snapshot. ``Refused`` if it has no MX."""
    taken = known(job)
    if not taken:
        raise Refused(
            N_(
                f"the store has no snapshot with the MX of {job.domain}: there is nothing to go back to. Where that is "
                "EC2's still, python -m scripts.snapshot takes it"
            )
        )
    return taken


def known(job: Job) -> dict[str, Any]:
    """The same; empty where there is no snapshot, or none with an MX of the domain. Cloudflare's is none: a snapshot
    that has it was taken after a switch of which its store knew nothing.

    ``records``: with the MX and the SPF that a person has accepted since. ``moved``: whether that is another MX.
    """
    snapshot, since = first_snapshot(job.migration)
    taken = snapshot.get("zones", {}).get(job.domain, {})
    first = [it for it in map(record, taken.get("records", ())) if not (_is_mx(job, it) and cloudflare.is_mx(it.text))]
    if not any(_is_mx(job, each) for each in first):
        return {}
    records = to_go_back_to(first, since, job.domain)
    once, now = ({each.text for each in of if _is_mx(job, each)} for of in (first, records))
    return {**taken, "records": records, "moved": once != now}


def _is_mx(job: Job, each: Record) -> bool:
    return (each.type, each.name) == ("MX", job.domain)


def known_spf(job: Job) -> list[Record]:
    """The domain's SPF records then."""
    return [each for each in known(job).get("records", ()) if each.name == job.domain and is_spf(each)]


def mx_at_first(job: Job) -> tuple[list[Record], str]:
    """EC2's MX records by ``known``; without a snapshot by the settings, and then what is assumed of them."""
    if taken := known(job):
        return [each for each in taken["records"] if _is_mx(job, each)], ""
    settings = job.migration.settings
    ttl, hosts = settings.bounds.ttl_s, enumerate(settings.mx_today(job.domain), 1)
    assumed = [Record("MX", job.domain, host, ttl, ASSUMED_PREFERENCE * number) for number, host in hosts]
    others = "" if len(assumed) == 1 else " but for the backups"
    shown = ", ".join(map(value, assumed))
    return assumed, N_(
        f"THERE IS NO SNAPSHOT WITH EC2'S MX: that EC2 was the only MX of {job.domain}{others} is assumed. By "
        f"migration.toml that is {shown}, with the preference {ASSUMED_PREFERENCE} and the TTL {ttl} s for want of "
        "others"
    )


def say_where_ec2s_name_leads(job: Job) -> None:
    """Where that is not to EC2, and to it only, by the rule of ``gateway.judged_name``: somebody has tidied up, or
    switched the proxy on, which takes no mail. The MX that comes back would lead nowhere.

    It is said, and left to a person: a second write would be one more that can fail before the MX is back.
    """
    it = job.migration.settings.ec2
    if not dns.is_ours(job.migration, it.name):
        return
    try:
        present = cloudflare.records(job.migration, dns.zone_of(job.migration, it.name))
        stands = [each for kind in ("A", "AAAA", "CNAME") for each in present.of(it.name, kind)]
        led = {each.text for each in stands if each.type != "CNAME"} or _through_aliases(it.name, stands)
    except CouldNotAsk as fault:
        job.say(N_(f"whether {it.name} still leads to {it.ipv4} could not be asked: {fault}"))
        return
    ours = {str(each) for each in (it.ipv4, it.ipv6) if each}
    if not {str(it.ipv4)} <= led <= ours or any(each.proxied for each in stands):
        found = ", ".join(f"{each.type} {each.text}{' by the proxy' * each.proxied}" for each in stands) or "no address"
        job.say(
            N_(
                f"EC2's NAME DOES NOT LEAD TO EC2 AS IT SHOULD: {it.name} has {found}. Mail that goes back may be lost "
                f"on its way: before you go on, give it A {it.ipv4} and no other address at Cloudflare, without its "
                "proxy. An AAAA that is EC2's own may stay, and belongs into the settings (ec2.ipv6)"
            )
        )


def _through_aliases(name: str, stands: Sequence[Record]) -> set[str]:
    """The addresses to which NAME's alias leads, if it is one. ``CouldNotAsk`` where the resolver can't say."""
    if not stands:
        return set()
    host = dns.addresses(name)
    if why := next((each.error for each in host.answers if each.error), ""):
        raise CouldNotAsk(why)
    return set(host.addresses)


def spf_again(job: Job) -> Iterator[Write]:
    """Nothing while the record lets in who it did before; else, after a disabling by hand say, it does again (X10)."""
    once = [each.text for each in known_spf(job)]
    present = cloudflare.records(job.migration, job.domain)
    stands = [each for each in present.of(job.domain, "TXT") if is_spf(each)]
    has = {term.lower() for each in stands for term in each.text.split()}
    lacks = [term for text in once for term in text.split() if term.lower() not in has and not _ALL.fullmatch(term)]
    if len(stands) <= 1 and not lacks:
        return
    try:
        wanted = merged([*once, *(each.text for each in stands)], ())
    except Refused as fault:
        job.say(N_(f"SPF of {job.domain} is left as it is: {fault}"))
        return
    ttl = stands[0].ttl if stands else job.migration.settings.bounds.ttl_s
    yield from set_spf(job, job.domain, [wanted], ttl, present=present)


def plan(job: Job) -> Iterator[Write]:
    """Whatever still differs. The records come last, since disabling may have touched them."""
    taken = at_first(job)
    records = taken["records"]
    if taken["moved"]:  # the policy of then may not admit the MX of now
        yield from publish(job, job.domain, [each.text for each in records if _is_mx(job, each)])
    else:
        yield from put_back(job, job.domain, taken.get("policy"))
    yield from rules_as(job, taken["rules"], taken["catch_all"])
    yield from subaddressing(job, wanted=bool(taken["routing"]["subaddressing"]))
    routing = cloudflare.routing(job.migration, job.domain)
    ends = routing.enabled and not taken["routing"]["enabled"]
    if ends and (others := below(job)):
        ends = False
        job.say(
            N_(
                f"Email Routing of {job.domain} stays on: mail of {', '.join(others)} comes by it too, and would end "
                "with it. All else is taken back"
            )
        )
        yield from subdomain_removed(job, fresh=False)
    elif ends:
        yield disable(job)
    keys = dict.fromkeys(each.name for each in routing.required if each.type == "TXT" and each.name != job.domain)
    for name, kind in ((job.domain, "MX"), (job.domain, "TXT"), *((key, "TXT") for key in keys)):
        yield from (_after_disabling if ends else rrset_as)(job, records, name, kind)
    if not taken["moved"]:
        yield from rrset_as(job, records, f"_mta-sts.{job.domain}", "TXT")


def rrset_as(job: Job, records: list[Record], name: str, kind: str, domain: str = "") -> Iterator[Write]:
    """At most one write, after which the RRset is what RECORDS hold of it; of a domain's own TXT records the SPF."""
    only, first, danger = _first(job, records, name, kind)
    ttl, danger = first[0].ttl if first else 1, danger or ("" if first else "deletes")
    yield from set_rrset(job, domain or job.domain, name, kind, [value(e) for e in first], ttl, danger, only=only)


def _after_disabling(job: Job, records: list[Record], name: str, kind: str) -> Iterator[Write]:
    """The same, planned before it is known what disabling leaves of the RRset (X10)."""
    only, first, danger = _first(job, records, name, kind)
    wanted = as_text(first)

    def do() -> None:
        for write in rrset_as(job, records, name, kind):
            job.say(N_(f"disabling left {write.before!r}"))
            write.do()

    def read() -> str:
        stands = as_text([e for e in cloudflare.records(job.migration, job.domain).of(name, kind) if only(e)])
        return wanted if stands == wanted else LEFT

    write = Write(f"DNS of {job.domain}", f"{name} {kind}", LEFT, wanted, do, read, danger=danger)
    yield looked_at_long(write) if danger == "SPF" else write


def _first(job: Job, records: list[Record], name: str, kind: str) -> tuple[Callable[[Record], bool], list[Record], str]:
    """Which records of the RRset are meant, those that RECORDS hold of it, and the danger of changing them."""
    only = is_spf if (name, kind) == (job.domain, "TXT") else every
    first = [each for each in records if (each.name, each.type) == (name, kind) and only(each)]
    danger = "MX" if kind == "MX" else "SPF" if only is is_spf else "DKIM" if "_domainkey" in name else ""
    return only, first, danger


def require_let_go(job: Job, domain: str) -> None:
    """Refuse until the last cache has let go of Cloudflare's MX."""
    migration, store = job.migration, job.migration.store
    moved = [row["at"] for row in store.journaled("switch_mx", domain) if row["subject"] == f"{domain} MX"]
    moved += [row["began"] for row in store.recorded("switch", domain)]
    if moved:
        back = store.last(BACK, domain)
        if back is None or back["at"] < max(moved):  # by hand, say: then it counts from when we see it
            store.record(BACK, domain, seconds=0.0)
        since = store.recorded(BACK, domain)[-1]["at"]
        left = since + max(migration.settings.bounds.ttl_s, AUTO_S) + LAST_CACHE_S - migration.clock.now()
        if left > 0:
            raise Refused(
                N_(
                    f"caches may lead mail of {domain} to Cloudflare for {left:.0f} s more: Email Routing, its rules "
                    "and Dell's admission stay until then. Run this again afterwards"
                )
            )
    for answer in dns.ask_everywhere(migration, domain, "MX"):
        if answer.error:
            raise Refused(N_(f"MX of {domain}: {answer.server} can't be asked whether it has let go: {answer.error}"))
        if any(map(cloudflare.is_mx, answer.hosts)):
            leads = f"{', '.join(answer.hosts)} (TTL {answer.ttl})"
            again = answer.evidence.again
            raise Refused(N_(f"{answer.server} still leads mail of {domain} to {leads}: wait, and ask again: {again}"))


def completed(job: Job) -> None:
    """The domain stands before phase 2 again, and with Dell's files back before phase 1."""
    store, scripts = job.migration.store, ("publish_delivery", "prepare_dell")
    store.record("undone", job.domain, scripts=PREPARED)
    if job.options.with_dell:
        stays = job.migration.settings.by_worker and email_worker.ask(job.migration)  # another domain leads to it
        store.record("undone", "", scripts=scripts if stays else (*scripts, "deploy_worker"))


def delivery_names(job: Job) -> Iterator[Write]:
    """What ``publish_delivery`` made, in every zone: MX before the addresses that they name."""
    settings = job.migration.settings
    zones = (job.migration.store.snapshot("start") or {})["zones"]
    names = [(each, "MX") for each in settings.deliveries]
    for name, kind in (*names, (settings.dell.name, "A"), (settings.dell.name, "AAAA")):
        zone = dns.zone_of(job.migration, name)
        yield from rrset_as(job, [record(each) for each in zones[zone]["records"]], name, kind, zone)


def require_taken_back(job: Job, domain: str) -> None:
    """Refuse while another domain still needs Dell as it is: a rule of it leads there."""
    routing, settings = cloudflare.routing(job.migration, domain), job.migration.settings
    to = {settings.route.name, *(each.destination for each in settings.domain(domain).addresses)}
    if routing.enabled and any(to.intersection(each.destinations) for each in (*routing.rules, routing.catch_all)):
        raise Refused(
            N_(
                f"{domain} still has Email Routing, which needs Dell as it is: first python -m scripts.rollback "
                f"--domain {domain}, and later the same with --clean-up"
            )
        )
    require_let_go(job, domain)
