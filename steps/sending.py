"""What the operator's users send; and bounces and notices, by which senders learn that a message was not delivered."""

import secrets
from typing import Any

from pytest_bdd import given, parsers, then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.mailbox import bounces, delivery
from fixtures.probes.mailbox.bounces import Notices, Returned
from fixtures.probes.mailbox.delivery import Sent
from fixtures.probes.smtp import submission
from fixtures.settings import Address

NOTE = "printf 'Subject: Out of office\\nAuto-Submitted: auto-replied\\n\\nBack in May.\\n' | sendmail -f '' '{}'"
Receipts = tuple[submission.Receipt, ...]


@given("every user of the domains of this gate, and every way by which users send", target_fixture="writers")
def users_who_send(migration: Migration, domains: tuple[str, ...]) -> tuple[Address, ...]:
    return submission.users(migration, domains)


@when("a reply is sent by each user, and by each way", target_fixture="receipts")
def send_replies(migration: Migration, writers: tuple[Address, ...]) -> Receipts:
    return submission.receipts(migration, submission.send_replies(migration, writers))


@then("each reply is in the outside mailbox, sent through the relay host")
def replies_arrived(migration: Migration, expect: Expect, receipts: Receipts) -> None:
    found = submission.judged_arrived(receipts, migration.settings.relay)
    expect("Every user's reply leaves, through the relay host", found)


@then("it is signed for the sender's own domain")
def replies_aligned(expect: Expect, receipts: Receipts) -> None:
    expect("Replies are signed for the sender's domain", map(submission.judged_signed, receipts))


@then("its return path exists")
def return_paths_exist(expect: Expect, receipts: Receipts) -> None:
    expect("The return path of replies exists", map(submission.judged_return_path, receipts))


@then("Dell handed it to the relay host over TLS, after a login there")
def over_tls(migration: Migration, expect: Expect, receipts: Receipts) -> None:
    insists = submission.insistence(migration)
    judged = (submission.judged_protected(each, insists) for each in receipts)
    expect("Replies go to the relay host over TLS, with a login", judged)


@then("users may write as each of their other addresses")
def other_addresses(migration: Migration, expect: Expect, domains: tuple[str, ...]) -> None:
    asked = submission.asked_as_others(migration, domains)
    found = submission.judged_others(asked, aliases_send=migration.settings.dell.aliases_send)
    expect("Users may write as each of their addresses", found)


# Drills from here on: what is broken is a lab's.
@given("a mailbox that Cloudflare still has a rule for, and Dell does not know", target_fixture="gone")
def mailbox_gone(world: Any, migration: Migration) -> Address:
    address = _last(migration)
    world.mend.enter_context(world.outage("a mailbox is unknown to Dell", address=address.mailbox))
    return address


@when("an outside sender writes to it", target_fixture="written")
def stranger_writes_to_it(migration: Migration, gone: Address) -> tuple[Sent, Returned]:
    (sent,) = delivery.from_outside(migration, (gone,))
    return sent, bounces.returned(migration, sent.message.message_id, sent.conversation.evidence.at)


@then("the message comes back to its sender, with Dell's own reason")
def comes_back(migration: Migration, expect: Expect, gone: Address, written: tuple[Sent, Returned]) -> None:
    found = bounces.judged_back(gone, *written, by_worker=migration.settings.by_worker)
    expect("The bounce reaches the sender, and says why", (found,))


@given(parsers.parse("{what} that Dell makes for a sender that Cloudflare has rewritten"), target_fixture="rewritten")
def dell_writes(world: Any, migration: Migration, what: str) -> str:
    """Returns its recipient: an envelope sender as Cloudflare makes them, in our own domain."""
    address = _last(migration)
    recipient = f"SRS0={secrets.token_hex(4)}=aa=four.example=friend@{address.domain}"
    if what == "a delivery report":
        world.mend.enter_context(world.outage("a mailbox is broken", address=address.mailbox))
        bounces.deliver_rewritten(migration, address, recipient)
    else:
        world.shell("dell", NOTE.format(recipient))
    return recipient


@when("it is followed through Dell's log", target_fixture="seen")
def follow(migration: Migration, rewritten: str) -> Notices:
    return bounces.notices(migration, rewritten)


@then("it is tried once, does not leave Dell, and no report of it is sent")
def comes_to_rest(expect: Expect, seen: Notices) -> None:
    expect("What Dell writes to a rewritten sender comes to rest", bounces.judged_at_rest(seen))


def _last(migration: Migration) -> Address:
    """A mailbox's own address, in the domain that is named last."""
    domain = migration.settings.domains[-1]
    return next(each for each in domain.addresses if each.address == each.mailbox)
