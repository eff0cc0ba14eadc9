"""Who serves the zones, and who writes them."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dns import nameservers, writers
from fixtures.probes.dns.nameservers import Service, judged_agreement, judged_delegation
from fixtures.probes.dns.writers import Writer

Services = tuple[Service, ...]


@when(
    "the parent, the name servers and Cloudflare are asked for the NS set, and each name server for our mail records",
    target_fixture="services",
)
def ask_services(migration: Migration, subjects: tuple[str, ...]) -> Services:
    return nameservers.ask(migration, subjects)


@then("parent and zone name exactly the servers that Cloudflare assigned")
def served_by_cloudflare(expect: Expect, services: Services) -> None:
    expect("Cloudflare serves the zones", (found for each in services for found in judged_delegation(each)))


@then("every server has the same SOA serial and gives the same answers")
def servers_agree(expect: Expect, services: Services) -> None:
    expect("The servers agree", (found for each in services for found in judged_agreement(each)))


@when(
    "Terraform, the programs on Dell and EC2, and the records themselves are searched for other writers",
    target_fixture="found_writers",
)
def search_writers(migration: Migration, subjects: tuple[str, ...]) -> tuple[Writer, ...]:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return writers.ask(migration, subjects, with_ec2=not stopped)


@then("no other writer was found")
def nobody_else(expect: Expect, found_writers: tuple[Writer, ...]) -> None:
    expect("Nobody else writes our records", map(writers.judged, found_writers))
