"""The change that lies ready for a domain's switch."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import then, when

from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.cloudflare.account import is_mx
from fixtures.probes.dns import prepared_change, spf
from fixtures.probes.dns.prepared_change import Prepared

Changes = tuple[Prepared, ...]
PLAN_AGAIN = "Look at the plan before you apply it, and see what differs from Cloudflare's dashboard"


@when("the change that lies ready is read, and what Cloudflare asks for", target_fixture="changes")
def read_change(migration: Migration, subjects: tuple[str, ...]) -> Changes:
    return tuple(prepared_change.read(migration, domain) for domain in subjects)


@then("it brings exactly the MX that Cloudflare asks for")
def right_mx(expect: Expect, changes: Changes) -> None:
    expect("The plan's MX is Cloudflare's", map(judged_mx, changes))


@then("every other record that Cloudflare asks for stands, or comes with it")
def right_records(expect: Expect, changes: Changes) -> None:
    def judge(it: Prepared) -> Iterator[Finding]:
        for wanted in (each for each in it.routing.required if each.type != "MX"):
            member, expected = f"{wanted.name} {wanted.type}", f"{wanted.text[:80]} stands, or comes with the plan"
            how = it.comes(wanted)
            if how:
                yield passed(member, how, it.evidence, expected=expected, domain=it.domain)
            else:
                yield failed(member, expected, "in neither", it.evidence, domain=it.domain, hint=PLAN_AGAIN)

    expect("All that Cloudflare asks for will stand", (each for it in changes for each in judge(it)))


@then("nothing else of the zone changes")
def nothing_else(expect: Expect, changes: Changes) -> None:
    def judge(it: Prepared) -> Finding:
        expected, others = "the rest of the zone as it stands", list(_others(it))
        if not others:
            kept = len(it.present.records) - len(it.present_mx)
            return passed(it.domain, f"{kept} records stay", it.evidence, expected=expected, domain=it.domain)
        return failed(it.domain, expected, "; ".join(others), it.evidence, domain=it.domain, hint=PLAN_AGAIN)

    expect("The rest of the zone stays", map(judge, changes))


def judged_mx(it: Prepared) -> Finding:
    """Whether the plan brings the MX that Cloudflare asks for, and whether that is Cloudflare's."""
    expected = ", ".join(it.required_mx) or "mail servers of Cloudflare's"
    planned = it.of(it.domain, "MX")
    by_itself = any(each.danger == "MX" and each.rrset is None for each in it.writes)
    values = tuple(value for each in planned for value in each.values) or (() if by_itself else it.present_mx)
    foreign = sorted(value for value in it.required_mx if not is_mx(value.split()[-1]))
    if it.refusal:
        found = f"the script refuses: {it.refusal}"
    elif not it.required_mx:
        found = "Cloudflare asks for no mail server: is Email Routing to be had for this zone?"
    elif foreign:
        found = f"asked for, but no mail server of Cloudflare's (*.mx.cloudflare.net): {', '.join(foreign)}"
    elif by_itself and not planned:
        return passed(
            it.domain, "Email Routing sets them by itself when it is switched on", it.evidence, domain=it.domain
        )
    elif sorted(values) == sorted(it.required_mx):
        return passed(it.domain, ", ".join(values), it.evidence, expected=expected, domain=it.domain)
    else:
        found = ", ".join(values) or "no mail server in the plan"
    return failed(it.domain, expected, found, it.evidence, it.routing.evidence, domain=it.domain, hint=PLAN_AGAIN)


def _others(it: Prepared) -> Iterator[str]:
    """What the plan changes that Cloudflare does not ask for."""
    asked = {(each.name, each.type) for each in it.routing.required if not spf.is_spf(each.text)}
    for each in it.writes:
        if each.rrset is None or each.rrset in asked:
            continue
        if each.danger == "SPF" and each.rrset == (it.domain, "TXT"):
            if each.values != it.spf:
                yield f"SPF, which stands as {' | '.join(it.spf) or 'none'}, would become {' | '.join(each.values)}"
        else:
            yield f"{each.subject} would become {' | '.join(each.values) or 'none'}"
