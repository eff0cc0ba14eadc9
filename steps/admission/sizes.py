"""Limits on the size of a message, along the path and within Dell."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.smtp import sizes


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
        evidence, said = it.conversation.evidence, f"{it.code or 'nothing'} {it.text}"
        expected = "taken (250)" if it.size <= limit else "refused at once with 552"
        if (it.code == 250) if it.size <= limit else (it.code == 552):
            return passed(f"{it.size} bytes announced", said, evidence, expected=expected)
        make = failed if it.code else unknown
        return make(f"{it.size} bytes announced", expected, said, evidence)

    def offer(it: sizes.Announced) -> Finding:
        evidence, found = it.conversation.evidence, f"SIZE {it.advertised}"
        if it.advertised == limit:
            return passed("what Dell offers", found, evidence)
        make = failed if it.conversation.extensions else unknown
        hint = "Senders go by what is offered: set message_size_limit as in migration.toml"
        return make("what Dell offers", f"SIZE {limit}", found if it.advertised else "no SIZE", evidence, hint=hint)

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

    def judge(name: str, limit: int) -> Finding:
        if not dell or 0 < limit <= dell:
            return passed(name, f"passes {limit} bytes, Dell takes {dell or 'any'}", *size_limits.evidence)
        found = f"{limit or 'any'} bytes"
        hint = f"{name} would have to bounce what lies between: raise Dell's message_size_limit, or lower this one"
        return failed(name, f"at most Dell's {dell} bytes", found, *size_limits.evidence, hint=hint)

    expect("Sizes agree along the path", (judge(name, limit) for name, limit in before.items()))


@then("Dell's own limits leave room for the largest message")
def limits_agree(expect: Expect, size_limits: sizes.Limits) -> None:
    limits, message = size_limits.dell, size_limits.dell["message_size_limit"]
    holding = ["mailbox_size_limit", *(["virtual_mailbox_limit"] if size_limits.virtual_delivers else [])]

    def judge() -> Iterator[Finding]:
        for name in holding:
            found, expected = limits[name], f"0, or at least message_size_limit ({message})"
            if found == 0 or (message and found >= message):
                yield passed(name, str(found), *size_limits.evidence, expected=expected)
            else:
                hint = "A delivery agent whose mailbox may not hold one message dies at each delivery (X13)"
                yield failed(name, expected, str(found), *size_limits.evidence, hint=hint)
        least, wanted = limits["queue_minfree"], f"0, or at least 1.5 times message_size_limit ({message})"
        if least == 0 or least >= 1.5 * message:
            yield passed("queue_minfree", str(least), *size_limits.evidence, expected=wanted)
        else:
            yield failed("queue_minfree", wanted, str(least), *size_limits.evidence)

    expect("Postfix's own limits agree", judge())
