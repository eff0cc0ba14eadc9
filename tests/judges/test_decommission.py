"""D-2: what may be the gateway's, in any region."""

# ruff: noqa: E501 - tables of cases read better unbroken

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.aws import resembling
from fixtures.probes.aws.ec2 import Item
from fixtures.probes.aws.resembling import WORD, Like, Marks, Resembling
from tests.judges import FAIL, LOOK, PASS, UNKNOWN, Says, all_say

SNAP = Like(Item("snapshot", "snap-1", "weekly", "names vol-00000001"), "us-east-1")
GOES = "gone: ec2.resembling says delete"
COMMAND = "Delete it: aws ec2 delete-snapshot --snapshot-id snap-1 --region us-east-1"
ALL = (PASS, "all regions: expected each region in use looked through, found 1 things resemble it, in us-east-1")
BEGAN = 1_700_000_000.0
MARKS = Marks(frozenset({"i-00000001", "vol-00000001", "ami-00000001"}), ("mail",), ("192.0.2.2",), (BEGAN,))


def found(*likes: Like, unread: tuple[tuple[str, str], ...] = ()) -> Resembling:
    return Resembling(likes, ("us-east-1",), unread, LOOK)


@pytest.mark.parametrize(
    ("decided", "over", "expected", "verdict", "says"),
    [
        ({}, False, WORD, FAIL, 'it names vol-00000001. Decide: [ec2.resembling] "weekly" = "delete", "keep" or "not ours"'),
        ({"other": "keep"}, True, WORD, FAIL, 'it names vol-00000001. Decide: [ec2.resembling] "weekly" = "delete", "keep" or "not ours"'),
        ({"weekly": "keep"}, True, WORD, PASS, "it names vol-00000001; keep, by ec2.resembling"),
        ({"snap-1": "not ours"}, True, WORD, PASS, "it names vol-00000001; not ours, by ec2.resembling"),
        ({"snap-1": "delete"}, False, GOES, PASS, "it names vol-00000001"),
        ({"snap-1": "delete"}, True, GOES, FAIL, f"it names vol-00000001. {COMMAND}"),
    ],
)  # fmt: skip
def test_each_thing_is_decided_on(
    decided: dict[str, str], over: bool, expected: str, verdict: Verdict, says: str
) -> None:
    one, whole = all_say(resembling.judged(found(SNAP), decided, over=over), "")
    assert one == (verdict, f"snapshot snap-1 weekly (us-east-1): expected {expected}, found {says}")
    assert whole == ALL


def test_nothing_holds_and_a_region_that_does_not_answer_is_named() -> None:
    none: list[Says] = all_say(resembling.judged(found(), {}, over=True), "")
    assert none == [(PASS, ALL[1].replace("1 things", "0 things"))]
    denied = found(unread=(("eu-west-1", "AWS, volumes, eu-west-1: UnauthorizedOperation"),))
    why = "expected every kind read, found AWS, volumes, eu-west-1: UnauthorizedOperation"
    assert all_say(resembling.judged(denied, {}, over=False), "") == [(UNKNOWN, f"eu-west-1: {why}")]


@pytest.mark.parametrize(
    ("row", "names", "made", "reason"),
    [
        ({"Description": "of vol-00000001 then"}, (), "", "names vol-00000001"),
        ({"ImageId": "ami-00000001"}, (), "", "names ami-00000001"),
        ({"ImageId": "ami-000000011"}, (), "", ""),
        ({"CidrIp": "192.0.2.2/32"}, (), "", "names 192.0.2.2"),
        ({"CidrIp": "192.0.2.22/32"}, (), "", ""),
        ({}, ("Mail-Gateway",), "", "is called mail"),
        ({}, ("mailing",), "", ""),
        ({}, ("web",), "2023-11-14T22:23:19+00:00", "was made within 10 minutes of it, 2023-11-14T22:23"),
        ({}, ("web",), "2023-11-14 22:23:20+00:00", ""),
        ({}, ("web",), "2023-11-14T22:13:20Z", "was made within 10 minutes of it, 2023-11-14T22:13"),
        ({}, ("web",), "yesterday", ""),
    ],
)
def test_what_makes_a_likeness(row: dict[str, object], names: tuple[str, ...], made: str, reason: str) -> None:
    assert MARKS.reason(row, names, made) == reason
