"""There, back and there again by a Worker and a tunnel, which a stand-in for cloudflared plays; then all taken back.

Nobody reaches a port of this Dell's from outside.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from fixtures.lab import plan
from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.faults.walk import Walk
from fixtures.lab.present import WAY_NAME
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests import labs
from tests.lab import test_by_worker as by
from tests.lab.test_worker_faults import green_and_sees, there_and_back

lab = labs.shared("tests-by-tunnel", 20, month=True, route="tunnel")
MESSAGES = int(os.environ.get("MXGATE_WORKER_MESSAGES", "60"))
"""For each of BROKEN, which is broken again every few seconds until so many have been sent at 60 a second."""
BROKEN = {
    "the connection": ("dell", "pkill -x ssh"),
    "websockify": ("dell", "pkill -f '^python3 -m websockify'"),
    "the edge": ("cloudflare", "pkill -x haproxy"),
    "the runtime": ("cloudflare", "pkill -KILL -x workerd"),
    "smtpd": ("dell", "pkill -KILL -x smtpd"),
}


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Walk:
    return Walk(lab)


def test_nobody_reaches_dell_from_outside(lab: Lab) -> None:
    found = by.knocked(lab, "world", (plan.DELL4, plan.DELL6))
    assert set(found.values()) == {"timed out"}, found
    listening = lab.exec("dell", ["ss", "-Hltn", "sport", "=", f":{plan.TUNNEL_PORT}"]).stdout.split()
    assert listening[3] == f"127.0.0.1:{plan.TUNNEL_PORT}"


@pytest.mark.parametrize("gate", [Gate.PHASE1, Gate.PHASE2, Gate.PHASE3])
def test_a_gate_is_green_and_sees_what_is_wrong(walk: Walk, gate: Gate) -> None:
    """As ``test_worker_faults``."""
    green_and_sees(walk, gate, "tunnel")


def test_there_back_and_there_again_nothing_is_lost(lab: Lab, walk: Walk) -> None:
    there_and_back(lab, walk)


def test_the_gate_before_ec2_is_stopped_is_green_too(walk: Walk) -> None:
    green_and_sees(walk, Gate.PHASE4, "tunnel")


def test_doctor_and_feasibility_look_at_it(lab: Lab) -> None:
    """And who has no token of Access's hears which it is."""
    assert set(asked(lab, "doctor")["the Worker's way"]) == {"pass"}
    missing = asked(lab, "doctor", environ={"MXGATE_ACCESS_CLIENT_ID": ""})
    assert [missing[each] for each in ("the Worker's way", "login of the Worker")] == [["inconclusive"]] * 2
    tunnel = ("--worker", f"https://{WAY_NAME}", "webmakeprofit.org")
    assert set(asked(lab, "feasibility", *tunnel)["the Worker's way"]) == {"pass"}


def asked(
    lab: Lab, script: str, *options: str, environ: Mapping[str, str | None] | None = None
) -> dict[str, list[str]]:
    """The verdicts on each question."""
    done = labs.operator(lab.name, "-m", f"scripts.{script}", *options, "--json", environ=environ, timeout_s=200)
    verdicts = defaultdict[str, list[str]](list)
    for each in json.loads(done.stdout)["findings"]:
        verdicts[each["question"]].append(each["verdict"])
    return verdicts


@pytest.fixture
def _soon_again(lab: Lab, what: str) -> Iterator[None]:
    """A killed smtpd that has served nobody yet is begun again a minute later by itself; here, a second."""
    if what != "smtpd":
        yield
        return
    labs.on(lab, "dell", "postconf -e service_throttle_time=1s; postfix reload")
    try:
        yield
    finally:
        labs.on(lab, "dell", "postconf -X service_throttle_time; postfix reload")


@pytest.mark.usefixtures("_soon_again")
@pytest.mark.parametrize("what", BROKEN)
def test_whatever_breaks_mail_waits_and_none_is_lost(lab: Lab, what: str) -> None:
    """A second copy only of what was under way when something broke, and whose answer was lost."""
    host, command = BROKEN[what]
    by.send(lab, what, MESSAGES)
    broken = 0
    for again in range(max(1, MESSAGES // 180)):
        time.sleep(3 * bool(again))
        done = lab.exec(host, ["bash", "-c", command])
        assert done.returncode in {0, 1}  # it may be down still
        broken += not done.returncode
    found = by.all_arrive(lab, what, MESSAGES)
    twice = by.come_twice(found)
    repeated = {each for each in twice if by.handed_over(lab, each) > 1}
    print(f"{what}: broken {broken} times, {len(found)} of {MESSAGES} arrived")
    print(f"handed over twice: {sorted(repeated)}; delivered twice by Dell: {sorted(twice - repeated)}")
    assert repeated <= by.messages_that_failed(lab)
    assert not twice - repeated  # nothing that stores mail was killed
    at_once = int(lab.exec("world", ["postconf", "-xh", "smtp_destination_concurrency_limit"]).stdout)
    assert len(repeated) <= broken * at_once


def test_without_the_token_of_access_mail_waits(lab: Lab) -> None:
    labs.on(lab, "cloudflare", "sed -i.kept 's/Secret) -m str /&x/' /etc/haproxy.cfg; pkill -x haproxy; sleep 1")
    try:
        by.send(lab, "no token", 3)
        by.put_off(lab)
        assert not by.arrived(lab, "no token")
    finally:
        labs.on(lab, "cloudflare", "mv /etc/haproxy.cfg.kept /etc/haproxy.cfg; pkill -x haproxy; sleep 1")
    assert len(by.all_arrive(lab, "no token", 3, 120)) == 3


def test_no_message_is_held_whole(lab: Lab) -> None:
    """Four of the largest at once take less memory, above what one has taken, than half of them are long."""
    one, four = by.memory_taken(lab, 180)
    assert four - one < 2 * SIZE_MAX, (one, four)
    assert four < 5 * SIZE_MAX, (one, four)


def test_all_is_taken_back(lab: Lab) -> None:
    by.test_all_is_taken_back(lab)
