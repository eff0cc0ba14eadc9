"""What owns the configuration of Dell's Postfix: its container, or templates in git."""

from __future__ import annotations

from typing import Any

from pytest_bdd import given, then, when

from fixtures.evidence import Absent, Finding, Verdict, failed, passed
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.probes.dell import rendered
from fixtures.settings import Template


@given("the container of Dell's Postfix was made again")
def container_anew(migration: Migration, world: Any) -> None:
    dell = migration.settings.dell
    if not dell.transport.container:
        nothing = Finding("dell.transport.container", Verdict.ABSENT, "a container", "Postfix runs on the host itself")
        raise Absent("Postfix is in no container", (nothing,))
    with world.outage("the container of Dell's Postfix is made again"):
        pass


@given("the templates that own the configuration of Dell's Postfix", target_fixture="template")
def the_templates(migration: Migration) -> Template:
    dell = migration.settings.dell
    if dell.template is None:
        nothing = Finding("dell.owner", Verdict.ABSENT, "template", dell.owner)
        raise Absent("No template owns the configuration", (nothing,))
    return dell.template


@when("what they render is set beside what runs", target_fixture="beside")
def set_beside(migration: Migration, template: Template) -> rendered.Beside:
    return rendered.beside(migration, template)


@then("no file differs")
def nothing_differs(expect: Expect, beside: rendered.Beside) -> None:
    def judge(name: str) -> Finding:
        if name not in beside.odd:
            return passed(name, "as rendered", beside.evidence)
        hint = "Bring the templates and Dell together, then run prepare_dell: the next deployment would undo an edit"
        return failed(name, "as rendered", "another one, or none", beside.evidence, hint=hint)

    expect("What runs is what the templates render", [judge(name) for name in beside.names])
