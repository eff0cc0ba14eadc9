"""Take the EC2 gateway out of Terraform: out of the configuration first, then out of the state.

    python -m scripts.retire_terraform [--apply DIGEST]

In this order a later ``terraform apply`` never makes the gateway anew. When nothing else of the configuration needs
the AWS provider, its blocks go too, since a plan could not run without its credentials. Nothing is applied, and each
file is kept beside itself as ``FILE.bak-YYYYmmddHHMM``, by the time of what it keeps.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path

from fixtures.evidence import CouldNotAsk
from fixtures.probes import terraform
from fixtures.settings import SettingsError
from scripts.change import Job, Refused, Script, Write, run
from scripts.hcl import cut
from scripts.tfconfig import doomed

STATE, LOCK = "terraform.tfstate", ".terraform.tfstate.lock.info"
TIMEOUT_S = 120
HELD, FORGOTTEN = "in the state", "not in the state"
ABSENT, NOTHING = "absent", "nothing of the gateway"


def plan(job: Job) -> Iterator[Write]:
    """Copies of what is changed, the cuts file by file, then each resource out of the state."""
    folder, addresses = _folder(job), job.migration.settings.ec2.terraform_addresses
    if folder is None:
        return
    held = terraform.state_resources(folder).resources
    going = tuple(each for each in held if _belongs(each, addresses))
    cuts = _cuts(folder, addresses)
    for name in [*cuts, *([STATE] if going else [])]:
        yield from _copy(folder, name)
    for name in cuts:
        read = partial(_to_cut, folder, addresses, name)
        yield Write("configuration", str(folder / name), read(), NOTHING, partial(_cut, folder, addresses, name), read)
    for each in going:
        do, read = partial(_terraform, folder, "state", "rm", each), partial(_held, folder, each)
        command = shlex.join(["terraform", f"-chdir={folder}", "state", "rm", each])
        yield Write("state", each, HELD, FORGOTTEN, do, read, command, "deletes")


def check(job: Job) -> None:
    """Nobody else works on the state."""
    folder = _folder(job)
    if folder and (folder / LOCK).exists():
        raise Refused(
            f"{folder / LOCK} exists: a terraform is running there, or was killed. Wait for it, or, if it is dead, "
            "`terraform force-unlock` with the ID that stands in that file"
        )


def finish(job: Job) -> None:
    """A plan must change nothing now: neither make the gateway anew nor touch what stays."""
    folder = _folder(job)
    if folder and not (told := terraform.plan_is_empty(folder)).empty:
        raise Refused(
            f"{folder}: the gateway is out of the state, yet `terraform plan` would still change something: "
            f"{told.summary}. Settle that; do not apply before you have read it. Then run this again"
        )


def _folder(job: Job) -> Path | None:
    """Where the configuration lies; None where Terraform never made the gateway."""
    settings = job.migration.settings.ec2
    if settings.terraform and not settings.terraform_addresses:
        raise SettingsError("ec2.terraform_addresses: expected the gateway's resources, such as aws_instance.mail")
    for each in settings.terraform_addresses:
        if re.match(r"module\.[^.]+\.", each):
            raise SettingsError(f"ec2.terraform_addresses: {each} lies in a module; expected the whole module.NAME")
    return settings.terraform


def _belongs(resource: str, addresses: tuple[str, ...]) -> bool:
    """Also each instance of a resource, and each resource of a module."""
    return any(resource == each or resource.startswith((f"{each}[", f"{each}.")) for each in addresses)


def _cuts(folder: Path, addresses: tuple[str, ...]) -> dict[str, list[tuple[int, int]]]:
    files = {file.name: file.read_bytes().decode("utf-8", "surrogateescape") for file in sorted(folder.glob("*.tf"))}
    held = terraform.state_resources(folder).resources
    return doomed(files, addresses, [each for each in held if not _belongs(each, addresses)])


def _to_cut(folder: Path, addresses: tuple[str, ...], name: str) -> str:
    text = (folder / name).read_bytes().decode("utf-8", "surrogateescape")
    return "".join(text[start:end] for start, end in _cuts(folder, addresses).get(name, [])) or NOTHING


def _cut(folder: Path, addresses: tuple[str, ...], name: str) -> None:
    file = (folder / name).resolve()
    text = cut(file.read_bytes().decode("utf-8", "surrogateescape"), _cuts(folder, addresses)[name])
    _put(file, text.encode("utf-8", "surrogateescape"), file.stat().st_mode & 0o777)


def _copy(folder: Path, name: str) -> Iterator[Write]:
    """A copy beside it, unless there is one of the same minute. A state that lies elsewhere is pulled."""
    file = folder / name
    if file.exists():
        content, mode = file.read_bytes(), file.stat().st_mode & 0o777
        stamp = time.strftime("%Y%m%d%H%M", time.localtime(file.stat().st_mtime))
    else:
        content, mode = _terraform(folder, "state", "pull").encode(), 0o600
        stamp = f"serial-{json.loads(content)['serial']}"
    target = folder / f"{name}.bak-{stamp}"
    if not target.exists():
        read = partial(_fingerprint, target)
        yield Write("copy", str(target), ABSENT, _told(content), partial(_put, target, content, mode), read)


def _fingerprint(file: Path) -> str:
    return _told(file.read_bytes()) if file.exists() else ABSENT


def _told(content: bytes) -> str:
    return f"{len(content)} bytes, SHA-256 {sha256(content).hexdigest()[:16]}"


def _put(file: Path, content: bytes, mode: int) -> None:
    """Whole or not at all."""
    partial_file = file.with_name(f".{file.name}.partial")
    partial_file.touch(mode=0o600)
    partial_file.write_bytes(content)
    partial_file.chmod(mode)
    partial_file.replace(file)


def _held(folder: Path, resource: str) -> str:
    return HELD if resource in terraform.state_resources(folder).resources else FORGOTTEN


def _terraform(folder: Path, *arguments: str) -> str:
    argv = ["terraform", f"-chdir={folder}", *arguments]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CouldNotAsk(f"`{shlex.join(argv)}`: {error}") from None
    if done.returncode:
        raise Refused(f"`{shlex.join(argv)}` ended with {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


SCRIPT = Script("retire_terraform", "Take the EC2 gateway out of Terraform.", plan, check=check, finish=finish)


def main(arguments: list[str] | None = None) -> int:
    return run(SCRIPT, arguments)


if __name__ == "__main__":
    sys.exit(main())
