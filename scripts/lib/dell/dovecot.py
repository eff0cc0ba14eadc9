"""Dell's Dovecot: the writes that give it the quota-status service and put that into effect."""

import re
from collections.abc import Collection, Iterator
from functools import partial

from fixtures.access.changing import CommandFailed, Shell, dovecot
from fixtures.plan import dovecot as dovecotplan
from fixtures.plan.dovecot import INCLUDE, MAIN
from fixtures.settings import Settings
from scripts.lib.change import Refused, Write
from scripts.lib.dell import host_files

_LISTENS, _SILENT, _OLD = "listens, as in its files", "is not there", "listens; changed files not read yet"
_NOT_WRITTEN = f"{MAIN} was not written, and nothing is put back"
_SEEN = f"{dovecotplan.QUOTA}.read"
"""Touched once Dovecot has read its files by our doing."""
_STATE = 'if [ ! -S "$1" ]; then echo silent; elif [ "$2" -nt "$3" ]; then echo old; else echo listens; fi'
_INCLUDED = f"""\
if grep -q ^dovecot_storage_version {MAIN}; then sed -i '/^dovecot_storage_version/a {INCLUDE}' {MAIN}
else sed -i '1i {INCLUDE}' {MAIN}; fi"""
# A reload is done before the new listeners are: at most five seconds. Those of before may go only then, so the socket
# has to be there for five looks in a row.
_RELOAD = """\
touch -- "$2.new" && doveadm reload && seen=0 && for _ in {1..50}; do
    if [ -S "$1" ]; then seen=$((seen + 1)); else seen=0; fi
    [ $seen -lt 5 ] || exec mv -- "$2.new" "$2"
    sleep .1
done
echo "no $1" >&2
exit 1
"""


def service(postfix: Shell, settings: Settings, begun: Collection[str] = ()) -> Iterator[Write]:
    """Files, their inclusion and a reload, as far as they are missing. Nothing where the service is not ours to make.

    BEGUN: files that an interrupted run has written.

    Raises ``Refused`` where Dovecot is older than the configuration that we write.
    """
    shell = dovecot(settings)
    queue = postfix.run("postconf", "-xh", "queue_directory").stdout.strip()
    if not dovecotplan.tables(settings, queue):
        return
    series = _series(shell)
    wanted = dovecotplan.tables(settings, queue, series, _plugins(shell, series))
    socket = f"{queue}/{dovecotplan.OURS.removeprefix('unix:')}"
    files = [
        each
        for path, text in wanted.items()
        for each in host_files.replacement(shell, path, host_files.contents(shell, path), text)
    ]
    present = host_files.contents(shell, MAIN)
    if present is None:
        raise Refused(f"Dell: expected {MAIN}; is Dovecot configured elsewhere? Then set dell.quota_policy")
    include = dovecotplan.including(present)
    changed = [MAIN] if include != present else []
    host_files.require_lasting(shell, [*changed, *(each.subject for each in files)])
    if include != present:
        yield from host_files.backup(shell, MAIN)
    yield from files
    yield from host_files.replacement(shell, MAIN, present, include, shown=_shown, command=_INCLUDED)
    state = _state(shell, socket)
    if state == _LISTENS and any(each.subject == dovecotplan.QUOTA for each in files):
        state = _OLD  # once that is written
    if state != _LISTENS:
        undo = MAIN in changed or MAIN in begun
        do, read = partial(_take_effect, shell, socket, undo=undo), partial(_state, shell, socket)
        command = "doveconf -n >/dev/null && doveadm reload"
        yield Write("Dovecot as it runs", "quota-status on Dell", state, _LISTENS, do, read, command)


def _series(shell: Shell) -> str:
    done = shell.run("dovecot", "--version", check=False)
    found = f"Dovecot {done.stdout.split()[0]}" if done.ok and done.stdout.strip() else "no Dovecot where Postfix is"
    if not done.ok or re.match(r"Dovecot 2\.[0-2]\b", found):
        raise Refused(
            f"Dell has {found}: quota-status is set up here for 2.3 and newer only. Set that service up by hand, so "
            "that it knows the aliases too, and name its place as dell.quota_policy, such as "
            '"inet:127.0.0.1:12340"; or dell.quota_policy = "" if no mailbox has a quota'
        )
    return next((each for each in dovecotplan.SERIES if found.startswith(f"Dovecot {each}.")), dovecotplan.SERIES[-1])


def _plugins(shell: Shell, series: str) -> tuple[str, ...]:
    """Those for every service, until 2.3; from then on each may have more."""
    if series != dovecotplan.SERIES[0]:
        return ()
    try:
        return tuple(re.findall(r"\w+", shell.run("doveconf", "-h", "mail_plugins").stdout))
    except CommandFailed as error:
        raise _not_taken(error, _NOT_WRITTEN) from None


def _not_taken(error: CommandFailed, back: str) -> Refused:
    return Refused(f"Dovecot does not take its new configuration: {error}. {back}")


def _shown(text: str) -> str:
    stands = INCLUDE if INCLUDE in text.split("\n") else "no quota-status of ours"
    return f"{stands}\n{host_files.fingerprint(text)}"


def _state(shell: Shell, socket: str) -> str:
    found = shell.run("sh", "-c", _STATE, "sh", socket, dovecotplan.QUOTA, _SEEN).stdout.strip()
    return {"listens": _LISTENS, "old": _OLD}.get(found, _SILENT)


def _take_effect(shell: Shell, socket: str, *, undo: bool) -> None:
    """Have it read. UNDO: MAIN was written for that, and is put back where Dovecot does not take it."""
    try:
        shell.run("sh", "-c", "doveconf -n >/dev/null")
        shell.run("bash", "-c", _RELOAD, "bash", socket, _SEEN)
    except CommandFailed as error:
        back = _NOT_WRITTEN
        if undo and host_files.restore(shell, MAIN):
            shell.run("doveadm", "reload", check=False)
            back = f"{MAIN} is as before"
        if "Dovecot is not running" in str(error):  # perhaps on purpose
            raise Refused(f"Dovecot does not run: start it, then run this again. {back}") from None
        raise _not_taken(error, back) from None
