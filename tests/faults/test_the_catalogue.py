"""Every fault of the catalogue turns its scenario red, that one alone of its expectation's, and for the stated reason.

The lab goes from gate to gate. At each one what belongs there is green before anything is planted, and again when the
last fault was taken back: the first look at the next gate would show what was left.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import groupby

import pytest

from fixtures.gates.catalogue import corrections
from fixtures.gates.traceability import scenarios
from fixtures.lab.faults import Fault, catalogue, planted
from tests.faults.conftest import ORDER, Walk, keyword
from tests.faults.test_operators_plan import TYPED
from tests.reading import report

TURNS = ("first", "", "drills", "last")


@cache
def _drills() -> frozenset[str]:
    return frozenset(keyword(each.name) for each in scenarios() if "drill" in each.tags)


def _drill(fault: Fault) -> bool:
    return any(keyword(fault.scenario) in name for name in _drills())


def _turn(fault: Fault) -> tuple[int, int]:
    """Drills come after what a gate judges by looking: Cloudflare's events keep their mail, the ledger doesn't."""
    return ORDER.index(fault.at), TURNS.index("drills" if _drill(fault) and not fault.turn else fault.turn)


GROUPS = {
    turn: tuple(fault for fault in faults if fault.dell == "host")  # the others: tests/scripts/test_owner_*.py
    for turn, faults in groupby(sorted(catalogue(), key=_turn), key=_turn)
}
ITEMS = [
    pytest.param(
        group, fault, id=f"{ORDER[at]} {TURNS[turn]}".rstrip() + f": {fault.id if fault else 'nothing planted'}"
    )
    for (at, turn), group in GROUPS.items()
    for fault in (None, *group)
]


@pytest.mark.parametrize(("group", "fault"), ITEMS)
def test_it_turns_its_own_scenario_red(
    request: pytest.FixtureRequest, group: tuple[Fault, ...], fault: Fault | None
) -> None:
    everything = request.config.getoption("--all-faults", default=False)
    if not everything and not any(each.quick for each in ([fault] if fault else group)):
        pytest.skip("one of those that are planted with --all-faults")
    walk: Walk = request.getfixturevalue("walk")  # only now: no lab is stood for what is skipped
    walk.to(group[0].at)
    walk.moved = group[0].turn == "last"
    if fault is None:
        _nothing_is_red(walk, [each for each in group if everything or each.quick])
        return
    with planted(walk.lab, fault):
        told = walk.judge(None if _drill(fault) else fault.gate, keyword(fault.scenario), fault.domain)
    assert told.rows, told.output[-3000:]
    wanted = [row for row in told.rows if any(words in row.name for words in fault.rows)]
    red = [row.name for row in told.red]
    assert red == [row.name for row in wanted], f"red: {red}\n{told.output[-6000:]}"
    for row in wanted:
        assert f": {fault.verdict} for " in row.message or fault.verdict == "inconclusive" == _could_not(row.message)
        missing = [words for words in fault.says if words not in row.message]
        assert not missing, f"no word of {missing} in:\n{row.message[:6000]}"


def _could_not(message: str) -> str:
    return "inconclusive" if message.startswith("could not judge: ") else ""


def _nothing_is_red(walk: Walk, faults: Iterable[Fault]) -> None:
    mine = [each for each in faults if each.gate is each.at]
    if mine:
        names = {keyword(each.scenario) for each in mine}
        told = walk.judge(None if _drill(mine[0]) else mine[0].gate, " or ".join(sorted(names)))
        assert len(told.rows) >= len(names), told.output[-3000:]
        assert not told.red, told.output[-6000:]


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
