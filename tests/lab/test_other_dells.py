"""Dells that are not Debian 13's on a host: the gates of phases 2 and 3, and the drills, one lab for each of them.

Debian 12 (Postfix 3.7, Dovecot 2.3) with another domain in MariaDB; and a container that renders main.cf at each start.
"""

import sys
from collections.abc import Iterator

import pytest

from fixtures.lab.faults.walk import carry
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.conftest import run
from tests.labs import opens, serves_the_family, standing

DRILLS_S_MAX = 900


@pytest.fixture(scope="module", params=["rendered", "debian-12"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """It stands before phase 2 at first, with a month of mail."""
    with standing(f"tests-{request.param}", 12, "phase2", month=True, dell=request.param) as made:
        yield made


def test_phase2_opens(lab: Lab) -> None:
    opens(lab, Gate.PHASE2)


def test_a_domain_that_nobody_moves_is_served_as_before(lab: Lab) -> None:
    if lab.dell != "debian-12":
        pytest.skip("this Dell has no other domain")
    serves_the_family(lab)


def test_phase3_opens(lab: Lab) -> None:
    carry(lab.name, Gate.PHASE3, Gate.PHASE2)
    opens(lab, Gate.PHASE3)


def test_the_drills_hold(lab: Lab) -> None:
    """In the end: they carry domains there and back."""
    command = [sys.executable, "-m", "pytest", "features/", "-q", "--drill", "--lab", lab.name]
    done = run(command, timeout_s=DRILLS_S_MAX)
    assert done.returncode == 0, done.stdout[-8000:]
