"""Dell's Postfix as it is configured and as it runs."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.access.transport import dell
from fixtures.evidence import Finding, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.plan import postfix as dellplan
from fixtures.probes.dell import postfix
from fixtures.probes.dell import tables as filing
from fixtures.probes.logs import postfix_log

Planned = dict[str, str]
INSIDE = ("cleanup/unix", "rewrite/unix", "qmgr/unix", "lmtp/unix", "smtp/unix")
"""Services that no client speaks to, and that a message passes through: the plan overrides nothing there."""


@given("the plan's parameters, as corrected", target_fixture="planned")
def planned_parameters(migration: Migration) -> Planned:
    return dellplan.parameters(migration.settings)


@when("Postfix is asked for those in force", target_fixture="configuration")
def ask_postfix(migration: Migration) -> postfix.Configuration:
    return postfix.configuration(dell(migration.settings))


@then("each has its planned value")
def values_as_planned(
    migration: Migration, expect: Expect, planned: Planned, configuration: postfix.Configuration
) -> None:
    def judge(name: str, wanted: str, found: str | None) -> Finding:
        if found is not None and dellplan.normal(wanted) == dellplan.normal(found):
            return passed(name, found, configuration.evidence, expected=wanted)
        hint = "Run prepare_dell; if a service's -o overrides it, look into master.cf"
        said = "not set" if found is None else found or "(empty)"
        return failed(name, wanted or "(empty)", said, configuration.evidence, hint=hint)

    findings = [judge(name, wanted, configuration.written.get(name)) for name, wanted in planned.items()]
    services = dellplan.services(migration.settings)
    for service in (*services, *INSIDE):
        overrides, found = services.get(service, {}), configuration.overrides.get(service, {})
        findings += [judge(f"{service}: {name}", wanted, found.get(name)) for name, wanted in overrides.items()]
        # Whatever else of the plan this service overrides: there main.cf counts for nothing.
        stray = (found.keys() & planned.keys()) - overrides.keys()
        findings += [judge(f"{service}: {name}", planned[name], found[name]) for name in sorted(stray)]
    expect("Every parameter of the plan is in force", findings)


@then("its tables of mailboxes and aliases hold what the plan holds, and nothing else")
def tables_as_planned(migration: Migration, expect: Expect) -> None:
    def judge(it: filing.Filed) -> Iterator[Finding]:
        hint = "Run prepare_dell, which writes them from the settings; an address that is to stay belongs in there"
        for line in it.extra:
            yield failed(f"{it.path}: {line}", "no such entry", "an entry of its own", it.evidence, hint=hint)
        for line in it.missing:
            yield failed(f"{it.path}: {line}", "this entry", "not there", it.evidence, hint=hint)
        if not (it.extra or it.missing):
            yield passed(it.path, it.evidence.answer, it.evidence, expected="the plan's entries")

    tables = filing.look(migration, dellplan.MAILBOXES, dellplan.ALIASES)
    expect("Mailboxes and aliases are the plan's", (each for it in tables for each in judge(it)))


@then("the files are no newer than what the running server read")
def files_were_read(migration: Migration, expect: Expect, configuration: postfix.Configuration) -> None:
    log = postfix_log.read(dell(migration.settings), migration.settings.dell.log)
    newer = {file.path for file in configuration.newer_files(log.reloads)}

    def judge(file: postfix.File) -> Finding:
        if file.path not in newer:
            return passed(file.path, "read since its last change", configuration.evidence)
        hint = "postfix reload (restart, if inet_interfaces changed)"
        return failed(file.path, "read since its last change", "changed since", configuration.evidence, hint=hint)

    expect("The running server uses these files", [judge(f) for f in configuration.files if f.path.endswith(".cf")])


@then("Postfix finds nothing wrong with its configuration")
def check_is_clean(expect: Expect, configuration: postfix.Configuration) -> None:
    good = passed("postfix check", "nothing to say", configuration.evidence)
    bad = failed("postfix check", "nothing to say", configuration.check, configuration.evidence)
    expect("postfix check is clean", [bad if configuration.check else good])
