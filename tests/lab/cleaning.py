"""Run where the operator is: sends numbered mail, plants what looks like it, cleans, prints what is left as JSON."""

import contextlib
import email
import io
import json
import os
import time
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from fixtures.ledger import Traffic
from fixtures.ledger.collecting import settle
from fixtures.migration import Migration, open_migration
from fixtures.probes.mailbox import imap
from fixtures.probes.mailbox.message import NUMBER, RUN
from fixtures.store import messages
from scripts import clean_mail

OLD, FRESH = (f"clean-{age}-{os.getpid()}" for age in ("old", "fresh"))


def send(migration: Migration, run: str, count: int) -> None:
    with Traffic(migration, run, 10, count_max=count) as traffic:
        until = time.monotonic() + 30
        while traffic.running and time.monotonic() < until:
            time.sleep(0.1)
    found = settle(migration, run, 60)
    assert found.arrived == count, found.sentence()


def grow_old(migration: Migration, run: str) -> None:
    """As if it had been sent two hours ago."""
    with migration.store.engine.begin() as db:
        ours = messages.update().where(messages.c.run == run)
        db.execute(ours.values(injected_real=messages.c.injected_real - 7200))


def look_alikes(original: bytes) -> dict[str, tuple[bytes, tuple[str, ...]]]:
    """By name: what a person may keep that has traces of a test message, and the flags that it has."""
    head = email.message_from_bytes(original)
    number = head[NUMBER]
    reply, forwarded = EmailMessage(), EmailMessage()
    for each, subject in ((reply, f"Re: {head['Subject']}"), (forwarded, f"Fwd: {head['Subject']}")):
        each["From"], each["To"], each["Subject"] = "person@outside.example", head["To"], subject
        each["Message-ID"] = f"<{subject[:3]}{number}@outside.example>"
    reply["In-Reply-To"] = head["Message-ID"]
    reply.set_content(
        f"Is this yours?\n> {NUMBER}: {number}\n> {RUN}: {head[RUN]}\n> Message-ID: {head['Message-ID']}\n"
    )
    forwarded.set_content("See below.")
    forwarded.add_attachment(email.message_from_bytes(original))
    mark = f"{NUMBER}: {number}".encode()
    return {
        "a reply that quotes it": (reply.as_bytes(), ()),
        "forwarded as an attachment": (forwarded.as_bytes(), ()),
        "another number": (original.replace(mark, f"{NUMBER}: 999999".encode()), ()),
        "another run": (original.replace(f"{RUN}: {head[RUN]}".encode(), f"{RUN}: somebody-elses".encode()), ()),
        "the number twice": (original.replace(mark, mark + b"\r\n" + mark), ()),
        "another Message-ID": (original.replace(b"<mxgate.", b"<mxgate.0"), ()),
        "written into": (original + b"PS: kept for the auditors.\r\n", ()),
        "sent on": (b"Resent-From: <person@outside.example>\r\n" + original, ()),
        "flagged": (original, ("\\Flagged",)),
        "answered": (original, ("\\Answered",)),
        "marked as deleted by its owner": (reply.as_bytes().replace(b"<Re:", b"<own"), ("\\Deleted",)),
    }


def plant(migration: Migration, user: str, other: str) -> dict[int, str]:
    """Into USER's mailbox, and a copy of what is USER's into OTHER's. Returns UID -> name for USER's."""
    box = imap.mailbox(migration, user)
    [first, *_] = imap.of_run(box, OLD).messages
    planted = {}
    with imap.opened(box, "INBOX", readonly=False) as (client, _):
        original = bytes(client.fetch([first.uid], ["BODY.PEEK[]"])[first.uid][b"BODY[]"])
        for name, (content, flags) in look_alikes(original).items():
            answer = client.append("INBOX", content, flags).decode()
            planted[int(answer.split("]")[0].split()[-1])] = name
    with imap.opened(imap.mailbox(migration, other), "INBOX", readonly=False) as (client, _):
        client.append("INBOX", original)
    return planted


def clean(config: Path, *options: str) -> tuple[int, dict[str, Any]]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = clean_mail.main(["--config", str(config), *options])
    said = out.getvalue()
    return status, json.loads(said) if said.startswith("{") else {"said": said}


def uids(migration: Migration, user: str) -> set[int]:
    with imap.opened(imap.mailbox(migration, user), "INBOX") as (client, _):
        return set(client.search(["ALL"]))


def left(migration: Migration, run: str) -> int:
    users = dict.fromkeys(each.mailbox for each in migration.settings.addresses())
    return sum(len(imap.of_run(imap.mailbox(migration, user), run).messages) for user in users)


def main() -> None:
    here = Path(os.environ["MXGATE_CONFIG"])
    allowed = here.with_name("allowed.toml")
    allowed.write_text(
        here.read_text(encoding="utf-8").replace("[traffic]", "[traffic]\nclean = true"), encoding="utf-8"
    )
    migration = open_migration(here)
    send(migration, OLD, 30)
    send(migration, FRESH, 10)
    grow_old(migration, OLD)
    user, other = "alice@webmakeprofit.org", "bob@webmakeprofit.org"
    planted = plant(migration, user, other)
    theirs = uids(migration, user) - {each.uid for each in imap.of_run(imap.mailbox(migration, user), OLD).messages}
    status, said = clean(here, "--json")
    refused, _ = clean(here, "--apply", said["digest"])
    untouched = left(migration, OLD)
    applied, _ = clean(allowed, "--apply", said["digest"])
    after = uids(migration, user)
    again, last = clean(allowed)
    left_over = {
        "planned": status,
        "writes": said["writes"],
        "refused": refused,
        "untouched": untouched,
        "applied": applied,
        "planted": sorted(planted.values()),
        "survived": sorted(name for uid, name in planted.items() if uid in after),
        "others lost": sorted(theirs - after - set(planted)),
        "old left": left(migration, OLD),
        "fresh left": left(migration, FRESH),
        "again": again,
        "said": last["said"],
    }
    print(json.dumps(left_over))


if __name__ == "__main__":
    main()
