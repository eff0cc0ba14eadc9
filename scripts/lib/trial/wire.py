"""Requests to Cloudflare's API as they are answered: status, codes, how long it took; nothing counts as a failure.

By the official client, without its own repetitions. What fails for no reason (5xx, a broken connection) is asked again.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from fixtures.evidence import CouldNotAsk, redact
from fixtures.migration import Migration
from fixtures.probes.cloudflare import changing, rate_limit

TRIES, PAUSE_S = 6, 0.3
SHOWN = 400
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request was answered. ``body``: the JSON, None where it is none."""

    request: str
    status: int
    codes: tuple[int, ...]
    messages: tuple[str, ...]
    result: Any
    body: Any
    text: str
    at: float
    """On the migration's clock."""

    @property
    def ok(self) -> bool:
        return self.status == httpx.codes.OK

    @property
    def said(self) -> str:
        """Status and codes, as the contract has them: ``409 2008``."""
        return " ".join(map(str, (self.status, *self.codes[:1])))

    def __str__(self) -> str:
        why = f": {'; '.join(self.messages)}" if self.messages else ""
        return f"{self.request}: {self.said}{why}"


@dataclass(frozen=True, slots=True)
class Form:
    """A body of fields and one file (RFC 7578)."""

    fields: dict[str, str]
    name: str
    content: bytes
    kind: str


@dataclass(slots=True)
class Wire:
    """To one account. ``wrote`` is called with each writing request before and after it is made."""

    migration: Migration
    wrote: Callable[[str, str], object] = lambda _request, _phase: None
    requests: int = 0
    failed: int = 0
    """How many were answered 5xx, or not at all, for no reason."""
    notes: list[str] = field(default_factory=list)
    limits: tuple[str, ...] = ()
    """What the first and the last answer that said so had of the limit on requests."""

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        writes: bool = True,
        form: Form | None = None,
    ) -> Answer:
        """The answer. ``CouldNotAsk`` where there is none after several tries. WRITES: False for GraphQL."""
        shown = f"{method} {path}" + (f" {json.dumps(body)[:SHOWN]}" if body is not None else "")
        noted = writes and method in WRITES
        if noted:
            self.wrote(shown, "before")
        for left in reversed(range(TRIES)):
            found = self._once(method, path, body, form, shown)
            if isinstance(found, Answer) and found.status < httpx.codes.INTERNAL_SERVER_ERROR:
                if noted:
                    self.wrote(f"{shown}: {found.said}", "after")
                return found
            self.failed += 1
            self.notes.append(str(found))
            if left:
                time.sleep(PAUSE_S)
        raise CouldNotAsk(f"Cloudflare, {shown}: {found}, {TRIES} times. Run again: it goes on")

    def _once(self, method: str, path: str, body: dict[str, Any] | None, form: Form | None, shown: str) -> Answer | str:
        import cloudflare as sdk

        client = changing.once(self.migration)
        self.requests += 1
        how: dict[str, Any] = {} if body is None else {"body": body}
        if form:
            how = {"body": form.fields, "files": [(form.name, (form.name, form.content, form.kind))]}
            how["options"] = {"headers": {"Content-Type": "multipart/form-data"}}
        try:
            reply = getattr(client, method.lower())(path, cast_to=httpx.Response, **how)
        except sdk.APIStatusError as error:
            reply = error.response
        except sdk.CloudflareError as error:
            return redact(f"{type(error).__name__}: {getattr(error, '__cause__', None) or error}")
        if limit := "; ".join(f"{each}: {reply.headers[each]}" for each in rate_limit.HEADERS if each in reply.headers):
            self.limits = (*self.limits[:1], limit)
        text = reply.text
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        errors = [each for each in (_of(found, "errors") or []) if isinstance(each, dict)]
        return Answer(
            shown,
            reply.status_code,
            tuple(each["code"] for each in errors if isinstance(each.get("code"), int)),
            tuple(redact(str(each.get("message", ""))) for each in errors),
            _of(found, "result"),
            found,
            redact(text[:SHOWN]),
            self.migration.clock.now(),
        )


def _of(found: Any, key: str) -> Any:
    return found.get(key) if isinstance(found, dict) else None
