"""Routing rules as writes: one enabled rule for each address, the catch-all as the settings say, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as account
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import Address
from scripts.lib.change import Job, Write

PER_PAGE = 50
TRIES = cloudflare.RETRIES + 1
"""For a rule that is made: a second one of an address is refused (2014), so what stands is read before each try."""
EDIT, READ = "Email Routing Rules: Edit", "Email Routing Rules: Read"


def address_rules(job: Job) -> Iterator[Write]:
    """One enabled rule for each address; wrong ones are put right, and what else matches is taken away (C-2)."""
    kept: set[str] = set()
    found = _found(job.migration, job.domain)
    for address in job.migration.settings.domain(job.domain).addresses:
        present = next((each for each in found if each.address == address.address), None)
        wanted = f"enabled: {address.address} -> forward {address.destination}"
        if present is not None:
            kept.add(present.id)
        now = _text(present)
        if now != wanted:
            tries = 1 if present else TRIES
            yield Write("rules", address.address, now, wanted, *_rule(job, address, present), tries=tries)
    for stray in found:
        if stray.address and stray.id not in kept:
            subject = f"rule {stray.id}, double or of no address in the settings"
            delete, read = partial(_delete, job, stray.id), partial(_read, job, stray.id, "")
            yield Write("rules", subject, _text(stray), "absent", delete, read, danger="deletes")


def rules_as(job: Job, taken: Sequence[dict[str, Any]], caught: dict[str, Any]) -> Iterator[Write]:
    """The domain's rules and its catch-all as a snapshot has them: others are taken away, what lacks is made."""
    wanted = [_rule_of(each) for each in taken]
    here = _found(job.migration, job.domain)
    for each in here:
        if each.address and _text(each) not in map(_text, wanted):
            delete, read = partial(_delete, job, each.id), partial(_read, job, each.id, "")
            yield Write("rules", f"rule {each.id}", _text(each), "absent", delete, read, danger="deletes")
    for each in wanted:
        if each.address and _text(each) not in map(_text, here):
            make, like = partial(_make, job, each), partial(_like, job, each)
            yield Write("rules", each.address, "absent", _text(each), make, like, tries=TRIES)
    yield from _catch_all(job, _rule_of(caught))


def _rule_of(taken: dict[str, Any]) -> account.Rule:
    return account.Rule(**{**taken, "destinations": tuple(taken["destinations"])})


def _like(job: Job, wanted: account.Rule) -> str:
    text = _text(wanted)
    return text if text in map(_text, _found(job.migration, job.domain)) else "absent"


def _make(job: Job, wanted: account.Rule) -> None:
    zone = cloudflare.zone(job.migration, job.domain)
    action = {"type": wanted.action, **({"value": list(wanted.destinations)} if wanted.destinations else {})}
    matcher = {"type": "literal", "field": "to", "value": wanted.address}
    fields: dict[str, Any] = {"actions": [action], "matchers": [matcher], "enabled": wanted.enabled}
    with cloudflare.asking(f"rule of {wanted.address}", EDIT):
        cloudflare.once(job.migration).email_routing.rules.create(
            zone_id=zone.id, name=wanted.name, priority=wanted.priority, **fields
        )


def _rule(job: Job, address: Address, present: account.Rule | None) -> tuple[Callable[[], None], Callable[[], str]]:
    def do() -> None:
        fields: dict[str, Any] = {
            "actions": [{"type": "forward", "value": [address.destination]}],
            "matchers": [{"type": "literal", "field": "to", "value": address.address}],
            "enabled": True, "name": f"mxgate {address.address}", "priority": present.priority if present else 0,
        }  # fmt: skip
        zone = cloudflare.zone(job.migration, job.domain)
        with cloudflare.asking(f"rule of {address.address}", EDIT):
            if present:
                cloudflare.client(job.migration).email_routing.rules.update(present.id, zone_id=zone.id, **fields)
            else:
                cloudflare.once(job.migration).email_routing.rules.create(zone_id=zone.id, **fields)

    return do, partial(_read, job, present.id if present else "", address.address)


def _delete(job: Job, rule_id: str) -> None:
    zone = cloudflare.zone(job.migration, job.domain)
    with cloudflare.asking(f"rule {rule_id}", EDIT):
        cloudflare.client(job.migration).email_routing.rules.delete(rule_id, zone_id=zone.id)


def _read(job: Job, rule_id: str, address: str) -> str:
    found = _found(job.migration, job.domain)
    return _text(next((each for each in found if (each.id == rule_id if rule_id else each.address == address)), None))


def _found(migration: Migration, domain: str) -> tuple[account.Rule, ...]:
    zone = cloudflare.zone(migration, domain)
    with cloudflare.asking(f"rules of {domain}", READ):
        rules = cloudflare.client(migration).email_routing.rules.list(zone_id=zone.id, per_page=PER_PAGE)
        return tuple(account.rule(each) for each in rules)


def catch_all(job: Job) -> Iterator[Write]:
    """Whatever no rule takes: dropped or refused, as the settings say (C-2)."""
    enabled = job.migration.settings.domain(job.domain).catch_all == "drop"
    yield from _catch_all(job, account.Rule("", "mxgate", enabled, 0, "", "drop", ()))


def _catch_all(job: Job, rule: account.Rule) -> Iterator[Write]:
    zone = cloudflare.zone(job.migration, job.domain)
    catch_alls = cloudflare.client(job.migration).email_routing.rules.catch_alls
    action: Any = {"type": rule.action, **({"value": list(rule.destinations)} if rule.destinations else {})}

    def do() -> None:
        with cloudflare.asking(f"catch-all of {job.domain}", EDIT):
            catch_alls.update(
                zone_id=zone.id, actions=[action], matchers=[{"type": "all"}], enabled=rule.enabled, name=rule.name
            )

    def read() -> str:
        with cloudflare.asking(f"catch-all of {job.domain}", READ):
            return _text(account.rule(catch_alls.get(zone_id=zone.id)))

    now, wanted = read(), _text(rule)
    if now != wanted:
        yield Write("catch-all", f"anything else at {job.domain}", now, wanted, do, read)


def _text(rule: account.Rule | None) -> str:
    if rule is None:
        return "absent"
    action = " ".join((rule.action, *rule.destinations))
    return f"{'enabled' if rule.enabled else 'disabled'}: {rule.address or 'anything else'} -> {action}"
