"""A domain goes to Cloudflare and back in a lab, only by the scripts, under each thing that enabling may do."""

from functools import partial

import pytest

from fixtures.lab.world import Lab
from tests.labs import shared
from tests.scripts import operating
from tests.scripts.operating import PREPARE, PREPARE_PILOT, plant

NAME = "test-switch"

LOST = {"path": "/email/routing/rules$", "method": "POST", "kind": "lost", "times": 1}


lab = shared(NAME, 7)
as_operator = partial(operating.as_operator, lab=NAME)


@pytest.mark.usefixtures("lab")
def test_destinations_are_verified_and_nobody_stays_admitted() -> None:
    outcome = as_operator(
        PREPARE
        + """
again = do("prepare_cloudflare", PILOT)
found = cloudflare.destinations(migration).destinations
from fixtures.access.changing import dell
guests = dell(migration.settings).run("grep", "-c", "^[^#]", "/etc/postfix/mxgate-guests", check=False).stdout.strip()
print(json.dumps([again, [each.email for each in found if not each.verified], len(found), guests]))
"""
    )
    again, unverified, number, guests = outcome
    assert (again["status"], again["writes"]) == (0, 0)
    assert (unverified, number, guests) == ([], 14, "0")


@pytest.mark.usefixtures("lab")
def test_a_rule_that_was_bent_is_put_right_and_a_stray_one_goes() -> None:
    outcome = as_operator("""
zone, rules = cloudflare.zone(migration, PILOT), changing.client(migration).email_routing.rules
first, second = cloudflare.routing(migration, PILOT).rules[:2]
fields = {"actions": [{"type": "forward", "value": list(second.destinations)}], "zone_id": zone.id}
rules.update(first.id, matchers=[{"type": "literal", "field": "to", "value": first.address}], enabled=False, **fields)
rules.create(matchers=[{"type": "literal", "field": "to", "value": "nobody@" + PILOT}], **fields)
done = do("prepare_cloudflare", PILOT)
found = cloudflare.routing(migration, PILOT).rules
print(json.dumps([done, sorted([each.address, each.enabled, *each.destinations] for each in found)]))
""")
    done, rules = outcome
    assert (done["status"], done["writes"]) == (0, 2), done["said"]
    assert all(enabled and at == address.replace("@", "@dell.") for address, enabled, at in rules)
    assert len(rules) == 6


@pytest.mark.usefixtures("lab")
def test_a_subdomain_that_carries_mail_keeps_its_rule_and_the_catch_all() -> None:
    refused, done, numbers = as_operator("""
from scripts.lib.change import Job
from scripts.lib.cloudflare.rules import rules_as
zone, rules = cloudflare.zone(migration, PILOT), changing.client(migration).email_routing.rules
matchers, drop = [{"type": "literal", "field": "to", "value": "reply@reply." + PILOT}], [{"type": "drop"}]
made = rules.create(zone_id=zone.id, matchers=matchers, actions=drop)
to = next(each.destinations for each in cloudflare.rules(migration, PILOT) if each.destinations)
forward = [{"type": "forward", "value": list(to)}]
def catch_all(enabled, actions):
    rules.catch_alls.update(zone_id=zone.id, matchers=[{"type": "all"}], actions=actions, enabled=enabled)
catch_all(True, forward)
refused = do("prepare_cloudflare", PILOT)
catch_all(True, drop)
done = do("prepare_cloudflare", PILOT)
it = cloudflare.routing(migration, PILOT)
caught = {"id": "", "name": "", "enabled": False, "priority": 0, "address": "", "action": "drop", "destinations": []}
below = [{**caught, "enabled": True, "address": "other@reply." + PILOT}]
gone = [each.subject for each in rules_as(Job(migration, PILOT, None), below, caught)]
rules.delete(made.id, zone_id=zone.id)
theirs = [each for each in gone if made.id in each or "reply" in each]
print(json.dumps([refused, done, [len(it.rules), len(gone), theirs]]))
""")
    assert refused["status"] == 1, refused
    assert "catches mail of reply.pilot.example.net too" in " ".join(refused["said"].split())
    assert (done["status"], done["writes"]) == (0, 1), done
    assert numbers == [7, 6, []]


def test_a_rule_is_made_once_though_the_answer_was_lost(lab: Lab) -> None:
    """Cloudflare refuses a second rule of one address (2014): a client that tries again would seem to fail."""
    plant(lab, LOST)
    done, rules = as_operator("""
client = changing.client(migration).email_routing.rules
for each in cloudflare.routing(migration, PILOT).rules[:2]:
    client.delete(each.id, zone_id=cloudflare.zone(migration, PILOT).id)
done = do("prepare_cloudflare", PILOT)
print(json.dumps([done, sorted(each.address for each in cloudflare.routing(migration, PILOT).rules)]))
""")
    assert (done["status"], done["writes"]) == (0, 2), done["said"]
    assert len(rules) == len(set(rules)) == 6


@pytest.mark.usefixtures("lab")
def test_no_switch_without_watch_nor_before_the_pilot() -> None:
    unwatched, early, mx = as_operator("""
mx = [each.text for each in cloudflare.records(migration, PILOT).of(PILOT, "MX")]
print(json.dumps([do("switch_mx", PILOT), switch(OTHER), mx]))
""")
    assert unwatched["status"] == early["status"] == 1
    assert "start it first" in unwatched["said"]
    assert "the pilot goes first" in early["said"]
    assert mx == ["mail.webmakeprofit.org"]


@pytest.mark.usefixtures("lab")
def test_there_and_back_and_there_again() -> None:
    """The second time Email Routing was still enabled."""
    outcome = as_operator("""
was = spf(PILOT)
there, paths_there = switch(PILOT), paths(PILOT)
twice = do("switch_mx", PILOT)
back, paths_back, spf_back = do("rollback", PILOT), paths(PILOT), spf(PILOT)
back_twice, again, paths_again = do("rollback", PILOT), switch(PILOT), paths(PILOT)
runs = [there, twice, back, back_twice, again]
print(json.dumps([runs, paths_there, paths_back, paths_again, was, spf_back, spf(PILOT)]))
""")
    runs, there, back, again, was, spf_back, spf_again = outcome
    assert [each["status"] for each in runs] == [0] * 5, runs
    assert [each["writes"] for each in runs] == [5, 0, 2, 0, 6]
    assert (there, back, again) == (["cloudflare"], ["ec2"], ["cloudflare"])
    assert was == spf_again == spf_back


@pytest.mark.usefixtures("lab")
def test_a_rollback_starts_the_stopped_gateway_before_it_touches_dns() -> None:
    back, paths_back = as_operator("""
stopped = do("stop_ec2")
assert stopped["status"] == 0, stopped["said"]
back = do("rollback", PILOT)
print(json.dumps([back, paths(PILOT)]))
""")
    assert back["status"] == 0, back["said"]
    assert ["i-" in each or each.startswith("port 25") for each in back["subjects"]] == [True, True, False, False]
    assert paths_back == ["ec2"]


def test_where_enabling_would_move_the_mx_by_itself_it_goes_first_all_the_same(lab: Lab) -> None:
    """So its records are known, and a rollback finds them though Email Routing hides them from the list."""
    as_operator("""
migration.clock.advance(migration.settings.bounds.ttl_s + 60)
status, plan = call("rollback", ["--domain", PILOT, "--clean-up", "--json"])
assert status == 3, plan
status, said = call("rollback", ["--domain", PILOT, "--clean-up", "--apply", json.loads(plan)["digest"]])
assert status == 0, said
print(json.dumps([]))
""")
    plant(lab, {"enabling": "replaces", "routing_mx": "hidden"}, "knobs")
    done, way, spf, switches, again, back, way_back = as_operator(
        PREPARE_PILOT
        + """
before = len(migration.store.recorded("switch", PILOT))
done, switches = switch(PILOT), len(migration.store.recorded("switch", PILOT)) - before
there = done, paths(PILOT), spf(PILOT), switches, do("switch_mx", PILOT)["writes"]
print(json.dumps([*there, do("rollback", PILOT), paths(PILOT)]))
"""
    )
    assert done["status"] == 0, done["said"]
    assert (way, switches, again) == (["cloudflare"], 1, 0)
    assert spf == ["v=spf1 ip4:203.0.113.20 include:sendgrid.net include:_spf.mx.cloudflare.net ~all"]
    assert done["subjects"][0] == "pilot.example.net MX"
    assert back["status"] == 0, back["said"]
    assert way_back == ["ec2"]
