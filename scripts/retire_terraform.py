"""Take the EC2 gateway out of Terraform: out of the configuration first, then out of the state.

    python -m scripts.retire_terraform [--apply DIGEST]

In this order a later ``terraform apply`` never makes the gateway again; and ``delete_ec2`` comes after this, so that no
apply misses a gateway that it knows. When nothing else of the configuration needs the AWS provider, its blocks go too,
since a plan could not run without its credentials. Nothing is applied, and each file is kept in its folder as
``FILE.bak-YYYYmmddHHMM``, by the time of what it keeps; the state, wherever it lies, as Terraform gives it, as
``terraform.tfstate.bak-serial-N-HASH``.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.evidence.redaction import without_secrets
from fixtures.probes.aws import terraform
from fixtures.settings import SettingsError
from scripts.lib.change import Job, Refused, Script, Write, left_unfinished
from scripts.lib.terraform.configuration import NOTHING, Configuration, copy, unshared

STATE, LOCK = "terraform.tfstate", ".terraform.tfstate.lock.info"
TIMEOUT_S = 120
DESTROYS = {"delete", "replace"}
HELD, FORGOTTEN = "in the state", "not in the state"


def plan(job: Job) -> Iterator[Write]:
    """Copies of what is changed, the cuts file by file, then each resource out of the state."""
    folder, addresses = _folder(job), job.migration.settings.ec2.terraform_addresses
    if folder is None:
        return
    held = terraform.held(folder).addresses
    going = tuple(each for each in held if terraform.belongs(each, addresses))
    configuration = Configuration(folder, addresses, tuple(each for each in held if each not in going))
    for name in configuration.cuts():
        yield from copy(folder / name)
    begun = any(terraform.belongs(each, addresses) for each in left_unfinished(job, "retire_terraform"))
    if going and not begun:  # else the copy that was made before that has all of it
        # Not the file that lies there: the state may be a backend's, or a workspace's, and that file an old one.
        yield from copy(folder / STATE, _terraform(folder, "state", "pull").encode())
    for name in configuration.cuts():
        read, cut = partial(configuration.doomed, name), partial(configuration.cut, name)
        yield Write(f"configuration in {folder}", name, read(), NOTHING, cut, read, danger="deletes")
    for each in going:
        command = shlex.join(["terraform", f"-chdir={folder}", "state", "rm", each])
        forget, read = partial(_terraform, folder, "state", "rm", each), partial(_held, folder, each)
        yield Write(f"state of {folder}", each, HELD, FORGOTTEN, forget, read, command, "deletes")


def check(job: Job) -> None:
    """Nobody else works on the state."""
    folder = _folder(job)
    if folder and (folder / LOCK).exists():
        raise Refused(
            f"{folder / LOCK} exists: a terraform is running there, or was killed. Wait for it, or, if it is dead, "
            "`terraform force-unlock` with the ID that stands in that file"
        )


def finish(job: Job) -> None:
    """A plan must not make the gateway again, nor destroy what stays. What else it shows is said, and is not ours."""
    folder, ours = _folder(job), job.migration.settings.ec2.terraform_addresses
    if folder is None:
        return
    if only_here := unshared(folder):
        job.say(only_here)
    found, stays = terraform.plan(folder), set(terraform.held(folder).addresses)
    bad = [
        each
        for each in found.changes
        if terraform.belongs(each.address, ours) or (each.address in stays and each.action in DESTROYS)
    ]
    if bad:
        raise Refused(
            f"{folder}: the gateway is out of the state, yet `terraform apply` would still do harm: "
            f"{'; '.join(map(str, bad))}. Settle that; do not apply before you have read the plan. Then run this again"
        )
    if found.changes or found.outputs:
        job.say(f"`terraform plan` has changes that are none of the gateway's: {found.summary}")


def _folder(job: Job) -> Path | None:
    """Where the configuration lies; None where Terraform never made the gateway."""
    settings = job.migration.settings.ec2
    if settings.terraform and not settings.terraform_addresses:
        raise SettingsError("ec2.terraform_addresses: expected the gateway's resources, such as aws_instance.mail")
    for each in settings.terraform_addresses:
        if re.match(r"module\.[^.]+\.", each):
            raise SettingsError(f"ec2.terraform_addresses: {each} lies in a module; expected the whole module.NAME")
    return settings.terraform


def _held(folder: Path, resource: str) -> str:
    return HELD if resource in terraform.held(folder).addresses else FORGOTTEN


def _terraform(folder: Path, *arguments: str) -> str:
    argv = ["terraform", f"-chdir={folder}", *arguments]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=TIMEOUT_S, env=without_secrets(), check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CouldNotAsk(f"`{shlex.join(argv)}`: {error}") from None
    if done.returncode:
        raise Refused(f"`{shlex.join(argv)}` ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


SCRIPT = Script("retire_terraform", __doc__, plan, check=check, finish=finish)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
