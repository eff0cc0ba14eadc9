"""Outages, and the numbered mail that meets them. Drills: what is broken here is a lab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Evidence, Finding, finding, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.accounting import Entry
from fixtures.ledger.outage_mail import LOG_S, OutageMail, endure
from fixtures.migration import Migration
from fixtures.probes.dell import queue_lifetime
from fixtures.probes.smtp import mx_hosts

SENDERS_PATIENCE = "a sender should go on trying for four to five days (RFC 5321, 4.5.4.1)"
BEYOND_PATIENCE = "Dell's Postfix keeps it for maximal_queue_lifetime; of Cloudflare it is unknown"
BEHAVIOURS = {"defers the sender": "passed", "queues the message": "retried"}
"""What Cloudflare does with a destination's 4xx, as the emulator names it."""
Outage = AbstractContextManager[float]
Found = tuple[tuple[queue_lifetime.Found, ...], Evidence]


@given(parsers.parse("that Cloudflare {does} while Dell is down"))
def behaviour(world: Any, does: str) -> None:
    world.emulate(upstream_4xx=BEHAVIOURS[does])


@given(parsers.parse("an outage: {what}"), target_fixture="outage")
def an_outage(world: Any, what: str) -> Outage:
    made: Outage = world.outage(what)
    return made


@when("outside senders write to every address before it, during it and after it", target_fixture="outage_mail")
def strangers_write(migration: Migration, domains: tuple[str, ...], outage: Outage) -> OutageMail:
    return endure(migration, outage, domains)


@then("everything that was accepted has arrived, and nothing bounced")
def nothing_lost(domains: tuple[str, ...], expect: Expect, outage_mail: OutageMail) -> None:
    claim = "All of it arrived, nothing bounced, and nothing came twice without a reason"
    expect(claim, (_whole(domain, outage_mail) for domain in domains))


@then("it is stated whose queue held the mail, and for how long")
def keeper_stated(expect: Expect, outage_mail: OutageMail) -> None:
    expect("The outage was felt, and it is known who kept the mail", _kept(outage_mail))


@then("meanwhile the other MX hosts took the mail")
def others_took_it(migration: Migration, expect: Expect, outage_mail: OutageMail) -> None:
    silent = mx_hosts.most_preferred(migration)
    preferring = mx_hosts.preferring(migration, silent)
    mail = [each for each in outage_mail.during if each.domain in preferring]
    senders = dict.fromkeys(each.sender for each in mail)
    findings = (_moved_on(name, silent, [e for e in mail if e.sender == name], outage_mail) for name in senders)
    expect("Senders moved on to another MX host", findings)


def _moved_on(sender: str, silent: str, mail: list[Entry], outage_mail: OutageMail) -> Finding:
    taken = [each for each in mail if each in outage_mail.acknowledged_meanwhile]
    wrong = [each for each in taken if each.acknowledged_by.startswith(silent)]
    expected = f"mail taken by other hosts while {silent} was silent"
    found = f"of {len(mail)} messages {len(taken)} taken meanwhile, {len(wrong)} of them by {silent}"
    good = bool(taken) and not wrong
    if good:
        found += f"; {', '.join(sorted({each.acknowledged_by for each in taken}))}"
    hint = f"One of them: {(wrong or mail)[0].sentence()}"
    return finding(sender, expected, found, outage_mail.evidence, holds=good, hint=hint)


def _whole(domain: str, outage_mail: OutageMail) -> Finding:
    sent = [entry for entry in outage_mail.balance.series if entry.domain == domain]
    amiss = [entry.sentence() for entry in outage_mail.missing if entry.domain == domain]
    amiss += [f"twice without a reason: {e.sentence()}" for e in outage_mail.doubled if e.domain == domain]
    amiss += list(outage_mail.balance.unexpected)
    twice = sum(1 for entry in sent if entry.copies > 1)
    found = f"{len(sent)} sent, {len(amiss)} of them amiss; {twice} came twice"
    if not sent and not amiss:
        return unknown(domain, "mail", found, domain=domain)
    found += f": {amiss[0]}" if amiss else ""
    hint = "See the queues of the senders and of Dell, and their logs"
    expected = "every one arrived, once"
    return finding(domain, expected, found, outage_mail.evidence, holds=not amiss, domain=domain, hint=hint)


def _kept(outage_mail: OutageMail) -> Iterator[Finding]:
    held, lasted = outage_mail.held_up, outage_mail.ended - outage_mail.began
    by_senders = [entry for entry in held if (entry.acknowledged or 0) + LOG_S > outage_mail.ended]
    beyond = [entry for entry in held if entry not in by_senders]
    if not held:
        why = f"{len(outage_mail.during)} sent in {lasted:.1f} s of outage, none was held up"
        yield unknown("the outage", "mail that waited for its end", why, outage_mail.evidence)
    keepers = (("the senders", by_senders, SENDERS_PATIENCE), ("Cloudflare or Dell", beyond, BEYOND_PATIENCE))
    for who, entries, patience in keepers:
        if entries:
            longest = max(entry.latency_s or 0 for entry in entries)
            late = max(entry.arrived or 0 for entry in entries) - outage_mail.ended
            deferred = sum(1 for entry in entries if entry.deferrals)
            found = f"{len(entries)} kept by {who} ({deferred} deferred in session), the longest {longest:.1f} s"
            found += f" in an outage of {lasted:.1f} s, the last in its mailbox {late:.1f} s after it; {patience}"
            yield passed(who, found, outage_mail.evidence)


@given("how long Dell's Postfix keeps mail, and how often it tries", target_fixture="patience")
def patience(migration: Migration) -> Found:
    return queue_lifetime.look(migration)


@when("this is compared with what senders do", target_fixture="compared")
def compared(patience: Found) -> Found:
    return patience


@then("mail is kept for days, and tried again within hours")
def kept_for_days(expect: Expect, compared: Found) -> None:
    parameters, look = compared

    def judge(it: queue_lifetime.Found) -> Finding:
        name, expected = it.bound.parameter, f"{it.bound.span} ({it.bound.why})"
        hint = f"postconf -X {name}, or out of master.cf: Postfix's default is right; then postfix reload"
        return finding(name, expected, it.value or "not set", look, holds=it.holds, hint=hint)

    expect("Dell is as patient as a sender", map(judge, parameters))
