"""Where mail comes by the Worker: each gate sees what is wrong with that, and nothing is red by itself.

Each fault turns its own scenario red, for its reason: a sample of them, and all by ``scripts/faults --route worker``.
At each gate all of the features are judged with nothing planted.
"""

import pytest

from fixtures.lab.faults import Fault, catalogue
from fixtures.lab.faults.walk import Walk, amiss, can_stand, hasty
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.labs import shared

lab = shared("tests-worker-faults", 23, month=True, route="worker", knobs=("--worker-throws=rejected",))


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Walk:
    hasty(lab)
    return Walk(lab)


@pytest.mark.parametrize("gate", [Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, Gate.PHASE4])
def test_a_gate_is_green_and_sees_what_is_wrong(walk: Walk, gate: Gate) -> None:
    green_and_sees(walk, gate, "worker")


def green_and_sees(walk: Walk, gate: Gate, route: str) -> None:
    walk.to(gate)
    judged = walk.judge(gate)
    red = {row.name: row.message for row in judged.looked}
    assert not red, "\n".join(f"{name}: {said}" for name, said in red.items())
    together: list[list[Fault]] = []
    for fault in (each for each in catalogue() if each.route == route and each.at is gate and each.quick):
        group = next((group for group in together if all(can_stand(fault, each) for each in group)), [])
        if not group:
            together.append(group)
        group.append(fault)
    wrong = [said for group in together for said in _amiss(walk, group)]
    assert not wrong, "\n".join(wrong)


def _amiss(walk: Walk, faults: list[Fault]) -> list[str]:
    """What of FAULTS, which can stand each other, comes out otherwise than its page says, by itself too."""
    judged = walk.judged_with(*faults)
    if len(faults) == 1:
        (fault,) = faults
        why = amiss(fault, judged)
        return [f"{fault.id}: {why}\n{judged.output[-3000:]}"] if why else []
    return [said for each in faults if amiss(each, judged) for said in _amiss(walk, [each])]
