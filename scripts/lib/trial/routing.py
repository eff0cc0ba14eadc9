"""The trial's parts that need only the API and the MX hosts: enabling, settling, locks, the apex, switching off."""

import time
from collections.abc import Iterator
from typing import Any

from fixtures.access.loop import run
from fixtures.evidence import CouldNotAsk
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns, reverse
from fixtures.probes.smtp.mx_hosts import is_heard
from fixtures.probes.smtp.smtp_client import Dialogue
from scripts.lib.trial import standing
from scripts.lib.trial.course import Course, shown
from scripts.lib.trial.standing import APEX_RULE
from scripts.lib.trial.wire import Answer

FOREIGN_SPF = "v=spf1 -all"
TTL_S = 60
ENABLED_S, SETTLE_S, APEX_S, DNS_S = 60.0, 900.0, 180.0, 660.0
"""How long each is waited for."""
NO_PTR = "reverse lookup"
NOT_BELOW, OTHER_MX = 2012, 2008
DNS = "email/routing/dns"


def enabling(course: Course) -> None:
    """Enable Email Routing on the trial's name while a foreign MX and a foreign SPF record stand there."""
    course.take_away()
    _needed(course)
    if course.stop:
        return
    _prepare(course)
    _rule_while_off(course)
    answer = _with_the_apex_first(course, course.enable())
    if course.stop:
        return
    if answer.ok:
        answer = _enabled_next_to_it(course, answer)
    else:
        refused = OTHER_MX in answer.codes
        value = "refuses" if refused else f"HTTP {answer.said}"
        course.note("enabling", value, str(answer), otherwise=refused and answer.status != 409)
        _no_foreign_mx(course)
        answer = course.enable()
    _settled(course, answer)
    if not course.stop:
        _records(course)
        _locks(course)


def _drops(course: Course) -> str:
    """A rule for the address that the MX hosts are asked for; how it was refused, empty: it stands."""
    return course.rule(f"drop@{course.place.name}", {"type": "drop"})


def _rule_while_off(course: Course) -> None:
    """Whether a rule can be made before Email Routing is enabled, as all of a domain's are before its switch."""
    refused = _drops(course)
    value = "accepted" if not refused else "conflict" if ": 409" in refused else "refused"
    course.note("rules_while_off", value, refused or "a rule was made, and Email Routing was off")


def _needed(course: Course) -> None:
    """The records that are asked for, in either shape; and which MX hosts they name."""
    answer = course.zone("GET", DNS)
    has_records = isinstance(answer.result, dict) and "record" in answer.result
    value = "list" if isinstance(answer.result, list) else "object" if has_records else f"HTTP {answer.said}"
    course.note("dns_get", value, answer.text)
    course.mx = course.assigned()
    if not course.mx:
        course.stop = f"Cloudflare names no MX for {course.place.name}: {answer}"
        return
    first = {each.partition(".")[0] for each in course.mx}
    kind = "route" if all(each.startswith("route") for each in first) else "named"
    other = kind == "named" and not first <= {"amir", "linda", "isaac"}
    course.note("mx_names", kind, ", ".join(course.mx), otherwise=other)


def _prepare(course: Course) -> None:
    """The foreign records, and those of the trial's own mail; measured until every name server has them."""
    name, inner, own = course.place.name, course.place.inner, course.own

    def record(kind: str, owner: str, content: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "name": owner, "content": content, "ttl": TTL_S, **more}

    posts = [record("MX", name, f"foreign.{name}", priority=10), record("TXT", name, f'"{FOREIGN_SPF}"')]
    if own:
        host, permits = f"mx.{inner}", " ".join(f"ip{6 if ':' in each else 4}:{each}" for each in own)
        posts += [record("AAAA" if ":" in each else "A", host, each, proxied=False) for each in own]
        posts += [record("MX", owner, host, priority=10) for owner in (inner, f"pass.{name}", f"bare.{name}")]
        posts.append(record("TXT", f"pass.{name}", f'"v=spf1 {permits} -all"'))
        posts.append(record("TXT", f"bare.{name}", '"v=spf1 -all"'))
    answer = course.zone("POST", "dns_records/batch", {"posts": posts})
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
    if fact:
        each = ", ".join(f"{server}: {seconds:.1f} s" for server, seconds in first.items())
        course.note(fact, round(max(first.values(), default=0.0), 1), each, otherwise=bool(missing))


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


def _enabled_next_to_it(course: Course, answer: Answer) -> Answer:
    """It was enabled although a foreign MX stood there: whether that is gone."""
    foreign = f"foreign.{course.place.name}"
    if not any(each["content"].rstrip(".") == foreign for each in standing.own_records(course.wire, course.place)):
        course.note("enabling", "replaces", f"{answer}; {foreign} is gone")
        return answer
    course.note("enabling", "coexists", f"{answer}; {foreign} stands next to Cloudflare's records")
    course.zone("PATCH", DNS, {"name": course.place.name})
    _no_foreign_mx(course)
    return course.enable()


def _no_foreign_mx(course: Course) -> None:
    for each in standing.own_records(course.wire, course.place):
        if (each["type"], each["content"].rstrip(".")) == ("MX", f"foreign.{course.place.name}"):
            course.zone("DELETE", f"dns_records/{each['id']}")


def _settled(course: Course, answer: Answer) -> None:
    """From the answer to enabling on: the states of the settings, and what every MX host says, until all take mail."""
    clock, began = course.migration.clock, answer.at
    states: list[tuple[float, str]] = []

    def enabled() -> bool:
        settings, text = _state(course)
        if not states or states[-1][1] != text:
            states.append((clock.now() - began, text))
        return bool(settings.get("enabled"))

    def timeline() -> str:
        return "; ".join(f"after {seconds:.0f} s {text}" for seconds, text in states)

    if not answer.ok or not enabled():
        waited = course.until(enabled, ENABLED_S)
        how = f"{waited:.0f} s later" if waited is not None else f"not {ENABLED_S:.0f} s later: {states[-1][1]}"
        when = "later" if waited is not None else "not within a minute"
        course.note("enabling", f"HTTP {answer.said}, {when}", f"{answer.request}: HTTP {answer.said}, enabled {how}")
        if waited is None:
            course.note("states", None, timeline(), otherwise=True)
            course.stop = (
                f"Email Routing could not be enabled ({answer.said}), so nothing further could be observed. It was "
                "switched off again, in case it still comes: look at the dashboard in an hour, and run this again"
            )
            return
    if refused := _drops(course):
        course.stop = f"no rule can be made although Email Routing is on: {refused}"
        return
    _asked_until_taken(course, began, enabled)
    enabled()
    course.note("states", [text for _, text in states], timeline())


def _state(course: Course) -> tuple[dict[str, Any], str]:
    """The settings, and in words how the zone and the trial's name stand there."""
    found = course.zone("GET", "email/routing").result
    settings: dict[str, Any] = found if isinstance(found, dict) else {}
    names = {each.get("name"): each for each in settings.get("subdomains") or []}
    below = names.get(course.place.name, {}).get("status")
    return settings, f"{settings.get('status')}, below {below}, synced {settings.get('synced')}"


def _asked_until_taken(course: Course, began: float, look: Any) -> None:
    taken, last, clock = dict[tuple[str, str], float](), dict[tuple[str, str], str](), course.migration.clock
    refused_at = 0.0

    def all_take() -> bool:
        nonlocal refused_at
        heard, asked_at = False, clock.now() - began
        for host, where, talk in course.ask(f"drop@{course.place.name}"):
            key = host, where
            if not is_heard(talk):
                last[key] = f"not heard: {talk.outcome}"
                continue
            heard = True
            if not talk.outcome.accepted:
                last[key], refused_at = str(talk.outcome), asked_at
            elif last.get(key, "never asked"):
                last[key], taken[key] = "", clock.now() - began
        look()
        return heard and not any(text and not text.startswith("not heard") for text in last.values())

    found = course.until(all_take, SETTLE_S)
    refused = "; ".join(sorted(set(filter(None, last.values())))[:5])
    if found is None and not taken:
        course.note("settle_s", None, f"after {SETTLE_S:.0f} s: {refused}", otherwise=True)
        course.stop = f"no MX host of Cloudflare's took mail for {course.place.name} in {SETTLE_S:.0f} s: {refused}"
        return
    seconds = max(taken.values())
    late = "" if found is not None else f"; some refused to the end: {refused}"
    text = f"refused after {refused_at:.1f} s, taken after {seconds:.1f} s{late}"
    course.note("settle_s", round(seconds, 1), text, otherwise=bool(late))
    each = {f"{host} ({where})": round(s, 1) for (host, where), s in taken.items()}
    by_host = ", ".join(f"{host} {s:.0f} s" for host, s in each.items())
    course.note("settling", {"last refused": round(refused_at, 1), **each}, by_host)


def _records(course: Course) -> None:
    """What became of the foreign SPF record, and whether Email Routing's own MX are listed."""
    own = standing.own_records(course.wire, course.place)
    at = [each for each in own if each["name"].lower() == course.place.name]
    texts = [cloudflare.joined(each["content"]) for each in at if each["type"] == "TXT"]
    policies = [each for each in texts if each.startswith("v=spf1")]
    value = "replaced" if FOREIGN_SPF not in texts else "kept" if len(policies) == 1 else "doubled"
    course.note("spf", value, f"now {', '.join(texts) or 'none'}")
    listed = [each["content"].rstrip(".") for each in at if each["type"] == "MX"]
    served = dns.ask(dns.authorities(course.place.zone), course.place.name, "MX")
    text = f"listed {', '.join(listed) or 'none'}; served {', '.join(served[0].hosts) or 'none'}"
    whole = set(course.mx) <= set(listed)
    course.note("routing_mx", "listed" if whole else f"in part: {', '.join(listed)}" if listed else "hidden", text)


def _locks(course: Course) -> None:
    """Write an MX while the records are locked, and after they were unlocked; only ever at the trial's own name."""
    name = course.place.name
    body = {"type": "MX", "name": name, "content": f"foreign.{name}", "priority": 10, "ttl": TTL_S}
    answer = course.zone("POST", "dns_records", body)
    code = "/".join(map(str, answer.codes[:1])) or f"HTTP {answer.status}"
    usual = {"890190": 400, "1046": 403}.get(code)
    course.note("lock_code", code, str(answer), otherwise=answer.status != usual)
    if answer.ok:
        _no_foreign_mx(course)
    unlocked = course.zone("PATCH", DNS, {"name": name})
    _, state = _state(course)
    written = course.zone("POST", "dns_records", body)
    _no_foreign_mx(course)
    locked = course.enable()
    text = f"unlock {unlocked.said} ({state}), write {written.said}, lock {locked.said}"
    # A subdomain's, which the trial's name is, can't be by the domains page of Email Service; how that is answered it
    # doesn't say.
    refused = "apex" if unlocked.status in {400, 422} else f"HTTP {unlocked.said}"
    odd = unlocked.ok != written.ok or not locked.ok
    course.note("unlocking", "any" if unlocked.ok else refused, text, otherwise=odd)


def apex(course: Course) -> None:
    """Whether an address at the zone's own name is taken, while its MX leads elsewhere: asked, and nothing is sent."""
    if (known := course.seen().get("apex_early")) and known.value is None:
        return
    address = f"{APEX_RULE}@{course.place.zone}"
    if refused := course.rule(address, {"type": "drop"}):
        course.note("apex_early", None, f"no rule of it could be made: {refused}", otherwise=True)
        return
    taken, said = course.takes(address, APEX_S, 5.0)
    if not said:
        course.note("apex_early", None, "no MX host could be heard", otherwise=True)
    elif not taken and any(talk.outcome.accepted for _, _, talk in said):
        course.note("apex_early", "by some", f"after {APEX_S:.0f} s: {shown(said)}")
    else:
        course.note("apex_early", "taken" if taken else "refused", shown(said))
    standing.delete_rules(course.wire, course.place, address)


def hosts(course: Course) -> None:
    """How the MX hosts greet, what they offer, and what they say to strangers and of addresses that nobody has."""
    said = course.heard(f"nobody-{course.number}@{course.place.name}")
    offers, offered = set(), set()
    for _, _, talk in said:
        both = {"PIPELINING", "CHUNKING"} & {each.split()[0] for each in talk.extensions if each}
        offers.add("both" if len(both) == 2 else "neither" if not both else min(both))
        offered |= set(talk.extensions)
    course.note("offers", ", ".join(sorted(offers)), ", ".join(sorted(offered)))
    greetings = "; ".join(
        f"{host} ({where}): {talk.banner}, {talk.tls or 'in the clear'}" for host, where, talk in said
    )
    course.note("greeting", sorted(offered), greetings, otherwise=not all(talk.tls for _, _, talk in said))
    takes = {talk.outcome.accepted for _, _, talk in said}
    value = {frozenset({True}): "discarded", frozenset({False}): "refused"}.get(frozenset(takes), "by some")
    codes = {talk.outcome.code for _, _, talk in said}
    course.note("nobody", value, shown(said), otherwise=value == "refused" and codes != {550})
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
    anybody = bool(course.via and course.via.sources == "any")
    for each in ("2001:db8:ffff::25", "192.0.2.251") if anybody else course.own:
        there = next((place for _, place in course.hosts() if (":" in place) == (":" in each)), "")
        if there and not run(reverse.leads_back(each)):
            yield (each if anybody else ""), there


def pointers(address: str) -> list[str]:
    """The names of an address, by PTR."""
    return [each.lower() for each in run(reverse.pointer(address)).rrset]


def off(course: Course) -> None:
    """Switch Email Routing off, and look at what went with it."""
    wire, place = course.wire, course.place
    others = [each for each in standing.records(wire, place) if standing.plain(each) in course.before.records]
    standing.delete_rules(wire, place)  # as long as it is on
    answer = standing.routing_off(wire, place, course.before)
    if answer is not None:
        own = standing.own_records(wire, place)
        left = [each for each in own if each["name"].lower() == place.name and each["type"] == "MX"]
        now = {each["id"] for each in standing.records(wire, place)}
        lost = [f"{each['type']} {each['name']}" for each in others if each["id"] not in now]
        kinds: dict[type, str] = {dict: "settings", list: "list"}
        kind = kinds.get(type(answer.result), "nothing")
        text = f"{answer.said}, {kind}; {len(left)} MX of its own left, {len(lost)} of the zone's others gone: "
        text = (text + ", ".join(lost)).rstrip(": ")
        course.note("disabling", kind, text, otherwise=bool(lost or left) or not answer.ok)
    text = f"{wire.failed} of {wire.requests} requests: {'; '.join(wire.notes[:3])}"
    course.note("transients", wire.failed, text.rstrip(": "))
    text = f", and after {wire.requests} requests ".join(wire.limits) or f"nothing in {wire.requests} answers"
    course.note("limits", list(wire.limits), text)
