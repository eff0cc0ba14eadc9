"""I-8: what is rented as the gateway, by the settings, the first snapshot and Terraform."""

# ruff: noqa: E501 - tables of cases read better unbroken

from dataclasses import replace
from typing import Any

import pytest

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes.aws import ec2, rented, timed
from fixtures.probes.aws.ec2 import Instance, Inventory, Item
from fixtures.probes.aws.rented import CHANGED, STARTED, STOPPED, WHICH, Rented
from fixtures.probes.aws.staying import Stay
from fixtures.probes.aws.terraform import Held, Holding
from fixtures.probes.aws.timers import Timed
from tests.judges import FAIL, LOOK, PASS, UNKNOWN, Says

IP = "203.0.113.20"
EC2 = settings_without_a_lab().ec2.model_copy(
    update={"terraform_addresses": ("aws_instance.mail", "aws_eip.mail", "output.ip"), "elastic": True}
)
BOX = Instance(
    "i-1", "running", "t2.micro", IP, ("vol-1",), ("sg-1",), ("eni-1",), "mail", "arn:p/mail", "ami-1", "mail", LOOK
)
ELASTIC = Item("address", "eipalloc-1", "", "it points to the instance", IP)
ROLE = Item("role", "mail", "mail", "its profile's")
THERE = Inventory(BOX, (ELASTIC, ROLE), (), LOOK)
BEFORE = {"volumes": ["vol-1"], "security_groups": ["sg-1"], "image": "ami-1", "type": "t2.micro"}


def holding(address: str, number: str, **more: str) -> Holding:
    return Holding(address, address.split(".")[-2], {"id": number, **more})


STATE = Held((holding("aws_instance.mail", "i-1"), holding("aws_eip.mail", "eipalloc-1")), (), LOOK)
WELL = Rented(THERE, STATE, BEFORE, False, {}, (), True)


def red(found: Rented, **settings: Any) -> list[Says]:
    """What does not hold; all else does."""
    judged = list(rented.judged(found, EC2.model_copy(update=settings)))
    assert len(judged) >= 9
    return [(each.verdict, each.sentence()) for each in judged if each.verdict is not PASS]


def box(found: Rented = WELL, **changes: Any) -> Rented:
    return replace(found, there=replace(found.there, instance=replace(found.there.instance, **changes)))


def having(*held: Holding, found: Rented = WELL) -> Rented:
    return replace(found, state=replace(STATE, resources=(*STATE.resources, *held)))


MADE = {"aws:autoscaling:groupName": "mail", "SpotInstanceRequestId": "sir-1"}
STILL = replace(box(state="stopped", address=""), stopped=True)
GIVEN_UP = replace(STILL, there=replace(STILL.there, items=(ROLE,)), state=None)


def test_the_gateway_that_was_named() -> None:
    judged = [(each.member, each.found, each.evidence) for each in rented.judged(WELL, EC2)]
    assert judged == [
        ("instance i-1", "running", (LOOK,)),
        ("instance i-1", timed.NOTHING, (LOOK,)),
        ("key pair", "mail", (LOOK, LOOK)),
        ("role", "mail", (LOOK, LOOK)),
        ("kind of address", "elastic", (LOOK,)),
        ("address", f"{IP} (elastic)", (LOOK, LOOK)),
        ("volumes", "vol-1", (LOOK,)),
        ("security groups", "sg-1", (LOOK,)),
        ("image", "ami-1", (LOOK,)),
        ("type", "t2.micro", (LOOK,)),
        ("Terraform in the first snapshot", "kept", (LOOK,)),
        ("aws_instance.mail", "aws_instance.mail is i-1", (LOOK, LOOK)),
        ("aws_eip.mail", "aws_eip.mail is eipalloc-1", (LOOK, LOOK)),
    ]
    assert red(WELL) == red(STILL) == []
    assert red(GIVEN_UP, elastic=False) == []


STOP = "arn:aws:automate:ap-northeast-1:ec2:stop"


ENDING = Timed("EventBridge rule night", "aws-sdk:ec2:stopInstances", "aws events x")
STARTING = Timed("EventBridge schedule morning", "aws-sdk:ec2:startInstances", "the console")


def alarmed(ends: str) -> Rented:
    alarm = Item("alarm", "idle box", "idle box", "watches i-1", "OK", ends=ends)
    return replace(WELL, there=replace(THERE, items=(*THERE.items, alarm)))


@pytest.mark.parametrize(
    ("row", "ends"),
    [
        ({"ActionsEnabled": True, "AlarmActions": ["arn:aws:sns:ap-northeast-1:1:ops", STOP]}, STOP),
        ({"ActionsEnabled": True, "InsufficientDataActions": [STOP.replace("stop", "terminate")]}, STOP.replace("stop", "terminate")),
        ({"ActionsEnabled": True, "OKActions": ["arn:aws:swf:x:1:action/actions/AWS_EC2.InstanceId.Stop/1.0"]}, "arn:aws:swf:x:1:action/actions/AWS_EC2.InstanceId.Stop/1.0"),
        ({"ActionsEnabled": False, "AlarmActions": [STOP]}, ""),
        ({"ActionsEnabled": True, "AlarmActions": [STOP.replace("stop", "recover"), STOP.replace("stop", "reboot")]}, ""),
        ({"ActionsEnabled": True, "AlarmActions": ["arn:aws:swf:x:1:action/actions/AWS_EC2.InstanceId.Reboot/1.0", "arn:aws:sns:x:1:ec2:stopped"]}, ""),
        ({"VolumeId": "vol-1"}, ""),
    ],
)  # fmt: skip
def test_what_an_alarm_ends(row: dict[str, Any], ends: str) -> None:
    assert ec2._ends(row) == ends


KEPT = "python -m scripts.snapshot, before anything is changed: D-3 compares with it in the end"


@pytest.mark.parametrize(
    ("found", "settings", "verdict", "said"),
    [
        (box(state="stopped"), {}, FAIL, f"instance i-1: expected running (the settings), found stopped. {STOPPED}"),
        (box(state="absent"), {}, FAIL, f"instance i-1: expected running (the settings), found absent. {WHICH}"),
        (box(STILL, state="running"), {}, FAIL, f"instance i-1: expected stopped (the settings), found running. {STARTED}"),
        (box(STILL, state="pending"), {}, FAIL, f"instance i-1: expected stopped (the settings), found pending. {STARTED}"),
        (box(STILL, state="stopping"), {}, FAIL, f"instance i-1: expected stopped (the settings), found stopping. {WHICH}"),
        (box(key_name=""), {}, FAIL, f"key pair: expected mail (the settings), found none. {WHICH}"),
        (WELL, {"key_name": ""}, FAIL, f"key pair: expected none (the settings), found mail. {WHICH}"),
        (box(profile=""), {}, FAIL, f"role: expected mail (the settings), found none. {WHICH}"),
        (WELL, {"elastic": False}, FAIL, f"kind of address: expected not elastic (the settings), found elastic. {WHICH}"),
        (WELL, {"elastic": None}, PASS, ""),
        (box(address="203.0.113.21"), {}, FAIL, f"address: expected {IP} (the settings), found 203.0.113.21 (elastic). {WHICH}. Where {IP} is not its own any more, take it out of each SPF record too"),
        (box(GIVEN_UP, address="203.0.113.21"), {"elastic": False}, FAIL, f"address {IP}: expected given up by the stop (the settings), found 203.0.113.21. {STARTED}"),
        (box(volumes=("vol-2", "vol-1")), {}, FAIL, f"volumes: expected vol-1 (the first snapshot), found vol-1, vol-2. {WHICH}"),
        (WELL, {"volumes": ("vol-9",)}, FAIL, f"volumes: expected vol-9 (the settings), found vol-1. {WHICH}"),
        (replace(WELL, before={**BEFORE, "security_groups": []}), {}, FAIL, f"security groups: expected ids in the settings or a snapshot (the first snapshot), found sg-1. {WHICH}"),
        (box(image="ami-2"), {}, FAIL, f"image: expected ami-1 (the first snapshot), found ami-2. {CHANGED}"),
        (box(type="t3.micro"), {}, FAIL, f"type: expected t2.micro (the first snapshot), found t3.micro. {CHANGED}"),
        (replace(box(type="t3.micro", image="ami-2"), before=BEFORE | {"id": "i-9"}), {}, PASS, ""),
        (replace(box(type="t3.micro"), accepted={"type": "t3.micro"}), {}, PASS, ""),
        (replace(box(type="t3.nano"), accepted={"type": "t3.micro"}), {}, FAIL, f"type: expected t2.micro (the first snapshot), found t3.nano. {CHANGED}"),
        (replace(WELL, misnamed=(("ec2.keep", "nothing is called so"),)), {}, FAIL, "ec2.keep: expected something of the gateway's, found nothing is called so. Correct ec2.keep in the settings"),
        (replace(WELL, terraform_kept=False), {}, FAIL, f"Terraform in the first snapshot: expected kept, found not in it: Terraform could not be read then. {KEPT}"),
        (replace(WELL, state=None), {}, PASS, ""),
        (replace(WELL, state=CouldNotAsk("locked")), {}, UNKNOWN, "Terraform's state: expected readable, found locked"),
        (replace(WELL, state=replace(STATE, resources=STATE.resources[:1])), {}, FAIL, f"aws_eip.mail: expected the gateway's own, as AWS has it (the settings), found not in the state. {WHICH}"),
        (replace(WELL, state=replace(STATE, resources=(holding("aws_instance.mail", "i-2"), STATE.resources[1]))), {}, FAIL, f"aws_instance.mail: expected the gateway's own, as AWS has it (the settings), found aws_instance.mail is i-2. {WHICH}"),
        (replace(WELL, makers=(("fleet-1", "aws ec2 x"),)), {}, FAIL, "instance i-1: expected nothing that makes another in its place, found fleet-1. Take it out of that first, or AWS deletes it, or makes it again: aws ec2 x"),
        (alarmed(STOP), {}, FAIL, f"instance i-1: expected no alarm that stops or terminates it, found idle box: {STOP}. aws cloudwatch disable-alarm-actions --alarm-names 'idle box': it comes to rest once mail goes past it"),
        (alarmed(""), {}, PASS, ""),
        (replace(STILL, there=replace(STILL.there, items=alarmed(STOP).there.items)), {}, PASS, ""),
        (replace(WELL, by_itself=(ENDING, STARTING)), {}, FAIL, "instance i-1: expected nothing that stops or terminates it by itself, found EventBridge rule night: aws-sdk:ec2:stopInstances. End that first: aws events x"),
        (replace(STILL, by_itself=(ENDING, STARTING)), {}, FAIL, "instance i-1: expected nothing that starts it by itself, found EventBridge schedule morning: aws-sdk:ec2:startInstances. End that first: the console"),
        (replace(WELL, by_itself=(CouldNotAsk("denied"),)), {}, UNKNOWN, "instance i-1: expected nothing that stops or terminates it by itself, found denied"),
        (WELL, {"terraform_addresses": ("aws_instance.mail",)}, FAIL, f"aws_eip.mail: expected named in ec2.terraform_addresses (Terraform), found not named, and it is the gateway's address. {WHICH}"),
        (having(holding("aws_iam_role.a", "its-name", unique_id="mail")), {}, FAIL, f"aws_iam_role.a: expected named in ec2.terraform_addresses (Terraform), found not named, and it is the gateway's role. {WHICH}"),
        (having(holding("aws_iam_role.a", "mail", unique_id="AROA1"), holding("aws_s3_bucket.b", "mails")), {}, PASS, ""),
        (having(holding("aws_autoscaling_group.a", "mail"), found=box(made_by=MADE)), {}, FAIL, f"aws_autoscaling_group.a: expected named in ec2.terraform_addresses (Terraform), found not named, and it is the gateway's Auto Scaling group. {WHICH}"),
        (having(holding("aws_spot_instance_request.a", "sir-1"), found=replace(WELL, before={**BEFORE, "made_by": MADE})), {}, FAIL, f"aws_spot_instance_request.a: expected named in ec2.terraform_addresses (Terraform), found not named, and it is the gateway's fleet or Spot request. {WHICH}"),
        (having(holding("aws_spot_instance_request.a", "sir-1"), found=replace(WELL, before={"id": "i-9", "made_by": MADE, **BEFORE})), {}, PASS, ""),
        (having(holding("aws_s3_bucket.b", "mail"), found=box(replace(WELL, there=replace(THERE, items=(ELASTIC,))), made_by=MADE, profile="")), {"role_name": ""}, PASS, ""),
        (replace(WELL, there=replace(THERE, unread=("alarms: denied",))), {}, UNKNOWN, "Amazon: expected every kind read, found alarms: denied"),
    ],
)  # fmt: skip
def test_what_is_otherwise(found: Rented, settings: dict[str, Any], verdict: Verdict, said: str) -> None:
    assert red(found, **settings) == ([(verdict, said)] if said else [])


def test_what_stays_is_shown_with_its_reason() -> None:
    stays = {"mail": Stay("others use it", decided=False), "eipalloc-1": Stay("ec2.keep names it")}
    shown = {each.member: each.found for each in rented.judged(replace(WELL, stays=stays), EC2)}
    assert shown["address eipalloc-1"] == "delete_ec2 leaves it: ec2.keep names it"
    later = "Sign-off asks for a decision: ec2.keep, or ec2.delete_copies"
    assert shown["role mail mail"] == f"delete_ec2 leaves it: others use it. {later}"


def test_what_stays_at_aws_may_stay_in_terraform() -> None:
    """As a security group that guards a web server too, and both are in one Terraform. A person may name it yet."""
    shared, kept = holding("aws_security_group.shared", "sg-2"), holding("aws_eip.mail", "eipalloc-1")
    there = replace(THERE, items=(*THERE.items, Item("security group", "sg-2", "shared", "guards it")))
    stays = {"sg-2": Stay("guards eni-9 web too"), "eipalloc-1": Stay("ec2.keep names it")}
    found = having(shared, found=replace(WELL, there=there, stays=stays))
    shown = {each.member: (each.verdict, each.found) for each in rented.judged(found, EC2)}
    assert shown[shared.address] == (PASS, "it stays there, as it does at AWS: guards eni-9 web too")
    assert shown[kept.address] == (PASS, "aws_eip.mail is eipalloc-1")
    assert red(found, terraform_addresses=("aws_instance.mail",)) == []
    assert len(red(replace(found, stays={}))) == 1


@pytest.mark.parametrize(
    ("key", "value", "ends", "starts"),
    [
        ("Schedule", "office-hours", True, True),
        ("cloudaware:scheduler", "default=9-17", True, True),
        ("maid_offhours", "tz=jst", True, True),
        ("auto-stop", "true", True, True),
        ("InstanceScheduleName", "night", True, True),
        ("Schedule", "always-on", False, True),
        ("Schedule", "24x7", False, True),
        ("AutoStop", "false", False, False),
        ("Schedule", "", False, False),
        ("BackupSchedule", "daily", False, False),
        ("backup:schedule", "daily", False, False),
        ("dlm/Schedule", "weekly", False, False),
        ("Patch-Schedule", "sunday", False, False),
        ("NonStop", "true", False, False),
    ],
)
def test_a_tag_that_a_scheduler_goes_by(key: str, value: str, ends: bool, starts: bool) -> None:
    tags = ec2.schedules({"Tags": [{"Key": key, "Value": value}, {"Key": "Name", "Value": "mail"}]})
    its = replace(BOX, schedules=tags)
    found = [[each.verdict for each in timed.judged((), its, stopped=stopped)] for stopped in (False, True)]
    assert found == [[FAIL] if red else [PASS] for red in (ends, starts)]
