"""Who may deliver to Dell's port 25, and who may not: clients, the table of those admitted, bans, firewall, senders."""

import itertools

import pytest
from pytest_bdd import given, parsers, then, when

from fixtures.access.transport import dell
from fixtures.gates.plugin import AskedFirewall, Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage, given_up
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import allow_list, bans, firewall, firewalld, postfix, tables
from fixtures.probes.dell.allow_list import Published, Table
from fixtures.probes.dell.firewall import Answer, Ruleset
from fixtures.probes.dell.networks import Network
from fixtures.probes.smtp import client_addresses, clients, insiders, recipients, vantages
from fixtures.probes.smtp.client_addresses import Sighting, Unnamed
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Conversation

Clients = tuple[Client, ...]
Networks = tuple[Network, ...]
Knocks = tuple[tuple[Client, Conversation], ...]
OwnSenders = tuple[tuple[str, Client, Conversation], ...]
Asked = tuple[Ruleset, Answer | None, str]


# Who is admitted, and who is refused -----------------------------------------------------------------------------


@given("the addresses that Email Routing sends from", target_fixture="clients_at_door")
def email_routing(migration: Migration) -> Clients:
    return clients.email_routing(migration)


@given(parsers.parse("{who} on the Internet"), target_fixture="clients_at_door")
def others(migration: Migration, who: str) -> Clients:
    return clients.outsiders(migration, who)


@given("the addresses by which Dell sees EC2", target_fixture="clients_at_door")
def ec2_as_seen(migration: Migration) -> Clients:
    return clients.ec2_as_seen(migration)


@given("the addresses that were EC2's", target_fixture="clients_at_door")
def ec2_addresses(migration: Migration) -> Clients:
    return clients.ec2_addresses(migration)


@when("each of them offers Dell a message for a mailbox", target_fixture="knocks")
@when("they offer Dell a message for a mailbox", target_fixture="knocks")
@when("EC2 offers Dell a message for a mailbox", target_fixture="knocks")
def offer_for_mailbox(migration: Migration, clients_at_door: Clients, stage: Stage) -> Knocks:
    address = next(migration.settings.addresses(stage.domains))
    return clients.offer(migration, clients_at_door, (address.destination,))


@when("Dell is asked which of them it would admit", target_fixture="lookups")
def ask_admission_table(migration: Migration, clients_at_door: Clients) -> tuple[postfix.Lookup, ...]:
    table = f"cidr:{dellplan.places(migration.settings).admitted}"
    return tuple(postfix.lookup(dell(migration.settings), table, client.source) for client in clients_at_door)


@then("Dell would admit each of them, but not one that the stop gave up")
def would_admit(migration: Migration, expect: Expect, lookups: tuple[postfix.Lookup, ...]) -> None:
    lost = given_up(migration.store)
    found = (postfix.judged_lookup(each, admitted=each.key not in lost) for each in lookups)
    expect("EC2 could come back, and nobody in its place", found)


@then("Dell would admit none of them")
def would_admit_none(expect: Expect, lookups: tuple[postfix.Lookup, ...]) -> None:
    expect("EC2's addresses are strangers'", (postfix.judged_lookup(each, admitted=False) for each in lookups))


@then("Dell accepts the recipient from every one")
@then("Dell accepts the recipient")
def all_accepted(expect: Expect, knocks: Knocks) -> None:
    expect("An admitted client is served", (clients.judged_admitted(*each) for each in knocks))


def _blind(client: Client, said: Conversation) -> str:
    """Why silence may be the way's, and not Dell's: asked only where there was silence."""
    return _blind_from(client) if not said.outcome.code and said.connection != "open" else ""


def _blind_from(client: Client) -> str:
    return vantages.blind(client.via) if client.via and client.via.transport else ""


@then("Dell rejects each of them permanently, or does not let it connect")
def all_refused(expect: Expect, knocks: Knocks) -> None:
    expect("Everyone else is refused", (clients.judged_refused(*each, _blind(*each)) for each in knocks))


@then("an admitted client is served in the same minute")
def control_served(migration: Migration, expect: Expect) -> None:
    address = next(migration.settings.addresses())
    knocks = clients.offer(migration, clients.email_routing(migration)[:1], (address.destination,))
    claim = "The control: Dell is there, and serves those it should"
    expect(claim, (clients.judged_admitted(*each) for each in knocks))


# The table of admitted clients -----------------------------------------------------------------------------------


@given(
    "the prefixes that Cloudflare publishes for Email Routing, as several resolvers give them",
    target_fixture="published",
)
def published_prefixes(migration: Migration) -> Published:
    return allow_list.published(migration)


@when("Dell's table of admitted clients is compared with them", target_fixture="admission_table")
def read_table(migration: Migration) -> Table:
    return allow_list.table(migration)


@then("each published prefix stands in the table")
def all_there(migration: Migration, expect: Expect, published: Published, admission_table: Table) -> None:
    named = migration.settings.cloudflare.prefixes
    expect("Each published prefix is admitted", allow_list.judged_there(published, admission_table, named))


@then("no part of one is kept out by another line")
def none_barred(expect: Expect, published: Published, admission_table: Table) -> None:
    expect("No part of a prefix is kept out", allow_list.judged_whole(published, admission_table))


@then("no client is admitted by its host name only")
def no_guests(migration: Migration, expect: Expect) -> None:
    (guests,) = tables.look(migration, dellplan.places(migration.settings).guests)
    expect("Nobody is let in by name", [tables.judged_guests(guests)])


@then("nothing else stands there but our own networks and, while it may deliver, EC2")
def nothing_else(migration: Migration, expect: Expect, published: Published, admission_table: Table) -> None:
    named, ours = migration.settings.cloudflare.prefixes, allow_list.ours(migration)
    found = allow_list.judged_only(published, admission_table, named, ours)
    expect("Nothing else stands in Cloudflare's name", found)


# Bans and firewall -----------------------------------------------------------------------------------------------


@given("the addresses that Dell is to admit", target_fixture="admitted_networks")
def admitted_networks(migration: Migration) -> Networks:
    stopped = Progress.read(migration.store, migration.settings).stopped
    return dellplan.coming(migration.settings, with_ec2=not stopped)


@when("whatever on Dell bans clients by itself is examined", target_fixture="bans_found")
def look_at_bans(migration: Migration, admitted_networks: Networks) -> bans.Bans:
    return bans.look(migration, admitted_networks)


@when("a kernel with Dell's ruleset and routes is asked with connections from them", target_fixture="firewall_asked")
def ask_a_kernel(migration: Migration, admitted_networks: Networks, asked_firewall: AskedFirewall) -> list[Asked]:
    return _asked(migration, admitted_networks, asked_firewall)


@when("the jobs of its machine are searched for what changes its rules or its network", target_fixture="loading_jobs")
def search_what_loads(migration: Migration, admitted_networks: Networks) -> firewall.Changing | None:
    return firewall.loading(migration, admitted_networks)


def _asked(migration: Migration, networks: Networks, ask: AskedFirewall) -> list[Asked]:
    """Dell's ruleset, and that of the next start if it is another, each with what a kernel says of it."""
    ruleset = firewall.look(migration.settings)
    return [(each, *ask(each, networks)) for each in (ruleset, ruleset.after) if each]


@then("none of it can touch these addresses")
def bans_spare(expect: Expect, admitted_networks: Networks, bans_found: bans.Bans) -> None:
    claim = "No automatic ban can touch an admitted address"
    expect(claim, [each.judged(bans_found.evidence, admitted_networks) for each in bans_found.banners])


@then("none of them is refused, limited or left without an answer at port 25")
def rules_spare(expect: Expect, admitted_networks: Networks, firewall_asked: list[Asked]) -> None:
    (ruleset, answer, why), *after = firewall_asked
    claim = "No rule and no route shuts out an admitted address"
    expect(claim, firewall.judged(ruleset, answer, admitted_networks, why))
    then = [*firewalld.judged(ruleset.parts, ruleset.evidence, "Dell", admitted_networks)] if admitted_networks else []
    for later, answer, why in after:
        then += firewall.judged_after(later, answer, admitted_networks, why)
    if then:
        expect("Nor does one after the next start", then)


@then("no job loads other rules or takes the network away")
def rules_stay(expect: Expect, loading_jobs: firewall.Changing | None) -> None:
    expect("No job loads other rules or takes the network away", firewall.judged_loading(loading_jobs))


# By which address, as which sender and for which recipient ------------------------------------------------------------


@pytest.fixture
def unnamed(migration: Migration) -> Unnamed | None:
    return client_addresses.unnamed(migration.settings)


@given(
    "clients outside that know their own public addresses, over IPv4 and over IPv6", target_fixture="outside_clients"
)
def outside_clients(migration: Migration, unnamed: Unnamed | None) -> Clients:
    return client_addresses.outside(client_addresses.named(migration, unnamed))


@when("each of them says a HELO name of its own at Dell's port 25", target_fixture="sighted")
def leave_marks(migration: Migration, unnamed: Unnamed | None, outside_clients: Clients) -> tuple[Sighting, ...]:
    return client_addresses.leave_marks(client_addresses.named(migration, unnamed), outside_clients)


@then("Dell's log shows each name with the address that said it")
def true_addresses(
    migration: Migration,
    expect: Expect,
    sighted: tuple[Sighting, ...],
    unnamed: Unnamed | None,
    asked_firewall: AskedFirewall,
) -> None:
    def shut() -> bool:
        answers = [answer for _, answer, _ in _asked(migration, (), asked_firewall)]
        return all(each is not None and each.shuts_ipv6 for each in answers)

    it = migration.settings.dell
    findings = client_addresses.judged(sighted, it.networks, ipv6=it.ipv6 is not None, unnamed=unnamed)
    around = client_addresses.judged_unnamed(unnamed, sighted, shut)
    expect("Dell sees the true address of its clients", itertools.chain(findings, around))


@given("Email Routing, and the envelope senders that it writes in our domains", target_fixture="forwarders")
def email_routing_forwards(migration: Migration) -> Clients:
    return clients.forwarders(migration)


@given("EC2, and the envelope senders that forwarded mail has in our domains", target_fixture="forwarders")
def ec2_forwards(migration: Migration) -> Clients:
    return clients.ec2_as_seen(migration)


@when("a message with each of these senders is offered to Dell", target_fixture="own_sender_offers")
def offer_own_senders(migration: Migration, stage: Stage, forwarders: Clients) -> OwnSenders:
    return clients.offer_own_senders(migration, forwarders, stage.domains)


@then("Dell accepts each of these senders")
def own_senders_accepted(expect: Expect, own_sender_offers: OwnSenders) -> None:
    expect("Our own domains as senders are accepted", clients.judged_own_senders(own_sender_offers))


@given("an address that nobody has, in every delivery domain", target_fixture="nobodies")
def nobody(migration: Migration, stage: Stage) -> dict[str, str]:
    return {d: f"nobody-has-this@{migration.settings.domain(d).served[-1]}" for d in stage.domains}


@when("Email Routing offers Dell a message for it", target_fixture="answers_for_nobody")
def offer_for_nobody(migration: Migration, nobodies: dict[str, str]) -> dict[str, Conversation]:
    return recipients.offer(migration, nobodies)


@then("Dell refuses the recipient as unknown")
def nobody_refused(expect: Expect, answers_for_nobody: dict[str, Conversation]) -> None:
    expect("An unknown recipient is refused in session", recipients.judged_nobody(answers_for_nobody))


@then("a real mailbox of the same domain is accepted")
def somebody_accepted(migration: Migration, expect: Expect, nobodies: dict[str, str]) -> None:
    real = {domain: next(migration.settings.addresses((domain,))).destination for domain in nobodies}
    expect("A real mailbox is accepted", recipients.judged_somebody(recipients.offer(migration, real)))


# What only insiders may ask -------------------------------------------------------------------------------------------


@given("Email Routing and a stranger", target_fixture="people_at_door")
def people_at_door(migration: Migration) -> Clients:
    return insiders.at_door(migration)


@when(
    parsers.parse("each of them asks for {what} on port 25, in the clear and over TLS"),
    target_fixture="privilege_requests",
)
def ask_for(migration: Migration, people_at_door: Clients, what: str) -> tuple[insiders.Request, ...]:
    return insiders.ask(migration, people_at_door, what)


@when("each of them submits mail without a login, for a mailbox here and for one elsewhere", target_fixture="offers")
def submit(migration: Migration, people_at_door: Clients) -> tuple[Conversation, ...]:
    return insiders.submit(migration, people_at_door)


@then("Dell neither offers nor grants it")
def not_granted(expect: Expect, privilege_requests: tuple[insiders.Request, ...]) -> None:
    expect("Closed to outsiders", insiders.judged(privilege_requests, _blind_from))


@then("no submission port takes any of it")
def nothing_submitted(expect: Expect, offers: tuple[Conversation, ...]) -> None:
    expect("Submission is for those who log in", map(insiders.judged_submission, offers))
