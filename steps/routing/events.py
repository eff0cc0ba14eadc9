"""Cloudflare's events, and the ledger beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import CouldNotAsk, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.agreement import LAG_S, Agreement, agreements
from fixtures.ledger.switches import first_switch
from fixtures.migration import Migration
from fixtures.probes.cloudflare.events import ONCE_IN

Agreements = dict[str, Agreement | CouldNotAsk | None]
AGREE = "an event for each numbered message that came through Cloudflare"
COMPLETE = "a message for each event that bears one of our numbers"


@given("the numbered mail since each domain's switch", target_fixture="switched")
def switched_since(migration: Migration, domains: tuple[str, ...]) -> dict[str, float | None]:
    return {domain: first_switch(migration, domain) for domain in domains}


@when("Cloudflare is asked what it did with that mail", target_fixture="agreements")
def ask_events(migration: Migration, switched: dict[str, float | None]) -> Agreements:
    asked = agreements(migration, {domain: since for domain, since in switched.items() if since is not None})
    return {domain: asked.get(domain) for domain in switched}


@then("what it says that it delivered is what arrived through it")
def events_agree(expect: Expect, agreements: Agreements) -> None:
    expect("Cloudflare's events and the ledger agree", _each(agreements, AGREE, _agrees))


@then("every event with one of our numbers has its message in a mailbox")
def no_event_without_message(expect: Expect, agreements: Agreements) -> None:
    expect("No event with our number lacks its message", _each(agreements, COMPLETE, _complete))


def _each(found: Agreements, expected: str, judge: Callable[[Agreement], Finding]) -> Iterator[Finding]:
    """Each domain's finding; unknown where there is no switch to begin at, no answer, or no mail to compare."""
    for domain, it in found.items():
        if it is None:
            yield unknown(domain, expected, "no record of its switch", domain=domain)
        elif isinstance(it, CouldNotAsk):
            yield unknown(domain, expected, it, domain=domain)
        elif not it.came:
            said = f"no numbered mail older than {LAG_S / 60:.0f} min came through Cloudflare in that time"
            told, hint = (it.events.evidence, it.ledger.evidence), "Send numbered mail, and look again after that time"
            yield unknown(domain, expected, said, *told, domain=domain, hint=hint)
        else:
            yield judge(it)


def _agrees(it: Agreement) -> Finding:
    came, told = len(it.came), (it.events.evidence, it.ledger.evidence)
    said = f"{came} numbered messages came through Cloudflare, {it.delivered} of them delivered by its events"
    if it.events.sampled:
        said += f" (a sample: what chance brings once in {ONCE_IN} times counts against them)"
    copies = sum(max(1, each.copies) for each in it.came)
    if not it.without_event and (not it.events.sampled or it.delivered.covers(came, copies)):
        return passed(it.domain, said, *told, expected=AGREE, domain=it.domain)
    first = f"; {len(it.without_event)} differ, first {it.without_event[0]}" if it.without_event else ""
    hint = "Ask again in half an hour: events can be late. If it stays so, one of the two records lost mail"
    return failed(it.domain, AGREE, said + first, *told, domain=it.domain, hint=hint)


def _complete(it: Agreement) -> Finding:
    told = (it.events.evidence, it.ledger.evidence)
    if not it.without_message:
        return passed(it.domain, "none without", *told, expected=COMPLETE, domain=it.domain)
    said = f"{len(it.without_message)} without, first {it.without_message[0]}"
    hint = "Look for it in Dell's log by its Message-ID: accepted mail was lost there, or somebody else used our number"
    return failed(it.domain, COMPLETE, said, *told, domain=it.domain, hint=hint)
