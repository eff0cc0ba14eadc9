"""EC2 stopped, deleted, forgotten by Terraform, named by nobody, and its cost gone."""

from collections.abc import Mapping

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, absent
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import judged_since_stop, settled
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan.gates import Gate
from fixtures.probes import snapshot
from fixtures.probes.aws import confirmed, cost, ec2, references, resembling, staying, terraform_retired
from fixtures.probes.aws.staying import Stay
from fixtures.probes.aws.terraform_retired import Retired
from fixtures.probes.logs import came_from
from fixtures.probes.logs.came_from import Came
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.knock import Conversation
from steps.common import require_aws

Said = ec2.Instance | Came
State = tuple[Said, tuple[Conversation, ...], tuple[Conversation, ...]]
"""What AWS says of it, or, where it is not rented there, Dell's log; who hears it; who is heard by the same ears."""
Left = tuple[ec2.Inventory, Mapping[str, Stay], tuple[tuple[str, str], ...]]
"""What is left, what of it stays, and what the settings name that is not there."""
Mentions = tuple[references.Mention, ...]


@given("the EC2 gateway", target_fixture="gateway")
@given("everything that belonged to the EC2 gateway", target_fixture="gateway")
def the_gateway(migration: Migration) -> str:
    it = migration.settings.ec2
    return it.instance_id or it.name


@when("its state is read and its port 25 is tried from outside", target_fixture="gateway_state")
def read_state(migration: Migration) -> State:
    said: Said = ec2.instance(migration) if migration.settings.ec2.at_aws else came_from.gateway(migration)
    return said, clients.knock_at_ec2(migration), clients.knock_at_cloudflare(migration)


@then("it is stopped, and its port 25 is dead")
def stopped_and_dead(expect: Expect, gateway_state: State) -> None:
    said, knocks, controls = gateway_state
    off = came_from.judged(said) if isinstance(said, Came) else [ec2.judged_off(said)]
    expect("EC2 is off", [*off, *map(clients.judged_dead, knocks), *map(clients.judged_alive, controls)])


@then("numbered mail sent since then has arrived")
def mail_since_stop(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    since = Progress.read(migration.store, migration.settings).done_at("stop_ec2")
    ledgers = None if since is None else settled(migration, dict.fromkeys(domains, since))
    expect("Mail flows without EC2", judged_since_stop(ledgers))


@when("AWS is asked for each kind of it, and for who else uses it", target_fixture="left")
def ask_what_is_left(migration: Migration) -> Left:
    require_aws(migration)
    has = ec2.inventory(migration, ec2.known(migration))
    return has, staying.staying(migration, has), tuple(staying.misnamed(migration, has))


@when("the store is asked who confirmed each line of its checklist", target_fixture="lines")
def ask_who_confirmed(migration: Migration) -> tuple[confirmed.Line, ...]:
    it = migration.settings.ec2
    if it.at_aws:
        nothing = absent("ec2.kind", "a server of another provider's", f"{it.instance_id}, an instance of AWS's")
        raise Absent("AWS itself is asked what is left", (nothing,))
    return confirmed.ask(migration)


@then("a person has confirmed each of them by name")
def all_confirmed(expect: Expect, lines: tuple[confirmed.Line, ...]) -> None:
    expect("The end of the gateway was confirmed", confirmed.judged(lines))


@then("nothing is left but what others use, AWS Backup's copies, and what the operator kept by name")
def nothing_left(migration: Migration, expect: Expect, left: Left) -> None:
    known_before = snapshot.first(migration) is not None
    expect("Nothing of EC2 is left", staying.judged(*left, known_before=known_before))


@then("what stays of its disks is not public")
def not_public(migration: Migration, expect: Expect, left: Left) -> None:
    has, *_ = left
    found = staying.judged_shared(has, staying.shared(migration, has))
    expect("No copy of EC2's disks is everybody's to read", found)


@when("every region that the account uses is searched for what resembles it", target_fixture="likes")
def search_regions(migration: Migration) -> resembling.Resembling:
    require_aws(migration)
    return resembling.ask(migration)


@then("each thing that does was decided on by name, and what was to go is gone in the end")
def decided_on(migration: Migration, stage: Stage, expect: Expect, likes: resembling.Resembling) -> None:
    decided, over = migration.settings.ec2.resembling, stage.gate is Gate.SIGNOFF
    expect("What may be EC2's was decided on", resembling.judged(likes, decided, over=over))


@given("Terraform's state and configuration", target_fixture="terraform_at")
def terraform_folder(migration: Migration) -> str:
    folder = migration.settings.ec2.terraform
    if folder is None:
        nothing = absent("ec2.terraform", "a folder of Terraform's", "the settings name none")
        raise Absent("There is no Terraform", (nothing,))
    return str(folder)


@when("they are read next to the first snapshot, and a plan is made", target_fixture="retired")
def read_terraform(migration: Migration, terraform_at: str) -> Retired:
    found = terraform_retired.ask(migration)
    assert found is not None, terraform_at
    return found


@then("no resource of the gateway is in them")
def terraform_forgot(expect: Expect, retired: Retired) -> None:
    expect("Terraform has forgotten EC2", terraform_retired.forgotten(retired))


@then("each other resource of the first snapshot is still there")
def others_survive(expect: Expect, retired: Retired) -> None:
    expect("What isn't EC2's survives", terraform_retired.others(retired))


@then("the plan neither makes the gateway again nor changes them")
def plan_does_no_harm(expect: Expect, retired: Retired) -> None:
    expect("A plan does no harm", terraform_retired.unchanged(retired))


@when(
    "the domains' records, Dell's relay host and files, and the users' ways of sending are searched for it",
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
    expect("No client depends on EC2", references.judged_clients(mentions))


@then("nothing that is in use names it")
def nothing_names_it(migration: Migration, expect: Expect, mentions: Mentions) -> None:
    expect("Nothing refers to EC2", references.judged_gone(mentions, references.Sought.ever(migration)))


@when("what it cost, what is left of that and what is new are added up", target_fixture="saving")
def add_up(migration: Migration) -> cost.Saving:
    require_aws(migration)
    return cost.saving(migration)


@then("nothing is paid for any more but what stays for a reason")
def nothing_paid(migration: Migration, expect: Expect, saving: cost.Saving) -> None:
    by_bill = migration.settings.costs.billing == "cost explorer"
    expect("EC2 costs nothing", cost.judged_left(saving, by_bill=by_bill))


@then("by the price of every charge the net saving is more than nothing, and is shown with the plan's")
def net_is_positive(migration: Migration, expect: Expect, saving: cost.Saving) -> None:
    costs, region = migration.settings.costs, migration.settings.ec2.region
    found = cost.judged_net(saving, costs.reckoned, costs.planned_usd_per_month, region)
    expect("The saving is one", found)
