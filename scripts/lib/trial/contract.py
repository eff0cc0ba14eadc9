"""The contract: requests, and what Cloudflare answers to them, as one table that is asked of whatever account.

``contract.txt`` is the table, with the source of each line. All that it writes lies on the trial's own name.
"""

import json
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from scripts.lib.trial.wire import Answer, Wire

FILE = Path(__file__).with_name("contract.txt")
ON = "{on}"
"""At the end of a request: asked only where Email Routing could be switched on."""
NOTHING = "f" * 32
_REQUEST = re.compile(r"(?P<method>GET|POST|PUT|PATCH|DELETE) (?P<path>/\S+)(?: (?P<body>\{\".*?\}))?(?P<on> \{on\})?")
_ANSWER = re.compile(r"(\d{3})(?: (\d+))?")
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Row:
    """One exchange: what is asked, and the answers that are expected."""

    number: int
    """Its line in the table."""
    method: str
    path: str
    body: str
    """JSON, with parameters; empty: none."""
    if_on: bool
    answers: tuple[str, ...]
    holds: tuple[str, ...]
    keep: Mapping[str, str]
    source: str

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path, self.body)))


@dataclass(frozen=True, slots=True)
class Kept:
    """One exchange as it went. ``wrong``: how it differs from the table, empty: not. ``answer`` None: not asked."""

    row: Row
    answer: Answer | None
    wrong: str

    def __str__(self) -> str:
        said = self.answer.said if self.answer else "not asked"
        return f"line {self.row.number}: {self.row}: {said}" + (f"; {self.wrong}" if self.wrong else "")


@cache
def rows() -> tuple[Row, ...]:
    """The table. ``ValueError`` names the line that can't be read."""
    return tuple(_rows(FILE.read_text(encoding="utf-8")))


def _rows(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [each.strip() for each in re.split(r" \|(?= |$)", line)]
        request = _REQUEST.fullmatch(cells[0])
        answers = tuple(cells[1].split(" or ")) if len(cells) > 1 else ()
        if len(cells) != 5 or not request or not all(map(_ANSWER.fullmatch, answers)) or not cells[4]:
            raise ValueError(f"{FILE.name}, line {number}: expected request | answer | holds | keep | source: {line}")
        keep = dict(each.split("=", 1) for each in cells[3].split())
        method, path, body = request["method"], request["path"], request["body"] or ""
        holds = tuple(cells[2].removesuffix("-").split())
        yield Row(number, method, path, body, bool(request["on"]), answers, holds, keep, cells[4])


def kept(wire: Wire, known: Mapping[str, Any]) -> Iterator[Kept]:
    """Ask all of it. KNOWN: zone, zone_name, account, name, destination, outside. Raises ``CouldNotAsk``."""
    today = datetime.fromtimestamp(wire.migration.clock.now(), UTC).strftime("%Y-%m-%dT00:00:00Z")
    values: dict[str, Any] = {"nothing": NOTHING, "today": today, "on": False, **known}
    for row in rows():
        lacking = [name for name in _PARAMETER.findall(row.path + row.body) if name not in values]
        if lacking:
            yield Kept(row, None, f"needs {', '.join(lacking)}, which an earlier answer did not give")
        elif row.if_on and not values["on"]:
            yield Kept(row, None, "")
        else:
            body = json.loads(_filled(row.body, values)) if row.body else None
            answer = wire.ask(row.method, _filled(row.path, values), body, writes=row.path != "/graphql")
            if answer.ok:
                values |= {name: _value(answer.result, key) for name, key in row.keep.items()}
            yield Kept(row, answer, _difference(row, answer))


def _difference(row: Row, answer: Answer) -> str:
    if not any(_is(answer, each) for each in row.answers):
        more = f" ({'; '.join(answer.messages)})" if answer.messages else ""
        return f"expected {' or '.join(row.answers)}, found {answer.said}{more}"
    if not answer.ok:
        return ""
    if row.holds == ("text",):
        return "" if answer.body is None and answer.text else "expected text that is no JSON"
    if row.holds == ("[]",):
        return "" if isinstance(answer.result, list) else f"expected a list, found {type(answer.result).__name__}"
    first = answer.result[0] if isinstance(answer.result, list) and answer.result else answer.result
    lacking = [key for key in row.holds if not isinstance(first, dict) or key not in first]
    return f"the answer lacks {', '.join(lacking)}" if lacking else ""


def _is(answer: Answer, expected: str) -> bool:
    status, _, code = expected.partition(" ")
    return answer.status == int(status) and (not code or int(code) in answer.codes)


def _filled(text: str, values: Mapping[str, Any]) -> str:
    return _PARAMETER.sub(lambda found: _shown(values[found[1]]) if found[1] in values else found[0], text)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(result: Any, key: str) -> Any:
    first = result[0] if isinstance(result, list) and result else result
    return first.get(key) if isinstance(first, dict) else None


def outside(zone_name: str) -> str:
    """A name that lies in no zone of ours, for what has to be refused."""
    return f"not-{zone_name.strip(string.punctuation)}.invalid"
