"""The accounts at the providers: whom they write to, and what our tokens may do there."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import contacts, permissions
from fixtures.probes.cloudflare.contacts import Contact, Contacts
from fixtures.probes.cloudflare.permissions import Right

Rights = tuple[Right, ...]


@given("the accounts at Cloudflare, AWS and the registrar, and the alerts", target_fixture="holders")
def holders() -> tuple[str, ...]:
    return contacts.HOLDERS


@when(
    "their contact addresses are gathered from the settings and from the accounts themselves",
    target_fixture="addressees",
)
def gather(migration: Migration) -> Contacts:
    return contacts.ask(migration)


@then("each of them has one")
def each_has_one(expect: Expect, holders: tuple[str, ...], addressees: Contacts) -> None:
    def judge(holder: str) -> Finding:
        found = addressees.of(holder)
        silent = "; ".join(why for name, why in addressees.silent if name == holder)
        if found:
            told = ", ".join(f"{each.address} by {each.source}" for each in found)
            return passed(holder, told + (f". Not told by itself: {silent}" if silent else ""))
        hint = f"Write contacts.{holder} into the settings"
        return unknown(holder, "a contact address", silent or "none in the settings", hint=hint)

    expect("Somebody is reached for each account", map(judge, holders))


@then("none lies in a domain that moves")
def none_inside(expect: Expect, addressees: Contacts) -> None:
    def judge(each: Contact) -> Finding:
        member = f"{each.holder}: {each.address} ({each.source})"
        if not each.inside:
            return passed(member, "outside", *each.evidence)
        hint = "When this mail breaks, so does the way back in: give that account an address elsewhere"
        expected = "an address outside of the domains that move"
        return failed(member, expected, f"in {each.inside}", *each.evidence, hint=hint)

    expect("Nobody is locked out", map(judge, addressees.contacts))


@given("the tokens for Cloudflare and AWS", target_fixture="account_id")
def tokens(migration: Migration) -> str:
    return migration.settings.cloudflare.account_id


@when(
    "each kind of reading is done, and each kind of change is tried where it can change nothing",
    target_fixture="rights",
)
def try_rights(migration: Migration) -> Rights:
    return permissions.ask(migration)


@when("what the settings name as somebody else's is asked for", target_fixture="rights")
def try_foreign(migration: Migration) -> Rights:
    found = permissions.foreign(migration)
    if not found:
        nothing = Finding("cloudflare.refused_reads", Verdict.ABSENT, "paths that must be refused", "none is named")
        raise Absent("Nothing is named as somebody else's", (nothing,))
    return found


@then("nothing that is needed is refused")
def all_granted(expect: Expect, rights: Rights) -> None:
    def judge(each: Right) -> Finding:
        member, domain = f"{each.what} ({each.permission})", each.domain
        if each.granted is None:
            return unknown(member, "permitted", each.found, *each.evidence, domain=domain)
        if each.granted:
            return passed(member, each.found, *each.evidence, expected="permitted", domain=domain)
        hint = f"Give the token {each.permission!r}"
        return failed(member, "permitted", each.found, *each.evidence, domain=domain, hint=hint)

    expect("The tokens may do what is needed", map(judge, rights))


@then("each request is refused")
def all_refused(expect: Expect, rights: Rights) -> None:
    def judge(each: Right) -> Finding:
        if each.granted is None:
            return unknown(each.what, "refused", each.found, *each.evidence)
        if not each.granted:
            return passed(each.what, each.found, *each.evidence, expected="refused")
        hint = "The token reaches too far: narrow it to the zones and the account of this migration"
        return failed(each.what, "refused", each.found, *each.evidence, hint=hint)

    expect("The token can't read what the operator has named as somebody else's", map(judge, rights))
