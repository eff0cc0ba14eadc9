"""What a plan's messages say, and which changes count: the lines are those of Terraform's page on its JSON output."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk, Evidence, Finding, Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes import snapshot
from fixtures.probes.aws import ec2, terraform, terraform_retired
from fixtures.probes.aws.staying import Stay
from fixtures.probes.aws.terraform import Change, Held, Holding, Mention, Mentions, Plan, belongs, mentions, read_plan
from fixtures.probes.aws.terraform_retired import Retired
from fixtures.settings import Secrets

LINES = """\
{"@level":"info","@message":"Terraform 1.9.8","type":"version","terraform":"1.9.8","ui":"1.2"}
{"@level":"info","@message":"aws_s3_bucket.a: Drift detected (update)","type":"resource_drift","change":{"resource":{"addr":"aws_s3_bucket.a"},"action":"update"}}
{"@level":"info","@message":"aws_s3_bucket.a: Plan to update","type":"planned_change","change":{"resource":{"addr":"aws_s3_bucket.a"},"action":"update"}}
{"@level":"info","@message":"aws_eip.mail: Plan to create","type":"planned_change","change":{"resource":{"addr":"aws_eip.mail"},"action":"create"}}
{"@level":"info","@message":"data.aws_ami.d: Plan to read","type":"planned_change","change":{"resource":{"addr":"data.aws_ami.d"},"action":"read"}}
{"@level":"info","@message":"Plan: 1 to add, 1 to change, 0 to destroy.","type":"change_summary","changes":{"add":1,"change":1,"remove":0,"operation":"plan"}}
{"@level":"info","@message":"Outputs: 2","type":"outputs","outputs":{"ip":{"sensitive":false,"action":"delete"},"name":{"sensitive":false,"action":"noop"}}}
"""  # noqa: E501 - as Terraform writes them
OURS = ("aws_instance.mail", "aws_eip.mail", "module.relay")
IDS = frozenset({"i-0", "vol-0"})
LOOK = Evidence("", "")
DRIFT = Change("aws_s3_bucket.a", "update", drift=True)


def retired(
    *changes: Change, now: tuple[Holding, ...] = (), before: dict[str, str] | None, outputs: tuple[str, ...] = ()
) -> Retired:
    state = Held(now, tuple(each.address for each in now), LOOK)
    return Retired(OURS, IDS, state, {}, Mentions((), LOOK), Plan(changes, outputs, LOOK), before)


def verdicts(findings: Iterable[Finding]) -> list[Verdict]:
    return [each.verdict for each in findings]


def test_a_plans_messages_are_read() -> None:
    changes, outputs = read_plan(map(json.loads, LINES.splitlines()))
    assert changes == (DRIFT, Change("aws_eip.mail", "create", drift=False))
    assert outputs == ("ip",)


def test_what_belongs_to_a_module_or_to_several_instances_is_ours() -> None:
    for each in ("aws_eip.mail", 'aws_eip.mail["a"]', "aws_instance.mail[0]", "module.relay.aws_eip.a"):
        assert belongs(each, OURS)
    assert not belongs("aws_eip.mailing", OURS)


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (DRIFT, Verdict.PASS),
        (Change("aws_s3_bucket.new", "create", drift=False), Verdict.PASS),
        (Change("aws_s3_bucket.a", "update", drift=False), Verdict.FAIL),
        (Change("aws_s3_bucket.a", "delete", drift=False), Verdict.FAIL),
        (Change("aws_s3_bucket.a", "create", drift=True), Verdict.FAIL),
        (Change("aws_eip.mail", "create", drift=False), Verdict.FAIL),
        (Change("module.relay.aws_eip.a[0]", "create", drift=False), Verdict.FAIL),
    ],
)
def test_which_changes_count(change: Change, verdict: Verdict) -> None:
    """A bucket of the first snapshot's that went outside of Terraform is one that delete_ec2 may have deleted."""
    (found,) = terraform_retired.unchanged(retired(change, before={"aws_s3_bucket.a": "a"}))
    assert (found.verdict, change.address in found.member) == (verdict, True)


def test_outputs_are_shown_and_count_for_nothing() -> None:
    first, second = terraform_retired.unchanged(retired(before={}, outputs=("ip",)))
    assert (first.verdict, second.verdict) == (Verdict.PASS, Verdict.PASS)
    assert "ip; they block nothing" in first.found


def test_others_are_there_by_address_or_by_id() -> None:
    now = (Holding("aws_s3_bucket.archive", "aws_s3_bucket", {"id": "a"}),)
    before = {"aws_s3_bucket.a": "a", "aws_s3_bucket.b": "b"}
    found = list(terraform_retired.others(retired(now=now, before=before)))
    assert verdicts(found) == [Verdict.PASS, Verdict.FAIL]
    assert found[0].found == "there, as aws_s3_bucket.archive"
    assert verdicts(terraform_retired.others(retired(before={}))) == [Verdict.PASS]
    assert verdicts(terraform_retired.others(retired(before=None))) == [Verdict.INCONCLUSIVE]


def test_what_is_left_of_the_gateway_is_named_and_no_plan_is_no_answer() -> None:
    now = (Holding("module.relay.aws_eip.a", "aws_eip", {"id": "e"}),)
    mention = Mention("main.tf", 3, "aws_eip.mail", 'resource "aws_eip" "mail" {')
    state = Held(now, ("module.relay.aws_eip.a",), LOOK)
    found = Retired(OURS, IDS, state, {}, Mentions((mention,), LOOK), CouldNotAsk("no provider"), {})
    assert [each.member for each in terraform_retired.forgotten(found)] == ["module.relay.aws_eip.a", "main.tf:3"]
    assert verdicts(terraform_retired.unchanged(found)) == [Verdict.INCONCLUSIVE]


FORGETS = {"from": "aws_eip.mail", "lifecycle": {"destroy": False}}


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ({"removed": FORGETS}, 0),
        ({"removed": FORGETS | {"removed": {}}}, 0),
        ([{"removed": [FORGETS, FORGETS | {"lifecycle": [{"destroy": False}]}]}], 0),
        ({"removed": {"from": "aws_eip.mail"}}, 1),
        ({"removed": FORGETS | {"lifecycle": {"destroy": True}}}, 1),
        ({"removed": FORGETS | {"lifecycle": [{"destroy": False}, {"destroy": True}]}}, 1),
        ({"removed": [FORGETS, {"from": "aws_eip.mail"}]}, 2),
        ({"removed": FORGETS, "output": {"ip": {"value": "${aws_eip.mail.public_ip}"}}}, 1),
        ({"locals": {"removed": FORGETS}}, 1),
    ],
    ids=["one", "within one", "in lists", "destroys", "says so", "both", "one of two destroys", "elsewhere", "a local"],
)
def test_json_may_only_forget_the_gateway(tmp_path: Path, made: object, named: int) -> None:
    (tmp_path / "made.tf.json").write_text(json.dumps(made, indent=1))
    assert [each.word for each in mentions(tmp_path, OURS).mentions] == ["aws_eip.mail"] * named


def test_json_speaks_of_the_gateway_too(tmp_path: Path) -> None:
    made = {"resource": {"aws_eip": {"mail": {"domain": "vpc"}}}, "data": {"aws_instance": {"mail": {}}}}
    (tmp_path / "made.tf.json").write_text(json.dumps(made, indent=1))
    found = [(each.file, each.line, each.word) for each in mentions(tmp_path, OURS).mentions]
    assert found == [("made.tf.json", 4, "aws_eip.mail")]
    (tmp_path / "made.tf.json").write_text("{")
    with pytest.raises(CouldNotAsk, match="is no JSON"):
        mentions(tmp_path, OURS)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('resource "aws_eip" "mail" {', "aws_eip.mail"),
        ('module "relay" {', "module.relay"),
        ("  value = module.relay.ip", "module.relay"),
        ('module "relayed" {', ""),
        ('resource "test_module" "relay" {', ""),
        ('data "aws_eip" "mailing" {}', ""),
    ],
)
def test_a_block_is_found_by_its_address(tmp_path: Path, line: str, word: str) -> None:
    (tmp_path / "main.tf").write_text(f"{line}\n}}\n")
    assert [each.word for each in mentions(tmp_path, OURS).mentions] == [word] * bool(word)


@pytest.mark.parametrize(
    ("inside", "word"),
    [
        ("lifecycle {\n    destroy = false # AWS keeps it\n  }", ""),
        ("lifecycle { destroy=false }", ""),
        ("lifecycle {\n    destroy = true\n  }", "aws_eip.mail"),
        ("lifecycle {\n    # destroy = false\n  }", "aws_eip.mail"),
        ("lifecycle {\n    prevent_destroy = false\n  }", "aws_eip.mail"),
        ("", "aws_eip.mail"),
        ("destroy = false", "aws_eip.mail"),
    ],
)
def test_a_removed_block_that_destroys_nothing_is_no_mention(tmp_path: Path, inside: str, word: str) -> None:
    """Terraform 1.15 plans to destroy for each of the others."""
    block = f"removed {{\n  from = aws_eip.mail\n  {inside}\n}}\n"
    (tmp_path / "main.tf").write_text(f'{block}# module.relay\nmodule "relay" {{}}\n')
    found = [(each.word, each.line) for each in mentions(tmp_path, OURS).mentions]
    assert found == [(word, 2)] * bool(word) + [("module.relay", block.count("\n") + 2)]


def test_an_address_is_one_of_its_own_module(tmp_path: Path) -> None:
    """A module below may have a variable of the same name; an instance's id means the same everywhere."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/main.tf").write_text('variable "ip" {}\noutput "ip" {\n  value = "${var.ip} i-0"\n}\n')
    assert [each.word for each in mentions(tmp_path, ("output.ip", "var.ip", "i-0")).mentions] == ["i-0"]
    (tmp_path / "main.tf").write_text('output "ip" {}\n')
    assert [each.file for each in mentions(tmp_path, ("output.ip",)).mentions] == ["main.tf"]


@pytest.mark.parametrize(
    ("held", "workspace", "says"),
    [
        (Holding("module.old.aws_instance.box[0]", "aws_instance", {"id": "i-0"}), "", "found there, as i-0"),
        (Holding("aws_ebs_volume.x", "aws_ebs_volume", {"id": "vol-0"}), "prod", "of the workspace prod, as vol-0"),
        (Holding("aws_eip.mail", "aws_eip", {"id": "e"}), "prod", "run retire_terraform with TF_WORKSPACE=prod"),
        (Holding("aws_instance.web", "aws_instance", {"id": "i-1"}), "prod", ""),
    ],
)
def test_it_goes_by_id_through_modules_and_workspaces(held: Holding, workspace: str, says: str) -> None:
    empty, state = Held((), (), LOOK), Held((held,), (held.address,), LOOK)
    here, elsewhere = (empty, {workspace: state}) if workspace else (state, {})
    found = Retired(OURS, IDS, here, elsewhere, Mentions((), LOOK), Plan((), (), LOOK), {})
    (judged,) = terraform_retired.forgotten(found)
    assert (judged.verdict is Verdict.FAIL, says in judged.sentence()) == (bool(says), True)


def test_what_stays_at_aws_may_stay_in_the_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that a web server has too, and the network's own; what made the gateway may not. AWS is asked only then,
    since its account may be closed by sign-off.
    """
    named = settings_without_a_lab()
    ec2_settings = named.ec2.model_copy(update={"terraform": tmp_path, "terraform_addresses": ()})
    migration = Migration(named.model_copy(update={"ec2": ec2_settings}), Secrets())
    before = {"instance": {"made_by": {"aws:autoscaling:groupName": "mail"}}}
    rows = (
        Holding("aws_security_group.shared", "aws_security_group", {"id": "sg-1"}),
        Holding("aws_default_security_group.a", "aws_default_security_group", {"id": "sg-0"}),
        Holding("aws_key_pair.a", "aws_key_pair", {"id": "mail", "key_pair_id": "key-1"}),
        Holding("aws_autoscaling_group.a", "aws_autoscaling_group", {"id": "mail"}),
        Holding("aws_iam_user.mail", "aws_iam_user", {"id": "mail"}),
    )
    asked: list[frozenset[str]] = []
    monkeypatch.setattr(ec2, "at_first", lambda _: before)
    monkeypatch.setattr(snapshot, "terraform_at_first", lambda _: {})
    monkeypatch.setattr(ec2, "known", lambda _: frozenset({"sg-0", "sg-1", "key-1"}))
    monkeypatch.setattr(ec2, "inventory", lambda _, known: asked.append(known))
    monkeypatch.setattr(terraform_retired, "staying", lambda *_: {"sg-1": Stay("guards eni-9 web too")})
    monkeypatch.setattr(terraform, "workspaces", lambda _: ())

    def red(*held: Holding) -> list[str]:
        monkeypatch.setattr(terraform, "held", lambda _: Held(held, tuple(each.address for each in held), LOOK))
        found = terraform_retired.ask(migration)
        assert found is not None
        return [each.member for each in terraform_retired.forgotten(found) if each.verdict is Verdict.FAIL]

    assert red(rows[1], rows[-1]) == []
    assert not asked
    assert red(*rows) == ["aws_key_pair.a", "aws_autoscaling_group.a"]
    assert asked == [frozenset({"sg-0", "sg-1", "key-1"})]


def test_every_workspace_is_listed_but_the_chosen_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = "The active workspace is being overridden using the TF_WORKSPACE environment\nvariable.\n"
    listed = f"  default\n* prod\n  test\n\n{note}"
    (tmp_path / "terraform").write_text(f"#!/bin/sh\nprintf '%s' '{listed}'\n")
    (tmp_path / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert terraform.workspaces(tmp_path) == ("default", "test")
