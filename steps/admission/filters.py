"""What on Dell judges forwarded mail, and whether such mail gets past it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.probes.dell import filters, rerouting
from fixtures.probes.mailbox import delivery


@given("Dell's Postfix as it receives mail from outside", target_fixture="filters_known")
@given("Dell as it files mail that it has taken", target_fixture="filters_known")
def filters_known(migration: Migration) -> tuple[str, ...]:
    return migration.settings.dell.filters


@when("whatever judges a client by its address, its name or SPF is looked for", target_fixture="filters_found")
def look_for_filters(migration: Migration) -> filters.Filters:
    return filters.look(migration)


@then("each such filter is one that the settings name")
def filters_are_named(expect: Expect, filters_known: tuple[str, ...], filters_found: filters.Filters) -> None:
    evidence = filters_found.evidence
    expected = f"one of the plan's, or named in dell.filters ({', '.join(filters_known) or 'which names none'})"

    def judge(it: filters.Filter) -> Finding:
        if it.known:
            return passed(str(it), f"known: {it.known}", evidence, expected=expected)
        hint = (
            "It judges Cloudflare's address, not the sender's: have it trust the prefixes, then name it in the settings"
        )
        return failed(str(it), expected, "a filter that nobody named", evidence, hint=hint)

    none = Finding("Dell's port 25", Verdict.ABSENT, expected, "no filter", evidence=(evidence,))
    expect(
        "Every filter that judges clients is one that the operator has named",
        map(judge, filters_found.found) if filters_found.found else [none],
    )


@when("whatever may discard, copy, rewrite or re-route a message is looked for", target_fixture="detours_found")
def look_for_detours(migration: Migration) -> rerouting.Detours:
    return rerouting.look(migration)


@then("each is one that the settings name")
def detours_are_named(expect: Expect, filters_known: tuple[str, ...], detours_found: rerouting.Detours) -> None:
    evidence = detours_found.evidence
    expected = f"named in dell.filters ({', '.join(filters_known) or 'which names none'})"

    def judge() -> Iterator[Finding]:
        for it in detours_found.found:
            if it.known:
                yield passed(it.what, f"known: {it.known}", *evidence, expected=expected)
            else:
                hint = "Take it out; or see what it does to forwarded mail, then name it in the settings"
                yield failed(it.what, expected, f"{it.does}, and nobody named it", *evidence, hint=hint)
        if detours_found.unasked:
            yield unknown("Dell's Dovecot", expected, detours_found.unasked, *evidence)
        elif not detours_found.found:
            yield passed("Dell", "nothing of the kind", *evidence, expected=expected)

    expect("Whatever may lead mail astray is one that the operator has named", judge())


@given("a message without a DKIM signature, from a domain whose DMARC policy is p=reject", target_fixture="author")
def author(migration: Migration) -> str:
    return filters.strict_author(migration)


@when("Email Routing forwards it to an address of each domain", target_fixture="deliveries")
def forward(migration: Migration, stage: Stage, author: str) -> tuple[delivery.Delivery, ...]:
    first = tuple(next(migration.settings.addresses((domain,))) for domain in stage.domains)
    return delivery.arrivals(migration, filters.forward(migration, author, first))
