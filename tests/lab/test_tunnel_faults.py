"""Where mail comes by the Worker and a tunnel: as ``test_worker_faults``."""

import pytest

from fixtures.lab.faults.walk import Walk
from fixtures.plan.gates import Gate
from tests.lab import test_worker_faults
from tests.labs import shared

lab = shared("tests-tunnel-faults", 24, month=True, route="tunnel")
walk = test_worker_faults.walk


@pytest.mark.parametrize("gate", [Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, Gate.PHASE4])
def test_a_gate_is_green_and_sees_what_is_wrong(walk: Walk, gate: Gate) -> None:
    test_worker_faults.green_and_sees(walk, gate, "tunnel")
