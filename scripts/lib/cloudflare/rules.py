"""Routing rules as writes: one enabled rule for each address, the catch-all as the settings say, and nothing else.

Rules of subdomains are not ours: they are not looked at, and stay.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from fixtures.probes.cloudflare import api as cloudflare, changing, routed
from fixtures.settings import Address
from scripts.lib.change import READ_BACK_S, Job, Refused, Write

TRIES = cloudflare.RETRIES + 1
"""For a rule that is made: a second one of an address is refused (2014), so what stands is read before each try."""
UNKNOWN_WORKER, KNOWN_S, KNOWN_PAUSE_S = 2016, 60.0, 2.0
"""A rule to a Worker that isn't known (yet); how long that is waited for: a quarter of it was seen."""
EDIT = "Email Routing Rules: Edit"
ABSENT = "absent"
SENDING = "cf-bounce"
"""Where Cloudflare's Email Sending has bounces come to: MX of the same names, and nobody's mail.
developers.cloudflare.com/email-service/configuration/domains
"""


def address_rules(job: Job) -> Iterator[Write]:
    """One enabled rule for each address; wrong ones are put right, and what else matches is taken away (C-2).

    Where a Worker takes all, no address has one.
    """
    kept, found = set[str](), _found(job)
    settings = job.migration.settings
    for address in () if settings.by_worker else settings.domain(job.domain).addresses:
        kept |= {each.id for each in _of(address.address, found)[:1]}
        yield from address_rule(job, address, found)
    for stray in found:
        if stray.address and stray.id not in kept:
            yield _removed(job, stray, f"rule {stray.id}, double or of no address in the settings")


def address_rule(job: Job, address: Address, found: Sequence[cloudflare.Rule] | None = None) -> Iterator[Write]:
    """The one enabled rule of ADDRESS, to its own destination. FOUND: the domain's rules, where they are known."""
    present = next(iter(_of(address.address, _found(job) if found is None else found)), None)
    number, priority = (present.id, present.priority) if present else ("", 0)
    name, to = f"mxgate {address.address}", (address.destination,)
    wanted = cloudflare.Rule(number, name, True, priority, address.address, "forward", to)
    if _text(present) != _text(wanted):
        yield _made(job, wanted, _text(present), number or address.address)


def no_rule(job: Job, address: Address) -> Iterator[Write]:
    """Whatever rules ADDRESS has are taken away."""
    for each in _of(address.address, _found(job)):
        yield _removed(job, each, f"rule {each.id} of {address.address}")


def _of(address: str, found: Sequence[cloudflare.Rule]) -> list[cloudflare.Rule]:
    return [each for each in found if each.address == address]


def rules_as(job: Job, taken: Sequence[dict[str, Any]], caught: dict[str, Any]) -> Iterator[Write]:
    """The domain's rules and its catch-all as a snapshot has them: others are taken away, what lacks is made."""
    wanted, here = [rule for rule in map(_rule_of, taken) if routed.is_of(job.domain, rule)], _found(job)
    for each in here:
        if each.address and _text(each) not in map(_text, wanted):
            yield _removed(job, each, f"rule {each.id}")
    for each in wanted:
        if each.address and _text(each) not in map(_text, here):
            yield _made(job, each, ABSENT, _text(each))
    yield from _catch_all(job, _rule_of(caught))


def _rule_of(taken: dict[str, Any]) -> cloudflare.Rule:
    """To be made: without its number."""
    return cloudflare.Rule(**{**taken, "id": "", "destinations": tuple(taken["destinations"])})


def _made(job: Job, wanted: cloudflare.Rule, now: str, which: str) -> Write:
    do, read, tries = partial(_put, job, wanted), partial(_read, job, which), 1 if wanted.id else TRIES
    return Write("rules", wanted.address, now, _text(wanted), do, read, tries=tries)


def _put(job: Job, rule: cloudflare.Rule) -> None:
    """Make the rule, or change the one of its number."""
    fields: dict[str, Any] = {
        "actions": [_action(rule)],
        "matchers": [{"type": "literal", "field": "to", "value": rule.address}],
        "enabled": rule.enabled,
        "name": rule.name,
        "priority": rule.priority,
    }
    zone = cloudflare.zone(job.migration, job.domain)
    with _writing(job, f"rule of {rule.address}"):
        if rule.id:
            changing.client(job.migration).email_routing.rules.update(rule.id, zone_id=zone.id, **fields)
        else:
            changing.once(job.migration).email_routing.rules.create(zone_id=zone.id, **fields)


def _removed(job: Job, rule: cloudflare.Rule, subject: str) -> Write:
    def delete() -> None:
        zone = cloudflare.zone(job.migration, job.domain)
        with _writing(job, f"rule {rule.id}"):
            changing.client(job.migration).email_routing.rules.delete(rule.id, zone_id=zone.id)

    return Write("rules", subject, _text(rule), ABSENT, delete, partial(_read, job, rule.id), danger="deletes")


def _read(job: Job, which: str) -> str:
    """The rule of this number, address or text."""
    return _text(next((each for each in _found(job) if which in {each.id, each.address, _text(each)}), None))


def _found(job: Job) -> tuple[cloudflare.Rule, ...]:
    return tuple(each for each in cloudflare.rules(job.migration, job.domain) if routed.is_of(job.domain, each))


def catch_all(job: Job) -> Iterator[Write]:
    """Whatever no rule takes: dropped or refused, as the settings say (C-2); or the Worker's, which is everything."""
    yield from _catch_all(job, _ours(job))


def _ours(job: Job) -> cloudflare.Rule:
    settings = job.migration.settings
    enabled, action, to = settings.domain(job.domain).catch_all == "drop", "drop", tuple[str, ...]()
    if settings.by_worker:
        enabled, action, to = True, "worker", (settings.route.name,)
    return cloudflare.Rule("", "mxgate", enabled, 0, "", action, to)


def below(job: Job) -> list[str]:
    """The subdomains that have mail by Email Routing, by a rule or an MX: somebody else's, and nothing here ends it.

    By nothing but an MX neither our own (``enable_by_subdomain``) is one, nor the bounces' of Email Sending.
    """
    migration, domain = job.migration, job.domain
    ruled = [each for each in cloudflare.rules(migration, domain) if not routed.is_of(domain, each)]
    unused = {domain, f"{migration.settings.cloudflare.subdomain}.{domain}", f"{SENDING}.{domain}"}
    found = cloudflare.records(migration, domain).records
    mx = {each.name for each in found if each.type == "MX" and cloudflare.is_mx(each.text)}
    return sorted({each.address.rpartition("@")[2] for each in ruled} | (mx - unused))


def put_again(job: Job, its: Sequence[cloudflare.Rule]) -> None:
    """PUT rules, or the catch-all, of the domain as they stood. ``Refused`` where one reads otherwise afterwards."""
    for each in its:
        (_put if each.address else _put_catch_all)(job, each)
    now, clock = cloudflare.routing(job.migration, job.domain), job.migration.clock
    until = clock.now() + READ_BACK_S
    while lost := {_text(each) for each in its} - {_text(each) for each in (*now.rules, now.catch_all)}:
        if clock.now() > until:
            raise Refused(f"{job.domain}: {'; '.join(sorted(lost))}: put again, and it reads otherwise. Run this again")
        clock.sleep(KNOWN_PAUSE_S)
        now = cloudflare.routing(job.migration, job.domain)


def _put_catch_all(job: Job, rule: cloudflare.Rule) -> None:
    catch_alls = changing.client(job.migration).email_routing.rules.catch_alls
    about: Any = {"actions": [_action(rule)], "matchers": [{"type": "all"}], "enabled": rule.enabled, "name": rule.name}
    with _writing(job, f"catch-all of {job.domain}"):
        zone = cloudflare.zone(job.migration, job.domain)
        _once_known(job, partial(catch_alls.update, zone_id=zone.id, **about))


def _catch_all(job: Job, rule: cloudflare.Rule) -> Iterator[Write]:
    """Raises ``Refused`` where one that is enabled, and not ours, would end, and catches a subdomain's mail: it is the
    whole zone's.
    """

    def read() -> str:
        return _text(cloudflare.catch_all(job.migration, job.domain))

    now, wanted = read(), _text(rule)
    if now != wanted:
        takes = now.startswith("enabled") and not now.endswith("-> drop") and now != _text(_ours(job))
        if takes and (others := below(job)):
            raise Refused(
                f"the catch-all of {job.domain} ({now}) catches mail of {', '.join(others)} too, which would be lost. "
                "Nothing was written: give each address there that it catches a rule of its own, disable it in "
                "Cloudflare's dashboard, and plan again"
            )
        do = partial(_put_catch_all, job, rule)
        yield Write("catch-all", f"anything else at {job.domain}", now, wanted, do, read)


DUPLICATE, CATCH_ALLS = 2014, 2020
"""A rule that is there already, and what is the catch-all's: conflicts that Email Routing's being off does not make."""


@contextmanager
def _writing(job: Job, what: str) -> Iterator[None]:
    """``Refused`` with the way out where Cloudflare takes no rule, as Email Routing is off: some have met that."""
    import cloudflare as sdk

    with cloudflare.asking(what, EDIT):
        try:
            yield
        except sdk.ConflictError as error:
            known = {each.code for each in error.errors or ()} & {DUPLICATE, CATCH_ALLS}
            if known or cloudflare.routing(job.migration, job.domain).enabled:
                raise
            raise Refused(
                f"{job.domain}: expected that Cloudflare takes rules before Email Routing is on; found, {what}: "
                f"{cloudflare.reasons(error)}. Enable it for any name below {job.domain} first, in Cloudflare's "
                f"dashboard: {job.domain}'s own MX stays, and the switch goes on from there. Then run this again"
            ) from None


def _once_known(job: Job, put: Callable[[], object]) -> None:
    """PUT a rule: a Worker that was uploaded a moment ago is known to some of Cloudflare's servers only."""
    import cloudflare as sdk

    clock = job.migration.clock
    until = clock.now() + KNOWN_S
    while True:
        try:
            put()
        except sdk.APIStatusError as error:
            if UNKNOWN_WORKER not in {each.code for each in error.errors or ()} or clock.now() > until:
                raise
            clock.sleep(KNOWN_PAUSE_S)
        else:
            return


def _action(rule: cloudflare.Rule) -> dict[str, Any]:
    return {"type": rule.action, **({"value": list(rule.destinations)} if rule.destinations else {})}


def _text(rule: cloudflare.Rule | None) -> str:
    if rule is None:
        return ABSENT
    action = " ".join((rule.action, *rule.destinations))
    return f"{'enabled' if rule.enabled else 'disabled'}: {rule.address or 'anything else'} -> {action}"
