"""Outages, and the numbered mail that meets them. Drills: what is broken here is a lab."""

from contextlib import AbstractContextManager
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.access.transport import dell, ec2
from fixtures.gates.plugin import Expect
from fixtures.ledger.outage_mail import OutageMail, endure, judged_keepers, judged_moved_on, judged_whole
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dell import queue_lifetime
from fixtures.probes.smtp import mx_hosts

ARRIVED = "All of it arrived, nothing bounced, and nothing came twice without a reason"
BEHAVIOURS = {"defers the sender": "passed", "queues the message": "retried"}
"""What Cloudflare does with a destination's 4xx, as the emulator names it."""
Outage = AbstractContextManager[float]
Patience = tuple[queue_lifetime.Looked, ...]


@given(parsers.parse("that Cloudflare {does} while Dell is down"))
def behaviour(world: Any, does: str) -> None:
    world.emulate(upstream_4xx=BEHAVIOURS[does])


@given(parsers.parse("an outage: {what}"), target_fixture="outage")
def an_outage(world: Any, what: str) -> Outage:
    made: Outage = world.outage(what)
    return made


@when("outside senders write to every address before it, during it and after it", target_fixture="outage_mail")
def strangers_write(migration: Migration, domains: tuple[str, ...], outage: Outage) -> OutageMail:
    return endure(migration, outage, domains)


@then("everything that was accepted has arrived, and nothing bounced")
def nothing_lost(domains: tuple[str, ...], expect: Expect, outage_mail: OutageMail) -> None:
    expect(ARRIVED, (judged_whole(domain, outage_mail) for domain in domains))


@then("everything that was accepted has arrived, nothing bounced, and it is known whose queue held it for how long")
def nothing_lost_and_kept(domains: tuple[str, ...], expect: Expect, outage_mail: OutageMail) -> None:
    whole = (judged_whole(domain, outage_mail) for domain in domains)
    expect(f"{ARRIVED}; it is known who kept it", [*whole, *judged_keepers(outage_mail)])


@then("meanwhile the other MX hosts took the mail")
def others_took_it(migration: Migration, expect: Expect, outage_mail: OutageMail) -> None:
    silent = mx_hosts.most_preferred(migration)
    preferring = mx_hosts.preferring(migration, silent)
    expect("Senders moved on to another MX host", judged_moved_on(silent, preferring, outage_mail))


@given("how long Dell keeps mail, and EC2 while it runs, and how often they try", target_fixture="patience")
def patience(migration: Migration) -> Patience:
    stopped = Progress.read(migration.store, migration.settings).stopped
    hosts = (dell(migration.settings), *(() if stopped else (ec2(migration.settings),)))
    return tuple(map(queue_lifetime.look, hosts))


@then("mail is kept for days, and tried again within hours")
def kept_for_days(expect: Expect, patience: Patience) -> None:
    found = (queue_lifetime.judged(each, look) for parameters, look in patience for each in parameters)
    expect("Servers are as patient as a sender", found)
