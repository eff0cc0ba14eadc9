"""A start that AWS takes and does not carry out, and disks whose key nobody may use, asked of moto in this process."""

import json
from argparse import Namespace
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.instances import Instance as Machine, StateReason
from moto.kms.models import kms_backends

from fixtures.evidence import CouldNotAsk
from fixtures.lab.iam import POLICY
from fixtures.migration import Migration
from fixtures.probes.aws import ec2
from fixtures.settings import Secrets
from scripts import restart_ec2, stop_ec2
from scripts.lib.aws import power
from scripts.lib.aws.gateway import require_keys, start_needs
from scripts.lib.change import Job, Refused
from tests.probes.test_aws import ZONE, answering, aws, refusal, started  # noqa: F401 - a fixture

FELL = "Client.InternalError: Client error on launch"
Makes = Callable[[str], tuple[Job, str]]


@pytest.fixture
def gateway(aws: Any, migration: Migration) -> Makes:  # noqa: F811
    """Makes the gateway with a disk: in clear, or encrypted by AWS's key, or by one of the account's in some state."""

    def make(key: str) -> tuple[Job, str]:
        number, address = started(aws), aws.allocate_address(Domain="vpc")
        aws.associate_address(InstanceId=number, AllocationId=address["AllocationId"])
        arn, how = "", {}
        if key:
            made = boto3.client("kms", region_name=ZONE[:-1]).create_key()["KeyMetadata"]
            arn, how = made["Arn"], {"Encrypted": True, "KmsKeyId": made["Arn"]}
            stored = kms_backends[DEFAULT_ACCOUNT_ID][ZONE[:-1]].keys[made["KeyId"]]
            stored.key_manager, stored.key_state = ("AWS", "Enabled") if key == "AWS" else ("CUSTOMER", key)
        disk = aws.create_volume(AvailabilityZone=ZONE, Size=1, **how)["VolumeId"]
        aws.attach_volume(VolumeId=disk, InstanceId=number, Device="/dev/sdf")
        about = {"instance_id": number, "ipv4": address["PublicIp"]}
        ours = migration.settings.ec2.model_validate(migration.settings.ec2.model_dump() | about)
        settings = migration.settings.model_copy(update={"ec2": ours})
        job = SimpleNamespace(
            migration=Migration(settings, Secrets()), say=lambda _: None, options=Namespace(gives_up_address=False)
        )
        return cast("Job", job), arn

    return make


def falling_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As AWS does where it lacks a right or a machine: the start is taken, and the instance stops again."""
    begin = Machine.start

    def start(self: Any, *about: Any, **more: Any) -> Any:
        before = begin(self, *about, **more)
        self._state.name, self._state.code = "stopped", 80
        self.state_reason = StateReason(FELL, "Client.InternalError")
        return before

    monkeypatch.setattr(Machine, "start", start)


def test_a_start_that_falls_back_is_said_at_once(gateway: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The MX stands still meanwhile: with AWS's reason, and what a start needs."""
    job, key = gateway("Enabled")
    ec2_backends[DEFAULT_ACCOUNT_ID][ZONE[:-1]].stop_instances([job.migration.settings.ec2.instance_id])
    monkeypatch.setattr(power, "START_S_MAX", 20.0)
    falling_back(monkeypatch)
    with pytest.raises(CouldNotAsk, match="AWS took the start, and has stopped it again") as raised:
        power.start(job, "stopped").do()
    said = str(raised.value)
    assert "STANDS STILL AND TAKES NO MAIL" in said
    assert f"AWS says: {FELL}. A start needs kms:CreateGrant on {key}" in said


def test_one_that_falls_back_for_the_same_reason_again(gateway: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS may not have begun yet: the time is up first, and then it is as loud."""
    job, _ = gateway("")
    monkeypatch.setattr(power, "START_S_MAX", 0.1)
    falling_back(monkeypatch)
    its = ec2_backends[DEFAULT_ACCOUNT_ID][ZONE[:-1]].get_instance(job.migration.settings.ec2.instance_id)
    its.start()
    with pytest.raises(CouldNotAsk, match=rf"(?s)is stopped, not running.*STANDS STILL.*AWS says: {FELL}$"):
        power.start(job, "stopped").do()


@pytest.mark.parametrize(("key", "needs"), [("", False), ("AWS", False), ("Enabled", True), ("Disabled", True)])
def test_what_a_start_needs(gateway: Makes, key: str, needs: bool) -> None:
    """Nothing where no key of the account's own is in play; a plan that stops it names the rest."""
    job, arn = gateway(key)
    it = ec2.instance(job.migration)
    said = start_needs(job.migration, it)
    assert said.startswith(f"A start needs kms:CreateGrant on {arn}") if needs else said == ""
    stops = [next(iter(each.plan(job))) for each in (restart_ec2, stop_ec2)]
    assert [(each.after, each.danger) for each in stops] == [("stopped", said)] * 2
    job.migration.store.record(power.PROVED)
    assert next(iter(stop_ec2.plan(job))).danger == ""


@pytest.mark.parametrize("state", ["Enabled", "Disabled", "PendingDeletion"])
def test_a_key_that_cannot_be_used_holds_a_stop_up(gateway: Makes, state: str) -> None:
    """The instance runs on without it, until it is stopped."""
    job, arn = gateway(state)
    it = ec2.instance(job.migration)
    if state == "Enabled":
        require_keys(job.migration, it)
        return
    for script in (restart_ec2, stop_ec2):
        with pytest.raises(Refused, match=rf"could not be started again: its disks are encrypted, .*{arn} is {state}"):
            script.check(job)


def test_a_key_that_nobody_may_ask_about(gateway: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be another account's: that is named, and holds nothing up."""
    job, arn = gateway("Enabled")
    answering(monkeypatch, lambda _, name: refusal(name) if name == "DescribeKey" else None)
    it = ec2.instance(job.migration)
    require_keys(job.migration, it)
    assert f"on {arn} (AWS, aws kms describe-key --key-id {arn}: AccessDenied" in start_needs(job.migration, it)


def test_disks_in_clear_need_no_right_of_kms(gateway: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    job, _ = gateway("")
    asked = list[str]()
    answering(monkeypatch, lambda it, _: asked.append(it.meta.service_model.service_name))
    require_keys(job.migration, ec2.instance(job.migration))
    assert "kms" not in asked


def test_the_policy_lets_only_ec2_use_a_key_and_only_for_disks() -> None:
    """As narrow as AWS's own Instance Scheduler has it (docs.aws.amazon.com/solutions/latest/
    instance-scheduler-on-aws, "Encrypted EC2 EBS volumes").
    """
    statements = json.loads(POLICY.read_text(encoding="utf-8"))["Statement"]
    (it,) = (each for each in statements if any(action.startswith("kms:C") for action in each["Action"]))
    assert it["Action"] == ["kms:CreateGrant"]
    assert it["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}
    assert all(each.startswith("ec2.*.amazonaws.com") for each in it["Condition"]["StringLike"]["kms:ViaService"])
    only = {"kms:GrantOperations": ["Decrypt"], "kms:EncryptionContextKeys": ["aws:ebs:id"]}
    assert it["Condition"]["ForAllValues:StringEquals"] == only
    assert it["Condition"]["Null"] == dict.fromkeys(only, "false")
