"""The last month's mail, judged as Cloudflare would judge it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Evidence, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.logs import shadow_run as shadow
from fixtures.probes.logs.shadow_run import Judged, Shadow

SHOWN = 20


@when("their mail of the last 30 days is judged as Cloudflare would judge it", target_fixture="cast")
def shadow_run(migration: Migration, subjects: tuple[str, ...]) -> Shadow:
    return shadow.cast(migration, subjects)


@then("each sender who would be refused has been decided on in the settings")
def senders_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    def judge(key: tuple[str, str, str], messages: tuple[Judged, ...]) -> Finding:
        domain, sender, reason = key
        addresses = ", ".join(sorted({each.taken.address for each in messages}))
        said = f"{len(messages)} messages to {addresses} would be refused: {reason}"
        member, expected = f"<{sender}>: {reason}", "a decision in migration.toml, [[decided]]"
        told = _evidence(f"mail of <{sender}> to {domain} in the last 30 days", messages)
        if decision := migration.settings.decision(sender, reason):
            return passed(member, f"{said}; decided: {decision.what}", told, expected=expected, domain=domain)
        if reason == shadow.UNKNOWN:
            said = f"{len(messages)} messages to {addresses}, of which nothing proves that they would be taken"
            hint = "Ask the sender for SPF and DKIM, or write down what becomes of its mail"
            return unknown(member, expected, said, told, domain=domain, hint=hint)
        hint = "Write down what becomes of its mail: asked to sign, another way agreed, or the loss accepted"
        return failed(member, expected, said, told, domain=domain, hint=hint)

    expect("Every sender who would be refused is decided on", [
        *(judge(key, messages) for key, messages in cast.grouped().items()), *_taken(cast, subjects),
    ])  # fmt: skip


@then("mail to an address without a rule is given up by name")
def no_rule_decided(migration: Migration, expect: Expect, cast: Shadow, subjects: tuple[str, ...]) -> None:
    expect("Nobody's mail is lost for want of a rule", _without_rule(migration, cast, subjects))


def _without_rule(migration: Migration, cast: Shadow, subjects: tuple[str, ...]) -> Iterator[Finding]:
    ours = {each.address for each in migration.settings.addresses()}
    for domain in subjects:
        dropped = migration.settings.domain(domain).dropped
        stray: dict[str, list[Judged]] = {}
        for each in cast.messages:
            if each.domain == domain and each.taken.address not in ours:
                stray.setdefault(each.taken.address, []).append(each)
        for address, messages in sorted(stray.items()):
            senders = ", ".join(sorted({f"<{each.taken.sender}>" for each in messages}))
            told = _evidence(f"mail to {address} in the last 30 days", tuple(messages))
            said, expected = f"{len(messages)} messages from {senders}", "an address of the settings, or dropped"
            if address.rpartition("@")[0] in dropped:
                yield passed(address, f"{said}; given up by name", told, expected=expected, domain=domain)
            else:
                hint = "Give it a mailbox or an alias in migration.toml, or give it up there: dropped"
                yield failed(address, expected, f"{said}; no rule", told, domain=domain, hint=hint)
        if not stray:
            yield passed(domain, "all mail went to addresses of the settings", *cast.evidence[:2], domain=domain)


def _taken(cast: Shadow, subjects: tuple[str, ...]) -> Iterator[Finding]:
    """What would arrive: shown by number, for a run in which nothing is refused has to show that it looked."""
    for domain in subjects:
        mail = [each for each in cast.messages if each.domain == domain]
        fine = [each for each in mail if not each.reasons]
        gone = sum(not each.stored for each in fine)
        said = f"{len(fine)} of {len(mail)} messages of the last 30 days would be taken"
        if gone:
            said += f"; {gone} of them lie in no mailbox any more, and only their SPF and size could be judged"
        yield passed(domain, said, _evidence(f"mail to {domain}", tuple(fine)), *cast.evidence, domain=domain)


def _evidence(asked: str, messages: tuple[Judged, ...]) -> Evidence:
    shown = [f"{each.taken.message_id} {each.stored or 'in no mailbox any more'}: {each.says}" for each in messages]
    return Evidence(asked, f"{len(messages)} messages", "\n".join(shown[-SHOWN:]))
