"""A domain's SPF record."""

from __future__ import annotations

from pytest_bdd import then, when

from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes import snapshot
from fixtures.probes.dns import spf

Records = tuple[spf.Spf, ...]


@when("their SPF records are read and evaluated", target_fixture="spf_records")
def read_spf(migration: Migration, subjects: tuple[str, ...]) -> Records:
    return tuple(spf.evaluate(migration, domain) for domain in subjects)


@then("each has exactly one, within ten DNS lookups")
def exactly_one(expect: Expect, spf_records: Records) -> None:
    expect("Exactly one SPF record", map(spf.judged_one, spf_records))


@then("it names Cloudflare and SendGrid")
def names_both(migration: Migration, expect: Expect, spf_records: Records) -> None:
    wanted = _included(migration)
    expect("SPF names Cloudflare and SendGrid", (spf.judged_includes(each, wanted) for each in spf_records))


@then("it does not let the whole world send")
def not_for_everybody(expect: Expect, spf_records: Records) -> None:
    expect("SPF does not let everybody send", map(spf.judged_width, spf_records))


@then("it names EC2's address only while that address is ours")
def names_ec2(migration: Migration, expect: Expect, spf_records: Records, stage: Stage) -> None:
    address = str(migration.settings.ec2.ipv4)
    ours = not Progress.read(migration.store, migration.settings).deleted
    found = (spf.judged_ec2(each, address, ours=ours) for each in spf_records)
    expect(f"EC2's address in SPF at {stage.gate}", found)


@then("it is the one of the snapshot, or has Cloudflare and SendGrid beside that until the clean-up")
def as_in_snapshot(migration: Migration, expect: Expect, spf_records: Records) -> None:
    kept, may_stand = snapshot.first(migration), {f"include:{name}" for name in _included(migration)}

    def before(domain: str) -> list[str]:
        records = kept.records(domain) if kept else ()
        return [r.text for r in records if (r.type, r.name) == ("TXT", domain) and spf.is_spf(r.text)]

    found = (spf.judged_as_before(each, before(each.domain), may_stand) for each in spf_records)
    expect("Whoever could send before can send", found)


def _included(migration: Migration) -> tuple[str, str]:
    return migration.settings.cloudflare.spf_include, "sendgrid.net"
