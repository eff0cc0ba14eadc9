"""Certificates and versions of TLS at Dell's ports, and how the certificates are renewed."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, absent, finding
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import certificate_renewal
from fixtures.probes.smtp import tls

DAY_S = 86_400.0
NO_PART = "a renewal that EC2 has no part in"
Ports = tuple[tls.Port, ...]


@given("Dell's ports for delivery, submission and reading", target_fixture="tls_ports")
def all_ports(migration: Migration) -> Ports:
    return (*tls.ports(migration), *tls.submission(migration))


@given("Dell's ports for delivery and reading", target_fixture="tls_ports")
def others_ports(migration: Migration) -> Ports:
    return tls.ports(migration)


@when("a client that trusts public authorities takes up TLS at each", target_fixture="handshakes")
def take_up_tls(tls_ports: Ports) -> tuple[tls.Handshake, ...]:
    return tls.handshakes(tls_ports)


@then("each shows a valid certificate of the right name, good for long enough")
def certificates_hold(migration: Migration, expect: Expect, handshakes: tuple[tls.Handshake, ...]) -> None:
    bound = migration.settings.bounds.certificate_days

    def judge(it: tls.Handshake) -> Finding:
        expected = f"TLS 1.2 or newer, a valid certificate for {it.port.knock.tls_name}, {bound} days left or more"
        found, hint = f"{it.version}, {it.left_s / DAY_S:.0f} days left", ""
        if it.fault:
            found = it.fault + (f"; the certificate names {', '.join(it.names)}" if it.names else "")
            hint = "Name key and chain as smtpd_tls_chain_files (X12)" if "STARTTLS" in it.fault else "Renew it"
        elif it.left_s < bound * DAY_S:
            hint = "Renewal should have happened by now: look why it did not"
        return finding(str(it.port), expected, found, it.evidence, holds=not hint, hint=hint)

    expect("The certificate holds", map(judge, handshakes))


@when("a client that knows nothing newer than TLS 1.1 tries each", target_fixture="outdated_tries")
def try_outdated(tls_ports: Ports) -> tuple[tls.Outdated, ...]:
    return tls.outdated(tls_ports)


@then("none of them completes a handshake")
def outdated_refused(expect: Expect, outdated_tries: tuple[tls.Outdated, ...]) -> None:
    hint = "smtpd_tls_protocols = >=TLSv1.2 in Postfix, ssl_min_protocol = TLSv1.2 in Dovecot"

    def judge(it: tls.Outdated) -> Finding:
        found, unasked = f"{it.spoken} is spoken" if it.spoken else f"refused: {it.why}", "" if it.tried else it.why
        return finding(
            str(it.port), "no TLS older than 1.2", found, it.evidence, holds=not it.spoken, unasked=unasked, hint=hint
        )

    expect("Nothing older than TLS 1.2 is spoken", map(judge, outdated_tries))


@given("the names and addresses of EC2", target_fixture="ec2_marks")
def ec2_marks(migration: Migration) -> tuple[str, ...]:
    return certificate_renewal.marks(migration)


@when("it is looked up how Dell's certificates are renewed", target_fixture="renewals")
def look_up_renewals(migration: Migration, ec2_marks: tuple[str, ...]) -> certificate_renewal.Renewals:
    return certificate_renewal.look(migration, ec2_marks)


@then("no way of renewal leads through EC2")
def renewal_without_ec2(expect: Expect, renewals: certificate_renewal.Renewals) -> None:
    def judge(way: certificate_renewal.Way) -> Finding:
        hint = "Renew by DNS-01, or by a web server on Dell itself, before EC2 is stopped"
        expected, found = f"{NO_PART} ({way.by})", way.by_ec2 or f"{way.by}, without EC2"
        holds = not way.by_ec2
        return finding(way.path, expected, found, renewals.evidence, holds=holds, unasked=way.unasked, hint=hint)

    nothing = "nothing on Dell renews certificates by itself, as far as its usual places show"
    none = absent("Dell", NO_PART, nothing, renewals.evidence)
    expect("Certificates are renewed without EC2", map(judge, renewals.ways) if renewals.ways else [none])
