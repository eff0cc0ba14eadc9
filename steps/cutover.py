"""What was recorded while domains were switched: numbered mail, the answers in DNS, and the pilot's hold."""

from dataclasses import replace

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, absent
from fixtures.gates import nights
from fixtures.gates.plugin import Expect
from fixtures.ledger.accounting import DRILL
from fixtures.ledger.switches import (
    Settled,
    first_switch,
    judged_bounces,
    judged_copies,
    judged_hold,
    judged_refusals,
    judged_stale,
    judged_ways,
    last_switch,
    settled,
    whole,
)
from fixtures.ledger.windows import refusals, windows
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes.cloudflare import api as cloudflare, routed
from fixtures.probes.cloudflare.email_worker import ask
from fixtures.probes.dell.postfix import Lookup, judged_lookup
from fixtures.probes.dns import queries as dns
from fixtures.probes.smtp import backup_mx
from fixtures.probes.smtp.backup_mx import Backup
from fixtures.probes.worker import deployed
from fixtures.settings import BackupMx
from fixtures.watching import abort_rules, records

BEFORE_S = 60.0
LAST_CACHE_S = 60.0
"""A resolver may hand on an answer in its last second, and a queue use it a little later."""
Switches = tuple[Settled, ...]
Moments = dict[str, records.Moment | None]
Spread = dict[str, records.Propagation | None]


@given("the numbered mail of every switch", target_fixture="switched")
@given("the numbered mail since each domain's switch", target_fixture="switched")
@given("the numbered mail of senders with a stale cache", target_fixture="switched")
def switched_domains(migration: Migration, domains: tuple[str, ...]) -> dict[str, float | None]:
    return {domain: first_switch(migration, domain) for domain in domains}


@when("what was accepted is compared with what has arrived", target_fixture="ledgers")
def settle_ledger(migration: Migration, switched: dict[str, float | None]) -> Switches:
    return settled(migration, {d: since - BEFORE_S for d, since in switched.items() if since is not None})


@then("Cloudflare refused mail only while the plan of a switch had announced that it might")
def refused_as_announced(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    found = (judged_refusals(each, *_refusals(migration, each)) for each in ledgers)
    expect("Cloudflare refused mail only as announced", found)


def _refusals(migration: Migration, each: Settled) -> tuple[list[float], list[tuple[float, float]]]:
    """When it refused numbered mail that no drill sent; and the windows that were announced."""
    rows = refusals(migration, each.domain, each.since)
    times = sorted(row["sent_at"] for row in rows if not row["run"].startswith(DRILL))
    return times, list(windows(migration.store, each.domain))


@then("everything else that was accepted has arrived")
def all_arrived(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Everything else that was accepted has arrived", whole(ledgers, switched))


@then("none of it bounced")
def none_bounced(expect: Expect, ledgers: Switches, switched: dict[str, float | None]) -> None:
    expect("Nothing bounced", judged_bounces(ledgers, switched))


@then("what was delayed or came twice is listed")
def delays_listed(expect: Expect, ledgers: Switches) -> None:
    expect("Delays and copies are listed, and copies explained", map(judged_copies, ledgers))


@then("at least twenty messages came through EC2 after a switch, and all that their senders sent arrived")
def stale_arrived(migration: Migration, expect: Expect, ledgers: Switches) -> None:
    times = {each.domain: last_switch(migration, each.domain) for each in ledgers}
    expect("Stale caches were at work, and EC2 still served them", judged_stale(ledgers, times))


@when("what every name server answered around the switch is reviewed", target_fixture="moments")
def read_moments(migration: Migration, subjects: tuple[str, ...]) -> Moments:
    return {domain: records.moment(migration, domain) for domain in subjects}


@when("what was watched since their switch is reviewed", target_fixture="spread")
def read_spread(migration: Migration, subjects: tuple[str, ...]) -> Spread:
    return {domain: records.propagation(migration, domain) for domain in subjects}


@then("every answer, of enough of them, was the old set of mail servers or the new one, or for seconds a part of both")
def old_or_new(expect: Expect, moments: Moments) -> None:
    expect("The switch was one batch", (records.judged_moment(*each) for each in moments.items()))


@then("each resolver was seen to give the new answer, and none the old one after its TTL")
def none_stale(expect: Expect, spread: Spread) -> None:
    found = (each for domain, it in spread.items() for each in records.judged_turns(domain, it))
    expect("Each resolver has followed in time", found)


@then("the watch lasted for as long as the plan says")
def watched_long(migration: Migration, expect: Expect, spread: Spread) -> None:
    bound = migration.settings.bounds.watch_s
    expect("The switch was watched", (records.judged_watch(*each, bound) for each in spread.items()))


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
    return settled(migration, {pilot: since}) if since is not None else ()


@then("it was switched first, was watched, and has been served long enough without a red night")
def pilot_held(migration: Migration, expect: Expect, pilot: str) -> None:
    progress = Progress.read(migration.store, migration.settings)
    first = {d: first_switch(migration, d) for d in migration.settings.domain_names if progress.switched(d)}
    since, now, bounds = last_switch(migration, pilot), migration.clock.now(), migration.settings.bounds
    red = nights.last_red(migration, pilot, since, _place(migration, pilot)) if since is not None else None
    held = judged_hold(pilot, first, since, now, bounds.pilot_hold_s, red=red)
    expect("The pilot went first and was held", [held, _looked_on(migration, pilot)])


def _place(migration: Migration, pilot: str) -> int | None:
    """Of its last switch among all records: what came later came later, whatever its clock said."""
    switch = migration.store.last("switch", pilot)
    return switch["place"] if switch else None


def _looked_on(migration: Migration, pilot: str) -> Finding:
    """Only a watch counts the mail and knows the abort rules: how the pilot was in hours without one, nobody knows."""
    bounds = migration.settings.bounds
    least_s = min(bounds.pilot_hold_s, bounds.watch_s)
    it = records.judged_watch(pilot, records.propagation(migration, pilot), least_s)
    return replace(it, domain="", verdict=it.verdict if it.verdict.opens else Verdict.INCONCLUSIVE)


@then("Cloudflare serves it, and its mail arrived all the while")
def pilot_well(migration: Migration, expect: Expect, pilot: str, ledgers: Switches) -> None:
    """By the judges of N-7, C-1 to C-4 (or W-1 and W-2), X-2 and E-2 themselves, for this one domain."""
    since, caches_s = last_switch(migration, pilot), migration.settings.bounds.ttl_s + LAST_CACHE_S
    routing = cloudflare.routing(migration, pilot)
    mx, wanted = dns.ask_everywhere(migration, pilot, "MX"), cloudflare.assigned_mx(migration, pilot)
    alarms = abort_rules.alarms(migration.store, pilot, since or 0, _place(migration, pilot))
    findings = [
        routed.judged_state(pilot, routing),
        *(abort_rules.judged(pilot, alarm) for alarm in alarms),
        *(dns.judged_hosts(answer, wanted, pilot) for answer in mx),
        *_led(migration, pilot, routing),
        *(judged_ways(each, caches_s) for each in ledgers),
        *whole(ledgers, {pilot: since}),
    ]
    # A pilot that is unwell speaks against each domain of this gate, and it is none of them.
    expect("The pilot has been well", (replace(each, domain="") for each in findings))


def _led(migration: Migration, pilot: str, routing: cloudflare.Routing) -> list[Finding]:
    """Cloudflare's rules lead its mail to Dell."""
    if migration.settings.by_worker:
        source = deployed.judged_source(ask(migration), migration.settings)
        led = deployed.judged_led(pilot, routing, migration.settings.route.name)
        return [source, led, deployed.judged_unruled(pilot, routing)]
    known, addresses = cloudflare.destinations(migration), tuple(migration.settings.addresses((pilot,)))
    ruled = [routed.judged_rule(address, routing) for address in addresses]
    return [*ruled, *(routed.judged_destination(address, known) for address in addresses)]


@given("the backup MX hosts of today", target_fixture="hosts_named")
def backups_of_today(migration: Migration) -> tuple[BackupMx, ...]:
    found = migration.settings.backup_mx
    if not found:
        raise Absent("EC2 is the only MX", (absent("backup_mx", "a second MX", "the settings name none"),))
    return found


@when("each is asked for its queue, and for where it hands on the mail of each domain", target_fixture="backups")
def ask_backups(migration: Migration) -> tuple[Backup, ...]:
    return backup_mx.ask(migration)


@then("nothing waits at a backup MX")
def backups_empty(expect: Expect, backups: tuple[Backup, ...]) -> None:
    expect("No mail waits at a backup MX", (found for each in backups for found in backup_mx.judged_queue(each)))


@then("each hands on to Dell, whatever the MX records say")
def backups_lead_home(migration: Migration, expect: Expect, backups: tuple[Backup, ...]) -> None:
    found = (each for it in backups for each in backup_mx.judged_routes(it, migration.settings))
    expect("A backup MX hands on to Dell", found)


@when("Dell is asked which of their addresses it would admit", target_fixture="admission_of")
def ask_admission(migration: Migration) -> tuple[tuple[BackupMx, Lookup], ...]:
    return backup_mx.admission(migration)


@then("Dell would admit each backup MX")
def backups_admitted(expect: Expect, admission_of: tuple[tuple[BackupMx, Lookup], ...]) -> None:
    expect("A backup MX may deliver", (judged_lookup(it, admitted=True) for _, it in admission_of))


@then("Dell would admit those that stay, and no other")
def only_staying(expect: Expect, admission_of: tuple[tuple[BackupMx, Lookup], ...]) -> None:
    found = (judged_lookup(it, admitted=each.stays) for each, it in admission_of)
    expect("Only a backup MX that stays may deliver", found)
