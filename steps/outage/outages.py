"""Outages, and the numbered mail that meets them. Drills: what is broken here is a lab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.accounting import Entry
from fixtures.ledger.outage_mail import LOG_S, Ordeal, endure
from fixtures.migration import Migration
from fixtures.probes.smtp import mx_hosts

SENDERS_PATIENCE = "a sender should go on trying for four to five days (RFC 5321, 4.5.4.1)"
BEHAVIOURS = {
    "defers the sender": ("passed", f"their senders' own queues: {SENDERS_PATIENCE}"),
    "queues the message": ("retried", "Cloudflare, of which nobody documents how long it keeps mail"),
}
Outage = AbstractContextManager[float]


@given(parsers.parse("that Cloudflare {does} while Dell is down"))
def behaviour(world: Any, does: str) -> None:
    world.emulate(upstream_4xx=BEHAVIOURS[does][0])


@given(parsers.parse("an outage: {what}"), target_fixture="outage")
def an_outage(world: Any, what: str) -> Outage:
    made: Outage = world.outage(what)
    return made


@when("outside senders write to every address before it, during it and after it", target_fixture="ordeal")
def strangers_write(migration: Migration, domains: tuple[str, ...], outage: Outage) -> Ordeal:
    return endure(migration, outage, domains)


@then("everything that was accepted has arrived, and nothing bounced")
def nothing_lost(domains: tuple[str, ...], expect: Expect, ordeal: Ordeal) -> None:
    expect(
        "All of it arrived, nothing bounced, and nothing came twice without a reason",
        (_whole(domain, ordeal) for domain in domains),
    )


@then("it is stated whose queue held the mail, and for how long")
def told_who_kept_it(expect: Expect, ordeal: Ordeal) -> None:
    expect("The outage was felt, and it is known who kept the mail", _kept(ordeal))


@then("meanwhile the other MX hosts took the mail")
def others_took_it(migration: Migration, expect: Expect, ordeal: Ordeal) -> None:
    silent = mx_hosts.most_preferred(migration)
    preferring = mx_hosts.preferring(migration, silent)
    mail = [each for each in ordeal.during if each.domain in preferring]
    senders = dict.fromkeys(each.sender for each in mail)
    findings = (_moved_on(name, silent, [e for e in mail if e.sender == name], ordeal) for name in senders)
    expect("Senders moved on to another MX host", findings)


def _moved_on(sender: str, silent: str, mail: list[Entry], ordeal: Ordeal) -> Finding:
    taken = [each for each in mail if each in ordeal.acknowledged_meanwhile]
    wrong = [each for each in taken if each.acknowledged_by.startswith(silent)]
    expected = f"mail taken by other hosts while {silent} was silent"
    said = f"of {len(mail)} messages {len(taken)} taken meanwhile, {len(wrong)} of them by {silent}"
    if wrong or not taken:
        hint = f"One of them: {(wrong or mail)[0].sentence()}"
        return failed(sender, expected, said, ordeal.evidence, hint=hint)
    hosts = sorted({each.acknowledged_by for each in taken})
    return passed(sender, f"{said}; {', '.join(hosts)}", ordeal.evidence, expected=expected)


def _whole(domain: str, ordeal: Ordeal) -> Finding:
    sent = [entry for entry in ordeal.balance.series if entry.domain == domain]
    amiss = [entry.sentence() for entry in ordeal.missing if entry.domain == domain]
    amiss += [f"twice without a reason: {e.sentence()}" for e in ordeal.doubled if e.domain == domain]
    amiss += list(ordeal.balance.unexpected)
    twice = sum(1 for entry in sent if entry.copies > 1)
    said = f"{len(sent)} sent, {len(amiss)} of them amiss; {twice} came twice"
    if amiss:
        found = f"{said}: {amiss[0]}"
        hint = "See the queues of the senders and of Dell, and their logs"
        return failed(domain, "every one arrived, once", found, ordeal.evidence, domain=domain, hint=hint)
    make = passed if sent else unknown
    return make(domain, said, ordeal.evidence, domain=domain) if sent else unknown(domain, "mail", said, domain=domain)


def _kept(ordeal: Ordeal) -> Iterator[Finding]:
    held = ordeal.held_up
    by_senders = [entry for entry in held if (entry.acknowledged or 0) + LOG_S > ordeal.ended]
    beyond = [entry for entry in held if entry not in by_senders]
    lasted = ordeal.ended - ordeal.began
    if not held:
        said = f"{len(ordeal.during)} sent in {lasted:.1f} s of outage, none was held up"
        yield unknown("the outage", "mail that waited for its end", said, ordeal.evidence)
    for who, entries, patience in (
        ("the senders", by_senders, SENDERS_PATIENCE),
        (
            "Cloudflare or Dell",
            beyond,
            "Dell's Postfix keeps it for maximal_queue_lifetime; of Cloudflare it is unknown",
        ),
    ):
        if entries:
            longest = max(entry.latency_s or 0 for entry in entries)
            late = max(entry.arrived or 0 for entry in entries) - ordeal.ended
            deferred = sum(1 for entry in entries if entry.deferrals)
            said = f"{len(entries)} kept by {who} ({deferred} deferred in session), the longest {longest:.1f} s"
            said += f" in an outage of {lasted:.1f} s, the last in its mailbox {late:.1f} s after it; {patience}"
            yield passed(who, said, ordeal.evidence)
