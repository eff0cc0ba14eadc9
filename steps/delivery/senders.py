"""Senders of every kind."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.smtp import sender_kinds
from fixtures.probes.smtp.sender_kinds import Shown
from fixtures.settings import Address


@when("a sender of every kind writes to them", target_fixture="shown")
def every_kind_writes(migration: Migration, addresses: tuple[Address, ...]) -> tuple[Shown, ...]:
    return sender_kinds.every_kind(migration, addresses)


@then("the mail of each arrives, over the IP version and with the TLS that its kind uses")
def each_arrives(expect: Expect, shown: tuple[Shown, ...]) -> None:
    expect("Senders of every kind get through", map(_judge, shown))


def _judge(each: Shown) -> Finding:
    it, expected = each.delivery, f"in the mailbox, whole, and {each.expected}"
    if each.absent:
        return Finding(each.kind, Verdict.ABSENT, expected, each.why, evidence=each.evidence)
    if it is None:
        return unknown(each.kind, expected, each.why, *each.evidence)
    return next(_faults(each, expected), None) or passed(each.kind, "arrived", *each.evidence, expected=expected)


def _faults(each: Shown, expected: str) -> Iterator[Finding]:
    it = each.delivery
    if it is None:
        return
    if not it.sent.taken:
        yield failed(each.kind, expected, f"not taken: {it.sent.answer}", *each.evidence)
    if not it.copies:
        said, trail = (it.fate.says, it.fate.evidence) if it.fate else ("", ())
        hint = f"Last seen: {said or 'in no log that can be read'}"
        yield failed(
            each.kind, expected, f"not there after {it.search.waited_s:.0f} s", *trail, *each.evidence, hint=hint
        )
    if it.changed:
        yield failed(each.kind, expected, it.changed, *each.evidence)
    if not each.holds:
        hint = "The settings may be wrong about this sender, or its SPF, its key or its server are"
        judge = failed if each.seen else unknown
        yield judge(
            each.kind, expected, f"Cloudflare saw {each.seen or 'nothing that can be read'}", *each.evidence, hint=hint
        )
