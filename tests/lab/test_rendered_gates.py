"""A Dell in a container that renders its configuration: each gate opens, to the sign-off.

Terraform's folder has the gateway and nothing else. EC2's address has reverse DNS, AWS Backup keeps a snapshot of
EC2's volume, and another machine has one of EC2's security groups (``fixtures.lab.aws``).
"""

from itertools import pairwise

import pytest

from fixtures.lab.faults.walk import carry, seldom
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.labs import opens, shared

lab = shared("tests-rendered", 14, month=True, dell="rendered")
GATES = (Gate.PHASE1, Gate.PHASE2, Gate.PHASE3, Gate.DELETION, Gate.SIGNOFF)


@pytest.mark.parametrize(("since", "gate"), list(pairwise(GATES)))
def test_a_gate_opens(lab: Lab, since: Gate, gate: Gate) -> None:
    if since is Gate.PHASE1:
        seldom(lab)
    carry(lab.name, gate, since, straight=True)
    opens(lab, gate)
