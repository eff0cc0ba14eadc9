"""Dell after a power cut, and with its old configuration. Drills: both are done to a lab's."""

from __future__ import annotations

from typing import Any

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import backups, restored
from fixtures.probes.mailbox import delivery


@given("Dell has lost its power and come back")
def power_was_lost(world: Any) -> None:
    with world.outage("Dell loses its power"):
        pass


@given("both were copied back from their backups, and Postfix started with them")
def copied_back(world: Any) -> None:
    world.mend.enter_context(world.outage("Postfix's files are those of the backups"))


@when("EC2 delivers to a mailbox of each domain, as it did before", target_fixture="deliveries")
def ec2_delivers(migration: Migration, domains: tuple[str, ...]) -> tuple[delivery.Delivery, ...]:
    addresses = [next(migration.settings.addresses((domain,))) for domain in domains]
    return delivery.arrivals(migration, restored.by_ec2(migration, addresses))


@then("both files are those of the snapshot, to the last byte")
def same_bytes(migration: Migration, expect: Expect, original_files: tuple[backups.Original, ...]) -> None:
    def judge(original: backups.Original) -> Finding:
        found, evidence = restored.digest(migration, original.path)
        expected = f"the snapshot's ({original.digest[:16]})"
        if found == original.digest:
            return passed(original.path, "the snapshot's, byte for byte", evidence, expected=expected)
        hint = "The oldest backup is not what stood before the first change: write it anew from the snapshot"
        return failed(original.path, expected, f"another ({found[:16]})", evidence, hint=hint)

    expect("What was copied back is what stood once", map(judge, original_files))
