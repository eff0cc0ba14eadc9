"""Accept by name what is not as it was accepted (S-6), or close a loss, and answer for it; every report shows it.

    python -m scripts.accept                      all that differs, and what nobody may accept in silence; a digest
    python -m scripts.accept "always_bcc"         only what has these words in its name; as many as you like
    python -m scripts.accept "always_bcc" --apply DIGEST --reason "kept for the auditors until June"
    python -m scripts.accept --lost "<mxgate.17@...>"   a loss that was explained and repaired closes no gate any more

What was done by mistake or by a stranger is not to be accepted: undo it, and it is green again. Writes only the store.

Exit: 0 accepted, or nothing to accept; 1 something could not be asked; 2 bad input; 3 shown, nothing accepted.
"""

import re
import shlex
import socket
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

from fixtures.evidence import CouldNotAsk, plain, redact, tell
from fixtures.evidence.exiting import leave
from fixtures.evidence.waiting import waiting
from fixtures.gates.drift import accepted
from fixtures.gates.drift.judging import accepted_as, differences, ours, strangers, wide
from fixtures.gates.drift.reading import State, permits, read
from fixtures.language import N_, tr
from fixtures.language.pasting import pasted
from fixtures.ledger import closed_losses, witnesses
from fixtures.ledger.accounting import DRILL, Entry, balance
from fixtures.ledger.switches import last_switch
from fixtures.migration import Migration
from fixtures.probes.dns import spf
from fixtures.settings import SettingsError
from fixtures.store import StoreError, canonical, user
from fixtures.watching import abort_rules
from scripts.lib.change import BAD_INPUT, DONE, PLANNED, REFUSED, opened
from scripts.lib.commandline import parser, require_reason

_MESSAGE_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to accept. ``parts``: as they would be accepted; none where only its name is."""

    name: str
    found: str
    source: str = ""
    parts: tuple[tuple[str, str | None], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}\n      {self.found}"


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("accept", __doc__)
    made.add_argument("names", nargs="*", metavar="NAME", help="words of what is to be accepted (default: all of it)")
    made.add_argument("--lost", nargs="+", metavar="MESSAGE-ID", default=[], help="messages whose loss is closed")
    made.add_argument("--apply", metavar="DIGEST", help="accept exactly what was shown with this digest")
    made.add_argument("--reason", help="why, at least ten characters; every report shows it")
    options = made.parse_args(arguments)
    try:
        require_reason("--reason", options.reason)
        if options.apply and not options.reason:
            raise SettingsError("--apply: expected a --reason next to it, which every report shows")
        migration = opened(options.config)
        if options.lost:
            return _close(migration, options.lost, options.apply, redact(options.reason or ""))
        with waiting(lambda: tr("reading all that decides about mail: Dell, EC2, the zones, Cloudflare, AWS")):
            state = read(migration)
            items = tuple(each for each in _items(migration, state) if _meant(each, options.names))
        return _accept(migration, state, items, options)
    except CouldNotAsk as error:
        tell(f"accept: nothing accepted: {error}")
        return REFUSED
    except (SettingsError, StoreError) as error:
        tell(f"accept: {tr(str(error))}")
        return BAD_INPUT


def _accept(migration: Migration, state: State, items: tuple[Item, ...], options: Namespace) -> int:
    for source, why in state.unread.items():
        tell(f"  could not be read: {source}: {why}")
    if not items:
        of = N_("of what could be read nothing is to be accepted") if state.unread else N_("all is as it was accepted")
        print(f"accept: {tr('nothing to accept')}: {tr(of)}")
        return REFUSED if state.unread else DONE
    if not _shown(items, options.apply, options.names):
        return PLANNED
    parts: dict[str, dict[str, str | None]] = {}
    for each in items:
        if each.parts:
            parts.setdefault(each.source, {}).update(each.parts)
    with migration.store.lock("migration", "accept"):
        about = {accepted.NAMED: [each.name for each in items]}
        accepted.keep(migration, accepted.PERSON, parts, reason=redact(options.reason), who=_who(), **about)
    print(f"accept: accepted, {len(items)} by name. Judge again")
    return DONE


def _shown(items: tuple[Item, ...], digest: str | None, given: Sequence[str]) -> bool:
    """Show ITEMS; whether DIGEST names exactly these. GIVEN: the arguments by which they were asked for."""
    plan = sha256(canonical([(each.name, each.found, each.parts) for each in items]).encode()).hexdigest()[:12]
    print("\n".join(f"  {plain(each)}" for each in items))
    if not digest:
        print(f"{len(items)} to accept, digest {plan}. To accept exactly these, asked for as now:")
        print(pasted(f"  {shlex.join(['python', '-m', 'scripts.accept', *given, '--apply', plan])} --reason 'why'"))
        return False
    if digest != plan:
        raise SettingsError(f"--apply: what is to be accepted is no longer {digest}, but the above ({plan})")
    return True


def _close(migration: Migration, lost: list[str], digest: str | None, reason: str) -> int:
    """Close the loss of these messages, and withdraw the alarms that rested on nothing else."""
    for each in lost:
        if not _MESSAGE_ID.fullmatch(each):
            raise SettingsError(f"--lost: expected a Message-ID such as <mxgate.1@example.net>, found {each!r}")
    runs = [run for run in migration.store.runs() if not run.startswith(DRILL)]
    found = balance(migration, runs)
    numbered = {each.message_id: each for each in found.series}
    amiss = dict.fromkeys((each.message_id for each in (*found.lost, *found.unexplained_copies)), "")
    amiss |= {each: what for what in found.unexpected for each in _MESSAGE_ID.findall(what)}
    if any(each not in numbered and each not in amiss for each in lost):
        amiss |= _unexplained(migration)
    if wrong := [f"{each} {_fine(numbered.get(each))}" for each in lost if each not in amiss]:
        raise SettingsError(f"--lost: nothing of it is lost: {'; '.join(wrong)}")
    items = tuple(Item(each, amiss[each] or numbered[each].sentence()) for each in lost)
    if not _shown(items, digest, ("--lost", *lost)):
        return PLANNED
    with migration.store.lock("migration", "accept"):
        for each in lost:
            closed_losses.close(migration.store, each, reason, _who())
        for alarm in abort_rules.alarms(migration.store):
            if not alarm.withdrawn and (why := abort_rules.proved_wrong(migration, alarm)):
                migration.store.record(abort_rules.WITHDRAWN, alarm.domain, rule=alarm.rule.name, why=why)
    print(f"accept: closed, {len(lost)} by name. Judge again")
    return DONE


def _unexplained(migration: Migration) -> dict[str, str]:
    """What the three witnesses differ about (S-3), each by its Message-ID. ``CouldNotAsk`` if one can't be heard."""
    switched = tuple(each for each in migration.settings.domain_names if last_switch(migration, each) is not None)
    heard = witnesses.ask(migration, switched) if switched else ()
    return {it.message_id: str(it) for each in heard for it in (*each.unexplained, *each.doubtful)}


def _fine(entry: Entry | None) -> str:
    """Why there is nothing to close of a message."""
    if entry is None:
        return "is unknown: it is not numbered, and the three witnesses (S-3) do not differ about it"
    if entry.missing:
        return "is in flight: a queue may still hold it. Wait"
    if entry.announced:
        return "was refused as the plan of a switch had announced (X-2)"
    return "is closed already" if entry.closed else "arrived, once"


def _who() -> str:
    return f"{user()} on {socket.gethostname()}"


def _meant(item: Item, names: list[str]) -> bool:
    return not names or any(each in item.name for each in names)


def _items(migration: Migration, state: State) -> Iterator[Item]:
    settings, known = migration.settings, accepted.accepted(migration.store) or {}
    for each in differences(known, state):
        yield Item(each.subject, each.found, each.source, ((each.name, each.now),))
    for source, look in state.read.items():
        if source not in known:
            yield Item(source, f"all {len(look.parts)} parts, as they stand", source, tuple(sorted(look.parts.items())))
    words = accepted.named(migration.store)
    for source, look in state.read.items():
        for text in sorted(set(strangers(source, look.parts, ours(settings)))):
            if not accepted_as(text, ours(settings), settings.dell.filters, words):
                yield Item(text, "nobody has accepted it by name")
    for it in permits(migration, settings.domain_names):
        if not (judged := spf.judged_width(it)).verdict.opens and wide(it) not in words:
            yield Item(wide(it), judged.found)


if __name__ == "__main__":
    leave(main)
