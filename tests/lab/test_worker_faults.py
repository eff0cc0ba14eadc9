"""Where mail comes by the Worker: each gate sees what is wrong with that, and nothing is red by itself.

Each fault turns its own scenario red, for its reason: a sample of them, and all by ``scripts/faults --route worker``.
At each gate all of the features are judged with nothing planted.
"""

import pytest

from fixtures.lab.faults import Fault, catalogue
from fixtures.lab.faults.walk import Walk, amiss, hasty
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
    mine = [fault for fault in catalogue() if fault.route == route and fault.at is gate and fault.quick]
    wrong = {fault.id: said for fault in mine if (said := _amiss(walk, fault))}
    assert not wrong, "\n".join(f"{fault}: {said}" for fault, said in wrong.items())


def _amiss(walk: Walk, fault: Fault) -> str:
    judged = walk.judged_with(fault)
    why = amiss(fault, judged)
    return why and f"{why}\n{judged.output[-3000:]}"
