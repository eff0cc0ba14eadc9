"""Which recipients Dell takes: the mailboxes that exist, and no others."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Stage
from fixtures.probes.smtp import clients
from fixtures.probes.smtp.session import Conversation


@given("an address that nobody has, in every delivery domain", target_fixture="nobodies")
def nobody(migration: Migration, stage: Stage) -> dict[str, str]:
    return {d: f"nobody-has-this@{migration.settings.domain(d).delivery}" for d in stage.domains}


@when("Email Routing offers Dell a message for it", target_fixture="answers_for_nobody")
def offer_for_nobody(migration: Migration, nobodies: dict[str, str]) -> dict[str, Conversation]:
    client = clients.email_routing(migration)[:1]
    real = {d: next(migration.settings.addresses((d,))).destination for d in nobodies}
    return {d: clients.offer(migration, client, (nobodies[d], real[d]))[0][1] for d in nobodies}


@then("Dell refuses the recipient as unknown")
def nobody_refused(expect: Expect, answers_for_nobody: dict[str, Conversation]) -> None:
    def judge(domain: str, told: Conversation) -> Finding:
        outcome = told.outcome
        if outcome.code == 550 and "5.1.1" in outcome.text:
            return passed(outcome.recipient, str(outcome), told.evidence, domain=domain)
        make = failed if outcome.code else unknown
        return make(outcome.recipient, "550 5.1.1 in session", str(outcome), told.evidence, domain=domain)

    expect("An unknown recipient is refused in session", (judge(d, t) for d, t in answers_for_nobody.items()))


@then("a real mailbox of the same domain is accepted")
def somebody_accepted(expect: Expect, answers_for_nobody: dict[str, Conversation]) -> None:
    def judge(domain: str, told: Conversation) -> Finding:
        found = next((r for r in told.recipients[1:] if r.accepted), None)
        if found:
            return passed(found.recipient, str(found), told.evidence, domain=domain)
        said = told.recipients[1] if len(told.recipients) > 1 else told.outcome
        return failed(said.recipient, "250 for a real mailbox", str(said), told.evidence, domain=domain)

    expect("A real mailbox is accepted", (judge(d, t) for d, t in answers_for_nobody.items()))
