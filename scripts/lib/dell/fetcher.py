"""What on Dell fetches the mail that waits in the bucket, as writes: its files, and its timer switched on; or off.

Files with secrets are shown as what they are to be or not, and nothing of them: a digest of a password can be guessed.
"""

from collections.abc import Iterator
from functools import partial

from fixtures.access.changing import Shell
from fixtures.migration import Migration
from fixtures.plan import fetcher
from fixtures.settings.secrets import SecretMissing
from scripts.lib.change import Refused, Write
from scripts.lib.dell import host_files
from scripts.lib.dell.host_files import fingerprint

ON, OFF, STALE = "enabled, active", "off", "enabled, active, by older files"
# What curl can't do shows at once, and not when mail waits: it signs for S3 as R2 wants it since 7.88 (Debian 12).
_ABLE = """\
command -v systemctl base64 mktemp sed >/dev/null || { echo "no systemctl, base64, mktemp or sed"; exit 0; }
found=$(curl --version 2>/dev/null | sed -n '1s/^curl \\([0-9]*\\)\\.\\([0-9]*\\).*/\\1 \\2/p')
set -- ${found:-0 0}
[ "$1" -gt 7 ] || { [ "$1" = 7 ] && [ "$2" -ge 88 ]; } || echo "curl is missing, or older than 7.88"
"""
# NeedDaemonReload= says that systemd has not read a unit's file.
_STATE = """\
systemctl is-enabled "$1" 2>/dev/null || :
systemctl is-active "$1" 2>/dev/null || :
systemctl show "$1" "$2" -p NeedDaemonReload 2>/dev/null || :
"""
_START = 'systemctl daemon-reload && systemctl enable --now "$1"'
# The state of a dynamic user lies in private/ (systemd.exec(5)), and a link leads to it.
_STOP = 'systemctl disable --now "$1"; systemctl stop "$2"; rm -rf -- "$3" "${3%/*}/private/${3##*/}"'


def installed(shell: Shell, migration: Migration) -> Iterator[Write]:
    """Whatever is not as planned. ``SecretMissing``; ``Refused`` where it could not work."""
    wanted = fetcher.files(migration.settings, migration.secrets)
    if not wanted:
        return
    secrets = migration.secrets
    for name in ("bucket_key", "bucket_secret", "worker_password"):
        if not getattr(secrets, name).get_secret_value():
            raise SecretMissing(f"MXGATE_{name.upper()} is not set: Dell could not fetch what waits in the bucket")
    if migration.settings.dell.owner != "host":
        raise Refused(
            f"route.bucket: what fetches mail is set up only for a Postfix on the host, and dell.owner is "
            f"{migration.settings.dell.owner!r}"
        )
    if said := shell.run("sh", "-c", _ABLE).stdout.strip():
        raise Refused(f"Dell: {said}; what fetches mail from the bucket needs that. Nothing was changed")
    changed = set()
    for path, text in wanted.items():
        present = host_files.contents(shell, path)
        changed |= {path} if present != text else set()
        mode = "600" if path in fetcher.SECRET else "755" if path == fetcher.SCRIPT else "644"
        shown = partial(_secret, text) if path in fetcher.SECRET else fingerprint
        hand = f"# by hand: {path}, of mode 600: what curl needs" if path in fetcher.SECRET else ""
        yield from host_files.replacement(shell, path, present, text, shown=shown, command=hand, mode=mode)
    now = _state(shell)
    if now == ON and changed & set(fetcher.UNITS):
        now = STALE  # as it will be by then
    if now != ON:
        do = partial(shell.run, "sh", "-c", _START, "sh", fetcher.TIMER)
        hand = f"systemctl daemon-reload; systemctl enable --now {fetcher.TIMER}"
        yield Write("what fetches mail", fetcher.TIMER, now, ON, do, partial(_state, shell), hand)


def removed(shell: Shell) -> Iterator[Write]:
    """Switched off, and its files gone."""
    there = [path for path in fetcher.PATHS if host_files.contents(shell, path) is not None]
    if there and (now := _state(shell)) != OFF:
        do = partial(shell.run, "sh", "-c", _STOP, "sh", fetcher.TIMER, fetcher.UNIT, fetcher.STATE)
        hand = f"systemctl disable --now {fetcher.TIMER}"
        yield Write("what fetches mail", fetcher.TIMER, now, OFF, do, partial(_state, shell), hand, danger="ends")
    for path in there:
        yield from host_files.removal(shell, path, lambda _: "there")


def _state(shell: Shell) -> str:
    said = shell.run("sh", "-c", _STATE, "sh", fetcher.TIMER, fetcher.UNIT).stdout.split()
    if said[:2] == ["enabled", "active"]:
        return STALE if "NeedDaemonReload=yes" in said else ON
    return ", ".join(said[:2]) if {"enabled", "active"} & set(said[:2]) else OFF


def _secret(wanted: str, text: str) -> str:
    return "as it is to be" if text == wanted else "another"
