"""Whether signed zones validate."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dnssec

Chains = tuple[dnssec.Chain, ...]
HOLDS = "a signature that holds, by a key that the parent names"


@when("those that are signed are checked from their parent down", target_fixture="chains")
def check_chains(migration: Migration, subjects: tuple[str, ...]) -> Chains:
    return dnssec.chains(migration, subjects)


@then("every name server's signatures hold for the records that mail needs")
def signatures_hold(expect: Expect, chains: Chains) -> None:
    expect("Signatures hold at every name server", (each for chain in chains for each in _proofs(chain)))


@then("every validating resolver gives an answer, and marks it as authentic")
def resolvers_vouch(expect: Expect, chains: Chains) -> None:
    signed = [chain for chain in chains if chain.ds]
    expect("Resolvers vouch for signed zones", (each for chain in signed for each in _vouched(chain)))


def _proofs(chain: dnssec.Chain) -> Iterator[Finding]:
    asked = tuple(answer.evidence for answer in chain.delegation)
    silent = [answer for answer in chain.delegation if answer.error]
    if not chain.ds and silent:
        yield unknown(chain.domain, "a DS at the parent, or none", silent[0].error, *asked, domain=chain.domain)
    elif not chain.ds:
        yield Finding(chain.domain, Verdict.ABSENT, "signed, or not", "no DS: not signed", chain.domain, asked)
    elif not chain.vouched:
        hint = "Name a resolver that validates among [[resolvers]], such as 9.9.9.9"
        yield unknown(
            chain.domain, "a DS that some resolver has validated", "none", *asked, domain=chain.domain, hint=hint
        )
    for proof in chain.proofs:
        member = f"{proof.name} {proof.type} at {proof.server}"
        left = "" if proof.expires_s is None else f"holds for {proof.expires_s / 86400:.1f} days more"
        if proof.error:
            yield unknown(member, HOLDS, proof.error, proof.evidence, domain=chain.domain)
        elif proof.fault:
            hint = "Compare the DS at the registrar with Cloudflare's (DNS, Settings, DNSSEC)"
            yield failed(member, HOLDS, proof.fault, proof.evidence, domain=chain.domain, hint=hint)
        else:
            yield passed(member, left, proof.evidence, expected=HOLDS, domain=chain.domain)


def _vouched(chain: dnssec.Chain) -> Iterator[Finding]:
    for checked, unchecked, delegation in zip(chain.answers, chain.unchecked, chain.delegation, strict=True):
        member, both = f"{chain.domain} at {checked.server}", (checked.evidence, unchecked.evidence)
        expected = "an answer that the resolver vouches for"
        if checked.error and not unchecked.error:
            found = f"{checked.error}, and {unchecked.evidence.answer} when told not to check"
            hint = "It finds the signatures bogus: its users get no answer, and no mail from here reaches them or you"
            yield failed(member, expected, found, *both, domain=chain.domain, hint=hint)
        elif checked.error:
            yield unknown(member, expected, checked.error, *both, domain=chain.domain)
        elif checked.dnssec:
            yield passed(member, checked.evidence.answer, *both, expected=expected, domain=chain.domain)
        elif delegation.dnssec:  # it validates, as the parent's word shows
            found = f"{checked.evidence.answer}, not vouched for"
            yield failed(member, expected, found, *both, domain=chain.domain)
        else:
            found = "an answer; it checks no signatures"
            yield Finding(member, Verdict.ABSENT, expected, found, chain.domain, both)
