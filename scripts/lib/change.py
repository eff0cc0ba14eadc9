"""What all scripts share: plan, digest, gate, lock, journal, read back, exit codes.

A script yields ``Write``s: each one a single write, with what stands before and after it. Without ``--apply`` they
are shown with their digest; with ``--apply DIGEST`` exactly these are made. A script that was killed is run again: what
is done is no longer planned, and the rest is.
"""

import argparse
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from rich.console import Console
from rich.text import Text

from fixtures.evidence import CouldNotAsk, plain, redact, tell
from fixtures.evidence.exiting import ending_in_order
from fixtures.evidence.waiting import waiting
from fixtures.gates import upkeep
from fixtures.gates.drift import accepted
from fixtures.gates.present import present_digest
from fixtures.gates.script_gate import GateClosed, in_force, on_record, require_open
from fixtures.language import N_, tr
from fixtures.ledger.windows import left_half_way
from fixtures.migration import Migration, open_migration
from fixtures.migration.progress import Progress, came_to_its_end, unfinished
from fixtures.plan.gates import TABLE, gate_of_script
from fixtures.plan.programs import PROGRAMS
from fixtures.settings import SettingsError
from fixtures.store import Locked, StoreError, canonical
from scripts.lib.commandline import again, changes, require_reason

DONE, REFUSED, BAD_INPUT, PLANNED = 0, 1, 2, 3
TRY_AGAIN_S = 1.0
READ_BACK_S = 30.0
"""For so long a write may take to show; DNS and APIs are eventually consistent."""
LEFT_HALF_WAY = N_("""\
{domain}: A SWITCH ENDED HALF-WAY, and nobody has asked whether Cloudflare takes mail.
  So the store has it: it saw the MX move last, and not where it leads by now, which dig MX {domain} shows.
  To ask: python -m scripts.switch_mx --domain {domain}    The way back: python -m scripts.rollback --domain {domain}\
""")
NOT_COUNTED = "not counted as done"
"""Said where nothing is to be done, and that is no progress."""
_SCREEN_LINES = 40


class Refused(Exception):
    """The script will not go on; says why and the way out."""


class NoWayBack(Refused):
    """Nor is there a way by hand: EC2 is gone, or what a way back needs of it."""


@dataclass(frozen=True, slots=True)
class Write:
    """One single write. ``before`` and ``after``: what stands at ``subject``, as text to read and to compare."""

    group: str
    subject: str
    before: str
    after: str
    do: Callable[[], object]
    read: Callable[[], str]
    """Reads back what stands there; must equal ``after`` once it is done."""
    command: str = ""
    """An equivalent for a person to paste; secrets as $VARIABLES."""
    danger: str = ""
    """MX, SPF, DKIM, DMARC, NS, ``deletes``, or what may end by it: named in the plan."""
    tries: int = 1
    """How often ``do`` is tried. Before each further time it is read back that the write was not done: for writes that
    a client's own retry, after a lost answer, would do twice."""
    at_once: bool = False
    """Done right after the write before it: both are looked at before, and read back after."""
    speaks: bool = False
    """Says itself what it waits for, and for how long."""


@dataclass(slots=True)
class Run:
    """One run as it goes on. ``number`` names it in the journal and in records; what follows is a switch's."""

    number: str = field(default_factory=lambda: secrets.token_hex(6))
    given: Sequence[str] = ()
    """The arguments as a person gave them."""
    kept: dict[str, Any] | None = None
    """What is to be put back if it fails; None until the MX moves."""
    moved_at: float = 0.0
    """When the MX moved, on the migration's clock."""
    through: bool = True
    """Mail is taken: whatever fails from then on undoes nothing."""
    guard: subprocess.Popen[bytes] | None = None  # puts the MX back if this process can't (safeguard)
    made: list[str] | None = None
    """Ids of the MX records that a switch made; None: not looked up yet."""
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """What it has written, and what was read back."""

    @property
    def so_far(self) -> str:
        """What a run that failed has left written, in words; empty where nothing is, or where a switch goes back."""
        if not self.begun or self.kept is not None:
            return ""
        under_way = [each for each in self.begun if each not in self.ended]
        said = [tr("Written before that: {what}", what=tr("; ").join(map(tr, self.ended)))] if self.ended else []
        if under_way:
            said.append(tr("Begun, and perhaps written: {what}", what=tr("; ").join(map(tr, under_way))))
        said.append(tr("The same command shows what is left, and finishes it"))
        return f"\n{tr('. ').join(said)}"


@dataclass(frozen=True, slots=True)
class Job:
    """What a script was asked to do. ``domain``: empty for the whole migration."""

    migration: Migration
    domain: str
    options: argparse.Namespace
    run: Run = field(default_factory=Run)

    @property
    def domains(self) -> tuple[str, ...]:
        """The domain asked for, else all."""
        return (self.domain,) if self.domain else self.migration.settings.domain_names

    def say(self, text: str) -> None:
        tell(f"  {tr(text)}")


@dataclass(frozen=True, slots=True)
class Script:
    """A script: its name, what ``--help`` says of it, and its plan."""

    name: str
    summary: str | None
    """The docstring of its module."""
    plan: Callable[[Job], Iterable[Write]]
    per_domain: bool = False
    example: str = ""
    """What its example in ``--help`` gives further than the domain."""
    options: Callable[[argparse.ArgumentParser], object] = lambda _parser: None
    check: Callable[[Job], None] | None = None
    """Refuses before the first write; not asked of a plan."""
    finish: Callable[[Job], None] = lambda _job: None
    """After the last write; may refuse."""
    around: Callable[[Job], AbstractContextManager[object]] = nullcontext
    """Entered around the writes: what it does at its end it does in any case, also when one failed."""
    leaves: Callable[[Job], AbstractContextManager[object]] = nullcontext
    """Entered around all of it, while the lock is held: at its end all is on record."""
    opens: Callable[[str | None], Migration] | None = None
    is_way_back: Callable[[Job], bool] = lambda _job: False
    """Whether what was asked for is a way back: that waits for no gate."""
    still_counts: Callable[[Job], bool] = lambda _job: False
    """Whether the store says otherwise though nothing is left to do: a person did it by hand."""
    otherwise: str = ""
    """What else a person can do where a system can't be asked, for the ``{domain}``."""

    @ending_in_order()
    def main(self, arguments: list[str] | None = None) -> int:
        """Plan or apply; returns the exit status (0 done, 1 refused or failed, 2 bad input, 3 changes planned)."""
        options = _parser(self).parse_args(arguments)
        run = Run(given=sys.argv[1:] if arguments is None else arguments)
        try:
            migration = (self.opens or open_migration)(options.config)
            domain = "" if options.domain is None else migration.settings.domain(options.domain).name
            if self.per_domain and not domain:
                names = ", ".join(migration.settings.domain_names)
                raise SettingsError(f"{self.name} changes one domain at a time: --domain with one of {names}")
            require_reason("--override", options.override)
            name_half_way(migration)
            if options.take_lock:
                migration.store.take_over("migration")
            job = Job(migration, domain, options, run)
            return _apply(self, job) if options.apply else _show(self, job, _planned(self, job))
        except (Refused, GateClosed, CouldNotAsk, SettingsError, StoreError) as error:
            # A secret that is missing is both a CouldNotAsk and bad input; a lock that is held is only a StoreError.
            bad = isinstance(error, SettingsError | StoreError) and not isinstance(error, Locked)
            by_hand = isinstance(error, CouldNotAsk | StoreError | Refused) and not isinstance(error, NoWayBack)
            more = f"\n{tr(self.otherwise, domain=options.domain or 'DOMAIN')}" if self.otherwise and by_hand else ""
            status, text = BAD_INPUT if bad and not run.begun else REFUSED, f"{tr(str(error))}{run.so_far}{more}"
        except KeyboardInterrupt:
            begun = N_("interrupted; the same command finishes what was begun")
            status, text = REFUSED, tr(begun if options.apply else N_("interrupted; nothing was begun"))
        tell(text if text.startswith(self.name) else f"{self.name}: {text}")
        return status


def opened(path: str | None) -> Migration:
    """The migration of the settings at PATH; a switch that was left half-way is named first, whatever is run."""
    migration = open_migration(path)
    name_half_way(migration)
    return migration


def name_half_way(migration: Migration) -> None:
    """Say which domains a switch left between both sides, while no living process is at it."""
    for domain in migration.settings.domain_names:
        if left_half_way(migration, domain):
            tell(tr(LEFT_HALF_WAY, domain=domain))


def digest(writes: Iterable[Write]) -> str:
    """Names a plan; 12 hex characters."""
    rows = [(each.group, each.subject, each.before, each.after) for each in writes]
    return sha256(canonical(rows).encode()).hexdigest()[:12]


def _apply(script: Script, job: Job) -> int:
    migration, options = job.migration, job.options
    with migration.store.lock("migration", f"{script.name} {job.domain}".strip()), script.leaves(job):
        writes, begun = _planned(script, job), unfinished(migration.store, script.name, job.domain)
        if not writes:
            print(f"{script.name}: {tr('nothing to do')}")
            if begun:
                _complete_late(script, job, begun)
            elif _may_count(script, job):
                script.finish(job)
                migration.store.record("done", job.domain, script=script.name, plan="")
            return DONE
        if digest(writes) != options.apply and not _left_over(job, begun, writes):
            _show(script, job, writes)
            raise Refused(
                N_(f"{script.name}: the plan is no longer {options.apply}: what stands now asks for the above")
            )
        target = _require_all(script, job)
        accepting = _accepting(script, job)
        gate = gate_of_script(script.name)
        about: dict[str, Any] = {"script": script.name, "gate": gate.value if gate else "", "run": job.run.number}
        about |= {
            "plan": options.apply,
            "before": _stands(script, job),
            "target": target,
            "gateway": upkeep.named(migration),
            "writes": [digest([each]) for each in writes],
            "command": redact(again(script.name, job.run.given)),
        }
        migration.store.record("run", job.domain, **about)
        with accepting, script.around(job):
            make(script, job, writes)
            script.finish(job)
        _led(script, job, about)
        # Last: a run that is killed before, while nobody has accepted what it wrote, is finished by the next one.
        migration.store.record("done", job.domain, script=script.name, plan=options.apply)
    back = PROGRAMS[script.name][1].replace("`", "") if script.name in PROGRAMS else ""
    done = tr("done, writes: {n}", n=len(writes))
    print(f"{script.name}: {done}" + (f"{tr('. ')}{tr('The way back: {program}', program=back)}" if back else ""))
    return DONE


def _require_all(script: Script, job: Job) -> str:
    """For which systems its gate is open, and nothing else stands against the first write.

    Where people are waited for, an interrupted run has perhaps left somebody let in, which itself closes the gate:
    ``around`` withdraws that, which needs no gate.
    """
    try:
        target = _require_leave(script, job)
        if script.check:
            script.check(job)
    except Exception:
        if script.name in accepted.WAITS and unfinished(job.migration.store, script.name, job.domain):
            with _accepting(script, job), script.around(job):
                raise
        raise
    return target


def _planned(script: Script, job: Job) -> tuple[Write, ...]:
    with waiting(lambda: tr("{script}: reading what stands", script=script.name)):
        return tuple(script.plan(job))


def _left_over(job: Job, begun: list[dict[str, Any]], writes: Iterable[Write]) -> bool:
    """Whether WRITES are what an interrupted run of the plan that is asked for has left to do, and no other."""
    if not begun or begun[-1]["plan"] != job.options.apply:
        return False
    planned = begun[-1].get("writes", ())
    left = [digest([each]) for each in writes]
    if not set(left) <= set(planned):
        return False
    job.say(N_(f"plan {job.options.apply} was interrupted: {len(left)} of its writes are left"))
    return True


def _accepting(script: Script, job: Job) -> AbstractContextManager[None]:
    """Record what the script writes as accepted (S-6), and what its interrupted runs have left. A way back does so
    without looking first, so that nothing delays it.
    """
    finishes = [each for each in accepted.SCOPE if unfinished(job.migration.store, each, job.domain)]
    later = any(getattr(job.options, each, False) for each in ("clean_up", "with_dell"))
    hurried = script.name == "rollback" and not later
    return accepted.by_script(job.migration, script.name, job.domain, finishes=finishes, hurried=hurried)


def _stands(script: Script, job: Job) -> str:
    """The digest of the present state. Empty for a script without a gate, as a way back asks nobody that it doesn't
    need; where no open gate was asked for, if no verdict rests on it, or a system is silent: AWS may have blocked us.
    """
    silent = (CouldNotAsk,) if job.options.override or upkeep.applies(job.migration, script.name) else ()
    if (gate := gate_of_script(script.name)) and (not silent or in_force(job.migration, gate)):
        with suppress(*silent), waiting(lambda: tr("{script}: reading what stands", script=script.name)):
            return present_digest(job.migration)
    return ""


def _complete_late(script: Script, job: Job, begun: list[dict[str, Any]]) -> None:
    """What was BEGUN has nothing left to write: it is done, and what stands now is where it has led."""
    with _accepting(script, job):
        script.finish(job)
    if begun and came_to_its_end(job.migration.store, begun[-1]):
        _led(script, job, {key: begun[-1][key] for key in begun[-1].keys() - {"at", "real_at", "domain", "place"}})
    job.migration.store.record("done", job.domain, script=script.name, plan=begun[-1]["plan"] if begun else "")


def _led(script: Script, job: Job, about: dict[str, Any]) -> None:
    """Record where a run has led, so that its gate stays open; without it that is judged once more."""
    with suppress(CouldNotAsk):
        job.migration.store.record("run", job.domain, **about, after=_stands(script, job))


def make(script: Script, job: Job, writes: Iterable[Write]) -> None:
    """Make WRITES in their order; what stands already is left as it is."""
    together: list[list[Write]] = []
    for write in writes:
        if write.at_once and together:
            together[-1].append(write)
        else:
            together.append([write])
    for group in together:
        due = [write for write in group if _begin(script, job, write)]
        for write in due:
            with _waiting(job, write):
                _do(write)
        for write in due:
            with _waiting(job, write):
                _end(script, job, write)


def _waiting(job: Job, write: Write) -> AbstractContextManager[None]:
    """Say which write the network holds up; a switch, and what waits for people, say that themselves."""
    if write.speaks or not job.run.through:
        return nullcontext()
    return waiting(lambda: tr("{subject}: writing, and reading it back", subject=tr(write.subject)))


def _begin(script: Script, job: Job, write: Write) -> bool:
    """Whether it is still to be done: then the journal has it now."""
    now = write.read()
    if now == write.after:
        return False
    if now != write.before:
        raise Refused(N_(f"{write.subject} changed meanwhile: expected {write.before!r}, found {now!r}. Plan again"))
    job.say(f"{tr(write.group)}{tr(': ')}{tr(write.subject)}")
    about = (script.name, job.domain, job.run.number, write.subject)
    job.migration.store.log(*about, "before", held="migration", before=write.before, after=write.after)
    job.run.begun.append(write.subject)
    return True


def _end(script: Script, job: Job, write: Write) -> None:
    """Read it back."""
    until = time.monotonic() + READ_BACK_S
    while (found := write.read()) != write.after:
        if time.monotonic() > until:
            raise Refused(
                N_(f"{write.subject}: written, but after {READ_BACK_S:.0f} s it reads {found!r}, not {write.after!r}")
            )
        time.sleep(0.2)
    job.migration.store.log(script.name, job.domain, job.run.number, write.subject, "after", found=found)
    job.run.ended.append(write.subject)


def _do(write: Write) -> None:
    for left in reversed(range(write.tries)):
        try:
            write.do()
        except CouldNotAsk:
            if write.read() == write.after:  # it was done, and the answer was lost
                return
            if not left:
                raise
            time.sleep(TRY_AGAIN_S)
        else:
            return


def _show(script: Script, job: Job, writes: tuple[Write, ...]) -> int:
    plan = digest(writes)
    if job.options.json:
        keys = ("group", "subject", "before", "after", "danger")
        rows = [{key: redact(getattr(write, key)) for key in keys} for write in writes]
        print(json.dumps({"script": script.name, "domain": job.domain, "digest": plan, "writes": rows}, indent=1))
    elif job.options.as_shell:
        print("\n".join(redact(each.command or f"# by hand: {each.subject}: {each.after}") for each in writes))
    else:
        _print(script, job, writes, plan)
    if not writes:
        if not job.options.json:
            print(f"{script.name}: {tr('nothing to do')}")
        return _nothing(script, job)
    return PLANNED


def _nothing(script: Script, job: Job) -> int:
    """Nothing is to be written: complete the run that was killed after its last write, if one was."""
    store = job.migration.store
    if (begun := unfinished(store, script.name, job.domain)) or script.still_counts(job):
        with store.lock("migration", f"{script.name} {job.domain}".strip()), script.leaves(job):
            _complete_late(script, job, begun)
    elif _is_due(script, job) and _may_count(script, job):
        store.record("done", job.domain, script=script.name, plan="")  # nothing was ever to be done: progress too
    return DONE


def _is_due(script: Script, job: Job) -> bool:
    """Whether it was never done, or not for a domain that came later."""
    progress = Progress.read(job.migration.store, job.migration.settings)
    late = not job.domain and progress.done_at(script.name) is not None and progress.lacks(script.name)
    return bool(late) or job.migration.store.last("done", job.domain, script=script.name) is None


def _may_count(script: Script, job: Job) -> bool:
    """Whether that nothing is to be done is progress: not behind a closed gate. There it may be the wrong account that
    was asked, which has nothing to delete. An override, with --apply, is on record as any.
    """
    try:
        _require_leave(script, job)
    except (GateClosed, CouldNotAsk) as error:
        job.say(N_(f"not counted as done, since its gate is not open: {error}"))
        return False
    return True


def _require_leave(script: Script, job: Job) -> str:
    """An override, which goes on record; else, but for a way back, an open gate, and for which systems it is. Raises
    what ``require_open`` does.
    """
    if job.options.override and job.options.apply:
        job.migration.store.record("override", job.domain, script=script.name, reason=redact(job.options.override))
    elif not script.is_way_back(job):
        with waiting(lambda: tr("{script}: asking whether its gate is open", script=script.name)):
            return require_open(job.migration, script.name, job.domains)
    return ""


def left_unfinished(job: Job, script: str) -> frozenset[str]:
    """Subjects that SCRIPT has begun to write, in runs that did not get done."""
    runs = {row["run"] for row in unfinished(job.migration.store, script, job.domain)}
    return frozenset(row["subject"] for row in job.migration.store.journaled(script, job.domain) if row["run"] in runs)


def _print(script: Script, job: Job, writes: tuple[Write, ...], plan: str) -> None:
    console, group = Console(), ""
    for write in writes:
        if write.group != group:
            group = write.group
            console.print(Text(tr(group), style="bold"))
        console.print(_named(write))
        for mark, text, style in (("-", write.before, "red"), ("+", write.after, "green")):
            for line in plain(text).splitlines():
                console.print(Text(f"    {mark} {line}", style=style), soft_wrap=True)
    if sum(len(f"{write.before}\n{write.after}".splitlines()) for write in writes) > _SCREEN_LINES:
        for write in filter(lambda write: write.danger, writes):  # what named it above has left the screen
            console.print(_named(write))
    if writes:
        command = f"{again(script.name, job.run.given)} --apply {plan}"
        gate = gate_of_script(script.name)
        console.print(
            Text(tr("writes planned: {n}, digest {digest}. To make exactly these:", n=len(writes), digest=plan))
        )
        console.print(Text(f"  {command}"), soft_wrap=True)
        if upkeep.applies(job.migration, script.name):
            needs = tr("needs no gate any more: only that each domain is wholly at Cloudflare")
            console.print(Text(f"  ({needs})"))
        elif gate:
            about = {"asks": tr(TABLE[gate].question), "stands": tr(on_record(job.migration, gate, job.domains))}
            behind = tr("behind the gate {gate}, {asks} It is {stands}", gate=gate, **about)
            console.print(Text(f"  ({behind})"), soft_wrap=True)


def _named(write: Write) -> Text:
    danger = f"  [{tr(write.danger)}]" if write.danger else ""
    return Text(plain(f"  {tr(write.subject)}")) + Text(danger, style="bold red")


def _parser(script: Script) -> argparse.ArgumentParser:
    made = changes(script.name, script.summary, script.example, per_domain=script.per_domain)
    script.options(made)
    return made
