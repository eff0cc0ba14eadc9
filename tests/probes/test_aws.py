"""What is the gateway's at AWS, asked of moto in this process."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from threading import Event, Lock
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from botocore.loaders import JSONFileLoader
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import amis, ec2_backends
from moto.ec2.models.availability_zones_and_regions import Region, RegionsAndZonesBackend

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.gates.drift import reading
from fixtures.lab.aws import TRUST
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.preflight.init.reading import of_terraform
from fixtures.probes.aws import api, ec2, resembling, timed, way_in
from fixtures.probes.aws.staying import FINAL, Stay, staying
from fixtures.probes.aws.timers import Timed
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.knock import RcptResult
from fixtures.settings import Secrets
from scripts import delete_ec2
from scripts.delete_ec2 import image_write
from scripts.lib.aws import power
from scripts.lib.aws.belongings import deletions, final_image
from scripts.lib.aws.gateway import ABSENT, PRESENT, require_no_maker
from scripts.lib.change import Job, Refused
from tests.conftest import PROJECT

ZONE = "ap-northeast-1a"


_lock, _asked = Lock(), BaseClient.__dict__["_make_api_call"]
_read = cache(JSONFileLoader().load_file)
"""What a service can be asked: each session would read it again, and EC2's is long."""


NOT_MOTOS: dict[str, Any] = {
    "ListAssociations": {"Associations": []},
    "DescribeBudgetActionsForAccount": {"Actions": []},
    "DescribeReservedInstances": {"ReservedInstances": []},
    "DescribeSavingsPlans": {"savingsPlans": []},
}
"""What moto can't be asked, with the answer where there is none."""


def _one_at_a_time(self: BaseClient, name: str, about: Any) -> Any:
    """moto's models are not made for threads."""
    if name in NOT_MOTOS:
        return NOT_MOTOS[name]
    with _lock:
        return _asked(self, name, about)


def refusal(name: str, code: str = "AccessDeniedException", message: str = "No.") -> ClientError:
    """What AWS answers to a question of that NAME that it refuses."""
    return ClientError({"Error": {"Code": code, "Message": message}}, name)


def answering(monkeypatch: pytest.MonkeyPatch, says: Callable[[Any, str], Any]) -> None:
    """What SAYS has to the client's question of some name is AWS's answer, or is raised; None: moto's word counts."""

    def call(self: BaseClient, name: str, about: Any) -> Any:
        found = says(self, name)
        if isinstance(found, ClientError):
            raise found
        return _one_at_a_time(self, name, about) if found is None else found

    monkeypatch.setattr(BaseClient, "_make_api_call", call)


def started(ec2: Any, **how: Any) -> str:
    """The id of one more instance."""
    image = ec2.describe_images()["Images"][0]["ImageId"]
    (made,) = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, **how)["Instances"]
    return str(made["InstanceId"])


def having(migration: Migration, **keys: Any) -> Migration:
    """The same with other KEYS of [ec2]."""
    ours = migration.settings.ec2.model_copy(update=keys)
    return replace(migration, settings=migration.settings.model_copy(update={"ec2": ours}))


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """EC2 of the gateway's region."""
    for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(each, "owner")
    for each in [each for each in os.environ if each.startswith("AWS_ENDPOINT")]:
        monkeypatch.delenv(each)
    monkeypatch.setattr(BaseClient, "_make_api_call", _one_at_a_time)
    monkeypatch.setattr(JSONFileLoader, "load_file", staticmethod(_read))
    monkeypatch.setattr(amis, "AMIS", amis.AMIS[:2])  # of more than a thousand, which moto takes seconds to list
    monkeypatch.setenv("MOTO_AMIS_PATH", "none but those")
    api._client.cache_clear()
    api._session.cache_clear()
    with mock_aws():
        yield boto3.client("ec2", region_name=ZONE[:-1])
    api._client.cache_clear()
    api._session.cache_clear()


@pytest.mark.usefixtures("aws")
def test_a_program_that_gives_the_keys_is_asked_once(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may ask a person, who would answer for each service and region."""
    keys = {"Version": 1, "AccessKeyId": "owner", "SecretAccessKey": "of-the-owner", "SessionToken": "of-a-session"}
    program = f"sh -c 'echo >>{tmp_path}/asked; cat {tmp_path}/keys'"
    (tmp_path / "keys").write_text(json.dumps(keys))
    (tmp_path / "config").write_text(f"[profile person]\ncredential_process = {program}\n")
    for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(each)
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/config")
    monkeypatch.setenv("AWS_PROFILE", "person")
    for service in ("ec2", "iam", "cloudwatch"):
        api.client(migration, service)
    api.client(migration, "ec2", "us-east-1").describe_regions()
    assert (tmp_path / "asked").read_text() == "\n"


@pytest.mark.parametrize("warnings", ["default", "error"])
def test_a_profile_that_asks_for_a_code_where_nobody_is(tmp_path: Path, warnings: str) -> None:
    """No terminal, and no input: a night by a timer, say."""
    role = "role_arn = arn:aws:iam::123456789012:role/mail\nsource_profile = person\n"
    (tmp_path / "config").write_text(
        f"[profile mfa]\n{role}mfa_serial = arn:aws:iam::123456789012:mfa/person\n"
        "[profile person]\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    asks = (
        "from fixtures.lab.files import settings_without_a_lab\nfrom fixtures.migration import Migration\n"
        "from fixtures.probes.aws import api\nfrom fixtures.settings import Secrets\n"
        "api.client(Migration(settings_without_a_lab(), Secrets()))"
    )
    known = {each: said for each, said in os.environ.items() if not each.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-c", asks],
        env=known | {"AWS_CONFIG_FILE": f"{tmp_path}/config", "AWS_PROFILE": "mfa", "PYTHONWARNINGS": warnings},
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert "SecretMissing: AWS, ec2 in ap-northeast-1: " in done.stderr, done.stderr
    assert "If the profile asks for a code (mfa_serial)" in done.stderr


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("UnauthorizedOperation", "The credentials lack the permission DescribeInstances, which scripts/deploy/iam"),
        ("AuthFailure", "AWS has no such keys, or the account is closed or blocked"),
        ("OptInRequired", "AWS has no such keys, or the account is closed or blocked"),
    ],
)
def test_once_ec2_is_deleted_its_account_may_be_closed(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, code: str, says: str
) -> None:
    """What was deleted stays so, whoever can't be asked any more; until then nobody takes silence for an end."""

    silent = Mock(side_effect=refusal("DescribeInstances", code))
    monkeypatch.setattr(ec2, "client", lambda _: SimpleNamespace(describe_instances=silent))
    for asks in (ec2.runs, reading._amazon):
        with pytest.raises(CouldNotAsk, match=f"{code}: No..*{says}"):
            asks(migration)
    migration.store.record("done", script="delete_ec2", plan="")
    assert not ec2.runs(migration)
    gone = reading._amazon(migration)
    assert gone
    assert (gone.parts, code in gone.evidence.transcript) == ({"instance": "gone"}, True)


def test_a_namesake_of_an_alarm_is_not_the_gateways(aws: Any, migration: Migration) -> None:
    """An alarm's id is its name; a volume of that name is somebody else's, one of a known id is not."""
    tags = [{"ResourceType": "volume", "Tags": [{"Key": "Name", "Value": "mail-status"}]}]
    aws.create_volume(AvailabilityZone=ZONE, Size=1, TagSpecifications=tags)
    known = aws.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    address = aws.allocate_address(Domain="vpc")["PublicIp"]
    has = ec2.inventory(migration, {"mail-status", known, address})
    assert not has.unread
    assert [each.id for each in has.of("volume")] == [known]
    assert [each.detail for each in has.of("address")] == [address]


def test_a_volume_that_aws_is_deleting_is_gone(aws: Any, migration: Migration) -> None:
    """AWS lists it for minutes more; moto drops it at once."""
    disk = aws.create_volume(AvailabilityZone=ZONE, Size=1)["VolumeId"]
    has = ec2.inventory(migration, {disk})
    (deletion,) = (each for each in deletions(migration, has, ()) if each.kind == "volume")
    assert deletion.read() == PRESENT
    volume = ec2_backends[DEFAULT_ACCOUNT_ID][ZONE[:-1]].volumes[disk]
    volume.__class__ = type("Deleting", (type(volume),), {"status": "deleting"})
    assert aws.describe_volumes(VolumeIds=[disk])["Volumes"][0]["State"] == "deleting"
    assert deletion.read() == ABSENT
    assert not ec2.inventory(migration, {disk}).of("volume")


@pytest.mark.parametrize("state", ["available", "pending", "failed", "pending, another failed"])
def test_a_final_image_counts_when_it_is_available(aws: Any, migration: Migration, state: str) -> None:
    """The volumes are deleted next: nothing starts from one that is not finished."""
    its, dates = started(aws), ("2026-01-01", "2026-01-02")[: 2 if "another" in state else 1]
    made = [aws.create_image(InstanceId=its, Name=f"{FINAL}{date}")["ImageId"] for date in dates]
    images = ec2_backends[DEFAULT_ACCOUNT_ID][ZONE[:-1]].amis
    images[made[-1]].state, images[made[0]].state = "failed", state.partition(",")[0]
    has = ec2.inventory(migration, made)
    says = "the final image" if state == "available" else "a copy: it goes when ec2.delete_copies names it"
    assert staying(migration, has)[made[0]].why == says
    if state == "failed":
        with pytest.raises(Refused, match=rf"{made[0]} .*is failed.*aws ec2 deregister-image --image-id {made[0]}"):
            final_image(migration, has)
        return
    left = final_image(migration, has)
    if state == "available":
        assert left is None
        return
    assert left is not None
    write = image_write(migration, left)
    assert (write.subject, write.before, write.after) == (f"{FINAL}2026-01-01", "pending", "available")
    assert write.command == f"aws ec2 wait image-available --image-ids {made[0]}"
    assert write.read() == "pending"
    images[made[0]].state = "available"
    write.do()
    assert write.read() == "available"
    assert len(aws.describe_images(Owners=["self"])["Images"]) == len(made)


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("silent", [False, True])
def test_a_profile_may_be_in_use_in_another_region(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    """A role and its profile belong to no region."""
    regions = [Region(each, "", "opted-in") for each in (ZONE[:-1], "us-east-1")]
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", regions)
    iam = boto3.client("iam")
    iam.create_role(RoleName="mail", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="mail")
    iam.add_role_to_instance_profile(InstanceProfileName="mail", RoleName="mail")
    has, abroad = ec2.inventory(migration), boto3.client("ec2", region_name="us-east-1")
    assert staying(migration, has) == {}
    why = f"{started(abroad, IamInstanceProfile={'Name': 'mail'})} in us-east-1 has it too"
    if silent:
        ask = api.client(migration, "ec2", "us-east-1")
        monkeypatch.setattr(ask, "can_paginate", lambda _: (_ for _ in ()).throw(CouldNotAsk("denied")))
        why = "nobody could look in us-east-1: denied"
    (profile,), (role,) = has.of("instance profile"), has.of("role")
    of_role = Stay("the instance profile mail has it, which stays")
    assert staying(migration, has) == {profile.id: Stay(why, decided=not silent), role.id: of_role}


def test_what_init_proposes_of_terraform_is_what_goes(aws: Any) -> None:
    """A group that guards a web server too stays, and so does the network's own; a key pair goes by AWS's id."""
    default = aws.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    own, shared = (aws.create_security_group(GroupName=each, Description=each)["GroupId"] for each in ("own", "shared"))
    key = aws.create_key_pair(KeyName="mail")["KeyPairId"]
    its = started(aws, KeyName="mail", SecurityGroupIds=[own, shared, default])
    started(aws, SecurityGroupIds=[shared])
    aws.create_tags(Resources=[its], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "mail"}])
    found = of_terraform(region=ZONE[:-1], instance_id=its, ipv4="203.0.113.20")
    assert {its, own, key, "aws_autoscaling_group mail"} <= found
    assert found.isdisjoint({shared, default})


def test_every_region_is_looked_through(aws: Any, migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """What resembles it elsewhere, and the access that is left, is named; what is known to belong to it is not."""
    regions = (ZONE[:-1], "us-east-1")
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", [Region(each, "", "opted-in") for each in regions])
    for each in regions:
        ec2_backends[DEFAULT_ACCOUNT_ID][each].snapshots.clear()
    its = migration.settings.ec2.instance_id
    abroad = boto3.client("ec2", region_name="us-east-1")
    disk = abroad.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
    abroad.create_snapshot(VolumeId=disk, Description=f"Copied for {its}")
    abroad.create_snapshot(VolumeId=disk, Description="of others")
    started(aws, KeyName=aws.create_key_pair(KeyName="mail")["KeyName"])
    iam = boto3.client("iam")
    for name in ("mail-backup", "somebody"):
        iam.create_user(UserName=name)
        iam.create_access_key(UserName=name)
    found = resembling.ask(migration)
    assert not found.unread
    assert found.regions == regions
    assert {(each.item.kind, each.region, each.item.reason) for each in found.found} == {
        ("snapshot", "us-east-1", f"names {its}"),
        ("instance", ZONE[:-1], "is called mail"),
        ("access key", resembling.GLOBAL, "is called mail"),
    }


@pytest.mark.usefixtures("aws")
def test_a_region_that_is_silent_or_refuses_is_named(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    release = Event()

    def of_region(_: Migration, region: str, __: resembling.Marks) -> tuple[list[resembling.Like], list[str]]:
        if region == "eu-west-1":
            release.wait(30)
        return [], ["AWS, volumes: UnauthorizedOperation"] if region == "us-east-1" else []

    regions = [Region(each, "", "opted-in") for each in ("eu-west-1", "us-east-1")]
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", regions)
    monkeypatch.setattr(resembling, "_of_region", of_region)
    monkeypatch.setattr(api, "REGION_S_MAX", 3.0)
    found = resembling.ask(migration)
    release.set()
    assert found.unread == (("eu-west-1", "no answer within 3 s"), ("us-east-1", "AWS, volumes: UnauthorizedOperation"))


SPOT = "cancel-spot-instance-requests --spot-instance-request-ids"
DETACH = "aws autoscaling detach-instances --instance-ids i-00000000000000000 --auto-scaling-group-name web"


@pytest.mark.parametrize(
    ("key", "state", "kind", "stop", "end"),
    [
        ("aws:autoscaling:groupName", "", "", DETACH, DETACH),
        ("aws:ec2:fleet-id", "active", "maintain", "delete-fleets --no-term", "delete-fleets --no-term"),
        ("aws:ec2:fleet-id", "active", "request", "", ""),
        ("aws:ec2:fleet-id", "deleted_running", "maintain", "", ""),
        ("aws:ec2spot:fleet-request-id", "active", "maintain", "cancel-spot-fleet-", "cancel-spot-fleet-"),
        ("SpotInstanceRequestId", "disabled", "persistent", "", SPOT),
        ("SpotInstanceRequestId", "active", "one-time", "", ""),
        ("SpotInstanceRequestId", "cancelled", "persistent", "", ""),
    ],
)
def test_what_makes_another_in_its_place_is_named_first(
    aws: Any,
    migration: Migration,
    monkeypatch: pytest.MonkeyPatch,
    *,
    key: str,
    state: str,
    kind: str,
    stop: str,
    end: str,
) -> None:
    """moto names no fleet in an instance: what AWS says of one stands in place of its answers."""
    del aws
    row: dict[str, Any] = {"InstanceId": "i-1", "State": {"Name": "running"}}
    row |= {key: "web"} if key == "SpotInstanceRequestId" else {"Tags": [{"Key": key, "Value": "web"}]}
    fleet = {"FleetId": "web", "FleetState": state, "Type": kind}
    spot_fleet = {"SpotFleetRequestId": "web", "SpotFleetRequestState": state, "SpotFleetRequestConfig": {"Type": kind}}
    answers = {
        "DescribeInstances": {"Reservations": [{"Instances": [row]}]},
        "DescribeFleets": {"Fleets": [fleet | {"FleetId": "other"}, fleet]},
        "DescribeSpotFleetRequests": {"SpotFleetRequestConfigs": [spot_fleet]},
        "DescribeSpotInstanceRequests": {
            "SpotInstanceRequests": [{"SpotInstanceRequestId": "web", "State": state, "Type": kind}]
        },
    }
    monkeypatch.setattr(BaseClient, "_make_api_call", lambda _, name, __: answers[name])
    for ends, wanted in ((False, stop), (True, end)):
        if not wanted:
            require_no_maker(migration, ec2.instance(migration), ends=ends)
            continue
        with pytest.raises(Refused, match=r"web.*AWS makes another in its place") as refused:
            require_no_maker(migration, ec2.instance(migration), ends=ends)
        assert wanted in str(refused.value)


@pytest.mark.parametrize(
    ("account", "says"),
    [
        ("111111111111", f"of AWS account {DEFAULT_ACCOUNT_ID}, expected 111111111111"),
        (DEFAULT_ACCOUNT_ID, "Run python -m scripts.retire_ec2_access first"),
        ("", "Run python -m scripts.retire_ec2_access first"),
    ],
)
def test_nothing_is_deleted_in_another_account(aws: Any, migration: Migration, account: str, says: str) -> None:
    """There the instance is absent, as if it were gone, and what is called as the settings say is another's."""
    aws.create_key_pair(KeyName="mail")
    migration.store.put_snapshot("start", "0", {"ec2": {"instance": {"account": account}}})
    with pytest.raises(Refused, match=says):
        delete_ec2.check(Job(migration, "", Namespace(image=False)))


def test_who_is_let_in_and_what_is_forbidden(aws: Any, migration: Migration) -> None:
    group = aws.create_security_group(GroupName="mx", Description="mx")["GroupId"]
    rules = [
        {"IpProtocol": "tcp", "FromPort": 25, "ToPort": 25, "IpRanges": [{"CidrIp": "0.0.0.0/1"}]},
        {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "128.0.0.0/1"}]},
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
    ]
    aws.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)
    made = started(aws, SecurityGroupIds=[group])
    its = having(migration, instance_id=made)
    four, six = way_in.judged(way_in.ask(its), (4, 6))
    assert ec2.instance(its).account == DEFAULT_ACCOUNT_ID
    assert (four.verdict, six.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert not way_in.protection(its, "stop").on
    aws.modify_instance_attribute(InstanceId=made, DisableApiStop={"Value": True})
    assert way_in.protection(its, "stop").on
    assert not way_in.protection(its, "delete").on


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([RcptResult("a", 250, "ok", "")], ""),
        ([RcptResult("", 0, "timed out", "connect"), RcptResult("a", 250, "ok", "")], ""),
        ([RcptResult("", 0, "timed out", "connect")] * 9, "it is nothing timed out (at connect), not accepts mail"),
        ([], "the settings say nothing of where EC2 reaches Dell"),
    ],
)
def test_a_gateway_that_takes_mail_and_cannot_hand_it_on(
    answers: list[RcptResult], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start: it is said loudly, and bars no way back."""
    its, heard, left = Migration(settings_without_a_lab(), Secrets()), list[str](), iter(answers)
    monkeypatch.setattr(clients, "ec2_as_seen", lambda _: ())
    monkeypatch.setattr(clients, "offer", lambda *_: [("", SimpleNamespace(outcome=it)) for it in islice(left, 1)])
    monkeypatch.setattr(power, "DELL_S_MAX", 0.02)
    monkeypatch.setattr(power, "POLL_S", 0.01)
    power.see_it_reach_dell(cast("Job", SimpleNamespace(migration=its, say=heard.append)))
    assert [said in each and "NOBODY SAW DELL TAKE IT" in each for each in heard] == [True] * bool(said)


@pytest.mark.usefixtures("aws")
def test_what_stops_or_starts_it_by_itself(migration: Migration) -> None:
    """By the clock or by an event; what is off, or is handed another instance, does nothing to it."""
    number, region = migration.settings.ec2.instance_id, ZONE[:-1]
    events, scheduler = (boto3.client(each, region_name=region) for each in ("events", "scheduler"))
    automation = f"arn:aws:ssm:{region}::automation-definition/AWS-StopEC2Instance"
    for name, state, it in (("night", "ENABLED", number), ("off", "DISABLED", number), ("other", "ENABLED", "i-9")):
        events.put_rule(Name=name, ScheduleExpression="cron(0 15 * * ? *)", State=state)
        handed = json.dumps({"InstanceId": [it], "DocumentName": "AWS-StopEC2Instance"})
        events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": automation, "Input": handed}])
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression="cron(0 22 * * ? *)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State=state,
            Target={
                "Arn": "arn:aws:scheduler:::aws-sdk:ec2:startInstances",
                "RoleArn": "arn:aws:iam::123456789012:role/stops-and-starts",
                "Input": json.dumps({"InstanceIds": [it]}),
            },
        )
    found = tuple(each for each in timed.ask(migration) if isinstance(each, Timed))
    assert [(each.name, each.off) for each in found] == [
        ("EventBridge rule night", "aws events disable-rule --name night"),
        ("EventBridge schedule night", "disable it in AWS's console, in the group default"),
    ]
    its = ec2.instance(migration)
    ends, starts = (tuple(timed.judged(found, its, stopped=stopped)) for stopped in (False, True))
    assert [(each.verdict, each.found.partition(":")[0]) for each in ends] == [(Verdict.FAIL, found[0].name)]
    assert [(each.verdict, each.found.partition(":")[0]) for each in starts] == [(Verdict.FAIL, found[1].name)]
    starting = Timed("x", "arn:aws:scheduler:::aws-sdk:ssm:startAutomationExecution, AWS-StopEC2Instance", "")
    assert [each.verdict for each in timed.judged((starting,), its, stopped=True)] == [Verdict.PASS]
    both = Timed("x", "arn:aws:ssm:::automation-definition/AWS-RestartEC2Instance", "")
    for stopped in (False, True):
        assert [each.verdict for each in timed.judged((both,), its, stopped=stopped)] == [Verdict.FAIL]
