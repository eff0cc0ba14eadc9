"""Cloudflare's verification mails."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.mailbox import verification
from fixtures.probes.mailbox.verification import Sought
from fixtures.settings import Address


@when("Cloudflare's mail to each of them is looked for", target_fixture="sought")
def look_for_mail(migration: Migration, addresses: tuple[Address, ...]) -> tuple[Sought, ...]:
    return verification.seek(migration, addresses)


@then("each was delivered by Dell")
def each_delivered(expect: Expect, sought: tuple[Sought, ...]) -> None:
    def judge(each: Sought) -> Finding:
        address, expected = each.address, f"a mail with Cloudflare's link in {each.address.mailbox}, or a record of it"
        if each.mail:
            said = f"{each.mail.message_id} arrived"
            return passed(address.destination, said, *each.evidence, expected=expected, domain=address.domain)
        found = f"neither; refused: {each.refusals[-1]}" if each.refusals else "neither"
        hint = "prepare_cloudflare registers destinations, lets the mails in, and records them"
        return failed(address.destination, expected, found, *each.evidence, domain=address.domain, hint=hint)

    expect("Cloudflare's verification mail arrives at Dell", map(judge, sought))


@then("its source is recorded")
def origin_known(migration: Migration, expect: Expect, sought: tuple[Sought, ...]) -> None:
    expect("Where verification mail comes from is known", _origins(migration, sought))


@then("a person has opened its link")
def opened(migration: Migration, expect: Expect, addresses: tuple[Address, ...]) -> None:
    known = cloudflare.destinations(migration)

    def judge(each: Address) -> Finding:
        found, expected = known.find(each.destination), "verified, which only the link's page in a browser does"
        if found is not None and found.verified:
            return passed(each.destination, f"verified {found.verified}", known.evidence, expected=expected)
        hint = f"open the link in Cloudflare's mail in {each.mailbox}, in a browser"
        state = "not verified" if found else "not registered"
        return failed(each.destination, expected, state, known.evidence, domain=each.domain, hint=hint)

    expect("A person has opened the link", map(judge, addresses))


def _origins(migration: Migration, sought: tuple[Sought, ...]) -> Iterator[Finding]:
    expected = "the address of the client that brought it"
    for each in sought:
        name, domain, mail = each.address.destination, each.address.domain, each.mail
        if mail is None or not mail.client_address:
            yield unknown(name, expected, "not in the mail's trace", *each.evidence, domain=domain)
        else:
            where = "within" if verification.inside(migration, mail.client_address) else "outside of"
            kept = "recorded when it came" if each.recorded else "seen in its trace, recorded with this verdict alone"
            found = f"{mail.client_name} [{mail.client_address}], {where} Email Routing's prefixes; {kept}"
            yield passed(name, found, *each.evidence, expected=expected, domain=domain)
