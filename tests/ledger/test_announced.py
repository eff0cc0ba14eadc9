"""A switch in the order that lets Cloudflare refuse mail for a while: that while is announced, and nothing else is."""

import json

import pytest

from tests import labs
from tests.labs import shared

NAME = "test-announced"
SWITCH = """
import contextlib, importlib, io, json, time
from fixtures.ledger import Traffic, settle
from fixtures.ledger.windows import refusals, windows, within
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api as cloudflare, changing; from fixtures.probes.dns import queries as dns
from fixtures.watching import Watch
from fixtures.watching.abort_rules import alarms

migration = open_migration()
run, store = f"announced-{domain}", migration.store

def switch_mx(*argv):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = importlib.import_module("scripts.switch_mx").main(["--domain", domain, *argv])
    return status, said.getvalue()

dns.ask_everywhere(migration, domain, "MX")
migration.clock.advance(migration.settings.bounds.ttl_s + 1)
with Traffic(migration, run, 10, domains=(domain,)) as traffic:
    watch = Watch(migration, domain, traffic, 10).start()
    time.sleep(2)
    status, plan = switch_mx("--json")
    assert status == 3, plan
    outcome = json.loads(plan[plan.index("{"):])
    status, said = switch_mx("--override", "a test in the lab", "--apply", outcome["digest"])
    assert status == 0, said
    time.sleep(3)
    gone = cloudflare.routing(migration, domain).rules[0]
    if LOSE:
        client = changing.client(migration).email_routing.rules
        client.delete(gone.id, zone_id=cloudflare.zone(migration, domain).id)
        time.sleep(4)
    traffic.stop()
    found = settle(migration, run, 30)
    watch.stop()
times = [row["sent_at"] for row in refusals(migration, domain)]
print(json.dumps({
    "windows": windows(store, domain), "inside": sum(within(at, windows(store, domain)) for at in times),
    "refusals": len(times), "refused": len(found.refused), "lost": sorted({each.address for each in found.lost}),
    "arrived": found.arrived, "injected": found.injected, "whole": found.whole, "sentence": found.sentence(),
    "alarms": [[each.rule.name, each.withdrawn] for each in alarms(store, domain)], "gone": gone.address,
}))
"""


lab = shared(NAME, 7, "phase3", knobs=("--enabling=refuses", "--settle-s=20"))


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize(
    ("domain", "lose"),
    [("pilot.example.net", False), ("webmakeprofit.org", True)],
    ids=["as announced", "and one rule gone afterwards"],
)
def test_what_bounced_as_announced_is_apart_and_all_else_is_lost(*, domain: str, lose: bool) -> None:
    """Of a domain that has no catch-all; the pilot goes first."""
    result = labs.as_operator(NAME, f"domain, LOSE = {domain!r}, {lose}\n{SWITCH}", timeout_s=120)
    shown = json.dumps(result, indent=1)
    ((begin, end),) = result["windows"]
    assert 0 < end - begin < 120, shown
    assert result["inside"] == result["refused"] > 0, shown
    assert result["injected"] == result["arrived"] + result["refused"] + result["refusals"] - result["inside"], shown
    assert result["lost"] == [result["gone"]] * lose, shown
    assert result["alarms"] == [["lost", ""]] * lose, shown
    assert result["whole"] is not lose
