"""Check that the store is what mxgate wrote, all of it; accept one that isn't, and answer for that.

    python -m scripts.store                     each row by its chain, and the chain by the reports that have seen it
    python -m scripts.store --accept "REASON"   begin a new chain on what stands; red in every report from then on

Exit: 0 all is as it was written, or is accepted; 1 it isn't; 2 bad input.
"""

from contextlib import suppress

from fixtures.evidence import redact, tell
from fixtures.evidence.exiting import leave
from fixtures.gates import trust
from fixtures.language import tr
from fixtures.migration import Migration, open_migration
from fixtures.settings import SettingsError
from fixtures.store import StoreError, chain
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, name_half_way
from scripts.lib.commandline import parser, require_reason


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("store", __doc__)
    made.add_argument("--accept", metavar="REASON", help="accept what stands; at least ten characters")
    options = made.parse_args(arguments)
    try:
        require_reason("--accept", options.accept)
        migration = open_migration(options.config)
        with suppress(StoreError):  # of a row that another hand has spoiled; which one, follows
            name_half_way(migration)
        if options.accept:
            _accept(migration, redact(options.accept))
        if edited := trust.faults(migration):
            tell("\n".join(map(tr, edited)))
            return REFUSED
        stands = {"store": migration.store.shown, "link": trust.head(migration)}
        print(tr("the store {store} is what mxgate wrote, up to link {link}", **stands))
    except (SettingsError, StoreError) as error:
        tell(f"store: {tr(str(error))}")
        return BAD_INPUT
    return DONE


def _accept(migration: Migration, reason: str) -> None:
    with migration.store.lock("migration", "store --accept"), migration.store.engine.begin() as db:
        count = chain.begin(db, reason, migration.clock.now())
    accepted = tr("accepted: {n} rows as they stand. Judge again: no verdict from before counts", n=count)
    print(accepted)


if __name__ == "__main__":
    leave(main)
