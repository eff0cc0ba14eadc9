"""A domain's SPF record."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_bdd import then, when

from fixtures.evidence import Finding, Verdict, failed, passed, unknown
from fixtures.gates.plugin import Expect
from fixtures.migration import Migration
from fixtures.migration.progress import Progress, Stage
from fixtures.probes.cloudflare.account import unquoted
from fixtures.probes.dns import spf

Records = tuple[spf.Spf, ...]
WIDEST = {4: 8, 6: 32}
"""The prefix that holds as many addresses as may send, at most, for each version of IP: no sender has more."""


@when("their SPF records are read and evaluated", target_fixture="spf_records")
def read_spf(migration: Migration, subjects: tuple[str, ...]) -> Records:
    return tuple(spf.evaluate(migration, domain) for domain in subjects)


@then("each has exactly one, within ten DNS lookups")
def exactly_one(expect: Expect, spf_records: Records) -> None:
    def judge(found: spf.Spf) -> Finding:
        if found.unasked:
            return unknown(found.domain, "one record", "; ".join(found.unasked), found.evidence, domain=found.domain)
        said = f"{len(found.records)} records, {found.lookups} lookups {'; '.join(found.faults)}".strip()
        if len(found.records) == 1 and not found.faults:
            return passed(found.domain, said, found.evidence, domain=found.domain)
        return failed(found.domain, "one record, at most 10 lookups", said, found.evidence, domain=found.domain)

    expect("Exactly one SPF record", map(judge, spf_records))


@then("it names Cloudflare and SendGrid")
def names_both(migration: Migration, expect: Expect, spf_records: Records) -> None:
    wanted = (migration.settings.cloudflare.spf_include, "sendgrid.net")

    def judge(found: spf.Spf) -> Finding:
        missing = [name for name in wanted if not found.has_include(name)]
        if not missing:
            return passed(found.domain, found.records[0], found.evidence, domain=found.domain)
        expected = " and ".join(f"include:{name}" for name in wanted)
        said = found.records[0] if found.records else "no record"
        hint = "Enabling Email Routing may have replaced the record (X10): run merge_spf again"
        return failed(found.domain, expected, said, found.evidence, domain=found.domain, hint=hint)

    expect("SPF names Cloudflare and SendGrid", map(judge, spf_records))


@then("it does not let the whole world send")
def not_for_everybody(expect: Expect, spf_records: Records) -> None:
    def judge(found: spf.Spf) -> Finding:
        widths = {version: found.width(version) for version in WIDEST}
        said = f"as many addresses as {_prefixes(widths)}"
        if all(width is None or width >= WIDEST[version] for version, width in widths.items()):
            return passed(found.domain, said, found.evidence, expected=expected, domain=found.domain)
        hint = "Take out what is so wide, in the record itself or in one that it includes, and end it with ~all or -all"
        return failed(found.domain, expected, said, found.evidence, domain=found.domain, hint=hint)

    expected = f"no more senders than {_prefixes(WIDEST)}"
    expect("SPF does not let everybody send", map(judge, spf_records))


@then("it names EC2's address only while that address is ours")
def names_ec2(migration: Migration, expect: Expect, spf_records: Records, stage: Stage) -> None:
    address = str(migration.settings.ec2.ipv4)
    ours = not Progress.read(migration.store, migration.settings).deleted

    def judge(found: spf.Spf) -> Finding:
        named = found.permit(address)
        if not named or ours:
            said = f"{address} is {'named' if named else 'not named'}, and {'ours' if ours else 'not ours any more'}"
            return passed(found.domain, said, found.evidence, domain=found.domain)
        return failed(found.domain, f"nothing that names {address}", named, found.evidence, domain=found.domain)

    expect(f"EC2's address in SPF at {stage.gate}", map(judge, spf_records))


@then("it is the one of the snapshot, or has Cloudflare and SendGrid beside that until the clean-up")
def as_in_snapshot(migration: Migration, expect: Expect, spf_records: Records) -> None:
    start = migration.store.snapshot("start") or {}
    may_stand = {f"include:{name}" for name in (migration.settings.cloudflare.spf_include, "sendgrid.net")}

    def judge(found: spf.Spf) -> Finding:
        zone = start.get("zones", {}).get(found.domain, {})
        texts = [
            unquoted(r["content"]) for r in zone.get("records", []) if r["type"] == "TXT" and r["name"] == found.domain
        ]
        before = list(filter(spf.is_spf, texts))
        if not before:
            return unknown(found.domain, "the snapshot's record", "the snapshot has none", found.evidence)
        once, now = (set(" ".join(texts).lower().split()) for texts in (before, found.records))
        verdict = Verdict.PASS if once <= now and now - once <= may_stand else Verdict.FAIL
        return Finding(found.domain, verdict, before[0], "; ".join(found.records), found.domain, (found.evidence,))

    expect("Whoever could send before can send", map(judge, spf_records))


def _prefixes(lengths: Mapping[int, int | None]) -> str:
    return " and ".join(
        f"{'no address' if length is None else f'a /{length}'} of IPv{version}" for version, length in lengths.items()
    )
