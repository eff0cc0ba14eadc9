"""Faults drawn by lot, and the oracle that says whether one does harm; and no gate is red for a Dell that is healthy.

The healthy one is set up in another way than the lab's.
"""

import tomllib
from contextlib import ExitStack
from random import Random

import pytest

from fixtures.lab.faults import CATALOGUE, Planting, coverage, generated, named, oracle, planted
from fixtures.lab.faults.forks import forked
from fixtures.lab.faults.walk import DRIFT, Sort, Walk, keyword
from fixtures.lab.present import PILOT
from fixtures.plan.gates import Gate
from tests.reading import report

HEALTHY = tuple(Planting(**each) for each in tomllib.loads(CATALOGUE.with_name("healthy.toml").read_text())["healthy"])
LOCKED = generated.Generated(
    id="Dovecot may not read who its users are",
    host="dell",
    plant="chmod 000 /etc/dovecot/users; chown nobody /etc/dovecot/users; doveadm reload",
    undo="chown dovecot:root /etc/dovecot/users; chmod 600 /etc/dovecot/users; doveadm reload",
    names=("users",),
)


@pytest.mark.parametrize(
    ("value", "never"), [("yes", "may"), ("300s", "may"), ("may", "127.0.0.0/8, 10.0.0.0/8"), ("40960000", "300s")]
)
def test_a_neighbours_value_is_of_the_same_kind(value: str, never: str) -> None:
    neighbours = ["no", "may", "encrypt", "300s", "5", "127.0.0.0/8, 10.0.0.0/8"]
    drawn = {generated.another(Random(seed), value, neighbours=neighbours) for seed in range(60)}
    assert value not in drawn
    assert never not in drawn


@pytest.mark.parametrize("kind", generated.KINDS, ids=lambda kind: kind.__name__)
def test_a_seed_draws_the_same_fault_again(walk: Walk, kind: generated.Kind) -> None:
    faults = [kind(walk.lab, Random(seed)) for seed in (1, 2, 3, 1)]
    assert faults[0] == faults[3]
    assert len({fault.id for fault in faults}) > 1
    assert all(fault.names and (fault.plant or fault.deed) for fault in faults)


def test_a_line_is_changed_and_drift_names_it(walk: Walk) -> None:
    walk.clean(walk.at)  # which accepts what stands
    found = list(coverage.lines(walk.lab))
    places = {"dell: main.cf", "dell: master.cf", "dell: tables", "dell: Dovecot", "ec2: main.cf", "zones", "AWS"}
    assert places < {each.of for each in found}
    assert len({(each.of, each.id) for each in found}) == len(found)
    changed = next(each for each in found if (each.of, each.id) == ("dell: main.cf", "myhostname"))
    assert forked(coverage.noticed, walk.lab.name, changed.source, timeout_s=60) == ()
    result = walk.changed(changed, "myhostname")
    assert result.sort is Sort.CAUGHT
    assert "parameter myhostname" in result.why


def test_faults_at_once_are_distinguished(walk: Walk) -> None:
    first, second = named("a message larger than Cloudflare takes"), named("Dell sends by EC2")
    assert first.host == second.host
    before = walk.lab.exec("dell", ["postconf", "-n"]).stdout
    results = walk.tried_together(first, second)
    assert [(each.id, each.sort, each.others) for each in results] == [
        (first.id, Sort.CAUGHT, (second.id,)),
        (second.id, Sort.CAUGHT, (first.id,)),
    ]
    assert walk.lab.exec("dell", ["postconf", "-n"]).stdout == before
    only = walk.tried_together(first, second.model_copy(update={"plant": "true"}))
    assert [each.id for each in only] == [first.id], "what was not planted is to be tried by itself"


def test_the_oracle_sees_harm_and_nothing_else(walk: Walk) -> None:
    assert walk.at is Gate.PHASE1
    healthy = oracle.look(walk.lab)
    assert not oracle.look(walk.lab).harm(healthy)
    with planted(walk.lab, LOCKED):
        harm = oracle.look(walk.lab).harm(healthy)
    assert any(each.startswith("mail to alice@webmakeprofit.org: taken, and not there") for each in harm), harm
    assert not oracle.look(walk.lab).harm(healthy)


def test_a_healthy_dell_in_other_words_is_green(walk: Walk) -> None:
    walk.to(Gate.PHASE2)
    clean = {row.name for row in walk.clean(Gate.PHASE2).red}
    with ExitStack() as all_of_them:
        for each in HEALTHY:
            all_of_them.enter_context(planted(walk.lab, each))
        judged = walk.judge(Gate.PHASE2)
        of_one = walk.judge(Gate.PHASE2, keyword("Nobody else writes the records that we write"), PILOT)
    assert len(judged.rows) > 50
    assert of_one.rows
    looked = (*judged.looked, *of_one.looked)
    report(f"{row.name}: {row.message}" for row in looked if row.name not in clean and {*row.ids} != {DRIFT})
