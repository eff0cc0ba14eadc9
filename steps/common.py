"""Which domains and addresses a scenario speaks of; and each When whose Given has looked already."""

from pytest_bdd import given, when

from fixtures.evidence import Absent, absent
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.settings import Address


@given("the domains of this gate", target_fixture="subjects")
def domains_judged(stage: Stage) -> tuple[str, ...]:
    return stage.domains


@given("the domains that have not been switched", target_fixture="subjects")
@given("the domains that are about to be switched", target_fixture="subjects")
def domains_not_switched(migration: Migration, stage: Stage) -> tuple[str, ...]:
    progress = Progress.read(migration.store, migration.settings)
    return _some(tuple(d for d in stage.domains if not progress.switched(d)), "not switched")


@given("the domains that have been switched", target_fixture="subjects")
def domains_switched(migration: Migration, stage: Stage) -> tuple[str, ...]:
    progress = Progress.read(migration.store, migration.settings)
    return _some(tuple(d for d in stage.domains if progress.switched(d)), "switched")


@given("the domains that were taken back and not cleaned up", target_fixture="subjects")
def domains_taken_back(migration: Migration, stage: Stage) -> tuple[str, ...]:
    progress = Progress.read(migration.store, migration.settings)
    return _some(tuple(d for d in stage.domains if progress.done_at("prepare_cloudflare", d)), "not cleaned up")


@given("every address of the domains that were taken back and not cleaned up", target_fixture="addresses")
def addresses_taken_back(migration: Migration, stage: Stage) -> tuple[Address, ...]:
    return tuple(migration.settings.addresses(domains_taken_back(migration, stage)))


@given("every address of the domains of this gate", target_fixture="addresses")
@given("Cloudflare's MX hosts and every address of the domains of this gate", target_fixture="addresses")
@given("EC2 and every address of the domains of this gate", target_fixture="addresses")
@given("every destination at the delivery domains", target_fixture="addresses")
def addresses_judged(migration: Migration, stage: Stage) -> tuple[Address, ...]:
    return tuple(migration.settings.addresses(stage.domains))


@given("every address of the domains that have not been switched", target_fixture="addresses")
def addresses_not_switched(migration: Migration, stage: Stage) -> tuple[Address, ...]:
    return tuple(migration.settings.addresses(domains_not_switched(migration, stage)))


@when("their files are examined")
@when("each is tried with a password that nobody has")
@when("an account of Dell's without any rights looks into each of them")
@when("their disks are examined, and how Dovecot acknowledges mail")
@when("this is compared with what senders do")
def looked_already() -> None:
    """Does nothing: the Given has looked, and holds what was found."""


def require_aws(migration: Migration) -> None:
    """Where another provider rents the gateway out, AWS has nothing of it: then there is nothing to judge."""
    ec2 = migration.settings.ec2
    if not ec2.at_aws:
        nothing = absent("ec2.kind", "an instance at AWS", f"a server that {ec2.provider} rents out")
        raise Absent("The gateway is not rented at AWS", (nothing,))


def _some(found: tuple[str, ...], what: str) -> tuple[str, ...]:
    """A gate may come when none is left of that kind: then there is nothing to judge, which is said."""
    if not found:
        raise Absent(f"Nothing is {what}", (absent("domains", f"a domain that is {what}", "none at this gate"),))
    return found
