"""How much of what can be wrong do the gates notice? Plants faults in labs, judges, takes them back, and counts.

    scripts/faults                     every fault of the catalogue, in two labs at once, three to a gate where it
                                       shows which is which; else, or where they make noise, each by itself
    scripts/faults --single            each by itself, in any case
    scripts/faults --state phase3      only those that are planted at that gate
    scripts/faults --only "ID" "ID"    only these; the catalogue: .venv/bin/python -m fixtures.lab.faults
    scripts/faults --route worker      those of the Email Worker's route, in labs where mail comes by it; or tunnel
    scripts/faults --generated --for 30    drawn by lot from what a lab has, chosen by nobody, for half an hour
    scripts/faults --coverage          each line that decides about mail, changed by itself: does a gate notice?
    scripts/faults --clean 8           nothing is planted: eight labs, each judged at every state, and who cries wolf

Each result is a line of reports/faults.jsonl as soon as it is known, and reports/faults.html is made from them. Killed
anywhere, run it again: it goes on behind the last line; with --again, or once the program has changed, from the start.
How a fault comes out:

  caught for its reason   its own scenario is red, and says why
  caught, with noise      so it is, and more than five other expectations are red with it
  caught elsewhere        red is only what was not meant to be: it closes the gate, and leads nowhere
  unnoticed               nothing is red but drift (S-6), which says of any change that another hand made it
  unnoticed, harmful      of a drawn one: mail was lost, late, misfiled, copied, relayed or in the clear, by an oracle
                          that shares no code with what judges
  harmless                of a drawn one: nothing of that, so no gate was asked
  not planted             the fault itself failed: mend it; a drawn one was no legal configuration

Exit: 0 all caught for their reason, with noise or without, or all clean; 1 not so, or interrupted; 2 bad input, or no
lab could be made.
"""

import argparse
import itertools
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from fixtures.evidence import tell
from fixtures.evidence.exiting import leave
from fixtures.evidence.files import replace
from fixtures.lab.errors import LabError
from fixtures.lab.faults import Fault, coverage, named, usual
from fixtures.lab.faults.walk import DRIFT, ORDER, Cleans, Result, Sort, Walk, can_stand, hasty, in_turn
from fixtures.lab.plan import ROUTES
from fixtures.lab.world import Lab, down
from fixtures.language import tr
from fixtures.migration.version import VERSION
from fixtures.plan.gates import Gate
from fixtures.report.render import fill

DONE, MISSED, BAD_INPUT = 0, 1, 2
FILE = Path("reports/faults.jsonl")
COVERAGE = "coverage, "
TOGETHER_MAX = 3
"""So many faults are planted at once: more make so much red that their noise counts."""
GOOD = frozenset({Sort.CAUGHT, Sort.NOISY, Sort.CLEAN})
GOOD_DRAWN = GOOD | {Sort.ELSEWHERE, Sort.HARMLESS, Sort.BROKEN}
STATES = tuple(gate.value for gate in Gate)
AHEAD = ORDER[: ORDER.index(Gate.SIGNOFF) + 1]
"""The states through which one lab can be carried."""


@dataclass
class Book:
    """The results so far, kept in a file. Several labs write into it."""

    file: Path
    results: dict[str, Result] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> None:
        """What this very program has found; another version's results are none, nor is a line that a kill cut off.

        ``LabError`` for a file of something else, which stays as it is.
        """
        text = self.file.read_text(encoding="utf-8", errors="replace") if self.file.exists() else ""
        if text and not text.startswith('{"id": '):
            raise LabError(f"--file {self.file}: holds something else than results. Name another: they are kept there")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            self.file.write_text(whole, encoding="utf-8")
        for line in whole.splitlines():
            fields = json.loads(line)
            if fields.pop("version") == VERSION:
                fields |= {key: tuple(fields[key]) for key in ("red", "harm", "others")}
                fields["sort"] = Sort(fields["sort"])
                self.results[fields["id"]] = Result(**fields)

    def add(self, result: Result, left: int) -> None:
        with self._lock:
            self.results[result.id] = result
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**asdict(result), "version": VERSION}) + "\n")
            print(
                f"{result.sort:22} {result.took_s:5.1f} s  {result.at:9} {result.id}"
                + (f"  ({left} to go)" if left else ""),
                flush=True,
            )
            for each in result.harm[:5]:
                print(f"    harm: {each}", flush=True)
            if result.sort not in GOOD:
                print(f"    {result.why[:400]}" + (f"  Red: {', '.join(result.red)}" if result.red else ""), flush=True)


@dataclass
class Queue:
    """What is to be planted, for whichever of so many ``labs`` is free. ``single``: one at a time."""

    faults: list[Fault]
    labs: int = 1
    single: bool = False
    cleans: Cleans = field(default_factory=Cleans)
    carried_back: dict[Gate, str] = field(default_factory=dict)
    """The lab that has all faults that carry one back from there (``last``)."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, lab: str = "") -> list[Fault]:
        """The next one for LAB, with others that it and each other can stand: those of other places, if there are any.

        A lab that was carried back gets no more where there are others: they are through before it is there again.
        """
        with self._lock:
            mine = (each for each in self.faults if each.turn != "last" or self.carried_back.get(each.at, lab) == lab)
            one = next(mine, None)
            if one is None:
                return []
            if one.turn == "last":
                self.carried_back[one.at] = lab
            elif lab in self.carried_back.values() and self.labs > 1:
                self.labs -= 1
                return []
            self.faults.remove(one)
            taken = [one]
            while not self.single and len(taken) < TOGETHER_MAX:
                others = [each for each in self.faults if all(can_stand(each, one) for one in taken)]
                if not others:
                    break
                taken.append(min(others, key=lambda each: sum(each.host == one.host for one in taken)))
                self.faults.remove(taken[-1])
            return taken


def main(arguments: list[str] | None = None) -> int:
    """Plant, judge and count; returns the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except LabError as error:
        tell(f"faults: {tr(str(error))}")
        return BAD_INPUT
    except KeyboardInterrupt:
        print("faults: interrupted; the labs were taken down. The same command goes on from here", file=sys.stderr)
        return MISSED


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="scripts/faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--labs", type=int, default=2, metavar="N", help="how many at once (default: %(default)s)")
    what = made.add_mutually_exclusive_group()
    what.add_argument("--only", nargs="+", metavar="ID", help="these faults")
    what.add_argument("--generated", action="store_true", help="draw faults by lot, at --at, --for so many minutes")
    what.add_argument("--coverage", action="store_true", help="change each line that stands, at --at")
    what.add_argument("--state", choices=STATES, metavar="GATE", help=f"those planted at {', '.join(STATES)}")
    what.add_argument("--clean", type=int, metavar="N", help="judge so many labs with nothing planted")
    made.add_argument(
        "--at", choices=STATES[:4], default="phase4", help="where labs stand for these two (default: %(default)s)"
    )
    made.add_argument("--for", type=float, default=10, dest="minutes", metavar="MINUTES", help="default: %(default)s")
    made.add_argument("--single", action="store_true", help="plant one fault at a time")
    made.add_argument("--route", choices=ROUTES, default=ROUTES[0], help="by which mail comes (default: %(default)s)")
    made.add_argument("--seed", type=int, default=2, help="the labs' (default: %(default)s); with --clean the first's")
    made.add_argument("--again", action="store_true", help="begin from the start, whatever was found before")
    made.add_argument("--file", type=Path, default=FILE, help="where results are kept (default: %(default)s)")
    made.add_argument("--name", default="faults", help="how the labs' names begin (default: %(default)s)")
    return made


def _run(given: argparse.Namespace) -> int:
    book = Book(given.file)
    given.file.parent.mkdir(exist_ok=True)
    book.read()
    if given.again:
        given.file.unlink(missing_ok=True)
        book.results.clear()
    if given.clean:
        seeds = list(range(given.seed, given.seed + given.clean))
        wanted = [_clean_at(seed, gate) for seed in seeds for gate in AHEAD]
        seeds = [seed for seed in seeds if any(_clean_at(seed, gate) not in book.results for gate in AHEAD)]
        _by_labs(given, lambda name, over: _clean(name, given.route, seeds, book, over))
    elif given.generated:
        _by_labs(given, lambda name, over: _drawn(name, given, book, over))
        wanted = [each for each in book.results if each.startswith(f"seed {given.seed}, ")]
    elif given.coverage:
        _by_labs(given, lambda name, over: _changed(name, given, book, over))
        wanted = [each for each in book.results if each.startswith(COVERAGE)]
    else:
        # Those of other Dells: tests/scripts/test_owner_*.py.
        chosen = _chosen(given)
        faults = [fault for fault in chosen if usual(fault, given.route)]
        if given.only and (others := [fault.id for fault in chosen if fault not in faults]):
            raise LabError(
                f"{'; '.join(others)}: not for a lab of the route {given.route}. For the Worker's: --route worker, or "
                "tunnel; those of other Dells and gateways are planted by the project's own tests"
            )
        wanted = [fault.id for fault in faults]
        left = [fault for fault in faults if fault.id not in book.results]
        queue = Queue(left, given.labs, single=given.single or bool(given.only))
        _by_labs(given, lambda name, over: _planted(name, given, queue, book, over))
    found = [book.results[each] for each in wanted if each in book.results]
    page = replace(given.file.with_suffix(".html"), fill("faults.html", results=found, sorts=_counts(found), good=GOOD))
    print(", ".join(f"{sort}: {number}" for sort, number in _counts(found).items()) + f"; {page}")
    print(*(_shares(found) if given.coverage else _figures(found)), sep="\n")
    good = GOOD_DRAWN if given.generated else GOOD
    return DONE if len(found) == len(wanted) and all(each.sort in good for each in found) else MISSED


def _chosen(given: argparse.Namespace) -> list[Fault]:
    if given.only:
        only = {named(each).id for each in given.only}
        return [fault for fault in in_turn() if fault.id in only]
    return [fault for fault in in_turn() if given.state in {None, fault.at.value}]


def _counts(results: Iterable[Result]) -> dict[Sort, int]:
    found = Counter(result.sort for result in results)
    return {sort: found[sort] for sort in Sort if found[sort]}


def _figures(results: Iterable[Result]) -> Iterator[str]:
    """How many of those that harmed mail were caught, and by what."""
    harmful = [each for each in results if each.harm and each.sort is not Sort.BROKEN]
    if harmful:
        seen = [each for each in harmful if each.sort is not Sort.HARMFUL]
        named, drift = sum(each.sort is Sort.CAUGHT for each in seen), sum(DRIFT in each.red for each in harmful)
        yield f"{len(harmful)} harmed mail: {len(seen)} of them caught, {named} for a reason that names the cause"
        yield f"drift ({DRIFT}) by itself, where what is right was accepted before, names {drift} of them as changed"


def _shares(results: Iterable[Result]) -> Iterator[str]:
    """Of each place, how many lines no gate lets change unseen."""
    places: dict[str, list[Result]] = {}
    for each in results:
        places.setdefault(each.id.removeprefix(COVERAGE).partition(" | ")[0], []).append(each)
    for place, found in places.items():
        tried = [each for each in found if each.sort is not Sort.BROKEN]
        noticed = sum(each.sort in GOOD_DRAWN for each in tried)
        yield f"{place}: {noticed} of {len(tried)} changes noticed" + (
            f"; {len(found) - len(tried)} could not be made" if len(tried) < len(found) else ""
        )


def _by_labs(given: argparse.Namespace, work: Callable[[str, threading.Event], None]) -> None:
    """WORK with the name of each lab, at once, and with what is set once one of them failed, or all are interrupted:
    nobody begins another piece then. Labs end with this process, however that ends.
    """
    over = threading.Event()
    with ThreadPoolExecutor(given.labs) as pool:
        at_work = [pool.submit(work, f"{given.name}-{number}", over) for number in range(given.labs)]
        try:
            for each in as_completed(at_work):
                each.result()
        finally:
            over.set()


def _stood(name: str, seed: int, route: str, cleans: Cleans | None = None) -> Walk:
    down(name)
    knobs = ("--worker-throws=rejected",) if route == "worker" else ()  # so it has a bucket
    lab = Lab.up(name, seed=seed, owner_pid=os.getpid(), route=route, knobs=knobs)
    hasty(lab)
    return Walk(lab, cleans=cleans or Cleans())


def _planted(name: str, given: argparse.Namespace, queue: Queue, book: Book, over: threading.Event) -> None:
    """One lab's share. Another lab is stood where a fault's gate lies behind, and where one has left traces: what was
    tried among them may have met another's, and is tried once more.
    """
    walk: Walk | None = None
    singles, again = list[Fault](), set[str]()
    try:
        while not over.is_set() and (faults := [singles.pop(0)] if singles else queue.take(name)):
            if walk is None or ORDER.index(walk.at) > ORDER.index(faults[0].at):
                walk = _stood(name, given.seed, given.route, queue.cleans)
            results, sound = _tried(walk, faults)
            if len(faults) == 1 and not sound and faults[0].id not in again:
                again.add(faults[0].id)
                results = []
            for result in results:
                book.add(result, len(queue.faults) + len(singles))
            known = {result.id for result in results}
            for fault in (each for each in faults if each.id not in known):
                print(f"{'once more, by itself':31} {fault.at:9} {fault.id}", flush=True)
                singles.append(fault)
            walk = walk if sound else None
    finally:
        down(name)


def _tried(walk: Walk, faults: list[Fault]) -> tuple[list[Result], bool]:
    """How FAULTS came out, but for those that are to be tried by themselves; and whether the lab is as it was."""
    if len(faults) == 1:
        result = walk.tried(faults[0])
        good = result.sort in GOOD
        return [result], good or (result.sort is not Sort.BROKEN and not walk.soiled(faults[0].gate, faults[0].domain))
    try:
        return walk.tried_together(*faults), True
    except LabError as error:
        last = str(error).strip().rpartition("\n")[2]
        print(f"{'another lab is made':31} {faults[0].at:9} {last[:200]}", flush=True)
        return [], False


def _drawn(name: str, given: argparse.Namespace, book: Book, over: threading.Event) -> None:
    """Faults by lot until the time is over. The seed and the lab's name say which; what is known is not drawn again."""
    until, walk = time.monotonic() + given.minutes * 60, None
    try:
        for number in itertools.count():
            label = f"seed {given.seed}, {name.rpartition('-')[2]}.{number}"
            if over.is_set() or time.monotonic() > until:
                return
            if any(each.startswith(f"{label}: ") for each in list(book.results)):
                continue
            if walk is None:
                walk = _stood(name, given.seed, given.route)
                walk.to(Gate(given.at))
            result = walk.drawn(Random(label), label)  # noqa: S311 - a seed repeats it
            book.add(result, 0)
            if result.sort is Sort.BROKEN or walk.harm():
                walk = None
    finally:
        down(name)


def _changed(name: str, given: argparse.Namespace, book: Book, over: threading.Event) -> None:
    """One lab's share of the lines that stand."""
    try:
        walk = _stood(name, given.seed, given.route)
        walk.to(Gate(given.at))
        if red := walk.clean(walk.at).red:
            raise LabError(f"{walk.at} is red with nothing changed: {red[0].name}: {red[0].message[:400]}")
        labelled = [(f"{COVERAGE}{each.of} | {each.id}", each) for each in coverage.lines(walk.lab)]
        mine = labelled[int(name.rpartition("-")[2]) :: given.labs]
        todo = [(label, line) for label, line in mine if label not in book.results]
        for left, (label, line) in zip(range(len(todo) - 1, -1, -1), todo, strict=True):
            if over.is_set():
                return
            book.add(walk.changed(line, label), left)
    finally:
        down(name)


def _clean(name: str, route: str, seeds: list[int], book: Book, over: threading.Event) -> None:
    """Labs of these seeds with nothing planted, each judged at every state on its way."""
    for seed in iter(lambda: seeds.pop(0) if seeds and not over.is_set() else None, None):
        try:
            walk = _stood(name, seed, route)
            for gate in AHEAD:
                book.add(walk.left_as_it_is(_clean_at(seed, gate), gate), 0)
        finally:
            down(name)


def _clean_at(seed: int, gate: Gate) -> str:
    return f"clean, seed {seed}, {gate}"


if __name__ == "__main__":
    leave(main)
