"""Which messages Dell takes: hidden in others, large, many at once, for a mailbox that is full."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, finding
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.logs import sign_of_life
from fixtures.probes.logs.log_files import Position
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp import clients, concurrency, quota, sizes, smuggling
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.session import Conversation
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

    def judge(it: sizes.Announced) -> Finding:
        member, said = f"{it.size} bytes announced", f"{it.code or 'nothing'} {it.text}"
        wanted, expected = (250, "taken (250)") if it.size <= limit else (552, "refused at once with 552")
        unasked = "" if it.code else said
        return finding(member, expected, said, it.conversation.evidence, holds=it.code == wanted, unasked=unasked)

    def offer(it: sizes.Announced) -> Finding:
        found = f"SIZE {it.advertised}" if it.advertised else "no SIZE"
        unasked = "" if it.conversation.extensions else found
        hint = "Senders go by what is offered: set message_size_limit as in migration.toml"
        holds, evidence = it.advertised == limit, it.conversation.evidence
        return finding("what Dell offers", f"SIZE {limit}", found, evidence, holds=holds, unasked=unasked, hint=hint)

    expect("Sizes are judged at MAIL", [*map(judge, announced), *map(offer, announced[:1])])


@given("the limits on a message's size at Cloudflare, on EC2 and on Dell", target_fixture="with_ec2")
def path_with_ec2(migration: Migration) -> bool:
    return not Progress.read(migration.store, migration.settings).stopped


@when("they are compared with each other", target_fixture="size_limits")
def read_limits(migration: Migration, with_ec2: bool) -> sizes.Limits:
    return sizes.limits(migration, with_ec2=with_ec2)


@then("no server takes what the next one on the way refuses")
def path_agrees(expect: Expect, size_limits: sizes.Limits) -> None:
    dell = size_limits.dell["message_size_limit"]
    before = {"Cloudflare": sizes.CLOUDFLARE_BYTES + sizes.ADDED_BYTES}
    if size_limits.ec2 is not None:
        before["EC2"] = size_limits.ec2
    expected = f"at most Dell's {dell} bytes" if dell else "any size: Dell takes all"

    def judge(name: str, limit: int) -> Finding:
        hint = f"{name} would have to bounce what lies between: raise Dell's message_size_limit, or lower this one"
        holds = not dell or 0 < limit <= dell
        return finding(name, expected, f"{limit or 'any'} bytes", *size_limits.evidence, holds=holds, hint=hint)

    expect("Sizes agree along the path", (judge(name, limit) for name, limit in before.items()))


@then("Dell's own limits leave room for the largest message")
def limits_agree(expect: Expect, size_limits: sizes.Limits) -> None:
    limits, message = size_limits.dell, size_limits.dell["message_size_limit"]
    holding = ["mailbox_size_limit", *(["virtual_mailbox_limit"] if size_limits.virtual_delivers else [])]
    hint = "A delivery agent whose mailbox may not hold one message dies at each delivery (X13)"

    def judge() -> Iterator[Finding]:
        for name in holding:
            found, expected = limits[name], f"0, or at least message_size_limit ({message})"
            holds = found == 0 or bool(message and found >= message)
            yield finding(name, expected, str(found), *size_limits.evidence, holds=holds, hint=hint)
        least, expected = limits["queue_minfree"], f"0, or at least 1.5 times message_size_limit ({message})"
        holds = least == 0 or least >= 1.5 * message
        yield finding("queue_minfree", expected, str(least), *size_limits.evidence, holds=holds)

    expect("Postfix's own limits agree", judge())


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
    expected = "served while the others stood there, too"
    hint = (
        "Its prefixes belong into smtpd_client_event_limit_exceptions, port 25 needs processes enough, and no "
        "greylisting, postscreen or DNSBL may stand before it"
    )

    def judge(number: int, client: Client, said: Conversation) -> Finding:
        served = bool(said.outcome.accepted and said.tls and not said.stage)
        put_out = said.outcome.accepted and not served
        found = f"put out again: {said.code} {said.text}" if put_out else str(said.outcome)
        member, unasked = f"connection {number} from {client}", found if said.connection == "unreachable" else ""
        return finding(member, expected, found, said.evidence, holds=served, unasked=unasked, hint=hint)

    expect("A hundred at once are served", (judge(n, *each) for n, each in enumerate(standing, 1)))


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
    def judge(message: Marked, said: Conversation) -> Finding:
        member, evidence = message.message_id, (said.evidence, burst.search.evidence)
        there = member not in burst.search.missing and bool(said.queued)
        trail = "; ".join(burst.deferrals(message))
        found = "arrived" if there else "not there" if said.queued else f"refused: {said.outcome}"
        found += f" ({trail})" if trail and not there else ""
        unasked = "" if said.connected else found
        return finding(member, "in the mailbox", found, *evidence, holds=there, unasked=unasked)

    expect("Each message of the burst arrives", (judge(*each) for each in burst.sent))


@then("none was deferred on the way")
def none_deferred(expect: Expect, burst: concurrency.Burst) -> None:
    hint, expected = (
        "lmtp_destination_concurrency_limit must be below Dovecot's limit for one user (X18)",
        "not deferred",
    )

    def judge(message: Marked) -> Finding:
        put_back = "; ".join(burst.deferrals(message))
        found, evidence = put_back or expected, burst.log.evidence
        return finding(message.message_id, expected, found, evidence, holds=not put_back, hint=hint)

    expect("Postfix and Dovecot agree on how many at once", (judge(message) for message, _ in burst.sent))


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
    hint = "Dovecot's quota-status must know every address of the mailbox, and Postfix must ask it: run prepare_dell"

    def judge(it: quota.Brought) -> Finding:
        said = it.conversation
        found = f"taken: {said.queued}" if said.queued else f"{said.code} {said.text}" if it.refused else ""
        found = it.kept or found or str(said.outcome if said.code else said.text)
        member, unasked = f"{it.address}, {it.what}", "" if it.refused or said.code else found
        expected = "552 5.2.2 or 5.2.3 in session" + (", or kept until there is room (Dovecot 2.3)" if it.kept else "")
        holds = it.refused or bool(it.kept)
        return finding(member, expected, found, said.evidence, holds=holds, unasked=unasked, hint=hint)

    expect("A full mailbox is refused in session", map(judge, brought[0]))


@then("nothing for this mailbox was accepted and bounced")
def none_bounced(migration: Migration, expect: Expect, leading_there: Addresses, brought: Brought) -> None:
    mailbox = leading_there[0].mailbox
    after = quota.aftermath(migration, mailbox, brought[1])
    bounced = "; ".join(f"{each.status}: {each.text}" for each in after.failed)
    found = bounced or "no bounce"
    judged = finding(f"deliveries to {mailbox}", "no bounce", found, after.evidence, holds=not after.failed)
    expect("Nothing bounced", [judged, sign_of_life.judged(sign_of_life.of_home(migration))])


@then("another mailbox is served")
def another_served(migration: Migration, expect: Expect, leading_there: Addresses) -> None:
    full = leading_there[0].mailbox
    other = next(each for each in migration.settings.addresses() if each.mailbox != full)
    ((_, said),) = clients.offer(migration, clients.email_routing(migration)[:1], (other.destination,))
    found, holds = str(said.outcome), said.outcome.accepted
    judged = finding(other.destination, "accepted", found, said.evidence, holds=holds)
    expect("The control: Dell takes what it should", [judged])


def _made(world: Any, migration: Migration, what: str) -> Addresses:
    mailbox = busy_mailbox(migration).mailbox
    world.mend.enter_context(world.outage(what, address=mailbox))
    return quota.leading_to(migration, mailbox)
