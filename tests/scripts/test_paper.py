"""The paper for the night: what it says of a zone is there."""

import importlib
from argparse import Namespace
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.evidence import CouldNotAsk
from fixtures.gates.drift import accepted
from fixtures.gates.drift.reading import dns_of
from fixtures.ledger.windows import SWITCHING, half_way
from fixtures.migration import Migration
from fixtures.migration.progress import Progress
from fixtures.probes.cloudflare import api as cloudflare
from fixtures.settings import Secrets, StoreSettings
from fixtures.store import Store
from scripts import rollback, snapshot
from scripts.lib import change, night_papers
from scripts.lib.change import Refused, Write
from scripts.lib.paper import leave, paper, renewed
from scripts.snapshot import START

DOMAIN = "pilot.example.net"
MX = {"type": "MX", "name": DOMAIN, "content": "mail.webmakeprofit.org", "ttl": 3600, "priority": 10}
EXPORT = f"{DOMAIN}. 1 IN A 203.0.113.9"
WITHOUT = "THERE IS NO COPY OF THE ZONE"


@pytest.mark.parametrize("export", [EXPORT, ""])
def test_the_zone_of_the_snapshot_stands_below(migration: Migration, export: str) -> None:
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX], "export": export}}})
    said, _, below = paper(migration, DOMAIN).partition("import the zone below")
    assert WITHOUT not in said + below
    assert "there was none before either" in said
    assert "dig +short A mail.webmakeprofit.org says 203.0.113.20" in said
    assert (export or f"{DOMAIN}. 3600 IN MX 10 mail.webmakeprofit.org.") in below


def test_without_a_snapshot_it_names_no_zone_below_and_what_to_do_instead(migration: Migration) -> None:
    said = paper(migration, DOMAIN)
    assert "below" not in said
    assert "there was none before either" not in said
    assert WITHOUT in said
    assert "Import and Export" in said
    assert f"{DOMAIN}. 300 IN MX 10 mail.webmakeprofit.org." in said.partition(WITHOUT)[2]


@pytest.mark.parametrize("others", [[], [MX]], ids=["only Cloudflare's", "both"])
def test_cloudflares_mx_in_a_snapshot_is_nothing_to_go_back_to(migration: Migration, others: list[object]) -> None:
    """It was taken after the switch, or half-way: into another machine's store, or one that was lost."""
    routed = MX | {"content": "route1.mx.cloudflare.net"}
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [routed, *others], "export": ""}}})
    said = paper(migration, DOMAIN)
    assert ("THERE IS NO SNAPSHOT" in said) is (not others)
    assert "IN MX 10 mail.webmakeprofit.org." in said
    assert "IN MX 10 route1" not in said


@pytest.mark.parametrize("lost", [False, True])
def test_what_a_person_accepted_since_is_what_it_names(migration: Migration, tmp_path: Path, *, lost: bool) -> None:
    """LOST: the store, but for the copy of a night before."""
    spf = {"type": "TXT", "name": DOMAIN, "content": '"v=spf1 ip4:192.0.2.1 ~all"', "ttl": 3600}
    backup = MX | {"content": "backup.oldisp.example", "priority": 20}
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX, backup, spf]}}})
    since = {f"MX {DOMAIN}": "10 new.example.net (TTL 300)", f"TXT {DOMAIN}": "v=spf1 ip4:192.0.2.9 -all (TTL 300)"}
    accepted.keep(migration, accepted.PERSON, {dns_of(DOMAIN): since})
    if lost:
        store = migration.store
        other = {"store": StoreSettings(url=f"sqlite:///{tmp_path}/another.sqlite")}
        settings = migration.settings.model_copy(update=other).of(str(tmp_path / "migration.toml"))
        migration = Migration(settings, Secrets())
        assert migration.store.snapshot(START) is None
        (tmp_path / "night").mkdir()
        night_papers.copy(store, tmp_path / "night")
    said = paper(migration, DOMAIN)
    for line in ("3600 IN MX 10 new.example.net.", '3600 IN TXT "v=spf1 ip4:192.0.2.9 -all"'):
        assert said.count(f"{DOMAIN}. {line}") == 2
    assert "oldisp" not in said
    assert "192.0.2.1 " not in said


def test_the_zone_of_the_snapshot_is_called_old(migration: Migration) -> None:
    """Its MX and SPF may be others than those that were accepted since."""
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX], "export": EXPORT}}})
    assert "replaces its MX and SPF records by those that stand above" in paper(migration, DOMAIN)
    assert "replaces its MX records by EC2's, which stand above" in paper(migration, DOMAIN, EXPORT)


def test_no_snapshot_begins_with_cloudflares_mx(migration: Migration) -> None:
    """But one that comes after another is taken, whose domains are known."""
    routed = [MX | {"content": "route1.mx.cloudflare.net"}]
    for records in ([], routed):
        body = {"zones": {DOMAIN: {"records": records, "routing": {"enabled": True}}}}
        with pytest.raises(CouldNotAsk, match=rf"{DOMAIN}.*Cloudflare.*the store that knows of that switch"):
            snapshot._keep(migration, START, body)
    snapshot._keep(migration, "another", body)
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX]}}})
    snapshot._keep(migration, START, body)


def test_no_snapshot_of_another_migration_is_gone_back_to(migration: Migration) -> None:
    """Two that share a store by its default name: the second one's Dell would get the first one's files."""
    migration.store.put_snapshot(START, "0", {"zones": {"other.example": {"records": [MX]}}, "dell": {"files": {}}})
    with pytest.raises(CouldNotAsk, match=r"another migration's, of other\.example"):
        snapshot._keep(migration, START, {"zones": {DOMAIN: {"records": [MX]}}})


def test_what_cloudflare_exports_now_does_without_a_snapshot(migration: Migration) -> None:
    said = paper(migration, DOMAIN, EXPORT)
    assert "import the zone below" in said
    assert EXPORT in said.partition("import the zone below")[2]
    assert WITHOUT not in said


@pytest.mark.parametrize("aged", [False, True])
def test_what_is_read_another_day_has_whoever_reads_it_look_whether_ec2_is_there(
    migration: Migration, *, aged: bool
) -> None:
    """It may have been stopped since, with its address given up, or deleted."""
    migration.store.put_snapshot(START, "0", {"zones": {DOMAIN: {"records": [MX], "export": EXPORT}}})
    said = paper(replace(migration, aged=aged), DOMAIN)
    for each in ("0. If it is stopped", "If it is gone, has another address than 203.0.113.20, or"):
        assert (each in said) is aged


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("name", ["stop_ec2", "retire_ec2_access", "delete_ec2", "prepare_dell"])
def test_what_a_switch_has_left_is_of_today_after_whatever_changes_the_way_back(
    migration: Migration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, *, fails: bool
) -> None:
    """A script that failed half-way has written too; a paper by which no way leads back any more says only that."""
    migration.settings.of(str(tmp_path / "migration.toml"))
    monkeypatch.setattr(change, "present_digest", lambda _: "0" * 16)
    monkeypatch.setattr(change, "READ_BACK_S", 0.0)
    stands = {"record": "old"}
    write = Write(
        "a group",
        "record",
        "old",
        "new",
        lambda: stands.update(record="" if fails else "new"),
        lambda: stands["record"],
    )
    made = importlib.import_module(f"scripts.{name}").SCRIPT
    script = replace(
        made, plan=lambda _: [write], check=lambda _: None, finish=lambda _: None, opens=lambda _: migration
    )
    monkeypatch.setattr(cloudflare, "exported", lambda *_: EXPORT)
    leave(migration, DOMAIN)
    given = ["--override", "a test of only the papers", "--apply", change.digest([write])]
    assert script.main(given) == fails
    with closing(Store(f"sqlite:///{tmp_path}/night/store.sqlite", migration.clock)) as copied:
        for kind in ("run", "done", "override"):
            assert copied.recorded(kind) == migration.store.recorded(kind)
        assert copied.journaled(name) == migration.store.journaled(name)
    said = (tmp_path / f"night/{DOMAIN}.txt").read_text(encoding="utf-8")
    ended = name == "retire_ec2_access" or (name == "delete_ec2" and not fails)
    assert ("ADD first" in said, "NO WAY LEADS BACK" in said) == (not ended, ended)


def test_what_no_switch_has_left_is_not_made_and_what_can_not_be_renewed_is_named(
    migration: Migration, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    migration.settings.of(str(tmp_path / "migration.toml"))
    job, night = change.Job(migration, "", Namespace()), tmp_path / "night"
    with renewed(job):
        pass
    assert not night.exists()
    (night / "store.partial").mkdir(parents=True)
    with renewed(job):
        pass
    assert f"WHAT LIES IN {night} IS OF BEFORE" in capsys.readouterr().err


def test_no_way_leads_back_over_an_admission_that_is_withdrawn_by_half(migration: Migration) -> None:
    """Dell would refuse for good what EC2 brings; prepare_dell admits it again."""
    store = migration.store
    for script in ("prepare_dell", "retire_ec2_access", "retire_ec2_access"):
        assert "by hand" in paper(migration, DOMAIN)
        store.record("run", script=script, run=script)
        if script == "prepare_dell":
            store.record("done", script=script)
    store.log("retire_ec2_access", "", "retire_ec2_access", "/etc/postfix/admitted", "before")
    with pytest.raises(Refused, match=r"was begun \(/etc/postfix/admitted\).*First python -m scripts.prepare_dell"):
        paper(migration, DOMAIN)
    store.record("done", script="prepare_dell")
    assert "by hand" in paper(migration, DOMAIN)


def test_a_paper_that_was_closed_is_opened_again(migration: Migration, tmp_path: Path) -> None:
    """``prepare_dell`` admits EC2 again, and no switch would write it once more."""
    migration.settings.of(str(tmp_path / "migration.toml"))
    store, job, there = migration.store, change.Job(migration, "", Namespace()), tmp_path / f"night/{DOMAIN}.txt"
    there.parent.mkdir()
    there.write_text("as a switch has left it\n" * 9, encoding="utf-8")
    with renewed(job):
        pass
    assert there.read_text(encoding="utf-8").startswith("as a switch has left it")
    store.record("run", script="retire_ec2_access", run="retire_ec2_access")
    store.log("retire_ec2_access", "", "retire_ec2_access", "/etc/postfix/admitted", "before")
    for script, says in (("retire_ec2_access", "NO WAY LEADS BACK"), ("prepare_dell", "ADD first")):
        if script == "prepare_dell":
            store.record("done", script=script)
        with renewed(job):
            pass
        assert says in there.read_text(encoding="utf-8")


def test_its_last_step_counts_though_an_earlier_way_back_is_on_record(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is left to write: the MX was put back in the dashboard."""
    for script in ("switch_mx", "rollback", "switch_mx"):
        migration.store.record("done", DOMAIN, script=script)
    migration.store.record(SWITCHING, DOMAIN, run="r", state="given up")
    migration.store.record("done", script="stop_ec2")
    monkeypatch.setattr(change, "present_digest", lambda _: "0" * 16)
    way_back = replace(rollback.SCRIPT, plan=lambda _: (), opens=lambda _: migration)
    assert way_back.main(["--domain", DOMAIN]) == 0
    progress = Progress.read(migration.store, migration.settings)
    assert (progress.switched(DOMAIN), progress.rolled_back(DOMAIN), progress.stopped) == (False, True, False)
    assert half_way(migration.store, DOMAIN) is None
    capsys.readouterr()
    assert way_back.main(["--domain", DOMAIN]) == 0
    assert len(migration.store.recorded("done", DOMAIN, script="rollback")) == 2
    assert "HALF-WAY" not in capsys.readouterr().err
