"""What is wrong is seen: the operator's own plan as typed, and every fault of the catalogue.

The plan is typed on Dell: the phase2 gate is closed each time, and says why. A fault turns its scenario red, only that
one of its expectation's, and for the stated reason. The lab goes from gate to gate. At each one what belongs there is
green before anything is planted, and again when the last fault was taken back: the first look at the next gate would
show what was left. What can stand each other is planted at once.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

from fixtures.gates.catalogue import corrections
from fixtures.gates.traceability import scenarios
from fixtures.lab.faults import Fault, catalogue, usual
from fixtures.lab.faults.walk import ORDER, TURNS, Walk, in_turn, is_drill, keyword, turn_of
from fixtures.plan.gates import Gate
from tests.faults.seeing import wrongly_seen
from tests.reading import report

PLAN = Path(__file__).parents[2] / "fixtures/lab/faults/operators_plan.sh"
DELL, EC2 = "dell.webmakeprofit.org", "mail.webmakeprofit.org"
TYPED = [
    pytest.param(
        "lines", DELL, [r"Email Routing 104.30.", "refused", "-e, -X, or -# accepts no multi-line input"], id="X1"
    ),
    pytest.param(
        "one",
        DELL,
        [
            "Email Routing 104.30.0.0: expected the recipient accepted (250), found 554 5.7.1",  # X2
            "plain from Cloudflare web proxy 104.16.0.7: expected refused with 5xx at RCPT, found 250",  # X3
        ],
        id="X2-X3",
    ),
    pytest.param("one", EC2, ["loops back to myself"], id="X11"),
]
"""Ranges, myhostname, and what a gate or the shell says; the ids are those of the plan's errors."""
PUT_BACK = """\
find /etc/postfix -mindepth 1 -delete
cp -a /run/as-it-was/. /etc/postfix/
postsuper -d ALL
postfix stop
postfix start
"""


@pytest.fixture
def today(walk: Walk) -> Iterator[Walk]:
    """The lab before phase 1, with Dell's Postfix put back afterwards."""
    assert walk.at is Gate.PHASE1
    kept = walk.lab.exec("dell", ["cp", "-a", "/etc/postfix", "/run/as-it-was"])
    assert kept.returncode == 0, kept.stderr
    yield walk
    back = walk.lab.exec("dell", ["bash", "-ec", PUT_BACK + "rm -r /run/as-it-was"])
    assert back.returncode == 0, back.stdout + back.stderr


@pytest.mark.parametrize(("ranges", "myhostname", "reasons"), TYPED)
def test_the_plan_as_typed_closes_phase2(today: Walk, ranges: str, myhostname: str, reasons: list[str]) -> None:
    typed = PLAN.read_text().replace("$RANGES", ranges).replace("$MYHOSTNAME", myhostname)
    done = today.lab.exec("dell", ["bash", "-c", typed])
    # Relaying is a drill: it is tried apart from the gate, which reads its record.
    drilled = today.judge(None, keyword("can't relay")) if any("web proxy" in reason for reason in reasons) else None
    judged = today.judge(Gate.PHASE2)
    assert judged.status == 1, judged.output[-4000:]
    assert "CLOSED: phase2" in judged.output
    whole = done.stdout + done.stderr + judged.output + (drilled.output if drilled else "")
    for reason in reasons:
        assert reason in whole, f"no word of {reason!r} in:\n{judged.output[-6000:]}"


GROUPS = {turn: tuple(filter(usual, faults)) for turn, faults in groupby(in_turn(), key=turn_of)}
"""The other faults: tests/scripts/test_owner_*.py, tests/lab/test_vps.py."""
ITEMS = [pytest.param(group, id=f"{ORDER[at]} {TURNS[turn]}".rstrip()) for (at, turn), group in GROUPS.items()]


@pytest.mark.parametrize("group", ITEMS)
def test_each_turns_its_own_scenario_red(request: pytest.FixtureRequest, group: tuple[Fault, ...]) -> None:
    everything = request.config.getoption("--all-faults", default=False)
    mine = [each for each in group if everything or each.quick]
    if not mine:
        pytest.skip("of those that are planted with --all-faults")
    walk: Walk = request.getfixturevalue("walk")  # only now: no lab is stood for what is skipped
    walk.to(group[0].at)
    _nothing_is_red(walk, mine)
    wrong = wrongly_seen(walk, mine)
    assert not wrong, "\n".join(wrong)


def _nothing_is_red(walk: Walk, faults: Iterable[Fault]) -> None:
    mine = [each for each in faults if each.gate is each.at]
    if mine:
        names = {keyword(each.scenario) for each in mine}
        judged = walk.judge(None if is_drill(mine[0]) else mine[0].gate, " or ".join(sorted(names)))
        assert len(judged.rows) >= len(names), judged.output[-3000:]
        assert not judged.red, judged.output[-6000:]


def test_every_scenario_has_a_fault() -> None:
    """Z-4: what nothing turns red may be checking nothing."""
    faults = {(fault.covers, keyword(fault.scenario)) for fault in catalogue()}
    report(
        f"{scenario.path.name}: {scenario.name!r} has no fault for {', '.join(scenario.ids)}"
        for scenario in scenarios()
        if not any(covers in scenario.ids and name in keyword(scenario.name) for covers, name in faults)
    )


def test_every_error_of_the_plan_is_planted() -> None:
    typed = {key for case in TYPED for key in str(case.id).split("-")}
    assert typed | {key for fault in catalogue() for key in fault.plants} == set(corrections())
