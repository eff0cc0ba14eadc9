"""The keys by which receivers verify the operator's mail."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dkim_keys
from fixtures.probes.dns import queries as dns

Keys = tuple[dkim_keys.Published, ...]
FIT = "one key, fit to verify with"


@when("every name server and every resolver is asked for the keys of Cloudflare and SendGrid", target_fixture="keys")
def ask_for_keys(migration: Migration, subjects: tuple[str, ...]) -> Keys:
    return dkim_keys.published(migration, subjects)


@then("each key is there and fit to verify with")
def keys_are_fit(expect: Expect, keys: Keys) -> None:
    expect("Every signing key can be read", (_key(key, answer) for key in keys for answer in key.answers))


@then("Cloudflare's is the one that Cloudflare asks for")
def keys_are_cloudflares(expect: Expect, keys: Keys) -> None:
    def judge(key: dkim_keys.Published, answer: dns.Answer) -> Finding:
        member = f"{key.name} at {answer.server}"
        if answer.error:
            return unknown(member, key.wanted, answer.error, answer.evidence, domain=key.domain)
        if answer.rrset == (key.wanted,):
            return passed(member, "the same key", answer.evidence, expected=key.wanted, domain=key.domain)
        hint = "Run switch_mx again: it adds what Cloudflare misses"
        return failed(member, key.wanted, answer.evidence.answer, answer.evidence, domain=key.domain, hint=hint)

    own = [(key, answer) for key in keys if key.wanted for answer in key.answers]
    expect("Cloudflare's key is the one it signs with", (judge(*each) for each in own))


def _key(key: dkim_keys.Published, answer: dns.Answer) -> Finding:
    member = f"{key.whose}'s {key.name} at {answer.server}"
    if answer.error:
        return unknown(member, FIT, answer.error, answer.evidence, domain=key.domain)
    if not answer.rrset and answer.aliases and not answer.server.recursive:
        found = f"an alias of {answer.aliases[-1]}"
        return passed(member, found, answer.evidence, expected="a key, or an alias of one", domain=key.domain)
    faults = list(_faults(answer))
    if not faults:
        return passed(member, str(dkim_keys.parse(answer.rrset[0])), answer.evidence, expected=FIT, domain=key.domain)
    hint = "SendGrid: Settings, Sender Authentication shows the record. Behind Cloudflare's proxy an alias is no alias"
    return failed(member, FIT, "; ".join(faults), answer.evidence, domain=key.domain, hint=hint)


def _faults(answer: dns.Answer) -> Iterator[str]:
    if len(answer.rrset) != 1:
        led = f" ({answer.name} leads to {answer.aliases[-1]})" if answer.aliases else ""
        yield f"{len(answer.rrset)} keys{led}: {answer.evidence.answer}"
    for text in answer.rrset:
        yield from dkim_keys.parse(text).faults
