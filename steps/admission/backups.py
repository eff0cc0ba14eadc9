"""Files on Dell that must be right beforehand: backups, and the password at the smart host."""

from __future__ import annotations

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import backups, postfix

OTHERS = 0o077
"""Permissions of group and world."""


@given("Postfix's two files as the snapshot has them", target_fixture="original_files")
def original_files(migration: Migration) -> tuple[backups.Original, ...]:
    return backups.originals(migration)


@when("the backups on Dell are compared with them", target_fixture="kept_backups")
def read_backups(migration: Migration, original_files: tuple[backups.Original, ...]) -> tuple[backups.Backups, ...]:
    return backups.backups(migration, original_files)


@then("each file has a backup that is the same to the last byte")
def backups_equal(expect: Expect, kept_backups: tuple[backups.Backups, ...]) -> None:
    def judge(it: backups.Backups) -> Finding:
        expected = f"{it.original.path}.bak-YYYYmmddHHMM, equal to the snapshot's ({it.original.digest[:16]})"
        if it.same:
            return passed(it.original.path, it.same[0], it.evidence, expected=expected)
        found = ", ".join(f"{path} ({digest[:16]})" for path, digest in it.found.items()) or "no backup"
        found += f"; named otherwise: {', '.join(it.odd)}" if it.odd else ""
        hint = "Without it the way back rests on the snapshot alone: look who touched it, and write it anew from there"
        return failed(it.original.path, expected, found, it.evidence, hint=hint)

    expect("The backups equal the snapshot", map(judge, kept_backups))


@given("the file that holds Dell's password at the relay host", target_fixture="smart_host")
def smart_host(migration: Migration) -> str:
    return migration.settings.dell.relayhost


@when("the file, its map and what Postfix finds there are examined", target_fixture="smart_host_password")
def look_at_password(migration: Migration) -> backups.Password:
    return backups.password(migration)


@then("nobody but root may read it")
def only_owner_reads(expect: Expect, smart_host_password: backups.Password) -> None:
    evidence = smart_host_password.evidence

    def judge(file: postfix.File) -> Finding:
        found = f"{file.mode:04o}, {file.owner}" if file.exists else "no such file"
        if file.exists and file.owner == "root" and not file.mode & OTHERS:
            return passed(file.path, found, *evidence, expected="0600, root")
        return failed(file.path, "0600, root", found, *evidence, hint=f"chown root {file.path}; chmod 600 {file.path}")

    both = (smart_host_password.source, smart_host_password.compiled)
    expect("Only root may read the password", (judge(file) for file in both if file is not None))


@then("the map is no older than the file")
def map_is_new(expect: Expect, smart_host_password: backups.Password) -> None:
    source, compiled, evidence = smart_host_password.source, smart_host_password.compiled, smart_host_password.evidence
    if compiled is None:
        finding = passed(smart_host_password.table, "read as it is: there is no copy that could be old", *evidence)
    elif compiled.exists and compiled.modified_at >= source.modified_at:
        finding = passed(compiled.path, "no older than its source", *evidence)
    else:
        found = f"{source.modified_at - compiled.modified_at:.0f} s older" if compiled.exists else "no such file"
        hint = f"postmap {smart_host_password.table}"
        finding = failed(compiled.path, f"no older than {source.path}", found, *evidence, hint=hint)
    expect("The map is no older than its source", [finding])


@then("what Postfix finds is a user and a password, and nothing more")
def password_alone(expect: Expect, smart_host: str, smart_host_password: backups.Password) -> None:
    evidence, expected = smart_host_password.evidence, "user:password, without a blank or a comment"
    faults = "; ".join(smart_host_password.faults)
    member = f"{smart_host} in {smart_host_password.table}"
    hint = "Put comments on lines of their own, then postmap (X7)"
    good = passed(member, "user:password", *evidence, expected=expected)
    expect("The entry is right", [failed(member, expected, faults, *evidence, hint=hint) if faults else good])
