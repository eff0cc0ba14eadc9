"""The mail servers that the operator's zones name."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pytest_bdd import then, when

from fixtures.evidence import Evidence, Finding, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import mx_records
from fixtures.probes.dns.mx_records import Exchanger, Zones


@when("every MX that their zones name is examined", target_fixture="zones")
def read_zones(migration: Migration, subjects: tuple[str, ...]) -> Zones:
    return mx_records.read(migration, subjects)


@then("none is a null MX")
def no_null_mx(expect: Expect, zones: Zones) -> None:
    hint = "A null MX (RFC 7505) tells senders to bounce at once: delete it"
    expect("No null MX", _each(zones, "a mail server", lambda it: "no mail is taken" if it.is_null else "", hint))


@then("no MX host is behind the web proxy")
def no_proxied_target(expect: Expect, zones: Zones) -> None:
    def fault(it: Exchanger) -> str:
        return ", ".join(f"{each.type} {each.name} is proxied" for each in it.target if each.proxied)

    hint = "Cloudflare's web proxy takes no mail: switch the proxy off for this name (DNS only)"
    expect("No MX target is proxied", _each(zones, "a target that is not proxied", fault, hint))


@then("each MX stands at a name that the settings know")
def known_labels(migration: Migration, expect: Expect, zones: Zones) -> None:
    settings = migration.settings
    known = {name for each in settings.domains for name in (each.name, each.delivery, *each.other_mx)}
    expected = f"one of {', '.join(sorted(known))}"
    hint = "If it has to be there, name it in other_mx of its domain; else delete it: mail to it goes astray"
    expect(
        "No MX at a forgotten name",
        _each(zones, expected, lambda it: "" if it.record.name in known else it.record.name, hint),
    )


@then("no MX host is an alias, and no name with an MX is one")
def no_alias(expect: Expect, zones: Zones) -> None:
    expect("No alias at a mail server's name", (each for it in zones.exchangers for each in _aliases(it)))


def _aliases(it: Exchanger) -> Iterator[Finding]:
    expected, hint = "a name of its own, no alias", "RFC 2181, 10.3: some senders refuse an alias. Name the host itself"
    beside = [f"{each.name} is an alias of {each.text}" for each in it.owner_aliases]
    if beside:
        yield failed(_member(it), expected, "; ".join(beside), _seen(it), domain=it.zone, hint=hint)
    for answer in it.answers:
        member = f"{_member(it)} at {answer.server}"
        if answer.error:
            yield unknown(member, expected, answer.error, answer.evidence, domain=it.zone)
        elif answer.rrset:
            found = f"{it.record.text} is an alias of {', '.join(answer.rrset)}"
            yield failed(member, expected, found, answer.evidence, domain=it.zone, hint=hint)
        else:
            yield passed(member, "no alias", answer.evidence, expected=expected, domain=it.zone)


def _each(zones: Zones, expected: str, fault: Callable[[Exchanger], str], hint: str) -> Iterator[Finding]:
    for it in zones.exchangers:
        if wrong := fault(it):
            yield failed(_member(it), expected, wrong, _seen(it), domain=it.zone, hint=hint)
        else:
            yield passed(_member(it), expected, _seen(it), domain=it.zone)


def _member(it: Exchanger) -> str:
    return f"{it.record.name} MX {it.record.priority} {it.record.text or '.'}"


def _seen(it: Exchanger) -> Evidence:
    """The record, its target's records, by the API."""
    lines = [f"{each.type} {each.name} {each.content}{' (proxied)' if each.proxied else ''}" for each in it.target]
    return Evidence(f"records of {it.zone} at Cloudflare's API", _member(it), "\n".join([_member(it), *lines]))
