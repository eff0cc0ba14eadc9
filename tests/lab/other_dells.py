"""Dells that are not Debian 13's on a host: the drills hold.

Each file that has this test has a ``lab`` of its own: workers share the work by files.
"""

from fixtures.lab.drills import LAB_ENDS
from fixtures.lab.world import Lab
from tests import warm
from tests.conftest import inherited

DRILLS_S_MAX = 900


def test_the_drills_hold(lab: Lab) -> None:
    drills = ("-m", "pytest", "features/", "-q", "--drill", "--lab", lab.name)
    done = warm.python(drills, inherited() | {LAB_ENDS: "yes"}, None, DRILLS_S_MAX)
    assert done.returncode == 0, done.stdout[-8000:]
