"""EC2 stopped, and gone."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import settled
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.aws import ec2
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.session import Conversation
from fixtures.probes.smtp.vantages import THEIRS

IMAGE_PREFIX = "mxgate-final-"
State = tuple[ec2.Instance, tuple[Conversation, ...], tuple[Conversation, ...]]


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
    state = (
        passed(instance.id, instance.state, instance.evidence)
        if instance.state in {"stopped", "terminated"}
        else failed(instance.id, "stopped", instance.state, instance.evidence)
    )
    ports = [
        failed(str(told.knock), "no answer", told.banner or "it connects", told.evidence)
        if told.connected
        else passed(str(told.knock), f"dead ({told.connection})", told.evidence)
        for told in knocks
    ]
    # Where nobody's port 25 answers, a dead one shows nothing.
    able = [
        passed(f"the control: {told.knock}", told.banner, told.evidence)
        if THEIRS in told.banner.lower()
        else unknown(f"the control: {told.knock}", "a greeting", told.outcome, told.evidence)
        for told in controls
    ]
    expect("EC2 is off", [state, *ports, *able])


@then("numbered mail sent since then has arrived")
def mail_since_stop(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    since = Progress.read(migration.store, migration.settings).done_at("stop_ec2")
    if since is None:
        expect("Mail flows without EC2", [unknown("EC2", "a record of when it was stopped", "none")])
        return
    found = [settled(migration, domain, since) for domain in domains]
    expect(
        "Mail flows without EC2",
        [
            failed(each.domain, "every one arrived", f"{len(each.missing)} missing", each.evidence)
            if each.missing
            else passed(each.domain, f"{each.injected} arrived", each.evidence)
            if each.injected
            else unknown(each.domain, "numbered mail since the stop", "none was sent", each.evidence)
            for each in found
        ],
    )


@when("AWS is asked for each kind of it", target_fixture="left")
def ask_inventory(migration: Migration) -> ec2.Inventory:
    start = migration.store.snapshot("start") or {}
    return ec2.inventory(migration, start.get("ec2", {}).get("ids", ()))


@then("nothing is left but an image that the operator kept by name")
def nothing_left(migration: Migration, expect: Expect, left: ec2.Inventory) -> None:
    kept = [item for item in left.items if item.kind in {"image", "snapshot"} and item.name.startswith(IMAGE_PREFIX)]
    gone = left.instance.gone
    said = f"{left.instance.state}; {len(left.items)} things left, {len(kept)} of them a final image"
    findings = [
        passed(left.instance.id, said, left.evidence)
        if gone
        else failed(left.instance.id, "terminated", said, left.evidence)
    ]
    findings += [
        failed(
            f"{item.kind} {item.id} {item.name}", "gone", f"still there: {item.reason}; {item.detail}", left.evidence
        )
        for item in left.items
        if item not in kept
    ]
    findings += [unknown("EC2", "every kind read", reason) for reason in left.unread]
    if not (migration.store.snapshot("start") or {}).get("ec2", {}).get("ids"):
        # A terminated instance doesn't say what it had: a forgotten disk would be found by nothing.
        findings.append(unknown("EC2", "a snapshot of what belonged to it", "none"))
    expect("Nothing of EC2 is left", findings)
