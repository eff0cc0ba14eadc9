"""What Terraform knows of the gateway."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import CouldNotAsk, Evidence, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.aws import terraform

Terraformed = tuple[terraform.State, terraform.Mentions, terraform.Plan | CouldNotAsk]


@given("Terraform's state and configuration", target_fixture="terraform_at")
def terraform_folder(migration: Migration) -> str:
    return str(migration.settings.ec2.terraform or "")


@when("they are read and a plan is made", target_fixture="terraformed")
def read_terraform(migration: Migration) -> Terraformed:
    folder, names = migration.settings.ec2.terraform, migration.settings.ec2.terraform_addresses
    assert folder is not None, "ec2.terraform is not set"
    state, mentions = terraform.state_resources(folder), terraform.mentions(folder, names)
    try:
        return state, mentions, terraform.plan_is_empty(folder)
    except CouldNotAsk as fault:  # what EC2 left in the configuration may be why there is no plan
        return state, mentions, fault


@then("no resource of the gateway is in them")
def terraform_forgot(migration: Migration, expect: Expect, terraformed: Terraformed) -> None:
    state, mentions, _ = terraformed
    ours = [name for name in state.resources if name in migration.settings.ec2.terraform_addresses]
    told: tuple[Evidence, ...] = (state.evidence, mentions.evidence)
    findings = [failed(name, "not in the state", "there", *told) for name in ours]
    findings += [failed(f"{m.file}:{m.line}", "not in the configuration", m.text, *told) for m in mentions.mentions]
    expect("Terraform has forgotten EC2", findings or [passed("state and configuration", "nothing of EC2's", *told)])


@then("the other resources are still there")
def others_survive(expect: Expect, terraformed: Terraformed) -> None:
    state = terraformed[0]
    found = ", ".join(state.resources)
    make = (
        passed("state", found, state.evidence) if found else failed("state", "other resources", "none", state.evidence)
    )
    expect("What isn't EC2's survives", [make])


@then("the plan changes nothing")
def plan_is_empty(expect: Expect, terraformed: Terraformed) -> None:
    plan = terraformed[2]
    if isinstance(plan, CouldNotAsk):
        expect("A plan changes nothing", [unknown("plan", "no change", plan)])
        return
    good = passed("plan", plan.summary, plan.evidence)
    expect("A plan changes nothing", [good if plan.empty else failed("plan", "no change", plan.summary, plan.evidence)])
