"""What strict senders are told: MTA-STS, and where they report TLS that failed."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import last_switch
from fixtures.migration import Migration
from fixtures.probes.cloudflare.api import assigned_mx
from fixtures.probes.dns import mta_sts
from fixtures.probes.dns.queries import Answers, ask_each, each

Policies = tuple[mta_sts.Published, ...]


@when("the MTA-STS policy is read as senders read it", target_fixture="sts")
def read_policy(migration: Migration, subjects: tuple[str, ...]) -> Policies:
    return mta_sts.published(migration, subjects)


@then("it can be read over HTTPS, announced by exactly one record with its id")
def policy_is_sound(migration: Migration, expect: Expect, sts: Policies) -> None:
    wanted = {domain.name: domain.mta_sts for domain in migration.settings.domains}
    found = (finding for it in sts for finding in mta_sts.judged_sound(it, wanted=wanted[it.domain]))
    expect("The MTA-STS policy can be read", found)


@then("it admits EC2 and Cloudflare's MX hosts")
def admits_both(migration: Migration, expect: Expect, sts: Policies) -> None:
    old = migration.settings.ec2.name
    new = {it.domain: assigned_mx(migration, it.domain) for it in sts if it.exists}
    expect("The policy admits both", (mta_sts.judged_hosts(it, (old, *new[it.domain])) for it in sts if it.exists))


@then("it admits Cloudflare's MX hosts, and not EC2")
def admits_only_new(migration: Migration, expect: Expect, sts: Policies) -> None:
    old = migration.settings.ec2.name
    new = {it.domain: assigned_mx(migration, it.domain) for it in sts if it.exists}
    found = (mta_sts.judged_hosts(it, new[it.domain], but_not=old) for it in sts if it.exists)
    expect("The policy admits only Cloudflare's", found)


@then("senders have had the time to notice it")
def senders_noticed(migration: Migration, expect: Expect, sts: Policies) -> None:
    now = migration.clock.now()
    changes = [(it, mta_sts.last_change(migration, it)) for it in sts if it.exists]
    expect("Senders know the policy", [mta_sts.judged_noticed(it, change, now) for it, change in changes])


@then("it admitted both for as long as senders may have kept the policy from before")
def admitted_both_long(migration: Migration, expect: Expect, sts: Policies) -> None:
    changes = [(it, mta_sts.last_change(migration, it)) for it in sts if it.exists]
    found = [mta_sts.judged_narrowed(it, change, last_switch(migration, it.domain)) for it, change in changes]
    expect("Both were admitted long enough", found)


@when("every name server and every resolver is asked where TLS reports go", target_fixture="tls_reports")
def ask_reporting(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return ask_each(migration, {domain: f"_smtp._tls.{domain}" for domain in subjects}, "TXT")


@then("each record that there is can be read")
def reporting_is_sound(expect: Expect, tls_reports: Answers) -> None:
    found = (mta_sts.judged_reporting(domain, answer) for domain, answer in each(tls_reports))
    expect("TLS reports have a readable address", found)
