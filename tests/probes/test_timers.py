"""What stops or starts the gateway by itself: by the clock, by an event, or once too much is spent.

moto plays maintenance windows; what AWS says of a task's own parameters, of associations and of budgets stands as its
API reference has it.
"""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Verdict
from fixtures.lab.aws_answers import NONE_OF
from fixtures.migration import Migration
from fixtures.probes.aws import ec2, timed, timers
from fixtures.probes.aws.timers import Timed
from tests.probes.test_aws import NOT_MOTOS, ZONE, answering, aws, having, refusal, started  # noqa: F401 - a fixture

STOPS, STARTS = "AWS-StopEC2Instance", "AWS-StartEC2Instance"
IT = "THE GATEWAY"
"""In place of its id, in tables."""


@pytest.fixture
def gateway(aws: Any, migration: Migration) -> Migration:  # noqa: F811
    """It is called mail, and runs."""
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "mail"}, {"Key": "role", "Value": "mx"}]}]
    return having(migration, instance_id=started(aws, TagSpecifications=tags))


def judged(its: Migration, *, stopped: bool = False) -> list[tuple[Verdict, str]]:
    found = timed.ask(its)
    rows = timed.judged(found, ec2.instance(its), stopped=stopped)
    return [(each.verdict, each.found.partition(":")[0]) for each in rows]


def named(about: Any, number: str) -> Any:
    """ABOUT with the instance's own id."""
    if isinstance(about, dict):
        return {key: named(each, number) for key, each in about.items()}
    return [named(each, number) for each in about] if isinstance(about, list) else (number if about == IT else about)


NOTHING = [(Verdict.PASS, timed.NOTHING)]
BY_ID = [{"Key": "InstanceIds", "Values": [IT]}]


@pytest.mark.parametrize(
    ("document", "aims", "handed", "ends", "starts"),
    [
        (STOPS, BY_ID, {}, True, False),
        (STARTS, BY_ID, {}, False, True),
        (STOPS, [], {"Automation": {"Parameters": {"InstanceId": [IT]}}}, True, False),
        (STOPS, [{"Key": "InstanceIds", "Values": ["i-9"]}], {}, False, False),
        (STOPS, [{"Key": "tag:Name", "Values": ["web", "mail"]}], {}, True, False),
        (STOPS, [{"Key": "tag-key", "Values": ["role"]}], {}, True, False),
        (STOPS, [{"Key": "tag:Name", "Values": ["mail"]}, {"Key": "tag:role", "Values": ["db"]}], {}, False, False),
        (STOPS, [{"Key": "tag:Name", "Values": ["mail"]}, {"Key": "tag:role", "Values": []}], {}, True, False),
        (STOPS, [{"Key": "WindowTargetIds", "Values": ["registered"]}], {}, True, False),
        ("AWS-RunShellScript", BY_ID, {"RunCommand": {"Parameters": {"commands": ["shutdown -h now"]}}}, True, False),
        ("AWS-RunShellScript", BY_ID, {"RunCommand": {"Parameters": {"commands": ["systemctl stop x"]}}}, False, False),
        ("AWS-RunPatchBaseline", BY_ID, {"RunCommand": {"Parameters": {"RebootOption": ["NoReboot"]}}}, False, False),
    ],
)
def test_a_maintenance_window(
    gateway: Migration,
    monkeypatch: pytest.MonkeyPatch,
    *,
    document: str,
    aims: list[Any],
    handed: Any,
    ends: bool,
    starts: bool,
) -> None:
    """It names the instance, or finds it by its tags, all of which have to be so."""
    number, ssm = gateway.settings.ec2.instance_id, boto3.client("ssm", region_name=ZONE[:-1])
    about = {"Schedule": "cron(0 20 ? * * *)", "Duration": 1, "Cutoff": 0, "AllowUnassociatedTargets": True}
    window = ssm.create_maintenance_window(Name="nightly", **about)["WindowId"]
    mine = ssm.register_target_with_maintenance_window(
        WindowId=window, ResourceType="INSTANCE", Targets=named(BY_ID, number)
    )["WindowTargetId"]
    targets = [{**each, "Values": [mine if it == "registered" else it for it in each["Values"]]} for each in aims]
    task = {"TaskArn": document, "Targets": named(targets, number), "TaskInvocationParameters": named(handed, number)}
    ssm.register_task_with_maintenance_window(
        WindowId=window, TaskType="AUTOMATION", **{**task, "TaskInvocationParameters": {}, "Targets": BY_ID}
    )
    answering(monkeypatch, lambda _, name: task if name == "GetMaintenanceWindowTask" else None)
    red = [(Verdict.FAIL, "maintenance window nightly")]
    assert [judged(gateway, stopped=stopped) for stopped in (False, True)] == [
        red if each else NOTHING for each in (ends, starts)
    ]


@pytest.mark.parametrize(
    ("listed", "about", "ends"),
    [
        ({"ScheduleExpression": "cron(0 20 * * ? *)"}, {"Targets": [{"Key": "ParameterValues", "Values": [IT]}]}, True),
        ({"ScheduleExpression": "rate(1 day)"}, {"Parameters": {"InstanceId": [IT]}}, True),
        ({"ScheduleExpression": "rate(1 day)"}, {"Targets": [{"Key": "InstanceIds", "Values": ["*"]}]}, True),
        ({"ScheduleExpression": "rate(1 day)"}, {"InstanceId": "i-9"}, False),
        ({}, {"InstanceId": IT}, False),
    ],
)
def test_an_association(
    gateway: Migration, monkeypatch: pytest.MonkeyPatch, listed: dict[str, str], about: dict[str, Any], ends: bool
) -> None:
    """By the clock: one that was applied once is over."""
    described = named({"Name": STOPS, **about}, gateway.settings.ec2.instance_id)
    answers = {
        "ListAssociations": {"Associations": [{"AssociationId": "a-1", "Name": STOPS, **listed}]},
        "DescribeAssociation": {"AssociationDescription": described},
    }
    answering(monkeypatch, lambda _, name: answers.get(name))
    assert judged(gateway) == ([(Verdict.FAIL, "association a-1")] if ends else NOTHING)
    assert judged(gateway, stopped=True) == NOTHING


@pytest.mark.parametrize(
    ("approval", "whose", "ends"), [("AUTOMATIC", IT, True), ("MANUAL", IT, False), ("AUTOMATIC", "i-9", False)]
)
def test_a_budget(gateway: Migration, monkeypatch: pytest.MonkeyPatch, approval: str, whose: str, ends: bool) -> None:
    number = gateway.settings.ec2.instance_id
    definition = {"ActionSubType": "STOP_EC2_INSTANCES", "Region": ZONE[:-1], "InstanceIds": [whose]}
    action: dict[str, Any] = {"ActionId": "7", "BudgetName": "small", "ApprovalModel": approval}
    action["Definition"] = {"SsmActionDefinition": named(definition, number)}
    answers = {"DescribeBudgetActionsForAccount": {"Actions": [action]}}
    answering(monkeypatch, lambda _, name: answers.get(name))
    assert judged(gateway) == ([(Verdict.FAIL, "action of the budget small")] if ends else NOTHING)
    if ends:
        (found,) = timed.ask(gateway)
        assert isinstance(found, Timed)
        assert found.off.endswith("--budget-name small --action-id 7")


def test_where_nobody_may_look_is_named_and_hides_nothing_else(
    gateway: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a policy that was attached before this was asked."""
    events, number = boto3.client("events", region_name=ZONE[:-1]), gateway.settings.ec2.instance_id
    events.put_rule(Name="night", ScheduleExpression="cron(0 15 * * ? *)")
    arn = f"arn:aws:ssm:{ZONE[:-1]}::automation-definition/{STOPS}"
    events.put_targets(Rule="night", Targets=[{"Id": "1", "Arn": arn, "Input": f'{{"InstanceId": ["{number}"]}}'}])
    answering(monkeypatch, lambda it, name: refusal(name) if it.meta.service_model.service_name == "ssm" else None)
    assert judged(gateway) == [
        (Verdict.FAIL, "EventBridge rule night"),
        (Verdict.INCONCLUSIVE, "AWS, Systems Manager's maintenance windows"),
        (Verdict.INCONCLUSIVE, "AWS, Systems Manager's associations"),
    ]
    faults = [str(each) for each in timed.ask(gateway) if isinstance(each, CouldNotAsk)]
    wanted = [each.rpartition("lack the permission ")[2].partition(",")[0] for each in faults]
    assert wanted == ["DescribeMaintenanceWindows", "ListAssociations"]


def test_what_moto_is_not_asked_is_what_the_lab_answers_itself() -> None:
    """But for EC2's own, which speaks XML."""
    assert NOT_MOTOS.keys() - {"DescribeReservedInstances"} == {each.partition(":")[2] for each in NONE_OF}


OTHERS: dict[str, Any] = {
    "describe_tags": lambda **_: {"Tags": []},
    "get_caller_identity": lambda: {"Account": "123456789012"},
}
"""What else a client is asked before it lists anything."""


def instance(number: str) -> ec2.Instance:
    return cast("ec2.Instance", SimpleNamespace(id=number, evidence=Evidence("", ""), schedules={}))


@pytest.mark.parametrize(
    ("target", "ends", "starts"),
    [
        ({"Arn": "arn:aws:lambda:x:1:function:start-stop-ec2", "Input": '{"do": "start", "id": "i-1"}'}, False, True),
        ({"Arn": "arn:aws:lambda:x:1:function:start-stop-ec2", "Input": '{"do": "stop", "id": "i-1"}'}, True, False),
        ({"Arn": "arn:aws:lambda:x:1:function:stop-ec2", "Input": '{"id": "i-1"}'}, True, False),
        ({"Arn": "arn:aws:lambda:x:1:function:stop-ec2", "Input": '{"id": "i-1", "at": "start of night"}'}, True, True),
        ({"Arn": "arn:aws:sns:x:1:ec2-stop-alerts", "Input": "i-1 has an event"}, False, False),
        ({"Arn": "arn:aws:events:x:1:target/stop-instance", "Input": '"i-1 of autostart"'}, True, True),
    ],
)
def test_what_a_target_does(target: dict[str, str], ends: bool, starts: bool) -> None:
    """By what it is, and is handed; a name that a person gave is the last to say."""
    its = instance("i-1")
    row = Timed("x", timers.does(target), "")
    found = [[each.verdict for each in timed.judged((row,), its, stopped=stopped)] for stopped in (False, True)]
    assert found == [[Verdict.FAIL] if red else [Verdict.PASS] for red in (ends, starts)]


@pytest.mark.parametrize(
    ("event", "switched", "red"),
    [
        ({"Code": "instance-retirement", "NotBefore": datetime(2026, 12, 11, tzinfo=UTC)}, 0, True),
        ({"Code": "instance-stop", "Description": "The instance is running on degraded hardware"}, 1, True),
        ({"Code": "instance-stop", "Description": "[Completed] The instance is on degraded hardware"}, 0, False),
        ({"Code": "instance-stop"}, 3, False),
        ({"Code": "system-reboot"}, 0, False),
    ],
)
def test_what_aws_has_announced(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, event: dict[str, Any], switched: int, red: bool
) -> None:
    """That it stops the gateway matters as long as mail comes that way; a reboot is over in minutes."""
    for domain in migration.settings.domain_names[:switched]:
        migration.store.record("done", script="switch_mx", domain=domain)
    number = migration.settings.ec2.instance_id
    listed = [{"InstanceId": "i-9", "Events": [{"Code": "instance-stop"}]}, {"InstanceId": number, "Events": [event]}]
    answers = {"describe_instance_status": listed}
    monkeypatch.setattr(timers, "rows", lambda _, call, *__, **___: answers.get(call, []))
    monkeypatch.setattr(timers, "client", lambda *_: SimpleNamespace(**OTHERS))
    found = list(timed.judged(timed.ask(migration), instance(number), stopped=False))
    assert [each.verdict for each in found] == [Verdict.FAIL if red else Verdict.PASS]
    assert found[0].found.startswith(f"AWS's own event {event['Code']}: {number} is stopped") == red


@pytest.mark.parametrize("state", [{}, {"State": "ENABLED"}, {"State": "DISABLED"}])
def test_a_rule_that_does_not_say_its_state_may_be_in_force(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, state: dict[str, str]
) -> None:
    """EventBridge's API may leave it out."""
    target = {"Arn": "arn:aws:events:x:1:target/stop-instance", "Input": migration.settings.ec2.instance_id}
    listed = {
        "list_rules": [{"Name": "r"} | state],
        "list_targets_by_rule": [target],
        "list_schedules": [{"Name": "s", "GroupName": "g"} | state],
    }
    schedule = SimpleNamespace(get_schedule=lambda **_: {"Target": target}, **OTHERS)
    monkeypatch.setattr(timers, "rows", lambda _, call, *__, **___: listed.get(call, []))
    monkeypatch.setattr(timers, "client", lambda *_: schedule)
    found = timed.ask(migration)
    assert len(found) == (0 if state.get("State") == "DISABLED" else 2)
