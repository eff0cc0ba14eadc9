"""The gateway is stopped, deleted and forgotten in a lab, against its real power, EC2's API and a real Terraform."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from textwrap import dedent

import pytest

from fixtures.lab.iam import OWNER, USER, Asked, actions, allowed
from fixtures.lab.world import Lab
from tests import labs
from tests.conftest import PROJECT
from tests.labs import operator, shell, standing

NAME = "test-ec2"
OVERRIDE = ("--override", "a test of only the scripts")
planned = partial(labs.planned, NAME)

pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One lab for the whole way, whose gateway has more than the usual belongings, and copies of some."""
    with standing(NAME, 5) as made:
        weekly = python(
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
            ec2.create_snapshot(VolumeId=disk, Description="the last of the archive")
            ec2.create_image(InstanceId=its, Name="older", Description=f"of {its} then")
            ec2.create_volume(AvailabilityZone="ap-northeast-1a", Size=1)
            print(ec2.create_snapshot(VolumeId=disk, Description="weekly")["SnapshotId"])
            """
        )
        with settings(made, delete_copies=(weekly,)):
            yield made


@contextmanager
def settings(lab: Lab, **keys: tuple[str, ...]) -> Iterator[None]:
    """These keys of [ec2], in place of those that stand there; put back in the end."""
    file = lab.folder / "operator/migration.toml"
    before = file.read_text(encoding="utf-8")
    lines = [each for each in before.splitlines() if each.partition(" = ")[0] not in keys]
    place = lines.index("[ec2]") + 1
    lines[place:place] = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    yield
    file.write_text(before, encoding="utf-8")


def ids(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = json.loads((lab.folder / "aws/aws.json").read_text(encoding="utf-8"))
    return found


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


def apply(script: str, *options: str) -> tuple[int, str]:
    digest = planned(script, *options)["digest"]
    return run("-m", f"scripts.{script}", *options, *OVERRIDE, "--apply", digest)


def refused(script: str) -> str:
    """What is said where it is."""
    status, said = apply(script)
    assert status == 1, said
    return said


def protect(attribute: str, on: bool) -> None:
    its = "InstanceId=m.settings.ec2.instance_id"
    python(f"aws.client(m).modify_instance_attribute({its}, {attribute}={{'Value': {on}}})")


def test_the_operator_may_do_what_the_published_policy_says_and_no_more() -> None:
    """All that follows is done with it; what nobody needs is refused, as AWS would."""
    for call, says in (
        ("client('ec2').create_key_pair(KeyName='more')", ("(UnauthorizedOperation)", "ec2:CreateKeyPair")),
        ("client('iam').create_user(UserName='more')", ("(AccessDenied)",)),
    ):
        status, said = run("-c", f"import boto3; boto3.{call}")
        assert (status, [each for each in says if each not in said]) == (1, [])
    changing = [each for each in actions() if not each.endswith("*")]
    assert all(allowed(Asked(each, USER, xml=True)) for each in changing)
    assert not any(each in {"*", "ec2:*", "iam:*"} for each in actions())


def test_deletion_wants_it_stopped() -> None:
    assert "is running: stop it first" in refused("delete_ec2")


def test_a_protected_instance_is_not_stopped(lab: Lab) -> None:
    protect("DisableApiStop", on=True)
    assert "--no-disable-api-stop" in refused("stop_ec2")
    assert lab.power("ec2") == "on"
    protect("DisableApiStop", on=False)


def test_one_that_has_not_handed_on_all_is_not_stopped(lab: Lab) -> None:
    """Nobody could read it then, and its disk is deleted."""
    letter = "printf 'Subject: late\n\n' | sendmail -f fax@webmakeprofit.org bob@outside.example"
    waits, goes = "postconf defer_transports=smtp", "postconf -X defer_transports"
    assert lab.exec("ec2", ["bash", "-ec", f"{waits}; postfix reload; {letter}"]).returncode == 0
    try:
        said = refused("stop_ec2")
    finally:
        assert lab.exec("ec2", ["bash", "-ec", f"{goes}; postfix reload; postsuper -d ALL"]).returncode == 0
    assert "its queue holds 1 more, such as " in said
    assert "from <fax@webmakeprofit.org> to bob@outside.example. " in said
    assert lab.power("ec2") == "on"


@pytest.mark.parametrize("script", ["restart_ec2", "stop_ec2"])
def test_an_instance_of_an_auto_scaling_group_is_not_stopped(lab: Lab, script: str) -> None:
    tags = 'Resources=[m.settings.ec2.instance_id], Tags=[{"Key": "aws:autoscaling:groupName", "Value": "web"}]'
    python(f"aws.client(m).create_tags({tags})")
    try:
        said = refused(script)
    finally:
        python(f"aws.client(m).delete_tags({tags})")
    assert "--auto-scaling-group-name web" in said
    assert lab.power("ec2") == "on"


def test_stop(lab: Lab) -> None:
    assert apply("stop_ec2")[0] == 0
    assert lab.power("ec2") == "off"
    assert planned("stop_ec2")["writes"] == []


def test_deletion_wants_access_retired_and_terraform_forgotten() -> None:
    assert "scripts.retire_ec2_access first" in apply("delete_ec2")[1]
    python("m.store.record('done', '', script='retire_ec2_access', plan='')")
    said = apply("delete_ec2")[1]
    assert "aws_instance.mail, in the state" in said
    assert "aws_eip.mail, in main.tf:" in said
    assert "scripts.retire_terraform first" in said


def test_terraform_forgets_it(lab: Lab) -> None:
    folder = lab.folder / "operator/services/mailserver/terraform"
    before, state = (folder / "main.tf").read_bytes(), (folder / "terraform.tfstate").read_bytes()
    lock = folder / ".terraform.tfstate.lock.info"
    lock.write_text("{}", encoding="ascii")
    assert "a terraform is running there" in apply("retire_terraform")[1]
    lock.unlink()
    digest = planned("retire_terraform")["digest"]
    (folder / "terraform.tfstate").write_bytes(state.replace(b'"serial": 12', b'"serial": 13'))
    assert "the plan is no longer" in run("-m", "scripts.retire_terraform", *OVERRIDE, "--apply", digest)[1]
    status, said = apply("retire_terraform")
    assert status == 0, said
    assert planned("retire_terraform")["writes"] == []
    after = (folder / "main.tf").read_bytes()
    assert b"aws" not in after
    assert after.endswith(before[before.index(b"# Not the gateway's") :])
    assert [file.read_bytes() for file in folder.glob("main.tf.bak-*")] == [before]
    assert len(list(folder.glob("terraform.tfstate.bak-serial-13-*"))) == 1
    left = run("-c", f"import subprocess; subprocess.run(['terraform', '-chdir={folder}', 'state', 'list'])")[1]
    assert left.split() == ["terraform_data.keep"]


def test_deletion_wants_no_protection_and_an_address_that_can_go(lab: Lab) -> None:
    protect("DisableApiTermination", on=True)
    assert "--no-disable-api-termination" in apply("delete_ec2")[1]
    protect("DisableApiTermination", on=False)
    locked = lab.folder / "aws/locked"
    locked.write_text("203.0.113.20", encoding="ascii")
    said = apply("delete_ec2")[1]
    assert "203.0.113.20 has the reverse DNS mail.webmakeprofit.org" in said
    assert "only a support case unlocks the address" in said
    # A run that was killed after it had the record deleted: DNS still has the name, and nobody else has set it.
    asked = "from fixtures.probes.aws import reverse_dns\nprint(reverse_dns.ask(m).by_support)"
    assert python(asked) == "mail.webmakeprofit.org"
    python("m.store.log('delete_ec2', '', 'killed', 'reverse DNS of 203.0.113.20: mail', 'before')")
    assert python(asked) == ""
    locked.unlink()


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"keep": ("maill",)}, "ec2.keep: maill: nothing of the gateway is called so. It has: volume vol-"),
        ({"keep": ("mail",)}, "ec2.keep: mail: several things are called so: volume vol-"),
        ({"keep": ("{instance_id}",)}, "is the instance that is to go"),
        ({"delete_copies": ("snap-00000000",)}, "snap-00000000 is no snapshot or image of the gateway"),
        ({"delete_copies": ("{backup_id}",)}, "is AWS Backup's, which deletes it itself, from its vault"),
        ({"delete_copies": ("vol-00000000",)}, "ec2.delete_copies"),
        ({"keep": ("snap-00000000",), "delete_copies": ("snap-00000000",)}, "snap-00000000 stands in both"),
    ],
)
def test_what_is_named_and_not_there_is_said_before_anything_is_written(
    lab: Lab, keys: dict[str, tuple[str, ...]], says: str
) -> None:
    with settings(lab, **{key: tuple(each.format(**ids(lab)) for each in value) for key, value in keys.items()}):
        status, said = run("-m", "scripts.delete_ec2")
    assert status == 2, said
    assert says in said
    assert "Traceback" not in said


WHO_ELSE = """
from fixtures.probes.aws.staying import staying
def stays():
    has = ec2.inventory(m)
    found = staying(m, has)
    mine = (i for i in has.items if i.id in found and i.kind not in {"snapshot", "image"})
    return sorted((i.kind, i.name, found[i.id].why) for i in mine)
ec2_, iam = aws.client(m), aws.client(m, "iam")
"""


def test_what_others_use_stays_and_is_said() -> None:
    """Each use is made, seen, and taken back."""
    said = python(
        WHO_ELSE
        + dedent(
            """
            import json
            print("as it is:", stays())
            data = {"KeyName": "mail", "IamInstanceProfile": {"Name": "mail"}}
            ec2_.create_launch_template(LaunchTemplateName="fleet", LaunchTemplateData=data)
            print("a template:", stays())
            ec2_.delete_launch_template(LaunchTemplateName="fleet")
            trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                     "Principal": {"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}}]}
            old = iam.get_role(RoleName="mail")["Role"]["AssumeRolePolicyDocument"]
            iam.update_assume_role_policy(RoleName="mail", PolicyDocument=json.dumps(trust))
            print("a service:", stays())
            iam.update_assume_role_policy(RoleName="mail", PolicyDocument=json.dumps(old))
            mail = next(i.id for i in ec2.inventory(m).of("security group") if i.name == "mail")
            web = ec2_.create_security_group(GroupName="web", Description="of others")["GroupId"]
            rule = [{"IpProtocol": "tcp", "FromPort": 25, "ToPort": 25, "UserIdGroupPairs": [{"GroupId": mail}]}]
            ec2_.authorize_security_group_ingress(GroupId=web, IpPermissions=rule)
            print("a rule:", stays())
            try:
                ec2_.delete_security_group(GroupId=mail)
            except ec2_.exceptions.ClientError as error:
                print("refused:", error.response["Error"]["Code"])
            ec2_.delete_security_group(GroupId=web)
            ssh = next(i.id for i in ec2.inventory(m).of("security group") if i.name == "ssh")
            ec2_.authorize_security_group_ingress(GroupId=ssh, IpPermissions=rule)
            print("a group that stays:", stays())
            ec2_.revoke_security_group_ingress(GroupId=ssh, IpPermissions=rule)
            print("afterwards:", stays())
            """
        )
    )
    lines = dict(line.split(":", 1) for line in said.splitlines())
    assert "('security group', 'ssh', 'guards eni-" in lines["as it is"]
    assert "(web) too" in lines["as it is"]
    assert lines["as it is"].count("(") == 2, lines["as it is"]
    assert "('key pair', 'mail', 'the launch template fleet names it')" in lines["a template"]
    assert "('instance profile', 'mail', 'the launch template fleet names it')" in lines["a template"]
    assert "('role', 'mail', 'the instance profile mail has it, which stays')" in lines["a template"]
    assert "('role', 'mail', 'lambda.amazonaws.com may take it on too')" in lines["a service"]
    assert "('security group', 'mail', 'a rule of sg-" in lines["a rule"]
    assert "names it, which stays')" in lines["a group that stays"]
    assert lines["afterwards"] == lines["as it is"]
    assert lines["refused"].strip() == "DependencyViolation"


def test_what_is_kept_by_name_must_outlive_the_instance(lab: Lab) -> None:
    volume = ids(lab)["volume_id"]
    with settings(lab, keep=(volume, "203.0.113.20")):
        subjects = " ".join(str(each["subject"]) for each in planned("delete_ec2")["writes"])
        said = apply("delete_ec2")[1]
    assert volume not in subjects
    assert "203.0.113.20" not in subjects
    assert f"volume {volume}: aws ec2 modify-instance-attribute --instance-id" in said
    assert '"DeleteOnTermination": false' in said


def test_deletion_is_finished_after_a_kill() -> None:
    """Killed while AWS deletes the PTR record; and right after the instance is gone, when nothing in the API says any
    more what belonged to it.
    """
    _killed_at("reverse DNS:")
    assert run("-m", "scripts.delete_ec2", "--take-lock", "--image", "--json")[0] == 3
    _killed_at("volume:")
    status, said = run("-m", "scripts.delete_ec2", "--take-lock", "--image", "--json")
    assert status == 3, said
    again = "import boto3; c = boto3.client('ec2'); i = c.describe_images(Owners=['self'])['Images'][-1]; "
    again += "c.create_image(InstanceId='i-0', Name=i['Name'])"
    assert "(InvalidAMIName.Duplicate)" in run("-c", again)[1]
    status, said = apply("delete_ec2", "--image")
    assert status == 0, said
    assert planned("delete_ec2", "--image")["writes"] == []


def _killed_at(line: str) -> None:
    digest = planned("delete_ec2", "--image")["digest"]
    argv = shell(NAME, sys.executable, "-m", "scripts.delete_ec2", "--image", *OVERRIDE, "--apply", digest)
    with subprocess.Popen(argv, cwd=PROJECT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as killed:
        assert killed.stderr is not None
        for said in killed.stderr:
            if said.strip().startswith(line):
                killed.send_signal(signal.SIGKILL)


def test_what_is_left() -> None:
    """What was nobody's, what others use, and copies: only the weekly snapshot was named. (moto brings snapshots of
    public images along.)
    """
    left = python(
        """
        c, iam = aws.client(m), aws.client(m, "iam")
        print(sorted(i["Name"][:12] for i in c.describe_images(Owners=["self"])["Images"]),
              [v["Size"] for v in c.describe_volumes()["Volumes"] if v["Size"] != 8],
              sorted(s["Description"][:20] for s in c.describe_snapshots(OwnerIds=["self"])["Snapshots"]
                     if not s["Description"].startswith(("Auto-created", "Created by CreateImage"))),
              c.describe_addresses()["Addresses"], len(c.describe_network_interfaces()["NetworkInterfaces"]),
              [g["GroupName"] for g in c.describe_security_groups()["SecurityGroups"] if g["GroupName"] != "default"],
              c.describe_key_pairs()["KeyPairs"], iam.list_roles()["Roles"],
              iam.list_instance_profiles()["InstanceProfiles"],
              aws.client(m, "cloudwatch").describe_alarms()["MetricAlarms"])
        """
    )
    copies = "['This snapshot is cre', 'the last of the arch']"
    assert left == f"['mxgate-final', 'older'] [1] {copies} [] 1 ['ssh'] [] [] [] []"
