"""Mail to root and to the names of the system."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import system_names as sysnames


@given("root and the names in Dell's alias file", target_fixture="system_names")
def system_names(migration: Migration) -> dict[str, str]:
    return sysnames.names(migration)


@when("each of them is looked up as Postfix would", target_fixture="system_homes")
def look_up(migration: Migration, system_names: dict[str, str]) -> tuple[sysnames.Home, ...]:
    return sysnames.homes(migration, system_names)


@then("each leads to a mailbox, or to where its alias sends it")
def each_has_a_home(expect: Expect, system_homes: tuple[sysnames.Home, ...]) -> None:
    def judge(it: sysnames.Home) -> Finding:
        way = " -> ".join(it.way)
        if it.end:
            return passed(it.name, f"{it.end} ({way})" if way else it.end, *it.evidence, expected="a home")
        hint = f"Give it a mailbox: an alias {it.name} in migration.toml, then prepare_dell"
        found = f"{it.way[-1]} is nobody's ({way})"
        return failed(it.name, "a mailbox, or an address elsewhere", found, *it.evidence, hint=hint)

    expect("Names of the system have a home", map(judge, system_homes))
