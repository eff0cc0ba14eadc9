"""Whether signed zones validate."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dnssec

Chains = tuple[dnssec.Chain, ...]


@when("those that are signed are checked from their parent down", target_fixture="chains")
def check_chains(migration: Migration, subjects: tuple[str, ...]) -> Chains:
    return dnssec.chains(migration, subjects)


@then("every name server's signatures hold for the records that mail needs")
def signatures_hold(expect: Expect, chains: Chains) -> None:
    expect("Signatures hold at every name server", (found for chain in chains for found in dnssec.judged(chain)))


@then("every validating resolver gives an answer, and marks it as authentic")
def resolvers_vouch(expect: Expect, chains: Chains) -> None:
    found = (each for chain in chains if chain.ds for each in dnssec.judged_resolvers(chain))
    expect("Resolvers vouch for signed zones", found)
