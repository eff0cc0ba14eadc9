"""Rehearse your own: drills in labs built from a snapshot of your system, and the certificate that live gates ask for.

    scripts/rehearse --config migration.toml
    scripts/rehearse --config migration.toml --world prepared -k outage
    scripts/rehearse --config migration.toml --firewall

The snapshot is taken now, which only reads; once Dell is prepared it is the first one, from which the migration began,
with the versions and the tables that Dell has today; with --snapshot it is one that the store has, and nothing live is
asked. Labs play your system as it is today, prepared, and without EC2. They carry out what your two hosts' Postfix
files say, in containers (scripts/README.md, The drill certificate). What drills show there becomes the certificate:
kept in the store, where gates find it, and in reports/ as a file for another store (pytest features/ --certificate
FILE), with a report of each lab.

Dell's firewall is asked too: a kernel of this machine's, in a network of its own, takes the ruleset and meets packets
from all who are admitted. When only the firewall has changed since (port 25 was opened, say), --firewall asks only it,
in seconds, and puts the answer into the newest certificate.

Exit: 0 all drills hold, 1 some don't, 2 no certificate was made: bad input, or a lab that could not be.
"""

import argparse
import dataclasses
import random
import re
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from fixtures.access import transport
from fixtures.access.clock import Clock
from fixtures.evidence import CouldNotAsk, Evidence, plain, redact, tell
from fixtures.evidence.exiting import leave
from fixtures.evidence.files import make_folder, replace
from fixtures.gates import drill_certificate
from fixtures.gates.drill_certificate import Certificate
from fixtures.gates.present import DOVECOT, POSTFIX, dell_as_it_runs
from fixtures.lab import own
from fixtures.lab.drills import Course, Drills
from fixtures.lab.emulator.knobs import options_of
from fixtures.lab.errors import LabError
from fixtures.lab.firewall import kernel
from fixtures.lab.own.certify import certify, firewall_lines, sentences
from fixtures.language import LANGUAGES, OPTION, chosen, pasting
from fixtures.migration import Migration, trials
from fixtures.migration.progress import WORLDS, Progress
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import firewall
from fixtures.probes.dell.firewall import Answer, Ruleset
from fixtures.settings import SettingsError
from fixtures.store import Store, StoreError
from scripts import snapshot
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, opened
from scripts.lib.trial import result

_RENEWED = re.compile(r"mail_version =.*|[0-9a-f]{64}  (.+)")
"""Lines of what ``dell_as_it_runs`` prints: Postfix's version, and its tables by their digest."""
REPORTS = Path(__file__).parents[1] / "reports"


def rehearse(migration: Migration, options: argparse.Namespace) -> Certificate:
    """Run the drills and make the certificate. Raises ``LabError``, ``CouldNotAsk``, ``StoreError``."""
    at = migration.clock.now()
    name = options.snapshot or _take(migration)
    body = migration.store.snapshot(name)
    if body is None:
        raise StoreError(f"--snapshot {name}: {migration.settings.store.url} has none of that name")
    if name == snapshot.START and not options.snapshot:
        body = _renewed(migration, body)
    played = own.make(migration.settings, body)
    asked = _firewall(migration, body if options.snapshot else None)
    for part, value in played.parts.items():
        if redact(value) != value:
            raise StoreError(f"{part}: holds a secret in plain. Move it into a file that only root reads, on Dell")
    _say(f"snapshot {name!r}: {len(played.parts)} parts of Dell, {len(played.translations)} of them otherwise in a lab")
    with tempfile.TemporaryDirectory(prefix="mxgate-own-") as folder:
        own.pack(file := Path(folder, "own.json"), migration.settings, body)
        report = str(options.out / drill_certificate.name_of(at))
        with closing(Store(f"sqlite:///{folder}/records.sqlite", Clock())) as records:
            trial = trials.latest(migration.store, migration.settings)
            knobs = _observed(migration, trial)
            route = "tunnel" if migration.settings.route.tunnel else migration.settings.route.kind
            given = {"own": str(file), "only": options.k, "report": report, "route": route}
            worlds = tuple(options.world or WORLDS)
            course = Course("own", options.seed, records.url, knobs=knobs, worlds=worlds, **given)
            with closing(Drills(course, _say)) as drills:
                drills.wait()
            return certify(played, records, options.seed, at, asked, knobs=knobs, trial=trial.name if trial else "")


def _observed(migration: Migration, found: trials.Ended | None) -> tuple[str, ...]:
    """What the last trial FOUND of the real Cloudflare, as the emulator's options; none: nobody tried it yet."""
    if found is None:
        return ()
    _say(f"Cloudflare as the trial at {found.name} saw it, {(migration.clock.now() - found.at) / 86400:.0f} days ago")
    return options_of(result.knobs(found.facts))


def with_firewall(migration: Migration) -> Certificate:
    """The newest certificate, with what a kernel says of Dell's ruleset now. Raises ``StoreError`` if there is none."""
    found = drill_certificate.newest(migration.store)
    if found is None:
        raise StoreError(f"there is no drill certificate yet. {drill_certificate.HINT}")
    return found.model_copy(update={"firewall": _firewall(migration, None)})


def _firewall(migration: Migration, snapshot: Mapping[str, Any] | None) -> Answer | None:
    """What a kernel says of Dell's ruleset as it stands, or as a SNAPSHOT has it."""
    settings = migration.settings
    if snapshot is None:
        ruleset = firewall.look(settings)
    elif parts := snapshot["dell"].get("firewall"):
        ruleset = Ruleset(parts, Evidence("Dell's firewall, in the snapshot", "read"))
    else:
        return None
    admitted = dellplan.coming(settings, with_ec2=True)
    public = (settings.dell.ipv4, settings.dell.ipv6)
    after = kernel.ask(it, admitted, public) if (it := ruleset.after) else None
    return dataclasses.replace(kernel.ask(ruleset, admitted, public), after=after)


def _take(migration: Migration) -> str:
    """The name of the snapshot to begin from."""
    begun = Progress.read(migration.store, migration.settings).done_at("prepare_dell") is not None
    if begun and migration.store.snapshot(snapshot.START):
        _say(f"Dell is prepared already: beginning from the snapshot {snapshot.START!r}")
        return snapshot.START
    _say("taking a snapshot")
    snapshot.take(migration, name := f"rehearsal-{time.strftime('%Y%m%d-%H%M%S')}")
    return name


def _renewed(migration: Migration, body: dict[str, Any]) -> dict[str, Any]:
    """BODY, the first snapshot, with what is otherwise on Dell by now though no script of ours writes it: versions, and
    the tables that it had then. Else no update of Postfix, and no new alias, could ever be drilled.
    """
    settings, then = migration.settings, body["dell"]
    now, there = dell_as_it_runs(settings), snapshot.files_of(transport.dell(settings))
    if "\n" in then["runs"][DOVECOT] and "\n" not in now[DOVECOT]:
        raise CouldNotAsk(f"Dovecot's configuration: {now[DOVECOT]}")
    ours = {"main.cf", "master.cf"} | {row["subject"].rpartition("/")[2] for row in migration.store.journaled()}

    def key(line: str) -> str:
        found = _RENEWED.fullmatch(line)
        return (found[1] or "version") if found and (found[1] or "").rpartition("/")[2] not in ours else ""

    def fresh(kind: str) -> dict[str, str]:
        return {n: t if n.rpartition("/")[2] in ours else there[kind].get(n, t) for n, t in then[kind].items()}

    lines = {key(line): line for line in now[POSTFIX].splitlines() if key(line)}
    postfix = "".join(f"{lines.get(key(line), line)}\n" for line in then["runs"][POSTFIX].splitlines())
    dovecot = now[DOVECOT].partition("\n")[0] + "".join(then["runs"][DOVECOT].partition("\n")[1:])
    runs = {**then["runs"], POSTFIX: postfix, DOVECOT: dovecot}
    return {**body, "dell": {**then, "runs": runs, "files": fresh("files"), "elsewhere": fresh("elsewhere")}}


def _say(text: str) -> None:
    print(plain(text), flush=True)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/rehearse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--config", metavar="FILE", type=pasting.chosen, required=True, help="your settings")
    made.add_argument("--lang", choices=LANGUAGES, type=chosen, help=OPTION)
    made.add_argument("--snapshot", metavar="NAME", help="one that the store has (python -m scripts.snapshot)")
    made.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1, 10**6), help="the emulator's")
    made.add_argument("--world", action="append", choices=list(WORLDS), help="only this lab (repeatable)")
    made.add_argument("--firewall", action="store_true", help="ask only Dell's firewall, for the newest certificate")
    made.add_argument("-k", metavar="WORDS", default="", help="only these drills, as pytest has it")
    made.add_argument("--out", metavar="FOLDER", type=Path, default=REPORTS, help="in place of reports/")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        migration = opened(options.config)
        if migration.settings.target == "lab":
            raise SettingsError(f"{options.config}: a lab's settings (target). Expected those of your own system")
        make_folder(options.out)
        found = with_firewall(migration) if options.firewall else rehearse(migration, options)
        drill_certificate.take_in(migration.store, found)
        file = replace(options.out / f"{found.name}.json", found.text())
    except (SettingsError, StoreError, LabError, CouldNotAsk, OSError) as error:
        tell(f"rehearse: no certificate: {error}")
        return BAD_INPUT
    except KeyboardInterrupt:
        print("rehearse: interrupted: no certificate; the labs are being taken down", file=sys.stderr)
        return BAD_INPUT
    if options.firewall:
        for line in firewall_lines(found.firewall):
            _say(line)
        _say(f"certificate: {file}")
        asked = [each for each in (found.firewall, found.firewall and found.firewall.after) if each]
        return REFUSED if not asked or any(each.error or each.shut for each in asked) else DONE
    worlds = options.world or tuple(WORLDS)
    for line in sentences(found, worlds):
        _say(line)
    _say(f"certificate: {file}, for {migration.settings.bounds.drill_certificate_days} days; seed {found.seed}")
    return DONE if found.green and {each.world for each in found.drills} >= {*worlds} else REFUSED


if __name__ == "__main__":
    leave(main)
