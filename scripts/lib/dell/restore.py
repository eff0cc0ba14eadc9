"""Dell as it was before ``prepare_dell``: Postfix's two files as the first snapshot has them, and nothing of ours left.

But where Dell sends by another relay host since: how it sends stays as it is.

Postfix first, restarted with its old files; then Dovecot without quota-status; then our tables, which nobody reads any
more. What serves now is kept as the newest backup, and comes back by itself if Postfix does not serve without it.
"""

import base64
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fixtures.access.changing import Shell, dell, dovecot
from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.plan import dovecot as dovecotplan, postfix as dellplan
from fixtures.settings.dell import hop
from scripts.lib.change import Job, Refused, Write
from scripts.lib.dell import fetcher, host_files, postfix_text
from scripts.lib.dell.host_files import fingerprint

LOAD_S_MAX = 60.0
_NEWER = 'find -L "$@" -cnewer "$(postconf -xh queue_directory)/pid/master.pid"'
_SERVES, _UNREAD = "serves by its files", "old files not read yet"
_DOVECOTS = (dovecotplan.QUOTA, f"{dovecotplan.QUOTA}.read", dovecotplan.ALIASES)
_GREETS = Path(__file__).with_name("greets.bash").read_text(encoding="utf-8")
# By its unit where there is one, or systemd would take Postfix for stopped. Then it has to greet.
_RESTART = Path(__file__).with_name("restart.bash").read_text(encoding="utf-8")


def plan(job: Job) -> Iterator[Write]:
    """Whatever still differs. ``Refused`` where the files are not ours to write."""
    settings = job.migration.settings
    if settings.dell.owner != "host":
        raise Refused(
            f"dell.owner is {settings.dell.owner!r}: put back what owns the files (the backups in their folder, or git "
            "revert of the template's patch), and deploy it; --with-dell does so only for files on the host"
        )
    shell = dell(settings)
    at = dellplan.places(settings)
    texts = {path: _taken(job, path) for path in (at.main, at.master)}
    present = {path: host_files.contents(shell, path) for path in texts}
    texts[at.main] = _sending_as_now(job, texts[at.main], present[at.main])
    changed = [path for path in texts if present[path] != texts[path]]
    for path in changed:
        yield from host_files.backup(shell, path)
    # main.cf first: with it port 25 still admits by our table, as master.cf says until it is read again.
    for path in changed:
        yield from host_files.replacement(shell, path, present[path], texts[path], shown=fingerprint)
    if changed or _state(shell, *texts) != _SERVES:
        restart, read = partial(_restart, shell, *texts), partial(_state, shell, *texts)
        command = "postfix stop; postfix start"
        yield Write("Postfix as it runs", "Postfix on Dell", _UNREAD, _SERVES, restart, read, command)
    yield from _dovecot(dovecot(settings), shell.run("postconf", "-xh", "queue_directory").stdout.strip())
    yield from fetcher.removed(shell)
    for path in (at.admitted, at.guests, at.mailboxes, at.aliases, at.logins, at.seen):
        yield from host_files.removal(shell, path, fingerprint)


def _taken(job: Job, path: str) -> str:
    name = path.rpartition("/")[2]
    files = (job.migration.store.snapshot("start") or {}).get("dell", {}).get("files", {})
    if name not in files:
        raise Refused(f"the first snapshot does not hold {path}, which not everybody may read: copy its oldest backup")
    return base64.b64decode(files[name]).decode("utf-8", "surrogateescape")


def _sending_as_now(job: Job, old: str, now: str | None) -> str:
    """OLD, but where Dell sends by another server NOW, sending as it does: the table of logins is not taken back."""
    try:
        was, stands = postfix_text.parameters(old).get("relayhost", ""), postfix_text.parameters(now or "")
    except Refused:  # a file that nobody can read is no reason to keep it
        return old
    sends = stands.get("relayhost", "")
    if now is None or not was or hop(was) in {hop(sends), hop(job.migration.settings.relay.host)}:
        return old
    its = {name: value for name, value in stands.items() if name.startswith("smtp_")} | {"relayhost": sends}
    # One that stands twice would be refused, and nobody can mend what was there first: it stands once more, at the end.
    old = postfix_text.without_twins(old, its)
    job.say(
        N_(
            f"main.cf goes back but for how Dell sends: by {sends or 'itself'}, as now, and no longer by {was}, since "
            f"relay.host is {job.migration.settings.relay.host or '(none)'}. Kept: {', '.join(sorted(its))}"
        )
    )
    return postfix_text.with_parameters(old, its)


def _dovecot(shell: Shell, queue: str) -> Iterator[Write]:
    present = host_files.contents(shell, dovecotplan.MAIN) or ""
    without = "".join(each for each in present.splitlines(keepends=True) if each.strip() != dovecotplan.INCLUDE)
    yield from host_files.replacement(shell, dovecotplan.MAIN, present, without, shown=fingerprint)
    socket = f"{queue}/{dovecotplan.OURS.removeprefix('unix:')}"

    def read() -> str:
        return "listens" if shell.run("test", "-S", socket, check=False).ok else "is gone"

    if read() == "listens":
        do = partial(shell.run, "doveadm", "reload")
        yield Write("Dovecot as it runs", "quota-status on Dell", "listens", "is gone", do, read, "doveadm reload")
    for path in _DOVECOTS:
        yield from host_files.removal(shell, path, fingerprint)


def _state(shell: Shell, *files: str) -> str:
    """Whether Postfix greets, and was started after its FILES were last changed."""
    newer = shell.run("sh", "-c", _NEWER, "sh", *files, check=False)
    read = newer.ok and not newer.stdout and shell.run("postfix", "status", check=False).ok
    greets = read and shell.run("bash", "-c", _GREETS, check=False).ok
    return _SERVES if greets else _UNREAD


def _restart(shell: Shell, *files: str) -> None:
    try:
        shell.run("postfix", "check", timeout_s=LOAD_S_MAX)
        shell.run("bash", "-c", _RESTART, "bash", _GREETS, timeout_s=LOAD_S_MAX)
    except CouldNotAsk as error:
        for path in files:
            host_files.restore(shell, path)
        shell.run("bash", "-c", _RESTART, "bash", _GREETS, timeout_s=LOAD_S_MAX)
        raise Refused(
            f"Dell's Postfix does not serve by its old files: {error}. Both are as in the newest backup again, and read"
        ) from None
