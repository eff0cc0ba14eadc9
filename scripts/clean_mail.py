"""Delete our own numbered test mail from the mailboxes, where the settings allow it (traffic.clean).

Only what the ledger knows by number, run, Message-ID, mailbox and body; never what a user has answered, flagged or sent
on, nor what a run that isn't over or a coming gate still needs. By UID EXPUNGE only (UIDPLUS, RFC 4315), so that what
somebody else has marked as deleted stays.
"""

import time
from collections.abc import Iterator

from imapclient import DELETED

from fixtures.evidence.exiting import leave
from fixtures.ledger.cleaning import FOLDER, Cleanable, Ledger, among, cleanable, ledger
from fixtures.probes.mailbox import imap
from scripts.lib.change import Job, Refused, Script, Write

GONE = "none of them"
ONCE_MAX = 500
"""Messages in one command."""


def plan(job: Job) -> Iterator[Write]:
    """One write for each mailbox that holds such mail."""
    known = ledger(job.migration)
    for domain in job.domains:
        for user in job.migration.settings.mailboxes((domain,)):
            found = cleanable(imap.mailbox(job.migration, user), known)
            for why, count in sorted(found.kept.items()):
                job.say(f"{user}: {count} stay: {why}")
            if found.uids:
                yield _write(domain, found, known)
    if not job.migration.settings.traffic.clean:
        job.say("traffic.clean is false: nothing of this may be made")


def _write(domain: str, found: Cleanable, known: Ledger) -> Write:
    day = "%Y-%m-%d %H:%M"
    between = " to ".join(time.strftime(day, time.localtime(at)) for at in (found.oldest, found.newest))
    before = f"{len(found.uids)} numbered test messages, {between}, UIDs {_ranges(found.uids)}"

    def read() -> str:
        with imap.opened(found.mailbox, FOLDER) as (client, state):
            _same(found, int(state[b"UIDVALIDITY"]))
            left = client.search(["UID", _ranges(found.uids)])
        return GONE if not left else before if len(left) == len(found.uids) else f"{len(left)} of them"

    subject, do = f"{FOLDER} of {found.mailbox.user}", lambda: _delete(found, known)
    return Write(domain, subject, before, GONE, do, read, danger="deletes")


def _delete(found: Cleanable, known: Ledger) -> None:
    with imap.opened(found.mailbox, FOLDER, readonly=False) as (client, state):
        _same(found, int(state[b"UIDVALIDITY"]))
        if not client.has_capability("UIDPLUS"):
            raise Refused(f"{found.mailbox}: its server has no UIDPLUS, without which more than ours could be expunged")
        for start in range(0, len(found.uids), ONCE_MAX):
            asked = found.uids[start : start + ONCE_MAX]
            still = [each.uid for each in among(client, found.mailbox, asked, known)[0]]
            if still:  # a user may have flagged one meanwhile
                client.add_flags(still, [DELETED], silent=True)
                client.uid_expunge(still)


def _same(found: Cleanable, validity: int) -> None:
    if validity != found.uid_validity:
        raise Refused(
            f"{found.mailbox}: was made again meanwhile (UIDVALIDITY), so no UID means what it did. Plan again"
        )


def _ranges(uids: tuple[int, ...]) -> str:
    """As IMAP writes a set: 1:4,7."""
    parts: list[list[int]] = []
    for uid in sorted(uids):
        if parts and parts[-1][1] == uid - 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in parts)


def check(job: Job) -> None:
    """Before the first deletion."""
    if not job.migration.settings.traffic.clean:
        raise Refused("clean_mail: the settings don't allow it. Expected [traffic] clean = true in migration.toml")


SCRIPT = Script("clean_mail", __doc__, plan, check=check)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
