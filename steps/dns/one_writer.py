"""Who serves the zones, and who writes them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.dns import nameservers, writers
from fixtures.probes.dns.nameservers import Service
from fixtures.probes.dns.writers import Writer

Services = tuple[Service, ...]
Writers = tuple[Writer, ...]


@when(
    "the parent, the name servers and Cloudflare are asked for the NS set, and each name server for our mail records",
    target_fixture="services",
)
def ask_services(migration: Migration, subjects: tuple[str, ...]) -> Services:
    return nameservers.ask(migration, subjects)


@then("parent and zone name exactly the servers that Cloudflare assigned")
def served_by_cloudflare(expect: Expect, services: Services) -> None:
    expect("Cloudflare serves the zones", (finding for each in services for finding in _served(each)))


def _served(service: Service) -> Iterator[Finding]:
    domain, wanted = service.domain, ", ".join(service.assigned)
    if service.status != "active":
        hint = "Set the name servers at the registrar as Cloudflare's dashboard says, and wait until it has seen it"
        yield failed(domain, "active at Cloudflare", service.status, service.evidence, domain=domain, hint=hint)
    for answer in service.delegations:
        member = f"NS {domain} at {answer.server}"
        if answer.error:
            yield unknown(member, wanted, answer.error, answer.evidence, domain=domain)
        elif answer.rrset == service.assigned:
            yield passed(member, answer.evidence.answer, answer.evidence, expected=wanted, domain=domain)
        else:
            hint = "What we write at Cloudflare is not seen by those who ask these servers"
            yield failed(member, wanted, answer.evidence.answer, answer.evidence, domain=domain, hint=hint)


@then("every server has the same SOA serial and gives the same answers")
def servers_agree(expect: Expect, services: Services) -> None:
    expect("The servers agree", (finding for each in services for finding in _agreeing(each)))


def _agreeing(service: Service) -> Iterator[Finding]:
    domain, lasting = service.domain, f"for {nameservers.SETTLE_S:.0f} s"
    for answer in service.unasked:
        member = f"{answer.type} {answer.name} at {answer.server}"
        yield unknown(member, "an answer", answer.error, answer.evidence, domain=domain)
    hint = "A server lags: wait, and ask again. If it stays so, tell Cloudflare"
    if len(service.serial_set) > 1:
        told = tuple(answer.evidence for answer in service.serials)
        found = f"{', '.join(service.serial_set)} {lasting}"
        yield failed(f"SOA {domain}", "one serial", found, *told, domain=domain, hint=hint)
    for each in service.differing:
        yield failed(
            each.split(":", 1)[0], "one answer", f"{each} {lasting}", service.evidence, domain=domain, hint=hint
        )
    if len(service.serial_set) == 1 and not service.differing:
        found = f"serial {service.serial_set[0]}, {service.asked} answers agree"
        yield passed(domain, found, service.evidence, domain=domain)


@when(
    "Terraform, the programs on Dell and EC2, and the records themselves are searched for other writers",
    target_fixture="found_writers",
)
def search_writers(migration: Migration, subjects: tuple[str, ...]) -> Writers:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return writers.ask(migration, subjects, with_ec2=not stopped)


@then("no other writer was found")
def nobody_else(expect: Expect, found_writers: Writers) -> None:
    hint = "Take it out there, or tell it to leave these records alone: it would undo what the scripts do"

    def judge(each: Writer) -> Finding:
        expected = "no writing of MX, SPF or the hosts' addresses"
        if each.unread:
            return unknown(each.name, expected, each.unread, domain=each.domain)
        if each.touches is None:
            found = f"{each.found}: which records it writes can't be told"
            return failed(each.name, expected, found, *each.evidence, domain=each.domain, hint=hint)
        if each.touches:
            found = f"{', '.join(each.touches)} ({each.found})"
            return failed(each.name, expected, found, *each.evidence, domain=each.domain, hint=hint)
        return passed(each.name, each.found or "nothing of ours", *each.evidence, domain=each.domain)

    expect("Nobody else writes our records", map(judge, found_writers))
