"""There, back and there again by a Worker and a way that Dell makes itself, with numbered mail; then all taken back.

Nobody reaches a port of this Dell's from outside.
"""

import json
import re
import subprocess
import time
from typing import Any

import pytest

from fixtures.lab import plan
from fixtures.lab.faults.walk import carry
from fixtures.lab.present import PILOT, WAY_LOGIN
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from tests import labs
from tests.scripts.operating import as_operator

NAME = "tests-by-worker"
PORTS = (22, 25, 465, 587, 993, plan.WAY_PORT)
CAROL = f"carol@{PILOT}"
lab = labs.shared(NAME, 19, route="worker")
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
BY_THE_WORKER = "grep -c 'postfix/worker/smtpd.*sasl_username=' /var/log/mail.log"
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


def knocked(lab: Lab, host: str, addresses: tuple[str, ...]) -> dict[str, str]:
    """What HOST hears at each of PORTS."""
    code = f"ADDRESSES, PORTS = {addresses!r}, {PORTS!r}{KNOCK}"
    lines = lab.exec(host, ["python3", "-c", code], timeout_s=90).stdout.splitlines()
    return {" ".join(line.split()[:2]): line.split(maxsplit=2)[2] for line in lines}


def deploy(password: str, *options: str) -> subprocess.CompletedProcess[str]:
    """deploy_worker. PASSWORD: of its login, if that is not to be the lab's."""
    given: dict[str, str | None] = {"MXGATE_WORKER_PASSWORD": password} if password else {}
    return labs.operator(NAME, "-m", "scripts.deploy_worker", *options, environ=given)


def planned(password: str = "") -> list[dict[str, str]]:
    """What it would write."""
    done = deploy(password, "--json")
    assert done.returncode in {0, 3}, done.stderr
    writes: list[dict[str, str]] = json.loads(done.stdout)["writes"]
    return writes


@pytest.mark.parametrize("host", ["world", "cloudflare", "laggard"])
def test_nobody_reaches_dell_from_outside(lab: Lab, host: str) -> None:
    found = knocked(lab, host, (plan.DELL4, plan.DELL6))
    assert set(found.values()) == {"timed out"}, found
    assert len(found) == 2 * len(PORTS)


def test_the_operator_reaches_it_by_the_tailnet(lab: Lab) -> None:
    assert knocked(lab, "operator", (plan.DELL_TAILNET,))[f"{plan.DELL_TAILNET} 22"] == "open"


def test_the_order_is_asked_for(lab: Lab) -> None:
    """No Worker before Dell listens, no catch-all before the Worker."""
    said = as_operator('print(json.dumps([do("deploy_worker"), do("prepare_cloudflare", PILOT)]))', lab.name)
    (deployed, prepared) = said
    assert (deployed["status"], prepared["status"]) == (1, 1)
    assert "expected that Dell takes a message" in deployed["said"]
    assert "Nothing was uploaded: first python -m scripts.prepare_dell" in deployed["said"]
    assert "the Worker mxgate is absent: first python -m scripts.deploy_worker. Nothing was written" in prepared["said"]


def test_there_back_and_there_again_nothing_is_lost(lab: Lab) -> None:
    carry(lab.name, Gate.PHASE4)
    found = as_operator(COUNTED, lab.name)
    print(found)
    assert found["whole"], found["said"]
    assert found["arrived"] > 100
    assert int(lab.exec("dell", ["sh", "-c", BY_THE_WORKER]).stdout) > 100


def test_nobody_reaches_dell_afterwards_either(lab: Lab) -> None:
    test_nobody_reaches_dell_from_outside(lab, "world")


def test_the_way_is_made_again_by_itself(lab: Lab) -> None:
    """Mail that comes meanwhile waits at its sender."""
    before = unit(lab)
    assert (before["ActiveState"], before["Restart"]) == ("active", "always")
    assert lab.exec("dell", ["pkill", "-x", "ssh"]).returncode == 0
    assert sent(lab, "made again", 20) == 20
    assert int(unit(lab)["NRestarts"]) == int(before["NRestarts"]) + 1


def test_what_is_asked_of_users_is_not_asked_of_it(lab: Lab) -> None:
    """A login has its own addresses, and this one brings everybody's."""
    asked = ("smtpd_sender_restrictions = reject_sender_login_mismatch", "smtpd_helo_restrictions = reject")
    assert lab.exec("dell", ["postconf", "-e", *asked]).returncode == 0
    try:
        assert lab.exec("dell", ["postfix", "reload"]).returncode == 0
        assert sent(lab, "of anybody", 5) == 5
    finally:
        lab.exec("dell", ["sh", "-c", "postconf -X smtpd_sender_restrictions smtpd_helo_restrictions; postfix reload"])


def test_while_there_is_no_way_mail_waits(lab: Lab) -> None:
    assert lab.exec("dell", ["systemctl", "stop", plan.WAY_UNIT]).returncode == 0
    try:
        assert sent(lab, "no way", 5, limit_s=5) == 0
        assert unit(lab)["ActiveState"] == "inactive"
    finally:
        assert lab.exec("dell", ["systemctl", "start", plan.WAY_UNIT]).returncode == 0
    assert came(lab, "no way", 5) == 5


def unit(lab: Lab) -> dict[str, str]:
    shown = lab.exec("dell", ["systemctl", "show", plan.WAY_UNIT]).stdout
    return dict(line.split("=", 1) for line in shown.splitlines())


def sent(lab: Lab, subject: str, messages: int, limit_s: float = 60) -> int:
    """How many of so many that a sender's server is given are in the mailbox, at most LIMIT_S later."""
    how = ["smtp-source", "-m", str(messages), "-S", subject, "-f", "bob@four.example", "-t", CAROL, "127.0.0.1:25"]
    assert lab.exec("world", how).returncode == 0
    return came(lab, subject, messages, limit_s)


def came(lab: Lab, subject: str, messages: int, limit_s: float = 60) -> int:
    until = time.monotonic() + limit_s
    letters = f"grep -rlx 'Subject: {subject}' /srv/vmail/{CAROL}/Maildir/{{new,cur}} | xargs -r grep -hi ^message-id:"
    find = ["bash", "-c", f"{letters} | sort -u | wc -l"]
    while (found := int(lab.exec("dell", find).stdout)) < messages and time.monotonic() < until:
        time.sleep(0.2)
    return found


def test_what_stands_at_cloudflare_is_compared(lab: Lab) -> None:
    assert planned() == []
    (write,) = planned("another")
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
    digest = json.loads(deploy("another", "--json").stdout)["digest"]
    done = deploy("another", "--apply", digest, "--override", "a test in the lab")
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
        written = applied("add_address", *given)
        assert "in use" in labs.operator(NAME, "-m", "scripts.add_address", *given).stderr
    finally:
        settings.write_text(text, encoding="utf-8")
    gone = applied("remove_address", *given)
    for each in (written, gone):
        assert "/etc/postfix/mxgate-aliases" in each
        assert not any("rule" in subject or "destination" in subject for subject in each)


def applied(script: str, *options: str) -> list[str]:
    """What it wrote to."""
    done = labs.operator(NAME, "-m", f"scripts.{script}", *options, "--json")
    assert done.returncode == 3, done.stderr
    planned_ = json.loads(done.stdout)
    done = labs.operator(NAME, "-m", f"scripts.{script}", *options, "--apply", planned_["digest"])
    assert done.returncode == 0, done.stdout + done.stderr
    return [each["subject"] for each in planned_["writes"]]


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
