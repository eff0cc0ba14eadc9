"""Who still speaks of the gateway."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.aws import references
from fixtures.probes.aws.references import Mention, judged

Mentions = tuple[Mention, ...]


@when(
    "the domains' records, Dell's relay host and the users' ways of sending are searched for it",
    target_fixture="mentions",
)
def search_clients(migration: Migration) -> Mentions:
    return references.by_clients(migration)


@when(
    "records, Dell's files, the users' ways of sending and the monitoring are searched for its names and addresses",
    target_fixture="mentions",
)
def search_everywhere(migration: Migration) -> Mentions:
    return references.everywhere(migration)


@then("nothing refers to it but the records that the migration itself changes")
def only_the_mail_server(expect: Expect, mentions: Mentions) -> None:
    hint = "Whoever follows this uses EC2: lead it to Dell, or to SendGrid, before EC2 is stopped"
    expect("No client depends on EC2", [judged(each, hint, role_counts=True) for each in mentions])


@then("nothing that is in use names it")
def nothing_names_it(migration: Migration, expect: Expect, mentions: Mentions) -> None:
    hint = "Take it out: run retire_ec2_access for records, SPF and Dell's table, and correct the rest by hand"
    wanted = f"no mention of {', '.join(references.names(migration.settings))}"
    found = [judged(each, hint) for each in mentions]
    expect("Nothing refers to EC2", [passed("what was searched for", wanted), *found])
