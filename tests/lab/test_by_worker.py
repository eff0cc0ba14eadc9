"""A Worker and a way that Dell makes itself: whatever is away or killed meanwhile, mail waits; then all is taken back.

Nobody reaches a port of this Dell's from outside. There and back with numbered mail: ``test_worker_faults``.
"""

import json
import os
import random
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fixtures.lab import plan
from fixtures.lab.drills import World
from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.faults.walk import carry
from fixtures.lab.present import PILOT, WAY_LOGIN
from fixtures.lab.world import Lab
from fixtures.migration import Migration
from fixtures.plan.gates import Gate
from fixtures.settings import Secrets, load
from tests import labs
from tests.conftest import until
from tests.scripts.operating import as_operator, plant

NAME = "tests-by-worker"
PORTS = (22, 25, 465, 587, 993, plan.WAY_PORT)
CAROL, BOB = f"carol@{PILOT}", "bob@four.example"
MESSAGES = int(os.environ.get("MXGATE_WORKER_MESSAGES", "600"))
ARRIVED_S_MAX = 90.0 + MESSAGES / 10
ANOTHER = {"MXGATE_WORKER_PASSWORD": "another"}
EMPTY = "Mail queue is empty"
KILLS = 30
KILLED = {
    "the Worker's runtime": ("cloudflare", "kill -KILL $(pidof workerd)"),
    "Dell's smtpd": ("dell", "kill -KILL $(pgrep -x smtpd | head -1)"),
    "Dell's cleanup": ("dell", "kill -KILL $(pgrep -x cleanup | head -1)"),
    # Dell may be about to start it, after its power was cut: whoever comes second tries again.
    "Dell's Postfix": ("dell", "postfix abort; for _ in $(seq 50); do postfix start && exit; sleep 0.1; done; exit 1"),
}
before = labs.shared(NAME, 19, route="worker")
KNOCK = """
import socket
from concurrent.futures import ThreadPoolExecutor
def knock(place):
    try:
        socket.create_connection(place, 1).close()
    except OSError as fault:
        return str(fault)
    return "open"
places = [(address, port) for address in ADDRESSES for port in PORTS]
with ThreadPoolExecutor(16) as pool:
    for place, said in zip(places, pool.map(knock, places)):
        print(*place, said)
"""
TAKEN_BACK = """
said = []
names = migration.settings.domain_names
def back(domain, *options):
    status, plan = call("rollback", ["--domain", domain, *options, "--json"])
    if status == 3:
        digest = json.loads(plan)["digest"]
        status, said_ = call("rollback", ["--domain", domain, *options, "--apply", digest])
        said.append(said_)
    assert status == 0, plan + "".join(said[-1:])
for each in names:
    back(each)
migration.clock.advance(migration.settings.bounds.ttl_s + 120)
for each in names:
    back(each, "--clean-up")
back(names[0], "--with-dell")
"""
"""Each domain is taken back and cleaned up, and with the last of it Dell."""
UPLOADED = """
from fixtures.plan import worker
sdk = changing.client(migration)
files = [("worker.js", b"export default { async email() {} }", "application/javascript+module")]
metadata = {"main_module": "worker.js", "compatibility_date": worker.DATE, "bindings": []}
account = migration.settings.cloudflare.account_id
sdk.workers.scripts.update("mxgate", account_id=account, metadata=metadata, files=files)
"""
STANDS = """
from fixtures.probes.cloudflare import email_worker
caught = {each: cloudflare.routing(migration, each).catch_all for each in migration.settings.domain_names}
first = migration.store.snapshot("start")["zones"]
there = email_worker.ask(migration)
"""


@pytest.fixture(scope="module")
def lab(before: Lab) -> Lab:
    """With all domains at Cloudflare."""
    carry(NAME, Gate.PHASE4, quiet=True, straight=True)
    return before


def knocked(lab: Lab, host: str, addresses: tuple[str, ...]) -> dict[str, str]:
    """What HOST hears at each of PORTS."""
    code = f"ADDRESSES, PORTS = {addresses!r}, {PORTS!r}{KNOCK}"
    lines = lab.exec(host, ["python3", "-c", code], timeout_s=90).stdout.splitlines()
    return {" ".join(line.split()[:2]): line.split(maxsplit=2)[2] for line in lines}


def planned(**environ: str) -> Any:
    """What deploy_worker would write."""
    return labs.planned(NAME, "deploy_worker", environ=environ)["writes"]


@pytest.mark.parametrize("host", ["world", "cloudflare", "laggard"])
def test_nobody_reaches_dell_from_outside(before: Lab, host: str) -> None:
    found = knocked(before, host, (plan.DELL4, plan.DELL6))
    assert set(found.values()) == {"timed out"}, found
    assert len(found) == 2 * len(PORTS)


def test_the_operator_reaches_it_by_the_tailnet(before: Lab) -> None:
    assert knocked(before, "operator", (plan.DELL_TAILNET,))[f"{plan.DELL_TAILNET} 22"] == "open"


def test_the_order_is_asked_for(before: Lab) -> None:
    """No Worker before Dell listens, no catch-all before the Worker."""
    said = as_operator('print(json.dumps([do("deploy_worker"), do("prepare_cloudflare", PILOT)]))', before.name)
    (deployed, prepared) = said
    assert (deployed["status"], prepared["status"]) == (1, 1)
    assert "expected that Dell takes a message" in deployed["said"]
    assert "Nothing was uploaded: first python -m scripts.prepare_dell" in deployed["said"]
    assert "the Worker mxgate is absent: first python -m scripts.deploy_worker. Nothing was written" in prepared["said"]


def send(lab: Lab, batch: str, messages: int, octets: int = 2048, to: str = CAROL) -> None:
    """Queue so many messages at a sender's server, which goes on trying; each has a Message-ID of its own."""
    how = ["-s", "5", "-m", str(messages), "-l", str(octets), "-S", batch, "-f", BOB, "-t", to, "127.0.0.1:25"]
    done = lab.exec("world", ["smtp-source", *how], timeout_s=900)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def arrived(lab: Lab, batch: str) -> Counter[str]:
    """How often each of the batch is in the mailbox. What Dovecot still writes, in tmp, is not there yet."""
    find = f"grep -rlxa 'Subject: {batch}' /srv/vmail/{CAROL}/Maildir/{{new,cur}} | xargs -r grep -hia ^message-id:"
    return Counter(lab.exec("dell", ["bash", "-c", find]).stdout.split("\n")[:-1])


def all_arrive(lab: Lab, batch: str, messages: int, within_s: float = ARRIVED_S_MAX) -> Counter[str]:
    """Wait for all of the batch, and until nobody tries any more."""
    until(
        lambda: len(arrived(lab, batch)) == messages,
        lambda: f"{len(arrived(lab, batch))} of {messages} arrived; the last that failed: {failures(lab)[-3:]}",
        within_s,
    )
    nothing_waits(lab, within_s)
    return arrived(lab, batch)


def nothing_waits(lab: Lab, within_s: float) -> None:
    """At the sender's server, any more."""
    queue = ["postqueue", "-p"]
    until(lambda: EMPTY in lab.exec("world", queue).stdout, lambda: lab.exec("world", queue).stdout, within_s)


def put_off(lab: Lab) -> None:
    """Whoever writes now hears that the Worker failed."""
    swaks = ["swaks", "--from", BOB, "--to", CAROL, "--local-interface", plan.WORLD4]  # which has a name
    said = lab.exec("world", [*swaks, "--server", "route1.mx.cloudflare.net"], timeout_s=90).stdout
    assert "<** 451 4.3.0 Worker call failed" in said, said


def test_numbered_mail_arrives_once_and_as_dells_own(lab: Lab) -> None:
    send(lab, "first", 50)
    found = all_arrive(lab, "first", 50)
    assert set(found.values()) == {1}
    letter = lab.exec("dell", ["bash", "-c", f"cat $(grep -rlx 'Subject: first' /srv/vmail/{CAROL} | head -1)"]).stdout
    assert f"Return-Path: <{BOB}>" in letter
    assert "with ESMTPSA" in letter
    assert "by cloudflare-email.net (cloudflare)" in letter


def test_while_dell_refuses_its_login_mail_waits(lab: Lab) -> None:
    settings = load(lab.folder / "operator/migration.toml")
    with World(lab, Migration(settings, Secrets())).outage("Dell refuses the Worker's login"):
        send(lab, "login", 5)
        put_off(lab)
        assert not arrived(lab, "login")
    assert set(all_arrive(lab, "login", 5).values()) == {1}


def test_while_dell_is_away_mail_waits_and_none_is_lost(lab: Lab) -> None:
    labs.on(lab, "dell", "postfix stop")
    try:
        send(lab, "away", 30)
        put_off(lab)
        assert not arrived(lab, "away")
    finally:
        labs.on(lab, "dell", "postfix start")
    assert set(all_arrive(lab, "away", 30).values()) == {1}


def test_whatever_is_killed_nothing_that_was_acknowledged_is_lost(lab: Lab) -> None:
    """A second copy only of what the Worker could not answer for, or what Dell, killed, has delivered again itself.

    Dell's power goes once.
    """
    chance, killed = random.Random(19), Counter[str]()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, lab, "kills", MESSAGES)
        for number in range(KILLS):
            what = chance.choice(list(KILLED))
            host, command = KILLED[what]
            killed[what] += lab.exec(host, ["bash", "-c", command]).returncode == 0
            if number == KILLS // 2:
                labs.cut_the_power(lab, "dell")
            time.sleep(chance.random() * MESSAGES / 1000)
        sending.result()
    found = all_arrive(lab, "kills", MESSAGES)
    twice = come_twice(found)
    again = {each for each in twice if handed_over(lab, each) > 1}
    print(f"{MESSAGES} acknowledged, {len(found)} arrived, {len(again)} of them handed over and {len(twice - again)}")
    print(f"delivered by Dell a second time; killed: {dict(killed)}")
    assert all(killed[what] for what in KILLED)
    assert again <= messages_that_failed(lab)


def come_twice(found: Counter[str]) -> set[str]:
    """The Message-IDs of what ``arrived`` found more than once."""
    return {each.partition(" ")[2] for each, copies in found.items() if copies > 1}


def handed_over(lab: Lab, message_id: str) -> int:
    """How often Dell's Postfix has begun to take that message."""
    return int(lab.exec("dell", ["grep", "-c", f": message-id={message_id}$", "/var/log/mail.log"]).stdout)


def messages_that_failed(lab: Lab) -> set[str]:
    return {each["messageId"] for each in failures(lab)}


def failures(lab: Lab) -> list[dict[str, str]]:
    """Cloudflare's events of calls that failed."""
    where = f"http://{plan.host('cloudflare').wire4}:{plan.MANAGEMENT_PORT}/events?status=error"
    code = f"import urllib.request as web; print(web.urlopen({where!r}).read().decode())"
    events: list[dict[str, str]] = json.loads(lab.exec("cloudflare", ["python3", "-c", code]).stdout)
    return events


def test_nobody_reaches_dell_afterwards_either(lab: Lab) -> None:
    test_nobody_reaches_dell_from_outside(lab, "world")


def test_the_way_is_made_again_by_itself(lab: Lab) -> None:
    """Mail that comes meanwhile waits at its sender."""
    before = unit(lab)
    assert (before["ActiveState"], before["Restart"]) == ("active", "always")
    labs.on(lab, "dell", "pkill -x ssh")
    send(lab, "made again", 20)
    assert len(all_arrive(lab, "made again", 20, 60)) == 20
    assert int(unit(lab)["NRestarts"]) == int(before["NRestarts"]) + 1


def test_what_is_asked_of_users_is_not_asked_of_it(lab: Lab) -> None:
    """A login has its own addresses, and this one brings everybody's."""
    asked = "smtpd_sender_restrictions=reject_sender_login_mismatch smtpd_helo_restrictions=reject"
    try:
        labs.on(lab, "dell", f"postconf -e {asked}; postfix reload")
        send(lab, "of anybody", 5)
        assert len(all_arrive(lab, "of anybody", 5, 60)) == 5
    finally:
        lab.exec("dell", ["sh", "-c", "postconf -X smtpd_sender_restrictions smtpd_helo_restrictions; postfix reload"])


def test_while_there_is_no_way_mail_waits(lab: Lab) -> None:
    labs.on(lab, "dell", f"systemctl stop {plan.WAY_UNIT}")
    try:
        send(lab, "no way", 5)
        put_off(lab)
        assert not arrived(lab, "no way")
        assert unit(lab)["ActiveState"] == "inactive"
    finally:
        labs.on(lab, "dell", f"systemctl start {plan.WAY_UNIT}")
    assert len(all_arrive(lab, "no way", 5, 60)) == 5


def test_what_takes_too_much_cpu_time_waits_and_none_is_lost(lab: Lab) -> None:
    """Dell keeps no part of what was cut off, and small mail goes on; with more time it arrives, once."""

    def why() -> set[str]:
        return {each["errorDetail"] for each in failures(lab)}

    plant(lab, {"worker_cpu_ms": 100}, "knobs")
    try:
        send(lab, "much", 1, SIZE_MAX - 8192)
        until(lambda: "exceededCpu" in why(), why, ARRIVED_S_MAX)
        send(lab, "little", 20)
        until(lambda: len(arrived(lab, "little")) == 20, "20 arrive", ARRIVED_S_MAX)
        assert EMPTY in lab.exec("dell", ["postqueue", "-p"]).stdout
        assert not arrived(lab, "much")
    finally:
        plant(lab, {"worker_cpu_ms": 30_000}, "knobs")
    assert set(all_arrive(lab, "much", 1).values()) == {1}


def test_no_message_is_held_whole(lab: Lab) -> None:
    """Four of the largest at once take less memory, above what one has taken, than one of them is long."""
    one, four = memory_taken(lab)
    assert four - one < SIZE_MAX, (one, four)
    assert four < 5 * SIZE_MAX, (one, four)
    assert {*arrived(lab, "one").values(), *arrived(lab, "four").values()} == {1}


def memory_taken(lab: Lab, within_s: float = ARRIVED_S_MAX) -> tuple[int, int]:
    """The most bytes that workerd has had, once the largest message has passed and once four more have, at once."""
    taken = []
    for batch, messages in (("one", 1), ("four", 4)):
        send(lab, batch, messages, SIZE_MAX - 8192)
        assert len(all_arrive(lab, batch, messages, within_s)) == messages
        taken.append(int(labs.on(lab, "cloudflare", "grep VmHWM /proc/$(pidof workerd)/status | tr -dc 0-9")) * 1024)
    print(f"VmHWM of workerd: {[each >> 20 for each in taken]} MiB")
    return taken[0], taken[1]


def unit(lab: Lab) -> dict[str, str]:
    shown = lab.exec("dell", ["systemctl", "show", plan.WAY_UNIT]).stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def test_what_stands_at_cloudflare_is_compared(lab: Lab) -> None:
    assert planned() == []
    (write,) = planned(**ANOTHER)
    assert write["before"].endswith("PASSWORD of which nobody knows")
    assert write["after"].endswith("PASSWORD as it is here")
    as_operator(UPLOADED + "print(json.dumps(True))", lab.name)
    (write,) = planned()
    assert write["before"].endswith(", no PASSWORD")
    assert re.search(r"code [0-9a-f]{16}, runtime of .*HOST in\.", write["after"])
    lacks = "from scripts.lib.cloudflare import worker; print(json.dumps(worker.lacking(migration)))"
    assert "the Worker mxgate is other than it is here" in as_operator(lacks, lab.name)
    assert as_operator('print(json.dumps(do("deploy_worker")["status"]))', lab.name) == 0
    assert planned() == []
    assert not as_operator(lacks, lab.name)


def test_a_wrong_password_is_not_uploaded() -> None:
    digest = labs.planned(NAME, "deploy_worker", environ=ANOTHER)["digest"]
    given = ["--apply", digest, "--override", "a test in the lab"]
    done = labs.operator(NAME, "-m", "scripts.deploy_worker", *given, environ=ANOTHER)
    assert done.returncode == 1
    assert f"from {WAY_LOGIN}; heard 535 5.7.8" in done.stderr, done.stderr
    assert planned() == []


def test_an_address_comes_and_goes(lab: Lab) -> None:
    """At Dell only: Cloudflare hands over whatever comes."""
    settings = lab.folder / "operator/migration.toml"
    text = settings.read_text(encoding="utf-8")
    given = ["--domain", PILOT, "--address", "news"]
    try:
        settings.write_text(text.replace('abuse = "carol"', 'abuse = "carol", news = "carol"'), encoding="utf-8")
        written, _ = labs.applied(NAME, "add_address", *given)
        assert "in use" in labs.operator(NAME, "-m", "scripts.add_address", *given).stderr
    finally:
        settings.write_text(text, encoding="utf-8")
    gone, _ = labs.applied(NAME, "remove_address", *given)
    for subjects in ([write["subject"] for write in each] for each in (written, gone)):
        assert "/etc/postfix/mxgate-aliases" in subjects
        assert not any("rule" in subject or "destination" in subject for subject in subjects)


def test_a_worker_that_gets_mail_stays(lab: Lab) -> None:
    done = labs.operator(lab.name, "-m", "scripts.deploy_worker", "--undo")
    assert done.returncode == 1
    assert "the Worker stays: mail of webmakeprofit.org, " in done.stderr, done.stderr


def test_all_is_taken_back(lab: Lab) -> None:
    """The catch-alls as they were at first, no Worker, and Dell's files as they were."""
    code = (
        TAKEN_BACK
        + """\
STANDS
print(json.dumps({
    "caught": [[each.enabled, each.action, list(each.destinations)] for each in caught.values()],
    "first": [[first[name]["catch_all"][key] for key in ("enabled", "action", "destinations")] for name in caught],
    "there": there is not None,
}))
""".replace("STANDS", STANDS)
    )
    found: dict[str, Any] = as_operator(code, lab.name)
    assert found["caught"] == found["first"]
    assert not found["there"]
    assert "postfix/worker" not in lab.exec("dell", ["postconf", "-M"]).stdout
    assert lab.exec("dell", ["sh", "-c", "ls /etc/postfix/mxgate-*"]).stdout.split() == []
