"""What is the gateway's at AWS, asked of moto in this process."""

import os
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.aws import api, ec2
from fixtures.settings import Secrets

ZONE = "ap-northeast-1a"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """EC2 of the gateway's region."""
    for each in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(each, "owner")
    for each in [each for each in os.environ if each.startswith("AWS_ENDPOINT")]:
        monkeypatch.delenv(each)
    api._client.cache_clear()
    with mock_aws():
        yield boto3.client("ec2", region_name=ZONE[:-1])
    api._client.cache_clear()


@pytest.fixture
def migration() -> Migration:
    return Migration(settings_without_a_lab(), Secrets())


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
