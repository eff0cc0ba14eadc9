"""Which messages Dell takes: hidden in others, large, many at once, for a mailbox that is full."""

import secrets
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.logs import sign_of_life
from fixtures.probes.logs.log_files import Position
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp import clients, concurrency, quota, sizes, smuggling
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.knock import Conversation
from fixtures.settings import Address

CONNECTIONS, MESSAGES = 100, 40
"""Of A-9 and A-22."""
Standing = tuple[tuple[Client, Conversation], ...]
Attempts = tuple[smuggling.Attempt, ...]
Addresses = tuple[Address, ...]
Brought = tuple[tuple[quota.Brought, ...], Position]


def busy_mailbox(migration: Migration) -> Address:
    """The one that is written to, of all."""
    return next(migration.settings.addresses((migration.settings.pilot,)))


# Messages hidden in messages, behind what is not the end of one --------------------------------------------------


@given(parsers.parse("{who} and the known forms of a false end of data"), target_fixture="smugglers")
def smugglers(migration: Migration, who: str) -> tuple[Client, ...]:
    return clients.identities(migration, who)[:1]


@when("a message with a second one behind each false end is sent to a mailbox", target_fixture="smuggled")
def smuggle(migration: Migration, smugglers: tuple[Client, ...]) -> Attempts:
    return smuggling.smuggle(migration, smugglers, busy_mailbox(migration), f"smuggle-{secrets.token_hex(6)}")


@then("each makes exactly one message, without a bare CR or LF")
def one_message_each(expect: Expect, smuggled: Attempts) -> None:
    found = (smuggling.judged(each) for each in smuggled if not each.offer.control)
    expect("Only the true end ends a message", found)


@then("the same second message, behind a true end of data, does arrive")
def controls_arrive(expect: Expect, smuggled: Attempts) -> None:
    found = (smuggling.judged_control(each) for each in smuggled if each.offer.control)
    expect("A smuggled message would have been seen", found)


# Sizes, along the path and within Dell ---------------------------------------------------------------------------


@given("the largest message that Email Routing passes on, and one above Dell's limit", target_fixture="announced_sizes")
def announced_sizes(migration: Migration) -> tuple[int, ...]:
    return sizes.announcements(migration)


@when("Email Routing announces each of them to Dell", target_fixture="announced")
def announce(migration: Migration, announced_sizes: tuple[int, ...]) -> tuple[sizes.Announced, ...]:
    return sizes.announce(migration, announced_sizes)


@then("Dell accepts the one, and rejects the other permanently")
def one_taken(migration: Migration, expect: Expect, announced: tuple[sizes.Announced, ...]) -> None:
    limit = migration.settings.dell.message_size_limit
    answers = [sizes.judged_announced(each, limit) for each in announced]
    expect("Sizes are judged at MAIL", [*answers, *(sizes.judged_offered(each, limit) for each in announced[:1])])


@given("the limits on a message's size at Cloudflare, on EC2 and on Dell", target_fixture="with_ec2")
def path_with_ec2(migration: Migration) -> bool:
    return not Progress.read(migration.store, migration.settings).stopped


@when("they are compared with each other", target_fixture="size_limits")
def read_limits(migration: Migration, with_ec2: bool) -> sizes.Limits:
    return sizes.limits(migration, with_ec2=with_ec2)


@then("no server takes what the next one on the way refuses")
def path_agrees(expect: Expect, size_limits: sizes.Limits) -> None:
    expect("Sizes agree along the path", sizes.judged_path(size_limits))


@then("EC2 refuses nothing for its size that Cloudflare takes")
def ec2_takes_as_much(expect: Expect, size_limits: sizes.Limits) -> None:
    expect("EC2 takes what is as large", (sizes.judged_not_less(size_limits),))


@then("Dell's own limits leave room for the largest message")
def limits_agree(expect: Expect, size_limits: sizes.Limits) -> None:
    expect("Postfix's own limits agree", sizes.judged_within(size_limits))


@then("the disks of queues and mailboxes have room for some of that size")
def disks_have_room(expect: Expect, size_limits: sizes.Limits) -> None:
    expect("There is room for mail", sizes.judged_room(size_limits))


@given("a message of 25 MiB, with Email Routing's header fields on top", target_fixture="heavy")
def heavy_message(migration: Migration) -> tuple[Address, Marked]:
    address = busy_mailbox(migration)
    return address, sizes.largest(address)


@when("Email Routing brings it to a mailbox", target_fixture="deliveries")
def bring_heavy(migration: Migration, heavy: tuple[Address, Marked]) -> tuple[delivery.Delivery, ...]:
    return delivery.arrivals(migration, sizes.bring(migration, *heavy))


# Many at once ----------------------------------------------------------------------------------------------------


@given(parsers.parse("Email Routing at {where}"), target_fixture="crowding")
def crowding(migration: Migration, where: str) -> tuple[Client, ...]:
    return clients.email_routing(migration)[: 1 if where == "one address" else None]


@when("a hundred of its connections stand open at Dell's port 25 at once", target_fixture="standing")
def stand_at_door(migration: Migration, crowding: tuple[Client, ...]) -> Standing:
    return concurrency.stand(migration, crowding, CONNECTIONS, busy_mailbox(migration).destination)


@then("each gets a greeting, TLS, and its recipient accepted at the first attempt")
def all_served(expect: Expect, standing: Standing) -> None:
    found = (concurrency.judged_served(number, *each) for number, each in enumerate(standing, 1))
    expect("A hundred at once are served", found)


@given("eighty messages for one mailbox in Dell's queue, about to be delivered", target_fixture="waiting")
def waiting_messages(world: Any, migration: Migration) -> concurrency.Waiting:
    # Postfix begins with five deliveries at once and raises that with each success: forty would not get to ten.
    since, client = concurrency.log_end(migration), clients.email_routing(migration)[0]
    with world.outage("deliveries stand still"):
        return concurrency.Waiting(concurrency.send(migration, client, busy_mailbox(migration), 2 * MESSAGES), since)


@when("Email Routing brings forty more for it at once", target_fixture="burst")
def bring_many(migration: Migration, waiting: concurrency.Waiting) -> concurrency.Burst:
    client = clients.email_routing(migration)[0]
    return concurrency.burst(migration, client, busy_mailbox(migration), MESSAGES, waiting)


@then("all of them are in the mailbox in time")
def all_arrived(expect: Expect, burst: concurrency.Burst) -> None:
    expect("Each message of the burst arrives", concurrency.judged_arrived(burst))


@then("none was deferred on the way")
def none_deferred(expect: Expect, burst: concurrency.Burst) -> None:
    expect("Postfix and Dovecot agree on how many at once", concurrency.judged_at_once(burst))


# Mailboxes that are full. Drills: one of a lab's is made so ------------------------------------------------------


@given("a mailbox that is over its quota, with all addresses that lead to it", target_fixture="leading_there")
def over_quota(world: Any, migration: Migration) -> Addresses:
    return _made(world, migration, "a mailbox is full")


@given("a mailbox with little room left", target_fixture="leading_there")
def nearly_full(world: Any, migration: Migration) -> Addresses:
    return _made(world, migration, "a mailbox is nearly full")


@when("Email Routing brings a message for each of them", target_fixture="brought")
def bring_small(migration: Migration, leading_there: Addresses) -> Brought:
    return quota.bring(migration, leading_there, large=False)


@when(
    "Email Routing brings it a message that is too large, with and without its size announced", target_fixture="brought"
)
def bring_large(migration: Migration, leading_there: Addresses) -> Brought:
    return quota.bring(migration, leading_there, large=True)


@then("Dell refuses each in session, as one that doesn't fit")
def each_refused(expect: Expect, brought: Brought) -> None:
    expect("A full mailbox is refused in session", map(quota.judged_refused, brought[0]))


@then("nothing for this mailbox was accepted and bounced")
def none_bounced(migration: Migration, expect: Expect, leading_there: Addresses, brought: Brought) -> None:
    mailbox = leading_there[0].mailbox
    judged = quota.judged_aftermath(mailbox, quota.aftermath(migration, mailbox, brought[1]))
    expect("Nothing bounced", [judged, sign_of_life.judged(sign_of_life.of_home(migration))])


@then("another mailbox is served")
def another_served(migration: Migration, expect: Expect, leading_there: Addresses) -> None:
    full = leading_there[0].mailbox
    other = next(each for each in migration.settings.addresses() if each.mailbox != full)
    knocks = clients.offer(migration, clients.email_routing(migration)[:1], (other.destination,))
    expect("The control: Dell takes what it should", (clients.judged_admitted(*each) for each in knocks))


def _made(world: Any, migration: Migration, what: str) -> Addresses:
    mailbox = busy_mailbox(migration).mailbox
    world.mend.enter_context(world.outage(what, address=mailbox))
    return quota.leading_to(migration, mailbox)
