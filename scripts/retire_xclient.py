"""Take Dell's XCLIENT listener away: on loopback, for our own probes, any client's address could be claimed there.

The last step, once sign-off is judged. ``prepare_dell`` brings it back for as long as somebody judges again.

    python -m scripts.retire_xclient [--apply DIGEST]
"""

import shlex
import time
from collections.abc import Iterator
from functools import partial

from fixtures.access.changing import Shell, dell
from fixtures.evidence import CouldNotAsk
from fixtures.evidence.exiting import leave
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import Places
from fixtures.settings import Settings
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.dell import effect, host_files, postfix_text, templates

CLOSED_S_MAX = 15.0
CLOSED = "nothing listens"


def plan(job: Job) -> Iterator[Write]:
    """The service out of master.cf, and a reload, as far as they are missing."""
    settings = job.migration.settings
    shell, at = dell(settings), dellplan.places(settings)
    effect.require_readable(shell)
    if settings.dell.template:
        with_ec2 = job.migration.store.last("done", script="retire_ec2_access") is None
        yield from templates.plan(job, settings.dell.template, with_ec2=with_ec2, claims=False)
        return
    master = host_files.contents(shell, at.master) or ""
    wanted = postfix_text.without_service(master, at.xclient)
    command = shlex.join(["postconf", "-MX", at.xclient])
    files = list(
        host_files.replacement(shell, at.master, master, wanted, shown=partial(_shown, at.xclient), command=command)
    )
    host_files.require_lasting(shell, [each.subject for each in files])
    for each in files:
        yield from host_files.backup(shell, each.subject)
    yield from files
    now = _state(shell, at)
    if files or now != CLOSED:
        subject = f"port {at.port} of Dell's loopback"
        close = partial(_close, shell, settings)
        yield Write("Postfix as it runs", subject, now, CLOSED, close, partial(_state, shell, at), "postfix reload")


def _shown(listener: str, text: str) -> str:
    found = [entry.text for entry in postfix_text.services(text, listener)]
    return "\n".join([*found, host_files.fingerprint(text)])


def _state(shell: Shell, at: Places) -> str:
    """Whether anybody listens at the listener's port of loopback, by the kernel's word."""
    lines = shell.run("cat", "/proc/net/tcp").stdout.splitlines()
    listens = any(row.split()[1:4:2] == [f"0100007F:{at.port:04X}", "0A"] for row in lines)
    return f"listens at 127.0.0.1:{at.port}" if listens else CLOSED


def _close(shell: Shell, settings: Settings) -> None:
    at = dellplan.places(settings)
    # Also where a run that was killed has written the file: what is put back is only ever the listener.
    stands, copy = host_files.contents(shell, at.master) or "", host_files.newest_backup(shell, at.master)
    undo = copy != stands and postfix_text.without_service(copy, at.xclient) == stands
    try:
        shell.run("postfix", "reload", timeout_s=effect.LOAD_S_MAX)
        until = time.monotonic() + CLOSED_S_MAX
        while (said := _state(shell, at)) != CLOSED:
            if time.monotonic() > until:
                raise Refused(f"after {CLOSED_S_MAX:.0f} s somebody still {said}")
            time.sleep(0.2)
        effect.read_and_serving(shell, settings)
    except (CouldNotAsk, Refused) as error:
        stands = f"{at.master} stays without it: no copy differs by only the listener"
        if undo and host_files.restore(shell, at.master):
            shell.run("postfix", "reload", check=False)
            stands = f"{at.master} is as before"
        raise Refused(f"Dell does not serve without the listener: {error}. {stands}") from None


SCRIPT = Script("retire_xclient", __doc__, plan)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
