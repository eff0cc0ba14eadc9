"""A Terraform file is cut by its braces, and what stays is byte for byte what it was."""

import json
from pathlib import Path

import pytest

from scripts.lib.change import Refused
from scripts.lib.terraform.configuration import Configuration, copy, doomed
from scripts.lib.terraform.hcl import HclError, blocks, code, cut

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
