"""Mail in a bucket that the settings no longer name: by the emulated API, with a Worker that has it or had it."""

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest
from cloudflare import Cloudflare

from fixtures.evidence import Absent, Judged
from fixtures.gates.outcome import Claims
from fixtures.lab.emulator.state import Bucket, Stored
from fixtures.plan import worker as planned
from fixtures.probes.cloudflare import bucket, changing, email_worker
from scripts import prepare_dell
from scripts.lib.change import Job, Refused, Write
from scripts.lib.cloudflare import buckets, worker as deploying
from scripts.lib.dell import fetcher
from steps.worker import the_bucket
from tests.emulator.conftest import ACCOUNT, Running as Emulator
from tests.emulator.worker_support import SOURCE, worker

OLD, NEW, ANOTHERS = "mxgate-one", "mxgate-two", "anothers"


class Store:
    """What was uploaded."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []

    def recorded(self, kind: str) -> list[dict[str, Any]]:
        assert kind == email_worker.UPLOADED
        return self.records

    def record(self, kind: str, **about: Any) -> None:
        assert kind == email_worker.UPLOADED
        self.records.append(about)

    def last(self, kind: str, **_: str) -> None:
        """Nothing of this Worker's."""


@pytest.fixture
def migration(client: Cloudflare, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its settings name the new bucket; the Worker has the old one, in which a message waits."""
    for module in (bucket, email_worker, changing):
        monkeypatch.setattr(module, "client", lambda _: client)
    its = worker(SOURCE)
    its.buckets["BUCKET"] = OLD
    emulator.world.workers["mxgate"] = its
    for name in (OLD, NEW):
        emulator.world.buckets[name] = Bucket(name, "2026-11-27T00:00:00Z")
    emulator.world.buckets[OLD].objects["mail/1"] = Stored(b"a", {}, 0, "2026-11-27T00:00:00Z")
    route = SimpleNamespace(bucket=NEW, name="mxgate")
    cloudflare = SimpleNamespace(account_id=ACCOUNT)
    return SimpleNamespace(
        settings=SimpleNamespace(route=route, cloudflare=cloudflare, by_worker=True), store=Store(), secrets=None
    )


def test_what_waits_in_it_is_seen_and_holds_the_scripts_up(migration: Any, emulator: Emulator) -> None:
    """As long as the Worker has it, and afterwards by the store; not once it is empty, or named again."""
    job = Job(migration, "", Namespace(undo=False))
    for remembered in (False, True):
        if remembered:
            emulator.world.workers["mxgate"].buckets["BUCKET"] = NEW
            assert bucket.former(migration) == ()
            migration.store.records = [{"worker": "mxgate"}, {"worker": "mxgate", "buckets": [OLD]}]
        (found,) = bucket.former(migration)
        assert (found.name, len(found.mail)) == (OLD, 1)
        for plan in (prepare_dell.plan, deploying.deployed, buckets.removed):
            with pytest.raises(Refused, match=f'1 messages wait in the bucket {OLD}.*route.bucket = "{OLD}" again'):
                list(plan(job))
    migration.settings.route.bucket = OLD
    buckets.require_fetched(migration)
    migration.settings.route.bucket = NEW
    emulator.world.buckets[OLD].objects.clear()
    buckets.require_fetched(migration)


@pytest.mark.parametrize("deployed", [True, False])
def test_a_bucket_is_remembered_that_another_hand_gave(
    migration: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, deployed: bool
) -> None:
    """By the upload that takes it from the Worker, or by what deletes that: mail may come until then.

    But not another application's, by a name to which our source does not write.
    """
    its = {"secrets": {}, "bindings": {}, "buckets": {"BUCKET": NEW}, "source": ""}
    for name, value in its.items():
        monkeypatch.setattr(planned, name, lambda _="", value=value: value)
    monkeypatch.setattr(deploying, "_leading", lambda _: {})
    monkeypatch.setattr(deploying, "_hidden", lambda _: {})
    emulator.world.buckets[OLD].objects.clear()
    emulator.world.buckets[ANOTHERS] = Bucket(ANOTHERS, "2026-11-27T00:00:00Z")
    emulator.world.buckets[ANOTHERS].objects["mail/1"] = Stored(b"a", {}, 0, "2026-11-27T00:00:00Z")
    emulator.world.workers["mxgate"].buckets["FILES"] = ANOTHERS
    write, *_ = (deploying.deployed if deployed else deploying.removed)(Job(migration, "", Namespace()))
    assert write.do is not None
    write.do()
    assert [each.name for each in bucket.former(migration)] == [OLD]


def test_a_bucket_that_was_the_last_is_judged(migration: Any, emulator: Emulator) -> None:
    """The settings name none any more."""
    migration.settings.route.bucket = ""
    claims = Claims([])
    for error, said in ((Judged, f"the bucket {OLD}, which the settings no longer name"), (Absent, "none: it waits")):
        with pytest.raises(error, match=said) as raised:
            the_bucket(migration, claims.claim)
        assert isinstance(raised.value, Absent) is (error is Absent)
        emulator.world.buckets[OLD].objects.clear()


def test_what_fetches_is_switched_off_once_the_worker_has_no_bucket(
    migration: Any, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: Any = object()
    monkeypatch.setattr(fetcher, "removed", lambda _: iter([gone]))
    monkeypatch.setattr(fetcher, "installed", lambda *_: iter(()))
    migration.settings.route.bucket = ""
    job, said = Job(migration, "", Namespace()), list[str]()
    monkeypatch.setattr(Job, "say", lambda _, text: said.append(text))

    def made() -> list[Write]:
        return list(prepare_dell._fetching(gone, job))

    assert made() == []
    assert f"the Worker still keeps mail in {OLD}" in said[0]
    emulator.world.workers["mxgate"].buckets.clear()
    assert (made(), len(said)) == ([gone], 1)


def test_a_binding_without_a_buckets_name_is_no_bucket_of_before(migration: Any, emulator: Emulator) -> None:
    emulator.world.workers["mxgate"].buckets["BUCKET"] = ""
    assert bucket.former(migration) == ()


def test_rules_that_delete_are_named(migration: Any, emulator: Emulator) -> None:
    """Not the one that every bucket has, nor one that is off."""
    its = emulator.world.buckets[NEW]
    assert [each["id"] for each in its.rules] == ["Default Multipart Abort Rule"]
    assert bucket.ask(migration).rules == ()
    day = {"condition": {"type": "Age", "maxAge": 86400}}
    rule = {"id": "a day", "conditions": {"prefix": ""}, "deleteObjectsTransition": day}
    its.rules += [{**rule, "enabled": True}, {**rule, "id": "off", "enabled": False}]
    assert bucket.ask(migration).rules == ("a day",)
