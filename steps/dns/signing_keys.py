"""The keys by which receivers verify the operator's mail."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import dkim_keys

Keys = tuple[dkim_keys.Published, ...]


@when("every name server and every resolver is asked for the keys of Cloudflare and SendGrid", target_fixture="keys")
def ask_for_keys(migration: Migration, subjects: tuple[str, ...]) -> Keys:
    return dkim_keys.published(migration, subjects)


@then("each key is there and fit to verify with")
def keys_are_fit(expect: Expect, keys: Keys) -> None:
    expect("Every signing key can be read", (dkim_keys.judged(key, answer) for key in keys for answer in key.answers))


@then("Cloudflare's is the one that Cloudflare asks for")
def keys_are_cloudflares(expect: Expect, keys: Keys) -> None:
    own = [(key, answer) for key in keys if key.wanted for answer in key.answers]
    expect("Cloudflare's key is the one it signs with", (dkim_keys.judged_same(*each) for each in own))
