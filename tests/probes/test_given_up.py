"""An address that EC2 had, and has no more: whoever gets it next is a stranger."""

from argparse import Namespace
from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest

from fixtures.evidence import Evidence, Finding
from fixtures.migration import Migration
from fixtures.migration.progress import GIVEN_UP, Progress, Stage, former, given_up, lost
from fixtures.plan import postfix as dellplan
from fixtures.plan.gates import Gate
from fixtures.probes.aws import references
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dell import allow_list, postfix
from fixtures.probes.dns import spf
from fixtures.probes.smtp import clients
from fixtures.settings import BackupMx
from scripts import retire_ec2_access, stop_ec2
from scripts.lib import vps
from scripts.lib.aws.power import require_way_back
from scripts.lib.change import Job, Refused
from scripts.lib.dell import effect, host_files
from steps import dns
from steps.admission import clients as admission
from tests.probes.test_aws import aws, having, started  # noqa: F401 - a fixture

MX2 = BackupMx(name="mx2.b.example", ipv4=IPv4Address("192.0.2.7"))


def seen_publicly(made: Migration, **more: Any) -> Migration:
    """The same, of a gateway that Dell sees by its public address; and a backup MX, which Dell goes on admitting."""
    its = made.settings.ec2
    its = its.model_copy(update={"seen_by_dell_as": its.ipv4, **more})
    return replace(made, settings=made.settings.model_copy(update={"ec2": its, "backup_mx": (MX2,)}))


def test_an_address_that_the_stop_gave_up_is_a_strangers(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """N-4, A-4, A-5, D-1, and what Dell's table is to be; the gateway's other addresses are still its own."""
    its, address, look = seen_publicly(migration), str(migration.settings.ec2.ipv4), Evidence("", "")
    everybody = spf.Span(ip_address("0.0.0.0"), ip_address("255.255.255.255"), spf.Result("pass", "ip4:x", 0, 0))
    named = spf.Spf("a.example", ("v=spf1 ip4:x -all",), (everybody,), look)
    monkeypatch.setattr(clients, "probe_all", list)
    monkeypatch.setattr(clients, "player", lambda *_: None)

    def holds() -> list[bool]:
        """SPF names it; Dell would admit it, would not; it may stand in the table, is knocked at."""
        found: list[Finding] = []
        dns.names_ec2(its, lambda _, each: found.extend(each), (named,), Stage(Gate.DELETION, (), "deletion"))
        for value in ("OK", None):
            asked = postfix.Lookup("cidr:/t", address, value, look)
            admission.would_admit(its, lambda _, each: found.extend(each), (asked,))
        knocked = {str(each).split()[0] for each in clients.knock_at_ec2(its)}
        ours = {str(each.network_address) for each in allow_list.ours(its)}
        assert str(its.settings.ec2.ipv6) in ours & knocked
        return [*(each.verdict.opens for each in found), address in ours, address in knocked]

    assert holds() == [True, True, False, True, True]
    migration.store.record(GIVEN_UP, address=address)
    assert holds() == [False, False, True, False, False]
    table = dellplan.tables(its.settings, with_ec2=True, given_up=given_up(migration.store))
    admitted = table[dellplan.places(its.settings).admitted]
    assert (address in admitted, str(MX2.ipv4) in admitted) == (False, True)


OLD = "203.0.113.99"


@pytest.mark.parametrize(
    ("first", "runs", "known"),
    [
        ({"id": "i-0123456789abcdef0", "address": OLD}, [], True),
        ({"id": "i-0fedcba9876543210", "address": OLD}, [], False),
        ({}, [OLD], True),
        ({}, ["203.0.113.20", None], False),
        ({}, [str(MX2.ipv4), "198.51.100.10"], False),
    ],
    ids=["snapshot", "of another instance", "run", "none", "another machine's now"],
)
def test_an_address_that_ec2_had_before_is_a_strangers(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, first: dict[str, str], runs: list[str | None], known: bool
) -> None:
    """N-4 and N-12; and ``retire_ec2_access`` takes it out of SPF. By the first snapshot, or a script's run since."""
    its, store, look = seen_publicly(migration, instance_id="i-0123456789abcdef0"), migration.store, Evidence("", "")
    settings = its.settings
    store.put_snapshot("start", "0", {"zones": {}, "ec2": {"instance": first}})
    for each in runs:
        about: dict[str, Any] = {"gateway": {"ipv4": each}} if each else {}
        store.record("run", script="prepare_dell", **about)
    assert former(store, settings) == ({OLD} if known else set())
    record = spf.Spf("a.example", (f"v=spf1 ip4:{OLD} -all",), (), look)
    monkeypatch.setattr(spf.Spf, "permit", lambda _, address: f"ip4:{OLD}" if address == OLD else "")
    monkeypatch.setattr(spf.Spf, "faults", ())
    monkeypatch.setattr(spf, "evaluate", lambda *_: record)
    found: list[Finding] = []
    dns.names_ec2(its, lambda _, each: found.extend(each), (record,), Stage(Gate.PHASE4, (), "phase4"))
    dns.no_permit(its, lambda _, each: found.extend(each), ("a.example",))
    red = [each.found for each in found if not each.verdict.opens]
    assert red == ([f"ip4:{OLD}"] * 2 if known else [])
    zone = Zone("z", "a.example", "active", (), "a")
    monkeypatch.setattr(cloudflare, "zone", lambda *_: zone)
    present = Records(zone, (Record("TXT", "a.example", record.records[0], 300),), look)
    writes = list(
        retire_ec2_access.spf(Job(its, "", Namespace()), "a.example", present, settings, former(store, settings))
    )
    assert [each.after for each in writes] == (["v=spf1 -all (TTL 300)"] if known else [])


@pytest.mark.parametrize("elastic", [True, False])
def test_a_stop_that_gives_up_the_address_withdraws_it(
    aws: Any,  # noqa: F811
    migration: Migration,
    monkeypatch: pytest.MonkeyPatch,
    elastic: bool,
) -> None:
    """On record once it stands still; then out of Dell's table and of SPF. A run that was killed is finished."""
    made = started(aws)
    kept = aws.allocate_address(Domain="vpc")["PublicIp"] if elastic else "203.0.113.20"
    its = seen_publicly(migration, instance_id=made, ipv4=ip_address(kept))
    table, zone = dellplan.places(its.settings).admitted, Zone("z", "a.example", "active", (), "a")
    term = Record("TXT", "a.example", f"v=spf1 ip4:{kept} ip4:{MX2.ipv4} ~all", 300)
    monkeypatch.setattr(cloudflare, "records", lambda *_: Records(zone, (term,), Evidence("", "")))
    monkeypatch.setattr(cloudflare, "zone", lambda *_: zone)
    monkeypatch.setattr(effect, "effect", lambda *_, **__: iter(()))
    planned = dellplan.tables(its.settings, with_ec2=True)
    monkeypatch.setattr(host_files, "contents", lambda _, path: planned[path])
    job = Job(its, "", Namespace(gives_up_address=False))
    writes = list(stop_ec2.plan(job))
    subjects = [each.subject for each in writes]
    assert subjects[0].startswith(made)
    assert (writes[0].danger, len(writes)) == ("", 1) if elastic else writes[0].danger.startswith("gives up")
    if elastic:
        return
    assert subjects[1:3] == [f"the address {kept}", table]
    assert set(subjects[3:]) == {"a.example TXT"}
    assert (f"{kept}/32 OK" in writes[2].before, f"{kept}/32 OK" in writes[2].after) == (True, False)
    assert f"{MX2.ipv4}/32 OK" in writes[2].after
    assert writes[3].after == f"v=spf1 ip4:{MX2.ipv4} ~all (TTL 300)"
    monkeypatch.setattr(stop_ec2, "heard_now", lambda *_: None)
    with pytest.raises(Refused, match=r"no way leads back to EC2\. If that is to be, say --gives-up-address"):
        stop_ec2.check(job)
    aws.stop_instances(InstanceIds=[made])
    writes[1].do()
    assert given_up(its.store) == {kept}
    assert [each.subject for each in stop_ec2.plan(job)] == subjects[2:]
    with pytest.raises(Refused, match=f"stop_ec2 gave {kept} back to Amazon"):
        require_way_back(job, Progress.read(its.store, its.settings))


def test_what_was_its_address_is_searched_for_too(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """D-5, N-12, and retire_ec2_access: one of before, and a second one by the first snapshot; not one that the
    settings keep, nor another machine's of ours, nor of another instance's snapshot.
    """
    migration = having(migration, keep=("eipalloc-2",))
    its = migration.settings.ec2
    addresses = (str(its.ipv4), "203.0.113.22", "203.0.113.23")
    items = [{"kind": "address", "id": f"eipalloc-{n}", "name": "", "detail": at} for n, at in enumerate(addresses)]
    items.append({"kind": "volume", "id": "vol-1", "detail": "8 GiB"})
    migration.store.put_snapshot("start", "", {"ec2": {"instance": {"id": its.instance_id}, "items": items}})
    migration.store.record(GIVEN_UP, address=OLD)
    were, sought = lost(migration.store, migration.settings), references.Sought.ever(migration)
    assert were == {addresses[1], OLD}
    for address in were:
        found = Record("A", "old.a.example", address, 300, None)
        assert references.leads(found, sought) == f"it names EC2's address {address}"
        assert references.names_ec2(found, sought)
    cloud = Record("CNAME", "www.a.example", "ec2-203-0-113-22.ap-northeast-1.compute.amazonaws.com", 300, None)
    assert references.leads(cloud, sought) == "it names ec2-203-0-113-22...."
    assert not references.names_ec2(cloud, references.Sought.now(migration.settings))
    taken = BackupMx(name="mx2.b.example", ipv4=IPv4Address("203.0.113.22"))
    assert lost(migration.store, migration.settings.model_copy(update={"backup_mx": (taken,)})) == {OLD}
    another = its.model_copy(update={"instance_id": "i-0fedcba9876543210"})
    assert lost(migration.store, migration.settings.model_copy(update={"ec2": another})) == {OLD}
    term = Record("TXT", "a.example", "v=spf1 ip4:203.0.113.22 ip4:203.0.113.23 -all", 300)
    present = Records(Zone("z", "a.example", "active", (), "a"), (term,), Evidence("", ""))
    monkeypatch.setattr(cloudflare, "records", lambda *_: present)
    monkeypatch.setattr(cloudflare, "zone", lambda *_: present.zone)
    monkeypatch.setattr(retire_ec2_access, "dells_table", lambda *_, **__: iter(()))
    writes = list(retire_ec2_access.plan(Job(migration, "", Namespace())))
    assert {each.after for each in writes} == {"v=spf1 ip4:203.0.113.23 -all (TTL 300)"}
    searched, *_ = vps._named(migration)
    assert searched.found.endswith(f"203.0.113.22, {OLD}")
