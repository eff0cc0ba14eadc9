"""EC2 stopped, deleted, forgotten by Terraform, named by nobody, and its cost gone."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import CouldNotAsk, Finding, Inconclusive, failed, finding, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import settled
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes import snapshot
from fixtures.probes.aws import cost, ec2, references, terraform
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.session import Conversation
from fixtures.probes.smtp.vantages import THEIRS, turned_away

IMAGE_PREFIX = "mxgate-final-"
State = tuple[ec2.Instance, tuple[Conversation, ...], tuple[Conversation, ...]]
Terraformed = tuple[terraform.Held, terraform.Mentions, terraform.Plan | CouldNotAsk]
Mentions = tuple[references.Mention, ...]


@given("the EC2 gateway", target_fixture="gateway")
@given("everything that belonged to the EC2 gateway", target_fixture="gateway")
def the_gateway(migration: Migration) -> str:
    return migration.settings.ec2.instance_id


@when("its state is read and its port 25 is tried from outside", target_fixture="gateway_state")
def read_state(migration: Migration) -> State:
    return ec2.instance(migration), clients.knock_at_ec2(migration), clients.knock_at_cloudflare(migration)


@then("it is stopped, and its port 25 is dead")
def stopped_and_dead(expect: Expect, gateway_state: State) -> None:
    instance, knocks, controls = gateway_state
    off = instance.state in {"stopped", "terminated"}
    state = finding(instance.id, "stopped", instance.state, instance.evidence, holds=off)

    def port(seen: Conversation) -> Finding:
        found = (seen.banner or "it connects") if seen.connected else f"dead ({seen.connection})"
        return finding(str(seen.knock), "no answer", found, seen.evidence, holds=not seen.connected)

    def control(seen: Conversation) -> Finding:
        """Where nobody's port 25 answers, a dead one shows nothing; who is turned away for a PTR has an answer too."""
        said = seen.banner or str(seen.outcome)
        unasked = "" if THEIRS in said.lower() or turned_away(said) else said
        member = f"the control: {seen.knock}"
        return finding(member, "a greeting", said, seen.evidence, holds=True, unasked=unasked)

    expect("EC2 is off", [state, *map(port, knocks), *map(control, controls)])


@then("numbered mail sent since then has arrived")
def mail_since_stop(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    since = Progress.read(migration.store, migration.settings).done_at("stop_ec2")

    def judge(domain: str) -> Finding:
        if since is None:
            return unknown("EC2", "a record of when it was stopped", "none")
        each = settled(migration, domain, since)
        if not each.injected and not each.missing:
            return unknown(domain, "numbered mail since the stop", "none was sent", each.evidence)
        found = f"{len(each.missing)} missing" if each.missing else f"{each.injected} arrived"
        return finding(domain, "every one arrived", found, each.evidence, holds=not each.missing)

    expect("Mail flows without EC2", map(judge, domains))


@when("AWS is asked for each kind of it", target_fixture="left")
def ask_inventory(migration: Migration) -> ec2.Inventory:
    return ec2.inventory(migration, _ids(migration))


@then("nothing is left but an image that the operator kept by name")
def nothing_left(migration: Migration, expect: Expect, left: ec2.Inventory) -> None:
    kept = [item for item in left.items if item.kind in {"image", "snapshot"} and item.name.startswith(IMAGE_PREFIX)]
    said = f"{left.instance.state}; {len(left.items)} things left, {len(kept)} of them a final image"
    found = [finding(left.instance.id, "terminated", said, left.evidence, holds=left.instance.gone)]
    for item in left.items:
        if item not in kept:
            member, there = f"{item.kind} {item.id} {item.name}", f"still there: {item.reason}; {item.detail}"
            found.append(failed(member, "gone", there, left.evidence))
    found += [unknown("EC2", "every kind read", reason) for reason in left.unread]
    if not _ids(migration):
        # A terminated instance doesn't say what it had: a forgotten disk would be found by nothing.
        found.append(unknown("EC2", "a snapshot of what belonged to it", "none"))
    expect("Nothing of EC2 is left", found)


def _ids(migration: Migration) -> tuple[str, ...]:
    """What belonged to the gateway at the start."""
    first = snapshot.first(migration)
    return tuple(first.body.get("ec2", {}).get("ids", ())) if first else ()


@given("Terraform's state and configuration", target_fixture="terraform_at")
def terraform_folder(migration: Migration) -> str:
    return str(migration.settings.ec2.terraform or "")


@when("they are read and a plan is made", target_fixture="terraformed")
def read_terraform(migration: Migration) -> Terraformed:
    folder, names = migration.settings.ec2.terraform, migration.settings.ec2.terraform_addresses
    assert folder is not None, "ec2.terraform is not set"
    state, mentions = terraform.held(folder), terraform.mentions(folder, names)
    try:
        return state, mentions, terraform.plan_is_empty(folder)
    except CouldNotAsk as fault:  # what EC2 left in the configuration may be why there is no plan
        return state, mentions, fault


@then("no resource of the gateway is in them")
def terraform_forgot(migration: Migration, expect: Expect, terraformed: Terraformed) -> None:
    state, mentions, _ = terraformed
    ours, evidence = migration.settings.ec2.terraform_addresses, (state.evidence, mentions.evidence)
    found = [failed(name, "not in the state", "there", *evidence) for name in state.addresses if name in ours]
    found += [failed(f"{m.file}:{m.line}", "not in the configuration", m.text, *evidence) for m in mentions.mentions]
    expect("Terraform has forgotten EC2", found or [passed("state and configuration", "nothing of EC2's", *evidence)])


@then("the other resources are still there")
def others_survive(expect: Expect, terraformed: Terraformed) -> None:
    state, names = terraformed[0], ", ".join(terraformed[0].addresses)
    expect(
        "What isn't EC2's survives",
        [finding("state", "other resources", names or "none", state.evidence, holds=bool(names))],
    )


@then("the plan changes nothing")
def plan_is_empty(expect: Expect, terraformed: Terraformed) -> None:
    plan = terraformed[2]
    if isinstance(plan, CouldNotAsk):
        found = unknown("plan", "no change", plan)
    else:
        found = finding("plan", "no change", plan.summary, plan.evidence, holds=plan.empty)
    expect("A plan changes nothing", [found])


@when(
    "the domains' records, Dell's relay host and the users' ways of sending are searched for it",
    target_fixture="mentions",
)
def search_clients(migration: Migration) -> Mentions:
    return references.by_clients(migration)


@when(
    "records, Dell's files, the users' ways of sending and the monitoring are searched for its names and addresses",
    target_fixture="mentions",
)
def search_everywhere(migration: Migration) -> Mentions:
    return references.everywhere(migration)


@then("nothing refers to it but the records that the migration itself changes")
def only_the_mail_server(expect: Expect, mentions: Mentions) -> None:
    hint = "Whoever follows this uses EC2: lead it to Dell, or to SendGrid, before EC2 is stopped"
    expect("No client depends on EC2", [references.judged(each, hint, role_counts=True) for each in mentions])


@then("nothing that is in use names it")
def nothing_names_it(migration: Migration, expect: Expect, mentions: Mentions) -> None:
    hint = "Take it out: run retire_ec2_access for records, SPF and Dell's table, and correct the rest by hand"
    wanted = f"no mention of {', '.join(references.names(migration.settings))}"
    found = [references.judged(each, hint) for each in mentions]
    expect("Nothing refers to EC2", [passed("what was searched for", wanted), *found])


@when("what it cost, what is left of that and what is new are added up", target_fixture="saving")
def add_up(migration: Migration) -> cost.Saving:
    try:
        return cost.saving(migration)
    except CouldNotAsk as fault:
        raise Inconclusive("The saving is real", (unknown("the bill", "before and after", fault),)) from None


@then("nothing is paid for any more but an image that the operator kept")
def nothing_paid(migration: Migration, expect: Expect, saving: cost.Saving) -> None:
    by_bill = migration.settings.costs.billing == "cost explorer"
    expect("EC2 costs nothing", cost.judged_left(saving, by_bill=by_bill))


@then("by the price of every charge the net saving is more than nothing, and is shown with the plan's")
def net_is_positive(migration: Migration, expect: Expect, saving: cost.Saving) -> None:
    costs, region = migration.settings.costs, migration.settings.ec2.region
    found = cost.judged_net(saving, costs.reckoned, costs.planned_usd_per_month, region)
    expect("The saving is one", found)
