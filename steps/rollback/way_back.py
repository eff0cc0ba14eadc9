"""What a domain has to be like after a rollback. Drills: the migration that goes there and back is a lab's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then

from fixtures.evidence import Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.ledger.wayback import Journey, Zone, at_first
from fixtures.migration import Migration
from fixtures.probes.dns.queries import Answer


@then("its MX is the old one, whoever could send before can send, and nothing else was changed")
def records_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    back = way_back(journey.domain, journey.trouble)
    findings = [back, *_restored(at_first(migration, journey.domain), journey, spf_as=_holds), *_kept(journey)]
    expect("The MX is restored, and nothing else moved", findings)


@then("its MX and SPF are the old ones, and Cloudflare routes none of its mail")
def all_restored(migration: Migration, expect: Expect, journey: Journey) -> None:
    back, routing = way_back(journey.domain, journey.trouble), journey.returned.routing
    said = f"enabled: {routing.enabled}, {len(routing.rules)} rules"
    make = failed if routing.enabled or routing.rules else passed
    off = make("Email Routing", expected="off, without rules", found=said, domain=journey.domain)
    expect("All is as it was", [back, *_restored(at_first(migration, journey.domain), journey), off])


@then("every name server and resolver leads to EC2 within the TTL and a minute")
def led_to_ec2(migration: Migration, expect: Expect, journey: Journey) -> None:
    old = at_first(migration, journey.domain).mx
    expected = f"{old}, once the TTL and a minute had passed"

    def judge(answer: Answer) -> Finding:
        if answer.error:
            return unknown(str(answer.server), expected, answer.error, answer.evidence, domain=journey.domain)
        if "; ".join(answer.rrset) == old:
            found = answer.evidence.answer
            return passed(str(answer.server), found, answer.evidence, expected=expected, domain=journey.domain)
        return failed(str(answer.server), expected, answer.evidence.answer, answer.evidence, domain=journey.domain)

    expect("Everybody is led to EC2 again", map(judge, journey.answers))


@then("no accepted message was lost, and in the end mail came through EC2")
def nothing_lost(expect: Expect, journey: Journey) -> None:
    expect("All of it arrived, and the last of it through EC2", _mail(journey))


def way_back(domain: str, trouble: str) -> Finding:
    expected = "a way back to EC2"
    if trouble:
        return failed(domain, expected, trouble, domain=domain)
    return passed(domain, "rolled back", expected=expected, domain=domain)


def _holds(old: str, now: str) -> bool:
    """Whether it lets in whoever the old record did. The gate ``rolledback`` judges what stands beside that."""
    return set(old.split()) <= set(now.split())


def _restored(old: Zone, journey: Journey, spf_as: Callable[[str, str], bool] = str.__eq__) -> Iterator[Finding]:
    """MX with its preferences, and SPF; their TTL may stay short, as the next switch needs it."""
    now, name = journey.returned, journey.domain
    for what, expected, found, same in (
        ("MX", old.mx, now.zone.mx, str.__eq__),
        ("SPF", old.spf, now.zone.spf, spf_as),
    ):
        if same(expected, found):
            yield passed(f"{what} of {name}", found, now.evidence, expected=expected, domain=name)
        else:
            hint = f"Roll back again: python -m scripts.rollback --domain {name}"
            yield failed(f"{what} of {name}", expected, found, now.evidence, domain=name, hint=hint)


def _kept(journey: Journey) -> Iterator[Finding]:
    """Every other RRset, the rules and Dell's files are what they were where it turned."""
    name, before, after = journey.domain, journey.turned, journey.returned
    one, other = before.zone.others, after.zone.others
    moved = sorted(" ".join(key) for key in one.keys() | other.keys() if one.get(key) != other.get(key))
    rules = f"{len(before.routing.rules)} rules", f"{len(after.routing.rules)} rules"
    for what, changed, found in (
        ("other records", bool(moved), f"{len(other)} RRsets, changed: {', '.join(moved) or 'none'}"),
        ("rules", before.routing.rules != after.routing.rules, f"{rules[1]}, before {rules[0]}"),
        ("main.cf and master.cf of Dell", before.dell != after.dell, after.dell.replace("\n", " ")),
    ):
        expected, evidence = "as where the domain turned back", after.routing.evidence
        if changed:
            yield failed(f"{what}, {name}", expected, found, evidence, domain=name)
        else:
            yield passed(f"{what}, {name}", found, evidence, expected=expected, domain=name)


def _mail(journey: Journey) -> Iterator[Finding]:
    name, told = journey.domain, journey.evidence
    amiss = [each.sentence() for each in journey.balance.series if each.missing]
    amiss += [*(f"twice: {e.sentence()}" for e in journey.balance.unexplained_copies), *journey.balance.unexpected]
    late = [each for each in journey.balance.series if each.injected_at >= journey.fresh_from]
    other = [each for each in late if each.path != "ec2"]
    said = f"{journey.balance.injected} sent, {len(amiss)} amiss; {len(late)} after the TTL, {len(other)} not by EC2"
    if amiss or other:
        shown = amiss[0] if amiss else other[0].sentence()
        yield failed(name, "all arrived, the last through EC2", f"{said}: {shown}", told, domain=name)
    elif not late:
        yield unknown(name, "mail after the TTL", said, told, domain=name)
    else:
        yield passed(name, said, told, domain=name)
