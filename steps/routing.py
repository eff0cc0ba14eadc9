"""Email Routing at Cloudflare: destinations, rules, state, MX hosts; what it takes and what it says of that."""

from pytest_bdd import given, then, when

from fixtures.evidence import CouldNotAsk
from fixtures.gates.plugin import Expect
from fixtures.ledger.agreement import Agreement, agreements as compared, judged_delivered, judged_found
from fixtures.ledger.switches import first_switch
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.migration.trials import Ended
from fixtures.probes.cloudflare import api as cloudflare, routed, trial
from fixtures.probes.dns import mail_servers, queries as dns
from fixtures.probes.dns.queries import Answers
from fixtures.probes.mailbox import verification
from fixtures.probes.mailbox.verification import Sought
from fixtures.probes.smtp import mx_hosts
from fixtures.probes.smtp.mx_hosts import Offered
from fixtures.settings import Address

Routings = dict[str, cloudflare.Routing]
Addresses = tuple[Address, ...]
Offers = tuple[Offered, ...]
Agreements = dict[str, Agreement | CouldNotAsk | None]


@when("Cloudflare is asked for the account's destinations", target_fixture="destinations")
def ask_destinations(migration: Migration) -> cloudflare.Destinations:
    return cloudflare.destinations(migration)


@when("Cloudflare is asked for the domains' rules", target_fixture="routings")
@when("Cloudflare is asked for the state of Email Routing", target_fixture="routings")
def ask_routing(migration: Migration, domains: tuple[str, ...]) -> Routings:
    return {domain: cloudflare.routing(migration, domain) for domain in domains}


@then("each address has its destination there, and it is verified")
def destinations_verified(expect: Expect, addresses: Addresses, destinations: cloudflare.Destinations) -> None:
    found = (routed.judged_destination(address, destinations) for address in addresses)
    expect("Every destination exists and is verified", found)


@then("each address has exactly one enabled rule, to its own destination")
def one_rule_each(expect: Expect, addresses: Addresses, routings: Routings) -> None:
    found = (routed.judged_rule(address, routings[address.domain]) for address in addresses)
    expect("One rule for each address, to its own destination", found)


@then("there is no other rule")
def no_stray_rule(expect: Expect, addresses: Addresses, routings: Routings) -> None:
    known = {address.address for address in addresses}
    found = (routed.judged_others(domain, it, known) for domain, it in routings.items())
    expect("No rule that the settings don't know", found)


@then("the catch-all is as decided, and leads to no mailbox")
def catch_all_as_decided(migration: Migration, expect: Expect, routings: Routings) -> None:
    wanted = migration.settings.domain
    found = (routed.judged_catch_all(domain, it, wanted(domain).catch_all) for domain, it in routings.items())
    expect("The catch-all folds no mailboxes together", found)


@then("it is enabled and ready, and no record is missing")
def routing_ready(expect: Expect, routings: Routings) -> None:
    expect("Email Routing is enabled and ready", (routed.judged_state(*each) for each in routings.items()))


@then("it is still enabled, for mail that comes late")
def routing_stays_on(expect: Expect, routings: Routings) -> None:
    found = (routed.judged_still_on(*each) for each in routings.items())
    expect("Email Routing stays on after a rollback", found)


@then("no name server and no resolver leads to Cloudflare")
def nobody_is_led_there(migration: Migration, expect: Expect, routings: Routings) -> None:
    answers = dns.ask_each(migration, {name: name for name in routings}, "MX")
    found = (mail_servers.judged_not_cloudflare(answer, domain) for domain, answer in dns.each(answers))
    expect("Nobody is led to Cloudflare after a rollback", found)


@then("no rule and no catch-all forwards to a routed domain")
def no_loop(migration: Migration, expect: Expect, routings: Routings) -> None:
    names = set(migration.settings.domain_names)
    found = (each for domain, it in routings.items() for each in routed.judged_loops(domain, it, names))
    expect("Nothing leads back", found)


@when("every name server and every resolver is asked for the MX of their delivery domains", target_fixture="mx")
def ask_delivery_mx(migration: Migration, subjects: tuple[str, ...]) -> Answers:
    return dns.ask_each(migration, {name: migration.settings.domain(name).delivery for name in subjects}, "MX")


@then("each answer is Dell, behind it a backup MX that stays, and nothing else")
def served_by_dell(migration: Migration, expect: Expect, mx: Answers) -> None:
    wanted = migration.settings.mx_of_delivery
    found = (
        each for domain, answers in mx.items() for each in mail_servers.judged_delivery(answers, wanted(domain), domain)
    )
    expect("Only Dell serves the delivery domains", found)


@then("no delivery domain is routed itself, or shared with another domain")
def delivery_is_its_own(migration: Migration, expect: Expect, mx: Answers) -> None:
    settings = migration.settings
    names = {each.name: each.delivery for each in settings.domains}
    sharing = {domain: [one for one in names if one != domain and names[one] == names[domain]] for domain in mx}
    found = (
        mail_servers.judged_apart(domain, names[domain], answers, sharing[domain], settings.domain_names)
        for domain, answers in mx.items()
    )
    expect("A delivery domain is nobody else's", found)


@when("each host is asked whether it takes mail for each address", target_fixture="mx_answers")
def ask_mx_hosts(migration: Migration, addresses: Addresses) -> tuple[mx_hosts.Asked, ...]:
    return mx_hosts.ask_for_all(migration, addresses)


@then("every host says yes to every address")
def mx_hosts_accept(expect: Expect, mx_answers: tuple[mx_hosts.Asked, ...]) -> None:
    expect("Each MX host takes mail for each address", mx_hosts.judge(mx_answers, accept=True))


@then("every host resolves and greets")
def mx_hosts_greet(expect: Expect, mx_answers: tuple[mx_hosts.Asked, ...]) -> None:
    expect("Each MX host resolves and greets", mx_hosts.judge(mx_answers, accept=False))


@when("Cloudflare is offered mail for an address that nobody has", target_fixture="offers")
def offer_unknown(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return mx_hosts.unknown_addresses(migration, subjects)


@when("Cloudflare is offered mail for subaddresses", target_fixture="offers")
def offer_detailed(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return mx_hosts.detailed_addresses(migration, subjects)


@when("a sender that passes neither SPF nor DKIM writes to each of them", target_fixture="offers")
def offer_unproven(migration: Migration, subjects: tuple[str, ...]) -> Offers:
    return mx_hosts.unproven(migration, subjects)


@then("it is rejected permanently in session, or dropped only where the operator chose a dropping catch-all")
def unknown_refused(migration: Migration, expect: Expect, offers: Offers) -> None:
    taken = {each.name for each in migration.settings.domains if each.catch_all == "drop"}
    expect("Mail to an unknown address goes where the settings say", [mx_hosts.judged(each, taken) for each in offers])


@then("each goes where the settings say")
def detailed_as_decided(migration: Migration, expect: Expect, offers: Offers) -> None:
    taken = {each.name for each in migration.settings.domains if each.plus_addresses == "mailbox"}
    expect("Mail to user+detail goes where the settings say", [mx_hosts.judged(each, taken) for each in offers])


@then("each message is rejected permanently in session, or arrives")
def unproven_not_dropped(expect: Expect, offers: Offers) -> None:
    expect("What nobody vouches for is not dropped in silence", map(mx_hosts.judged_unproven, offers))


@when("Cloudflare's mail to each of them is looked for", target_fixture="sought")
def look_for_mail(migration: Migration, addresses: Addresses) -> tuple[Sought, ...]:
    return verification.seek(migration, addresses)


@then("each was delivered by Dell")
def each_delivered(expect: Expect, sought: tuple[Sought, ...]) -> None:
    expect("Cloudflare's verification mail arrives at Dell", map(verification.judged, sought))


@then("its source is recorded")
def origin_known(migration: Migration, expect: Expect, sought: tuple[Sought, ...]) -> None:
    prefixes = migration.settings.cloudflare.prefixes
    found = (verification.judged_source(each, prefixes) for each in sought)
    expect("Where verification mail comes from is known", found)


@then("a person has opened its link")
def opened(migration: Migration, expect: Expect, addresses: Addresses) -> None:
    known = cloudflare.destinations(migration)
    where = "Open the link in Cloudflare's mail in {0}, in a browser: nothing else verifies it"
    found = (routed.judged_destination(each, known, hint=where.format(each.mailbox)) for each in addresses)
    expect("A person has opened the link", found)


@when("Cloudflare is asked what it did with that mail", target_fixture="agreements")
def ask_events(migration: Migration, switched: dict[str, float | None]) -> Agreements:
    asked = compared(migration, {domain: since for domain, since in switched.items() if since is not None})
    return {domain: asked.get(domain) for domain in switched}


@then("what it says that it delivered is what arrived through it")
def events_agree(expect: Expect, agreements: Agreements) -> None:
    expect("Cloudflare's events and the ledger agree", (judged_delivered(*each) for each in agreements.items()))


@then("every event with one of our numbers has its message in a mailbox")
def no_event_without_message(expect: Expect, agreements: Agreements) -> None:
    expect("No event with our number lacks its message", (judged_found(*each) for each in agreements.items()))


@given("that a domain's MX is about to move to Cloudflare", target_fixture="tried_until")
def about_to_move(migration: Migration) -> float:
    """Until when a trial grows older: a switch shows more of the real Cloudflare, and no trial can follow it there."""
    progress = Progress.read(migration.store, migration.settings)
    begun = (first_switch(migration, each) for each in progress.domains if progress.switched(each))
    return min([migration.clock.now(), *filter(None, begun)])


@when("the last trial of the real Cloudflare is reviewed", target_fixture="tried")
def review_trial(migration: Migration) -> Ended | None:
    return trial.ask(migration)


@then("it is recent, and showed only what rehearsals know")
def trial_is_recent(migration: Migration, expect: Expect, tried: Ended | None, tried_until: float) -> None:
    expect("A recent trial showed only what rehearsals know", trial.judge(tried, migration.settings, tried_until))


@then("the order of the switch and its window agree with it")
def settings_agree(migration: Migration, expect: Expect, tried: Ended | None) -> None:
    found = trial.judge_settings(tried, migration.settings) if tried else ()
    expect("The switch is planned as Cloudflare was seen to do", found)
