"""What is left in DNS when the migration is over."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import after_all, spf

Lifetimes = tuple[after_all.Lifetime, ...]
Zones = dict[str, cloudflare.Records]


@when("each record's TTL is compared with the one from before", target_fixture="lifetimes")
def read_lifetimes(migration: Migration, subjects: tuple[str, ...]) -> Lifetimes:
    return after_all.lifetimes(migration, subjects)


@then("none is shorter, but for those that Cloudflare manages")
def lifetimes_are_normal(expect: Expect, lifetimes: Lifetimes) -> None:
    expect("Lifetimes are normal again", (found for it in lifetimes for found in after_all.judged_lifetime(it)))


@when("every record is searched for EC2's names and addresses", target_fixture="zones")
def read_zones(migration: Migration, subjects: tuple[str, ...]) -> Zones:
    return {domain: cloudflare.records(migration, domain) for domain in subjects}


@then("none mentions them")
def no_trace(migration: Migration, expect: Expect, zones: Zones) -> None:
    settings = migration.settings
    found = (each for name, it in zones.items() for each in after_all.judged_records(name, it, settings))
    expect("No record leads to EC2", found)


@then("its name does not exist, whoever is asked")
def old_name_is_gone(migration: Migration, expect: Expect) -> None:
    found = (after_all.judged_name(answer, migration.settings) for answer in after_all.old_name(migration))
    expect("EC2's name leads nowhere", found)


@then("no SPF record lets its address send")
def no_permit(migration: Migration, expect: Expect, subjects: tuple[str, ...]) -> None:
    addresses = [str(each) for each in (migration.settings.ec2.ipv4, migration.settings.ec2.ipv6) if each]
    records = [spf.evaluate(migration, domain) for domain in subjects]
    found = (spf.judged_gone(record, address) for record in records for address in addresses)
    expect("No SPF mechanism lets EC2 send", found)
