"""Dells that are not Debian 13's on a host: each gate opens, to the sign-off, and the drills hold.

Debian 12 (Postfix 3.7, Dovecot 2.3), with a family's domain in a MySQL map and no Terraform; and a container that
renders main.cf at each start, with the gateway and nothing else in Terraform's folder. Each lab's address has reverse
DNS, AWS Backup keeps a snapshot of EC2's volume, and another machine has one of its security groups
(``fixtures.lab.aws``). Each file that has these tests has a ``lab`` of its own: workers share the work by files.
"""

from itertools import pairwise

import pytest

from fixtures.lab.drills import LAB_ENDS
from fixtures.lab.faults.walk import carry, seldom
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests import warm
from tests.conftest import inherited
from tests.labs import opens, serves_the_family

DRILLS_S_MAX = 900
GATES = (Gate.PHASE2, Gate.PHASE3, Gate.DELETION, Gate.SIGNOFF)


@pytest.mark.parametrize(("since", "gate"), list(pairwise((Gate.PHASE1, *GATES))))
def test_a_gate_opens(lab: Lab, since: Gate, gate: Gate) -> None:
    if since is Gate.PHASE1:
        seldom(lab)
    carry(lab.name, gate, since, straight=True)
    opens(lab, gate)
    if lab.dell == "debian-12" and gate in {Gate.PHASE2, Gate.SIGNOFF}:  # it has a domain that nobody moves
        serves_the_family(lab)


def test_the_drills_hold(lab: Lab) -> None:
    drills = ("-m", "pytest", "features/", "-q", "--drill", "--lab", lab.name)
    done = warm.python(drills, inherited() | {LAB_ENDS: "yes"}, None, DRILLS_S_MAX)
    assert done.returncode == 0, done.stdout[-8000:]
