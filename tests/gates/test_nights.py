"""Nights: which of them count, what the evidence says of those that don't, and the light run after sign-off."""

import time
from dataclasses import replace

import pytest

import fixtures.gates.nights as counting
from fixtures.evidence import Verdict
from fixtures.gates.catalogue import expectations
from fixtures.gates.nights import DAY_S, Series
from fixtures.gates.outcome import Outcome
from fixtures.gates.traceability import scenarios
from fixtures.migration import Migration
from fixtures.migration.progress import NIGHTLY_ONLY, Kind, Progress, Stage, night_stages, week_stages
from fixtures.plan.gates import Gate
from fixtures.report.history import last_nights
from fixtures.settings import ClockSettings, Waiver
from fixtures.store import journal, records
from fixtures.watching import abort_rules
from tests.gates.conftest import PILOT, World, came_out, letters

HOUR_S = 3600.0
ALL = ("webmakeprofit.org", "fx-trader-life.com", "pilot.example.net")
NIGHT = Stage(Gate.PHASE4, ALL, "night-phase4", Kind.NIGHT)
WEEK = Stage(Gate.SIGNOFF, ALL, "week", Kind.WEEK)
LAST = replace(WEEK, label="night-signoff", kind=Kind.NIGHT)


def night(world: World, *outcomes: Outcome, after_s: float = DAY_S, stage: Stage = NIGHT) -> None:
    world.migration.clock.advance(after_s)
    assert world.judge(stage, *(outcomes or (letters(stage),))).stored


def counted(world: World, since: float = 0, migration: Migration | None = None) -> Series:
    return counting.series(migration or world.migration, since, Gate.PHASE4, world.identity)


def test_seven_of_them(world: World) -> None:
    began = world.migration.clock.now()
    for _ in range(7):
        night(world)
    found = counted(world, began)
    assert (found.green_in_a_row, found.against) == (7, ())
    assert found.days == pytest.approx(7, abs=0.01)


def test_fourteen_in_one_evening_are_one(world: World) -> None:
    began = world.migration.clock.now()
    for _ in range(14):
        night(world, after_s=600)
    found = counted(world, began)
    assert (len(found.nights), found.green_in_a_row, len(found.doubles)) == (14, 1, 13)
    assert found.days < 0.1
    assert "14 nights in 0.1 days, 1 green in a row, 0 red, 13 too soon, 0 not counted" in found.evidence.answer
    assert found.evidence.transcript.count("pass: less than 20 h after another") == 13
    assert [each.verdict.opens for each in last_nights(world.migration)] == [True] + [False] * 13


@pytest.mark.parametrize(("gap_s", "count"), [(20 * HOUR_S - 60, 1), (20 * HOUR_S, 2)])
def test_the_boundary(world: World, gap_s: float, count: int) -> None:
    night(world)
    night(world, after_s=gap_s)
    assert counted(world).green_in_a_row == count


def test_where_no_time_is_compressed_the_systems_clock_counts_too(world: World) -> None:
    for _ in range(3):
        night(world)
    assert counting.series(world.having(clock=ClockSettings())).compressed is False
    here = replace(counted(world), compressed=False)
    assert (here.green_in_a_row, len(here.doubles)) == (1, 2)


def test_an_inconclusive_one_leaves_its_evening_to_another(world: World) -> None:
    night(world)
    night(world, letters(NIGHT, verdict=Verdict.INCONCLUSIVE))
    night(world, after_s=HOUR_S)
    assert counted(world).green_in_a_row == 2


def test_a_red_one_starts_again_and_takes_its_evening(world: World) -> None:
    night(world)
    night(world, letters(NIGHT), came_out(NIGHT, Verdict.FAIL, "N-7"))
    night(world, after_s=HOUR_S)
    assert counted(world).green_in_a_row == 0
    night(world)
    assert counted(world).green_in_a_row == 1


@pytest.mark.parametrize(
    ("met", "broken", "red"),
    [
        ("done during it", "C-1", False),
        ("done during it", "C-7", True),
        ("unfinished", "C-1", False),
        ("unfinished for long", "C-1", True),
        ("done before it", "C-1", True),
        ("nothing", "C-1", True),
    ],
)
def test_one_that_met_a_script_of_ours_is_judged_again(world: World, met: str, broken: str, *, red: bool) -> None:
    """It takes no night away, and is none; but for mail that was lost, and for what nobody finishes."""
    store, clock = world.migration.store, world.migration.clock
    night(world)
    clock.advance(DAY_S)
    if met != "nothing":
        store.record("run", PILOT, script="add_address", gate="", run="1", plan="p")
        store.log("add_address", PILOT, "1", "a rule", "before")
    if "done" in met:
        store.record("done", PILOT, script="add_address", plan="p")
    clock.advance(world.migration.settings.bounds.soak_gap_s if "for long" in met else 0)
    run = world.begun(NIGHT, 2)
    run.outcomes = [letters(NIGHT), came_out(NIGHT, Verdict.FAIL, broken)]
    if "during" in met:
        store.log("add_address", PILOT, "1", "a rule", "after")
    said = run.conclude(NIGHT)
    assert said.verdict is (Verdict.FAIL if red else Verdict.INCONCLUSIVE)
    assert (counting.BY_A_SCRIPT in said.reasons) != red
    newest = counting.newest(world.migration)
    assert newest is not None
    assert (counting.BY_A_SCRIPT in newest.bad) != red
    assert counted(world).green_in_a_row == (0 if red else 1)
    assert (counting.last_red(world.migration, PILOT, 0) is not None) == red
    night(world)
    assert counted(world).green_in_a_row == (1 if red else 2)


@pytest.mark.parametrize("ahead_s", [32_400, 30 * DAY_S])
def test_a_script_of_tomorrow_excuses_none(world: World, ahead_s: float) -> None:
    """What it wrote is dated by a clock that has gone back since."""
    night(world)
    world.migration.store.log("add_address", PILOT, "1", "a rule", "after")
    with world.migration.store.engine.begin() as db:
        db.execute(journal.update().values(real_at=time.time() + ahead_s))
    night(world, letters(NIGHT), came_out(NIGHT, Verdict.FAIL, "C-1"))
    assert counting.last_red(world.migration, PILOT, 0) is not None


def test_a_night_ahead_takes_no_place_of_those_that_came_later(world: World) -> None:
    night(world, after_s=0)
    moved = records.update().where(records.c.kind == counting.RECORD)
    with world.migration.store.engine.begin() as db:
        db.execute(moved.values(at=records.c.at + 30 * DAY_S, real_at=records.c.real_at + 30 * DAY_S))
    for _ in range(3):
        night(world)
    found, newest = counted(world), counting.newest(world.migration)
    assert (found.green_in_a_row, len(found.doubles)) == (3, 0)
    assert any(counting.AHEAD in each for each in found.against)
    assert newest is not None
    assert newest.at == pytest.approx(world.migration.clock.now(), abs=60)


def test_one_night_dated_behind_takes_none_of_those_before_it(world: World) -> None:
    for _ in range(3):
        night(world)
    (*_, last) = world.migration.store.recorded(counting.RECORD)
    behind = records.update().where(records.c.kind == counting.RECORD, records.c.id == last["place"])
    night(world)
    with world.migration.store.engine.begin() as db:
        db.execute(behind.values(real_at=records.c.real_at - 16 * DAY_S))
    found = counted(world)
    assert [each for each in found.against if counting.AHEAD in each] == []
    assert any(counting.BEHIND in each for each in found.against)


def test_what_came_after_a_switch_counts_whatever_its_clock_said(world: World) -> None:
    store = world.migration.store
    store.record("switch", PILOT)
    (switch,) = store.recorded("switch", PILOT)
    place, since = switch["place"], world.migration.clock.now() + 32_400
    night(world, letters(NIGHT), came_out(NIGHT, Verdict.FAIL, "C-1"), after_s=0)
    store.record(abort_rules.MET, PILOT, rule="lost", found="1 messages lost")
    assert counting.last_red(world.migration, PILOT, since) is None
    assert counting.last_red(world.migration, PILOT, since, place) is not None
    assert len(counting.series(world.migration, since, after=place).red) == 1
    assert len(abort_rules.alarms(store, PILOT, since, place)) == 1


def test_a_night_without_mail_is_none(world: World) -> None:
    night(world, came_out(NIGHT, Verdict.PASS, "N-7"))
    night(world, letters(NIGHT, ALL[:2]))
    found = counted(world)
    assert found.green_in_a_row == 0
    assert "no mail to webmakeprofit.org was sent and found; no mail to fx-" in found.against[0]
    assert "2 messages arrived, by " in found.against[1]
    assert found.against[1].endswith(": no mail to pilot.example.net was sent and found")


def test_an_address_that_was_added_by_its_script_leaves_the_count(world: World) -> None:
    night(world)
    night(world)
    domain, *others = world.migration.settings.domains
    more = domain.model_copy(update={"mailboxes": (*domain.mailboxes, "erin")})
    world.migration = world.having(domains=(more, *others))
    found = counted(world)
    assert found.green_in_a_row == 0
    assert found.against[0].endswith(f": it was judged of other addresses: erin@{domain.name} to erin@{domain.name}")
    world.migration.store.record(counting.ADDRESS, domain.name, address=f"erin@{domain.name}", state="begun")
    assert counted(world).green_in_a_row == 0
    world.migration.store.record(counting.ADDRESS, domain.name, address=f"erin@{domain.name}", state="added")
    assert counted(world).green_in_a_row == 2


def test_those_of_strangers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of other systems, before another gate, of some domains, by hand, by another version."""
    night(world)
    world.identity = "lab:two"
    night(world)
    world.identity = "lab:one"
    night(world, stage=replace(NIGHT, gate=Gate.PHASE3))
    night(world, stage=replace(NIGHT, domains=ALL[:2]))
    world.migration.clock.advance(DAY_S)
    world.migration.store.record("night", gate="phase4", domains=list(ALL), run="x", suite="?", verdict="pass", bad=[])
    found = counted(world)
    assert (len(found.nights), found.green_in_a_row) == (5, 1)
    strangers = [each for each in found.against if not each.startswith("none between")]
    words = "of other systems, not judged before phase4, pilot.example.net was not judged, nothing says of which"
    assert all(word in said for said, word in zip(strangers, words.split(", "), strict=True))
    monkeypatch.setattr(counting, "VERSION", "9.9.9+0")
    assert "judged by another version; this is 9.9.9+0" in counted(world).against[0]
    assert counted(world).green_in_a_row == 0


def test_settings_that_decide_about_nights(world: World) -> None:
    """A waiver of something else costs no two weeks; another bound does."""
    night(world)
    waiver = Waiver.model_validate(
        {"id": "S-5", "owner": "Tanaka", "reason": "no reports came in", "expires": "2099-01-01"}
    )
    assert counted(world, migration=world.having(waivers=(waiver,))).green_in_a_row == 1
    bounds = world.migration.settings.bounds.model_copy(update={"arrival_s": 6.0})
    said = counted(world, migration=world.having(bounds=bounds)).against[0]
    assert "it was judged by other settings; these are " in said


@pytest.mark.parametrize(("hours", "missing"), [((72,), 72), ((27,), 27), ((25,), 0), ((20, 20), 40)], ids=str)
def test_gaps_are_reported(world: World, hours: tuple[int, ...], missing: int) -> None:
    """One between that does not count ends none."""
    began = world.migration.clock.now()
    night(world)
    for each in hours[:-1]:
        night(world, came_out(NIGHT, Verdict.PASS, "N-7"), after_s=each * HOUR_S)
    night(world, after_s=hours[-1] * HOUR_S)
    said = [each.rpartition(": ")[2] for each in counted(world, began).missing]
    assert said == [f"{missing} h, at most 26"] * bool(missing)


# After sign-off ------------------------------------------------------------------------------------------------------


def test_what_a_light_run_judges() -> None:
    """What a night judges at that gate, less what plays strangers or speaks of the move."""
    of_night, of_week = ({key for s in scenarios() if each.judges(s.tags) for key in s.ids} for each in (LAST, WEEK))
    assert of_night - of_week == NIGHTLY_ONLY | {"D-5"}  # D-5 stands next to A-4 in one scenario
    names = "A-5 A-10 A-13 A-16 A-20 C-1 C-2 C-3 C-4 E-1 E-2 E-6 N-4 N-5 N-7 N-9 N-11 S-6 W-1 W-2 W-3 W-4 W-6 W-10"
    assert of_week == set(names.split())
    assert all("soak" in expectations()[key].kinds for key in of_week)


def test_a_light_run_is_for_when_all_is_over(world: World) -> None:
    store, settings = world.migration.store, world.migration.settings
    store.record("done", script="prepare_dell", plan="")
    for domain in settings.domain_names:
        for script in ("prepare_cloudflare", "switch_mx"):
            store.record("done", domain, script=script, plan="")
    store.record("done", script="stop_ec2", plan="")
    assert week_stages(Progress.read(store, settings)) == []
    assert night_stages(Progress.read(store, settings))
    store.record("done", script="delete_ec2", plan="")
    assert week_stages(Progress.read(store, settings)) == [
        Stage(Gate.SIGNOFF, settings.domain_names, "week", Kind.WEEK)
    ]


def test_no_gate_counts_a_light_run(world: World) -> None:
    world.judge(LAST, came_out(LAST, Verdict.PASS, "N-7"))
    world.judge(WEEK, came_out(WEEK, Verdict.FAIL, "N-7"))
    found = counting.series(world.migration)
    assert (len(found.nights), len(found.red)) == (1, 0)
    newest = counting.newest(world.migration)
    assert newest is not None
    assert (newest.light, newest.verdict) == (True, Verdict.FAIL)
