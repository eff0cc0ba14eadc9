"""The change that lies ready for a domain's switch."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import prepared_change
from fixtures.probes.dns.prepared_change import Prepared

Changes = tuple[Prepared, ...]


@when("the change that lies ready is read, and what Cloudflare asks for", target_fixture="changes")
def read_change(migration: Migration, subjects: tuple[str, ...]) -> Changes:
    return tuple(prepared_change.read(migration, domain) for domain in subjects)


@then("it brings exactly the MX that Cloudflare asks for")
def right_mx(expect: Expect, changes: Changes) -> None:
    expect("The plan's MX is Cloudflare's", map(prepared_change.judged_mx, changes))


@then("every other record that Cloudflare asks for stands, or comes with it")
def right_records(expect: Expect, changes: Changes) -> None:
    found = (each for it in changes for each in prepared_change.judged_records(it))
    expect("All that Cloudflare asks for will stand", found)


@then("nothing else of the zone changes")
def nothing_else(expect: Expect, changes: Changes) -> None:
    expect("The rest of the zone stays", map(prepared_change.judged_rest, changes))
