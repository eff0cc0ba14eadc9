"""No gate is red for a Dell that is healthy and set up in another way than the lab's."""

import tomllib
from contextlib import ExitStack

from fixtures.lab.faults import CATALOGUE, Planting, planted
from fixtures.lab.faults.walk import DRIFT, Walk, keyword
from fixtures.lab.present import PILOT
from fixtures.plan.gates import Gate
from tests.reading import report

HEALTHY = tuple(Planting(**each) for each in tomllib.loads(CATALOGUE.with_name("healthy.toml").read_text())["healthy"])


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
