"""First contact with the real Cloudflare, on a throw-away name, before any MX moves: what it does, and how long.

Everything is tried on mxgate-trial.PILOT (or in a spare zone, [trial] zone): Email Routing is enabled there, a rule and
a destination are made (and where mail is to come by an Email Worker, one that fails), mail is sent, refused and
dropped, and all is taken away again. The zone's own records, its MX above all, are only looked at. What was observed is
kept in the store and in observed.toml, for scripts/rehearse --knobs observed, and for the plan of switch_mx.
Undo: --undo takes away what an interrupted trial left. Without it the next run goes on where that one ended.
Contract: --contract asks the table of requests and answers instead, and names each line that is answered otherwise.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fixtures.evidence import CouldNotAsk, tell
from fixtures.evidence.exiting import leave
from fixtures.migration.progress import Progress
from fixtures.migration.trials import TRIAL, begun, latest
from scripts.lib.change import Job, Refused, Script, Write
from scripts.lib.trial import contract, course, mail, result, routing, standing, worker
from scripts.lib.trial.course import PART, Course
from scripts.lib.trial.wire import Wire

GROUP = "the trial"
NOT_YET, DONE = "not observed", "observed"
PARTS: tuple[tuple[str, Any, str, bool], ...] = (
    ("enabling", routing.enabling, "records, a rule, Email Routing at {name}; until its MX hosts take mail", False),
    ("apex", routing.apex, "a rule for one address at {zone} that nobody uses, for three minutes; no mail", False),
    ("hosts", routing.hosts, "nothing; seconds", False),
    ("destination", mail.destination, "the destination mail@in.{name}, whose link a person opens; minutes", True),
    ("forwarding", mail.forwarding, "a key, a rule, a dozen messages, subaddressing on and off; minutes", True),
    ("upstream", mail.upstream, "seven messages, refused by the trial's own mail server; up to an hour", True),
    ("worker", worker.does, "the Worker mxgate-trial, five rules, a dozen messages, one of 20 MiB; minutes", True),
    ("analytics", mail.analytics, "a dozen messages; up to half an hour", False),
    ("off", routing.off, "Email Routing of {zone} off again; seconds", False),
)
"""Name, what does it, what it writes and how long that takes, whether it needs the trial's own mail server."""


def plan(job: Job) -> Iterator[Write]:
    if job.options.result:
        _finish(job)
        return
    place = course.place_of(job.migration)
    known = begun(job.migration.store, place.zone)
    _require_unmoved(job, place)
    if job.options.contract:
        yield _contract(job, place)
        return
    if known is None:
        if job.options.undo:
            return
        _require_clean(job, place)
    else:
        job.say(f"a trial was begun at {place.name}: it goes on" if not job.options.undo else "a trial's rest goes")
    if not job.options.undo:
        for name, do, writes, needs_mail in PARTS:
            number = known["number"] if known else ""
            done = job.migration.store.last(PART, place.zone, trial=number, part=name)
            fits = (not needs_mail or course.addresses(job.migration)) and (name != "worker" or place.worker)
            if not done and fits:
                yield _part(job, place, name, do, writes.format(name=place.name, zone=place.zone))
    yield _away(job, place, known)


def _require_unmoved(job: Job, place: standing.Place) -> None:
    """``Refused`` where the zone's own mail goes by Cloudflare: a trial switches Email Routing off, undone or ended."""
    progress = Progress.read(job.migration.store, job.migration.settings)
    if place.zone in job.migration.settings.domain_names and progress.switched(place.zone):
        raise Refused(
            f"{place.zone}: its mail goes by Cloudflare, and a trial, even its --undo, switches Email Routing off. "
            f"Delete in Cloudflare's dashboard what a trial has left at {place.name}: records, rules, destinations. "
            "Name a spare zone of the account as [trial] zone in migration.toml, for another. Nothing was changed"
        )


def _require_clean(job: Job, place: standing.Place) -> None:
    """``Refused`` where anything stands at the trial's name, or Email Routing is on."""
    wire = Wire(job.migration)
    stands = standing.left(wire, place)
    if stands:
        raise Refused(
            f"{place.name}: expected nothing there, found {', '.join(stands[:5])}. Another [trial] label in "
            "migration.toml, or take these away first. Nothing was changed"
        )
    if standing.read(wire, place).enabled:
        raise Refused(
            f"{place.zone}: Email Routing is on already, and a trial has to switch it on and off. Name a spare zone of "
            "the account as [trial] zone in migration.toml. Nothing was changed"
        )


def _part(job: Job, place: standing.Place, name: str, do: Any, writes: str) -> Write:
    def read() -> str:
        known = begun(job.migration.store, place.zone) or {}
        done = job.migration.store.last(PART, place.zone, trial=known.get("number", ""), part=name)
        return DONE if done else NOT_YET

    def go() -> None:
        trial = _course(job, place)
        if not trial.stop:
            do(trial)
        job.migration.store.record(PART, place.zone, trial=trial.number, part=name, stop=trial.stop)

    return Write(GROUP, f"{name}: {writes}", read(), DONE, go, read)


_running: dict[str, Course] = {}


def _course(job: Job, place: standing.Place) -> Course:
    """The one of this run."""
    if job.run.number not in _running:
        _running[job.run.number] = course.begin(job.migration, place, job.say)
    return _running[job.run.number]


def _away(job: Job, place: standing.Place, known: dict[str, Any] | None) -> Write:
    ended: list[bool] = []

    def go() -> None:
        trial = _course(job, place)
        differs = trial.take_away()
        if differs:
            raise Refused(
                f"{place.zone} is not as it was before the trial:\n  " + "\n  ".join(differs) + "\n"
                "The trial may have caused that, or Cloudflare did: put it right by hand, and run again"
            )
        _ended(job, trial, "undone" if job.options.undo else "ended")
        ended.append(True)

    stands = f"what {'was' if known else 'is'} tried stands at {place.name}"
    nothing = "nothing of it, record by record"
    subject = f"{place.name}, and what else it made: records, rules, destination, Email Routing"
    return Write("and back", subject, stands, nothing, go, lambda: nothing if ended else stands, danger="deletes")


def _ended(job: Job, trial: Course, phase: str) -> None:
    body = {"number": trial.number, "phase": phase, "name": trial.place.name, "stopped": trial.stop}
    job.migration.store.record(TRIAL, trial.place.zone, **body)


def _contract(job: Job, place: standing.Place) -> Write:
    done: list[bool] = []

    def go() -> None:
        trial = _course(job, place)  # what a killed run leaves, --undo takes away, and the next trial too
        job.migration.store.record(course.ASKED, place.zone, trial=trial.number, on=True)
        known = {"zone": place.zone_id, "zone_name": place.zone, "account": place.account, "name": place.name}
        known |= {"destination": f"contract@{place.inner}", "outside": contract.outside(place.zone)}
        wrong = 0
        try:
            for each in contract.kept(trial.wire, known):
                wrong += bool(each.wrong)
                print(f"{'OTHERWISE' if each.wrong else 'as written':11}{each}")
        finally:
            differs = trial.take_away()
        if differs:
            raise Refused(f"{place.zone} is not as it was:\n  " + "\n  ".join(differs))
        _ended(job, trial, "undone")
        print(f"{len(contract.rows())} lines, {wrong} answered otherwise than {contract.FILE.name} has them")
        done.append(True)
        if wrong:
            raise Refused("send these lines in, corrected: one line each")

    if begun(job.migration.store, place.zone) is None:
        _require_clean(job, place)
    subject = f"all of {contract.FILE.name}: {len(contract.rows())} requests, which write at {place.name} only"
    return Write(GROUP, subject, NOT_YET, DONE, go, lambda: DONE if done else NOT_YET)


def _finish(job: Job) -> None:
    if job.options.contract or job.options.undo:
        return
    found = latest(job.migration.store, job.migration.settings)
    if found is None:
        print("no trial has ended yet")
    else:
        print(result.text(found, by_worker=job.migration.settings.by_worker))
        file = result.write(job.migration, found)
        tell(f"  kept in {file}: scripts/rehearse --knobs observed rehearses with it")


def _check(job: Job) -> None:
    if not (job.options.undo or job.options.contract):
        try:
            mail.require_port(job.migration)
        except CouldNotAsk as fault:
            raise Refused(f"{fault}. Nothing was written") from None


@contextmanager
def _around(job: Job) -> Iterator[None]:
    try:
        yield
    finally:
        running = _running.pop(job.run.number, None)
        if running and running.receiver:
            running.receiver.end()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--undo", action="store_true", help="take away what an interrupted trial has left")
    parser.add_argument("--result", action="store_true", help="what the last trial observed, once more; asks nobody")
    parser.add_argument("--contract", action="store_true", help="ask the table of requests and answers instead")


SCRIPT = Script(
    "trial",
    __doc__,
    plan,
    options=_options,
    check=_check,
    finish=_finish,
    around=_around,
    is_way_back=lambda job: bool(job.options.undo),
)
main = SCRIPT.main

if __name__ == "__main__":
    leave(main)
