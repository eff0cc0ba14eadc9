"""The time after the switches: nights, alignment, EC2's silence, and the three witnesses."""

from pytest_bdd import given, then, when

from fixtures.gates import nights
from fixtures.gates.nights import Series, series
from fixtures.gates.plugin import Expect
from fixtures.gates.present import identity
from fixtures.ledger import alignment, witnesses as agreement
from fixtures.ledger.alignment import Alignment
from fixtures.ledger.switches import Settled, judged_quick, last_switch, settled, whole
from fixtures.ledger.witnesses import Agreement
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan.gates import Gate
from fixtures.probes.logs import ec2_silence, sign_of_life
from fixtures.probes.logs.ec2_silence import Silence


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
    return () if begun is None else settled(migration, dict.fromkeys(domains, begun))


@then("as many in a row are green as the settings ask, and as many days have passed")
def enough_nights(migration: Migration, stage: Stage, expect: Expect, counted: Series | None) -> None:
    bounds = migration.settings.bounds
    wanted = bounds.nights_before_stop if stage.gate is Gate.PHASE4 else bounds.nights_before_deletion
    expect("Enough green nights, and days", nights.judged(counted, wanted))


@then("every message of it has arrived")
def none_lost(expect: Expect, ledgers: tuple[Settled, ...], domains: tuple[str, ...]) -> None:
    since = dict.fromkeys(domains) | {each.domain: each.since for each in ledgers}
    expect("Everything that was accepted has arrived", whole(ledgers, since))


@then("it was as quick as the settings ask")
def quick(migration: Migration, expect: Expect, ledgers: tuple[Settled, ...]) -> None:
    bounds = migration.settings.bounds
    judged = (judged_quick(each, bounds.latency_p50_s, bounds.latency_p99_s) for each in ledgers)
    expect("Mail is no slower than it may be", judged)


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
    claim = "Sessions with the mail servers fail no more than before"
    expect(claim, (alignment.judged_sessions(each, rise) for each in alignments))


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
    expect("Nobody relays through EC2", ec2_silence.judged_relays(silent))


@then("nothing waits in its queue")
def queue_empty(expect: Expect, silent: Silence) -> None:
    expect("EC2's queue is empty", ec2_silence.judged_queue(silent))


@when("all three are asked what arrived since each domain's switch", target_fixture="witnesses")
def hear(migration: Migration, subjects: tuple[str, ...]) -> tuple[Agreement, ...]:
    return agreement.ask(migration, subjects)


@then("they agree, and each difference between them is explained")
def agree(expect: Expect, witnesses: tuple[Agreement, ...]) -> None:
    expect("Statistics, log and mailboxes agree", map(agreement.judged, witnesses))
