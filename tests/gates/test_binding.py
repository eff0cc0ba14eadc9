"""What a verdict binds: a script writes only where what was judged is what stands, and its judgement still counts."""

import re
import secrets
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from fixtures.evidence import Verdict
from fixtures.gates import script_gate, upkeep
from fixtures.gates.present import digest_of
from fixtures.gates.script_gate import GateClosed
from fixtures.migration.progress import Kind, Progress, Stage
from fixtures.plan.gates import Gate
from fixtures.probes.aws import ec2
from fixtures.settings import SettingsError
from tests.gates.conftest import OTHER, PILOT, World, came_out, keep_night

PHASE1 = Stage(Gate.PHASE1, (PILOT, OTHER), "phase1")
PHASE3 = Stage(Gate.PHASE3, (PILOT,), "phase3")


@pytest.fixture
def judged(world: World) -> World:
    """Phase 3 is open for the pilot."""
    assert world.judge(PHASE3, came_out(PHASE3, Verdict.PASS)).open
    return world


def refused(world: World, why: str, script: str = "switch_mx", *domains: str) -> None:
    with pytest.raises(GateClosed, match=why) as raised:
        world.require(script, *(domains or (PILOT,)))
    assert "Judge it: pytest features/ --gate" in str(raised.value)


def test_an_open_gate_lets_its_script_write(judged: World) -> None:
    judged.require("switch_mx", PILOT)


def test_a_verdict_is_one_domains_only(judged: World) -> None:
    refused(judged, rf"phase3.*{re.escape(OTHER)}.*was not judged.*--domain {re.escape(OTHER)}", "switch_mx", OTHER)
    refused(judged, OTHER, "switch_mx", PILOT, OTHER)


def test_a_verdict_on_the_whole_needs_no_domain(world: World) -> None:
    assert world.judge(PHASE1, came_out(PHASE1, Verdict.PASS)).open
    world.require("prepare_dell")
    world.require("publish_delivery", OTHER)


def test_a_verdict_is_in_force_until_it_is_void(judged: World) -> None:
    assert script_gate.in_force(judged.migration, Gate.PHASE3)
    assert not script_gate.in_force(judged.migration, Gate.PHASE2)
    judged.migration.store.void_verdict(Gate.PHASE3, PILOT)
    assert not script_gate.in_force(judged.migration, Gate.PHASE3)


def test_a_gate_opens_its_own_scripts_only(judged: World) -> None:
    refused(judged, r"gate phase4 .*the whole migration.*not judged", "stop_ec2")


def test_a_gate_of_the_past_gives_way_to_what_stands(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once every domain is switched ``prepare_dell`` can't wait for phase 1; ``restart_ec2`` still does."""
    asked, wrong = list[tuple[str, ...]](), list[str]()

    def faults(_: object, domains: tuple[str, ...]) -> list[str]:
        asked.append(domains)
        return wrong

    monkeypatch.setattr(upkeep, "faults", faults)
    for name in world.migration.settings.domain_names:
        refused(world, "gate phase1", "prepare_dell")
        world.migration.store.record("done", name, script="switch_mx", plan="")
    world.require("prepare_dell", PILOT, OTHER)
    refused(world, "gate phase1", "restart_ec2")
    refused(world, "gate deletion", "restore_ttl")
    wrong.append("another MX stands")
    with pytest.raises(GateClosed, match="another MX stands"):
        world.require("publish_delivery", PILOT)
    world.migration.store.record("done", script="delete_ec2", plan="")
    for script in ("restore_ttl", "narrow_mta_sts"):
        with pytest.raises(GateClosed, match="another MX stands"):
            world.require(script, OTHER)
    assert asked == [(PILOT, OTHER), (PILOT,), (OTHER,), (OTHER,)]


def test_what_was_done_behind_its_gate_once_needs_it_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """``prepare_dell`` brings the listener back, and sign-off asks AWS, where there may be no account any more."""
    monkeypatch.setattr(upkeep, "faults", lambda *_: ())
    for target in ("", world.identity):  # empty: an override made it
        refused(world, "gate signoff", "retire_xclient")
        world.migration.store.record("run", script="retire_xclient", gate="signoff", run="r", target=target, plan="p")
        refused(world, "gate signoff", "retire_xclient") if target else done(world, "retire_xclient")
    done(world, "retire_xclient")
    world.require("retire_xclient")


def test_a_domain_that_comes_once_ec2_is_deleted_is_answered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep closed for the others what needs no gate any more, and no phase of its own can be judged."""
    monkeypatch.setattr(upkeep, "faults", lambda *_: ())
    new, *others = world.migration.settings.domain_names
    world.migration.store.put_snapshot("start", "0", {"zones": dict.fromkeys(others, "")})
    for name in others:
        world.migration.store.record("done", name, script="switch_mx", plan="")
    refused(world, "gate phase1", "prepare_dell")
    done(world, "delete_ec2")
    with pytest.raises(SettingsError, match=f"{re.escape(new)}: mxgate moves domains from EC2, which is deleted"):
        world.require("prepare_dell")


@pytest.mark.parametrize("script", ["snapshot", "watch", "rollback"])
def test_some_scripts_need_no_gate(world: World, script: str) -> None:
    world.require(script, PILOT)


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_RUN])
def test_a_closed_gate_refuses(world: World, verdict: Verdict) -> None:
    world.judge(PHASE3, came_out(PHASE3, verdict))
    refused(world, f"it is closed: the verdict of run .* is {verdict}")


def test_a_verdict_grows_stale(judged: World) -> None:
    judged.migration.clock.advance(judged.migration.settings.bounds.verdict_age_s - 30)
    judged.require("switch_mx", PILOT)
    judged.migration.clock.advance(60)
    refused(judged, "stale: 6[01] min old, at most 60 min")


def test_a_clock_that_goes_back_makes_no_verdict_fresh(judged: World) -> None:
    clock = judged.migration.clock
    assert clock.file
    for back_s in (120, 900):
        judged.require("switch_mx", PILOT)
        clock.file.write_text(f"{clock.offset - back_s:.3f}\n", encoding="ascii")
    refused(judged, "17 min ahead of this machine's clock, which has gone back: judge again")


def test_what_came_last_is_no_question_of_the_clock(world: World) -> None:
    clock, store, settings = world.migration.clock, world.migration.store, world.migration.settings
    assert clock.file
    store.record("done", PILOT, script="switch_mx", plan="")
    assert Progress.read(store, settings).switched(PILOT)
    clock.file.write_text(f"{clock.offset - 900:.3f}\n", encoding="ascii")
    store.record("done", PILOT, script="rollback", plan="")
    progress = Progress.read(store, settings)
    assert (progress.switched(PILOT), progress.rolled_back(PILOT)) == (False, True)
    for stopped in (True, False, True):
        clock.file.write_text(f"{clock.offset - 900:.3f}\n", encoding="ascii")
        if stopped:
            store.record("done", script="stop_ec2", plan="")
        else:
            store.record("undone", scripts=["stop_ec2"])
        assert Progress.read(store, settings).stopped is stopped


def test_a_plan_says_how_long_its_gate_is_open(judged: World) -> None:
    migration = judged.migration
    assert script_gate.on_record(migration, Gate.PHASE3, (OTHER,)).startswith("not judged yet: pytest features/")
    migration.store.void_verdict(Gate.PHASE3, PILOT)
    said = script_gate.on_record(migration, Gate.PHASE3, (PILOT,))
    assert re.fullmatch(r"judged .* \(pass\); a later judging was broken off.*judge again: pytest features/ .*", said)
    assert judged.judge(PHASE3, came_out(PHASE3, Verdict.PASS)).open
    migration.clock.advance(migration.settings.bounds.verdict_age_s / 2)
    assert script_gate.on_record(migration, Gate.PHASE3, (PILOT,)).startswith("open for 30 min more")
    migration.clock.advance(migration.settings.bounds.verdict_age_s)
    assert "stale" in script_gate.on_record(migration, Gate.PHASE3, (PILOT,))


def test_other_settings(judged: World) -> None:
    bounds = judged.migration.settings.bounds.model_copy(update={"arrival_s": 61.0})
    judged.migration = judged.having(bounds=bounds)
    refused(judged, "migration.toml has changed since it was judged")


def test_another_version_of_the_suite(judged: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_gate, "VERSION", "9.9.9")
    refused(judged, "judged by mxgate .*, this is 9.9.9")


def test_other_systems(judged: World) -> None:
    judged.identity = "live:two"
    refused(judged, "judged of other systems .lab:one, these are live:two.")


def test_another_hand(judged: World) -> None:
    """The difference is named, and once it is put back the verdict counts again."""
    was = judged.present["MX pilot.example.net"]
    judged.present["MX pilot.example.net"] = "300 10 elsewhere.example.net"
    refused(judged, "another hand: MX pilot.example.net: was 300 10 mail.* is 300 10 elsewhere")
    judged.present["MX pilot.example.net"] = was
    judged.require("switch_mx", PILOT)


def test_a_new_run_voids_the_old_verdict(judged: World) -> None:
    """Also one that is killed before it has judged anything."""
    judged.session(PHASE3).open_stage("phase3")
    refused(judged, "not judged, or is being judged again")


# What the gate's own scripts change -------------------------------------------------------------------------------


def ran(world: World, script: str, after: str | None, *, gate: Gate = Gate.PHASE3, domain: str = PILOT) -> None:
    """A script begins to write, and the present becomes AFTER; without AFTER it is killed half-way."""
    about = {"script": script, "gate": gate.value, "run": script + str(after), "plan": "p"}
    about["before"] = digest_of(world.present)
    world.migration.store.record("run", domain, **about)
    world.present["MX pilot.example.net"] = after or "half-way"
    if after:
        world.migration.store.record("run", domain, **about, after=digest_of(world.present))


def test_what_its_own_scripts_changed_is_allowed(judged: World) -> None:
    ran(judged, "switch_mx", "300 10 route1.mx.cloudflare.net")
    judged.require("switch_mx", PILOT)
    judged.present["EC2's instance"] = "stopped"
    refused(judged, "another hand: EC2's instance: was nothing; is stopped")


def test_what_another_gates_script_changed_is_not(judged: World) -> None:
    ran(judged, "stop_ec2", "300 10 route1.mx.cloudflare.net", gate=Gate.PHASE4, domain="")
    refused(judged, "another hand")


def test_a_change_before_its_own_scripts_ran_stays_one(judged: World) -> None:
    """Somebody wrote, and then the script (by override): what stands was never judged."""
    judged.present["EC2's instance"] = "stopped"
    ran(judged, "switch_mx", "300 10 route1.mx.cloudflare.net")
    refused(judged, "another hand")


def test_a_killed_run_may_be_finished_by_the_same_script(world: World) -> None:
    phase2 = Stage(Gate.PHASE2, (PILOT,), "phase2")
    world.judge(phase2, came_out(phase2, Verdict.PASS))
    ran(world, "merge_spf", None, gate=Gate.PHASE2)
    world.require("merge_spf", PILOT)
    cut = r"by merge_spf of pilot.example.net, which was interrupted: finish that first, python -m scripts.merge_spf "
    refused(world, rf"{cut}--domain pilot.example.net; or by another hand", "lower_ttl", PILOT)
    ran(world, "merge_spf", "finished", gate=Gate.PHASE2)
    world.require("lower_ttl", PILOT)
    world.present["MX pilot.example.net"] = "elsewhere"
    refused(world, "changed since, by another hand: .*was finished; is elsewhere", "merge_spf", PILOT)


# A deletion that has begun ----------------------------------------------------------------------------------------

DELETION = Stage(Gate.DELETION, (PILOT, OTHER), "deletion")
HOUR_S = 3600.0


@pytest.fixture
def deleting(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """EC2 was stopped, the gate opened, and ``retire_ec2_access`` has written behind it; that was two hours ago."""
    monkeypatch.setattr(upkeep, "faults", lambda *_: ())
    monkeypatch.setattr(ec2, "instance", lambda _: SimpleNamespace(id="i-1", state=world.present["EC2's instance"]))
    world.present["EC2's instance"] = "stopped"
    done(world, "prepare_dell")
    done(world, "stop_ec2")
    assert world.judge(DELETION, came_out(DELETION, Verdict.PASS)).open
    retires(world, world.identity)
    done(world, "retire_ec2_access")
    world.present["SPF"] = "without EC2"
    world.migration.clock.advance(2 * HOUR_S)
    return world


def done(world: World, script: str) -> None:
    world.migration.store.record("done", script=script, plan="")


def retires(world: World, target: str) -> None:
    """TARGET: empty where an override made it."""
    about = {"script": "retire_ec2_access", "gate": "deletion", "run": secrets.token_hex(3), "target": target}
    named = upkeep.named(world.migration)
    world.migration.store.record("run", **about, plan="p", before=digest_of(world.present), gateway=named)
    world.migration.store.log("retire_ec2_access", "", about["run"], "Dell's table", "before")


def nights(world: World, *verdicts: str, target: str = "") -> None:
    stage = Stage(Gate.DELETION, world.migration.settings.domain_names, "night-deletion", Kind.NIGHT)
    for verdict in verdicts:
        world.migration.clock.advance(24 * HOUR_S)
        keep_night(world.migration, stage, secrets.token_hex(3), verdict, target or world.identity)


def moved(world: World, *verdicts: str) -> None:
    """Dell is another machine, say, within the hours that need no night; then these nights."""
    nights(world, "pass")
    world.identity = "lab:two"
    nights(world, *verdicts)


def judged_again(world: World, **came: Verdict) -> None:
    world.judge(DELETION, *(came_out(DELETION, each, key.replace("_", "-")) for key, each in came.items()))


def alarmed(world: World, *, withdrawn: bool) -> None:
    world.migration.store.record("abort rule", PILOT, rule="lost", found="1 message lost")
    if withdrawn:
        world.migration.store.record("abort rule withdrawn", PILOT, rule="lost", why="it arrived")


@pytest.mark.parametrize(
    ("befalls", "why"),
    [
        (lambda world: world.migration, ""),
        (moved, "green night of the last 26 h at these systems, which are others .* found none"),
        (lambda world: moved(world, "fail"), "a night was red since"),
        (lambda world: moved(world, "pass"), ""),
        (lambda world: world.present.update({"EC2's instance": "running"}), "i-1 is running"),
        (lambda world: world.present.update({"EC2's instance": "terminated"}), ""),
        (lambda world: world.migration.clock.advance(30 * HOUR_S), "green night of the last 26 h, found none"),
        (lambda world: nights(world, "pass", "pass"), ""),
        (lambda world: nights(world, "inconclusive", "inconclusive"), "expected a green night of the last 26 h"),
        (lambda world: nights(world, "pass", "pass", target="lab:two"), "expected a green night of the last 26 h"),
        (lambda world: nights(world, "fail"), "a night was red since"),
        (lambda world: nights(world, "fail", *["pass"] * 13), "expected 14 green ones in a row .* 13 so far"),
        (lambda world: nights(world, "fail", *["pass"] * 14), ""),
        (lambda world: alarmed(world, withdrawn=False), "an abort rule was met since: 1 message lost"),
        (lambda world: alarmed(world, withdrawn=True), ""),
        (lambda world: judged_again(world, A_4=Verdict.FAIL, I_8=Verdict.FAIL, N_1=Verdict.PASS), ""),
        (lambda world: judged_again(world, A_4=Verdict.FAIL, E_1=Verdict.FAIL), "judged since.* keeps it closed: E-1"),
        (lambda world: judged_again(world, A_4=Verdict.FAIL, E_1=Verdict.INCONCLUSIVE), "keeps it closed: E-1"),
        (lambda world: done(world, "stop_ec2"), "is not open for the whole migration: its verdict is stale"),
        (lambda world: world.migration.store.record("undone", scripts=["stop_ec2"]), "its verdict is stale"),
    ],
)  # fmt: skip
def test_a_deletion_that_was_begun_goes_on(deleting: World, befalls: Callable[[World], object], why: str) -> None:
    """Its gate can't open again; what nights, alarms and a judgement say since still counts."""
    befalls(deleting)
    for script in ("retire_ec2_access", "retire_terraform", "delete_ec2"):
        if not why:
            deleting.require(script, PILOT, OTHER)
            continue
        with pytest.raises(GateClosed, match=why):
            deleting.require(script, PILOT, OTHER)


def test_a_deletion_goes_on_for_the_gateway_for_which_it_was_begun(deleting: World) -> None:
    migration, named = deleting.migration, upkeep.named(deleting.migration)
    began, other = upkeep.begun(migration) or {}, "[ec2] of the settings names another gateway since: role_name"
    for gateway, target, why in (
        (named, "lab:one", []),
        ({**named, "role_name": "another"}, "lab:one", [other]),
        ({**named, "role_name": "another"}, "lab:two", [other]),
        ({}, "lab:two", ["it was begun at other systems (lab:one, these are lab:two)"]),
        (named, "live:one", ["it was begun at other systems (lab:one, these are live:one)"]),
    ):
        deleting.identity = target
        nights(deleting, "pass")
        assert list(upkeep.against(migration, {**began, "gateway": gateway}, target)) == why


def test_what_nobody_began_behind_the_gate_since_the_stop_does_not_go_on(world: World) -> None:
    """Before EC2 was stopped; by an override; and by a run that wrote nothing."""
    retires(world, world.identity)
    done(world, "stop_ec2")
    retires(world, "")
    world.migration.store.record("run", script="delete_ec2", gate="deletion", run="x", target=world.identity)
    assert upkeep.begun(world.migration) is None
    refused(world, "gate deletion .* is not open", "delete_ec2", PILOT)
    retires(world, world.identity)
    assert upkeep.begun(world.migration) is not None


def test_what_prepare_dell_took_back_is_not_begun(deleting: World) -> None:
    deleting.migration.store.record("undone", scripts=["retire_ec2_access"])
    deleting.require("retire_ec2_access", PILOT, OTHER)
    done(deleting, "prepare_dell")
    refused(deleting, "its verdict is stale", "retire_ec2_access", PILOT, OTHER)


def test_another_hand_is_seen_while_the_verdict_counts(deleting: World) -> None:
    judge = deleting.judge(DELETION, came_out(DELETION, Verdict.PASS))
    assert judge.open
    deleting.require("delete_ec2", PILOT, OTHER)
    deleting.present["MX pilot.example.net"] = "elsewhere"
    refused(deleting, "another hand", "delete_ec2", PILOT, OTHER)
