"""The pins (TLSA) of Dell's certificate."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import tlsa


@when("its TLSA records for port 25 are looked up, and STARTTLS is made there", target_fixture="pins")
def read_pins(migration: Migration) -> tlsa.Dane:
    return tlsa.read(migration)


@then("every name server and resolver gives a record that matches Dell's certificate")
def pins_fit(expect: Expect, pins: tlsa.Dane, dell_name: str) -> None:
    expect("Dell's certificate is the one that is pinned", tlsa.judged(pins, dell_name))
