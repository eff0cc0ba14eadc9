"""The trial's parts that need only the API and the MX hosts: enabling, settling, locks, the apex, switching off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from dns import reversename

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns
from fixtures.probes.smtp.session import Conversation
from fixtures.probes.smtp.smtp_client import Dialogue
from scripts.lib.trial import standing
from scripts.lib.trial.course import ENABLED, Course, addresses, assigned
from scripts.lib.trial.standing import APEX_RULE
from scripts.lib.trial.wire import Answer

FOREIGN_SPF = "v=spf1 -all"
TTL_S = 60
ENABLED_S, SETTLE_S, APEX_S, DNS_S = 60.0, 900.0, 180.0, 660.0
"""How long each is waited for."""
NOT_BELOW, OTHER_MX = 2012, 2008
NO_PTR = "reverse lookup"


def enabling(course: Course) -> None:
    """Enable Email Routing on the trial's name while a foreign MX and a foreign SPF record stand there."""
    place = course.place
    course.take_away()
    _needed(course)
    if course.stop:
        return
    _prepare(course)
    course.rule(f"drop@{place.name}", {"type": "drop"})
    answer = course.enable()
    answer = _with_the_apex_first(course, answer)
    if course.stop:
        return
    foreign = f"foreign.{place.name}"
    if answer.ok:
        answer = _enabled_beside(course, answer, foreign)
    elif OTHER_MX in answer.codes:
        course.note("enabling", "refuses", str(answer), otherwise=answer.status != 409)
        _delete(course, "MX", foreign)
        answer = course.enable()
    else:
        course.note("enabling", f"HTTP {answer.said}", str(answer))
        _delete(course, "MX", foreign)
        answer = course.enable()
    _settled(course, answer)
    if not course.stop:
        _records(course)
        _locks(course)


def _needed(course: Course) -> None:
    """The records that are asked for, in either shape; and which MX hosts they name."""
    answer = course.wire.ask("GET", course.zone_path("email/routing/dns"))
    if isinstance(answer.result, list):
        course.note("dns_get", "list", answer.text)
    elif isinstance(answer.result, dict) and "record" in answer.result:
        course.note("dns_get", "object", answer.text)
    else:
        course.note("dns_get", f"HTTP {answer.said}", answer.text)
    course.mx = assigned(course.wire, course.place)
    if not course.mx:
        course.stop = f"Cloudflare names no MX for {course.place.name}: {answer}"
        return
    first = {each.partition(".")[0] for each in course.mx}
    kind = "route" if all(each.startswith("route") for each in first) else "named"
    known = {"amir", "linda", "isaac"}
    other = not (kind == "route" or first <= known)
    course.note("mx_names", kind, ", ".join(course.mx), otherwise=other)


def _prepare(course: Course) -> None:
    """The foreign records, and those of the trial's own mail; measured until every name server has them."""
    name, inner = course.place.name, course.place.inner

    def record(kind: str, owner: str, content: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "name": owner, "content": content, "ttl": TTL_S, **more}

    posts = [record("MX", name, f"foreign.{name}", priority=10), record("TXT", name, f'"{FOREIGN_SPF}"')]
    if course.has_mail:
        own = addresses(course.migration)
        host, permits = f"mx.{inner}", " ".join(f"ip{6 if ':' in each else 4}:{each}" for each in own)
        posts += [record("AAAA" if ":" in each else "A", host, each, proxied=False) for each in own]
        posts += [record("MX", owner, host, priority=10) for owner in (inner, f"pass.{name}", f"bare.{name}")]
        posts.append(record("TXT", f"pass.{name}", f'"v=spf1 {permits} -all"'))
        posts.append(record("TXT", f"bare.{name}", '"v=spf1 -all"'))
    answer = course.wire.ask("POST", course.zone_path("dns_records/batch"), {"posts": posts})
    if not answer.ok:
        raise CouldNotAsk(f"Cloudflare, {answer}")
    wait_for_dns(course, {(each["name"], each["type"]) for each in posts}, "dns_seen_s")


def wait_for_dns(course: Course, wanted: set[tuple[str, str]], fact: str = "") -> None:
    """Until every name server of the zone gives all of it, in real time."""
    servers, began = dns.authorities(course.place.zone), time.monotonic()
    first: dict[str, float] = {}
    missing = {(server, *each) for server in servers for each in wanted}
    while missing and time.monotonic() < began + DNS_S:
        for server, name, kind in sorted(missing, key=str):
            if dns.ask([server], name, kind)[0].rrset:
                missing.discard((server, name, kind))
                first[str(server)] = time.monotonic() - began
        if missing:
            time.sleep(0.1)
    shown = ", ".join(f"{server}: {seconds:.1f} s" for server, seconds in first.items())
    if fact:
        course.note(fact, round(max(first.values(), default=0.0), 1), shown, otherwise=bool(missing))


def _with_the_apex_first(course: Course, answer: Answer) -> Answer:
    """A refusal of any subdomain is recorded; on a spare zone the apex is enabled then, and it is tried again."""
    if NOT_BELOW not in answer.codes:
        if answer.ok or OTHER_MX in answer.codes:
            course.note("subdomains", "free", str(answer))
        return answer
    course.note("subdomains", "after_apex", str(answer))
    course.note("apex_early", None, "a subdomain can't be enabled before the apex here, so the question does not arise")
    if not course.migration.settings.trial.zone:
        course.stop = (
            f"this account enables no subdomain before the apex ({answer}). Nothing of {course.place.zone}'s own may "
            "be touched: name a spare zone of the account as [trial] zone in migration.toml, and run the trial there"
        )
        return answer
    made = course.enable(apex=True)
    if not made.ok:
        course.stop = f"the spare zone {course.place.zone} can't be enabled: {made}. Take its own MX away first"
        return answer
    return course.enable()


def _enabled_beside(course: Course, answer: Answer, foreign: str) -> Answer:
    """It was enabled although a foreign MX stood there: whether that is gone."""
    stands = [
        each for each in standing.own_records(course.wire, course.place) if each["content"].rstrip(".") == foreign
    ]
    if not stands:
        course.note("enabling", "replaces", f"{answer}; {foreign} is gone")
        return answer
    course.note("enabling", "coexists", f"{answer}; {foreign} stands next to Cloudflare's records")
    course.wire.ask("PATCH", course.zone_path("email/routing/dns"), {"name": course.place.name})
    _delete(course, "MX", foreign)
    return course.enable()


def _delete(course: Course, kind: str, content: str) -> None:
    for each in standing.own_records(course.wire, course.place):
        if (each["type"], each["content"].rstrip(".")) == (kind, content):
            course.wire.ask("DELETE", course.zone_path(f"dns_records/{each['id']}"))


def _settled(course: Course, answer: Answer) -> None:
    """From the answer to enabling on: the states of the settings, and what every MX host says, until all take mail."""
    clock, began = course.migration.clock, answer.at
    states: list[tuple[float, str]] = []

    def state() -> dict[str, Any]:
        found = course.wire.ask("GET", course.zone_path("email/routing")).result
        settings: dict[str, Any] = found if isinstance(found, dict) else {}
        below: dict[str, Any] = next(
            (each for each in settings.get("subdomains") or [] if each.get("name") == course.place.name), {}
        )
        text = f"{settings.get('status')}, below {below.get('status')}, synced {settings.get('synced')}"
        if not states or states[-1][1] != text:
            states.append((clock.now() - began, text))
        return settings

    on = answer.ok
    if not answer.ok or not state().get("enabled"):
        waited = course.until(lambda: bool(state().get("enabled")), ENABLED_S)
        on = waited is not None
        shown = f"{answer.request}: HTTP {answer.said}, " + (
            f"and enabled only {waited:.0f} s later"
            if on
            else f"and not enabled {ENABLED_S:.0f} s later: {states[-1][1]}"
        )
        course.note("enabling", f"HTTP {answer.said}, {'later' if on else 'not within a minute'}", shown)
    if not on:
        course.note("states", None, _timeline(states), otherwise=True)
        course.stop = (
            f"Email Routing could not be enabled ({answer.said}), so nothing further could be observed. It was "
            "switched off again, in case it still comes: look at the dashboard in an hour, and run this again"
        )
        return
    course.enabled_at = began
    course.migration.store.record(ENABLED, course.place.zone, trial=course.number, enabled_at=began)
    _asked_until_taken(course, began, state)
    state()
    course.note("states", [text for _, text in states], _timeline(states))


def _asked_until_taken(course: Course, began: float, state: Any) -> None:
    refused_at = [0.0]
    taken, last, clock = dict[tuple[str, str], float](), dict[tuple[str, str], str](), course.migration.clock

    def all_take() -> bool:
        heard, asked_at = False, clock.now() - began
        for host, where, talk in course.ask(f"drop@{course.place.name}"):
            key = host, where
            if not is_heard(talk):
                last[key] = f"not heard: {talk.outcome}"
                continue
            heard = True
            if not talk.outcome.accepted:
                last[key], refused_at[0] = str(talk.outcome), asked_at
            elif last.get(key, "never asked"):
                last[key], taken[key] = "", clock.now() - began
        state()
        return heard and not any(text and not text.startswith("not heard") for text in last.values())

    found = course.until(all_take, SETTLE_S)
    by_host = ", ".join(f"{host} ({where}) {seconds:.0f} s" for (host, where), seconds in taken.items())
    refused = "; ".join(sorted(set(filter(None, last.values())))[:5])
    if found is None and not taken:
        course.note("settle_s", None, f"after {SETTLE_S:.0f} s: {refused}", otherwise=True)
        course.stop = f"no MX host of Cloudflare's took mail for {course.place.name} in {SETTLE_S:.0f} s: {refused}"
        return
    seconds = max(taken.values())
    late = "" if found is not None else f"; some refused to the end: {refused}"
    shown = f"refused after {refused_at[0]:.1f} s, taken after {seconds:.1f} s{late}"
    course.note("settle_s", round(seconds, 1), shown, otherwise=bool(late))
    each = {f"{host} {where}": round(s, 1) for (host, where), s in taken.items()}
    course.note("settling", {"last refused": round(refused_at[0], 1), **each}, by_host)


def is_heard(talk: Conversation) -> bool:
    """Whether the host spoke of the address, and not of who asks."""
    return bool(talk.banner) and NO_PTR not in talk.outcome.text.lower()


def _timeline(states: list[tuple[float, str]]) -> str:
    return "; ".join(f"after {seconds:.0f} s {text}" for seconds, text in states)


def _records(course: Course) -> None:
    """What became of the foreign SPF record, and whether Email Routing's own MX are listed."""
    own = standing.own_records(course.wire, course.place)
    at = [each for each in own if each["name"].lower() == course.place.name]
    texts = [cloudflare.unquoted(each["content"]) for each in at if each["type"] == "TXT"]
    if FOREIGN_SPF not in texts:
        course.note("spf", "replaced", f"now {', '.join(texts) or 'none'}")
    elif len([each for each in texts if each.startswith("v=spf1")]) == 1:
        course.note("spf", "kept", f"still {FOREIGN_SPF}")
    else:
        course.note("spf", "doubled", f"now {', '.join(texts)}")
    listed = [each["content"].rstrip(".") for each in at if each["type"] == "MX"]
    served = dns.ask(dns.authorities(course.place.zone), course.place.name, "MX")
    shown = f"listed {', '.join(listed) or 'none'}; served {', '.join(served[0].hosts) or 'none'}"
    if set(course.mx) <= set(listed):
        course.note("routing_mx", "listed", shown)
    else:
        course.note("routing_mx", "hidden" if not listed else f"in part: {', '.join(listed)}", shown)


def _locks(course: Course) -> None:
    """Write an MX while the records are locked, and after they were unlocked; only ever at the trial's own name."""
    foreign = f"foreign.{course.place.name}"
    body = {"type": "MX", "name": course.place.name, "content": foreign, "priority": 10, "ttl": TTL_S}
    answer = course.wire.ask("POST", course.zone_path("dns_records"), body)
    code = "/".join(map(str, answer.codes[:1])) or f"HTTP {answer.status}"
    usual = {"890190": 400, "1046": 403}.get(code)
    course.note("lock_code", code, str(answer), otherwise=answer.status != usual)
    if answer.ok:
        _delete(course, "MX", foreign)
    unlocked = course.wire.ask("PATCH", course.zone_path("email/routing/dns"), {"name": course.place.name})
    written = course.wire.ask("POST", course.zone_path("dns_records"), body)
    _delete(course, "MX", foreign)
    locked = course.enable()
    fine = unlocked.ok and written.ok and locked.ok
    course.note(
        "unlocking", fine, f"unlock {unlocked.said}, write {written.said}, lock {locked.said}", otherwise=not fine
    )


def apex(course: Course) -> None:
    """Whether an address at the zone's own name is taken, while its MX leads elsewhere: asked, and nothing is sent."""
    if (known := course.seen().get("apex_early")) and known.value is None:
        return
    address = f"{APEX_RULE}@{course.place.zone}"
    course.rule(address, {"type": "drop"})
    said: list[tuple[str, str, Conversation]] = []

    def all_take() -> bool:
        said[:] = [each for each in course.ask(address) if is_heard(each[2])]
        return bool(said) and all(talk.outcome.accepted for _, _, talk in said)

    waited = course.until(all_take, APEX_S, 5.0)
    shown = "; ".join(f"{host} ({where}): {talk.outcome}" for host, where, talk in said)
    takes = [talk.outcome.accepted for _, _, talk in said]
    if not said:
        course.note("apex_early", None, "no MX host could be heard", otherwise=True)
    elif any(takes) and not all(takes):
        course.note("apex_early", "by some", f"after {APEX_S:.0f} s: {shown}")
    else:
        course.note("apex_early", "refused" if waited is None else "taken", shown)
    _no_rule(course, address)


def _no_rule(course: Course, address: str) -> None:
    for each in standing.listed(course.wire, course.zone_path("email/routing/rules")):
        if any(str(one.get("value", "")).lower() == address for one in each.get("matchers") or []):
            course.wire.ask("DELETE", course.zone_path(f"email/routing/rules/{each['id']}"))


def hosts(course: Course) -> None:
    """How the MX hosts greet, what they offer, and what they say to strangers and of addresses that nobody has."""
    said = [each for each in course.ask(f"nobody-{course.number}@{course.place.name}") if is_heard(each[2])]
    offers, offered = set(), set()
    for _, _, talk in said:
        words = {each.split()[0] for each in talk.extensions if each}
        both = {"PIPELINING", "CHUNKING"} & words
        offers.add("both" if len(both) == 2 else "neither" if not both else min(both))
        offered |= set(talk.extensions)
    course.note("offers", offers.pop() if len(offers) == 1 else ", ".join(sorted(offers)), ", ".join(sorted(offered)))
    greetings = "; ".join(
        f"{host} ({where}): {talk.banner}, {talk.tls or 'in the clear'}" for host, where, talk in said
    )
    course.note("greeting", sorted(offered), greetings, otherwise=not all(talk.tls for _, _, talk in said))
    takes = {talk.outcome.accepted for _, _, talk in said}
    shown = "; ".join(f"{host} ({where}): {talk.outcome}" for host, where, talk in said)
    codes = {talk.outcome.code for _, _, talk in said}
    value = {frozenset({True}): "discarded", frozenset({False}): "refused"}.get(frozenset(takes), "by some")
    course.note("nobody", value, shown, otherwise=value == "refused" and codes != {550})
    _strangers(course)


def _strangers(course: Course) -> None:
    """From an address without a PTR that leads back, if there is one: whether it is greeted."""
    found = next(_nameless(course), None)
    if found is None:
        course.note("reverse_lookup", None, "each address from which it could be asked has a PTR that leads back")
        return
    source, place = found

    async def greet() -> tuple[str, str]:
        async with Dialogue(course.knock(place, source=source)) as dialogue:
            await dialogue.greet()
        return dialogue.banner, f"{dialogue.code} {dialogue.text}"

    banner, text = run(greet())
    if banner:
        course.note("reverse_lookup", "ignored", f"{source} was greeted: {banner}")
    elif NO_PTR in text.lower():
        course.note("reverse_lookup", "required", f"{source} was turned away: {text}")
    else:
        course.note("reverse_lookup", None, f"{source}: {text}", otherwise=True)


def _nameless(course: Course) -> Iterator[tuple[str, str]]:
    """Addresses of ours that have no name that leads back, with an MX host's of that family."""
    via = course.via
    if via and via.sources == "any":
        candidates = ["2001:db8:ffff::25", "192.0.2.251"]
    else:
        candidates = list(addresses(course.migration))
    for each in candidates:
        there = next((place for _, place in course.hosts() if (":" in place) == (":" in each)), "")
        if there and not _leads_back(each):
            yield (each if via and via.sources == "any" else ""), there


def _leads_back(address: str) -> bool:
    pointer = reversename.from_address(address).to_text(omit_final_dot=True)
    names = _default(pointer, "PTR")
    return any(address in _default(name, "AAAA" if ":" in address else "A") for name in names)


def _default(name: str, kind: str) -> tuple[str, ...]:
    return run(dns.adefault(name, kind)).rrset


def off(course: Course) -> None:
    """Switch Email Routing off, look at what went with it, and take everything away."""
    if not course.before.enabled:
        present = standing.records(course.wire, course.place)
        others = [each for each in present if standing.plain(each) in course.before.records]
        answer = standing.routing_off(course.wire, course.place)
        if answer is not None:
            own = standing.own_records(course.wire, course.place)
            gone = [each for each in own if each["name"].lower() == course.place.name and each["type"] == "MX"]
            now = standing.records(course.wire, course.place)
            lost = [each for each in others if each["id"] not in {one["id"] for one in now}]
            kind = (
                "settings"
                if isinstance(answer.result, dict)
                else "list"
                if isinstance(answer.result, list)
                else "nothing"
            )
            shown = f"{answer.said}, {kind}; {len(gone)} MX of its own left, {len(lost)} of the zone's others gone: "
            shown += ", ".join(f"{each['type']} {each['name']}" for each in lost)
            course.note("disabling", kind, shown.rstrip(": "), otherwise=bool(lost or gone) or not answer.ok)
    course.note(
        "transients",
        course.wire.failed,
        f"{course.wire.failed} of {course.wire.requests} requests: {'; '.join(course.wire.notes[:3])}".rstrip(": "),
    )
