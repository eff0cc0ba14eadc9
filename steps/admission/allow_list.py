"""The table of clients that Dell admits, beside what Cloudflare publishes."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Evidence, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import allow_list, tables
from fixtures.probes.dell.networks import Network


@given(
    "the prefixes that Cloudflare publishes for Email Routing, as several resolvers give them",
    target_fixture="published",
)
def published_prefixes(migration: Migration) -> allow_list.Published:
    return allow_list.published(migration)


@when("Dell's table of admitted clients is compared with them", target_fixture="admission_table")
def read_table(migration: Migration) -> allow_list.Table:
    return allow_list.table(migration)


@then("each published prefix stands in the table")
def all_there(
    migration: Migration, expect: Expect, published: allow_list.Published, admission_table: allow_list.Table
) -> None:
    evidence = (admission_table.evidence, *_evidence(published))
    settings = migration.settings.cloudflare.prefixes

    def judge() -> Iterator[Finding]:
        if published.doubt:
            yield unknown(published.name, "two resolvers that say the same", published.doubt, *evidence)
        for network in published.networks:
            hint = "Add it to cloudflare.prefixes in migration.toml, and run prepare_dell: mail from there is lost"
            if network in admission_table.networks and network in settings:
                yield passed(str(network), "in the table, and in the settings", *evidence)
            elif network in admission_table.networks:
                yield failed(str(network), "in the settings too", "in the table alone", *evidence, hint=hint)
            else:
                yield failed(str(network), f"in {admission_table.path}", "not there", *evidence, hint=hint)

    expect("Each published prefix is admitted", judge())


@then("no part of one is kept out by another line")
def none_barred(expect: Expect, published: allow_list.Published, admission_table: allow_list.Table) -> None:
    evidence = (admission_table.evidence, *_evidence(published))

    def judge(network: Network) -> Finding:
        inside = admission_table.kept_out(network)
        if not inside:
            return passed(str(network), "no other line of the table has a part of it", *evidence)
        found = f"another action than OK for {allow_list.listed(inside)}"
        hint = "Take that line out, and run prepare_dell: mail from there is refused or thrown away"
        return failed(str(network), "admitted as a whole", found, *evidence, hint=hint)

    expect("No part of a prefix is kept out", map(judge, sorted(published.networks, key=str)))


@then("nobody may deliver by name alone")
def no_guests(migration: Migration, expect: Expect) -> None:
    (found,) = tables.look(migration, dellplan.GUESTS)
    expected = "no line: guests are let in while verification mail is awaited, and not longer"
    if found.extra:
        hint = "Run prepare_dell: whoever's address has such a name may deliver here, and nobody else judges them"
        finding = failed(found.path, expected, "; ".join(found.extra[:20]), found.evidence, hint=hint)
    else:
        finding = passed(found.path, "empty", found.evidence, expected=expected)
    expect("Nobody is let in by name", [finding])


@then("nothing else stands there but our own networks and, while it may deliver, EC2")
def nothing_else(
    migration: Migration, expect: Expect, published: allow_list.Published, admission_table: allow_list.Table
) -> None:
    ours, evidence = allow_list.ours(migration), (admission_table.evidence, *_evidence(published))

    def judge() -> Iterator[Finding]:
        for network in admission_table.networks:
            if network in published.networks or network in ours:
                whose = "published by Cloudflare" if network in published.networks else "ours"
                yield passed(str(network), whose, *evidence)
            else:
                hint = (
                    "Whoever has it may deliver here. Take it out of cloudflare.prefixes and run prepare_dell, or "
                    "waive A-5 for as long as Cloudflare's postmaster page still names it"
                )
                wanted = f"one of {allow_list.listed(published.networks)}, or ours"
                yield failed(str(network), wanted, "an entry of its own", *evidence, hint=hint)
        for line in admission_table.odd:
            yield failed(line, "a network and OK (cidr_table(5))", "a line of another form", *evidence)

    expect("Nothing else stands in Cloudflare's name", judge())


def _evidence(published: allow_list.Published) -> tuple[Evidence, ...]:
    return tuple(voice.evidence for voice in published.voices)
