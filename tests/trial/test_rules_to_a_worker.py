"""Rules that lead to an Email Worker: one that was uploaded a moment ago, and one that is uploaded again."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from fixtures.evidence import CouldNotAsk
from fixtures.lab.emulator.api.workers import KNOWN_S_MAX
from fixtures.lab.emulator.hop.routes import route
from fixtures.lab.emulator.state import World, Zone
from fixtures.migration import Migration
from fixtures.settings import Route
from scripts.lib.change import Job, Refused, make
from scripts.lib.cloudflare import rules, worker
from scripts.lib.trial import course, worker as trial_worker
from scripts.lib.trial.standing import Place
from scripts.prepare_cloudflare import SCRIPT
from tests.emulator.conftest import ACCOUNT, APEX, OLD_MX, Running

NAME = f"mxgate-trial.{APEX}"
LITERAL = [{"type": "literal", "field": "to", "value": f"shop@below.{APEX}"}]


@pytest.fixture
def job(emulator: Running, migration: Migration) -> Iterator[Job]:
    """By a Worker, and each of its domains a zone of the account."""
    for number, name in enumerate(set(migration.settings.domain_names) - {APEX}, 5):
        emulator.world.zones[str(number) * 32] = Zone(name, str(number) * 32, ["ada.ns.cloudflare.com"])
    way = Route(kind="worker", host=f"in.{APEX}", login=f"worker@{APEX}")
    by_worker = replace(migration, settings=migration.settings.model_copy(update={"route": way}))
    with migration.store.lock("migration", "a test"):
        yield with_password("s3cret", Job(by_worker, APEX, argparse.Namespace()))


def with_password(password: str, job: Job) -> Job:
    its = job.migration.secrets.model_copy(update={"worker_password": SecretStr(password)})
    return replace(job, migration=replace(job.migration, secrets=its))


def uploaded(job: Job) -> int:
    """How many writes that took."""
    writes = tuple(worker.deployed(job))
    make(SCRIPT, job, writes)
    return len(writes)


def leads(world: World, address: str) -> bool:
    world.zone_named(APEX).routing.enabled = True  # type: ignore[union-attr]
    found = route(world, address)
    return found is not None and found.action == "worker" and found.rule_id not in world.lost


def test_a_worker_that_is_not_known_yet_is_waited_for(emulator: Running, job: Job) -> None:
    uploaded(job)
    known_at = emulator.world.workers[job.migration.settings.route.name].known_at
    assert 0 < known_at - emulator.world.clock.now() < KNOWN_S_MAX
    make(SCRIPT, job, tuple(rules.catch_all(job)))
    assert emulator.world.clock.now() >= known_at
    assert leads(emulator.world, f"anybody@{APEX}")


def test_so_it_is_in_the_trial_and_a_rule_that_is_refused_is_said(emulator: Running, migration: Migration) -> None:
    made = course.begin(migration, Place(APEX, emulator.zone.id, ACCOUNT, NAME, "mxgate-trial"), print)
    to_it = {"type": "worker", "value": ["mxgate-trial"]}
    refused = made.rule(f"throws@{NAME}", to_it)
    assert "404 2016: Workers Script Info not found" in refused
    assert made.wire.ask("PUT", made.place.script, form=trial_worker._form()).ok
    assert made.rule(f"throws@{NAME}", to_it) == ""
    assert made.rule(f"throws@{NAME}", to_it) == "", "it stands"
    assert [each.actions for each in emulator.zone.routing.rules] == [[to_it]]


@pytest.mark.parametrize("knob", ["keeps", "disables", "loses"])
def test_an_upload_puts_the_rules_again(
    emulator: Running, job: Job, knob: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, name = emulator.world, job.migration.settings.route.name
    uploaded(job)
    world.clock.advance(KNOWN_S_MAX)
    to_it: Any = [{"type": "worker", "value": [name]}]
    client = emulator.client()
    client.email_routing.rules.create(zone_id=emulator.zone.id, matchers=LITERAL, actions=to_it)  # type: ignore[arg-type]
    assert uploaded(job) == 0, "a rule by another hand leads nobody else's mail there"
    make(SCRIPT, job, tuple(rules.catch_all(job)))
    assert uploaded(job) == 0
    world.knobs.worker_upload = knob
    job = with_password("another", job)
    with monkeypatch.context() as patched:  # killed before the rules are put again
        patched.setattr(rules, "put_again", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            uploaded(job)
    assert leads(world, f"anybody@{APEX}") == (knob == "keeps")
    assert uploaded(job) == 1 + (knob == "disables")
    assert leads(world, f"anybody@{APEX}")
    job = with_password("a third", job)
    world.zones[emulator.zone.id].routing.rules[0].enabled = True
    assert uploaded(job) == 1
    assert leads(world, f"anybody@{APEX}")
    assert not world.lost
    assert world.zones[emulator.zone.id].routing.rules[0].enabled
    assert uploaded(job) == 0


@pytest.mark.parametrize("there", [True, False], ids=["answers again", "is gone"])
def test_an_upload_whose_answer_is_lost_puts_the_rules_again(emulator: Running, job: Job, *, there: bool) -> None:
    """It may have switched them off: then all mail of the domain bounces."""
    uploaded(job)
    make(SCRIPT, job, tuple(rules.catch_all(job)))
    emulator.world.knobs.worker_upload = "disables"
    job = with_password("another", replace(job, migration=replace(job.migration, hurried=True)))
    (write,) = worker.deployed(job)
    assert write.danger == f"mail of {APEX} may bounce until its rules are put again"
    emulator.management.post("/faults", json={"path": "/scripts/", "method": "PUT", "kind": "lost", "times": 3})
    if not there:
        emulator.management.post("/faults", json={"path": "/catch_all", "method": "PUT", "status": 503, "times": 3})
    said = "the Worker " if there else f"(?s)the Worker .*MAIL OF {APEX} MAY BOUNCE.*Run this again, at once"
    with pytest.raises(CouldNotAsk if there else Refused, match=said):
        make(SCRIPT, job, (write,))
    assert leads(emulator.world, f"anybody@{APEX}") == there
    assert uploaded(job) == (1 if there else 2)
    assert leads(emulator.world, f"anybody@{APEX}")


def test_where_no_rule_is_taken_while_email_routing_is_off_the_way_out_is_said(emulator: Running, job: Job) -> None:
    emulator.world.knobs.rules_while_off = "conflict"
    uploaded(job)
    with pytest.raises(Refused, match=f"code 2012.*Enable it for any name below {APEX} first"):
        make(SCRIPT, job, tuple(rules.catch_all(job)))
    emulator.client().email_routing.dns.create(zone_id=emulator.zone.id, name=f"any.{APEX}")
    make(SCRIPT, job, tuple(rules.catch_all(job)))
    assert emulator.contents("MX") == [OLD_MX]
    assert emulator.zone.routing.catch_all.enabled
