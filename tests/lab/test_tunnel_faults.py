"""Where mail comes by the Worker and a tunnel: as ``test_worker_faults``."""

import pytest

from fixtures.lab.faults.walk import Walk, hasty
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.lab.test_worker_faults import green_and_sees
from tests.labs import shared

lab = shared("tests-tunnel-faults", 24, month=True, route="tunnel")


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Walk:
    hasty(lab)
    return Walk(lab)


@pytest.mark.parametrize("gate", [Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, Gate.PHASE4])
def test_a_gate_is_green_and_sees_what_is_wrong(walk: Walk, gate: Gate) -> None:
    green_and_sees(walk, gate, "tunnel")
