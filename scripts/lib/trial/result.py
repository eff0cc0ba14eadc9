"""The trial's result: each fact next to what was expected, what a difference means, and the knobs as options."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fixtures.lab.emulator.knobs import Knobs
from fixtures.migration import Migration
from fixtures.migration.trials import Ended, Seen
from scripts.lib.trial.course import expected
from scripts.lib.trial.facts import BY_NAME, FACTS, OTHERWISE, UNSEEN

FILE = "observed.toml"


def knobs(seen: Mapping[str, Seen]) -> dict[str, Any]:
    """The emulator's knobs, as far as they were observed and are values that it has."""
    found = {
        BY_NAME[name].knob: each.value for name, each in seen.items() if BY_NAME[name].knob and each.value is not None
    }
    for name, value in list(found.items()):
        try:
            Knobs.of({name: value})
        except ValueError:
            del found[name]
    return found


def text(trial: Ended) -> str:
    """For a person: what decides first, then each fact."""
    return "\n".join(_lines(trial))


def _lines(trial: Ended) -> Iterator[str]:
    seen = trial.facts
    on = time.strftime("%Y-%m-%d %H:%M", time.localtime(trial.at))
    yield f"The trial at {trial.name}, observed on {on}:"
    if trial.stopped:
        yield f"  IT ENDED EARLY: {trial.stopped}"
    for fact in FACTS:
        each = seen.get(fact.name)
        if each is None:
            why = (
                "no [trial] vantage in migration.toml, so no mail was tried" if fact.needs == "mail" else "not reached"
            )
            yield f"  {fact.what}: NOT OBSERVED ({why})"
            continue
        if each.value is None:
            yield f"  {fact.what}: NOT TO BE KNOWN: {each.shown}"
            continue
        shown = each.value if isinstance(each.value, str | int | float) else ""
        yield f"  {fact.what}: {shown} ({each.shown[:300]})" if shown != "" else f"  {fact.what}: {each.shown[:300]}"
        if each.otherwise:
            yield f"    {OTHERWISE}: expected {expected(fact.name)}. Don't switch before that is understood"
        elif fact.known and each.value != fact.taken:
            yield f"    the suite takes {fact.taken} for granted until it is known"
        if meaning := fact.means.get(each.value if isinstance(each.value, str) else None):
            yield f"    so: {meaning}"
    for name, why in UNSEEN.items():
        yield f"  {name} can't be seen from outside: {why}"
    odd = [fact.what for fact in FACTS if fact.name in seen and seen[fact.name].otherwise]
    yield f"{OTHERWISE}: {'; '.join(odd)}" if odd else "Nothing that rehearsals don't know."


def as_toml(trial: Ended) -> str:
    """For ``scripts/rehearse --knobs observed``, and for people."""
    made = [f"# Written by scripts/trial at {trial.name}. What Cloudflare did, on its own throw-away name.", ""]
    made += [f"trial = {json.dumps(trial.number)}", f"name = {json.dumps(trial.name)}"]
    made += [f"at = {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(trial.at))}", "", "[knobs]"]
    made += [f"{name} = {json.dumps(value)}" for name, value in sorted(knobs(trial.facts).items())]
    for name, each in trial.facts.items():
        made += [
            "",
            f"[facts.{name}]",
            f"observed = {json.dumps(_plain(each.value))}",
            f"shown = {json.dumps(each.shown)}",
        ]
        made += ["otherwise = true"] if each.otherwise else []
    return "\n".join(made) + "\n"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def write(migration: Migration, trial: Ended) -> Path:
    """Next to the settings."""
    file = migration.settings.file.parent / FILE
    file.write_text(as_toml(trial), encoding="utf-8")
    return file
