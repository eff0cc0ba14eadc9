"""What Cloudflare takes for us, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import refusals
from fixtures.probes.smtp.refusals import Offered

Offers = tuple[Offered, ...]


@when("Cloudflare is offered mail for an address that nobody has", target_fixture="offers")
def offer_unknown(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return refusals.unknown_addresses(migration, subjects)


@when("Cloudflare is offered mail for subaddresses", target_fixture="offers")
def offer_detailed(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return refusals.detailed_addresses(migration, subjects)


@when("a sender that passes neither SPF nor DKIM writes to each of them", target_fixture="offers")
def offer_unproven(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return refusals.unproven(migration, subjects)


@then("it is rejected permanently in session, or dropped only where the operator chose a dropping catch-all")
def unknown_refused(migration: Migration, expect: Expect, offers: Offers) -> None:
    def dropped(domain: str) -> bool:
        return migration.settings.domain(domain).catch_all == "drop"

    expect("Mail to an unknown address goes where the settings say", _as_decided(offers, dropped))


@then("each goes where the settings say")
def detailed_as_decided(migration: Migration, expect: Expect, offers: Offers) -> None:
    def taken(domain: str) -> bool:
        return migration.settings.domain(domain).plus_addresses == "mailbox"

    hint = "Email Routing's subaddressing: prepare_cloudflare sets it"
    expect("Mail to user+detail goes where the settings say", _as_decided(offers, taken, hint))


@then("each message is rejected permanently in session, or arrives")
def unproven_not_dropped(expect: Expect, offers: Offers) -> None:
    expect("What nobody vouches for is not dropped in silence", map(_unproven, offers))


def _as_decided(offers: Offers, taken: Callable[[str], bool], hint: str = "") -> Iterator[Finding]:
    for each in offers:
        outcome, domain = each.told.outcome, each.domain
        wanted = taken(domain)
        expected = "taken" if wanted else "refused in session, for good"
        member, evidence = f"{each.recipient} at {each.host}", each.told.evidence
        if outcome.accepted if wanted else outcome.rejected:
            yield passed(member, str(outcome), evidence, expected=expected, domain=domain)
        elif outcome.code:
            yield failed(member, expected, str(outcome), evidence, domain=domain, hint=hint)
        else:
            yield unknown(member, expected, str(outcome), evidence, domain=domain)


def _unproven(each: Offered) -> Finding:
    told, domain, expected = each.told, each.domain, "refused in session, for good, or in its mailbox"
    member, found = f"{each.recipient} at {each.host}", f"{told.code} {told.text}"
    if each.became and each.became.copies:
        where = f"taken, and in {each.became.sent.address.mailbox} after {each.became.latency_s:.1f} s"
        return passed(member, where, told.evidence, expected=expected, domain=domain)
    if told.queued:
        said = f"taken: {told.queued}, and in no mailbox"
        return failed(member, expected, said, told.evidence, domain=domain)
    if not 500 <= told.code < 600:
        return unknown(member, expected, found, told.evidence, domain=domain)
    # Another reason for refusing this message proves nothing of the one that is meant.
    for other, what in (("5.1.1", "the address"), ("RBL", "the address that this was sent from")):
        if other in found:
            return unknown(member, expected, f"refused for {what}: {found}", told.evidence, domain=domain)
    return passed(member, found, told.evidence, expected=expected, domain=domain)
