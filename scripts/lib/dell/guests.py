"""Dell's table of guests: clients let in by their forward-confirmed names, while verification mail is awaited."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path

from fixtures.access.changing import dell
from fixtures.evidence import CouldNotAsk
from fixtures.language import N_
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.plan.postfix import SMTP
from scripts.lib.change import Job, Refused, Write

NOBODY = "nobody"
UNREAD = "# not read yet"
"""Stands in the table until Postfix has read it, so that a run that was killed in between is known."""
# The sum first: a connection that breaks would otherwise put half a table in place.
_REPLACE = Path(__file__).with_suffix(".sh").read_text(encoding="utf-8")
"""Dated back: each daemon would wait two seconds for a file so new to be whole (Postfix, dict_thash.c), and this one
comes whole, in one rename. An idle smtpd from before the reload may take one more client, by the old table: wait until
these are gone. One that is busy ends with its client, so it isn't waited for longer."""


def _table(migration: Migration) -> str:
    return dellplan.places(migration.settings).guests


def require_lookup(migration: Migration) -> None:
    """Refuse where Dell's port 25 does not ask the table: then nobody could be let in. By a Worker nobody need be."""
    if migration.settings.by_worker:
        return
    shell, lookup = dell(migration.settings), f"check_client_access texthash:{_table(migration)}"
    asked = shell.run("postconf", "-P", f"{SMTP}/smtpd_client_restrictions", check=False).stdout
    if lookup not in " ".join(asked.replace(",", " ").split()):
        raise Refused(f"Dell's port 25 does not ask {lookup}: Cloudflare's mails can't come in. Run prepare_dell again")


def admission(job: Job, stands: str, *, admitted: bool) -> Iterator[Write]:
    """Let the hosts in that send verification mails, or withdraw that. STANDS: who is let in before."""
    wanted = ", ".join(job.migration.settings.cloudflare.verification_sources) if admitted else NOBODY
    if stands != wanted:
        group = "admission of verification mail at Dell" if admitted else "admission withdrawn"
        do = partial(write_guests, job.migration, wanted)
        yield Write(group, _table(job.migration), stands, wanted, do, partial(guests, job.migration))


def guests(migration: Migration) -> str:
    """Who is let in by name just now; says so if Postfix may not have read it yet."""
    lines = dell(migration.settings).run("cat", "--", _table(migration)).stdout.splitlines()
    found = [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    names = ", ".join(dict.fromkeys(name.removeprefix(".") for name in found)) or NOBODY
    return f"{names} {UNREAD}" if UNREAD in lines else names


def write_guests(migration: Migration, names: str) -> None:
    """Let in exactly NAMES. A texthash is read when a daemon starts, hence the reload; comments are kept."""
    shell, path = dell(migration.settings), _table(migration)
    lines = shell.run("cat", "--", path).stdout.splitlines()
    kept = [line for line in lines if line.startswith("#") and line != UNREAD]
    # With the dot for a Postfix whose parent_domain_matches_subdomains leaves smtpd_access_maps out (access(5)).
    rows = [f"{dot}{name} OK" for name in names.split(", ") if name != NOBODY for dot in ("", ".")]
    text = "".join(f"{line}\n" for line in (*kept, *rows, UNREAD))
    shell.run("sh", "-c", _REPLACE, "sh", path, sha256(text.encode()).hexdigest(), UNREAD, stdin=text)


@contextmanager
def withdrawing(job: Job) -> Iterator[None]:
    """Around the writes of a script: in the end nobody is let in by name, whatever became of them.

    By a Worker nobody ever is. Raises ``CouldNotAsk``, with what else had gone wrong, where Dell can't be reached.
    """
    why = ""
    try:
        yield
    except BaseException as error:
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        raise
    finally:
        try:
            if not job.migration.settings.by_worker and guests(job.migration) != NOBODY:
                write_guests(job.migration, NOBODY)
                job.say(N_("Dell's port 25 lets nobody in by name any more"))
        except CouldNotAsk as fault:
            before = f"{why}\n" if why and why != str(fault) else ""
            raise CouldNotAsk(f"{before}{perhaps_in(job.migration, fault)}") from None


def perhaps_in(migration: Migration, fault: CouldNotAsk) -> str:
    """FAULT, by which nobody could withdraw the admission; who may still be let in by it, and the way out."""
    table, there = _table(migration), migration.settings.dell
    names = ", ".join(migration.settings.cloudflare.verification_sources)
    command = f'sed -i "/^[^#]/d" {table} && postfix -c {there.config_directory} reload'
    if inside := there.transport.container:
        command = f"{there.transport.engine} exec {inside} sh -c '{command}'"
    return (
        f"{fault}\nDell's port 25 may still let in {names}, and every host below (by {table}), as it does while "
        "verification mail is awaited. Once Dell answers, the same command takes them out in its end; by hand, on "
        f"Dell: {command}"
    )
