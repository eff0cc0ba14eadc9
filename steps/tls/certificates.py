"""Certificates and versions of TLS at Dell's ports, and how the certificates are renewed."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import certificate_renewal
from fixtures.probes.smtp import tls

DAY_S = 86_400.0
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
        days = it.left_s / DAY_S
        if it.fault:
            found = it.fault + (f"; the certificate names {', '.join(it.names)}" if it.names else "")
            hint = "Name key and chain as smtpd_tls_chain_files (X12)" if "STARTTLS" in it.fault else "Renew it"
            return failed(str(it.port), expected, found, it.evidence, hint=hint)
        if days < bound:
            hint = "Renewal should have happened by now: look why it did not"
            return failed(str(it.port), expected, f"{days:.0f} days left", it.evidence, hint=hint)
        return passed(str(it.port), f"{it.version}, {days:.0f} days left", it.evidence, expected=expected)

    expect("The certificate holds", map(judge, handshakes))


@when("a client that knows nothing newer than TLS 1.1 tries each", target_fixture="outdated_tries")
def try_outdated(tls_ports: Ports) -> tuple[tls.Outdated, ...]:
    return tls.outdated(tls_ports)


@then("none of them completes a handshake")
def outdated_refused(expect: Expect, outdated_tries: tuple[tls.Outdated, ...]) -> None:
    def judge(it: tls.Outdated) -> Finding:
        if it.spoken:
            hint = "smtpd_tls_protocols = >=TLSv1.2 in Postfix, ssl_min_protocol = TLSv1.2 in Dovecot"
            return failed(str(it.port), "no TLS older than 1.2", f"{it.spoken} is spoken", it.evidence, hint=hint)
        if not it.tried:
            return unknown(str(it.port), "no TLS older than 1.2", it.why, it.evidence)
        return passed(str(it.port), f"refused: {it.why}", it.evidence, expected="no TLS older than 1.2")

    expect("Nothing older than TLS 1.2 is spoken", map(judge, outdated_tries))


@given("the names and addresses of EC2", target_fixture="ec2_marks")
def ec2_marks(migration: Migration) -> tuple[str, ...]:
    return certificate_renewal.marks(migration)


@when("it is looked up how Dell's certificates are renewed", target_fixture="renewals")
def look_up_renewals(migration: Migration, ec2_marks: tuple[str, ...]) -> certificate_renewal.Renewals:
    return certificate_renewal.look(migration, ec2_marks)


@then("no way of renewal leads through EC2")
def renewal_without_ec2(expect: Expect, renewals: certificate_renewal.Renewals) -> None:
    evidence = renewals.evidence

    def judge(way: certificate_renewal.Way) -> Finding:
        expected = f"a renewal that EC2 has no part in ({way.by})"
        if way.unasked:
            return unknown(way.path, expected, way.unasked, evidence)
        if way.by_ec2:
            hint = "Renew by DNS-01, or by a web server on Dell itself, before EC2 is stopped"
            return failed(way.path, expected, way.by_ec2, evidence, hint=hint)
        return passed(way.path, f"{way.by}, without EC2", evidence, expected=expected)

    nothing = "nothing on Dell renews certificates by itself, as far as its usual places show"
    none = Finding("Dell", Verdict.ABSENT, "a renewal that EC2 has no part in", nothing, evidence=(evidence,))
    expect("Certificates are renewed without EC2", map(judge, renewals.ways) if renewals.ways else [none])
