"""Folders of Terraform's as operators have them: one that holds only the gateway, with an output; and none at all."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.faults.walk import Judged, Walk, keyword
from fixtures.plan.gates import Gate
from tests.labs import applied, operator, resettle, standing

NAME = "test-terraform"
OVERRIDE = ("--override", "a test of only Terraform's folders")
OURS = 'terraform_addresses = ["aws_instance.mail", "aws_eip.mail", "aws_security_group.mail"'
PARTS = "The gateway and its parts are the ones that the settings name"
STOPPED = "What is about to be deleted is the stopped gateway and its parts"
FORGOTTEN = "Terraform has forgotten the gateway, and keeps the rest"
OUTPUT = 'output "address" {\n  value = aws_eip.mail.public_ip\n}\n'


@pytest.fixture(scope="module")
def walk() -> Iterator[Walk]:
    """A lab whose folder holds only the gateway, before its first snapshot."""
    with standing(NAME, 11) as lab:
        folder = lab.folder / "operator/services/mailserver/terraform"
        text = (folder / "main.tf").read_text()
        (folder / "main.tf").write_text(text[: text.index("# Not the gateway's")] + OUTPUT)
        state = json.loads((folder / "terraform.tfstate").read_text())
        state["resources"] = [each for each in state["resources"] if each["type"] != "terraform_data"]
        state["outputs"] = {"address": {"value": "203.0.113.20", "type": "string"}}
        (folder / "terraform.tfstate").write_text(json.dumps(state))
        resettle(lab, (OURS, OURS + ', "output.address"'))
        yield Walk(lab)


def _folder(walk: Walk) -> Path:
    return walk.lab.folder / "operator/services/mailserver/terraform"


def _unsettle(walk: Walk) -> str:
    """Nobody uses Terraform from here on. What the settings were."""
    file = walk.lab.folder / "operator/migration.toml"
    text = file.read_text()
    file.write_text("".join(each for each in text.splitlines(keepends=True) if not each.startswith("terraform")))
    return text


def _judged(walk: Walk, gate: Gate, scenario: str) -> Judged:
    found = walk.judge(gate, keyword(scenario))
    assert len(found.rows) == 1, found.output[-3000:]
    return found


def test_before_phase1_only_the_gateway_is_right(walk: Walk) -> None:
    found = _judged(walk, Gate.PHASE1, PARTS)
    assert not found.red, found.output[-5000:]


def test_before_phase1_it_is_right_without_terraform_too(walk: Walk) -> None:
    text = _unsettle(walk)
    found = _judged(walk, Gate.PHASE1, PARTS)
    (walk.lab.folder / "operator/migration.toml").write_text(text)
    assert not found.red, found.output[-5000:]


def test_before_deletion_too(walk: Walk) -> None:
    applied(NAME, "stop_ec2", *OVERRIDE)
    found = _judged(walk, Gate.DELETION, STOPPED)
    assert not found.red, found.output[-5000:]


def test_an_empty_folder_is_right_at_sign_off_and_an_output_that_goes_blocks_nothing(walk: Walk) -> None:
    said = applied(NAME, "retire_terraform", *OVERRIDE)[1]
    assert "changes that are none of the gateway's: output address" in said
    assert not re.search(r"^(resource|output)", (_folder(walk) / "main.tf").read_text(), re.MULTILINE)
    found = _judged(walk, Gate.SIGNOFF, FORGOTTEN)
    assert not found.red, found.output[-5000:]


@pytest.mark.parametrize(
    ("block", "says"),
    [
        ('resource "aws_eip" "mail" {\n  domain = "vpc"\n}\n', 'found resource "aws_eip" "mail"'),
        ("removed {\n  from = aws_eip.mail\n}\n", "found from = aws_eip.mail"),
        ("removed {\n  from = aws_eip.mail\n  lifecycle {\n    destroy = false\n  }\n}\n", ""),
    ],
    ids=["makes it again", "destroys it", "has Terraform forget it"],
)
def test_what_would_make_or_destroy_the_gateway_is_red(walk: Walk, block: str, says: str) -> None:
    file = _folder(walk) / "main.tf"
    before = file.read_text()
    file.write_text(before + block)
    found = _judged(walk, Gate.SIGNOFF, FORGOTTEN)
    file.write_text(before)
    assert says in found.red[0].message if says else not found.red, found.output[-5000:]


def test_a_folder_whose_files_are_gone_is_right(walk: Walk) -> None:
    for file in _folder(walk).glob("*.tf"):
        file.unlink()
    found = _judged(walk, Gate.SIGNOFF, FORGOTTEN)
    assert not found.red, found.output[-5000:]


def test_without_terraform_there_is_nothing_to_judge_or_to_retire(walk: Walk) -> None:
    _unsettle(walk)
    found = _judged(walk, Gate.DELETION, STOPPED)
    assert not found.red, found.output[-5000:]
    found = _judged(walk, Gate.SIGNOFF, FORGOTTEN)
    assert not found.red, found.output[-5000:]
    assert "n/a" in found.output
    planned = operator(NAME, "-m", "scripts.retire_terraform")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "nothing to do" in planned.stdout
