"""Rehearse your own: a lab built from a snapshot of your system, all drills in it, and the certificate for live gates.

    scripts/rehearse --config migration.toml

Before phase 1 a snapshot is taken now; later the first one counts, from which the migration began. The live system is
only read. The certificate is kept in the store, and left as a file in reports/ for another machine's store
(``pytest features/ --certificate FILE``); beside it lies a report of each world's drills.

Exit: 0 all drills hold, 1 some don't, or no certificate could be made, 2 bad input.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from fixtures.clock import Clock
from fixtures.evidence import CouldNotAsk, redact
from fixtures.gates import certificate
from fixtures.gates.certificate import Certificate
from fixtures.gates.progress import WORLDS, Progress
from fixtures.gates.store import Store, StoreError
from fixtures.lab import own
from fixtures.lab.drills import Course, run_all
from fixtures.lab.errors import LabError
from fixtures.lab.own.certify import certify
from fixtures.migration import Migration, open_migration
from fixtures.settings import SettingsError
from scripts import snapshot
from scripts.change import BAD_INPUT, DONE, REFUSED

REPORTS = Path(__file__).parents[1] / "reports"


def rehearse(migration: Migration, options: argparse.Namespace) -> Certificate:
    """Run the drills and make the certificate. Raises ``LabError``, ``CouldNotAsk``, ``StoreError``."""
    name = options.snapshot or _take(migration)
    told = migration.store.snapshot(name)
    if told is None:
        raise StoreError(f"--snapshot {name}: there is none of that name in {migration.settings.store.url}")
    played = own.make(migration.settings, told)
    print(
        f"snapshot {name!r} {played.snapshot}: {len(played.parts)} parts of Dell, {len(played.translations)} translated"
    )
    with tempfile.TemporaryDirectory(prefix="mxgate-own-") as folder:
        file = Path(folder, "own.json")
        own.pack(file, migration.settings, told)
        records = Store(f"sqlite:///{folder}/records.sqlite", Clock())
        course = Course("own", options.seed, records.url, own=str(file), only=options.k, reports=str(REPORTS))
        try:
            run_all(course, lambda text: print(text, flush=True), options.world or tuple(WORLDS))
            return certify(played, records, options.seed)
        finally:
            records.close()


def _take(migration: Migration) -> str:
    """The name of the snapshot to begin from."""
    begun = Progress.read(migration.store, migration.settings).done_at("prepare_dell") is not None
    if begun and migration.store.snapshot(snapshot.START):
        print(f"Dell is prepared already: beginning from the snapshot {snapshot.START!r}")
        return snapshot.START
    name = f"rehearsal-{time.strftime('%Y%m%d-%H%M%S')}"
    snapshot.take(migration, name)
    return name


def _tell(found: Certificate) -> None:
    counts = Counter(str(each.verdict) for each in found.drills)
    print(f"{found.name}: {', '.join(f'{count} {verdict}' for verdict, count in sorted(counts.items()))}")
    for each in found.drills:
        if not each.verdict.opens:
            print(f"  {each.verdict}: {each.name} ({', '.join(each.ids)}, {each.world})")
    print("not as on the live Dell (a change of it there voids the certificate all the same):")
    for change in found.translations:
        print(f"  {change.part}: live {change.live or 'not set'}; lab {change.lab or 'not set'}. {change.why}")
    for expectation, why in found.not_certified.items():
        print(f"  {expectation} is not certified: {why}")


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = argparse.ArgumentParser(prog="scripts/rehearse", description=(__doc__ or "").split("\n\n")[0])
    made.add_argument("--config", metavar="FILE", required=True, help="your settings, target live")
    made.add_argument("--snapshot", metavar="NAME", help="one that the store has; the live system is not asked then")
    made.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6), help="of the emulator")
    made.add_argument("--world", action="append", choices=list(WORLDS), help="this state of Dell alone")
    made.add_argument("-k", metavar="WORDS", default="", help="pytest's: these drills alone")
    options = made.parse_args(arguments)
    try:
        migration = open_migration(options.config)
        if migration.settings.target == "lab":
            raise SettingsError(f"{options.config}: these are a lab's settings; expected those of your own system")
        found = rehearse(migration, options)
        if redact(found.text()) != found.text():
            raise StoreError(
                "a secret stands in plain among Dell's parameters: move it into a file that root alone reads"
            )
        certificate.take_in(migration.store, found)
    except (SettingsError, StoreError) as error:
        print(f"rehearse: {redact(str(error))}", file=sys.stderr)
        return BAD_INPUT
    except (LabError, CouldNotAsk) as error:
        print(f"rehearse: {redact(str(error))}", file=sys.stderr)
        return REFUSED
    file = REPORTS / f"{found.name}.json"
    file.write_text(found.text(), encoding="utf-8")
    _tell(found)
    print(f"certificate: {file}, valid {migration.settings.bounds.drill_certificate_days} days; seed {found.seed}")
    return DONE if all(each.verdict.opens for each in found.drills) else REFUSED


if __name__ == "__main__":
    sys.exit(main())
