"""The mail servers that the operator's zones name."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dns import mail_servers
from fixtures.probes.dns.mail_servers import Exchanger, judged, judged_aliases

Exchangers = tuple[Exchanger, ...]


@when("every MX that their zones name is examined", target_fixture="exchangers")
def read_zones(migration: Migration, subjects: tuple[str, ...]) -> Exchangers:
    return mail_servers.read(migration, subjects)


@then("none is a null MX")
def no_null_mx(expect: Expect, exchangers: Exchangers) -> None:
    hint = "A null MX (RFC 7505) tells senders to bounce at once: delete it"
    fault = "no mail is taken"
    expect("No null MX", judged(exchangers, "a mail server", lambda mx: fault if mx.is_null else "", hint))


@then("no MX host is behind the web proxy")
def no_proxied_target(expect: Expect, exchangers: Exchangers) -> None:
    hint = "Cloudflare's web proxy takes no mail: switch the proxy off for this name (DNS only)"
    found = judged(exchangers, "a target that is not proxied", lambda mx: mx.proxied, hint)
    expect("No MX target is proxied", found)


@then("each MX stands at a name that the settings know")
def known_labels(migration: Migration, expect: Expect, exchangers: Exchangers) -> None:
    known = {name for each in migration.settings.domains for name in (each.name, each.delivery, *each.other_mx)}
    expected = f"one of {', '.join(sorted(known))}"
    hint = "If it has to be there, name it in other_mx of its domain; else delete it: mail to it goes astray"
    found = judged(exchangers, expected, lambda mx: "" if mx.record.name in known else mx.record.name, hint)
    expect("No MX at a forgotten name", found)


@then("no MX host is an alias, and no name with an MX is one")
def no_alias(expect: Expect, exchangers: Exchangers) -> None:
    expect("No alias at a mail server's name", (finding for mx in exchangers for finding in judged_aliases(mx)))
