"""What strict senders are told: MTA-STS."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import last_switch
from fixtures.migration import Migration
from fixtures.probes.cloudflare.api import assigned_mx
from fixtures.probes.dns import mta_sts

Published = tuple[mta_sts.Published, ...]
ONE_RECORD, READABLE = "one record with an id", "a policy that senders take"


@when("the MTA-STS policy is read as senders read it", target_fixture="sts")
def read_policy(migration: Migration, subjects: tuple[str, ...]) -> Published:
    return mta_sts.published(migration, subjects)


@then("it can be read over HTTPS, announced by exactly one record with its id")
def policy_is_sound(migration: Migration, expect: Expect, sts: Published) -> None:
    expect("The MTA-STS policy can be read", (each for it in sts for each in _sound(migration, it)))


@then("it admits EC2 and Cloudflare's MX hosts")
def admits_both(migration: Migration, expect: Expect, sts: Published) -> None:
    old = (migration.settings.ec2.name,)
    expect(
        "The policy admits both", (_admits(it, (*old, *assigned_mx(migration, it.domain))) for it in sts if it.exists)
    )


@then("it admits Cloudflare's MX hosts, and not EC2")
def admits_new_alone(migration: Migration, expect: Expect, sts: Published) -> None:
    old = migration.settings.ec2.name
    made = (_admits(it, assigned_mx(migration, it.domain), but_not=old) for it in sts if it.exists)
    expect("The policy admits Cloudflare's alone", made)


@then("senders have had the time to notice it")
def senders_noticed(migration: Migration, expect: Expect, sts: Published) -> None:
    def judge(it: mta_sts.Published) -> Finding:
        change, kept_s = mta_sts.last_change(migration, it), max((a.ttl or 0) for a in it.answers)
        expected = f"changed under a new id, longer ago than the record may be kept ({kept_s} s)"
        if change is None:
            return passed(it.domain, "not changed in this migration", it.fetched, domain=it.domain)
        since = migration.clock.now() - change.at
        ids = ", ".join(change.ids_now) or "none"
        found = f"changed {since / 3600:.1f} h ago, id {ids}, before it {change.id_before or 'none'}"
        if since > kept_s and change.id_before not in change.ids_now:
            return passed(it.domain, found, it.fetched, expected=expected, domain=it.domain)
        hint = "Until then strict senders may hold the old policy without looking for a new one (RFC 8461, 5.1)"
        return failed(it.domain, expected, found, it.fetched, domain=it.domain, hint=hint)

    expect("Senders know the policy", [judge(it) for it in sts if it.exists])


@then("it admitted both for as long as senders may have kept the policy from before")
def admitted_both_long(migration: Migration, expect: Expect, sts: Published) -> None:
    def judge(it: mta_sts.Published) -> Finding:
        switched, change = last_switch(migration, it.domain), mta_sts.last_change(migration, it)
        age = it.policy.max_age_s if it.policy else 0
        expected = f"narrowed at least {age / 86400:.1f} days after the switch (max_age)"
        if switched is None or change is None:
            return unknown(
                it.domain, expected, "no record of the switch, or of the change", it.fetched, domain=it.domain
            )
        found = f"narrowed {(change.at - switched) / 86400:.1f} days after the switch"
        if change.at - switched >= age:
            return passed(it.domain, found, it.fetched, expected=expected, domain=it.domain)
        return failed(it.domain, expected, found, it.fetched, domain=it.domain)

    expect("Both were admitted long enough", [judge(it) for it in sts if it.exists])


def _sound(migration: Migration, it: mta_sts.Published) -> Iterator[Finding]:
    wanted = migration.settings.domain(it.domain).mta_sts
    if not it.exists and not wanted and not any(a.error for a in it.answers):
        evidence = tuple(answer.evidence for answer in it.answers)
        yield Finding(it.domain, Verdict.ABSENT, "no policy, by the settings", "no policy", it.domain, evidence)
        return
    if not wanted and it.exists:
        hint = "Set mta_sts = true for it, so that widen_mta_sts admits the new gateway"
        yield failed(it.domain, "no policy, by the settings", str(it.policy), it.fetched, domain=it.domain, hint=hint)
    for answer in it.answers:
        member = f"{it.domain} at {answer.server}"
        known, fault = mta_sts.identifier(answer.rrset)
        if answer.error:
            yield unknown(member, ONE_RECORD, answer.error, answer.evidence, domain=it.domain)
        elif fault:
            yield failed(member, ONE_RECORD, fault, answer.evidence, domain=it.domain)
        else:
            yield passed(member, f"id {known}", answer.evidence, expected=ONE_RECORD, domain=it.domain)
    make = failed if it.could_ask else unknown
    if it.policy is None:
        yield make(it.domain, READABLE, it.why, it.fetched, domain=it.domain)
    elif it.policy.faults:
        yield failed(it.domain, READABLE, "; ".join(it.policy.faults), it.fetched, domain=it.domain)
    else:
        yield passed(it.domain, str(it.policy), it.fetched, expected=READABLE, domain=it.domain)


def _admits(it: mta_sts.Published, hosts: tuple[str, ...], but_not: str = "") -> Finding:
    expected = f"admits {', '.join(hosts)}" + (f", and not {but_not}" if but_not else "")
    if it.policy is None:  # which the claim before this one has told
        return unknown(it.domain, expected, it.why, it.fetched, domain=it.domain)
    policy = it.policy
    wrong = [f"{host} is not admitted" for host in hosts if policy.mode != "none" and not policy.admits(host)]
    wrong += [f"{but_not} still is"] if but_not and policy.admits(but_not) else []
    if not wrong:
        return passed(it.domain, str(policy), it.fetched, expected=expected, domain=it.domain)
    hint = "narrow_mta_sts leaves the new ones alone" if but_not else "widen_mta_sts admits both"
    found = f"{'; '.join(wrong)} ({policy})"
    return failed(it.domain, expected, found, it.fetched, domain=it.domain, hint=hint)
