"""Whether what is written on Dell can be written there, and stays: asked before the first write.

A container's own files are gone when it is made anew. What is written into one has to lie on a mount: a folder of the
machine's, or a volume with a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from fixtures.access.transport import Shell
from scripts.lib.change import Refused

ROOM_KIB = 256
"""For our files, their backups, and copies of both while they are being replaced; they are a few KiB each."""
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_CHECK = f"""\
for each in "$@"; do
    if [ ! -d "$each" ]; then echo "$each: there is no such folder"
    elif [ ! -w "$each" ]; then echo "$each: can't be written (a read-only file system, or no right to)"
    else
        left=$(df -Pk -- "$each" | awk 'NR == 2 {{ print $4 }}')
        [ "${{left:-0}}" -ge {ROOM_KIB} ] || echo "$each: $left KiB of disk are left, expected {ROOM_KIB} or more"
    fi
done
"""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount of a container: from where on the machine, to where inside."""

    kind: str
    name: str
    source: str
    target: str
    writable: bool

    def outside(self, path: str) -> str:
        """PATH as the machine has it."""
        inner = PurePosixPath(path).relative_to(self.target)
        return str(PurePosixPath(self.source) / inner) if inner.parts else self.source


def require(shell: Shell, paths: Iterable[str]) -> None:
    """Refuse to write PATHS where there is no room or no right, or where they would not outlive their container."""
    wanted = list(paths)
    if not wanted:
        return
    if shell.transport.container:
        found = mounts(shell)
        for path in wanted:
            _require_mount(shell, path, mount_of(path, found))
    folders = sorted({str(PurePosixPath(path).parent) for path in wanted})
    said = shell.run("sh", "-c", _CHECK, "sh", *folders).stdout.strip()
    if said:
        raise Refused(f"Dell: {'; '.join(said.splitlines())}. Nothing was changed; mend that, and plan again")


def mounts(shell: Shell) -> tuple[Mount, ...]:
    """The mounts of the container into which SHELL leads. Raises ``CouldNotAsk``."""
    there = shell.transport
    done = shell.machine.run(there.engine, "container", "inspect", "-f", "{{json .Mounts}}", there.container)
    return tuple(
        Mount(
            each.get("Type", ""), each.get("Name", ""), each.get("Source", ""), each["Destination"],
            bool(each.get("RW", True)),
        )
        for each in json.loads(done.stdout) or ()
    )  # fmt: skip


def mount_of(path: str, found: Iterable[Mount]) -> Mount | None:
    """The mount on which PATH lies, the innermost; None: it lies in the container itself."""
    holding = [each for each in found if PurePosixPath(path).is_relative_to(each.target)]
    return max(holding, key=lambda each: len(each.target), default=None)


def _require_mount(shell: Shell, path: str, mount: Mount | None) -> None:
    folder, name = PurePosixPath(path).parent, shell.transport.container
    if mount is None or mount.kind == "tmpfs" or _ANONYMOUS.fullmatch(mount.name):
        where = "in the container itself" if mount is None else "in memory" if mount.kind == "tmpfs" else "nameless"
        kept = f"on a {where} volume" if mount and mount.kind == "volume" else where
        raise Refused(
            f"Dell: {path} lies {kept}: it would be lost when {name} is made anew. Mount {folder} from the machine "
            f'(-v /srv/{name}{folder}:{folder}) or from a volume with a name, or let a template own it (dell.owner = "'
            'template")'
        )
    if not mount.writable:
        raise Refused(f"Dell: {folder} is mounted read-only into {name}. Mount it writable, or let a template own it")
    if mount.target == path:
        raise Refused(
            f"Dell: {path} alone is mounted into {name}; a file that is a mount can't be replaced in one step. Mount "
            f"its folder, {folder}"
        )
