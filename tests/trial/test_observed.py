"""What a trial observed is rehearsed, planned by, and judged before the first switch."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.emulator.knobs import chosen, read_knobs
from fixtures.migration import Migration, trials
from fixtures.migration.trials import OBSERVED, TRIAL
from fixtures.probes.cloudflare import trial
from fixtures.settings import Route, Settings
from scripts import prepare_cloudflare, switch_mx, trial as program
from scripts.lib.change import Job, Refused, Run, Script
from scripts.lib.cloudflare import settling, worker
from scripts.lib.trial import result
from scripts.lib.trial.facts import BY_NAME
from scripts.lib.trial.standing import Place
from steps.routing import about_to_move

FOUND = {"enabling": "refuses", "settle_s": 40, "upstream_4xx": "retried", "apex_early": "refused"}


def tried(migration: Migration, facts: dict[str, Any], **more: Any) -> trials.Ended:
    zone = migration.settings.pilot
    for name, value in facts.items():
        body = {"trial": "aaaa", "fact": name, "what": BY_NAME[name].what, "expected": "", "value": value}
        otherwise = bool(BY_NAME[name].known) and value not in BY_NAME[name].known
        migration.store.record(OBSERVED, zone, **body, shown=str(value), otherwise=otherwise)
    body = {"number": "aaaa", "phase": "ended", "name": f"mxgate-trial.{zone}", "stopped": ""}
    migration.store.record(TRIAL, zone, **{**body, **more})
    found = trials.latest(migration.store, migration.settings)
    assert found
    return found


def test_observed_is_what_is_rehearsed(migration: Migration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "observed.toml").write_text(result.as_toml(tried(migration, FOUND)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    knobs = read_knobs(chosen("observed", 1))
    assert {name: getattr(knobs, name) for name in FOUND} == FOUND


def test_without_one_observed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"observed\.toml is not in .*python -m scripts\.trial"):
        chosen("observed", 1)
    (tmp_path / "observed.toml").write_text('[knobs]\nenabling = "sometimes"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="not as a trial writes it: enabling"):
        chosen("observed", 1)


def test_the_plan_of_a_switch_has_its_seconds(migration: Migration) -> None:
    tried(migration, FOUND)
    job = Job(migration, migration.settings.pilot, argparse.Namespace())
    assert "40 s in the trial at mxgate-trial.pilot.example.net (observed on " in settling.settle(job).subject


def verdicts(found: trials.Ended | None, settings: Settings, later_s: float = 0) -> list[tuple[str, Verdict]]:
    now = (found.at if found else 0) + later_s
    rows = [*trial.judge(found, settings, now), *(trial.judge_settings(found, settings) if found else ())]
    return [(each.member, each.verdict) for each in rows]


def test_phase_3_asks_for_a_recent_one(migration: Migration) -> None:
    lab = migration.settings
    live = lab.model_copy(update={"target": "live"})
    assert [verdict for _, verdict in verdicts(None, lab)] == [Verdict.ABSENT]
    assert [verdict for _, verdict in verdicts(None, live)] == [Verdict.FAIL]
    found = tried(migration, FOUND)
    assert {verdict for _, verdict in verdicts(found, live)} == {Verdict.PASS}
    assert ("the trial in pilot.example.net", Verdict.FAIL) in verdicts(found, live, 31 * 86400)


def test_once_a_domain_is_switched_it_grows_no_older(migration: Migration) -> None:
    """No trial can be made in the pilot's zone then. After a way back it can, and has to be a recent one again."""
    store, pilot = migration.store, migration.settings.pilot
    began = migration.clock.now() - 40 * 86400
    assert about_to_move(migration) == pytest.approx(migration.clock.now(), abs=60)
    store.record("switch", pilot, began=began)
    store.record("done", pilot, script="switch_mx", plan="")
    assert about_to_move(migration) == began
    store.record("done", pilot, script="rollback", plan="")
    assert about_to_move(migration) == pytest.approx(migration.clock.now(), abs=60)


@pytest.mark.parametrize(
    ("facts", "member"),
    [
        ({"enabling": "HTTP 202"}, BY_NAME["enabling"].what),
        ({"enabling": "replaces"}, "cloudflare.enabling"),
        ({"settle_s": 300}, "seconds of 5xx after enabling"),
    ],
)
def test_what_differs_closes_it(migration: Migration, facts: dict[str, Any], member: str) -> None:
    found = tried(migration, {**FOUND, **facts})
    assert (member, Verdict.FAIL) in verdicts(found, migration.settings)


@pytest.mark.parametrize(
    ("throws", "verdict"),
    [({"worker_throws": "deferred"}, "PASS"), ({"worker_throws": "rejected"}, "FAIL"), ({}, "INCONCLUSIVE")],
)
def test_by_a_worker_it_has_to_show_that_mail_waits(migration: Migration, throws: dict[str, Any], verdict: str) -> None:
    """Where mail goes to Dell's port 25 nobody asks."""
    found, member = tried(migration, {**FOUND, **throws}), BY_NAME["worker_throws"].what
    settings = migration.settings.model_copy(update={"route": Route(kind="worker", host="in.b.example", login="w")})
    assert (member, Verdict[verdict]) in verdicts(found, settings)
    kept = settings.route.model_copy(update={"bucket": "waiting"})
    assert (member, Verdict.PASS) in verdicts(found, settings.model_copy(update={"route": kept}))
    assert member not in dict(verdicts(found, migration.settings))


@pytest.mark.parametrize(
    ("fact", "value", "verdict"),
    [
        ("worker_reads", "to its end", "PASS"),
        ("worker_reads", "ended", "FAIL"),
        ("worker_reads", None, "INCONCLUSIVE"),
        ("worker_exceeds", "deferred", "PASS"),
        ("worker_exceeds", "rejected", "PASS"),
        ("worker_exceeds", "taken", "FAIL"),
        ("worker_exceeds", None, "INCONCLUSIVE"),
    ],
)
def test_by_a_worker_it_has_to_show_what_its_limits_do(
    migration: Migration, fact: str, value: str | None, verdict: str
) -> None:
    found, member = tried(migration, FOUND if value is None else {**FOUND, fact: value}), BY_NAME[fact].what
    route = Route(kind="worker", host="in.b.example", login="w", bucket="waiting")
    settings = migration.settings.model_copy(update={"route": route})
    judged = [each for each in trial.judge_settings(found, settings) if each.member == member]
    assert [each.verdict for each in judged] == [Verdict[verdict]]
    assert member not in {each.member for each in trial.judge_settings(found, migration.settings)}


def test_the_plans_say_what_its_limits_do(migration: Migration) -> None:
    said = "what takes more CPU time than Workers' plan has "
    assert worker.in_its_limits(migration) == f"{said}waits at its sender or bounces: no trial has seen which"
    tried(migration, {**FOUND, "worker_exceeds": "deferred", "worker_reads": "to its end"})
    assert worker.in_its_limits(migration).startswith(
        f"{said}waits at its sender, and bounces in the end: observed on "
    )
    assert worker.in_its_limits(migration).endswith("; 20 MiB did not")
    tried(migration, {**FOUND, "worker_exceeds": "rejected", "worker_reads": "ended"})
    assert worker.in_its_limits(migration).startswith(f"{said}BOUNCES: observed on ")
    assert worker.in_its_limits(migration).endswith("; 20 MiB DID")


def test_the_plans_say_what_an_outage_does(migration: Migration) -> None:
    """Of a Worker's mail, as it was observed, or by what nobody knows."""
    assert worker.in_an_outage(migration).endswith("mail waits at its senders or bounces: no trial has seen which")
    tried(migration, {**FOUND, "worker_throws": "rejected"})
    assert "mail BOUNCES: observed on " in worker.in_an_outage(migration)
    kept = migration.settings.model_copy(update={"route": Route(bucket="mail", kind="worker", host="h.b", login="w")})
    assert worker.in_an_outage(replace(migration, settings=kept)).endswith("mail waits in the bucket mail")


def test_one_that_ended_early_is_none(migration: Migration) -> None:
    found = tried(migration, FOUND, stopped="a subdomain can't be enabled")
    assert ("the trial in pilot.example.net", Verdict.INCONCLUSIVE) in verdicts(found, migration.settings)


@pytest.mark.parametrize("script", [switch_mx.SCRIPT, prepare_cloudflare.SCRIPT], ids=lambda each: each.name)
def test_while_one_is_at_it_its_zone_is_left_as_it_is(migration: Migration, script: Script) -> None:
    zone = migration.settings.pilot
    migration.store.record(TRIAL, zone, number="aaaa", phase="begun", name=f"mxgate-trial.{zone}", before={})
    assert script.check
    with pytest.raises(Refused, match=f"a trial has begun in {zone}, and .* scripts.trial --undo"):
        script.check(Job(migration, zone, argparse.Namespace()))
    migration.store.record(TRIAL, zone, number="aaaa", phase="undone", name=f"mxgate-trial.{zone}", stopped="")
    assert trials.begun(migration.store, zone) is None


def test_no_trial_where_the_mail_goes_by_cloudflare(migration: Migration) -> None:
    """Its end, and its undo, switch Email Routing off."""
    place = Place(migration.settings.pilot, "1" * 32, "2" * 32, f"mxgate-trial.{migration.settings.pilot}")
    job = Job(migration, "", argparse.Namespace(), Run())
    program._require_unmoved(job, place)
    migration.store.record("done", migration.settings.pilot, script="switch_mx", plan="")
    with pytest.raises(Refused, match=r"its mail goes by Cloudflare.*Name a spare zone"):
        program._require_unmoved(job, place)
