"""Two operators' systems at the end: on other Dells, with other folders of Terraform's, deleted and signed off.

A rendered container, with the gateway and nothing else in Terraform's folder; Debian 12, with a family's domain in a
MySQL map and no Terraform. Each lab's address has reverse DNS, AWS Backup keeps a snapshot of EC2's volume, and another
machine has one of its security groups (``fixtures.lab.aws``).
"""

from collections.abc import Iterator

import pytest

from fixtures.lab.faults.walk import carry
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.labs import opens, serves_the_family, standing


@pytest.fixture(scope="module", params=["debian-12", "rendered"])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    with standing(f"tests-end-{request.param}", 14, Gate.DELETION, month=True, dell=request.param) as made:
        yield made


def test_deletion_opens(lab: Lab) -> None:
    opens(lab, Gate.DELETION)


def test_signoff_opens_when_all_is_deleted(lab: Lab) -> None:
    carry(lab.name, Gate.SIGNOFF, Gate.DELETION)
    opens(lab, Gate.SIGNOFF)
    if lab.dell == "debian-12":
        serves_the_family(lab)
