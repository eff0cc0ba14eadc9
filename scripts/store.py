"""Check that the store is what mxgate wrote, all of it; accept one that isn't, and answer for that.

python -m scripts.store                       each row by its chain, and the chain by the reports that have seen it
python -m scripts.store --accept "REASON"     begin the chain anew on what stands; red in every report from then on
"""

from __future__ import annotations

import argparse
import sys

from fixtures.evidence import redact
from fixtures.gates import trust
from fixtures.migration import Migration, open_migration
from fixtures.settings import SettingsError
from fixtures.store import StoreError, chain


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0 all is as it was written (or is accepted), 1 it isn't, 2 bad input."""
    made = argparse.ArgumentParser(
        prog="python -m scripts.store",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--config", metavar="FILE", help="settings (default: $MXGATE_CONFIG, else migration.toml)")
    made.add_argument("--accept", metavar="REASON", help="accept what stands; at least ten characters")
    options = made.parse_args(arguments)
    try:
        if options.accept is not None and len(options.accept) < 10:
            raise SettingsError("--accept: expected a reason of at least ten characters, which each report will show")
        migration = open_migration(options.config)
        if options.accept:
            _accept(migration, redact(options.accept))
        return _check(migration)
    except (SettingsError, StoreError) as error:
        print(f"store: {error}", file=sys.stderr)
        return 2


def _accept(migration: Migration, reason: str) -> None:
    with migration.store.lock("migration", "store --accept"), migration.store.engine.begin() as db:
        count = chain.begin(db, reason, migration.clock.now())
    print(f"accepted: {count} rows as they stand. Judge again: what was judged before rests on them too")


def _check(migration: Migration) -> int:
    if edited := trust.faults(migration):
        print("\n".join(edited), file=sys.stderr)
        return 1
    print(f"the store {migration.store.shown} is what mxgate wrote, up to link {trust.head(migration)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
