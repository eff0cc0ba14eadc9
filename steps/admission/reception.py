"""Dell's queue and servers, and the envelope senders that forwarded mail bears."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.probes.dell import reception
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.clients import Client
from fixtures.probes.smtp.session import Conversation

Offers = tuple[tuple[str, Client, Conversation], ...]


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
            found = f"{each.age_s:.0f} s old, {each.queue}: {reasons or 'no reason told'}"
            hint = f"postcat -vq {each.queue_id} shows it; postqueue -i {each.queue_id} tries again"
            yield failed(f"{each.queue_id} to {each.recipients[0][0]}", expected, found, queue.evidence, hint=hint)
        if not late:
            yield passed("Dell's queue", queue.evidence.answer, queue.evidence, expected=expected)

    expect("Nothing inbound waits", judge())


@then("Postfix, the delivery to mailboxes and IMAP are up")
def servers_up(expect: Expect, reception_now: reception.Reception) -> None:
    def judge(it: reception.Server) -> Finding:
        if it.unasked:
            return unknown(it.what, "up", it.unasked, it.evidence)
        if it.down:
            return failed(it.what, "up", it.down, it.evidence, hint="Mail waits, or is read by nobody, until it is")
        return passed(it.what, it.evidence.answer, it.evidence, expected="up")

    expect("Everything that mail passes through is up", map(judge, reception_now.servers))


@given("Email Routing, and the envelope senders that it writes in our domains", target_fixture="forwarders")
def email_routing_forwards(migration: Migration) -> tuple[Client, ...]:
    return clients.forwarders(migration)


@given("EC2, and the envelope senders that forwarded mail bears in our domains", target_fixture="forwarders")
def ec2_forwards(migration: Migration) -> tuple[Client, ...]:
    return clients.ec2_as_seen(migration)


@when("a message with each of these senders is offered to Dell", target_fixture="own_sender_offers")
def offer_own_senders(migration: Migration, stage: Stage, forwarders: tuple[Client, ...]) -> Offers:
    return clients.offer_own_senders(migration, forwarders, stage.domains)


@then("Dell accepts each of these senders")
def own_senders_accepted(expect: Expect, own_sender_offers: Offers) -> None:
    def judge(domain: str, client: Client, told: Conversation) -> Finding:
        member, expected = f"<{told.knock.mail_from}> from {client}", "the recipient accepted (250)"
        if told.outcome.accepted:
            return passed(member, str(told.outcome), told.evidence, expected=expected, domain=domain)
        make = unknown if told.unheard else failed
        return make(member, expected, str(told.outcome), told.evidence, domain=domain, hint=_why_not(told))

    expect("Our own domains as senders are accepted", (judge(*each) for each in own_sender_offers))


def _why_not(told: Conversation) -> str:
    """No more than the answer bears out: a refusal of the client itself comes before any sender is named."""
    if not told.outcome.code:
        return "Nobody answered to the end: that is no word on senders. Is Postfix up, and does a packet filter let by?"
    if told.outcome.refused_at in {"mail", "rcpt"}:
        return "A rule against spoofing refuses our own domain from outside: except the admitted clients from it (X9)"
    return ""
