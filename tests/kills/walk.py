"""Walk a lab from phase1 to the end while its scripts are killed, or their network fails, at one write after another.

    python -m tests.kills.walk --name NAME --out FILE [--kind kills|faults] [--every] [--turn N] [--until LABEL]
        [--knobs drawn] [--route worker [--worker-again kills|faults]]

Each run of a script meets what the killed one left, until one ends with 0. Numbered mail flows all the while. FILE
gets what stood after each phase, and how many kill points or faults each script had. Without --kind nothing befalls.
"""

import argparse
import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtures.access.changing import dell, ec2
from fixtures.gates.side_by_side import HEAVY
from fixtures.lab import rehearsal
from fixtures.lab.emulator.knobs import chosen
from fixtures.lab.plan import ROUTES
from fixtures.lab.rehearsal import Rehearsal, RehearsalFailed, ScriptRun
from fixtures.lab.world import Lab
from fixtures.migration import open_migration
from fixtures.migration.progress import Kind, Stage
from fixtures.plan.postfix import Places
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import queries as dns
from scripts.lib.change import REFUSED
from scripts.lib.dns.takeback import PREPARED
from scripts.snapshot import take
from tests.kills import standing, under
from tests.kills.injector import injected
from tests.labs import MAILBOX_MADE

REASON = "only the scripts are on trial; no gate was judged"
SIGNOFF = "signoff"
RUN_S_MAX = 270.0
RUNS_MAX = 400
KILLED = -int(signal.SIGKILL)
GUARD_S = 30.0
"""And what was written and not seen is looked for as long as ``bounds.window_s``, of which ``RUN_S_MAX`` has the two
minutes too."""
PAUSE_S = 0.2
"""What the other end still does when its client is dead is done by then."""
AT = Places()
TAKEN = """\
perl -MIO::Socket::INET -e '
    my $held = IO::Socket::INET->new(LocalAddr => "127.0.0.1:10025", Proto => "tcp") or die;
    sleep;
' >/dev/null 2>&1 </dev/null &
echo $! >/run/taken.pid
"""
"""By a program that doesn't listen yet, so that nobody sees it before Postfix does."""
GIVEN_BACK = "kill $(cat /run/taken.pid)"
EMPTIED = "for _ in $(seq 50); do postqueue -f; sleep 1; postqueue -p | grep -q 'queue is empty' && exit; done; exit 1"
FRANK = ('["carol", ', '["frank", "carol", ')
MORE = {"delete_ec2": ("--image",)}
WRITES_MAX, WRITES, BY_WORKER = 4, {"merge_spf": 1, "lower_ttl": 2, "widen_mta_sts": 2}, {"prepare_cloudflare": 1}
"""The last write at which a sample's script is killed, and what scripts make fewer for one domain."""


@dataclass
class Walk(Rehearsal):
    """A rehearsal whose scripts each run in a process of their own, with an injector."""

    kind: str = ""
    every: bool = False
    turn: int = 0
    lots: random.Random = field(default_factory=random.Random)
    points: Counter[str] = field(default_factory=Counter)
    """How often what befell each script."""
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    folder: Path = Path()
    only: tuple[str, ...] = ()
    """Scripts to which it happens; all, if none is named."""
    had: set[tuple[str, ...]] = field(default_factory=set)
    """What it has happened to: with EVERY it does once, for the first domain that gives the script something to do."""

    def walk(self, until: str) -> None:
        """All phases as far as the one labelled UNTIL. Raises ``RehearsalFailed``."""
        take(self.migration)
        start = standing.look(self.migration)
        self.traffic.start()
        try:
            for stage in self.stages:
                if stage.kind is not Kind.NIGHT:
                    self.after(stage)
                    self.states[stage.label] = standing.since(start, standing.look(self.migration))
                if stage.label == until:
                    break
            if until != SIGNOFF:
                self._count()
        finally:
            self.traffic.stop()

    def after(self, stage: Stage) -> None:
        if stage.label == "rolledback-pilot":
            self._phase1()
            for script in PREPARED:
                self._run(script, self.migration.settings.pilot)
            self._pass(self.migration.settings.bounds.old_ttl_s + 60)
        else:
            super().after(stage)

    def worker_again(self, kind: str) -> None:
        """The Worker is deleted, and uploaded once more while KIND happens."""
        self.kind = ""
        self._run("deploy_worker", "", "--undo")
        self.had.clear()
        self.kind = kind
        self._run("deploy_worker")

    def _pilot_there_and_back(self) -> None:
        """As ever; then all that was done for the pilot and to Dell is taken back too, and done again."""
        super()._pilot_there_and_back()
        self._run("rollback", self.migration.settings.pilot, "--with-dell")

    def _phase1(self) -> None:
        """At first Dell can't serve as planned, since its new port is taken: the files go back, whatever is killed."""
        shell = dell(self.migration.settings)
        before = shell.run("sha256sum", AT.main, AT.master).stdout
        shell.run("sh", "-c", TAKEN)
        self._run("prepare_dell", refused="does not serve as planned")
        assert shell.run("sha256sum", AT.main, AT.master).stdout == before, "not restored"
        shell.run("sh", "-c", GIVEN_BACK)
        super()._phase1()

    def _phase2(self) -> None:
        """LOOK: only for the pilot, which has no policy for MTA-STS; so one is widened for who has."""
        settings = self.migration.settings
        for domain in settings.domains:
            if self.look and domain.mta_sts and domain.name != settings.pilot:
                self._run("widen_mta_sts", domain.name)
        super()._phase2()

    def _others(self) -> None:
        """Then an address comes to the pilot, which is switched by then, and goes."""
        super()._others()
        pilot, file = self.migration.settings.pilot, Path(os.environ["MXGATE_CONFIG"])
        dell(self.migration.settings).run("sh", "-c", MAILBOX_MADE, "sh", f"carol@{pilot}", f"frank@{pilot}")
        before = file.read_text(encoding="utf-8")
        for script, text in (("add_address", before.replace(*FRANK)), ("remove_address", before)):
            file.write_text(text, encoding="utf-8")
            self._run(script, pilot, "--address", "frank")

    def _stop(self) -> None:
        """Not before the gateway's queue is empty, as the gate asks (S-4)."""
        ec2(self.migration.settings).run("sh", "-c", EMPTIED, timeout_s=60)
        super()._stop()

    def _count(self) -> None:
        """Dell's Postfix tries again after minutes, which the lab's clock can't move."""
        dell(self.migration.settings).run("postqueue", "-f")
        super()._count()

    def _run(self, name: str, domain: str = "", *more: str, refused: str = "") -> None:
        """REFUSED: what it says in the end, if it is to refuse."""
        given = (*(("--domain", domain) if domain else ()), *MORE.get(name, ()), *more)
        what = (name, *more, *(["restoring"] if refused else []))
        kind = self.kind if what not in self.had and (not self.only or name in self.only) else ""
        memory, began = self.folder / f"{len(self.scripts)}-{name}", time.monotonic()
        outcome: dict[str, Any] | None = None
        fewer = WRITES | (BY_WORKER if self.migration.settings.by_worker else {})
        number, killed, runs = self.lots.randint(1, fewer.get(name, WRITES_MAX)), False, 0
        while runs < RUNS_MAX:
            runs += 1
            argv = (*given, "--take-lock") if killed else given
            outcome = self._one(
                under.Order(name, argv, REASON, kind, self.every, number, self.turn, memory, self.folder / "outcome")
            )
            killed = outcome is None
            if name == "switch_mx":
                self._leads_to_one_side(domain)
            # A run that a fault befell may refuse; the next one has to go further.
            if outcome and not (outcome["status"] == REFUSED and outcome["befell"]):
                break
        hits = Counter(deed for _, deed, _ in injected(memory))
        if hits and self.every:
            self.had.add(what)
        self.points.update({f"{' '.join(what)}: {deed}": many for deed, many in hits.items()})
        status, said = (int(outcome["status"]), str(outcome["said"])) if outcome else (KILLED, "")
        took_s = time.monotonic() - began
        self.scripts.append(ScriptRun(name, domain, "", status, took_s, 0, said))
        listed = ", ".join(f"{many} {deed}" for deed, many in sorted(hits.items())) or "nothing befell it"
        self.say(f"{name} {domain}: {runs} runs, {took_s:.1f} s; {listed}")
        if status != (REFUSED if refused else 0) or refused not in said:
            raise RehearsalFailed(f"{name} {domain} ended with {status} in run {runs}, after {hits}:\n{said[-3000:]}")

    def _leads_to_one_side(self, domain: str) -> None:
        """However a run of ``switch_mx`` ended, soon nobody has to do anything: its guard is through by itself."""
        limit_s, store = GUARD_S + self.migration.settings.bounds.window_s, self.migration.store
        until = time.monotonic() + limit_s
        while (last := store.last("switching", domain) or {"state": "unmoved"})["state"] in {"moving", "going back"}:
            if time.monotonic() > until:
                raise RehearsalFailed(f"switch_mx {domain}: {limit_s:.0f} s after its end it still is {last}")
            time.sleep(PAUSE_S)
        wanted: tuple[str, ...] = (self.migration.settings.ec2.name,)
        if last["state"] == "through":
            wanted = cloudflare.assigned_mx(self.migration, domain)
        # Name servers are asked, since Cloudflare may hide from its list what it assigned; and one may lag.
        while (mx := {host for each in dns.ask(dns.authorities(domain), domain, "MX") for host in each.hosts}) != set(
            wanted
        ):
            if time.monotonic() > until:
                raise RehearsalFailed(f"switch_mx {domain}: {last['state']}, and its MX is {mx}")
            time.sleep(PAUSE_S)
        self.points[f"switch_mx: ended {last['state']}"] += 1

    def _one(self, order: under.Order) -> dict[str, Any] | None:
        """None if it was killed."""
        order.outcome.unlink(missing_ok=True)
        child = multiprocessing.get_context("forkserver").Process(target=under.run, args=(order,), daemon=True)
        child.start()
        child.join(RUN_S_MAX)
        if child.exitcode == -signal.SIGKILL:
            time.sleep(PAUSE_S)
            return None
        if child.exitcode != 0:
            child.kill()
            where = injected(order.memory)[-1:] or "nothing befell it"
            raise RehearsalFailed(f"{order.script}: after {RUN_S_MAX:.0f} s its exit code is {child.exitcode}: {where}")
        outcome: dict[str, Any] = json.loads(order.outcome.read_text(encoding="utf-8"))
        return outcome


def main() -> int:
    options = _parser().parse_args()
    rehearsal.STALE_S, rehearsal.FRESH_S, rehearsal.STOPPED_S = 2.0, 1.0, 1.0
    knobs = chosen(options.knobs, options.seed)
    owner = None if options.keep else os.getpid()
    lab = Lab.up(options.name, seed=options.seed, knobs=knobs, owner_pid=owner, month=False, route=options.route)
    trouble = ""
    with tempfile.TemporaryDirectory() as folder:
        try:
            lab.enter()
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload([*HEAVY, "tests.kills.under"])
            walk = Walk.of(lab, open_migration())
            assert isinstance(walk, Walk)
            walk.kind, walk.every, walk.turn, walk.folder = options.kind, options.every, options.turn, Path(folder)
            walk.look = options.until == "phase3-pilot" and not options.every
            walk.only = tuple(options.only)
            walk.lots = random.Random(options.seed + options.turn)
            walk.say = lambda text: print(text, flush=True) if text else None
            try:
                walk.walk(options.until)
                if options.worker_again:
                    walk.worker_again(options.worker_again)
            except RehearsalFailed as error:
                trouble = str(error)
                print(f"FAILED: {trouble}", flush=True)
        finally:
            if not (trouble and options.keep):
                lab.down()
    outcome = {"trouble": trouble, "points": walk.points, "states": walk.states}
    options.out.write_text(json.dumps(outcome, indent=1, sort_keys=True), encoding="utf-8")
    return 1 if trouble else 0


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--name", required=True, help="of the lab, which is made, and taken down in the end")
    made.add_argument("--seed", type=int, default=7)
    made.add_argument("--kind", choices=("kills", "faults"), default="")
    made.add_argument("--worker-again", choices=("kills", "faults"), default="", help="what happens in a second upload")
    made.add_argument("--every", action="store_true", help="every kill point, or every call; else one for each script")
    made.add_argument("--turn", type=int, default=0, help="which fault comes to which call: 0 to 6")
    made.add_argument("--until", metavar="LABEL", default=SIGNOFF, help="the last phase, such as phase3-pilot")
    made.add_argument("--only", metavar="SCRIPT", nargs="+", default=[], help="to which it happens (default: to all)")
    made.add_argument("--keep", action="store_true", help="leave the lab as it is when something failed")
    made.add_argument("--knobs", default="", help="what its Cloudflare does: options of the emulator, or drawn")
    made.add_argument("--route", choices=ROUTES, default=ROUTES[0], help="by which mail gets to Dell")
    made.add_argument("--out", type=Path, required=True)
    return made


if __name__ == "__main__":
    sys.exit(main())
