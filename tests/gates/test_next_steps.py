"""What comes next: whoever does each time what is said gets through the whole way, on the days that the page names."""

import re
import secrets
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.gates import drill_certificate
from fixtures.gates.next_steps import Coming, coming
from fixtures.gates.script_gate import GOES_ON
from fixtures.language import speaking
from fixtures.ledger.agreement import LAG_S
from fixtures.migration import Migration, trials
from fixtures.migration.progress import BACK, QUIET_S, Progress, Stage, night_stages
from fixtures.migration.version import VERSION
from fixtures.plan.gates import TABLE, Gate, gate_of_script
from fixtures.plan.path import BESIDES, BY_HAND, DAY_S, PER_DOMAIN, days, page
from fixtures.report.model import build
from fixtures.report.next_lines import lines
from fixtures.report.render import render, render_markdown_checklist
from fixtures.settings.bounds import Bounds
from fixtures.store import journal, locks
from fixtures.target import Target
from scripts import next as program
from tests.conftest import PROJECT
from tests.gates.conftest import OTHER, PILOT, World, came_out, keep_night

WAY = """
phase1 publish_delivery prepare_dell
phase2 merge_spf lower_ttl widen_mta_sts prepare_cloudflare
phase3 switch_mx
phase3 switch_mx
phase4 stop_ec2
deletion retire_ec2_access retire_terraform delete_ec2 narrow_mta_sts restore_ttl
signoff retire_xclient
"""
"""The gates in the order in which they are judged, each with what is run behind it."""


def first(migration: Migration) -> Coming:
    return coming(migration)[0]


def done(migration: Migration, *scripts: str, domain: str = "") -> None:
    for script in scripts:
        migration.store.record("done", domain, script=script, plan="")


def behind(migration: Migration, *gates: Gate, switched: tuple[str, ...] = ()) -> None:
    """All is done behind GATES, for every domain; a switch for SWITCHED only, if any is named."""
    for script in (each for gate in gates for each in TABLE[gate].opens):
        for domain in migration.settings.domain_names if script in PER_DOMAIN else ("",):
            if script != "switch_mx" or domain in (switched or (domain,)):
                done(migration, script, domain=domain)


def judge(
    migration: Migration, gate: Gate, domains: tuple[str, ...], verdict: Verdict = Verdict.PASS, target: str = ""
) -> None:
    for domain in ("",) if TABLE[gate].whole else domains:
        migration.store.put_verdict(
            gate=gate, domain=domain, verdict=verdict, target=target, settings=migration.settings.digest, suite=VERSION,
            present="", run="r", body={"judged": {"N-1": str(verdict), "N-4": "pass"}},
        )  # fmt: skip


def night(migration: Migration) -> None:
    """A green one."""
    run = secrets.token_hex(3)
    for stage in night_stages(Progress.read(migration.store, migration.settings)):
        keep_night(migration, stage, run)


def do(migration: Migration, step: Coming) -> str:
    """What STEP says, as far as the store has it; returns its gate or script."""
    store, of = migration.store, re.findall(r"--domain (\S+)", step.command)
    if gate := re.search(r"--gate (\S+)", step.command):
        progress = Progress.read(store, migration.settings)
        turn = (PILOT,) if not progress.switched(PILOT) else progress.unswitched
        implied = turn if gate[1] == Gate.PHASE3 else migration.settings.domain_names
        judge(migration, Gate(gate[1]), tuple(of) or implied)
        return str(gate[1])
    if "--soak" in step.command:
        night(migration)
        return "night"
    script: str = re.findall(r"scripts\.(\w+)", step.command)[0]
    (domain,) = of or ("",)
    if script == "watch":
        store.record("watch", domain, running=True)
        return script
    if script == "switch_mx":
        store.record("switch", domain, began=migration.clock.now(), before=[], after=[])
    store.record("done", domain, script=script, plan="")
    return script


def test_who_follows_it_gets_through(world: World) -> None:
    migration = world.migration
    begun, went, seen = migration.clock.now(), [list[str]()], list[int]()
    for _ in range(400):
        steps = coming(migration)
        if not steps:
            break
        if steps[0].waits:
            assert steps[0].since is not None
            migration.clock.advance(max(1.0, steps[0].since - migration.clock.now() + 1))
            for domain in {row["domain"] for row in migration.store.recorded("watch")}:
                migration.store.record("watch", domain, running=True)  # it went on all the while
            continue
        did = do(migration, steps[0])
        day = round((migration.clock.now() - begun) / DAY_S, 1)
        if did in list(Gate):
            went.append([did])
            seen.append(int(day))
        elif did not in {"night", "watch"} and did not in went[-1]:
            went[-1].append(did)
    assert [" ".join(each) for each in went[1:]] == WAY.strip().splitlines()
    # Day 1 is a person's choice: the next evening. Everything else is what the bounds ask.
    assert seen == [day - (place > 0) for place, day in enumerate(days(migration.settings.bounds))] + [seen[-1]]
    assert next(iter(lines((), 0)))[1].startswith("It is over")


def test_a_closed_gate_names_what_closed_it(world: World) -> None:
    judge(world.migration, Gate.PHASE1, (), Verdict.FAIL)
    step = first(world.migration)
    assert (step.what, step.command) == ("Judge phase1: May we start?", "pytest features/ --gate phase1")
    assert step.why == "it is closed: N-1. The report says what to do about each"
    assert step.since == pytest.approx(world.migration.clock.now(), abs=60)


def test_an_open_gate_grows_old(world: World) -> None:
    judge(world.migration, Gate.PHASE1, ())
    assert first(world.migration).what == "Run publish_delivery"
    world.migration.clock.advance(world.migration.settings.bounds.verdict_age_s + 60)
    step = first(world.migration)
    assert step.what.startswith("Judge phase1")
    assert "stale" in step.why


def test_the_others_wait_for_a_pilot_whose_night_was_red(world: World) -> None:
    migration = world.migration
    behind(migration, Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, switched=(PILOT,))
    migration.clock.advance(2 * DAY_S)
    assert not next(each for each in coming(migration) if each.what.startswith("Judge phase3")).waits
    migration.store.record("night", gate="phase4", domains=[PILOT], run="x", suite="", verdict="fail", bad=[])
    migration.clock.advance(DAY_S)
    step = next(each for each in coming(migration) if each.what.startswith("Judge phase3"))
    assert step.waits
    assert step.since == pytest.approx(migration.clock.now() + DAY_S, abs=60)


def test_nights_of_other_systems_are_waited_for_again(world: World) -> None:
    """As the gate counts them: another machine saw another Dell, say."""
    migration = world.migration
    behind(migration, Gate.PHASE1, Gate.PHASE2, Gate.PHASE3)
    for _ in range(migration.settings.bounds.nights_before_stop):
        migration.clock.advance(DAY_S)
        night(migration)
    assert any(each.what.startswith("Judge phase4") and not each.waits for each in coming(migration))
    judge(migration, Gate.PHASE3, (PILOT,), target="live:one")
    (step,) = [each for each in coming(migration) if each.what.startswith("Judge phase4")]
    assert step.waits
    assert "0 so far" in step.why


def test_a_deletion_that_was_begun_goes_on(world: World) -> None:
    """Its gate can't be judged again, and that of what comes after it is over."""
    migration = world.migration
    behind(migration, Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, Gate.PHASE4)
    migration.clock.advance(30 * DAY_S)
    judge(migration, Gate.DELETION, ())
    migration.clock.advance(2 * DAY_S)
    assert first(migration).what.startswith("Judge")
    migration.store.record("run", script="retire_ec2_access", gate="deletion", run="r", target="lab:one")
    migration.store.log("retire_ec2_access", "", "r", "Dell's table", "before")
    done(migration, "retire_ec2_access")
    steps = [each for each in coming(migration) if each.command == "python -m scripts.retire_terraform"]
    assert [each.why for each in steps] == [GOES_ON]
    done(migration, "retire_terraform", "delete_ec2")
    assert first(migration).why == "it needs no gate any more"


def test_live_rehearsal_comes_first_and_trial_before_the_switch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    migration = world.having(target="live")
    step = first(migration)
    assert (step.what, step.why) == ("Rehearse your own system", "the drill certificate: there is none")
    monkeypatch.setattr(drill_certificate, "newest", lambda _: object())
    monkeypatch.setattr(drill_certificate, "void", lambda *_: "")
    judge(migration, Gate.PHASE1, ())
    done(migration, "publish_delivery", "prepare_dell")
    assert first(migration).what == "Run trial"
    found = trials.Ended("1", "mxgate-trial", migration.clock.now(), "", {})
    monkeypatch.setattr(trials, "latest", lambda *_: found)
    assert first(migration).what.startswith("Judge phase2")
    with monkeypatch.context() as other:
        other.setattr(drill_certificate, "otherwise", lambda *_: "of another Cloudflare")
        step = first(migration)
        assert (step.what, step.why) == ("Rehearse your own system", "the drill certificate: of another Cloudflare")
    migration.clock.advance((migration.settings.bounds.trial_days + 1) * DAY_S)
    judge(migration, Gate.PHASE1, ())
    assert first(migration).what == "Run trial"
    migration.store.record("done", PILOT, script="switch_mx", plan="")
    assert all(each.what != "Run trial" for each in coming(migration))


def test_a_domain_that_comes_later_begins_at_phase1(world: World) -> None:
    """What phase 1 has done of the others says nothing of it, and theirs stays done."""
    store, (late, *names) = world.migration.store, world.migration.settings.domain_names
    store.put_snapshot("start", "0", {"zones": dict.fromkeys(names, "")})
    done(world.migration, "publish_delivery", "prepare_dell")
    for taken in (False, True):
        if taken:
            world.migration.clock.advance(60)
            store.put_snapshot("start", "1", {"zones": {late: {}}})
        assert first(world.migration).command == "pytest features/ --gate phase1"
        progress = Progress.read(store, world.migration.settings)
        assert [progress.next_gate(each) for each in (late, *names)] == ["phase1", *["phase2"] * len(names)]
    judge(world.migration, Gate.PHASE1, ())
    for script in ("publish_delivery", "prepare_dell"):
        assert first(world.migration).what == f"Run {script}"
        store.record("done", script=script, plan="")
    assert first(world.migration).what.startswith("Judge phase2")


@pytest.mark.parametrize("gate", [Gate.ROLLEDBACK, Gate.PHASE3])
def test_after_a_way_back_that_is_judged_first(world: World, gate: Gate) -> None:
    done(world.migration, "publish_delivery", "prepare_dell")
    for domain in (PILOT, OTHER):
        done(world.migration, "merge_spf", "lower_ttl", "widen_mta_sts", "prepare_cloudflare", domain=domain)
    done(world.migration, "switch_mx", "rollback", domain=PILOT)
    assert first(world.migration).command == f"pytest features/ --gate rolledback --domain {PILOT}"
    judge(world.migration, gate, (PILOT,))
    assert all("rolledback" not in each.command for each in coming(world.migration))


def test_a_way_back_that_was_judged_is_not_judged_again_for_its_clean_up(world: World) -> None:
    """But another way back is, and one that nobody had judged before it was cleaned up."""
    store, clock = world.migration.store, world.migration.clock
    for judged_first, by_hand in ((True, False), (False, False), (True, False), (False, True)):
        for script in ("prepare_cloudflare", "switch_mx"):
            clock.advance(60)
            store.record("done", PILOT, script=script, plan="")
        clock.advance(60)
        if not by_hand:
            store.record(BACK, PILOT, seconds=1.0)
        store.record("done", PILOT, script="rollback", plan="")
        assert any("rolledback" in each.command for each in coming(world.migration))
        if judged_first:
            clock.advance(60)
            judge(world.migration, Gate.ROLLEDBACK, (PILOT,))
        clock.advance(600)
        store.record("undone", PILOT, scripts=("prepare_cloudflare",))
        store.record("done", PILOT, script="rollback", plan="")
        assert any("rolledback" in each.command for each in coming(world.migration)) is not judged_first


def test_a_switch_that_ended_half_way_comes_before_all_else(world: World) -> None:
    world.migration.store.record("switching", PILOT, state="moving", run="1")
    assert first(world.migration).command == f"python -m scripts.switch_mx --domain {PILOT}"


def test_an_interrupted_run_is_finished_before_the_way_goes_on(world: World) -> None:
    store, command = world.migration.store, f"python -m scripts.prepare_cloudflare --domain {PILOT}"
    about = {"script": "prepare_cloudflare", "gate": "phase2", "run": "1", "plan": "p"}
    store.record("run", PILOT, **about, command=command)
    assert not first(world.migration).what.startswith("Finish")  # it has written nothing
    store.log("prepare_cloudflare", PILOT, "1", "a rule", "before")
    step = first(world.migration)
    assert (step.what, step.command) == (f"Finish prepare_cloudflare for {PILOT}", command)
    with store.lock("migration", "it"):
        assert not first(world.migration).what.startswith("Finish")
        with store._begin() as db:  # on another machine, which nobody sees
            db.execute(locks.update().values(owner="ops@elsewhere pid 7 started 1 boot 2"))
        assert not first(world.migration).what.startswith("Finish")
        with store._begin() as db:
            db.execute(journal.update().values(real_at=journal.c.real_at - QUIET_S))
        assert first(world.migration).command == f"{command} --take-lock"
        store.unlock("migration")
    with store._begin() as db:
        owner = f"x@{socket.gethostname()} pid 1 started 1"
        db.execute(locks.insert().values(name="migration", owner=owner, why="it", since=0))
    assert first(world.migration).command == f"{command} --take-lock"
    store.record("done", PILOT, script="rollback", plan="")
    assert all("Finish" not in each.what for each in coming(world.migration))


def test_a_night_waits_until_the_caches_have_followed_a_switch(world: World) -> None:
    store, clock = world.migration.store, world.migration.clock
    for domain, at in (PILOT, 3600.0), (OTHER, 0.0):
        store.record("done", domain, script="switch_mx", plan="")
        clock.advance(at)
    (step,) = [each for each in coming(world.migration) if each.what == "Judge a night"]
    assert step.waits
    assert step.since == pytest.approx(clock.now() + LAG_S, abs=60)


def test_the_program_says_it(world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(program, "opened", lambda _: world.migration)
    assert program.main([]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [re.split(" {2,}", line, maxsplit=1)[0] for line in shown] == ["next", "how", "why", "when", "by hand"]
    assert shown[0].endswith("Judge phase1: May we start?")
    assert shown[1].endswith("pytest features/ --gate phase1")
    assert program.main(["--path"]) == 0
    assert capsys.readouterr().out == page(world.migration.settings.bounds) + "\n"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_says_the_same_on_its_first_page(world: World, tmp_path: Path, language: str) -> None:
    stage = Stage(Gate.PHASE1, (), "phase1")
    session = world.session(stage)
    session.add(came_out(stage, Verdict.PASS))
    judge(world.migration, Gate.PHASE1, ())
    with speaking(language):
        page = render(build(Target(session, [], tmp_path / "report.html")))
        first = re.sub(r"<[^>]+>", "", page[page.index('<div class="first">') : page.index('id="ledger"')])
        said = [text for _, text in lines(coming(world.migration)[:1], world.migration.clock.now())]
    assert said[0] in first
    assert said[1] in first


@pytest.mark.parametrize("partial", [False, True])
def test_the_report_of_a_part_opens_and_ticks_nothing(world: World, tmp_path: Path, *, partial: bool) -> None:
    stage = Stage(Gate.PHASE4, (), "phase4")
    session = world.session(stage)
    session.selected["phase4"], session.partial["phase4"] = 2, partial
    other = Verdict.PASS if partial else Verdict.FAIL
    for verdict, tags in ((Verdict.PASS, ("S-1", "P4.1")), (other, ("S-4", "P4.2"))):
        session.add(replace(came_out(stage, verdict), name=tags[0], tags=tags))
    session.open_stage("phase4")
    session.conclude(stage)
    made = build(Target(session, [], tmp_path / "report.html"))
    assert made.opened == 0
    ticked = {line for line in ("P4.1", "P4.2", "P4.3") if f"[x] **{line}**" in render_markdown_checklist(made)}
    assert ticked == (set() if partial else {"P4.1"})


def test_each_script_has_its_place() -> None:
    scripts = {each for spec in TABLE.values() for each in spec.opens}
    assert scripts == BY_HAND.keys()
    assert PER_DOMAIN | {BESIDES} < scripts
    assert all(gate_of_script(each) for each in BY_HAND)


@pytest.mark.parametrize(("language", "name"), [("en", "PATH.md"), ("ja", "PATH.ja.md")])
def test_the_page_is_as_the_bounds_say(language: str, name: str) -> None:
    with speaking(language):
        made = page(Bounds())
    written = (PROJECT / "scripts" / name).read_text(encoding="utf-8")
    assert made in written, f"scripts/{name}: put there what `python -m scripts.next --path --lang {language}` prints"
    other = page(Bounds(nights_before_stop=9))
    assert "| 13 | `phase4` |" in other
    assert other not in written


def test_the_readme_has_the_same_days() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    table = readme[readme.index("| day | what |") :]
    named = re.findall(r"^\| (\d+) \|", table[: table.index("\n\n")], re.MULTILINE)
    assert tuple(map(int, named)) == days(Bounds())
