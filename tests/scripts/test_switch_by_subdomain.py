"""Email Routing enabled by way of a subdomain: the MX moves without a window, or not at all."""

from collections.abc import Iterator
from functools import partial

import pytest

from fixtures.lab.world import Lab
from tests.labs import standing
from tests.scripts import operating
from tests.scripts.operating import PREPARE_PILOT, plant

NAME = "test-switch-by-subdomain"
as_operator = partial(operating.as_operator, lab=NAME)
ORDER = """[cloudflare]
enabling = "by_subdomain"
by_subdomain_shown = "in this lab, by a knob of its Cloudflare"
"""
OUTCOME = """
found = cloudflare.records(migration, PILOT).records
below = sorted({each.name for each in found if "mxgate." + PILOT in each.name})
mx = sorted(each.text for each in found if (each.type, each.name) == ("MX", PILOT))
windows = len(migration.store.recorded("window opened", PILOT))
states = [each["state"] for each in migration.store.recorded("switching", PILOT)]
print(json.dumps([done, mx, below, windows, spf(PILOT), states[-1], cloudflare.routing(migration, PILOT).status]))
"""
MERGED = ["v=spf1 ip4:203.0.113.20 include:sendgrid.net include:_spf.mx.cloudflare.net ~all"]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share, in the order in which they stand here."""
    with standing(NAME, 7) as made:
        config = made.folder / "operator/migration.toml"
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace("[cloudflare]\n", ORDER), encoding="utf-8")
        as_operator(PREPARE_PILOT + "print(0)")
        yield made


@pytest.mark.usefixtures("lab")
def test_it_gives_up_where_the_hosts_never_take_the_addresses() -> None:
    done, mx, below, windows, spf, state, _ = as_operator("done = switch(PILOT)" + OUTCOME)
    assert done["status"] == 1
    assert 'enabling = "refuses"' in done["said"]
    assert "Nothing has moved" in done["said"]
    assert (mx, below, windows, spf, state) == (["mail.webmakeprofit.org"], [], 0, MERGED, "unmoved")


def test_it_moves_the_mx_once_they_do_and_nothing_bounces(lab: Lab) -> None:
    plant(lab, {"apex_early": "taken"}, "knobs")
    try:
        done, mx, below, windows, spf, state, status = as_operator("done = switch(PILOT)" + OUTCOME)
        way, refused, twice = as_operator("""
from fixtures.ledger.windows import refusals
way = paths(PILOT)
print(json.dumps([way, refusals(migration, PILOT), do("switch_mx", PILOT)["writes"]]))
""")
    finally:
        plant(lab, {"apex_early": "refused"}, "knobs")
    assert done["status"] == 0, done["said"]
    assert mx == [f"route{number}.mx.cloudflare.net" for number in (1, 2, 3)]
    assert (below, windows, spf, state, status) == ([], 0, MERGED, "through", "unlocked")
    assert (way, refused, twice) == (["cloudflare"], [], 0)


def test_a_zone_that_stayed_enabled_goes_by_the_other_order(lab: Lab) -> None:
    """Whose window its plan announces."""
    config = lab.folder / "operator/migration.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace(ORDER, "[cloudflare]\n"), encoding="utf-8")
    code = 'assert do("rollback", PILOT)["status"] == 0\ndone = switch(PILOT)'
    done, mx, _, windows, spf, state, status = as_operator(code + OUTCOME)
    assert done["status"] == 0, done["said"]
    assert mx == [f"route{number}.mx.cloudflare.net" for number in (1, 2, 3)]
    assert (windows, spf, state, status) == (1, MERGED, "through", "unlocked")
