"""The Email Worker at Cloudflare, its way to Dell, and who gets in by it. Only where mail comes by one."""

from collections.abc import Callable
from typing import Any

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, absent
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import access, bucket
from fixtures.probes.cloudflare.bucket import Bucket
from fixtures.probes.cloudflare.email_worker import Deployed, ask, serving
from fixtures.probes.dell import allow_list, doors as listening
from fixtures.probes.dell.doors import Doors
from fixtures.probes.mailbox.delivery import Sent
from fixtures.probes.mailbox.signatures import Forwarded
from fixtures.probes.smtp import clients, tls
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Conversation, Knock
from fixtures.probes.smtp.mx_hosts import Offered
from fixtures.probes.smtp.public_address import Standing
from fixtures.probes.worker import deployed, fetched, login, port_25, reach, refusals, replay, unaltered, way_out
from fixtures.probes.worker.way_out import Unit
from fixtures.settings import Settings
from steps.routing import Routings

Knocks = tuple[tuple[Client, Conversation], ...]
WayOut = tuple[Unit, Doors, tuple[way_out.Knocked, ...], Standing | None]


# The Worker at Cloudflare ----------------------------------------------------------------------------------------


@given("the Worker that the settings name", target_fixture="wanted")
def the_worker(migration: Migration) -> Settings:
    return migration.settings


@when("its source and its variables are read back from Cloudflare", target_fixture="found_worker")
def read_back(migration: Migration) -> Deployed | None:
    return ask(migration)


@then("its source is this version's, to the last octet")
def source_is_ours(migration: Migration, expect: Expect, wanted: Settings, found_worker: Deployed | None) -> None:
    served = [deployed.judged_serving(serving(migration))] if found_worker else []
    expect("The Worker is this version's", [deployed.judged_source(found_worker, wanted), *served])


@then("it speaks to Dell by the host, port and login of the settings, and has a password")
def variables_are_ours(expect: Expect, wanted: Settings, found_worker: Deployed | None) -> None:
    source = [deployed.judged_source(None, wanted)] if found_worker is None else []
    variables = deployed.judged_variables(found_worker, wanted) if found_worker else ()
    expect("The Worker speaks to Dell, and to nobody else", [*source, *variables])


@then("each catch-all is enabled, and leads to the Worker")
def led_to_worker(migration: Migration, expect: Expect, subjects: tuple[str, ...], routings: Routings) -> None:
    name = migration.settings.route.name
    expect("All mail is led to the Worker", (deployed.judged_led(each, routings[each], name) for each in subjects))


@then("no rule leads an address anywhere")
def no_rule(expect: Expect, subjects: tuple[str, ...], routings: Routings) -> None:
    expect("No rule comes before the catch-all", (deployed.judged_unruled(each, routings[each]) for each in subjects))


# Its way to Dell -------------------------------------------------------------------------------------------------


@given("the Worker's way to Dell", target_fixture="word")
def the_way(migration: Migration) -> str:
    return migration.settings.dell.port_25_confirmed_by


@when("its name is looked up, and its port is tried", target_fixture="way")
def try_the_way(migration: Migration) -> reach.Way:
    return reach.look(migration)


@then("the name leads to where a Worker may connect")
def name_is_public(expect: Expect, way: reach.Way) -> None:
    expect("The Worker's way has a public end", reach.judged_name(way))


@then("somebody answers or refuses there, or the settings name who confirmed that it can be reached")
def answers_or_word(expect: Expect, way: reach.Way, word: str) -> None:
    expect("The Worker's way can be reached, or somebody vouches for it", [reach.judged_before(way, word)])


@then("Dell's Postfix greets there, within TLS and under a certificate that browsers accept, good for long enough")
def dell_greets(migration: Migration, expect: Expect, way: reach.Way) -> None:
    greeting = reach.judged_greeting(way, clients.greeting_name(migration))
    expect("Dell is at the end of the Worker's way", [greeting])
    days = migration.settings.bounds.certificate_days
    expect("Workers accept Dell's certificate", (tls.judged(it, days) for it in reach.handshakes(migration)))


@then("where Cloudflare Access guards it, the Worker's service token is good for long enough")
def token_lasts(migration: Migration, expect: Expect) -> None:
    now, days = migration.clock.now(), migration.settings.bounds.certificate_days
    expect("Access goes on to let the Worker in", access.judged(access.ask(migration), now, days))


@given("those who may find the Worker's port", target_fixture="finders")
def finders(migration: Migration) -> dict[str, Knock]:
    return login.people(migration)


@when("each of them offers a message there, for a mailbox here and for one elsewhere", target_fixture="let_in")
def offer_there(finders: dict[str, Knock]) -> tuple[login.Tried, ...]:
    return login.offer(finders)


@then("Dell accepts a message only from the Worker's login, and only for the mailbox here")
def only_the_worker(expect: Expect, let_in: tuple[login.Tried, ...]) -> None:
    found = (each for it in let_in if it.who != login.CLEAR for each in login.judged(it))
    expect("Only the Worker hands mail in", found)


@then("nothing is said there in the clear")
def nothing_in_clear(expect: Expect, let_in: tuple[login.Tried, ...]) -> None:
    expect("Nothing is said before TLS", (login.judged_clear(it) for it in let_in if it.who == login.CLEAR))


@given("a message that the Worker's login has handed in", target_fixture="handed_in")
def handed_in(migration: Migration) -> Sent:
    return replay.hand_in(migration)


@when("others who have recorded it hand it in again, envelope and all", target_fixture="replayed")
def hand_in_again(migration: Migration, handed_in: Sent) -> tuple[replay.Replayed, ...]:
    return replay.again(migration, handed_in)


@then("each of them is refused")
def replays_refused(expect: Expect, replayed: tuple[replay.Replayed, ...]) -> None:
    expect("Nobody else hands the same message in", map(replay.judged, replayed))


@then("its mailbox has it once")
def there_once(migration: Migration, expect: Expect, handed_in: Sent) -> None:
    expect("The message is there once", replay.judged_once(migration, handed_in))


# Dell's other ports ----------------------------------------------------------------------------------------------


@given("Dell's table of admitted clients", target_fixture="admission_table")
def the_table(migration: Migration) -> allow_list.Table:
    return allow_list.table(migration)


@when("a client at one address of each Email Routing prefix offers Dell a message at port 25", target_fixture="knocks")
def claim_addresses(migration: Migration) -> Knocks:
    to = next(migration.settings.addresses()).destination
    return clients.offer(migration, port_25.strangers_now(migration), (to,))


@then("the table holds our own networks and, while it may deliver, EC2, and nobody else")
def only_ours(migration: Migration, expect: Expect, admission_table: allow_list.Table) -> None:
    progress = Progress.read(migration.store, migration.settings)
    known = port_25.admitted(migration, with_ec2=progress.done_at("retire_ec2_access") is None)
    expect("Port 25 is for EC2 and our own networks", port_25.judged_table(admission_table, known))


@then("each of these addresses is refused")
def prefixes_refused(expect: Expect, knocks: Knocks) -> None:
    expect("Email Routing's addresses are strangers'", (clients.judged_refused(*each, "") for each in knocks))


@given("the unit on Dell that makes the way outwards", target_fixture="unit_name")
def the_unit(migration: Migration) -> str:
    name = migration.settings.route.unit
    if not name:
        nothing = absent("route.unit", "a unit that makes the way outwards", "none: the port itself can be reached")
        raise Absent("Dell makes no way outwards", (nothing,))
    return name


@when("systemd is asked for it, and strangers knock wherever Postfix listens", target_fixture="way_out_seen")
def look_at_way_out(migration: Migration, unit_name: str) -> WayOut:
    doors = listening.look(migration)
    return way_out.unit(migration, unit_name), doors, way_out.knock(migration, doors), way_out.standing(migration)


@then("it is active, begins with the machine, and begins again whenever it ends")
def unit_is_up(expect: Expect, way_out_seen: WayOut) -> None:
    expect("The way outwards is up, and comes up by itself", way_out.judged_unit(way_out_seen[0]))


@then("Postfix listens for the Worker on loopback only")
def listens_inside(migration: Migration, expect: Expect, way_out_seen: WayOut) -> None:
    expect("Postfix listens on loopback only", [way_out.judged_inner(way_out_seen[1], migration.settings.route.listen)])


@then("no stranger gets a connection")
def all_shut(expect: Expect, way_out_seen: WayOut) -> None:
    _, doors, knocked, nameless = way_out_seen
    none = [way_out.judged_nameless(nameless)] if nameless else []
    expect("No port of Dell's Postfix is open to the world", [*none, *way_out.judged_shut(knocked, doors)])


# What waits in the bucket ----------------------------------------------------------------------------------------


@given("the bucket that the settings name")
def the_bucket(migration: Migration, expect: Expect) -> None:
    if not migration.settings.route.bucket:
        if former := bucket.former(migration):
            expect("Nothing waits where nobody fetches it", map(fetched.judged_former, former))
        nothing = absent("route.bucket", "a bucket for what can't be handed over", "none: it waits at its senders")
        raise Absent("Nothing waits at Cloudflare", (nothing,))


@when("Cloudflare is asked what waits there, and Dell what fetches it", target_fixture="waiting_mail")
def look_at_bucket(migration: Migration) -> tuple[Bucket, fetched.Fetching]:
    return bucket.ask(migration), fetched.fetching(migration)


@then("nothing has waited there for longer than mail may wait in a queue")
def nothing_old(migration: Migration, expect: Expect, waiting_mail: tuple[Bucket, Any]) -> None:
    now, bound_s = migration.clock.now(), migration.settings.bounds.oldest_deferred_s
    there, former = waiting_mail[0], bucket.former(migration)
    found = [fetched.judged_waiting(there, now, bound_s), fetched.judged_lasting(there)]
    expect("What waits in the bucket is fetched", [*found, *map(fetched.judged_former, former)])


@then("the timer on Dell is active and begins with the machine, and its last run went well")
def timer_is_on(expect: Expect, waiting_mail: tuple[Any, fetched.Fetching]) -> None:
    expect("Dell fetches what waits, by itself", fetched.judged_units(waiting_mail[1]))


@then("only root reads the keys on Dell, and the world reads no message")
def nobody_else_reads(expect: Expect, waiting_mail: tuple[Bucket, fetched.Fetching]) -> None:
    expect("Nobody else reads what waits", fetched.judged_private(waiting_mail[1], waiting_mail[0]))


@then("the keys on Dell open that bucket, and nothing else")
def keys_are_narrow(
    migration: Migration,
    expect: Expect,
    waiting_mail: tuple[Bucket, Any],
    tried_deleting: Callable[[Migration], fetched.Tried],
) -> None:
    elsewhere = map(fetched.judged_narrow, fetched.tried(migration, waiting_mail[0]))
    deleting = fetched.judged_deleting(tried_deleting(migration))
    expect("Who has Dell's keys has that bucket only", [*elsewhere, deleting])


# What senders hear, and what arrives -----------------------------------------------------------------------------


@when("an outside sender writes to an address that nobody has in any of them", target_fixture="heard")
def message_to_nobody(migration: Migration, subjects: tuple[str, ...]) -> tuple[refusals.Heard, ...]:
    return refusals.to_nobody(migration, subjects)


@then("each message comes back to its sender, with Dell's own reason")
def back_with_reason(expect: Expect, heard: tuple[refusals.Heard, ...]) -> None:
    expect("What Dell refuses the sender hears", map(refusals.judged_nobody, heard))


@when("a stranger writes to each of them in the name of one of its own addresses", target_fixture="offers")
def in_our_name(migration: Migration, subjects: tuple[str, ...]) -> tuple[Offered, ...]:
    return refusals.in_our_name(migration, subjects)


@then("its envelope sender is the one that it was sent with")
def envelope_as_sent(expect: Expect, forwarded_mail: tuple[Forwarded, ...]) -> None:
    expect("The envelope sender is left as it was", map(unaltered.judged_envelope, forwarded_mail))


@given("that Cloudflare defers the sender when the Worker throws, unless the Worker has a bucket")
def throws_or_bucket(migration: Migration, world: Any) -> None:
    if not migration.settings.route.bucket:
        world.emulate(worker_throws="deferred")
