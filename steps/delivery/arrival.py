"""Mail that is written, and found again in a mailbox."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pytest_bdd import then, when

from fixtures.evidence import Evidence, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.delivery import Delivery
from fixtures.settings import Address

Deliveries = tuple[Delivery, ...]


@when("an outside sender writes to each of them", target_fixture="deliveries")
def stranger_writes(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.from_outside(migration, addresses))


@when("an admitted client delivers to each of them", target_fixture="deliveries")
def admitted_delivers(migration: Migration, addresses: tuple[Address, ...]) -> Deliveries:
    return delivery.arrivals(migration, delivery.to_dell(migration, addresses))


@then("each message is in its mailbox in time, unaltered")
def messages_arrived(migration: Migration, expect: Expect, deliveries: Deliveries) -> None:
    expect("Each message arrives, in time and unharmed", _arrived(migration, deliveries))


@then("its trace leads through EC2")
def trace_by_ec2(expect: Expect, deliveries: Deliveries) -> None:
    expect("The message came through EC2", _came_by("ec2", deliveries))


@then("its trace leads through Cloudflare, and not through EC2")
def trace_by_cloudflare(expect: Expect, deliveries: Deliveries) -> None:
    expect("The message came through Cloudflare, and not through EC2", _came_by("cloudflare", deliveries))


def _arrived(migration: Migration, deliveries: Deliveries) -> Iterator[Finding]:
    bound = migration.settings.bounds.arrival_s
    for each in deliveries:
        sent, address = each.sent, each.sent.address
        expected = (
            f"in the mailbox {address.mailbox} within {bound:.0f} s, body as sent, one copy (two only after a 4xx)"
        )
        evidence = (sent.conversation.evidence, each.search.evidence, *_headers(each))
        member = f"{sent.kind + ': ' if sent.kind else ''}{address.address} from {sent.sender}"
        domain = "" if sent.kind else address.domain  # a kind of mail goes to one address for all of them
        if not sent.taken:
            # A 4xx is no last word, unless the server took the message for others and closed the matter.
            judge = failed if sent.answer.code >= 500 or sent.conversation.queued else unknown
            said = f"the first server did not take it: {sent.answer}"
            yield judge(member, expected, said, *evidence, domain=domain)
        elif not each.copies:
            found = f"not there after {each.search.waited_s:.0f} s"
            said, trail = (each.fate.says, each.fate.evidence) if each.fate else ("", ())
            hint = f"Last seen: {said or 'in no log that can be read'}"
            yield failed(member, expected, found, *trail, *evidence, domain=domain, hint=hint)
        elif each.changed:
            yield failed(member, expected, each.changed, *evidence, domain=domain)
        elif each.latency_s > bound:
            yield failed(member, expected, f"arrived after {each.latency_s:.0f} s", *evidence, domain=domain)
        elif len(each.copies) > 1:
            yield _repeated(each, member, expected, evidence, domain)
        else:
            yield passed(member, f"arrived after {each.latency_s:.1f} s", *evidence, expected=expected, domain=domain)


def _repeated(each: Delivery, member: str, expected: str, evidence: tuple[Evidence, ...], domain: str) -> Finding:
    """Of several copies: whether a server had reason to send it again."""
    put_off, trail = (each.fate.put_off, each.fate.evidence) if each.fate else ("", ())
    if not put_off:
        said = f"{len(each.copies)} copies, and no 4xx in its trail"
        return failed(member, expected, said, *trail, *evidence, domain=domain)
    said = f"{len(each.copies)} copies, sent again after {put_off}"
    return passed(member, said, *trail, *evidence, expected=expected, domain=domain)


def _came_by(path: str, deliveries: Iterable[Delivery]) -> Iterator[Finding]:
    for each in deliveries:
        address = each.sent.address
        expected = f"a Received chain through {path} alone"
        member = f"{address.address} from {each.sent.sender}"
        if not each.copies:
            yield unknown(member, expected, "no message arrived", each.search.evidence, domain=address.domain)
        elif each.path == path:
            yield passed(member, f"through {each.path}", *_headers(each), expected=expected, domain=address.domain)
        else:
            yield failed(member, expected, f"through {each.path}", *_headers(each), domain=address.domain)


def _headers(each: Delivery) -> tuple[Evidence, ...]:
    """The trace of the first copy, newest hop first."""
    if not each.copies:
        return ()
    copy = each.copies[0]
    shown = "\n".join(f"Received: {hop.text}" for hop in copy.received)
    what = f"the header of UID {copy.uid} in {each.search.mailbox}"
    return (Evidence(what, f"{len(copy.received)} hops, {each.path}", shown, at=copy.seen_at),)
