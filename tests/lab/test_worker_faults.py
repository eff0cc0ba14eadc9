"""Where mail comes by the Worker: each gate sees what is wrong with that, and nothing is red by itself.

Each fault turns its own scenario red, for its reason: a sample of them, and all by ``scripts/faults --route worker``.
At each gate all of the features are judged with nothing planted. A Worker that throws is refused for good here: mail
waits in the bucket while Dell is away, and Dell fetches it.
"""

import os
import random
import re
import time
from typing import Any

import pytest

from fixtures.lab.faults import catalogue
from fixtures.lab.faults.walk import Walk, hasty
from fixtures.lab.present import PILOT
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests.conftest import until
from tests.faults.seeing import wrongly_seen
from tests.lab import test_by_worker as by
from tests.lab.test_by_worker import BOB, CAROL, arrived
from tests.labs import cut_the_power, operator, shared
from tests.scripts.operating import as_operator

NOBODY = f"nobody@{PILOT}"
MESSAGES = int(os.environ.get("MXGATE_BUCKET_MESSAGES", "120"))
ARRIVED_S_MAX = 120.0
KILLS_MAX = 12
lab = shared("tests-worker-faults", 23, month=True, route="worker", knobs=("--worker-throws=rejected",))
COUNTED = """
from fixtures.ledger import balance, settle
(run,) = {row["run"] for row in migration.store.numbered()}
settle(migration, run, 60)
found = balance(migration, run)
print(json.dumps({
    "whole": found.whole, "said": found.sentence(), "arrived": found.arrived, "p50": found.latency_p50_s,
    "p99": found.latency_p99_s, "refused": len(found.refused),
}))
"""
WAITING = """
from fixtures.probes.cloudflare import bucket
print(json.dumps([[each.sender, each.recipient] for each in bucket.ask(migration).mail]))
"""
TAKEN_BACK = (
    by.TAKEN_BACK
    + """\
from fixtures.probes.cloudflare import bucket, email_worker
print(json.dumps([email_worker.ask(migration) is not None, bucket.is_there(migration)]))
"""
)


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Walk:
    hasty(lab)
    return Walk(lab)


@pytest.mark.parametrize("gate", [Gate.PHASE1, Gate.PHASE2, Gate.PHASE3])
def test_a_gate_is_green_and_sees_what_is_wrong(walk: Walk, gate: Gate) -> None:
    green_and_sees(walk, gate, "worker")


def test_there_back_and_there_again_nothing_is_lost(lab: Lab, walk: Walk) -> None:
    there_and_back(lab, walk)


def there_and_back(lab: Lab, walk: Walk) -> None:
    """And again, with numbered mail that the Worker hands in."""
    handed_in = "grep -c 'postfix/worker/smtpd.*sasl_username=' /var/log/mail.log"
    judged = int(lab.exec("dell", ["sh", "-c", handed_in]).stdout)  # while gates were
    walk.to(Gate.PHASE4)
    found = as_operator(COUNTED, lab.name)
    print(found)
    assert found["whole"], found["said"]
    assert found["arrived"] > 100
    assert int(lab.exec("dell", ["sh", "-c", handed_in]).stdout) - judged > 100


def test_the_gate_before_ec2_is_stopped_is_green_too(walk: Walk) -> None:
    green_and_sees(walk, Gate.PHASE4, "worker")


def green_and_sees(walk: Walk, gate: Gate, route: str) -> None:
    walk.to(gate)
    judged = walk.judge(gate)
    red = {row.name: row.message for row in judged.looked}
    assert not red, "\n".join(f"{name}: {said}" for name, said in red.items())
    mine = (each for each in catalogue() if each.route == route and each.at is gate and each.quick)
    wrong = wrongly_seen(walk, mine)
    assert not wrong, "\n".join(wrong)


def on(lab: Lab, host: str, command: str) -> str:
    done = lab.exec(host, ["bash", "-c", command], timeout_s=300)
    return (done.stdout + done.stderr).strip()


def keep(lab: Lab, subject: str, messages: int, to: str = CAROL) -> None:
    """Send so many while Dell is away: the sender's server hears that all are taken."""
    by.send(lab, subject, messages, to=to)
    by.nothing_waits(lab, ARRIVED_S_MAX)


def test_the_doctor_asks_for_its_keys(lab: Lab) -> None:
    for given, line in (({}, "ok "), ({"MXGATE_BUCKET_SECRET": ""}, "missing ")):
        said = operator(lab.name, "-m", "scripts.doctor", environ=given, timeout_s=200).stdout
        (found,) = [each for each in said.splitlines() if "keys" in each and "bucket" in each]
        assert found.startswith(line), said


def test_while_dell_is_away_nothing_bounces_and_all_is_fetched(lab: Lab) -> None:
    """What fetches is killed again and again. A second copy only of what it was at then."""
    bounced = "grep -c status=bounced /var/log/mail.log; true"
    before = on(lab, "world", bounced)
    on(lab, "dell", "postfix stop")
    keep(lab, "away", MESSAGES)
    waiting: list[Any] = as_operator(WAITING, lab.name)
    assert [each for each in waiting if each == [BOB, CAROL]] == [[BOB, CAROL]] * MESSAGES
    assert on(lab, "world", bounced) == before
    assert not arrived(lab, "away")
    refused = operator(lab.name, "-m", "scripts.deploy_worker", "--undo")
    assert refused.returncode == 1, refused.stderr
    on(lab, "dell", "postfix start")
    chance, kills, deadline = random.Random(27), 0, time.monotonic() + ARRIVED_S_MAX + MESSAGES
    while len(found := arrived(lab, "away")) < MESSAGES:
        assert time.monotonic() < deadline, f"{len(found)} of {MESSAGES}"
        # Not for ever: on a slow machine it would hardly get to hand anything in.
        kills += kills < KILLS_MAX and on(lab, "dell", "pkill -KILL -x 'mxgate-fetch|curl' && echo killed") == "killed"
        time.sleep(chance.uniform(0.2, 2))
    twice = sum(copies > 1 for copies in found.values())
    print(f"{MESSAGES} taken while Dell was away, {len(found)} arrived, {twice} of them twice; {kills} kills")
    assert kills > 3
    assert twice <= kills
    left_s = deadline - time.monotonic()
    until(lambda: not as_operator(WAITING, lab.name), "the bucket is empty", left_s)


def test_what_dell_then_refuses_bounces_with_its_words(lab: Lab) -> None:
    on(lab, "dell", "postfix stop")
    keep(lab, "nobody", 1, NOBODY)
    on(lab, "dell", "postfix start")

    def said() -> str:
        return on(lab, "dell", f"grep 'to=<{BOB}>' /var/log/mail.log; tail -2 /lab/log/fetch.log")

    until(lambda: re.search(rf"to=<{BOB}>.*status=sent", said()), said, ARRIVED_S_MAX)
    assert f"to <{NOBODY}>: refused: 550 5.1.1" in on(lab, "dell", f"grep -a '{NOBODY}' /lab/log/fetch.log")


def test_after_dells_power_was_cut_it_fetches_by_itself(lab: Lab) -> None:
    on(lab, "dell", "systemctl stop mxgate-fetch.timer; postfix stop")
    keep(lab, "power", 20)
    cut_the_power(lab, "dell")
    until(lambda: len(arrived(lab, "power")) >= 20, lambda: arrived(lab, "power"), ARRIVED_S_MAX)


def test_all_is_taken_back(lab: Lab) -> None:
    assert as_operator(TAKEN_BACK, lab.name) == [False, False]
    places = "/etc/mxgate-* /etc/systemd/system/mxgate-fetch.* /usr/local/sbin/mxgate-fetch /var/lib/mxgate-fetch"
    assert on(lab, "dell", f"ls -d {places} 2>/dev/null; true") == ""
