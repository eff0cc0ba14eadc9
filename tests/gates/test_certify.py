"""What drills in a lab of one's own prove: bound to the live parts, and only where the lab was alike."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.access.clock import Clock
from fixtures.evidence import Verdict
from fixtures.gates.dellparts import parts
from fixtures.gates.drill_certificate import Certificate, Translation
from fixtures.gates.drills import BEGUN, DRILLED, RECORD
from fixtures.gates.outcome import Outcome
from fixtures.gates.present import DOVECOT, POSTFIX
from fixtures.lab.errors import LabError
from fixtures.lab.files import settings_without_a_lab
from fixtures.lab.own import Own, postfix
from fixtures.lab.own.certify import certify, sentences
from fixtures.lab.present import DEFAULT
from fixtures.probes.dell.firewall import Answer
from fixtures.store import Store
from scripts import rehearse_own, snapshot
from tests.gates.conftest import World

VERSIONS = {"version of Postfix": "3.7.11", "version of Dovecot": "2.4.1-4 (x)"}
LIVE = VERSIONS | {
    "parameter myhostname": "dell.example.net",
    "parameter relayhost": "[a]:587",
    "parameter milters": "m",
}
LAB = LIVE | {"version of Postfix": "3.10.13", "parameter milters": ""}
PREPARED = LAB | {"parameter relayhost": "[b]:587", "file admit.cidr": "aa"}


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path}/records.sqlite", Clock())
    yield store
    store.close()


@pytest.fixture
def played() -> Own:
    milters = Translation(part="parameter milters", live="m", lab="", why="a filter that the lab doesn't have")
    dell = postfix.Host(translations=[milters], not_certified={"A-9": "Dell's mail passes m"})
    return Own(settings_without_a_lab(), DEFAULT, "0123456789abcdef", LIVE, dell, postfix.Host(), "2.4.1-4 (x)\n")


def drilled(records: Store, verdict: Verdict = Verdict.PASS) -> None:
    records.record(BEGUN, world="prepared", parts=LAB)
    records.record(DRILLED, world="drills-prepared", dell="d", parts=PREPARED)
    outcome = Outcome("drills-prepared", "It holds", "", "", ("A-6",), verdict, key="a.feature::test_it")
    records.record(RECORD, world="drills-prepared", dell="d", suite="s", outcome=outcome.as_json())


def made(played: Own, records: Store) -> Certificate:
    return certify(played, records, 7, 1_000.0, Answer("rules", ()), knobs=("--routing-mx=hidden", "--settle-s=40"))


def test_it_is_bound_to_what_the_live_dell_has_with_what_the_scripts_wrote(played: Own, records: Store) -> None:
    drilled(records)
    found = made(played, records)
    assert found.worlds == {
        "prepared": LIVE | {"parameter relayhost": "[b]:587", "file admit.cidr": "aa"}  # milters and version as live
    }
    assert {each.part for each in found.translations} == {"parameter milters", "version of Postfix"}
    assert found.not_certified == {"A-9": "Dell's mail passes m"}
    assert [(each.world, each.verdict) for each in found.drills] == [("prepared", Verdict.PASS)]
    assert (found.knobs["routing_mx"], found.knobs["spf"]) == ("hidden", "replaced")
    assert "settle_s" not in found.knobs


@pytest.mark.parametrize(("owner", "ids"), [("host", {"A-9"}), ("docker", {"A-1", "A-9", "A-14"})])
def test_what_a_container_owns_is_not_drilled_on_the_host(played: Own, owner: str, ids: set[str]) -> None:
    settings = played.settings
    dell = settings.dell.model_copy(update={"owner": owner})
    other = replace(played, settings=settings.model_copy(update={"dell": dell}))
    assert set(other.not_certified) == ids


def test_a_lab_that_differs_where_it_should_not_certifies_nothing(played: Own, records: Store) -> None:
    drilled(records)
    other = replace(played, parts=LIVE | {"parameter myhostname": "other.example.net"})
    with pytest.raises(LabError, match=r"not like yours .*:\n  parameter myhostname: was other\.example\.net, is dell"):
        made(other, records)


def test_without_drills_there_is_nothing_to_certify(played: Own, records: Store) -> None:
    with pytest.raises(LabError, match="no drill was run"):
        made(played, records)


def test_once_dell_is_prepared_the_first_snapshot_counts(world: World) -> None:
    world.migration.store.put_snapshot("start", "0" * 16, {"dell": {}})
    world.migration.store.record("done", script="prepare_dell")
    assert rehearse_own._take(world.migration) == "start"


def test_and_it_has_the_versions_and_tables_of_today(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What scripts of ours have written since is as it was then: the lab's run them too."""

    def runs(version: str, table: str, *, prepared: bool) -> dict[str, str]:
        names = ["main.cf", "mxgate-guests", "virtual", "/etc/aliases", *(["mxgate-new"] if prepared else [])]
        lines = [f"mail_version = 3.10.{version}", f"relayhost = [{prepared}]", "alias_maps = hash:/etc/aliases"]
        lines += [f"{table * 64}  {each}" for each in names]
        return {POSTFIX: "\n".join(lines) + "\n", DOVECOT: f"2.4.{version}\nquota = {prepared}\n"}

    def kept(text: str) -> dict[str, dict[str, str]]:
        files = dict.fromkeys(("main.cf", "mxgate-guests", "virtual"), text)
        return {"files": files, "elsewhere": {"/etc/aliases": text}}

    world.migration.store.log("prepare_dell", "", "r", "/etc/postfix/mxgate-guests", "before")
    monkeypatch.setattr(rehearse_own, "dell_as_it_runs", lambda _: runs("2", "b", prepared=True))
    monkeypatch.setattr(snapshot, "files_of", lambda _: kept("new"))
    old = {"runs": runs("1", "a", prepared=False), **kept("old")}
    made = rehearse_own._renewed(world.migration, {"zones": {}, "dell": old})
    dell = made["dell"]
    assert (made["zones"], dell["elsewhere"]) == ({}, {"/etc/aliases": "new"})
    assert dell["files"] == {"main.cf": "old", "mxgate-guests": "old", "virtual": "new"}
    assert dell["runs"][DOVECOT] == "2.4.2\nquota = False\n"
    assert parts(dell["runs"])["file /etc/aliases"] == "b" * 16
    tables = [f"{'a' * 64}  main.cf", f"{'a' * 64}  mxgate-guests", f"{'b' * 64}  virtual", f"{'b' * 64}  /etc/aliases"]
    lines = ["mail_version = 3.10.2", "relayhost = [False]", "alias_maps = hash:/etc/aliases", *tables]
    assert dell["runs"][POSTFIX].splitlines() == lines


def test_a_person_reads_what_is_red_missing_or_otherwise(played: Own, records: Store) -> None:
    drilled(records, Verdict.FAIL)
    said = "\n".join(sentences(made(played, records), ("today", "prepared")))
    for words in (
        ": 1 drills, 1 fail; says nothing of A-9",
        "  not run: Dell today",
        "  fail: It holds (A-6, Dell prepared)",
        "  otherwise in the lab (a filter that the lab doesn't have): parameter milters",
        "  otherwise in the lab (the lab has Debian 13's): version of Postfix",
        "  not certified (Dell's mail passes m): A-9",
    ):
        assert words in said, said
