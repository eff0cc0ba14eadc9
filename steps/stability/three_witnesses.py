"""Statistics, log and mailboxes, set beside each other."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger import witnesses as agreement
from fixtures.ledger.witnesses import Agreement
from fixtures.migration import Migration

AGREE = "the same deliveries in statistics, log and mailboxes, or a name for each difference"


@when("all three are asked what arrived since each domain's switch", target_fixture="witnesses")
def hear(migration: Migration, subjects: tuple[str, ...]) -> tuple[Agreement, ...]:
    return agreement.ask(migration, subjects)


@then("they agree, and each difference between them is explained")
def agree(expect: Expect, witnesses: tuple[Agreement, ...]) -> None:
    expect("Statistics, log and mailboxes agree", map(_judge, witnesses))


def _judge(each: Agreement) -> Finding:
    statistics, log, mailboxes = each.counts
    said = f"statistics {statistics}, log {log}, mailboxes {mailboxes}; {each.agreed} messages agree"
    if each.named:
        said += "; differences: " + ", ".join(f"{number} {name}" for name, number in sorted(each.named.items()))
    if each.unexplained:
        first = "; ".join(map(str, each.unexplained[:3]))
        said += f"; {len(each.unexplained)} unexplained, such as {first}"
        hint = "Look for the message by its Message-ID in Dell's log, in its mailbox, and in Cloudflare's activity log"
        if "discard action" in first:
            hint += "; if a Sieve script of a user's may discard mail, name sieve in dell.filters"
        return failed(each.domain, AGREE, said, *each.evidence, domain=each.domain, hint=hint)
    if each.doubtful:
        first = "; ".join(map(str, each.doubtful[:3]))
        said += f"; {len(each.doubtful)} of which nobody can tell, such as {first}"
        hint = "Let Dovecot log where it can be read, and keep its log as long as Postfix's"
        return unknown(each.domain, AGREE, said, *each.evidence, domain=each.domain, hint=hint)
    if not each.agreed:
        hint = f"Send mail, and look again half an hour later: {agreement.YOUNG} is no answer"
        return unknown(each.domain, AGREE, f"{said}: nothing to compare", *each.evidence, domain=each.domain, hint=hint)
    return passed(each.domain, said, *each.evidence, expected=AGREE, domain=each.domain)
