"""Who receives mail today, and whether each of them will."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.logs import history, receivers
from fixtures.probes.logs.receivers import Receiver, Receivers

ENOUGH_DAYS = 28.0
"""Four rotations of a week are what Debian keeps by default."""
NAME_IT = "Give it a mailbox or an alias in migration.toml, or give it up there: dropped"


@when(
    "the logs of the last 30 days, the aliases, postmaster, abuse and the published report addresses are read",
    target_fixture="found",
)
def read_receivers(migration: Migration, subjects: tuple[str, ...]) -> Receivers:
    return receivers.ask(migration, subjects)


@then("each address found there is in the settings, or given up in them by name")
def in_settings(migration: Migration, expect: Expect, found: Receivers) -> None:
    ours = {each.address: f"its mail ends in {each.mailbox}" for each in migration.settings.addresses()}
    expect("Every address that takes mail has its place", _each(migration, found, ours.get, "in the settings", NAME_IT))


@then("each address found there has an enabled rule, or is given up in the settings by name")
def has_rule(migration: Migration, expect: Expect, found: Receivers, subjects: tuple[str, ...]) -> None:
    rules = {
        rule.address: f"forwarded to {', '.join(rule.destinations)}"
        for domain in subjects
        for rule in cloudflare.routing(migration, domain).rules
        if rule.enabled and rule.action == "forward"
    }
    expect("Every address that takes mail has a rule", _each(migration, found, rules.get, "an enabled rule", NAME_IT))


@then("the logs reach back over that time")
def logs_reach_back(expect: Expect, found: Receivers) -> None:
    def judge(host: history.HostLog) -> Finding:
        days = (found.history.until - host.since) / history.DAY_S
        expected = f"lines of at least {ENOUGH_DAYS:.0f} days"
        said = f"{days:.0f} days, {host.unread} lines not understood"
        if days >= ENOUGH_DAYS:
            return passed(f"the log of {host.host}", said, host.evidence, expected=expected)
        hint = "Keep rotated logs longer and come back then: who is written to once a month is not seen yet"
        return unknown(f"the log of {host.host}", expected, said, host.evidence, hint=hint)

    expect("The logs are long enough to tell", map(judge, found.history.hosts))


def _each(
    migration: Migration, found: Receivers, place: Callable[[str], str | None], wanted: str, hint: str
) -> Iterator[Finding]:
    for each in found.found:
        domain, expected = migration.settings.domain(each.domain), f"{wanted}, or given up by name"
        told, why = each.evidence, "; ".join(each.why)
        if not each.local:
            yield _catch_all(each, "catch_all" in domain.model_fields_set, domain.catch_all)
        elif there := place(each.address):
            yield passed(each.address, f"{there}; it {why}", *told, expected=expected, domain=each.domain)
        elif each.local in domain.dropped:
            yield passed(each.address, f"given up by name; it {why}", *told, expected=expected, domain=each.domain)
        else:
            yield failed(each.address, expected, f"neither; it {why}", *told, domain=each.domain, hint=hint)


def _catch_all(each: Receiver, decided: bool, decision: str) -> Finding:
    expected = "a decision in the settings on what else it takes"
    said = f"catch_all = {decision!r}" if decided else f"no catch_all for {each.domain}; it {'; '.join(each.why)}"
    if decided:
        return passed(each.address, said, *each.evidence, expected=expected, domain=each.domain)
    hint = 'Write catch_all = "off" or "drop": Email Routing has no catch-all that keeps mailboxes apart'
    return failed(each.address, expected, said, *each.evidence, domain=each.domain, hint=hint)
