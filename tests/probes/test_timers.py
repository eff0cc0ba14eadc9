"""What Systems Manager and Budgets do to the gateway by the clock, or once too much is spent.

moto plays maintenance windows; what AWS says of a task's own parameters, of associations and of budgets stands as its
API reference has it.
"""

from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.lab.aws_answers import NONE_OF
from fixtures.migration import Migration
from fixtures.probes.aws import ec2, timed
from fixtures.probes.aws.timers import Timed
from fixtures.settings import Secrets
from tests.probes.test_aws import NOT_MOTOS, ZONE, _one_at_a_time, aws  # noqa: F401 - a fixture

STOPS, STARTS = "AWS-StopEC2Instance", "AWS-StartEC2Instance"
IT = "THE GATEWAY"
"""In place of its id, in tables."""


@pytest.fixture
def gateway(aws: Any, migration: Migration) -> Migration:  # noqa: F811
    """It is called mail, and runs."""
    image = aws.describe_images()["Images"][0]["ImageId"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "mail"}, {"Key": "role", "Value": "mx"}]}]
    made = aws.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=tags)
    ours = migration.settings.ec2.model_copy(update={"instance_id": made["Instances"][0]["InstanceId"]})
    return Migration(migration.settings.model_copy(update={"ec2": ours}), Secrets())


def said(answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch, denied: str = "") -> None:
    """ANSWERS are what AWS says to some actions, moto what it says to the others; a service may be DENIED."""

    def call(self: BaseClient, name: str, about: Any) -> Any:
        if self.meta.service_model.service_name == denied:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "No."}}, name)
        return answers[name] if name in answers else _one_at_a_time(self, name, about)

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


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
    said({"GetMaintenanceWindowTask": task}, monkeypatch)
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
    said(answers, monkeypatch)
    assert judged(gateway) == ([(Verdict.FAIL, "association a-1")] if ends else NOTHING)
    assert judged(gateway, stopped=True) == NOTHING


@pytest.mark.parametrize(
    ("approval", "whose", "ends"), [("AUTOMATIC", IT, True), ("MANUAL", IT, False), ("AUTOMATIC", "i-9", False)]
)
def test_a_budget(gateway: Migration, monkeypatch: pytest.MonkeyPatch, approval: str, whose: str, ends: bool) -> None:
    number = gateway.settings.ec2.instance_id
    definition = {"ActionSubType": "STOP_EC2_INSTANCES", "Region": ZONE[:-1], "InstanceIds": [whose]}
    action = {
        "ActionId": "7",
        "BudgetName": "small",
        "ApprovalModel": approval,
        "Definition": {"SsmActionDefinition": named(definition, number)},
    }
    said({"DescribeBudgetActionsForAccount": {"Actions": [action]}}, monkeypatch)
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
    said({}, monkeypatch, denied="ssm")
    assert judged(gateway) == [
        (Verdict.FAIL, "EventBridge rule night"),
        (Verdict.INCONCLUSIVE, "AWS, Systems Manager's maintenance windows"),
        (Verdict.INCONCLUSIVE, "AWS, Systems Manager's associations"),
    ]
    faults = [str(each) for each in timed.ask(gateway) if isinstance(each, CouldNotAsk)]
    assert [each.rpartition("lack the permission ")[2].partition(",")[0] for each in faults] == [
        "DescribeMaintenanceWindows",
        "ListAssociations",
    ]


def test_what_moto_is_not_asked_is_what_the_lab_answers_itself() -> None:
    """But for EC2's own, which speaks XML."""
    assert NOT_MOTOS.keys() - {"DescribeReservedInstances"} == {each.partition(":")[2] for each in NONE_OF}
