"""Drift: what decides about mail, and is not as it was accepted."""

from pytest_bdd import then, when

from fixtures.gates.drift import accepted
from fixtures.gates.drift.judging import judged, judged_strangers, ours, spf_named
from fixtures.gates.drift.reading import State, permits, read, sources
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration


@when("all that decides about their mail is read", target_fixture="standing")
def read_all(migration: Migration, subjects: tuple[str, ...]) -> State:
    return read(migration, sources(subjects))


@then("each part of it is as it was accepted, or as our scripts wrote it")
def as_accepted(migration: Migration, expect: Expect, standing: State) -> None:
    known, left = accepted.accepted(migration.store), accepted.left_over(migration)
    expect("What decides about mail is as it was accepted", judged(known, standing, left))


@then("no copy of mail goes to a stranger unless a person has accepted that by name")
def no_strangers(migration: Migration, expect: Expect, standing: State) -> None:
    settings, named = migration.settings, accepted.named(migration.store)
    found = judged_strangers(standing, ours(settings), settings.dell.filters, named)
    expect("Nobody else gets copies of mail", found)


@then("no SPF record lets in the whole world")
def no_world(migration: Migration, expect: Expect, subjects: tuple[str, ...]) -> None:
    words = accepted.named(migration.store)
    found = (spf_named(each, words) for each in permits(migration, subjects))
    expect("Not everybody may send as the domain", found)
