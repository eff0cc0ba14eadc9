"""What the migration saves."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import CouldNotAsk, Finding, Inconclusive, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.aws import cost
from fixtures.probes.aws.cost import Charge, Saving

KEPT = ("snapshot ",)
"""A final image is kept as a snapshot; D-2 has looked at its name."""


@when("what it cost, what is left of that and what is new are added up", target_fixture="saving")
def add_up(migration: Migration) -> Saving:
    try:
        return cost.saving(migration)
    except CouldNotAsk as fault:
        raise Inconclusive("The saving is real", (unknown("the bill", "before and after", fault),)) from None


@then("every charge has a price")
def all_priced(migration: Migration, expect: Expect, saving: Saving) -> None:
    hint = f"Add it to fixtures/probes/aws/data/prices.toml, from AWS's page for {migration.settings.ec2.region}"
    findings = [unknown(each.name, "a price", each.reckoning, saving.evidence, hint=hint) for each in saving.unpriced]
    findings += [unknown("AWS", "every kind read", why, saving.evidence) for why in saving.unread]
    told = f"{len(saving.before)} charges before, {len(saving.after)} after, by {saving.source}"
    expect("The bill is whole", findings or [passed("the bill", told, saving.evidence)])


@then("nothing is paid for any more but an image that the operator kept")
def nothing_left(migration: Migration, expect: Expect, saving: Saving) -> None:
    by_bill = migration.settings.costs.billing == "cost explorer"

    def judge(each: Charge) -> Finding:
        if by_bill or each.name.startswith(KEPT):
            return passed(each.name, each.reckoning, saving.evidence)
        return failed(each.name, "gone", each.reckoning, saving.evidence, hint="Run delete_ec2 again: it finds it")

    none = [passed("what is left", "no charge", saving.evidence)]
    expect("EC2 costs nothing", list(map(judge, saving.after)) or none)


@then("the net saving is more than nothing, and stands beside the plan's")
def net_is_positive(migration: Migration, expect: Expect, saving: Saving) -> None:
    costs = migration.settings.costs
    if costs.reckoned is None:
        hint = "Write into [costs] what is new (perhaps nothing), and reckoned = the day on which you looked"
        finding = unknown(
            "new costs", "the operator's word on them", "none in the settings", saving.evidence, hint=hint
        )
        expect("The saving is one", [finding])
        return
    expected = f"more than nothing; the plan says ${costs.planned_usd_per_month:.2f} a month"
    told = f"{saving.sentence()}; new costs by the settings, looked at on {costs.reckoned}"
    if saving.net > 0:
        expect("The saving is one", [passed("net", told, saving.evidence, expected=expected)])
        return
    hint = "The new path costs as much as the old one: it is for you to say whether it is worth that"
    expect("The saving is one", [failed("net", expected, told, saving.evidence, hint=hint)])
