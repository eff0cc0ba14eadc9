"""The gateway is stopped, deleted and forgotten in a lab, against its real power, EC2's API and a real Terraform."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest

from fixtures.lab.iam import OWNER, USER, Asked, actions, allowed
from fixtures.lab.world import Lab
from tests.conftest import PROJECT
from tests.labs import operator, shell, standing

NAME = "test-ec2"
OVERRIDE = ("--override", "a test of only the scripts")

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for the whole way, whose gateway has more than the usual belongings."""
    with standing(NAME, 5) as made:
        python(
            """
            import json
            iam, ec2, its = aws.client(m, "iam"), aws.client(m), m.settings.ec2.instance_id
            policy = json.dumps({"Version": "2012-10-17",
                                 "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
            iam.put_role_policy(RoleName="mail", PolicyName="logs", PolicyDocument=policy)
            arn = iam.create_policy(PolicyName="read", PolicyDocument=policy)["Policy"]["Arn"]
            iam.attach_role_policy(RoleName="mail", PolicyArn=arn)
            disk = ec2.create_volume(AvailabilityZone="ap-northeast-1a", Size=3)["VolumeId"]
            ec2.attach_volume(VolumeId=disk, InstanceId=its, Device="/dev/sdf")
            ec2.create_snapshot(VolumeId=disk, Description="weekly")
            ec2.create_image(InstanceId=its, Name="older", Description=f"of {its} then")
            ec2.create_volume(AvailabilityZone="ap-northeast-1a", Size=1)
            """
        )
        yield made


def run(*argv: str) -> tuple[int, str]:
    done = operator(NAME, *argv)
    return done.returncode, done.stdout + done.stderr


def python(code: str) -> str:
    """What CODE prints, with the rights of the account's owner: the operator's policy allows too little for that."""
    opened = f"import os\nos.environ['AWS_ACCESS_KEY_ID'] = {OWNER!r}\n"
    opened += "from fixtures.migration import open_migration\nfrom fixtures.probes.aws import changing as aws, ec2\n"
    opened += "m = open_migration()\n"
    status, said = run("-c", opened + dedent(code))
    assert status == 0, said
    return said.strip()


def planned(script: str, *options: str) -> dict[str, object]:
    status, said = run("-m", f"scripts.{script}", *options, "--json")
    assert status in {0, 3}, said
    outcome: dict[str, object] = json.loads(said)
    return outcome


def apply(script: str, *options: str) -> tuple[int, str]:
    digest = str(planned(script, *options)["digest"])
    return run("-m", f"scripts.{script}", *options, *OVERRIDE, "--apply", digest)


def protect(attribute: str, on: bool) -> None:
    python(
        f"""
        aws.client(m).modify_instance_attribute(InstanceId=m.settings.ec2.instance_id, {attribute}={{"Value": {on}}})
        """
    )


def test_the_operator_may_do_what_the_published_policy_says_and_no_more() -> None:
    """All that follows is done with it; what nobody needs is refused, as AWS would."""
    status, said = run("-c", "import boto3; boto3.client('ec2').create_key_pair(KeyName='more')")
    assert status == 1
    assert "(UnauthorizedOperation)" in said
    assert "ec2:CreateKeyPair" in said
    status, said = run("-c", "import boto3; boto3.client('iam').create_user(UserName='more')")
    assert status == 1
    assert "(AccessDenied)" in said
    changing = [each for each in actions() if not each.endswith("*")]
    assert all(allowed(Asked(each, USER, xml=True)) for each in changing)
    assert not any(each in {"*", "ec2:*", "iam:*"} for each in actions())


def test_deletion_wants_it_stopped() -> None:
    status, said = apply("delete_ec2")
    assert status == 1
    assert "is running: stop it first" in said


def test_a_protected_instance_is_not_stopped(lab: Lab) -> None:
    protect("DisableApiStop", on=True)
    status, said = apply("stop_ec2")
    assert status == 1
    assert "--no-disable-api-stop" in said
    assert lab.power("ec2") == "on"
    protect("DisableApiStop", on=False)


def test_stop(lab: Lab) -> None:
    assert apply("stop_ec2")[0] == 0
    assert lab.power("ec2") == "off"
    assert planned("stop_ec2")["writes"] == []


def test_deletion_wants_access_retired_and_no_protection() -> None:
    assert "scripts.retire_ec2_access first" in apply("delete_ec2")[1]
    python(
        """
        m.store.record("done", "", script="retire_ec2_access", plan="")
        """
    )
    protect("DisableApiTermination", on=True)
    assert "--no-disable-api-termination" in apply("delete_ec2")[1]
    protect("DisableApiTermination", on=False)


def test_deletion_is_finished_after_a_kill() -> None:
    """Killed right after the instance is gone, when nothing in the API says any more what belonged to it."""
    digest = str(planned("delete_ec2", "--image")["digest"])
    argv = shell(NAME, sys.executable, "-m", "scripts.delete_ec2", "--image", *OVERRIDE, "--apply", digest)
    with subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as killed:
        assert killed.stderr is not None
        for line in killed.stderr:
            if line.strip().startswith("volume:"):
                killed.send_signal(signal.SIGKILL)
    status, said = run("-m", "scripts.delete_ec2", "--take-lock", "--image", "--json")
    assert status == 3, said
    assert "weekly" not in said
    again = "import boto3; c = boto3.client('ec2'); i = c.describe_images(Owners=['self'])['Images'][0]; "
    again += "c.create_image(InstanceId='i-0', Name=i['Name'])"
    assert "(InvalidAMIName.Duplicate)" in run("-c", again)[1]
    assert apply("delete_ec2", "--image")[0] == 0
    assert planned("delete_ec2", "--image")["writes"] == []


def test_what_is_left() -> None:
    """The final image with its own snapshots, and what was nobody's. (moto brings snapshots of public images along.)"""
    left = python(
        """
        c, iam = aws.client(m), aws.client(m, "iam")
        images = c.describe_images(Owners=["self"])["Images"]
        kept = {d["Ebs"]["SnapshotId"] for i in images for d in i["BlockDeviceMappings"] if "SnapshotId" in d["Ebs"]}
        print([i["Name"][:12] for i in images], [v["Size"] for v in c.describe_volumes()["Volumes"]],
              {s["SnapshotId"] for s in c.describe_snapshots(OwnerIds=["self"])["Snapshots"]
               if not s["Description"].startswith("Auto-created")} == kept,
              c.describe_addresses()["Addresses"], c.describe_network_interfaces()["NetworkInterfaces"],
              [g["GroupName"] for g in c.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"],
              c.describe_key_pairs()["KeyPairs"], iam.list_roles()["Roles"],
              iam.list_instance_profiles()["InstanceProfiles"],
              aws.client(m, "cloudwatch").describe_alarms()["MetricAlarms"])
        """
    )
    assert left == "['mxgate-final'] [1] True [] [] [] [] [] [] []"


def test_terraform_forgets_it(lab: Lab) -> None:
    folder = lab.folder / "operator/services/mailserver/terraform"
    before, state = (folder / "main.tf").read_bytes(), (folder / "terraform.tfstate").read_bytes()
    lock = folder / ".terraform.tfstate.lock.info"
    lock.write_text("{}", encoding="ascii")
    assert "a terraform is running there" in apply("retire_terraform")[1]
    lock.unlink()
    digest = str(planned("retire_terraform")["digest"])
    (folder / "terraform.tfstate").write_bytes(state.replace(b'"serial": 12', b'"serial": 13'))
    assert "the plan is no longer" in run("-m", "scripts.retire_terraform", *OVERRIDE, "--apply", digest)[1]
    status, said = apply("retire_terraform")
    assert status == 0, said
    assert planned("retire_terraform")["writes"] == []
    after = (folder / "main.tf").read_bytes()
    assert b"aws" not in after
    assert after.endswith(before[before.index(b"# Not the gateway's") :])
    assert [file.read_bytes() for file in folder.glob("main.tf.bak-*")] == [before]
    assert run("-c", f"import subprocess; subprocess.run(['terraform', '-chdir={folder}', 'state', 'list'])")[
        1
    ].split() == ["terraform_data.keep"]
