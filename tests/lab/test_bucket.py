"""Where a Worker that throws is refused for good: mail waits in the bucket while Dell is away, and Dell fetches it."""

import os
import random
import re
import time
from collections import Counter
from typing import Any

from fixtures.lab.present import PILOT
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests import labs
from tests.lab import test_by_worker as by
from tests.scripts.operating import as_operator

NAME = "tests-bucket"
CAROL, NOBODY, BOB = f"carol@{PILOT}", f"nobody@{PILOT}", "bob@four.example"
MESSAGES = int(os.environ.get("MXGATE_BUCKET_MESSAGES", "120"))
ARRIVED_S_MAX = 120.0
KILLS_MAX = 12
lab = labs.shared(NAME, 27, Gate.PHASE4, quiet=True, route="worker", knobs=("--worker-throws=rejected",))
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


def on(lab: Lab, host: str, command: str) -> str:
    done = lab.exec(host, ["bash", "-c", command], timeout_s=300)
    return (done.stdout + done.stderr).strip()


def send(lab: Lab, subject: str, messages: int, to: str = CAROL) -> None:
    """Hand so many to a sender's server, and wait until it has none any more."""
    source = f"smtp-source -s 5 -m {messages} -l 2048 -S {subject} -f {BOB} -t {to} 127.0.0.1:25"
    assert on(lab, "world", source) == ""
    until = time.monotonic() + ARRIVED_S_MAX
    while "empty" not in (left := on(lab, "world", "mailq | tail -1")):
        assert time.monotonic() < until, left
        time.sleep(0.5)


def arrived(lab: Lab, subject: str) -> Counter[str]:
    """How often each is in the mailbox, by its Message-ID."""
    find = f"grep -rlxa 'Subject: {subject}' /srv/vmail/{CAROL}/Maildir/{{new,cur}} | xargs -r grep -hia ^message-id:"
    return Counter(line for line in on(lab, "dell", find).splitlines() if line.lower().startswith("message-id:"))


def test_the_doctor_asks_for_its_keys(lab: Lab) -> None:
    for given, line in (({}, "ok "), ({"MXGATE_BUCKET_SECRET": ""}, "missing ")):
        said = labs.operator(lab.name, "-m", "scripts.doctor", environ=given, timeout_s=200).stdout
        (found,) = [each for each in said.splitlines() if "keys" in each and "bucket" in each]
        assert found.startswith(line), said


def test_while_dell_is_away_nothing_bounces_and_all_is_fetched(lab: Lab) -> None:
    """What fetches is killed again and again. A second copy only of what it was at then."""
    bounced = "grep -c status=bounced /var/log/mail.log; true"
    before = on(lab, "world", bounced)
    on(lab, "dell", "postfix stop")
    send(lab, "away", MESSAGES)
    waiting: list[Any] = as_operator(WAITING, lab.name)
    assert [each for each in waiting if each == [BOB, CAROL]] == [[BOB, CAROL]] * MESSAGES
    assert on(lab, "world", bounced) == before
    assert not arrived(lab, "away")
    refused = labs.operator(lab.name, "-m", "scripts.deploy_worker", "--undo")
    assert refused.returncode == 1, refused.stderr
    on(lab, "dell", "postfix start")
    chance, kills, until = random.Random(27), 0, time.monotonic() + ARRIVED_S_MAX + MESSAGES
    while len(found := arrived(lab, "away")) < MESSAGES:
        assert time.monotonic() < until, f"{len(found)} of {MESSAGES}"
        # Not for ever: on a slow machine it would hardly get to hand anything in.
        kills += kills < KILLS_MAX and on(lab, "dell", "pkill -KILL -x 'mxgate-fetch|curl' && echo killed") == "killed"
        time.sleep(chance.uniform(0.2, 2))
    twice = sum(copies > 1 for copies in found.values())
    print(f"{MESSAGES} taken while Dell was away, {len(found)} arrived, {twice} of them twice; {kills} kills")
    assert kills > 3
    assert twice <= kills
    while as_operator(WAITING, lab.name):
        assert time.monotonic() < until
        time.sleep(1)


def test_what_dell_then_refuses_bounces_with_its_words(lab: Lab) -> None:
    on(lab, "dell", "postfix stop")
    send(lab, "nobody", 1, NOBODY)
    on(lab, "dell", "postfix start")
    until, said = time.monotonic() + ARRIVED_S_MAX, ""
    while not re.search(rf"to=<{BOB}>.*status=sent", said):
        assert time.monotonic() < until, said
        time.sleep(0.5)
        said = on(lab, "dell", f"grep 'to=<{BOB}>' /var/log/mail.log; tail -2 /lab/log/fetch.log")
    assert f"to <{NOBODY}>: refused: 550 5.1.1" in on(lab, "dell", f"grep -a '{NOBODY}' /lab/log/fetch.log")


def test_after_dells_power_was_cut_it_fetches_by_itself(lab: Lab) -> None:
    on(lab, "dell", "systemctl stop mxgate-fetch.timer; postfix stop")
    send(lab, "power", 20)
    labs.cut_the_power(lab, "dell")
    until = time.monotonic() + ARRIVED_S_MAX
    while len(found := arrived(lab, "power")) < 20:
        assert time.monotonic() < until, found
        time.sleep(1)


def test_all_is_taken_back(lab: Lab) -> None:
    assert as_operator(TAKEN_BACK, lab.name) == [False, False]
    places = "/etc/mxgate-* /etc/systemd/system/mxgate-fetch.* /usr/local/sbin/mxgate-fetch /var/lib/mxgate-fetch"
    assert on(lab, "dell", f"ls -d {places} 2>/dev/null; true") == ""
