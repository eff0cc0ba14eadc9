"""What stands in the zone and the account: kept before the trial, compared after it, and what is over taken away.

Only what lies on the trial's own name is ever deleted: records at and below it, rules of its addresses, destinations
in it, and Email Routing itself where that was off before. What Cloudflare took away of the zone's own is put back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from fixtures.evidence import CouldNotAsk
from scripts.lib.trial.wire import Answer, Wire

PAGE, PAGES_MAX = 50, 200
FIELDS = ("type", "name", "content", "ttl", "priority", "proxied", "comment")
GONE = 404
APEX_RULE = "mxgate-trial"
"""The local part of the one rule that the trial makes for the zone's own name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the trial takes place."""

    zone: str
    zone_id: str
    account: str
    name: str

    @property
    def inner(self) -> str:
        """The domain of its destinations."""
        return f"in.{self.name}"

    def owns(self, name: str) -> bool:
        """Whether NAME is the trial's own, or lies below it."""
        return name == self.name or name.endswith(f".{self.name}")

    def owns_rule(self, rule: dict[str, Any]) -> bool:
        """Whether a rule is of the trial's making."""
        values = [str(each.get("value", "")).lower() for each in rule.get("matchers") or []]
        return any(self.owns(each.rpartition("@")[2]) or each == f"{APEX_RULE}@{self.zone}" for each in values)


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it, in a form that can be kept and compared."""

    enabled: bool
    subaddress: bool
    records: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    destinations: list[str]

    def lines(self) -> list[str]:
        """A line for each thing, sorted."""
        made = [f"Email Routing: {'on' if self.enabled else 'off'}", f"subaddressing: {self.subaddress}"]
        made += [f"record {json.dumps(each, sort_keys=True)}" for each in self.records]
        made += [f"rule {json.dumps(each, sort_keys=True)}" for each in self.rules]
        return sorted(made + [f"destination {each}" for each in self.destinations])

    def as_body(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)


def read(wire: Wire, place: Place) -> Standing:
    """As it stands now. Raises ``CouldNotAsk``."""
    settings = _good(wire.ask("GET", f"/zones/{place.zone_id}/email/routing")).result
    rules = listed(wire, f"/zones/{place.zone_id}/email/routing/rules")
    destinations = listed(wire, f"/accounts/{place.account}/email/routing/addresses")
    return Standing(
        bool(settings.get("enabled")),
        bool(settings.get("support_subaddress")),
        [plain(each) for each in records(wire, place)],
        [{name: each.get(name) for name in ("name", "enabled", "priority", "matchers", "actions")} for each in rules],
        sorted(
            f"{each.get('email')} {'verified' if each.get('verified') else 'not verified'}" for each in destinations
        ),
    )


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what changes by itself."""
    return {name: record.get(name) for name in FIELDS}


def records(wire: Wire, place: Place) -> list[dict[str, Any]]:
    """The zone's records as the API lists them."""
    return listed(wire, f"/zones/{place.zone_id}/dns_records")


def own_records(wire: Wire, place: Place) -> list[dict[str, Any]]:
    """Those at the trial's name and below."""
    return [each for each in records(wire, place) if place.owns(str(each.get("name", "")).lower())]


def left(wire: Wire, place: Place) -> list[str]:
    """What of the trial's stands, a line each."""
    made = [f"record {each['type']} {each['name']}" for each in own_records(wire, place)]
    made += [f"rule {_addresses(each)}" for each in _rules(wire, place)]
    return made + [f"destination {each['email']}" for each in _destinations(wire, place)]


def routing_off(wire: Wire, place: Place, *, asked: bool = True) -> Answer | None:
    """Email Routing off, if it is on; the answer to that. ASKED: also where it is not on yet, as it may still come."""
    settings = _good(wire.ask("GET", f"/zones/{place.zone_id}/email/routing")).result
    if not (settings.get("enabled") or asked):
        return None
    return wire.ask("DELETE", f"/zones/{place.zone_id}/email/routing/dns")


def take_away(wire: Wire, place: Place, before: Standing, *, asked: bool) -> list[str]:
    """All that the trial made, and what it changed put back; returns how the zone still differs, a line each.

    ASKED: it asked for Email Routing to be enabled, and that may not have come to be yet.
    """
    if not before.enabled:
        routing_off(wire, place, asked=asked)
    for rule in _rules(wire, place):
        _deleted(wire.ask("DELETE", f"/zones/{place.zone_id}/email/routing/rules/{rule['id']}"))
    for each in _destinations(wire, place):
        _deleted(wire.ask("DELETE", f"/accounts/{place.account}/email/routing/addresses/{each['id']}"))
    clear(wire, place)
    settings = _good(wire.ask("GET", f"/zones/{place.zone_id}/email/routing")).result
    if bool(settings.get("support_subaddress")) != before.subaddress:
        set_subaddress(wire, place, wanted=before.subaddress)
    for each in _lost(wire, place, before):
        body = {key: value for key, value in each.items() if value is not None}
        wire.ask("POST", f"/zones/{place.zone_id}/dns_records", body)
    return differences(before, read(wire, place))


def clear(wire: Wire, place: Place) -> None:
    """No record of the trial's is left."""
    for each in own_records(wire, place):
        _deleted(wire.ask("DELETE", f"/zones/{place.zone_id}/dns_records/{each['id']}"))


def set_subaddress(wire: Wire, place: Place, *, wanted: bool) -> Answer:
    """Whether ``user+detail@`` goes where ``user@`` does; of the whole zone."""
    return wire.ask("PATCH", f"/zones/{place.zone_id}/email/routing", {"support_subaddress": wanted})


def differences(before: Standing, now: Standing) -> list[str]:
    """Lines with ``-`` for what is gone and ``+`` for what was not there."""
    was, found = before.lines(), now.lines()
    gone = [f"- {each}" for each in was if each not in found]
    return gone + [f"+ {each}" for each in found if each not in was]


def _lost(wire: Wire, place: Place, before: Standing) -> Iterator[dict[str, Any]]:
    """Records that Email Routing might have deleted: MX, SPF and keys of which there are none at all any more.

    Where others stand, somebody has changed them meanwhile: two SPF records are none (RFC 7208, 4.5).
    """
    now = {_kept(place, plain(each)) for each in records(wire, place)}
    for each in before.records:
        kind = _kept(place, each)
        if kind and kind not in now:
            yield each


def _kept(place: Place, record: dict[str, Any]) -> str:
    """What of the zone's own mail a record is; empty: nothing that Email Routing touches."""
    name, kind = str(record["name"]).lower(), record["type"]
    if name == place.zone and kind == "MX":
        return "MX"
    if name == place.zone and kind == "TXT" and "v=spf1" in str(record.get("content", "")).lower():
        return "SPF"
    return f"key {name}" if kind == "TXT" and name.endswith(f"._domainkey.{place.zone}") else ""


def _rules(wire: Wire, place: Place) -> list[dict[str, Any]]:
    return [each for each in listed(wire, f"/zones/{place.zone_id}/email/routing/rules") if place.owns_rule(each)]


def _destinations(wire: Wire, place: Place) -> list[dict[str, Any]]:
    found = listed(wire, f"/accounts/{place.account}/email/routing/addresses")
    return [each for each in found if place.owns(str(each.get("email", "")).rpartition("@")[2].lower())]


def _addresses(rule: dict[str, Any]) -> str:
    return ", ".join(str(each.get("value")) for each in rule.get("matchers") or [])


def listed(wire: Wire, path: str) -> list[dict[str, Any]]:
    """Of all pages. ``CouldNotAsk`` where a page is none."""
    found = list[dict[str, Any]]()
    for page in range(1, PAGES_MAX):
        answer = _good(wire.ask("GET", f"{path}?per_page={PAGE}&page={page}"))
        if not isinstance(answer.result, list):
            raise CouldNotAsk(f"Cloudflare, {path}: expected a list, found {answer.text}")
        found += answer.result
        if len(answer.result) < PAGE:
            return found
    raise CouldNotAsk(f"Cloudflare, {path}: more than {PAGE * PAGES_MAX} of them")


def _good(answer: Answer) -> Answer:
    if not answer.ok or answer.result is None:
        raise CouldNotAsk(f"Cloudflare, {answer}")
    return answer


def _deleted(answer: Answer) -> None:
    """What is gone already is no fault: Email Routing takes its own records away."""
    if not answer.ok and answer.status != GONE:
        raise CouldNotAsk(f"Cloudflare, {answer}. Run again: it goes on")
