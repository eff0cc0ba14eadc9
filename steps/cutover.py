"""What was recorded while domains were switched: numbered mail, the answers in DNS, and the pilot's hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, absent, failed, finding, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.accounting import DRILL
from fixtures.ledger.switches import Settled, first_switch, last_switch, settled, spell, unsent, whole
from fixtures.ledger.windows import refusals, windows, within
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns
from fixtures.watching import abort_rules, records

BEFORE_S = 60.0
STALE_MIN = 20
LAST_CACHE_S = 60.0
"""A resolver may hand on an answer in its last second, and a queue use it a little later."""
BOUNCED = (
    "The senders of real mail had it back in those seconds. Where you answer for that: a [[waivers]] for X-2 with this "
    "scenario; or another order: cloudflare.enabling"
)
NO_RECORD = "Keep `python -m scripts.watch` running through the switch and for 48 h: it leaves the records"
Switches = tuple[Settled, ...]
Read = TypeVar("Read", records.Moment, records.Propagation)
Moments = dict[str, records.Moment | None]
Spread = dict[str, records.Propagation | None]


@given("the numbered mail of every switch", target_fixture="switched")
@given("the numbered mail of senders with a stale cache", target_fixture="switched")
def switched_domains(migration: Migration, domains: tuple[str, ...]) -> dict[str, float | None]:
    return {domain: first_switch(migration, domain) for domain in domains}


@when("what was accepted is compared with what has arrived", target_fixture="ledgers")
def settle_ledger(migration: Migration, switched: dict[str, float | None]) -> Switches:
    return tuple(settled(migration, d, since - BEFORE_S) for d, since in switched.items() if since is not None)


@then("Cloudflare refused mail only while the plan of a switch had announced that it might")
def refused_as_announced(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        announced = windows(migration.store, each.domain)
        expected = f"refused {', '.join(spell(*window) for window in announced) or 'at no time'}, if at all"
        refused = refusals(migration, each.domain, each.since)
        times = sorted(row["sent_at"] for row in refused if not row["run"].startswith(DRILL))
        outside = [at for at in times if not within(at, announced)]
        found = f"{len(times)} refused by Cloudflare with 5xx"
        if times:
            found += f" within {times[-1] - times[0]:.0f} s, {spell(times[0], times[-1])}"
        if outside:
            found += f", {len(outside)} of them {spell(outside[0], outside[-1])}, unannounced"
        return finding(each.domain, expected, found, each.evidence, holds=not outside, domain=each.domain)

    expect("Cloudflare refused mail only as announced", map(judge, ledgers))


@then("everything else that was accepted has arrived")
def all_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Everything else that was accepted has arrived", whole(ledgers, switched))


@then("none of it bounced")
def none_bounced(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    def judge(each: Settled) -> Finding:
        if not each.refused:
            return passed(each.domain, f"{each.injected} injected, none refused", each.evidence, domain=each.domain)
        found = f"{len(each.refused)} of {each.injected} refused by Cloudflare: {each.refused[0].sentence()}"
        return failed(each.domain, "none refused", found, each.evidence, domain=each.domain, hint=BOUNCED)

    expect("Nothing bounced", [*unsent(ledgers, switched), *(judge(each) for each in ledgers if each.injected)])


@then("what was delayed or came twice is listed")
def delays_listed(expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        twice = [entry for b in each.balances for entry in b.unexplained_copies]
        late = sum(len(b.delayed) for b in each.balances)
        again = sum(len(b.explained_copies) for b in each.balances)
        found = f"{late} delayed, {again} twice with a 4xx in their trail, {len(twice)} twice without"
        expected = "no unexplained copy"
        return finding(each.domain, expected, found, each.evidence, holds=not twice, domain=each.domain)

    expect("Delays and copies are listed, and copies explained", map(judge, ledgers))


@then("at least twenty messages came through EC2 after a switch")
def stale_came_through(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    counts = {each.domain: len(each.by_stale_caches(last_switch(migration, each.domain))) for each in ledgers}
    total, looks = sum(counts.values()), tuple(each.evidence for each in ledgers)
    found = f"{total} ({', '.join(f'{domain} {count}' for domain, count in counts.items())})"
    few = found if total < STALE_MIN else ""
    enough = finding("stale caches", f"{STALE_MIN}", found, *looks, holds=True, unasked=few)
    expect("Stale caches were at work, and EC2 still served them", (enough,))


@then("every one of those arrived")
def stale_arrived(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    def judge(each: Settled) -> Finding:
        stale = each.by_stale_caches(last_switch(migration, each.domain))
        sent = each.of({entry.sender for entry in stale})
        lost = [entry.sentence() for entry in sent if entry.missing]
        found = f"{len(lost)} missing: {lost[0]}" if lost else f"{len(sent)} arrived"
        return finding(each.domain, "every one arrived", found, each.evidence, holds=not lost, domain=each.domain)

    expect("What stale caches sent has arrived", map(judge, ledgers))


@when("what every name server answered around the switch is reviewed", target_fixture="moments")
def read_moments(migration: Migration, subjects: tuple[str, ...]) -> Moments:
    return {domain: records.moment(migration, domain) for domain in subjects}


@when("what was watched since their switch is reviewed", target_fixture="spread")
def read_spread(migration: Migration, subjects: tuple[str, ...]) -> Spread:
    return {domain: records.propagation(migration, domain) for domain in subjects}


@then("every name server was asked often enough before, during and after the switch")
def enough_answers(expect: Expect, moments: Moments) -> None:
    least, gap_s = records.ANSWERS_MIN, records.AROUND_S

    def judge(it: records.Moment) -> Iterator[Finding]:
        expected, found = f"{least} answers or more, no gap over {gap_s:.0f} s around the switch", it.evidence.answer
        if it.answers >= least and it.gap_s <= gap_s:
            yield passed(it.domain, found, it.evidence, expected=expected, domain=it.domain)
        else:
            yield unknown(it.domain, expected, found, it.evidence, domain=it.domain, hint=NO_RECORD)

    # The next claim says of an answer without an MX, however few there are.
    known = {domain: it for domain, it in moments.items() if it is None or not (it.without_mx or it.strays)}
    if known:
        expect("The switch was looked at", _each(known, judge, f"{least} answers or more"))


@then("every answer was the old set of mail servers or the new one, or within seconds of a batch a part of both")
def old_or_new(expect: Expect, moments: Moments) -> None:
    expected = "every answer the old set or the new one"
    hint = "Mail that asked then may have bounced, or gone to a stranger: look into X-2, and who else wrote there"

    def judge(it: records.Moment) -> Iterator[Finding]:
        found = f"{it.answers} answers, {it.without_mx} without a mail server"
        found += "".join(f"; for seconds of propagation: {each}" for each in it.parts[:5])
        found += "".join(f"; between: {each}" for each in it.strays[:5])
        holds = not it.without_mx and not it.strays
        yield finding(it.domain, expected, found, it.evidence, holds=holds, domain=it.domain, hint=hint)

    expect("The switch was one batch", _each(moments, judge, expected))


@then("it is recorded when each resolver first gave the new one")
def turns_recorded(expect: Expect, spread: Spread) -> None:
    def judge(it: records.Propagation) -> Iterator[Finding]:
        for turn in it.turns:
            member, expected = f"{it.domain} at {turn.resolver}", "when it first gave the new answer"
            if turn.new_after_s is not None:
                found = f"{turn.new_after_s:.0f} s after the switch"
                yield passed(member, found, it.evidence, expected=expected, domain=it.domain)
            elif turn.stale_after_s is None:
                yield unknown(member, expected, "no such record", it.evidence, domain=it.domain, hint=NO_RECORD)

    expect("Each resolver's turn is recorded", _each(spread, judge, "a record of the switch"))


@then("none gave the old answer after its TTL")
def none_stale(expect: Expect, spread: Spread) -> None:
    hint = "Its users' mail still goes to EC2: don't stop it before this resolver has followed"

    def judge(it: records.Propagation) -> Iterator[Finding]:
        for turn in it.turns:
            member, expected = f"{it.domain} at {turn.resolver}", f"no old answer later than {turn.old_ttl_s} s"
            late_s = turn.stale_after_s
            found = expected if late_s is None else f"the old answer {late_s:.0f} s after the switch"
            yield finding(member, expected, found, it.evidence, holds=late_s is None, domain=it.domain, hint=hint)

    expect("No resolver was stale", _each(spread, judge, "a record of the switch"))


@then("the watch lasted for as long as the plan says")
def watched_long(migration: Migration, expect: Expect, spread: Spread) -> None:
    bound = migration.settings.bounds.watch_s

    def judge(it: records.Propagation) -> Iterator[Finding]:
        expected, found = f"watched for {bound / 3600:.0f} h", f"watched for {it.watched_s / 3600:.1f} h"
        enough = it.watched_s >= bound
        yield finding(it.domain, expected, found, it.evidence, holds=enough, domain=it.domain, hint=NO_RECORD)

    expect("The switch was watched", _each(spread, judge, "a record of the switch"))


def _each(
    found: Mapping[str, Read | None], judge: Callable[[Read], Iterator[Finding]], expected: str
) -> Iterator[Finding]:
    """What JUDGE says of each domain's records; where there are none, nobody looked."""
    for domain, it in found.items():
        if it is None:
            yield unknown(domain, expected, "no record of a switch", domain=domain, hint=NO_RECORD)
        else:
            yield from judge(it)


@given("that a domain other than the pilot is about to be switched", target_fixture="pilot")
def pilot_before_others(migration: Migration, stage: Stage) -> str:
    pilot = migration.settings.pilot
    if pilot in stage.domains:
        nothing = absent(pilot, "another domain about to be switched", "the pilot itself")
        raise Absent("This gate is the pilot's own", (nothing,))
    return pilot


@when("the pilot's time since its switch is reviewed", target_fixture="ledgers")
def look_at_hold(migration: Migration, pilot: str) -> Switches:
    since = last_switch(migration, pilot)
    return (settled(migration, pilot, since),) if since is not None else ()


@then("it was switched first, and has been served long enough")
def pilot_held(migration: Migration, expect: Expect, pilot: str) -> None:
    progress, since = Progress.read(migration.store, migration.settings), last_switch(migration, pilot)
    others = [d for d in migration.settings.domain_names if d != pilot and progress.switched(d)]
    bound = migration.settings.bounds.pilot_hold_s
    held = migration.clock.now() - since if since and progress.switched(pilot) else 0.0
    earlier = [d for d in others if (first_switch(migration, d) or 0) < (first_switch(migration, pilot) or 0)]
    found = f"held for {held / 3600:.1f} h, switched before it: {', '.join(earlier) or 'none'}"
    expected = f"first of all, and held for {bound / 3600:.0f} h"
    no_record = "no record of its switch" if since is None and progress.switched(pilot) else ""
    judged = finding(pilot, expected, found, holds=held >= bound and not earlier, unasked=no_record)
    expect("The pilot went first and was held", (judged,))


@then("Cloudflare serves it, and its mail arrived all the while")
def pilot_well(migration: Migration, expect: Expect, pilot: str, ledgers: Switches) -> None:
    since, routing = last_switch(migration, pilot), cloudflare.routing(migration, pilot)
    found = f"enabled: {routing.enabled}, status {routing.status}"
    state = finding(pilot, "ready, nothing missing", found, routing.evidence, holds=routing.complete)
    met = [_aborted(pilot, alarm) for alarm in abort_rules.alarms(migration.store, pilot, since or 0)]
    served = [*_mx(migration, pilot), *_rules(migration, pilot, routing), *_path(migration, pilot, ledgers)]
    expect("The pilot has been well", [state, *met, *served, *whole(ledgers, {pilot: since})])


def _aborted(pilot: str, alarm: abort_rules.Alarm) -> Finding:
    found = f"a false alarm ({alarm.rule.found}), withdrawn: {alarm.withdrawn}" if alarm.withdrawn else alarm.rule.found
    hint = f"If it proved wrong: python -m scripts.watch --domain {pilot} withdraws it"
    member = f"{pilot}: {alarm.rule.name}"
    return finding(member, "no abort rule met", found, holds=bool(alarm.withdrawn), hint=hint)


def _mx(migration: Migration, pilot: str) -> Iterator[Finding]:
    """N-7: every server and resolver names only Cloudflare's hosts."""
    assigned = cloudflare.assigned_mx(migration, pilot)
    for answer in dns.ask_everywhere(migration, pilot, "MX"):
        right, found = set(answer.hosts) == set(assigned), answer.evidence.answer
        member, expected = f"{pilot} at {answer.server}", ", ".join(assigned)
        yield finding(member, expected, found, answer.evidence, holds=right, unasked=answer.error)


def _rules(migration: Migration, pilot: str, routing: cloudflare.Routing) -> Iterator[Finding]:
    """C-1, C-2: each address has one enabled rule to its own destination, which is verified."""
    known = cloudflare.destinations(migration)
    for address in migration.settings.addresses((pilot,)):
        rules = [rule for rule in routing.rules if rule.address == address.address and rule.enabled]
        there = known.find(address.destination)
        verified = bool(there and there.verified)
        right = len(rules) == 1 and rules[0].destinations == (address.destination,) and verified
        found = f"{len(rules)} enabled rules, destination {'verified' if verified else 'not verified'}"
        expected = f"one enabled rule to {address.destination}, verified"
        yield finding(address.address, expected, found, routing.evidence, known.evidence, holds=right)


def _path(migration: Migration, pilot: str, ledgers: Switches) -> Iterator[Finding]:
    """E-1, E-2: since the old answer has left every cache, its numbered mail came only through Cloudflare."""
    caches = migration.settings.bounds.ttl_s + LAST_CACHE_S
    for each in ledgers:
        late = [entry for entry in each.entries if entry.injected_at > each.since + caches and entry.arrived]
        other = [entry for entry in late if entry.path != "cloudflare"]
        found = f"{len(late)} messages since the last cache let go, {len(other)} of them by another way"
        none = "" if late else found
        found += f": {other[0].sentence()}" if other else ""
        yield finding(pilot, "all through Cloudflare", found, each.evidence, holds=not other, unasked=none)
