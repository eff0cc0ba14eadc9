"""Dell's Postfix and Dovecot as they are configured and as they run: parameters, files, filters, queue and servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_bdd import given, then, when

from fixtures.access.transport import dell
from fixtures.evidence import Absent, Finding, absent, failed, finding, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import backups, filters, postfix, reception, system_names, tables
from fixtures.probes.logs import postfix_log
from fixtures.probes.mailbox import delivery
from fixtures.settings import Template

Planned = dict[str, str]
INSIDE = ("cleanup/unix", "rewrite/unix", "qmgr/unix", "lmtp/unix", "smtp/unix")
"""Services that no client speaks to, and that a message passes through: the plan overrides nothing there."""
OTHERS = 0o077
"""Permissions of group and world."""


# Parameters and files --------------------------------------------------------------------------------------------


@given("the plan's parameters, as corrected", target_fixture="planned")
def planned_parameters(migration: Migration) -> Planned:
    return dellplan.parameters(migration.settings)


@given("Dell has lost its power and come back")
def power_was_lost(world: Any) -> None:
    with world.outage("Dell loses its power"):
        pass


@given("the container of Dell's Postfix was made again")
def container_anew(migration: Migration, world: Any) -> None:
    if not migration.settings.dell.transport.container:
        nothing = absent("dell.transport.container", "a container", "Postfix runs on the host itself")
        raise Absent("Postfix is in no container", (nothing,))
    with world.outage("the container of Dell's Postfix is made again"):
        pass


@when("Postfix is asked for those in force", target_fixture="configuration")
def ask_postfix(migration: Migration) -> postfix.Configuration:
    return postfix.configuration(dell(migration.settings))


@then("each has its planned value")
def values_as_planned(
    migration: Migration, expect: Expect, planned: Planned, configuration: postfix.Configuration
) -> None:
    hint = "Run prepare_dell; if a service's -o overrides it, look into master.cf"

    def judge(name: str, wanted: str, found: str | None) -> Finding:
        holds = found is not None and dellplan.normal(wanted) == dellplan.normal(found)
        said = "not set" if found is None else found or "(empty)"
        return finding(name, wanted or "(empty)", said, configuration.evidence, holds=holds, hint=hint)

    findings = [judge(name, wanted, configuration.written.get(name)) for name, wanted in planned.items()]
    services = dellplan.services(migration.settings)
    for service in (*services, *INSIDE):
        overrides, found = services.get(service, {}), configuration.overrides.get(service, {})
        findings += [judge(f"{service}: {name}", wanted, found.get(name)) for name, wanted in overrides.items()]
        # Whatever else of the plan this service overrides: there main.cf counts for nothing.
        stray = (found.keys() & planned.keys()) - overrides.keys()
        findings += [judge(f"{service}: {name}", planned[name], found[name]) for name in sorted(stray)]
    findings += _outbound(migration, configuration)
    expect("Every parameter of the plan is in force", findings)


def _outbound(migration: Migration, configuration: postfix.Configuration) -> Iterator[Finding]:
    """How Dell sends is the operator's; it has to be encrypted and logged in, by the relay host of the settings."""
    wrong = dellplan.sends_otherwise(migration.settings, configuration.written)
    hint = "Mend it by hand: prepare_dell leaves what main.cf says of sending as it is. Or correct dell.relayhost"
    for name in dellplan.outbound(migration.settings, "hash"):
        said = configuration.written.get(name) or "(not set)"
        expected = wrong.get(name, said)
        yield finding(name, expected, said, configuration.evidence, holds=name not in wrong, hint=hint)


@then("its tables of mailboxes and aliases hold what the plan holds, and nothing else")
def tables_as_planned(migration: Migration, expect: Expect) -> None:
    at = dellplan.places(migration.settings)
    hint = "Run prepare_dell, which writes them from the settings; an address that is to stay belongs in there"

    def judge(it: tables.Filed) -> Iterator[Finding]:
        for line in it.extra:
            yield failed(f"{it.path}: {line}", "no such entry", "an entry of its own", it.evidence, hint=hint)
        for line in it.missing:
            yield failed(f"{it.path}: {line}", "this entry", "not there", it.evidence, hint=hint)
        if not (it.extra or it.missing):
            yield passed(it.path, it.evidence.answer, it.evidence, expected="the plan's entries")

    found = tables.look(migration, at.mailboxes, at.aliases)
    expect("Mailboxes and aliases are the plan's", (each for it in found for each in judge(it)))


@then("the files are no newer than what the running server read")
def files_were_read(migration: Migration, expect: Expect, configuration: postfix.Configuration) -> None:
    log = postfix_log.read(dell(migration.settings), migration.settings.dell.log)
    newer = {file.path for file in configuration.newer_files(log.reloads)}
    expected, hint = "read since its last change", "postfix reload (restart, if inet_interfaces changed)"

    def judge(path: str) -> Finding:
        found = "changed since" if path in newer else expected
        return finding(path, expected, found, configuration.evidence, holds=path not in newer, hint=hint)

    paths = [file.path for file in configuration.files if file.path.endswith(".cf")]
    expect("The running server uses these files", map(judge, paths))


@then("Postfix finds nothing wrong with its configuration")
def check_is_clean(expect: Expect, configuration: postfix.Configuration) -> None:
    said, nothing = configuration.check, "nothing to say"
    clean = finding("postfix check", nothing, said or nothing, configuration.evidence, holds=not said)
    expect("postfix check is clean", [clean])


@given("the templates that own the configuration of Dell's Postfix", target_fixture="template")
def the_templates(migration: Migration) -> Template:
    dell_settings = migration.settings.dell
    if dell_settings.template is None:
        nothing = absent("dell.owner", "template", dell_settings.owner)
        raise Absent("No template owns the configuration", (nothing,))
    return dell_settings.template


@when("what they render is compared with what runs", target_fixture="rendered")
def set_beside(migration: Migration, template: Template) -> tables.Rendered:
    return tables.rendered(migration, template)


@then("no file differs")
def nothing_differs(expect: Expect, rendered: tables.Rendered) -> None:
    hint = "Bring the templates and Dell together, then run prepare_dell: the next deployment would undo an edit"

    def judge(name: str) -> Finding:
        holds = name not in rendered.odd
        found = "as rendered" if holds else "another one, or none"
        return finding(name, "as rendered", found, rendered.evidence, holds=holds, hint=hint)

    expect("What runs is what the templates render", map(judge, rendered.names))


# Backups, and what must be right beforehand ----------------------------------------------------------------------


@given("Postfix's two files as the snapshot has them", target_fixture="original_files")
def original_files(migration: Migration) -> tuple[backups.Original, ...]:
    return backups.originals(migration)


@when("the backups on Dell are compared with them", target_fixture="kept_backups")
def read_backups(migration: Migration, original_files: tuple[backups.Original, ...]) -> tuple[backups.Backups, ...]:
    return backups.backups(migration, original_files)


@then("each file has a backup that is the same to the last byte")
def backups_equal(expect: Expect, kept_backups: tuple[backups.Backups, ...]) -> None:
    hint = "Without it the way back rests only on the snapshot: look who touched it, and write it again from there"

    def judge(it: backups.Backups) -> Finding:
        expected = f"{it.original.path}.bak-YYYYmmddHHMM, equal to the snapshot's ({it.original.digest[:16]})"
        others = ", ".join(f"{path} ({digest[:16]})" for path, digest in it.found.items()) or "no backup"
        others += f"; named otherwise: {', '.join(it.odd)}" if it.odd else ""
        found = it.same[0] if it.same else others
        return finding(it.original.path, expected, found, it.evidence, holds=bool(it.same), hint=hint)

    expect("The backups equal the snapshot", map(judge, kept_backups))


@given("both were copied back from their backups, and Postfix started with them")
def copied_back(world: Any) -> None:
    world.mend.enter_context(world.outage("Postfix's files are those of the backups"))


@when("EC2 delivers to a mailbox of each domain, as it did before", target_fixture="deliveries")
def ec2_delivers(migration: Migration, domains: tuple[str, ...]) -> tuple[delivery.Delivery, ...]:
    addresses = [next(migration.settings.addresses((domain,))) for domain in domains]
    return delivery.arrivals(migration, backups.by_ec2(migration, addresses))


@then("both files are those of the snapshot, to the last byte")
def same_bytes(migration: Migration, expect: Expect, original_files: tuple[backups.Original, ...]) -> None:
    hint = "The oldest backup is not what stood before the first change: write it again from the snapshot"

    def judge(original: backups.Original) -> Finding:
        digest, evidence = backups.digest(migration, original.path)
        expected, holds = f"the snapshot's ({original.digest[:16]})", digest == original.digest
        found = "the snapshot's, byte for byte" if holds else f"another ({digest[:16]})"
        return finding(original.path, expected, found, evidence, holds=holds, hint=hint)

    expect("What was copied back is what stood once", map(judge, original_files))


@given("the file that holds Dell's password at the relay host", target_fixture="smart_host")
def smart_host(migration: Migration) -> str:
    return migration.settings.dell.relayhost


@when("the file, its map and what Postfix finds there are examined", target_fixture="smart_host_password")
def look_at_password(migration: Migration) -> backups.Password:
    return backups.password(migration)


@then("nobody but root may read it")
def only_owner_reads(expect: Expect, smart_host_password: backups.Password) -> None:
    def judge(file: postfix.File) -> Finding:
        found = f"{file.mode:04o}, {file.owner}" if file.exists else "no such file"
        holds = file.exists and file.owner == "root" and not file.mode & OTHERS
        hint = f"chown root {file.path}; chmod 600 {file.path}"
        return finding(file.path, "0600, root", found, *smart_host_password.evidence, holds=holds, hint=hint)

    both = (smart_host_password.source, smart_host_password.compiled)
    expect("Only root may read the password", (judge(file) for file in both if file is not None))


@then("the map is no older than the file")
def map_is_new(expect: Expect, smart_host_password: backups.Password) -> None:
    source, compiled, evidence = smart_host_password.source, smart_host_password.compiled, smart_host_password.evidence
    if compiled is None:
        judged = passed(smart_host_password.table, "read as it is: there is no copy that could be old", *evidence)
    else:
        age_s = source.modified_at - compiled.modified_at
        found = "no such file" if not compiled.exists else f"{age_s:.0f} s older" if age_s > 0 else "no older"
        holds, hint = found == "no older", f"postmap {smart_host_password.table}"
        judged = finding(compiled.path, f"no older than {source.path}", found, *evidence, holds=holds, hint=hint)
    expect("The map is no older than its source", [judged])


@then("what Postfix finds is a user and a password, and nothing more")
def only_the_password(expect: Expect, smart_host: str, smart_host_password: backups.Password) -> None:
    member, expected = f"{smart_host} in {smart_host_password.table}", "user:password, without a blank or a comment"
    faults, hint = "; ".join(smart_host_password.faults), "Put comments on lines of their own, then postmap (X7)"
    evidence = smart_host_password.evidence
    judged = finding(member, expected, faults or "user:password", *evidence, holds=not faults, hint=hint)
    expect("The entry is right", [judged])


# What may discard, lead away or refuse mail ----------------------------------------------------------------------


@given("Dell's Postfix as it receives mail from outside", target_fixture="filters_known")
@given("Dell as it files mail that it has taken", target_fixture="filters_known")
def filters_known(migration: Migration) -> tuple[str, ...]:
    return migration.settings.dell.filters


@when("whatever judges a client by its address, its name or SPF is looked for", target_fixture="filters_found")
def look_for_filters(migration: Migration) -> filters.Filters:
    return filters.look(migration)


@then("each such filter is one that the settings name")
def filters_are_named(expect: Expect, filters_known: tuple[str, ...], filters_found: filters.Filters) -> None:
    evidence = filters_found.evidence
    expected = f"one of the plan's, or named in dell.filters ({', '.join(filters_known) or 'which names none'})"
    hint = "It judges Cloudflare's address, not the sender's: have it trust the prefixes, then name it in the settings"

    def judge(it: filters.Filter) -> Finding:
        found = f"known: {it.known}" if it.known else "a filter that nobody named"
        return finding(str(it), expected, found, evidence, holds=bool(it.known), hint=hint)

    none = absent("Dell's port 25", expected, "no filter", evidence)
    claim = "Every filter that judges clients is one that the operator has named"
    expect(claim, [judge(it) for it in filters_found.found] or [none])


@when("whatever may discard, copy, rewrite or re-route a message is looked for", target_fixture="detours_found")
def look_for_detours(migration: Migration) -> filters.Detours:
    return filters.detours(migration)


@then("each is one that the settings name")
def detours_are_named(expect: Expect, filters_known: tuple[str, ...], detours_found: filters.Detours) -> None:
    evidence = detours_found.evidence
    expected = f"named in dell.filters ({', '.join(filters_known) or 'which names none'})"
    hint = "Take it out; or see what it does to forwarded mail, then name it in the settings"

    def judge() -> Iterator[Finding]:
        for it in detours_found.found:
            found = f"known: {it.known}" if it.known else f"{it.does}, and nobody named it"
            yield finding(it.what, expected, found, *evidence, holds=bool(it.known), hint=hint)
        if detours_found.unasked:
            yield unknown("Dell's Dovecot", expected, detours_found.unasked, *evidence)
        elif not detours_found.found:
            yield passed("Dell", "nothing of the kind", *evidence, expected=expected)

    expect("Whatever may lead mail astray is one that the operator has named", judge())


@given("a message without a DKIM signature, from a domain whose DMARC policy is p=reject", target_fixture="author")
def author(migration: Migration) -> str:
    return filters.strict_author(migration)


@when("Email Routing forwards it to an address of each domain", target_fixture="deliveries")
def forward(migration: Migration, stage: Stage, author: str) -> tuple[delivery.Delivery, ...]:
    first = tuple(next(migration.settings.addresses((domain,))) for domain in stage.domains)
    return delivery.arrivals(migration, filters.forward(migration, author, first))


@given("root and the names in Dell's alias file", target_fixture="names_found")
def names_of_the_system(migration: Migration) -> dict[str, str]:
    return system_names.names(migration)


@when("each of them is looked up as Postfix would", target_fixture="system_homes")
def look_up(migration: Migration, names_found: dict[str, str]) -> tuple[system_names.Home, ...]:
    return system_names.homes(migration, names_found)


@then("each leads to a mailbox, or to where its alias sends it")
def each_has_a_home(expect: Expect, system_homes: tuple[system_names.Home, ...]) -> None:
    def judge(it: system_names.Home) -> Finding:
        way = " -> ".join(it.way)
        found = (f"{it.end} ({way})" if way else it.end) if it.end else f"{it.way[-1]} is nobody's ({way})"
        hint = f"Give it a mailbox: an alias {it.name} in migration.toml, then prepare_dell"
        expected = "a mailbox, or an address elsewhere"
        return finding(it.name, expected, found, *it.evidence, holds=bool(it.end), hint=hint)

    expect("Names of the system have a home", map(judge, system_homes))


# Queue and servers -----------------------------------------------------------------------------------------------


@given("Dell's mail servers as they run", target_fixture="inbound_domains")
def inbound_domains(migration: Migration) -> tuple[str, ...]:
    return reception.domains(migration)


@when("the queue and the servers are examined", target_fixture="reception_now")
def look_at_servers(migration: Migration) -> reception.Reception:
    return reception.look(migration)


@then("no inbound message has waited for too long")
def nothing_waits(
    migration: Migration, expect: Expect, inbound_domains: tuple[str, ...], reception_now: reception.Reception
) -> None:
    bound, queue = migration.settings.bounds.oldest_deferred_s, reception_now.queue
    expected = f"nothing inbound older than {bound:.0f} s"

    def judge() -> Iterator[Finding]:
        if queue is None:
            yield unknown("Dell's queue", expected, "it can't be read: is Postfix up?")
            return
        late = [each for each in queue.messages if each.inbound(inbound_domains) and each.age_s > bound]
        for each in late:
            reasons = "; ".join(reason for _, reason in each.recipients if reason)
            found = f"{each.age_s:.0f} s old, {each.queue}: {reasons or 'no reason given'}"
            hint = f"postcat -vq {each.queue_id} shows it; postqueue -i {each.queue_id} tries again"
            yield failed(f"{each.queue_id} to {each.recipients[0][0]}", expected, found, queue.evidence, hint=hint)
        if not late:
            yield passed("Dell's queue", queue.evidence.answer, queue.evidence, expected=expected)

    expect("Nothing inbound waits", judge())


@then("Postfix, the delivery to mailboxes and IMAP are up")
def servers_up(expect: Expect, reception_now: reception.Reception) -> None:
    hint = "Mail waits, or is read by nobody, until it is"

    def judge(it: reception.Server) -> Finding:
        found = it.down or it.evidence.answer
        return finding(it.what, "up", found, it.evidence, holds=not it.down, unasked=it.unasked, hint=hint)

    expect("Everything that mail passes through is up", map(judge, reception_now.servers))
