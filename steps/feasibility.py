"""Whether the migration can be made: accounts, the gateway, limits, receivers, refused senders, the first snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import (
    Absent,
    Evidence,
    Finding,
    Inconclusive,
    absent,
    failed,
    finding,
    passed,
    unknown,
)
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes import snapshot
from fixtures.probes.aws import other_jobs, rented, reverse_dns
from fixtures.probes.aws.other_jobs import SecondJobs
from fixtures.probes.aws.rented import Rented
from fixtures.probes.aws.reverse_dns import ReverseDns
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare import contacts, limits, permissions
from fixtures.probes.cloudflare.contacts import Contacts
from fixtures.probes.cloudflare.limits import Limits
from fixtures.probes.cloudflare.permissions import Right, Tried
from fixtures.probes.logs import history, receivers, sign_of_life
from fixtures.probes.logs import shadow_run as shadow
from fixtures.probes.logs.receivers import Receiver, Receivers
from fixtures.probes.logs.shadow_run import Judged, Shadow
from fixtures.probes.snapshot import Comparison, Host, Kept, Zone

ENOUGH_DAYS = 28.0
"""Four rotations of a week are what Debian keeps by default."""
SHOWN = 20
NAME_IT = "Give it a mailbox or an alias in migration.toml, or give it up there: dropped"
TAKE_AGAIN = "Nothing was changed yet: move the store away and judge again, which takes another snapshot"
PUT_BACK = "Put it back as it was, or find out who changed it: a rollback would undo it unseen"
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


@then("each request is refused")
def all_refused(expect: Expect, rights: Rights) -> None:
    claim = "The token can't read what the operator has named as somebody else's"
    expect(claim, (permissions.refused(each) for each in rights))


@when("its parts are read at AWS and in Terraform, and compared with the first snapshot", target_fixture="rented_parts")
def read_parts(migration: Migration) -> Rented:
    return rented.ask(migration, stopped=False)


@when("its parts are read once it is stopped", target_fixture="rented_parts")
def read_parts_stopped(migration: Migration) -> Rented:
    return rented.ask(migration, stopped=True)


@when("the reverse DNS of its address is asked of AWS and of DNS", target_fixture="reverse")
def ask_reverse_dns(migration: Migration) -> ReverseDns:
    return reverse_dns.ask(migration)


@then("there is none, or one that the account can reset")
def address_can_go(migration: Migration, expect: Expect, reverse: ReverseDns) -> None:
    expect("AWS will take the address back", reverse_dns.judged(reverse, migration.settings.ec2.keep))


@then("each is the one that was named")
def parts_match(migration: Migration, expect: Expect, rented_parts: Rented) -> None:
    expect("It is the gateway that was named", rented.judged(rented_parts, migration.settings.ec2))


@when(
    "it is asked what listens, runs from cron or a timer, runs in containers and renews certificates",
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
    expect("The numbers fit", (limits.judged_use(each, limits.FEWER) for each in needs.uses))


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
    expect("Every address that takes mail has its place", _places(migration, found, ours.get, "in the settings"))


@then("each address found there has an enabled rule, or is given up in the settings by name")
def has_rule(migration: Migration, expect: Expect, found: Receivers, subjects: tuple[str, ...]) -> None:
    rules = {
        rule.address: f"forwarded to {', '.join(rule.destinations)}"
        for domain in subjects
        for rule in cloudflare.routing(migration, domain).rules
        if rule.enabled and rule.action == "forward"
    }
    expect("Every address that takes mail has a rule", _places(migration, found, rules.get, "an enabled rule"))


@then("the logs reach back over that time, and are alive")
def logs_reach_back(expect: Expect, found: Receivers) -> None:
    def judge(host: history.HostLog) -> Finding:
        days = (found.history.until - host.since) / history.DAY_S
        member, expected = f"the log of {host.host}", f"lines of at least {ENOUGH_DAYS:.0f} days"
        lines = f"{days:.0f} days, {host.unread} lines not understood"
        if days >= ENOUGH_DAYS:
            return passed(member, lines, host.evidence, expected=expected)
        hint = "Keep rotated logs longer and come back then: who is written to once a month is not seen yet"
        return unknown(member, expected, lines, host.evidence, hint=hint)

    expect("The logs are long enough", [*map(judge, found.history.hosts), *map(sign_of_life.judged, found.signs)])


def _places(
    migration: Migration, found: Receivers, place: Callable[[str], str | None], wanted: str
) -> Iterator[Finding]:
    for each in found.found:
        domain, expected = migration.settings.domain(each.domain), f"{wanted}, or given up by name"
        if not each.local:
            yield _catch_all(each, "catch_all" in domain.model_fields_set, domain.catch_all)
            continue
        dropped = "given up by name" if each.local in domain.dropped else ""
        has = place(each.address) or dropped
        text = f"{has or 'neither'}; it {'; '.join(each.why)}"
        address, looks = each.address, each.evidence
        yield finding(address, expected, text, *looks, holds=bool(has), domain=each.domain, hint=NAME_IT)


def _catch_all(each: Receiver, decided: bool, decision: str) -> Finding:
    expected = "a decision in the settings on what else it takes"
    found = f"catch_all = {decision!r}" if decided else f"no catch_all for {each.domain}; it {'; '.join(each.why)}"
    hint = 'Write catch_all = "off" or "drop": Email Routing has no catch-all that keeps mailboxes apart'
    return finding(each.address, expected, found, *each.evidence, holds=decided, domain=each.domain, hint=hint)


@when("their mail of the last 30 days is judged as Cloudflare would judge it", target_fixture="cast")
def shadow_run(migration: Migration, subjects: tuple[str, ...]) -> Shadow:
    return shadow.cast(migration, subjects)


@then("each sender who would be refused has been decided on in the settings")
def senders_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    def judge(key: tuple[str, str, str], messages: tuple[Judged, ...]) -> Finding:
        domain, sender, reason = key
        said = f"{len(messages)} messages to {', '.join(sorted({each.taken.address for each in messages}))}"
        member, expected = f"<{sender}>: {reason}", "a decision in migration.toml, [[decided]]"
        look = _shown(f"mail of <{sender}> to {domain} in the last 30 days", messages)
        decision = migration.settings.decision(sender, reason)
        if not decision and reason == shadow.UNKNOWN:
            hint = "Ask the sender for SPF and DKIM, or write down what becomes of its mail"
            said += ", of which nothing proves that they would be taken"
            return unknown(member, expected, said, look, domain=domain, hint=hint)
        said += f" would be refused: {reason}" + (f"; decided: {decision.what}" if decision else "")
        hint = "Write down what becomes of its mail: asked to sign, another way agreed, or the loss accepted"
        return finding(member, expected, said, look, holds=bool(decision), domain=domain, hint=hint)

    judged = (judge(key, messages) for key, messages in cast.grouped().items())
    expect("Every sender who would be refused is decided on", [*judged, *_taken(cast, subjects)])


@then("mail to an address without a rule is given up by name")
def no_rule_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    findings = (each for domain in subjects for each in _without_rule(migration, cast, domain))
    expect("Nobody's mail is lost for want of a rule", findings)


@then("the logs that name this mail are alive")
def mail_logs_alive(expect: Expect, cast: Shadow) -> None:
    expect("What the logs lack proves something", map(sign_of_life.judged, cast.signs))


def _without_rule(migration: Migration, cast: Shadow, domain: str) -> Iterator[Finding]:
    ours = {each.address for each in migration.settings.addresses()}
    stray = [each for each in cast.messages if each.domain == domain and each.taken.address not in ours]
    for address in sorted({each.taken.address for each in stray}):
        messages = tuple(each for each in stray if each.taken.address == address)
        senders = ", ".join(sorted({f"<{each.taken.sender}>" for each in messages}))
        dropped = address.rpartition("@")[0] in migration.settings.domain(domain).dropped
        found = f"{len(messages)} messages from {senders}; {'given up by name' if dropped else 'no rule'}"
        look, expected = (
            _shown(f"mail to {address} in the last 30 days", messages),
            "an address of the settings, or dropped",
        )
        yield finding(address, expected, found, look, holds=dropped, domain=domain, hint=NAME_IT)
    if not stray:
        yield passed(domain, "all mail went to addresses of the settings", *cast.evidence[:2], domain=domain)


def _taken(cast: Shadow, subjects: tuple[str, ...]) -> Iterator[Finding]:
    """What would arrive: shown by number, for a run in which nothing is refused has to show that it looked."""
    for domain in subjects:
        mail = [each for each in cast.messages if each.domain == domain]
        fine = [each for each in mail if not each.reasons]
        gone = sum(not each.stored for each in fine)
        found = f"{len(fine)} of {len(mail)} messages of the last 30 days would be taken"
        if gone:
            found += f"; {gone} of them lie in no mailbox any more, and only their SPF and size could be judged"
        yield passed(domain, found, _shown(f"mail to {domain}", tuple(fine)), *cast.evidence, domain=domain)


def _shown(asked: str, messages: tuple[Judged, ...]) -> Evidence:
    lines = [f"{each.taken.message_id} {each.stored or 'in no mailbox any more'}: {each.says}" for each in messages]
    return Evidence(asked, f"{len(messages)} messages", "\n".join(lines[-SHOWN:]))


@given("the snapshot that was taken before anything was changed", target_fixture="first_snapshot")
def first_snapshot(migration: Migration) -> Kept:
    found = snapshot.first(migration)
    if found is None:
        nothing = unknown("snapshot", "one in the store", "none", hint="Judge phase1, which takes it by itself")
        raise Inconclusive("There is a snapshot to go back to", (nothing,))
    return found


@when("it is compared with what stands", target_fixture="comparison")
def compare(migration: Migration, first_snapshot: Kept, stage: Stage) -> Comparison:
    return snapshot.compare(migration, first_snapshot, stage.domains)


@then("it is as it was written")
def digest_matches(expect: Expect, first_snapshot: Kept) -> None:
    it, hint = first_snapshot, "The store was changed by hand: take it from a backup of that day"
    expected, found = f"digest {it.digest}", f"digest {it.recomputed}"
    judged = finding("snapshot", expected, found, it.evidence, holds=it.digest == it.recomputed, hint=hint)
    expect("The snapshot is what was written", [judged])


@then("it has every mail record and routing rule of each domain")
def zones_complete(expect: Expect, comparison: Comparison) -> None:
    expected, look = "records with the domain's MX, routing, rules and catch-all", comparison.kept.evidence

    def judge(zone: Zone) -> Finding:
        kinds = sorted({each.type for each in zone.kept})
        found = f"{len(zone.kept)} mail records ({', '.join(kinds) or 'none'}), {zone.rules} rules"
        whole = zone.complete and any((each.type, each.name) == ("MX", zone.domain) for each in zone.kept)
        return finding(zone.domain, expected, found, look, holds=whole, domain=zone.domain, hint=TAKE_AGAIN)

    expect("The snapshot has each domain whole", map(judge, comparison.zones))


@then("nobody but us has changed a mail record since")
def changes_explained(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    begun = Progress.read(migration.store, migration.settings).done_at("publish_delivery") is not None
    findings = (each for zone in comparison.zones for each in _changes(zone, PUT_BACK if begun else TAKE_AGAIN))
    expect("Every change since the snapshot is ours", findings)


def _changes(zone: Zone, hint: str) -> Iterator[Finding]:
    alien = [each for each in zone.changes if not each.by]
    for each in alien:
        expected = f"as in the snapshot ({each.before}), or written by a script of ours"
        yield failed(each.subject, expected, each.now, zone.evidence, domain=zone.domain, hint=hint)
    if not alien:
        ours = "; ".join(f"{each.subject} by {each.by}" for each in zone.changes) or "nothing changed"
        yield passed(zone.domain, ours, zone.evidence, domain=zone.domain)


@then("it has the configuration of Dell and of EC2, in files that can be put back, passwords excepted")
def hosts_restorable(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    prepared = Progress.read(migration.store, migration.settings).done_at("prepare_dell") is not None
    both = ((host, prepared and host.name == "Dell") for host in comparison.hosts)
    expect("Both machines could be put back", (each for host, may in both for each in _host(host, may_differ=may)))


def _host(host: Host, *, may_differ: bool) -> Iterator[Finding]:
    lacking = [name for name in snapshot.NEEDED if name not in host.files]
    for name in dict.fromkeys((*lacking, *host.broken)):
        found = "content that can't be read" if name in host.broken else "nothing"
        yield failed(f"{host.name}: {name}", "its content in the snapshot", found, host.evidence, hint=TAKE_AGAIN)
    changed = () if may_differ else host.changed
    for name in changed:
        hint = TAKE_AGAIN if host.name == "Dell" else PUT_BACK
        yield failed(f"{host.name}: {name}", "as in the snapshot", "changed since, or gone", host.evidence, hint=hint)
    if not (lacking or host.broken or changed):
        since = f", {len(host.changed)} changed since by prepare_dell" if may_differ else ", all as they stand"
        found = f"{len(host.files)} files, {len(host.digests)} more by digest, {host.parameters} parameters{since}"
        yield passed(host.name, found, host.evidence)
