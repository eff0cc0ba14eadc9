"""Dell's Postfix and Dovecot as they are configured and as they run: parameters, files, filters, queue and servers."""

from typing import Any

from pytest_bdd import given, then, when

from fixtures.access.transport import dell
from fixtures.evidence import Absent, absent
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import (
    backups,
    boot,
    client_limits,
    deleting_jobs,
    durability,
    filters,
    ipv6_switch,
    jobs,
    log_rotation,
    postfix,
    reception,
    sending,
    system_names,
    tables,
)
from fixtures.probes.dell.postfix import Configuration
from fixtures.probes.logs import postfix_log
from fixtures.probes.mailbox import delivery
from fixtures.settings import Template

Planned = dict[str, str]


# Parameters and files --------------------------------------------------------------------------------------------


@given("the plan's parameters, as corrected", target_fixture="planned")
def planned_parameters(migration: Migration) -> Planned:
    return dellplan.parameters(migration.settings)


@given("Dell has lost its power and come back")
def power_was_lost(world: Any) -> None:
    with world.outage("Dell loses its power"):
        pass


@given("the container of Dell's Postfix was made again")
def container_made_again(migration: Migration, world: Any) -> None:
    if not migration.settings.dell.transport.container:
        nothing = absent("dell.transport.container", "a container", "Postfix runs on the host itself")
        raise Absent("Postfix is in no container", (nothing,))
    with world.outage("the container of Dell's Postfix is made again"):
        pass


@when("Postfix is asked for those in force", target_fixture="configuration")
def ask_postfix(migration: Migration) -> Configuration:
    return postfix.configuration(dell(migration.settings))


@then("each has its planned value")
def values_as_planned(migration: Migration, expect: Expect, planned: Planned, configuration: Configuration) -> None:
    settings = migration.settings
    found = postfix.judged_parameters(configuration, planned, settings)
    sends = sending.judged(sending.look(dell(settings), configuration, settings), settings)
    shell, lists = dell(settings), configuration.values
    aliased = tables.aliased(shell, settings, lists.get(tables.ALIAS_DOMAINS, ""))
    served = [name for each in settings.domains for name in each.served]
    local = tables.holders(shell, lists.get(tables.LOCAL_DOMAINS, ""), served)
    judged = tables.judged_aliased(aliased, configuration.evidence), tables.judged_local(local, configuration.evidence)
    with_ec2 = Progress.read(migration.store, settings).done_at("retire_ec2_access") is None
    limits = client_limits.judged(configuration, settings, with_ec2=with_ec2)
    expect("Every parameter of the plan is in force", [*found, *sends, *judged, *limits])


@then("its tables of mailboxes and aliases hold what the plan holds, and nothing else")
def tables_as_planned(migration: Migration, expect: Expect) -> None:
    at = dellplan.places(migration.settings)
    found = tables.look(migration, at.mailboxes, at.aliases)
    expect("Mailboxes and aliases are the plan's", (each for it in found for each in tables.judged(it)))


@then("the files are no newer than what the running server read")
def files_were_read(migration: Migration, expect: Expect, configuration: Configuration) -> None:
    log = postfix_log.read(dell(migration.settings), migration.settings.dell.log)
    expect("The running server uses these files", postfix.judged_read(configuration, log.reloads))


@then("Postfix finds nothing wrong with its configuration")
def check_is_clean(migration: Migration, expect: Expect) -> None:
    expect("postfix check is clean", [postfix.judged_check(postfix.check(dell(migration.settings)))])


@given("the templates that own the configuration of Dell's Postfix", target_fixture="template")
def the_templates(migration: Migration) -> Template:
    dell_settings = migration.settings.dell
    if dell_settings.template is None:
        nothing = absent("dell.owner", "template", dell_settings.owner)
        raise Absent("No template owns the configuration", (nothing,))
    return dell_settings.template


@when("what they render is compared with what runs", target_fixture="rendered")
def compare_rendered(migration: Migration, template: Template) -> tables.Rendered:
    return tables.rendered(migration, template)


@then("no file differs")
def nothing_differs(expect: Expect, rendered: tables.Rendered) -> None:
    expect("What runs is what the templates render", tables.judged_rendered(rendered))


# Backups, and what must be right beforehand ----------------------------------------------------------------------


@given("Postfix's two files as the snapshot has them", target_fixture="original_files")
def original_files(migration: Migration) -> tuple[backups.Original, ...]:
    return backups.originals(migration)


@when("the backups on Dell are compared with them", target_fixture="kept_backups")
def read_backups(migration: Migration, original_files: tuple[backups.Original, ...]) -> tuple[backups.Backups, ...]:
    return backups.backups(migration, original_files)


@then("each file has a backup that is the same to the last byte")
def backups_equal(expect: Expect, kept_backups: tuple[backups.Backups, ...]) -> None:
    expect("The backups equal the snapshot", map(backups.judged, kept_backups))


@given("both were copied back from their backups, and Postfix started with them")
def copied_back(world: Any) -> None:
    world.mend.enter_context(world.outage("Postfix's files are those of the backups"))


@when("EC2 delivers to a mailbox of each domain, as it did before", target_fixture="deliveries")
def ec2_delivers(migration: Migration, domains: tuple[str, ...]) -> tuple[delivery.Delivery, ...]:
    addresses = [next(migration.settings.addresses((domain,))) for domain in domains]
    return delivery.arrivals(migration, backups.by_ec2(migration, addresses))


@then("both files are those of the snapshot, to the last byte")
def same_bytes(migration: Migration, expect: Expect, original_files: tuple[backups.Original, ...]) -> None:
    found = (backups.judged_bytes(each, *backups.digest(migration, each.path)) for each in original_files)
    expect("What was copied back is what stood once", found)


@given("the file that holds Dell's password at the relay host", target_fixture="smart_host")
def smart_host(migration: Migration) -> str:
    host = migration.settings.relay.host
    if not host:
        nothing = absent("the relay host", "a relay host by the settings", "none: Dell delivers by itself ([relay])")
        raise Absent("Dell sends by no relay host", (nothing,))
    if not migration.settings.relay.login:
        nothing = absent(host, "a login there by the settings", "none: it knows Dell by its address (relay.login)")
        raise Absent("The relay host knows Dell by its address", (nothing,))
    return host


@when("the file, its map and what Postfix finds there are examined", target_fixture="smart_host_password")
def look_at_password(migration: Migration) -> backups.Password:
    return backups.password(migration)


@then("nobody but root may read it")
def only_owner_reads(expect: Expect, smart_host_password: backups.Password) -> None:
    expect("Only root may read the password", backups.judged_owner(smart_host_password))


@then("Postfix writes no password into its log")
def no_password_in_the_log(expect: Expect, smart_host_password: backups.Password) -> None:
    expect("The log holds no password", backups.judged_log(smart_host_password))


@then("the map is no older than the file")
def map_is_new(expect: Expect, smart_host_password: backups.Password) -> None:
    expect("The map is no older than its source", [backups.judged_map(smart_host_password)])


@then("what Postfix finds is a user and a password, and nothing more")
def only_the_password(expect: Expect, smart_host: str, smart_host_password: backups.Password) -> None:
    expect("The entry is right", [backups.judged_entry(smart_host_password, smart_host)])


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
    claim = "Every filter that judges clients is one that the operator has named"
    expect(claim, filters.judged(filters_found, filters_known))


@when("whatever may discard, copy, rewrite or re-route a message is looked for", target_fixture="detours_found")
def look_for_detours(migration: Migration) -> filters.Detours:
    return filters.detours(migration)


@then("each is one that the settings name")
def detours_are_named(expect: Expect, filters_known: tuple[str, ...], detours_found: filters.Detours) -> None:
    claim = "Whatever may lead mail astray is one that the operator has named"
    expect(claim, filters.judged_detours(detours_found, filters_known))


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
    expect("Names of the system have a home", map(system_names.judged, system_homes))


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
    bound_s = migration.settings.bounds.oldest_deferred_s
    expect("Nothing inbound waits", reception.judged_queue(reception_now.queue, inbound_domains, bound_s))


@then("Postfix, the delivery to mailboxes and IMAP are up")
def servers_up(expect: Expect, reception_now: reception.Reception) -> None:
    expect("Everything that mail passes through is up", map(reception.judged, reception_now.servers))


@when("systemd is asked which of them it starts with the machine", target_fixture="start")
def ask_systemd(migration: Migration) -> boot.Start:
    return boot.look(migration)


@then("each that is a service of its own is among them")
def started_with_the_machine(expect: Expect, start: boot.Start) -> None:
    expect("Mail's servers come back with the machine", (*boot.judged(start), *boot.judged_missing(start)))


@then("nothing puts the machine to sleep")
def stays_awake(expect: Expect, start: boot.Start) -> None:
    expect("The machine stays awake", (boot.judged_awake(start),))


@then("nothing stops them after some time")
def stay_up(expect: Expect, start: boot.Start) -> None:
    expect("Mail's servers are left running", (*boot.judged_ends(start), *boot.judged_held(start)))


@then("Dell's IPv6 stays on, and Postfix's log goes on when it is rotated")
def what_lasts(migration: Migration, expect: Expect, start: boot.Start) -> None:
    ipv6 = ipv6_switch.judged(start.without_ipv6, migration.settings.dell.ipv6, start.evidence)
    expect("Its IPv6 and its log last", (ipv6, log_rotation.judged(start.log)))


@when("the jobs of its machine are searched for what writes their configuration", target_fixture="jobs_found")
def search_jobs(migration: Migration) -> jobs.Jobs:
    return jobs.look(migration)


@then("no job replaces Dell's configuration")
def no_job_writes(expect: Expect, jobs_found: jobs.Jobs) -> None:
    expect("Nothing puts another configuration in the place of Dell's", jobs.judged(jobs_found))


@when("the jobs of its machine are searched for what deletes mail", target_fixture="deleting")
def search_what_deletes(migration: Migration) -> deleting_jobs.Found:
    return deleting_jobs.look(migration)


@then("no job deletes mail, except from users' Junk and Trash folders")
def no_job_deletes(expect: Expect, deleting: deleting_jobs.Found) -> None:
    expect("No job deletes mail", deleting_jobs.judged(deleting.deleting))


@then("none stops Postfix or Dovecot for good")
def no_job_stops(expect: Expect, deleting: deleting_jobs.Found) -> None:
    expect("No job stops a server for good", deleting_jobs.judged_up(deleting.stopping))


@given("where Dell's queue and its mailboxes lie", target_fixture="kept")
def where_mail_lies(migration: Migration) -> durability.Kept:
    return durability.look(migration)


@then("each lies on a disk, and a message is there before it is acknowledged")
def on_a_disk(expect: Expect, kept: durability.Kept) -> None:
    expect("What was acknowledged lies on a disk", durability.judged(kept))
