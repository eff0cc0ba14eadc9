"""The pins (TLSA) of Dell's certificate."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import queries as dns
from fixtures.probes.dns import tlsa

EXPECTED = "a pin that fits Dell's certificate"


@when("its TLSA records for port 25 are looked up, and STARTTLS is made there", target_fixture="pins")
def read_pins(migration: Migration) -> tlsa.Dane:
    return tlsa.read(migration)


@then("every name server and resolver gives a record that matches Dell's certificate")
def pins_fit(expect: Expect, pins: tlsa.Dane, dell_name: str) -> None:
    expect("Dell's certificate is the one that is pinned", _pins(pins, dell_name))


def _pins(pins: tlsa.Dane, name: str) -> Iterator[Finding]:
    for answer in pins.answers:
        member = f"{pins.name} at {answer.server}"
        if answer.error:
            yield unknown(member, EXPECTED, answer.error, answer.evidence)
        elif not answer.rrset and not pins.shown:
            yield Finding(member, Verdict.ABSENT, "a pin, or none", "none", "", (answer.evidence,))
        elif not answer.rrset:
            yield failed(member, "the pins that others give", answer.evidence.answer, answer.evidence)
        else:
            yield from (_fits(pins, answer, number, name) for number in range(len(pins.shown)))


def _fits(pins: tlsa.Dane, answer: dns.Answer, number: int, name: str) -> Finding:
    told = pins.shown[number]
    member, records = f"{told.knock.host} by {answer.server}", [tlsa.parse(text) for text in answer.rrset]
    if not told.chain:
        return unknown(member, EXPECTED, f"Dell showed none: {told.code} {told.text}", told.evidence, answer.evidence)
    fitting = [str(record) for record in records if tlsa.matches(record, told.chain, name)]
    # Beside one that fits, a pin of the next certificate may stand (RFC 7671, 8.1).
    others = [record.fault or f"{record} is of another" for record in records if str(record) not in fitting]
    found = f"{', '.join(fitting) or 'none fits'}{''.join(f'; {each}' for each in others)}"
    if fitting:
        return passed(member, found, told.evidence, answer.evidence, expected=EXPECTED)
    hint = "Publish the pin of the new certificate first, and change the certificate a TTL later"
    return failed(member, EXPECTED, found, told.evidence, answer.evidence, hint=hint)
