"""The trial's result: each fact next to what was expected, what a difference means, and the knobs as options."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fixtures.lab.emulator.knobs import Knobs
from fixtures.migration import Migration
from fixtures.migration.trials import Ended, Seen
from scripts.lib.trial.facts import BY_API, BY_MAIL, FACTS, MEANS, OTHERWISE, UNSEEN, Fact

FILE = "observed.toml"
SHOWN = 300


def knobs(seen: Mapping[str, Seen]) -> dict[str, Any]:
    """The emulator's knobs, as far as they were observed and are values that it has."""
    found = {name: each.value for name, each in seen.items() if name in Knobs.model_fields and each.value is not None}
    return {name: value for name, value in found.items() if _can_be(name, value)}


def _can_be(name: str, value: Any) -> bool:
    try:
        Knobs.of({name: value})
    except ValueError:
        return False
    return True


def text(trial: Ended, *, by_worker: bool = False) -> str:
    """For a person: what decides first, then each fact. BY_WORKER: those of an Email Worker are wanted too."""
    on = time.strftime("%Y-%m-%d %H:%M", time.localtime(trial.at))
    lines = [f"The trial at {trial.name}, observed on {on}:"]
    if trial.stopped:
        lines.append(f"  IT ENDED EARLY: {trial.stopped}")
    for fact in FACTS if by_worker else (*BY_API, *BY_MAIL):
        lines += _lines(fact, trial.facts.get(fact.name))
    lines += [f"  {name} can't be seen from outside: {why}" for name, why in UNSEEN.items()]
    odd = [each.what for each in trial.otherwise]
    return "\n".join((*lines, f"{OTHERWISE}: {'; '.join(odd)}" if odd else "Nothing that rehearsals don't know."))


def _lines(fact: Fact, seen: Seen | None) -> Iterator[str]:
    if seen is None:
        no_mail = "no [trial] vantage in migration.toml, so no mail was tried"
        yield f"  {fact.what}: NOT OBSERVED ({'not reached' if fact in BY_API else no_mail})"
    elif seen.value is None:
        yield f"  {fact.what}: NOT TO BE KNOWN: {seen.shown}"
    else:
        plain, shown = isinstance(seen.value, str | int | float), seen.shown[:SHOWN]
        yield f"  {fact.what}: {seen.value} ({shown})" if plain else f"  {fact.what}: {shown}"
        if seen.otherwise:
            yield f"    {OTHERWISE}: expected {fact.expected}. Don't switch before that is understood"
        elif fact.known and seen.value != fact.known[0]:
            yield f"    the suite takes {fact.known[0]} for granted until it is known"
        if meaning := MEANS.get(f"{fact.name}={seen.value}"):
            yield f"    so: {meaning}"


def as_toml(trial: Ended) -> str:
    """For ``scripts/rehearse --knobs observed``, and for people."""
    made = [f"# Written by scripts/trial at {trial.name}. What Cloudflare did, on its own throw-away name.", ""]
    made += [f"trial = {json.dumps(trial.number)}", f"name = {json.dumps(trial.name)}"]
    made += [f"at = {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(trial.at))}", "", "[knobs]"]
    made += [f"{name} = {json.dumps(value)}" for name, value in sorted(knobs(trial.facts).items())]
    for name, each in trial.facts.items():
        value = each.value if isinstance(each.value, str) else json.dumps(each.value)
        made += ["", f"[facts.{name}]", f"observed = {json.dumps(value)}", f"shown = {json.dumps(each.shown)}"]
        made += ["otherwise = true"] if each.otherwise else []
    return "\n".join(made) + "\n"


def write(migration: Migration, trial: Ended) -> Path:
    """Next to the settings."""
    file = migration.settings.file.parent / FILE
    file.write_text(as_toml(trial), encoding="utf-8")
    return file
