"""A switch that fails or is ended half-way: EC2's MX stands again, without anybody's doing."""

from collections.abc import Iterator
from functools import partial

import pytest

from fixtures.lab.world import Lab
from tests import labs
from tests.labs import standing
from tests.scripts import operating
from tests.scripts.operating import PREPARE_PILOT, plant

NAME = "test-switch-back"
as_operator = partial(operating.as_operator, lab=NAME)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share; each leaves the domain at EC2."""
    with standing(NAME, 7) as made:
        as_operator(PREPARE_PILOT + "print(0)")
        yield made


REFUSED = {"path": "/email/routing/dns$", "kind": "status", "method": "POST", "status": 403, "times": 10}
ENDED = """
kinds = ("switching", "window opened", "window closed")
states, opened, closed = (migration.store.recorded(kind, PILOT) for kind in kinds)
mx = [each.text for each in cloudflare.records(migration, PILOT).of(PILOT, "MX")]
print(json.dumps([states[-1]["state"], mx, len(opened), len(closed), spf(PILOT)]))
"""
OURS = ["mail.webmakeprofit.org"]
MERGED = ["v=spf1 ip4:203.0.113.20 include:sendgrid.net include:_spf.mx.cloudflare.net ~all"]


def test_whatever_refuses_once_the_mx_has_moved_puts_it_back(lab: Lab) -> None:
    """By the same run, which says so and ends with 1. Other answers: ``tests/kills/test_switch_writes.py``."""
    plant(lab, REFUSED)
    try:
        done = as_operator("print(json.dumps(switch(PILOT)))")
    finally:
        plant(lab, None)
    state, mx, opened, closed, text = as_operator(ENDED)
    assert done["status"] == 1, done
    assert "EC2's MX of pilot.example.net stands again" in done["said"]
    assert (state, mx, text) == ("back", OURS, MERGED)
    assert opened == closed > 0


def test_a_setting_that_nobody_has_seen_is_refused_by_name(lab: Lab) -> None:
    config = lab.folder / "operator/migration.toml"
    right = config.read_text(encoding="utf-8")
    try:
        for wrong, says in (
            ('enabling = "coexists"', "was seen nowhere"),
            ('enabling = "replaces"', "was seen nowhere"),
            ('enabling = "by_subdomain"', "by_subdomain_shown"),
        ):
            config.write_text(right.replace("[cloudflare]\n", f"[cloudflare]\n{wrong}\n"), encoding="utf-8")
            done = labs.operator(NAME, "-m", "scripts.switch_mx", "--domain", "pilot.example.net")
            assert done.returncode == 2
            assert says in done.stderr
            assert "cloudflare" in done.stderr
    finally:
        config.write_text(right, encoding="utf-8")
