"""What a way back stands on when the store is out of reach: in night/, in the folder of ``migration.toml``.

``switch_mx`` leaves them before its first write: ``night/DOMAIN.txt``, the way back by hand, to be printed; and
``night/store.sqlite``, which ``rollback`` and ``by_hand`` go on with where the store can't be opened. What changes how
a way back goes renews them (``paper.renewed``).
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from pydantic import SecretStr

from fixtures.access.clock import Clock
from fixtures.evidence import tell
from fixtures.gates.drift import accepted
from fixtures.language import tr
from fixtures.migration import Migration, open_migration
from fixtures.settings import StoreSettings
from fixtures.store import Store, StoreError, chain, locks
from fixtures.store.database import COPY, Database
from scripts.snapshot import START

ROWS_AT_ONCE = 500
IN_MEMORY = "sqlite:///:memory:"
NO_URL = {"store_url": SecretStr("")}
OURS_ONLY = 0o077
"""As the umask: a store may hold what not everybody should read."""


def open_at_night(path: str | Path | None = None) -> Migration:
    """The migration of a script that may not wait, and has to do without its store if need be: with it in memory.

    As it can still be read, else as its copy is. Says so loudly. Raises ``SettingsError``.
    """
    migration = replace(open_migration(path), hurried=True)
    try:
        with migration.store.lock(f"night {secrets.token_hex(6)}", "whether it can be written"):
            return migration
    except StoreError as fault:
        out_of_reach = tr("THE STORE IS OUT OF REACH: {why}", why=fault)
    settings = migration.settings.model_copy(update={"store": StoreSettings(url=IN_MEMORY)})
    made = replace(migration, settings=settings, secrets=migration.secrets.model_copy(update=NO_URL))
    copy = migration.home / COPY
    kept, aged = tr("knowing nothing of what was before"), True
    sources: dict[str, Callable[[], Store]] = {tr("what can be read of it"): lambda: migration.store}
    if (file := _file_of(migration)) and not _has_log(file):
        sources[tr("{file}, as it lies there", file=file)] = partial(_as_it_lies, file, migration.clock)
    own = set(sources)
    if copy.exists():
        dated = tr("{file}, of {time}", file=copy, time=_when(copy))
        sources[dated] = partial(Store, f"sqlite:///{copy}", migration.clock)
        sources[tr("{file}, as it lies there", file=dated)] = partial(_as_it_lies, copy, migration.clock)
    for name, opened in sources.items():
        with contextlib.suppress(StoreError):
            _fill(made.store, opened())
            kept, aged = tr("with {what}", what=name), name not in own
            break
    going_on = tr("Going on {how}. No lock is held and nothing is recorded: run this again once it is back", how=kept)
    _tell(f"{out_of_reach}\n{going_on}")
    return replace(made, aged=aged)


def _file_of(migration: Migration) -> Path | None:
    """The store's file, if it is one, and is there."""
    try:
        file = Database(migration.store_url).file
    except StoreError:
        return None
    return file if file and file.is_file() and file.stat().st_size else None


def _has_log(file: Path) -> bool:
    """Whether its newest rows may lie in its log, which is not read with it then (sqlite.org/wal.html)."""
    log = file.with_name(f"{file.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _as_it_lies(file: Path, clock: Clock) -> Store:
    """From a folder that can't be written, where SQLite can have no log (sqlite.org/uri.html, immutable)."""
    return Store(f"sqlite:///file:{quote(str(file.absolute()))}?immutable=1&uri=true", clock)


def first_snapshot(migration: Migration) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How all stood before anything was changed, and what persons have accepted: by the store, else, loudly, by its
    copy. Empty: nobody knows.
    """
    if taken := migration.store.snapshot(START):
        return taken, accepted.persons(migration.store)
    there = migration.home / COPY
    if not there.exists():
        return {}, []
    try:
        store = Store(f"sqlite:///{there}", migration.clock)
        taken, since = store.snapshot(START) or {}, accepted.persons(store)
        store.close()
    except StoreError:
        return {}, []
    if taken:
        taken_from = {"time": _when(there), "file": there}
        _tell(tr("THE STORE HAS NO SNAPSHOT: taken from its copy of {time}, {file}", **taken_from))
    return taken, since


def copy(store: Store, into: Path) -> None:
    """Into one SQLite file, whatever the store is, with the chain of its rows; whole, or as it was before."""
    partial, there = into / "store.partial", into / "store.sqlite"
    partial.unlink(missing_ok=True)
    made = Store(f"sqlite:///{partial}", store.clock)
    try:
        _fill(made, store)
    finally:
        made.close()
    partial.replace(there)


def _fill(made: Store, store: Store) -> None:
    try:
        with store.looking() as one, made.engine.begin() as other:
            for table in chain.META.sorted_tables:
                other.execute(table.delete())
                if table is locks:
                    continue
                for rows in one.execute(sa.select(table)).mappings().partitions(ROWS_AT_ONCE):
                    other.execute(table.insert(), [dict(row) for row in rows])
    except sa.exc.SQLAlchemyError as error:
        raise StoreError(f"{made.shown}: the store could not be copied: {str(error).splitlines()[0]}") from None


_tell = cache(tell)
"""Once a process."""


def _when(file: Path) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(file.stat().st_mtime))


@contextlib.contextmanager
def ours_only() -> Iterator[None]:
    """What is made meanwhile only this user reads."""
    before = os.umask(OURS_ONLY)
    try:
        yield
    finally:
        os.umask(before)
