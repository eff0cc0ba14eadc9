"""Email Routing in a hurry, or with much to carry."""

from __future__ import annotations

from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.message import Marked
from fixtures.probes.smtp import clients, concurrency, sizes
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.session import Conversation
from fixtures.settings import Address

CONNECTIONS, MESSAGES = 100, 40
"""Of A-9 and A-22."""
Standing = tuple[tuple[Client, Conversation], ...]


@given(parsers.parse("Email Routing at {where}"), target_fixture="crowding")
def crowding(migration: Migration, where: str) -> tuple[Client, ...]:
    return clients.email_routing(migration)[: 1 if where == "one address" else None]


@when("a hundred of its connections stand open at Dell's port 25 at once", target_fixture="standing")
def stand_at_door(migration: Migration, crowding: tuple[Client, ...]) -> Standing:
    return concurrency.stand(migration, crowding, CONNECTIONS, busy_mailbox(migration).destination)


@then("each gets a greeting, TLS, and its recipient accepted at the first attempt")
def all_served(expect: Expect, standing: Standing) -> None:
    expected = "served while the others stood there, too"

    def judge(number: int, client: Client, told: Conversation) -> Finding:
        member = f"connection {number} from {client}"
        if told.outcome.accepted and told.tls and not told.stage:
            return passed(member, str(told.outcome), told.evidence, expected=expected)
        found = f"put out again: {told.code} {told.text}" if told.outcome.accepted else str(told.outcome)
        hint = "Its prefixes belong into smtpd_client_event_limit_exceptions, port 25 needs processes enough, and no "
        hint += "greylisting, postscreen or DNSBL may stand before it"
        make = unknown if told.connection == "unreachable" else failed
        return make(member, expected, found, told.evidence, hint=hint)

    expect("A hundred at once are served", (judge(n, *each) for n, each in enumerate(standing, 1)))


@given("eighty messages for one mailbox in Dell's queue, about to be delivered", target_fixture="waiting")
def waiting_messages(world: Any, migration: Migration) -> concurrency.Waiting:
    # Postfix begins with five deliveries at once and raises that with each success: forty alone would not get to ten.
    since, client = concurrency.log_end(migration), clients.email_routing(migration)[0]
    with world.outage("deliveries stand still"):
        return concurrency.Waiting(concurrency.send(migration, client, busy_mailbox(migration), 2 * MESSAGES), since)


@when("Email Routing brings forty more for it at once", target_fixture="burst")
def bring_many(migration: Migration, waiting: concurrency.Waiting) -> concurrency.Burst:
    client = clients.email_routing(migration)[0]
    return concurrency.burst(migration, client, busy_mailbox(migration), MESSAGES, waiting)


@then("all of them are in the mailbox in time")
def all_arrived(expect: Expect, burst: concurrency.Burst) -> None:
    def judge(message: Marked, told: Conversation) -> Finding:
        if message.message_id not in burst.search.missing and told.queued:
            return passed(message.message_id, "arrived", told.evidence, burst.search.evidence)
        found = "not there" if told.queued else f"refused: {told.outcome}"
        make = failed if told.connected else unknown
        trail = "; ".join(burst.deferrals(message))
        return make(message.message_id, "in the mailbox", found + (f" ({trail})" if trail else ""), told.evidence)

    expect("Each message of the burst arrives", (judge(*each) for each in burst.sent))


@then("none was deferred on the way")
def none_deferred(expect: Expect, burst: concurrency.Burst) -> None:
    hint = "lmtp_destination_concurrency_limit must be below Dovecot's limit for one user (X18)"

    def judge(message: Marked) -> Finding:
        put_back = burst.deferrals(message)
        if put_back:
            return failed(message.message_id, "delivered at once", "; ".join(put_back), burst.log.evidence, hint=hint)
        return passed(message.message_id, "delivered at once", burst.log.evidence)

    expect("Postfix and Dovecot agree on how many at once", (judge(message) for message, _ in burst.sent))


def busy_mailbox(migration: Migration) -> Address:
    """The one that is written to, of all."""
    return next(migration.settings.addresses((migration.settings.pilot,)))


@given("a message of 25 MiB, with Email Routing's header fields on top", target_fixture="heavy")
def heavy_message(migration: Migration) -> tuple[Address, Marked]:
    address = busy_mailbox(migration)
    return address, sizes.largest(address)


@when("Email Routing brings it to a mailbox", target_fixture="deliveries")
def bring_heavy(migration: Migration, heavy: tuple[Address, Marked]) -> tuple[delivery.Delivery, ...]:
    return delivery.arrivals(migration, sizes.bring(migration, *heavy))
