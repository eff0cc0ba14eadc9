"""What stands in the zone and the account: kept before the trial, compared after it, and what is over taken away.

Only what lies on the trial's own name is ever deleted: records at and below it, rules of its addresses, destinations
in it, and Email Routing itself where that was off before. What Cloudflare took away of the zone's own is put back.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from fixtures.evidence import CouldNotAsk, tell
from fixtures.facts import facts
from fixtures.probes.cloudflare import api as cloudflare
from scripts.lib.cloudflare.verification import YOUNG, until_old
from scripts.lib.trial.wire import Answer, Wire

PAGE, PAGES_MAX = 50, 200
RECORD = "type", "name", "content", "ttl", "priority", "proxied", "comment"
RULE = "name", "enabled", "priority", "matchers", "actions"
GONE = 404
ON, OFF = "Email Routing: on", "Email Routing: off"
OWN, SPF, MADE = "the trial's", "SPF", " of Email Routing"
SPF_MADE = f"v=spf1 include:{facts('cloudflare')['spf_include']} ~all"
APEX_RULE = "mxgate-trial"
"""The local part of the one rule that the trial makes for the zone's own name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the trial takes place."""

    zone: str
    zone_id: str
    account: str
    name: str
    worker: str = ""
    """The name of its Email Worker; empty: no mail is to come by one, and none is tried."""

    @property
    def script(self) -> str:
        """The Worker's path at the API."""
        return f"/accounts/{self.account}/workers/scripts/{self.worker}"

    @property
    def inner(self) -> str:
        """The domain of its destinations."""
        return f"in.{self.name}"

    def owns(self, name: str) -> bool:
        """Whether NAME is the trial's own, or lies below it."""
        return name == self.name or name.endswith(f".{self.name}")

    def owns_rule(self, rule: dict[str, Any]) -> bool:
        """Whether a rule is of the trial's making."""
        mine = f"{APEX_RULE}@{self.zone}"
        return any(self.owns(each.rpartition("@")[2]) or each == mine for each in _addresses(rule))


@dataclass(frozen=True, slots=True)
class Standing:
    """All of it, in a form that can be kept and compared."""

    enabled: bool
    subaddress: bool
    records: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    destinations: list[str]
    workers: list[str] = field(default_factory=list)
    """The account's, where one is tried."""

    def lines(self, place: Place) -> dict[str, str]:
        """A line for each thing, and whose it is: the trial's ``OWN``, the zone's own mail's, or nobody's of these."""
        made = {ON if self.enabled else OFF: OWN, f"subaddressing: {self.subaddress}": OWN}
        made |= {f"record {json.dumps(each, sort_keys=True)}": _whose(place, each) for each in self.records}
        made |= {
            f"rule {json.dumps(each, sort_keys=True)}": OWN if place.owns_rule(each) else "" for each in self.rules
        }
        at = {each: each.split()[0].rpartition("@")[2].lower() for each in self.destinations}
        made |= {f"destination {each}": OWN if place.owns(domain) else "" for each, domain in at.items()}
        return made | {f"Worker {each}": OWN if each == place.worker else "" for each in self.workers}

    def as_body(self) -> dict[str, Any]:
        """For the store."""
        return asdict(self)


def read(wire: Wire, place: Place) -> Standing:
    """As it stands now. Raises ``CouldNotAsk``."""
    settings = _good(wire.ask("GET", _routing(place))).result
    rules = [{name: each.get(name) for name in RULE} for each in listed(wire, f"{_routing(place)}/rules")]
    there = (
        (each.get("email"), "verified" if each.get("verified") else "not verified")
        for each in _all_destinations(wire, place)
    )
    destinations = sorted(f"{email} {state}" for email, state in there)
    found = [plain(each) for each in records(wire, place)]
    on, subaddress = bool(settings.get("enabled")), bool(settings.get("support_subaddress"))
    return Standing(on, subaddress, found, rules, destinations, workers(wire, place))


def plain(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what changes by itself."""
    return {name: record.get(name) for name in RECORD}


def records(wire: Wire, place: Place) -> list[dict[str, Any]]:
    """The zone's records as the API lists them."""
    return listed(wire, f"/zones/{place.zone_id}/dns_records")


def own_records(wire: Wire, place: Place) -> list[dict[str, Any]]:
    """Those at the trial's name and below."""
    return [each for each in records(wire, place) if place.owns(str(each.get("name", "")).lower())]


def left(wire: Wire, place: Place) -> list[str]:
    """What of the trial's stands, a line each."""
    made = [f"record {each['type']} {each['name']}" for each in own_records(wire, place)]
    made += [f"rule {', '.join(_addresses(each))}" for each in _rules(wire, place)]
    made += [f"destination {each['email']}" for each in destinations(wire, place)]
    return made + [f"Worker {each}" for each in workers(wire, place) if each == place.worker]


def routing_off(wire: Wire, place: Place, before: Standing, *, asked: bool = True) -> Answer | None:
    """Email Routing off, if it is on and was off BEFORE; the answer to that. ASKED: also where it is not on yet, as it
    may still come. Where somebody else has mail by it now it stays on, and only the trial's own records are unlocked.
    """
    now = read(wire, place)
    if now.enabled and others_by_it(place, before, now):
        wire.ask("PATCH", f"{_routing(place)}/dns", {"name": place.name})
        return None
    return wire.ask("DELETE", f"{_routing(place)}/dns") if not before.enabled and (now.enabled or asked) else None


def others_by_it(place: Place, before: Standing, now: Standing) -> list[str]:
    """The domains that somebody has given mail by Email Routing since; one switch is for all of the zone. Of its own
    name the trial itself may have made the MX, and a rule leads nothing while another MX stands.
    """
    new = [each for each in now.rules if each not in before.rules and not place.owns_rule(each)]
    rules = [each for each in new if each.get("enabled")]
    mx = [each for each in now.records if each not in before.records and each["type"] == "MX"]
    led = {address.rpartition("@")[2] for each in rules for address in _addresses(each) if "@" in address}
    led |= {place.zone for each in rules for matcher in each.get("matchers") or [] if matcher.get("type") == "all"}
    come = {str(each["name"]).lower() for each in mx if cloudflare.is_mx(str(each["content"]))}
    apex = {place.zone}
    return sorted(each for each in (led | come) - apex | (led & come & apex) if not place.owns(each))


def take_away(wire: Wire, place: Place, before: Standing, *, asked: bool) -> tuple[list[str], list[str]]:
    """All that the trial made, and what it changed put back; returns how the zone still differs (``differences``).

    ASKED: it asked for Email Routing to be enabled, and that may not have come to be yet.
    """
    delete_rules(wire, place)  # while Email Routing is on: some were refused it afterwards
    if place.worker in workers(wire, place):
        _delete(wire, place.script)
    routing_off(wire, place, before, asked=asked)
    for each in own_records(wire, place):
        _delete(wire, f"/zones/{place.zone_id}/dns_records/{each['id']}")
    settings = _good(wire.ask("GET", _routing(place))).result
    if bool(settings.get("support_subaddress")) != before.subaddress:
        set_subaddress(wire, place, wanted=before.subaddress)
    for each in _lost(wire, place, before):
        body = {key: value for key, value in each.items() if value is not None}
        wire.ask("POST", f"/zones/{place.zone_id}/dns_records", body)
    for each in destinations(wire, place):  # last: it may have to wait, and the zone's own mail must not
        path = f"/accounts/{place.account}/email/routing/addresses/{each['id']}"
        until_old(wire.migration.clock, each["email"], partial(_is_young, wire, path), tell)
    return differences(place, before, read(wire, place))


def delete_rules(wire: Wire, place: Place, address: str = "") -> None:
    """The trial's rules, or that for ADDRESS."""
    for each in _rules(wire, place):
        if not address or address in _addresses(each):
            _delete(wire, f"{_routing(place)}/rules/{each['id']}")


def set_subaddress(wire: Wire, place: Place, *, wanted: bool) -> Answer:
    """Whether ``user+detail@`` goes where ``user@`` does; of the whole zone."""
    return wire.ask("PATCH", _routing(place), {"support_subaddress": wanted})


def differences(place: Place, before: Standing, now: Standing) -> tuple[list[str], list[str]]:
    """What the trial may have caused, and what others have changed meanwhile: ``- `` is gone, ``+ `` is new."""
    was, found = before.lines(place), now.lines(place)
    if others := others_by_it(place, before, now):
        for lines in (was, found):
            lines.update({each: "" for each in (ON, OFF) if each in lines})
    gone = {f"- {each}": whose for each, whose in was.items() if each not in found}
    new = {f"+ {each}": whose for each, whose in found.items() if each not in was}
    had, has = ({each.removesuffix(MADE) for each in lines.values()} for lines in (was, found))
    mine = [each for each, whose in gone.items() if whose and (whose == OWN or whose.removesuffix(MADE) not in has)]
    # Of a zone that had no SPF record, another hand (merge_spf) may have written what Cloudflare would.
    mine += [
        each
        for each, whose in new.items()
        if whose == OWN or (whose.endswith(MADE) and place.zone not in others and (whose != SPF + MADE or SPF in had))
    ]
    return mine, [each for each in (gone | new) if each not in mine]


def _lost(wire: Wire, place: Place, before: Standing) -> Iterator[dict[str, Any]]:
    """Records that Email Routing might have deleted: MX, SPF and keys of which there are none at all any more.

    Where others stand, somebody has changed them meanwhile: two SPF records are none (RFC 7208, 4.5).
    """
    now = {_whose(place, each).removesuffix(MADE) for each in records(wire, place)}
    for each in before.records:
        whose = _whose(place, each)
        if whose and whose != OWN and whose.removesuffix(MADE) not in now:
            yield each


def _whose(place: Place, record: dict[str, Any]) -> str:
    """Whose a record is: ``OWN``; which part of the zone's own mail, with ``MADE`` behind it where it is as Email
    Routing writes it; empty: nothing that Email Routing touches.
    """
    name, kind, text = str(record["name"]).lower(), record["type"], cloudflare.joined(str(record["content"])).lower()
    if place.owns(name):
        return OWN
    if name == place.zone and kind == "MX":
        return f"MX{MADE if cloudflare.is_mx(text) else ''}"
    if name == place.zone and kind == "TXT" and "v=spf1" in text:
        return f"{SPF}{MADE if text == SPF_MADE else ''}"
    if kind == "TXT" and name.endswith(f"._domainkey.{place.zone}"):
        return f"key {name}{MADE if name.startswith('cf') else ''}"
    return ""


def destinations(wire: Wire, place: Place) -> list[dict[str, Any]]:
    """Those of the trial's name."""
    found = _all_destinations(wire, place)
    return [each for each in found if place.owns(str(each.get("email", "")).rpartition("@")[2].lower())]


def _all_destinations(wire: Wire, place: Place) -> list[dict[str, Any]]:
    return listed(wire, f"/accounts/{place.account}/email/routing/addresses")


def workers(wire: Wire, place: Place) -> list[str]:
    """The names of the account's, where one is tried."""
    if not place.worker:
        return []
    answer = _good(wire.ask("GET", place.script.rpartition("/")[0]))
    return sorted(str(each.get("id")) for each in answer.result)


def _rules(wire: Wire, place: Place) -> list[dict[str, Any]]:
    return [each for each in listed(wire, f"{_routing(place)}/rules") if place.owns_rule(each)]


def _addresses(rule: dict[str, Any]) -> list[str]:
    return [str(each.get("value", "")).lower() for each in rule.get("matchers") or []]


def _routing(place: Place) -> str:
    return f"/zones/{place.zone_id}/email/routing"


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


def _is_young(wire: Wire, path: str) -> bool:
    """Whether a destination is too young to be deleted; if not, it is deleted."""
    answer = wire.ask("DELETE", path)
    if YOUNG not in answer.codes:
        _require_gone(answer)
    return YOUNG in answer.codes


def _delete(wire: Wire, path: str) -> None:
    _require_gone(wire.ask("DELETE", path))


def _require_gone(answer: Answer) -> None:
    """What was gone already is no fault: Email Routing takes its own records away."""
    if not answer.ok and answer.status != GONE:
        raise CouldNotAsk(f"Cloudflare, {answer}. Run again: it goes on")
