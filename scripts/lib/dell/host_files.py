"""Dell's files: the writes that change them and keep backups of them. A file is replaced whole, in one rename.

Whether what is written can be written there, and stays, is asked before the first write: a container's own files are
gone when the container is made again, so what is written into one has to lie on a mount: a folder of the machine's, or
a volume with a name.
"""

import json
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath

from fixtures.access.changing import CommandFailed, Shell
from fixtures.evidence import CouldNotAsk
from fixtures.plan import postfix as dellplan
from fixtures.settings import Settings
from scripts.lib.change import Refused, Write

NO_FILE, _NO_FILE = "no such file", 44
BACK_UP_S_MAX = 90.0
"""A backup is named by its minute, and waits for the next where that name is taken."""
# Only what BusyBox's commands know, too. The sum first: a connection that breaks would otherwise put half a file in
# place. Where it has broken, the message finds nobody who reads it, and a signal ends this before EXIT is trapped.
_REPLACE = Path(__file__).with_name("replace_file.sh").read_text(encoding="utf-8")
# By when it was made: a copy of another hand's may be named by the clock of another time zone.
_NEWEST = f"""\
set -- "$1".bak-{"[0-9]" * 12}
[ ! -e "$1" ] || cat -- "$(stat -c '%Z %n' -- "$@" | sort | tail -n 1 | cut -d' ' -f2-)"
"""
_BACK_UP = Path(__file__).with_name("back_up_file.sh").read_text(encoding="utf-8")
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


def contents(shell: Shell, path: str) -> str | None:
    """A file's text; None if there is none. Raises ``CouldNotAsk``."""
    done = shell.run("sh", "-c", f'[ -e "$1" ] || exit {_NO_FILE}; cat -- "$1"', "sh", path, check=False)
    if done.status == _NO_FILE:
        return None
    if not done.ok:
        raise CommandFailed(shell.name, done)
    return done.stdout


def replacement(  # noqa: PLR0913 - the file, from and to, and how it is shown
    shell: Shell,
    path: str,
    present: str | None,
    wanted: str,
    *,
    shown: Callable[[str], str] = str,
    command: str = "",
    mode: str = "644",
) -> Iterator[Write]:
    """At most one write, which replaces the file. SHOWN: what of its text a plan shows; any change must show in it.

    MODE: of a file that is not there yet.
    """
    if present != wanted:
        before = NO_FILE if present is None else shown(present)
        again = command or here(f"cat >{path}", wanted)
        do, read = partial(replace, shell, path, wanted, mode), partial(_stands, shell, path, shown)
        yield Write("Dell's files", path, before, shown(wanted), do, read, again)


def removal(shell: Shell, path: str, shown: Callable[[str], str]) -> Iterator[Write]:
    """At most one write, which deletes the file. SHOWN: what of its text a plan shows."""
    read, argv = partial(_stands, shell, path, shown), ("rm", "-f", "--", path)
    if (now := read()) != NO_FILE:
        do = partial(shell.run, *argv)
        yield Write("Dell's files", path, now, NO_FILE, do, read, shlex.join(argv), danger="deletes")


def _stands(shell: Shell, path: str, shown: Callable[[str], str]) -> str:
    return NO_FILE if (text := contents(shell, path)) is None else shown(text)


def here(command: str, text: str, more: str = "") -> str:
    """The lines for a shell that give TEXT to COMMAND; MORE: what is done after it. No line of TEXT ends it."""
    end, ended = "EOF", text if text.endswith("\n") or not text else f"{text}\n"
    while end in ended.split("\n"):
        end += "_"
    return f"{command} <<'{end}'{more}\n{ended}{end}"


def tables(shell: Shell, settings: Settings, *, with_ec2: bool, given_up: Collection[str]) -> Iterator[Write]:
    """A write for each lookup table that is not as planned (``dellplan.tables``)."""
    for path, wanted in dellplan.tables(settings, with_ec2=with_ec2, given_up=given_up).items():
        yield from replacement(shell, path, contents(shell, path), wanted)


def backup(shell: Shell, path: str) -> Iterator[Write]:
    """A copy in the same folder, named as in the operator's plan, unless the newest one equals it already."""

    def read() -> str:
        return fingerprint(found) if (found := newest_backup(shell, path)) else NO_FILE

    present, newest = contents(shell, path) or "", newest_backup(shell, path)
    if newest != present:
        before = fingerprint(newest) if newest else NO_FILE
        do = partial(shell.run, "sh", "-c", _BACK_UP, "sh", path, timeout_s=BACK_UP_S_MAX)
        again = shlex.join(["cp", "-p", path, f"{path}.bak-"]) + "$(date +%Y%m%d%H%M)"
        yield Write("backups", f"{path}.bak-YYYYmmddHHMM", before, fingerprint(present), do, read, again)


def restore(shell: Shell, path: str) -> bool:
    """Put the newest backup in the file's place, byte for byte; False if there is none.

    From outside, where the container doesn't run any more.
    """
    try:
        shell.run("true")
    except CouldNotAsk:
        mount = mount_of(path, mounts(shell)) if shell.transport.container else None
        if mount is None:
            raise
        shell, path = shell.machine, mount.outside(path)
    original = newest_backup(shell, path)
    if original:
        replace(shell, path, original)
    return bool(original)


def fingerprint(text: str) -> str:
    """Names a text; 16 hex characters."""
    return f"sha256 {sha256(_bytes(text)).hexdigest()[:16]}"


def newest_backup(shell: Shell, path: str) -> str:
    """The text of the newest copy that ``backup`` has made of a file; empty: there is none."""
    return shell.run("sh", "-c", _NEWEST, "sh", path).stdout


def replace(shell: Shell, path: str, text: str, mode: str = "644") -> None:
    """Put TEXT in the file's place, which keeps its owner and mode, and its links. MODE: where there is none yet."""
    data = _bytes(text)
    shell.run("sh", "-c", _REPLACE, "sh", path, sha256(data).hexdigest(), mode, stdin=data)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


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


def require_lasting(shell: Shell, paths: Iterable[str]) -> None:
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
    kind, name, source, target = "Type", "Name", "Source", "Destination"
    return tuple(
        Mount(each.get(kind, ""), each.get(name, ""), each.get(source, ""), each[target], bool(each.get("RW", True)))
        for each in json.loads(done.stdout) or ()
    )


def mount_of(path: str, found: Iterable[Mount]) -> Mount | None:
    """The mount on which PATH lies, the innermost; None: it lies in the container itself."""
    holding = [each for each in found if PurePosixPath(path).is_relative_to(each.target)]
    return max(holding, key=lambda each: len(each.target), default=None)


def _require_mount(shell: Shell, path: str, mount: Mount | None) -> None:
    folder, name, engine = PurePosixPath(path).parent, shell.transport.container, shell.transport.engine
    if mount is None or mount.kind == "tmpfs" or _ANONYMOUS.fullmatch(mount.name):
        where = "in the container itself" if mount is None else "in memory" if mount.kind == "tmpfs" else "nameless"
        kept = f"on a {where} volume" if mount and mount.kind == "volume" else where
        raise Refused(
            f"Dell: {path} lies {kept}: it would be lost when {name} is made again. Copy {folder}, as a "
            f"new folder would hide what the image has there (mkdir -p /srv/{name}{folder}; {engine} cp "
            f"{name}:{folder}/. /srv/{name}{folder}), and mount the copy (-v /srv/{name}{folder}:{folder}); or let a "
            'template own it (dell.owner = "template"). An image that writes these files at each start undoes what is '
            "not in its own place for changes: docker-mailserver's docker-data/dms/config, mailcow's data/conf/postfix"
        )
    if not mount.writable:
        raise Refused(f"Dell: {folder} is mounted read-only into {name}. Mount it writable, or let a template own it")
    if mount.target == path:
        raise Refused(
            f"Dell: only {path} is mounted into {name}; a file that is a mount can't be replaced in one step. Mount "
            f"its folder, {folder}"
        )
