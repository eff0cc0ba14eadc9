"""Certificates and versions of TLS at Dell's ports, and how the certificates are renewed."""

from pytest_bdd import given, then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import certificate_renewal
from fixtures.probes.dns import caa
from fixtures.probes.smtp import tls

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
    days = migration.settings.bounds.certificate_days
    expect("The certificate holds", (tls.judged(each, days) for each in handshakes))


@when("a client that knows nothing newer than TLS 1.1 tries each", target_fixture="outdated_tries")
def try_outdated(tls_ports: Ports) -> tuple[tls.Outdated, ...]:
    return tls.outdated(tls_ports)


@then("none of them completes a handshake")
def outdated_refused(expect: Expect, outdated_tries: tuple[tls.Outdated, ...]) -> None:
    expect("Nothing older than TLS 1.2 is spoken", map(tls.judged_outdated, outdated_tries))


@given("the names and addresses of EC2", target_fixture="ec2_marks")
def ec2_marks(migration: Migration) -> tuple[str, ...]:
    return certificate_renewal.marks(migration)


@when("it is looked up how Dell's certificates are renewed", target_fixture="renewals")
def look_up_renewals(migration: Migration, ec2_marks: tuple[str, ...]) -> certificate_renewal.Renewals:
    return certificate_renewal.look(migration, ec2_marks)


@then("no way of renewal leads through EC2, and each client of an authority is run by a job")
def renewal_without_ec2(expect: Expect, renewals: certificate_renewal.Renewals) -> None:
    expect("Certificates are renewed without EC2", certificate_renewal.judged(renewals))


@given("the authorities by which Dell's certificates are renewed", target_fixture="renewals")
def authorities(migration: Migration) -> certificate_renewal.Renewals:
    return certificate_renewal.look(migration, certificate_renewal.marks(migration))


@when("the CAA records that stand for Dell's name are looked up", target_fixture="caa_found")
def look_up_caa(migration: Migration) -> caa.Found:
    return caa.look(migration.settings.dell.name)


@then("they shut out none of these authorities")
def authorities_may(expect: Expect, caa_found: caa.Found, renewals: certificate_renewal.Renewals) -> None:
    expect("Authorities may renew the certificate", caa.judged(caa_found, renewals.directories, renewals.accounts))
