"""Dell's files: the writes that change them and keep backups of them. A file is replaced whole, in one rename."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256

from fixtures.access.transport import CommandFailed, Shell
from fixtures.evidence import CouldNotAsk
from fixtures.plan import postfix as dellplan
from fixtures.settings import Settings
from scripts.lib.change import Write
from scripts.lib.dell import lasting

NO_FILE, _NO_FILE = "no such file", 44
# The sum first: a connection that breaks would otherwise put half a file in place. Where it has broken, the message
# finds nobody who reads it, and a signal ends this before EXIT is trapped.
_REPLACE = """\
set -e
target=$(readlink -f -- "$1"); new="$target.mxgate.new"
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP PIPE TERM
cat >"$new"
[ "$(sha256sum <"$new" | cut -d' ' -f1)" = "$2" ] || { echo "$1: cut short on the way" >&2; exit 1; }
chmod 644 -- "$new"
[ ! -e "$target" ] || { chmod --reference="$target" -- "$new"; chown --reference="$target" -- "$new"; }
sync -- "$new"
mv -fT -- "$new" "$target"
"""
_NEWEST = f'set -- "$1".bak-{"[0-9]" * 12}; shift $(($# - 1)); [ ! -e "$1" ] || cat -- "$1"'
_BACK_UP = """\
set -e
name() { echo "$1.bak-$(date +%Y%m%d%H%M)"; }
while [ -e "$(name "$1")" ]; do sleep 1; done
new=$(name "$1")
cp -p -- "$1" "$new.mxgate.new"
sync -- "$new.mxgate.new"
mv -nT -- "$new.mxgate.new" "$new"
"""


def contents(shell: Shell, path: str) -> str | None:
    """A file's text; None if there is none. Raises ``CouldNotAsk``."""
    done = shell.run("sh", "-c", f'[ -e "$1" ] || exit {_NO_FILE}; cat -- "$1"', "sh", path, check=False)
    if done.status == _NO_FILE:
        return None
    if not done.ok:
        raise CommandFailed(shell.name, done)
    return done.stdout


def replacement(  # noqa: PLR0913 - the file, from and to, and how a person is told
    shell: Shell,
    path: str,
    present: str | None,
    wanted: str,
    *,
    shown: Callable[[str], str] = str,
    command: str = "",
) -> Iterator[Write]:
    """At most one write, which replaces the file. SHOWN: what of its text is told; any change must show in it."""

    def tell(text: str | None) -> str:
        return NO_FILE if text is None else shown(text)

    if present != wanted:
        again = command or f"cat >{path} <<'EOF'\n{wanted}EOF"
        yield Write(
            "Dell's files", path, tell(present), tell(wanted), partial(_replace, shell, path, wanted),
            lambda: tell(contents(shell, path)), again,
        )  # fmt: skip


def tables(shell: Shell, settings: Settings, *, with_ec2: bool) -> Iterator[Write]:
    """A write for each lookup table that is not as planned."""
    for path, wanted in dellplan.tables(settings, with_ec2=with_ec2).items():
        yield from replacement(shell, path, contents(shell, path), wanted)


def backup(shell: Shell, path: str) -> Iterator[Write]:
    """A copy beside the file, named as in the operator's plan, unless the newest one equals it already."""
    present = contents(shell, path) or ""
    newest = _newest_backup(shell, path)
    if newest != present:
        yield Write(
            "backups",
            f"{path}.bak-YYYYmmddHHMM",
            fingerprint(newest) if newest else NO_FILE,
            fingerprint(present),
            lambda: _run(shell, _BACK_UP, path, timeout_s=90),
            lambda: fingerprint(found) if (found := _newest_backup(shell, path)) else NO_FILE,
            shlex.join(["cp", "-p", path, f"{path}.bak-"]) + "$(date +%Y%m%d%H%M)",
        )


def restore(shell: Shell, path: str) -> bool:
    """Put the newest backup in the file's place, byte for byte; False if there is none.

    From outside, where the container doesn't run any more.
    """
    try:
        shell.run("true")
    except CouldNotAsk:
        mount = lasting.mount_of(path, lasting.mounts(shell)) if shell.transport.container else None
        if mount is None:
            raise
        shell, path = shell.machine, mount.outside(path)
    original = _newest_backup(shell, path)
    if original:
        _replace(shell, path, original)
    return bool(original)


def fingerprint(text: str) -> str:
    """Names a text; 16 hex characters."""
    return f"sha256 {sha256(_bytes(text)).hexdigest()[:16]}"


def _newest_backup(shell: Shell, path: str) -> str:
    return shell.run("sh", "-c", _NEWEST, "sh", path).stdout


def _replace(shell: Shell, path: str, text: str) -> None:
    data = _bytes(text)
    shell.run("sh", "-c", _REPLACE, "sh", path, sha256(data).hexdigest(), stdin=data)


def _run(shell: Shell, script: str, *arguments: str, timeout_s: float) -> None:
    shell.run("sh", "-c", script, "sh", *arguments, timeout_s=timeout_s)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
