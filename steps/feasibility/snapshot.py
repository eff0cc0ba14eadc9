"""The snapshot to which a rollback goes back."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_bdd import given, then, when

from fixtures.evidence import Finding, Inconclusive, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes import snapshot
from fixtures.probes.snapshot import Comparison, Host, Kept, Zone

TAKE_ANEW = "Nothing was changed yet: move the store away and judge again, which takes another snapshot"
PUT_BACK = "Put it back as it was, or find out who changed it: a rollback would undo it unseen"


@given("the snapshot that was taken before anything was changed", target_fixture="first_snapshot")
def first_snapshot(migration: Migration) -> Kept:
    found = snapshot.first(migration)
    if found is None:
        nothing = unknown("snapshot", "one in the store", "none", hint="Judge phase1, which takes it by itself")
        raise Inconclusive("There is a snapshot to go back to", (nothing,))
    return found


@when("it is compared with what stands", target_fixture="comparison")
def compare(migration: Migration, first_snapshot: Kept, stage: Stage) -> Comparison:
    return snapshot.compare(migration, first_snapshot, stage.domains)


@then("it is as it was written")
def digest_matches(expect: Expect, first_snapshot: Kept) -> None:
    it, digest = first_snapshot, first_snapshot.recomputed
    if it.digest == digest:
        finding = passed("snapshot", f"digest {digest}", it.evidence)
    else:
        hint = "The store was changed by hand: take it from a backup of that day"
        finding = failed("snapshot", f"digest {it.digest}", f"digest {digest}", it.evidence, hint=hint)
    expect("The snapshot is what was written", [finding])


@then("it has every mail record and routing rule of each domain")
def zones_complete(expect: Expect, comparison: Comparison) -> None:
    def judge(zone: Zone) -> Finding:
        kinds = sorted({each.type for each in zone.kept})
        found = f"{len(zone.kept)} mail records ({', '.join(kinds) or 'none'}), {zone.rules} rules"
        apex = any((each.type, each.name) == ("MX", zone.domain) for each in zone.kept)
        if zone.complete and apex:
            return passed(zone.domain, found, comparison.kept.evidence, domain=zone.domain)
        expected, hint = "records with the domain's MX, routing, rules and catch-all", TAKE_ANEW
        return failed(zone.domain, expected, found, comparison.kept.evidence, domain=zone.domain, hint=hint)

    expect("The snapshot has each domain whole", map(judge, comparison.zones))


@then("nobody but us has changed a mail record since")
def changes_explained(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    begun = Progress.read(migration.store, migration.settings).done_at("publish_delivery") is not None
    findings = (each for zone in comparison.zones for each in _changes(zone, PUT_BACK if begun else TAKE_ANEW))
    expect("Every change since the snapshot is ours", findings)


def _changes(zone: Zone, hint: str) -> Iterator[Finding]:
    alien = [each for each in zone.changes if not each.by]
    for each in alien:
        expected = f"as in the snapshot ({each.before}), or written by a script of ours"
        yield failed(each.subject, expected, each.now, zone.evidence, domain=zone.domain, hint=hint)
    if not alien:
        ours = "; ".join(f"{each.subject} by {each.by}" for each in zone.changes) or "nothing changed"
        yield passed(zone.domain, ours, zone.evidence, domain=zone.domain)


@then("it has the configuration of Dell and of EC2, in files that can be put back, passwords excepted")
def hosts_restorable(migration: Migration, expect: Expect, comparison: Comparison) -> None:
    prepared = Progress.read(migration.store, migration.settings).done_at("prepare_dell") is not None
    expect(
        "Both machines could be put back",
        (each for host in comparison.hosts for each in _host(host, may_differ=prepared and host.name == "Dell")),
    )


def _host(host: Host, *, may_differ: bool) -> Iterator[Finding]:
    lacking = [name for name in snapshot.NEEDED if name not in host.files]
    for name in lacking + [name for name in host.broken if name not in lacking]:
        found = "content that can't be read" if name in host.broken else "nothing"
        yield failed(f"{host.name}: {name}", "its content in the snapshot", found, host.evidence, hint=TAKE_ANEW)
    for name in () if may_differ else host.changed:
        hint = TAKE_ANEW if host.name == "Dell" else PUT_BACK
        yield failed(f"{host.name}: {name}", "as in the snapshot", "changed since, or gone", host.evidence, hint=hint)
    if not lacking and not host.broken and (may_differ or not host.changed):
        since = f", {len(host.changed)} changed since by prepare_dell" if may_differ else ", all as they stand"
        found = f"{len(host.files)} files, {len(host.digests)} more by digest, {host.parameters} parameters{since}"
        yield passed(host.name, found, host.evidence)
