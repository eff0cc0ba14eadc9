"""What AWS refuses: keys that have ended, and whole regions that an organisation denies to the account."""

import json
from ipaddress import IPv4Address
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, UnauthorizedSSOTokenError
from moto.ec2.models.availability_zones_and_regions import Region, RegionsAndZonesBackend

from fixtures.evidence import CouldNotAsk, Verdict
from fixtures.lab.aws import TRUST
from fixtures.migration import Migration
from fixtures.probes.aws import api, ec2, resembling, reverse_dns
from fixtures.probes.aws.staying import Stay, staying
from fixtures.store import Store
from tests.probes.test_aws import answering, aws, having, refusal  # noqa: F401 - a fixture

HOME, ABROAD = "ap-northeast-1", ("eu-west-1", "us-west-1")
DENY = (
    "User: arn:aws:iam::1:user/x is not authorized to perform: ec2:{} with an explicit deny in a service control policy"
)


@pytest.mark.parametrize("code", ["ExpiredToken", "ExpiredTokenException", "RequestExpired"])
def test_keys_that_have_ended_are_renewed(code: str) -> None:
    """Those of a session do after 12 hours, say between two nights."""
    says = rf"{code}: Request has expired\..*aws sso login.*get-session-token"
    with pytest.raises(CouldNotAsk, match=says), api.asking("instance i-1"):
        raise refusal("DescribeInstances", code, "Request has expired.")


def test_a_session_of_single_sign_on_that_has_ended() -> None:
    says = r"has expired.*Take new keys: aws sso login"
    with pytest.raises(CouldNotAsk, match=says) as raised, api.asking("instance i-1"):
        raise UnauthorizedSSOTokenError
    assert "come from the environment" not in str(raised.value)


@pytest.fixture
def denying(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: F811
    """Every region but the gateway's own, as by Control Tower; EC2 of that."""
    regions = [Region(each, "", "opted-in") for each in (HOME, *ABROAD)]
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", regions)

    def says(asked: Any, name: str) -> ClientError | None:
        denied = refusal(name, "UnauthorizedOperation", DENY.format(name))
        return denied if asked.meta.region_name in ABROAD else None

    answering(monkeypatch, says)
    return aws


@pytest.mark.usefixtures("denying")
@pytest.mark.parametrize(
    ("named", "left"), [((), ABROAD), (ABROAD[:1], ABROAD[1:]), (ABROAD, ()), ((*ABROAD, "sa-east-1"), ())]
)
def test_regions_that_an_organisation_denies(
    migration: Migration, named: tuple[str, ...], left: tuple[str, ...]
) -> None:
    """One row for all, and no advice to grant what is granted; a word settles those where AWS does deny it."""
    found = resembling.ask(having(migration, regions_denied=named))
    assert (found.unread, tuple(region for region, _ in found.denied)) == ((), left)
    judged = [each for each in resembling.judged(found, {}, over=False) if each.verdict is not Verdict.FAIL]
    (row,) = judged
    if not left:
        assert row.verdict is Verdict.PASS
        assert f"left out by ec2.regions_denied: {', '.join(named)}" in row.found
        return
    assert (row.verdict, row.member) == (Verdict.INCONCLUSIVE, f"{len(left)} regions")
    assert "explicit deny in a service control policy. That deny outweighs whatever ours grants" in row.found
    assert "lack the permission" not in row.found
    assert f"regions_denied = {json.dumps(left)}" in row.hint


@pytest.mark.usefixtures("aws")
def test_a_word_on_a_region_that_can_be_asked_changes_nothing(
    migration: Migration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", [Region(each, "", "opted-in") for each in (HOME, *ABROAD)])
    its, there = migration.settings.ec2.instance_id, boto3.client("ec2", region_name=ABROAD[0])
    disk = there.create_volume(AvailabilityZone=f"{ABROAD[0]}a", Size=1)["VolumeId"]
    there.create_snapshot(VolumeId=disk, Description=f"Copied for {its}")
    found = resembling.ask(having(migration, regions_denied=ABROAD))
    assert [(each.region, each.item.kind) for each in found.found] == [(ABROAD[0], "snapshot")]
    assert (found.left_out, found.denied) == ((), ())


def test_one_question_that_is_denied_hides_nothing_else(
    aws: Any,  # noqa: F811
    migration: Migration,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(RegionsAndZonesBackend, "regions", [Region(HOME, "", "opted-in")])
    aws.create_key_pair(KeyName=migration.settings.ec2.name)
    denied = {"DescribeLoadBalancers": refusal("DescribeLoadBalancers", "AccessDenied", DENY.format("Describe..."))}
    answering(monkeypatch, lambda _, name: denied.get(name))
    found = resembling.ask(migration)
    assert [each.item.kind for each in found.found if each.region == HOME] == ["key pair"]
    assert [region for region, _ in found.unread] == [HOME, HOME]
    assert found.denied == ()


@pytest.mark.usefixtures("denying")
@pytest.mark.parametrize("named", [(), ABROAD])
def test_a_profile_where_regions_are_denied(migration: Migration, named: tuple[str, ...]) -> None:
    """It may be in use there, unless somebody knows that nothing is."""
    iam, its = boto3.client("iam"), having(migration, regions_denied=named)
    iam.create_role(RoleName="mail", AssumeRolePolicyDocument=TRUST.replace("amazonaws.com", "amazonaws.com.cn"))
    iam.create_instance_profile(InstanceProfileName="mail")
    iam.add_role_to_instance_profile(InstanceProfileName="mail", RoleName="mail")
    has = ec2.inventory(its)
    stays, (profile,) = staying(its, has), has.of("instance profile")
    if named:
        assert stays == {}
        return
    assert not stays[profile.id].decided
    assert stays[profile.id].why.startswith(f"nobody could look in {', '.join(ABROAD)}: AWS, instances and launch")
    assert stays[has.of("role")[0].id] == Stay("the instance profile mail has it, which stays")


def test_the_own_region_is_never_left_out(migration: Migration) -> None:
    ours = migration.settings.ec2.model_dump() | {"regions_denied": (HOME,)}
    with pytest.raises(ValueError, match="is the gateway's own region"):
        type(migration.settings.ec2).model_validate(ours)


@pytest.mark.parametrize(
    "name", ["ec2-52-80-1-2.cn-north-1.compute.amazonaws.com.cn", "ec2-1-2-3-4.compute.amazonaws.com"]
)
def test_a_name_that_aws_gives_itself_is_nobodys(name: str) -> None:
    """In China's regions it ends otherwise; a support case for it would be asked for in vain."""
    found = reverse_dns.ReverseDns("52.80.1.2", "eipalloc-1", "amazon", "", "", (name,), "", ())
    assert found.by_support == ""
    assert [each.verdict for each in reverse_dns.judged(found)] == [Verdict.PASS]


@pytest.mark.parametrize("name", ["mail.own.example", ""])
def test_the_journal_is_read_only_where_the_api_knows_nothing_of_a_name(
    aws: Any,  # noqa: F811
    migration: Migration,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    """It grows with every run."""
    read = list[str]()

    def journaled(_: Store, script: str) -> list[Any]:
        read.append(script)
        return []

    async def pointer(_: object) -> Any:
        return SimpleNamespace(rrset=(), error="", evidence=None)

    monkeypatch.setattr(reverse_dns, "pointer", pointer)
    monkeypatch.setattr(reverse_dns, "attribute", lambda *_: (name, ""))
    monkeypatch.setattr(Store, "journaled", journaled)
    found = reverse_dns.ask(having(migration, ipv4=IPv4Address(aws.allocate_address(Domain="vpc")["PublicIp"])))
    assert found.name == name
    assert read == ([] if name else [reverse_dns.DELETES])
