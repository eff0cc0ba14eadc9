"""What DNS says of the domains' mail, who serves it, and what receivers make of it."""

from collections.abc import Mapping

from pytest_bdd import given, then, when

from fixtures.evidence import Finding
from fixtures.gates.drift import accepted
from fixtures.gates.drift.reading import dns_of
from fixtures.gates.plugin import Expect
from fixtures.ledger.switches import last_switch
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage, former, lost
from fixtures.probes import snapshot
from fixtures.probes.aws.references import Sought
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.dns import (
    after_all,
    dkim_keys,
    dmarc,
    dnssec,
    mail_servers,
    mta_sts,
    nameservers,
    prepared_change,
    queries as dns,
    spf,
    tlsa,
    writers,
)
from fixtures.probes.dns.queries import Answers
from fixtures.probes.smtp import clients, public_address, vantages
from fixtures.probes.smtp.knock import Conversation
from fixtures.probes.smtp.submission import Receipt

Exchangers = tuple[mail_servers.Exchanger, ...]
Services = tuple[nameservers.Service, ...]
Changes = tuple[prepared_change.Prepared, ...]
Records = tuple[spf.Spf, ...]
Keys = tuple[dkim_keys.Published, ...]
Policies = tuple[mta_sts.Published, ...]
Chains = tuple[dnssec.Chain, ...]
Knocks = tuple[tuple[clients.Client, Conversation], ...]
Lifetimes = tuple[after_all.Lifetime, ...]
Zones = dict[str, cloudflare.Records]


@when("every name server and every resolver is asked for their MX", target_fixture="answers")
def ask_mx_everywhere(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dns.ask_each(migration, {domain: domain for domain in subjects}, "MX")


@when("every name server is asked for the TTL of their MX", target_fixture="answers")
def ask_mx_at_authority(subjects: tuple[str, ...]) -> Answers:
    return {domain: dns.ask(dns.authorities(domain), domain, "MX") for domain in subjects}


@then("each answer is the EC2 gateway, with the backup MX of the settings, and nothing else")
def answers_are_ec2(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted = {domain: migration.settings.mx_today(domain) for domain in answers}
    expect("The MX is the EC2 gateway, and nothing else", _compared(answers, wanted))


@then("each answer is the set of hosts that Cloudflare assigned, and only that")
def answers_are_cloudflare(migration: Migration, expect: Expect, answers: Answers) -> None:
    wanted = {domain: cloudflare.assigned_mx(migration, domain) for domain in answers}
    expect("The MX is Cloudflare's set, and only that", _compared(answers, wanted))


@then("no answer leads to Cloudflare")
def answers_are_not_cloudflare(expect: Expect, answers: Answers) -> None:
    found = (mail_servers.judged_not_cloudflare(answer, domain) for domain, answer in dns.each(answers))
    expect("Nobody is led to Cloudflare before the switch", found)


@then("none is longer than the settings say")
def ttl_is_short(migration: Migration, expect: Expect, answers: Answers) -> None:
    bound = migration.settings.bounds.ttl_s
    found = (dns.judged_kept(answer, bound, domain) for domain, answer in dns.each(answers))
    expect("The MX may be kept for a short time only", found)


@then("the longest TTL from before has run out since it was shortened")
def old_ttl_ran_out(migration: Migration, expect: Expect, answers: Answers) -> None:
    bounds, store = migration.settings.bounds, migration.store
    wait_s = max(bounds.ttl_notice_s, bounds.old_ttl_s)
    done = {domain: store.last("done", domain, script="lower_ttl") for domain in answers}
    ago_s = {domain: migration.clock.now() - row["at"] if row else None for domain, row in done.items()}
    expect("The old lifetime has run out", (dns.judged_run_out(*each, wait_s) for each in ago_s.items()))


def _compared(answers: Answers, wanted: Mapping[str, tuple[str, ...]]) -> list[Finding]:
    return [dns.judged_hosts(answer, wanted[domain], domain) for domain, answer in dns.each(answers)]


@when("every MX that their zones name is examined", target_fixture="exchangers")
def read_exchangers(migration: Migration, subjects: tuple[str, ...]) -> Exchangers:
    return mail_servers.read(migration, subjects)


@then("none is a null MX")
def no_null_mx(migration: Migration, expect: Expect, exchangers: Exchangers) -> None:
    known = _named(migration)
    expect("No null MX", (mail_servers.judged_null(mx, known) for mx in exchangers))


@then("no MX host is behind the web proxy")
def no_proxied_target(expect: Expect, exchangers: Exchangers) -> None:
    expect("No MX target is proxied", map(mail_servers.judged_proxied, exchangers))


@then("each MX stands at a name that the settings know")
def known_labels(migration: Migration, expect: Expect, exchangers: Exchangers) -> None:
    known = _named(migration)
    expect("No MX at a forgotten name", (mail_servers.judged_known(mx, known) for mx in exchangers))


def _named(migration: Migration) -> frozenset[str]:
    """The names at which the settings expect an MX."""
    return frozenset(name for each in migration.settings.domains for name in (*each.served, *each.other_mx))


@then("no MX host is an alias, and no name with an MX is one")
def no_alias(expect: Expect, exchangers: Exchangers) -> None:
    expect("No alias at a mail server's name", (each for mx in exchangers for each in mail_servers.judged_aliases(mx)))


@when(
    "the parent, the name servers and Cloudflare are asked for the NS set, and each name server for our mail records",
    target_fixture="services",
)
def ask_services(migration: Migration, subjects: tuple[str, ...]) -> Services:
    return nameservers.ask(migration, subjects)


@then("parent and zone name exactly the servers that Cloudflare assigned")
def served_by_cloudflare(expect: Expect, services: Services) -> None:
    expect("Cloudflare serves the zones", (found for each in services for found in nameservers.judged_delegation(each)))


@then("every server has the same SOA serial and gives the same answers")
def servers_agree(expect: Expect, services: Services) -> None:
    expect("The servers agree", (found for each in services for found in nameservers.judged_agreement(each)))


@when(
    "Terraform, the programs on Dell and EC2, and the records themselves are searched for other writers",
    target_fixture="found_writers",
)
def search_writers(migration: Migration, subjects: tuple[str, ...]) -> tuple[writers.Writer, ...]:
    stopped = Progress.read(migration.store, migration.settings).stopped
    named = {domain: accepted.by_person(migration.store, dns_of(domain)) for domain in subjects}
    return writers.ask(migration, named, with_ec2=not stopped)


@then("no other writer was found")
def nobody_else(expect: Expect, found_writers: tuple[writers.Writer, ...]) -> None:
    expect("Nobody else writes our records", map(writers.judged, found_writers))


@when("the prepared change and Cloudflare's required records are read", target_fixture="changes")
def read_change(migration: Migration, subjects: tuple[str, ...]) -> Changes:
    return tuple(prepared_change.read(migration, domain) for domain in subjects)


@then("it brings exactly the MX that Cloudflare asks for")
def right_mx(expect: Expect, changes: Changes) -> None:
    expect("The plan's MX is Cloudflare's", map(prepared_change.judged_mx, changes))


@then("every other record that Cloudflare asks for stands, or comes with it")
def right_records(expect: Expect, changes: Changes) -> None:
    found = (each for it in changes for each in prepared_change.judged_records(it))
    expect("All that Cloudflare asks for will stand", found)


@then("nothing else of the zone changes")
def nothing_else(expect: Expect, changes: Changes) -> None:
    expect("The rest of the zone stays", map(prepared_change.judged_rest, changes))


@when("their SPF records are read and evaluated", target_fixture="spf_records")
def read_spf(migration: Migration, subjects: tuple[str, ...]) -> Records:
    return tuple(spf.evaluate(migration, domain) for domain in subjects)


@then("each has exactly one, within ten DNS lookups")
def exactly_one(expect: Expect, spf_records: Records) -> None:
    expect("Exactly one SPF record", map(spf.judged_one, spf_records))


@then("it names Cloudflare and the relay host")
def names_both(migration: Migration, expect: Expect, spf_records: Records) -> None:
    wanted = migration.settings.spf_includes
    expect("SPF names Cloudflare and the relay host", (spf.judged_includes(each, wanted) for each in spf_records))


@then("it does not let the whole world send")
def not_for_everybody(expect: Expect, spf_records: Records) -> None:
    expect("SPF does not let everybody send", map(spf.judged_width, spf_records))


@then("it names EC2's address only while that address is ours")
def names_ec2(migration: Migration, expect: Expect, spf_records: Records, stage: Stage) -> None:
    lost = former(migration.store, migration.settings)
    deleted = Progress.read(migration.store, migration.settings).deleted
    addresses = sorted({str(migration.settings.ec2.ipv4), *lost})
    found = (
        spf.judged_ec2(record, each, ours=not deleted and each not in lost)
        for record in spf_records
        for each in addresses
    )
    expect(f"EC2's address in SPF at {stage.gate}", found)


@then("it is the one of the snapshot, or has Cloudflare and the relay host as well until the clean-up")
def as_in_snapshot(migration: Migration, expect: Expect, spf_records: Records) -> None:
    kept, may_stand = snapshot.first(migration), {f"include:{name}" for name in migration.settings.spf_includes}
    since = accepted.persons(migration.store)

    def before(domain: str) -> list[str]:
        records = accepted.to_go_back_to(kept.records(domain), since, domain) if kept else ()
        return [r.text for r in records if (r.type, r.name) == ("TXT", domain) and spf.is_spf(r.text)]

    found = (spf.judged_as_before(each, before(each.domain), may_stand) for each in spf_records)
    expect("Whoever could send before can send", found)


@when("every name server and every resolver is asked for their DMARC policies", target_fixture="policies")
def ask_for_policies(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dmarc.published(migration, subjects)


@then("each domain has exactly one, and it can be read")
def one_policy(expect: Expect, policies: Answers) -> None:
    expect("Each domain has one DMARC policy", (dmarc.judged(domain, answer) for domain, answer in dns.each(policies)))


@then("every report address in another domain has agreed to receive reports")
def receivers_agree(expect: Expect, policies: Answers) -> None:
    expect("Receivers of reports have agreed", dmarc.judged_agreements(policies, dmarc.agreements(policies)))


@when("somebody in each of them sends a message as users do", target_fixture="receipts")
def send_as_users(migration: Migration, subjects: tuple[str, ...]) -> tuple[Receipt, ...]:
    return dmarc.send(migration, subjects)


@then("each message arrives outside, and passes DMARC for the domain of its From line")
def messages_pass(expect: Expect, receipts: tuple[Receipt, ...]) -> None:
    expect("What users send passes DMARC", map(dmarc.judged_receipt, receipts))


@when(
    "every name server and every resolver is asked for the keys of Cloudflare and the relay host", target_fixture="keys"
)
def ask_for_keys(migration: Migration, subjects: tuple[str, ...]) -> Keys:
    return dkim_keys.published(migration, subjects)


@then("each key is there and fit to verify with")
def keys_are_fit(expect: Expect, keys: Keys) -> None:
    expect("Every signing key can be read", (dkim_keys.judged(key, answer) for key in keys for answer in key.answers))


@then("Cloudflare's is the one that Cloudflare asks for")
def keys_are_cloudflares(expect: Expect, keys: Keys) -> None:
    own = [(key, answer) for key in keys if key.wanted for answer in key.answers]
    expect("Cloudflare's key is the one it signs with", (dkim_keys.judged_same(*each) for each in own))


@when("the MTA-STS policy is read as senders read it", target_fixture="sts")
def read_policy(migration: Migration, subjects: tuple[str, ...]) -> Policies:
    return mta_sts.published(migration, subjects)


@then("it can be read over HTTPS, announced by exactly one record with its id")
def policy_is_sound(migration: Migration, expect: Expect, sts: Policies) -> None:
    wanted = {domain.name: domain.mta_sts for domain in migration.settings.domains}
    found = (each for it in sts for each in mta_sts.judged_sound(it, wanted=wanted[it.domain]))
    expect("The MTA-STS policy can be read", found)


@then("it admits EC2")
def admits_old(migration: Migration, expect: Expect, sts: Policies) -> None:
    old = migration.settings.mx_today
    expect("The policy admits EC2", (mta_sts.judged_hosts(it, old(it.domain)) for it in sts if it.exists))


@then("it admits EC2 and Cloudflare's MX hosts")
def admits_both(migration: Migration, expect: Expect, sts: Policies) -> None:
    old = migration.settings.mx_today
    new = {it.domain: cloudflare.assigned_mx(migration, it.domain) for it in sts if it.exists}
    found = (
        mta_sts.judged_hosts(it, (*old(it.domain), *new[it.domain]), any_of_routing=True) for it in sts if it.exists
    )
    expect("The policy admits both", found)


@then("it admits Cloudflare's MX hosts, and not EC2")
def admits_only_new(migration: Migration, expect: Expect, sts: Policies) -> None:
    old = migration.settings.mx_today
    new = {it.domain: cloudflare.assigned_mx(migration, it.domain) for it in sts if it.exists}
    found = (mta_sts.judged_hosts(it, new[it.domain], old(it.domain), any_of_routing=True) for it in sts if it.exists)
    expect("The policy admits only Cloudflare's", found)


@then("senders have had the time to notice it")
def senders_noticed(migration: Migration, expect: Expect, sts: Policies) -> None:
    now = migration.clock.now()
    changes = [(it, mta_sts.last_change(migration, it)) for it in sts if it.exists]
    expect("Senders know the policy", [mta_sts.judged_noticed(it, change, now) for it, change in changes])


@then("it admitted both for as long as senders may have kept the policy from before")
def admitted_both_long(migration: Migration, expect: Expect, sts: Policies) -> None:
    changes = [(it, mta_sts.last_change(migration, it)) for it in sts if it.exists]
    found = [mta_sts.judged_narrowed(it, change, last_switch(migration, it.domain)) for it, change in changes]
    expect("Both were admitted long enough", found)


@when("every name server and every resolver is asked where TLS reports go", target_fixture="tls_reports")
def ask_reporting(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dns.ask_each(migration, {domain: f"_smtp._tls.{domain}" for domain in subjects}, "TXT")


@then("each record that there is can be read")
def reporting_is_sound(expect: Expect, tls_reports: Answers) -> None:
    found = (mta_sts.judged_reporting(domain, answer) for domain, answer in dns.each(tls_reports))
    expect("TLS reports have a readable address", found)


@when("those that are signed are checked from their parent down", target_fixture="chains")
def check_chains(migration: Migration, subjects: tuple[str, ...]) -> Chains:
    return dnssec.chains(migration, subjects)


@then("every name server's signatures hold for the records that mail needs")
def signatures_hold(expect: Expect, chains: Chains) -> None:
    expect("Signatures hold at every name server", (found for chain in chains for found in dnssec.judged(chain)))


@then("every validating resolver gives an answer, and marks it as authentic")
def resolvers_vouch(expect: Expect, chains: Chains) -> None:
    found = (each for chain in chains if chain.ds for each in dnssec.judged_resolvers(chain))
    expect("Resolvers vouch for signed zones", found)


@when("its TLSA records for port 25 are looked up, and STARTTLS is made there", target_fixture="pins")
def read_pins(migration: Migration) -> tlsa.Dane:
    return tlsa.read(migration)


@then("every name server and resolver gives a record that matches Dell's certificate")
def pins_fit(expect: Expect, pins: tlsa.Dane, dell_name: str) -> None:
    expect("Dell's certificate is the one that is pinned", tlsa.judged(pins, dell_name))


@given("Dell's public name", target_fixture="dell_name")
@given("Dell's public address as in the settings", target_fixture="dell_name")
def dell_name(migration: Migration) -> str:
    return migration.settings.dell.name


@when("its addresses are looked up and port 25 is tried by an admitted client outside", target_fixture="door")
@when("its kind and port 25 are examined", target_fixture="door")
def try_port_25(migration: Migration) -> Knocks:
    return clients.offer(migration, clients.at_dells_door(migration), ())


@then("every address is Dell's own, public and not proxied")
def name_leads_to_dell(migration: Migration, expect: Expect, dell_name: str) -> None:
    dell = migration.settings.dell
    own = set(map(str, dell.addresses))
    expect("Dell's name leads to Dell", public_address.judged_name(dns.ask_addresses(migration, dell_name), own))


@then("port 25 opens at each of them")
def port_25_opens(migration: Migration, expect: Expect, door: Knocks) -> None:
    dell = migration.settings.dell
    untried = clients.judged_tried(map(str, dell.addresses), [it.knock.host for _, it in door])
    opened = (clients.judged_opened(client, seen, _blind(client, seen)) for client, seen in door)
    expect("Port 25 opens at Dell", [*opened, *untried])


def _blind(client: clients.Client, seen: Conversation, word: str = "") -> str:
    """Why silence may be the way's, and not Dell's: asked only where there was silence that nobody's WORD explains."""
    return "" if seen.banner or (word and not seen.connected) else vantages.blind(client.via)


@then("the address is public, and neither private nor shared by a provider's customers")
def address_is_public(migration: Migration, expect: Expect) -> None:
    own = map(str, migration.settings.dell.addresses)
    expect("Dell's address is public", map(public_address.judged, own))


@then("port 25 opens there, or the settings name who confirmed that it can be opened")
def port_25_or_word(migration: Migration, expect: Expect, door: Knocks) -> None:
    word = migration.settings.dell.port_25_confirmed_by
    found = (clients.judged_opened(client, seen, _blind(client, seen, word), word) for client, seen in door)
    expect("Port 25 opens, or somebody vouches for it", found)


@when("the TTL of each record for mail is compared with the one from before", target_fixture="lifetimes")
def read_lifetimes(migration: Migration, subjects: tuple[str, ...]) -> Lifetimes:
    return after_all.lifetimes(migration, subjects)


@then("none is shorter, but for those that Cloudflare manages")
def lifetimes_are_normal(expect: Expect, lifetimes: Lifetimes) -> None:
    expect("Lifetimes are normal again", (found for it in lifetimes for found in after_all.judged_lifetime(it)))


@when("every record is searched for EC2's names and addresses", target_fixture="zones")
def read_zones(migration: Migration, subjects: tuple[str, ...]) -> Zones:
    return {domain: cloudflare.records(migration, domain) for domain in subjects}


@then("none mentions them")
def no_trace(migration: Migration, expect: Expect, zones: Zones) -> None:
    sought = Sought.ever(migration)
    found = (each for name, it in zones.items() for each in after_all.judged_records(name, it, sought))
    expect("No record leads to EC2", found)


@then("its name does not exist, whoever is asked")
def old_name_is_gone(migration: Migration, expect: Expect) -> None:
    answers = dns.ask_addresses(migration, migration.settings.ec2.name)
    found = (after_all.judged_name(answer, migration.settings) for answer in answers)
    expect("EC2's name leads nowhere", found)


@then("no SPF record lets its address send")
def no_permit(migration: Migration, expect: Expect, subjects: tuple[str, ...]) -> None:
    its = migration.settings.ec2
    addresses = {str(each) for each in (its.ipv4, its.ipv6) if each} | lost(migration.store, migration.settings)
    records = [spf.evaluate(migration, domain) for domain in subjects]
    found = (spf.judged_gone(record, address) for record in records for address in sorted(addresses))
    expect("No SPF mechanism lets EC2 send", found)
