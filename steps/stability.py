"""The time after the switches: nights, alignment, EC2's silence, and the three witnesses."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, absent, failed, finding, passed, unknown
from fixtures.gates.nights import Series, series
from fixtures.gates.plugin import Expect
from fixtures.gates.present import identity
from fixtures.ledger import alignment
from fixtures.ledger import witnesses as agreement
from fixtures.ledger.alignment import Alignment
from fixtures.ledger.switches import Settled, last_switch, settled, whole
from fixtures.ledger.witnesses import Agreement
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan.gates import Gate
from fixtures.probes.logs import ec2_silence, sign_of_life
from fixtures.probes.logs.ec2_silence import Silence

NOT_YET = "not yet"
AGREE = "the same deliveries in statistics, log and mailboxes, or a name for each difference"


@given("the nights since the last switch", target_fixture="begun")
@given("the numbered mail since the last switch", target_fixture="begun")
def since_switch(migration: Migration, domains: tuple[str, ...]) -> float | None:
    times = [last_switch(migration, domain) for domain in domains]
    return None if None in times else max(filter(None, times))


@given("the nights since the stop", target_fixture="begun")
@given("the numbered mail since the stop", target_fixture="begun")
def since_stop(migration: Migration) -> float | None:
    return Progress.read(migration.store, migration.settings).done_at("stop_ec2")


@when("they are counted", target_fixture="counted")
def count_nights(migration: Migration, stage: Stage, begun: float | None) -> Series | None:
    return None if begun is None else series(migration, begun, stage.gate, identity(migration))


@when("what was accepted of it is compared with what has arrived", target_fixture="ledgers")
def settle_since(migration: Migration, begun: float | None, domains: tuple[str, ...]) -> tuple[Settled, ...]:
    return () if begun is None else tuple(settled(migration, domain, begun) for domain in domains)


@then("as many of them are green as the settings ask, with no red one in between")
def enough_nights(migration: Migration, stage: Stage, expect: Expect, counted: Series | None) -> None:
    expect("Enough green nights", [_unbroken(counted, _wanted(migration, stage))])


@then("as many days have passed")
def enough_days(migration: Migration, stage: Stage, expect: Expect, counted: Series | None) -> None:
    wanted = _wanted(migration, stage)
    expected = f"{wanted} days since what they are counted from"
    if counted is None:
        judged = unknown("the days", expected, "no record of that")
    elif counted.days < wanted:
        judged = unknown("the days", expected, f"{counted.days:.1f}", counted.evidence, hint="Wait")
    else:
        judged = passed("the days", f"{counted.days:.1f}", counted.evidence, expected=expected)
    expect("Enough days", [judged])


def _wanted(migration: Migration, stage: Stage) -> int:
    """Nights, and days, before the gate of STAGE."""
    bounds = migration.settings.bounds
    return bounds.nights_before_stop if stage.gate is Gate.PHASE4 else bounds.nights_before_deletion


def _unbroken(counted: Series | None, wanted: int) -> Finding:
    expected = f"{wanted} green nights in a row"
    if counted is None:
        return unknown("the nights", expected, "no record of what they are counted from")
    in_a_row = counted.green_in_a_row
    found = f"{in_a_row} in a row, of {len(counted.nights)} nights"
    if in_a_row >= wanted:
        return passed("the nights", found, counted.evidence, expected=expected)
    hint = f"Go on with pytest features/ --soak, every night: {wanted - in_a_row} more"
    make = failed if counted.red else unknown
    why = "; ".join(counted.against) or NOT_YET
    return make("the nights", expected, f"{found}: {why}", counted.evidence, hint=hint)


@then("every message of it has arrived")
def none_lost(expect: Expect, ledgers: tuple[Settled, ...], domains: tuple[str, ...]) -> None:
    since = dict.fromkeys(domains) | {each.domain: each.since for each in ledgers}
    expect("Everything that was accepted has arrived", whole(ledgers, since))


@then("it was as quick as the settings ask")
def quick(migration: Migration, expect: Expect, ledgers: tuple[Settled, ...]) -> None:
    bounds = migration.settings.bounds

    def judge(each: Settled) -> Finding:
        times = sorted(entry.latency_s for entry in each.entries if entry.latency_s is not None)
        if not times:
            return unknown(each.domain, "mail to time", "none", each.evidence, domain=each.domain)
        p50, p99 = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        expected = f"half within {bounds.latency_p50_s:.0f} s, 99 % within {bounds.latency_p99_s:.0f} s"
        found = f"half within {p50:.1f} s, 99 % within {p99:.1f} s (n = {len(times)})"
        good = p50 <= bounds.latency_p50_s and p99 <= bounds.latency_p99_s
        return finding(each.domain, expected, found, each.evidence, holds=good, domain=each.domain)

    expect("Mail is no slower than it may be", map(judge, ledgers))


@when("the TLS reports from before and after each domain's switch are read", target_fixture="alignments")
@when("the DMARC aggregate reports from before and after each domain's switch are read", target_fixture="alignments")
def read_reports(migration: Migration, subjects: tuple[str, ...]) -> tuple[Alignment, ...]:
    return alignment.ask(migration, subjects)


@then("the share of their own mail that is aligned has not fallen by more than the settings allow")
def no_fall(migration: Migration, expect: Expect, alignments: tuple[Alignment, ...]) -> None:
    fall = migration.settings.bounds.alignment_fall
    expect("Alignment has not fallen", (alignment.judged(each, fall) for each in alignments))


@then("no larger share of the sessions with its mail servers has failed since, by more than the settings allow")
def no_more_failures(migration: Migration, expect: Expect, alignments: tuple[Alignment, ...]) -> None:
    rise = migration.settings.bounds.alignment_fall

    def judge(each: Alignment) -> Finding:
        expected, domain, looks = f"no rise by more than {rise:.1%}", each.domain, each.evidence
        found = f"before: {each.tls_before}; after: {each.tls_after}"
        if not each.tls_wanted or not (each.tls_before.reports or each.tls_after.reports):
            none = "none has come that can be read here" if each.tls_wanted else "it asks for no reports on TLS"
            return absent(domain, expected, none, *looks, domain=domain)
        if not each.tls_after.reports:
            why = f"no report since the switch; {found}"
            return unknown(domain, expected, why, *looks, domain=domain, hint=alignment.DAILY)
        risen = each.tls_after.part > each.tls_before.part + rise
        found += f"; {'; '.join(each.tls_after.details[:5])}" if risen else ""
        hint = "Senders put mail off or send it in the clear: see the MTA-STS policy, TLSA and certificates (N-11)"
        return finding(domain, expected, found, *looks, holds=not risen, domain=domain, hint=hint)

    expect("Sessions with the mail servers fail no more than before", map(judge, alignments))


@given("the quiet time that the settings ask for", target_fixture="quiet_s")
def quiet_time(migration: Migration) -> float:
    return migration.settings.bounds.ec2_silent_s


@when("EC2's log of that time and its queue are read, and the other witnesses heard", target_fixture="silent")
def read_gateway(migration: Migration, quiet_s: float) -> Silence:
    return ec2_silence.ask(migration, quiet_s)


@then("no mail came through it but test mail and refused spam, and no witness says otherwise")
def no_mail(expect: Expect, silent: Silence) -> None:
    expect("No mail comes through EC2", ec2_silence.judged_mail(silent))


@then("the logs that say so are alive")
def logs_alive(expect: Expect, silent: Silence) -> None:
    expect("What a log lacks proves something", map(sign_of_life.judged, silent.signs))


@then("nobody sent through it to the world")
def nobody_relays(expect: Expect, silent: Silence) -> None:
    hint = "Let it send through Dell (587) before EC2 is stopped"
    findings = list(ec2_silence.by_client(silent, "relayed", "nobody", hint))
    expect("Nobody relays through EC2", findings or [passed("EC2", "nobody", silent.evidence)])


@then("nothing waits in its queue")
def queue_empty(expect: Expect, silent: Silence) -> None:
    def judge() -> Iterator[Finding]:
        for each in silent.queue.messages:
            to = ", ".join(address for address, _ in each.recipients)
            found = f"in {each.queue} for {each.age_s:.0f} s, from <{each.sender}> to {to}"
            hint = "Let it be delivered (postqueue -f on EC2), or see why it can't be"
            yield failed(f"{each.queue_id} on EC2", "delivered", found, silent.queue.evidence, hint=hint)
        if not silent.queue.messages:
            yield passed("EC2's queue", "empty", silent.queue.evidence)

    expect("EC2's queue is empty", judge())


@when("all three are asked what arrived since each domain's switch", target_fixture="witnesses")
def hear(migration: Migration, subjects: tuple[str, ...]) -> tuple[Agreement, ...]:
    return agreement.ask(migration, subjects)


@then("they agree, and each difference between them is explained")
def agree(expect: Expect, witnesses: tuple[Agreement, ...]) -> None:
    expect("Statistics, log and mailboxes agree", map(_agrees, witnesses))


def _agrees(each: Agreement) -> Finding:
    statistics, log, mailboxes = each.counts
    found = f"statistics {statistics}, log {log}, mailboxes {mailboxes}; {each.agreed} messages agree"
    if each.named:
        found += "; differences: " + ", ".join(f"{number} {name}" for name, number in sorted(each.named.items()))
    if each.unexplained:
        first = "; ".join(map(str, each.unexplained[:3]))
        found += f"; {len(each.unexplained)} unexplained, such as {first}"
        hint = "Look for the message by its Message-ID in Dell's log, in its mailbox, and in Cloudflare's activity log"
        if "discard action" in first:
            hint += "; if a Sieve script of a user's may discard mail, name sieve in dell.filters"
        return failed(each.domain, AGREE, found, *each.evidence, domain=each.domain, hint=hint)
    if each.doubtful:
        first = "; ".join(map(str, each.doubtful[:3]))
        found += f"; {len(each.doubtful)} of which nobody can know, such as {first}"
        hint = "Let Dovecot log where it can be read, and keep its log as long as Postfix's"
        return unknown(each.domain, AGREE, found, *each.evidence, domain=each.domain, hint=hint)
    if not each.agreed:
        found += ": nothing to compare"
        hint = f"Send mail, and look again half an hour later: {agreement.YOUNG} is no answer"
        return unknown(each.domain, AGREE, found, *each.evidence, domain=each.domain, hint=hint)
    return passed(each.domain, found, *each.evidence, expected=AGREE, domain=each.domain)
