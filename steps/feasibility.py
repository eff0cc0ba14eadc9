"""Whether the migration can be made: accounts, the gateway, limits, receivers, refused senders, the first snapshot."""

from dataclasses import replace
from itertools import chain

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, CouldNotAsk, absent
from fixtures.gates.drift import accepted
from fixtures.gates.drift.judging import differences
from fixtures.gates.drift.reading import AWS, EC2, dns_of, read
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan.gates import Gate
from fixtures.probes import snapshot
from fixtures.probes.aws import other_jobs, rented, reverse_dns, way_in
from fixtures.probes.aws.other_jobs import SecondJobs
from fixtures.probes.aws.rented import Rented
from fixtures.probes.aws.reverse_dns import ReverseDns
from fixtures.probes.cloudflare import api as cloudflare, contacts, limits, permissions
from fixtures.probes.cloudflare.contacts import Contacts
from fixtures.probes.cloudflare.limits import Limits
from fixtures.probes.cloudflare.permissions import Right, Tried
from fixtures.probes.logs import receivers, shadow_run as shadow, sign_of_life
from fixtures.probes.logs.receivers import Receivers
from fixtures.probes.logs.shadow_run import Shadow
from fixtures.probes.snapshot import Comparison, Kept
from steps.common import require_aws

Rights = tuple[Right, ...]


@given("the accounts at Cloudflare, AWS and the registrar, and the alerts", target_fixture="holders")
def holders() -> tuple[str, ...]:
    return contacts.HOLDERS


@when(
    "their contact addresses are gathered from the settings and from the accounts themselves",
    target_fixture="addressees",
)
def gather(migration: Migration) -> Contacts:
    return contacts.ask(migration)


@then("each of them has one")
def each_has_one(expect: Expect, holders: tuple[str, ...], addressees: Contacts) -> None:
    expect("Somebody is reached for each account", (contacts.judged_holder(each, addressees) for each in holders))


@then("none lies in a domain that moves")
def none_inside(expect: Expect, addressees: Contacts) -> None:
    expect("Nobody is locked out", map(contacts.judged_contact, addressees.contacts))


@given("the tokens for Cloudflare and AWS", target_fixture="account_id")
def tokens(migration: Migration) -> str:
    return migration.settings.cloudflare.account_id


@when(
    "each kind of reading is done, and each kind of change is tried where it can change nothing",
    target_fixture="rights",
)
def try_rights(migration: Migration, tried: Tried) -> Rights:
    return permissions.ask(migration, tried)


@when("what the settings name as somebody else's is asked for", target_fixture="rights")
def try_foreign(migration: Migration) -> Rights:
    found = permissions.foreign(migration)
    if not found:
        nothing = absent("cloudflare.refused_reads", "paths that must be refused", "none is named")
        raise Absent("Nothing is named as somebody else's", (nothing,))
    return found


@then("nothing that is needed is refused")
def all_granted(expect: Expect, rights: Rights) -> None:
    expect("The tokens may do what is needed", (permissions.needed(each) for each in rights))


@then("Cloudflare's token is good for long enough")
def token_lasts(migration: Migration, expect: Expect) -> None:
    now, days = migration.clock.now(), migration.settings.bounds.certificate_days
    expect("The token stays good", (permissions.judged_end(permissions.token(migration), now, days),))


@then("each request is refused")
def all_refused(expect: Expect, rights: Rights) -> None:
    claim = "The token can't read what the operator has named as somebody else's"
    expect(claim, (permissions.refused(each) for each in rights))


@when("its parts are read at AWS and in Terraform, and compared with the first snapshot", target_fixture="rented_parts")
def read_parts(migration: Migration) -> Rented:
    require_aws(migration)
    return rented.ask(migration, stopped=False)


@when("its parts are read once it is stopped", target_fixture="rented_parts")
def read_parts_stopped(migration: Migration) -> Rented:
    require_aws(migration)
    return rented.ask(migration, stopped=True)


@when("the reverse DNS of its address is asked of AWS and of DNS", target_fixture="reverse")
def ask_reverse_dns(migration: Migration) -> ReverseDns:
    require_aws(migration)
    return reverse_dns.ask(migration)


@then("there is none, or one that the account can reset")
def address_can_go(migration: Migration, expect: Expect, reverse: ReverseDns) -> None:
    expect("AWS will take the address back", reverse_dns.judged(reverse, migration.settings.ec2.keep))


@then("each is the one that was named")
def parts_match(migration: Migration, expect: Expect, rented_parts: Rented) -> None:
    found = replace(rented_parts, accepted=accepted.by_person(migration.store, AWS))
    expect("It is the gateway that was named", rented.judged(found, migration.settings.ec2))


@then("AWS lets everybody in at its port 25")
def everybody_let_in(migration: Migration, expect: Expect) -> None:
    versions = (4, 6) if migration.settings.ec2.ipv6 else (4,)
    expect("Everybody reaches EC2's port 25", way_in.judged(way_in.ask(migration), versions))


@then("AWS will stop it when it is to be stopped")
def would_stop(migration: Migration, stage: Stage, expect: Expect) -> None:
    it = way_in.protection(migration, "stop")
    expect("AWS will stop it", (way_in.judged_protection(it, due=stage.gate is Gate.PHASE4),))


@then("AWS will delete it when it is to be deleted")
def would_delete(migration: Migration, expect: Expect) -> None:
    it = way_in.protection(migration, "delete")
    expect("AWS will delete it", (way_in.judged_protection(it, due=True),))


@when(
    "it is asked what listens, runs from cron or a timer, runs in containers, renews certificates, and gets mail",
    target_fixture="jobs",
)
def ask_jobs(migration: Migration) -> SecondJobs:
    return other_jobs.ask(migration)


@then("there is nothing that the settings do not expect")
def nothing_else(expect: Expect, jobs: SecondJobs) -> None:
    expect("EC2 has no second job", other_jobs.judged(jobs))


@when("what they need is counted, and the mail of the last 30 days with it", target_fixture="needs")
def count(migration: Migration, subjects: tuple[str, ...]) -> Limits:
    return limits.ask(migration, subjects)


@then("each number is within Cloudflare's limit, and what is left is stated")
def numbers_fit(expect: Expect, needs: Limits) -> None:
    expect("The numbers fit", (limits.judged_use(each, hint=limits.FEWER) for each in needs.uses))


@then("the largest message was within the limit, and the busiest day is shown with what is documented of one by day")
def mail_fits(expect: Expect, needs: Limits) -> None:
    expect("The mail of these days fits", limits.judged_traffic(needs.traffic))


@when(
    "the logs of the last 30 days, the aliases, postmaster, abuse and the published report addresses are read",
    target_fixture="found",
)
def read_receivers(migration: Migration, subjects: tuple[str, ...]) -> Receivers:
    return receivers.ask(migration, subjects)


@then("each address found there is in the settings, or given up in them by name")
def in_settings(migration: Migration, expect: Expect, found: Receivers) -> None:
    ours = {each.address: f"its mail ends in {each.mailbox}" for each in migration.settings.addresses()}
    judged = receivers.judged(found, migration.settings, ours, "in the settings")
    expect("Every address that takes mail has its place", judged)


@then("each address found there has an enabled rule, or is given up in the settings by name")
def has_rule(migration: Migration, expect: Expect, found: Receivers, subjects: tuple[str, ...]) -> None:
    if migration.settings.by_worker:
        in_settings(migration, expect, found)
        return
    rules = {
        rule.address: f"forwarded to {', '.join(rule.destinations)}"
        for domain in subjects
        for rule in cloudflare.routing(migration, domain).rules
        if rule.enabled and rule.action == "forward"
    }
    judged = receivers.judged(found, migration.settings, rules, "an enabled rule")
    expect("Every address that takes mail has a rule", judged)


@then("the logs reach back over that time, and are alive")
def logs_reach_back(expect: Expect, found: Receivers) -> None:
    expect("The logs are long enough", receivers.judged_logs(found))


@when("their mail of the last 30 days is judged as Cloudflare would judge it", target_fixture="cast")
def shadow_run(migration: Migration, subjects: tuple[str, ...]) -> Shadow:
    return shadow.cast(migration, subjects)


@then("each sender who would be refused has been decided on in the settings")
def senders_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    judged = shadow.judged(cast, migration.settings, subjects)
    expect("Every sender who would be refused is decided on", judged)


@then("mail to an address without a rule is given up by name")
def no_rule_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    findings = shadow.judged_stray(cast, migration.settings, subjects)
    expect("Nobody's mail is lost for want of a rule", findings)


@then("the logs that name this mail are alive")
def mail_logs_alive(expect: Expect, cast: Shadow) -> None:
    expect("What the logs lack proves something", map(sign_of_life.judged, cast.signs))


@given("the snapshot that was taken before anything was changed", target_fixture="first_snapshot")
def first_snapshot(migration: Migration) -> Kept:
    found = snapshot.first(migration)
    if found is None:
        raise CouldNotAsk("the store has no snapshot to go back to: judge phase1, which takes it by itself")
    return found


@when("it is compared with what stands", target_fixture="comparison")
def compare(migration: Migration, first_snapshot: Kept, stage: Stage) -> Comparison:
    return snapshot.compare(migration, first_snapshot, stage.domains)


@then("it is as it was written")
def digest_matches(expect: Expect, first_snapshot: Kept) -> None:
    expect("The snapshot is what was written", [snapshot.judged_whole(first_snapshot)])


@then("it has every mail record and routing rule of each domain")
def zones_complete(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    look, begun = comparison.kept.evidence, _begun(migration)
    found = (snapshot.judged_zone(each, look, begun=begun) for each in comparison.zones)
    expect("The snapshot has each domain whole", found)


@then("nobody but us has changed a mail record since")
def changes_explained(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    begun = _begun(migration)
    zones = ((zone, accepted.by_person(migration.store, dns_of(zone.domain))) for zone in comparison.zones)
    findings = (each for it in zones for each in snapshot.judged_changes(*it, begun=begun))
    expect("Every change since the snapshot is ours", findings)


@then("it has the configuration of Dell and of EC2, in files that can be put back, passwords excepted")
def hosts_restorable(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    prepared = Progress.read(migration.store, migration.settings).done_at("prepare_dell") is not None
    by = {"Dell": "prepare_dell" if prepared else "", "EC2": "accept" if _gateway_accepted(migration) else ""}
    begun = _begun(migration)
    both = (snapshot.judged_host(each, by[each.name], begun=begun) for each in comparison.hosts)
    expect("Both machines could be put back", chain.from_iterable(both))


def _begun(migration: Migration) -> bool:
    """Whether a script of ours has written, so that no other snapshot may be taken."""
    progress = Progress.read(migration.store, migration.settings)
    return any(progress.done_at(each) is not None for each in ("publish_delivery", "deploy_worker", "prepare_dell"))


def _gateway_accepted(migration: Migration) -> bool:
    """Whether a person has accepted something of its Postfix by name, and all of it is as it was accepted."""
    if not accepted.by_person(migration.store, EC2):
        return False
    state = read(migration, (EC2,))
    return EC2 in state.read and not any(differences(accepted.accepted(migration.store) or {}, state))
