"""Numbered mail through a real lab: exact on the old path, and said when something is down or bounces."""

import re
from typing import Any

import pytest

from tests import labs
from tests.labs import shared

NAME = "test-ledger"
BEGIN = """
import json, time
from fixtures.ledger import Traffic, balance, collect, settle
from fixtures.migration import open_migration
from fixtures.access.changing import dell

def show(found, **more):
    print(json.dumps({
        "injected": found.injected, "acknowledged": found.acknowledged, "arrived": found.arrived,
        "outstanding": found.outstanding, "lost": [entry.bounced for entry in found.lost],
        "copies": len(found.explained_copies) + len(found.unexplained_copies), "unexpected": found.unexpected,
        "paths": list(found.paths), "families": list(found.families), "whole": found.whole,
        "p99_s": found.latency_p99_s, **more,
    }))

migration = open_migration()
"""


lab = shared(NAME, 7)
pytestmark = pytest.mark.usefixtures("lab")


def as_operator(code: str) -> Any:
    """What CODE says when it runs where the operator is."""
    return labs.as_operator(NAME, BEGIN + code, timeout_s=90)


def test_every_message_by_the_old_path_is_accounted_for() -> None:
    result = as_operator("""
with Traffic(migration, "old-path", 5) as traffic:
    began = time.monotonic()
    time.sleep(3)
    traffic.rate, faster = 20, time.monotonic()
    time.sleep(2)
    ended = time.monotonic()
show(settle(migration, "old-path", 20),
     at_most=5 * (faster - began) + 20 * (ended - faster) + 2, more_than=5 * (ended - began) + 2)
""")
    assert result["whole"]
    assert result["more_than"] < result["injected"] == result["acknowledged"] == result["arrived"] <= result["at_most"]
    assert result["paths"] == ["ec2"]
    assert result["families"] == ["ipv4", "ipv6"]
    assert 0 < result["p99_s"] < 10


def test_a_second_reader_learns_the_same() -> None:
    """Counts are whole counts: reading all again adds no copy."""
    result = as_operator("""
collect(migration, "old-path")
show(balance(migration, "old-path"))
""")
    assert result["whole"]
    assert result["copies"] == 0


def test_what_a_user_has_filed_is_not_lost() -> None:
    """Nor what lies in two folders, or would be seen in INBOX; but what lies among spam has not arrived."""
    result = as_operator("""
def filed(folder):
    run = f"filed-{folder}"
    with Traffic(migration, run, 5, domains=("pilot.example.net",)):
        time.sleep(2)
    time.sleep(5)
    move = '''for user in carol dave erin; do
    doveadm mailbox create -u $user@pilot.example.net "$0" Copies || true
    doveadm copy -u $user@pilot.example.net Copies mailbox INBOX HEADER X-Mxgate-Run "$1"
    doveadm move -u $user@pilot.example.net "$0" mailbox INBOX HEADER X-Mxgate-Run "$1"
    done'''
    dell(migration.settings).run("sh", "-ec", move, folder, run)
    collect(migration, run)
    before, rows = balance(migration, run).arrived, migration.store.numbered()
    aged = [{"message_id": row["message_id"], "injected_real": row["injected_real"] - 1000} for row in rows]
    migration.store.update_messages(aged)
    found = settle(migration, run, 0)
    return found, {"before": before, "p50_s": found.latency_p50_s - 1000 if found.arrived else None}
(archived, more), (spam, _) = filed("Archive"), filed("Junk")
show(archived, **more, spam=len(spam.lost) == spam.injected > 0)
""")
    assert result["whole"]
    assert (result["before"], result["copies"], result["paths"], result["spam"]) == (0, 0, ["ec2"], True)
    assert -1 < result["p50_s"] < 10, "the time is that of the delivery, to the second"


def test_a_copy_that_ec2_s_queue_made_is_explained() -> None:
    """Dell has taken a message, and EC2 does not hear of it: it sends it again. No sender's log knows."""
    result = as_operator("""
from fixtures.access.changing import ec2

def run(shell, text):
    shell.run("sh", "-c", text)

deaf = "postconf -e smtp_data_done_timeout=1s minimal_backoff_time=2s queue_run_delay=2s; postfix reload"
slow = "postconf -e 'smtpd_end_of_data_restrictions=sleep 2'; postfix reload"
run(ec2(migration.settings), f"cp /etc/postfix/main.cf /run/kept; {deaf}")
run(dell(migration.settings), f"cp /etc/postfix/main.cf /run/kept; {slow}")
time.sleep(1)
with Traffic(migration, "copies", 4, domains=("webmakeprofit.org",)):
    time.sleep(1)
settle(migration, "copies", 20)
for shell in (dell(migration.settings), ec2(migration.settings)):
    run(shell, "cp /run/kept /etc/postfix/main.cf; postfix reload; postqueue -f")
until = time.monotonic() + 20
while not (found := settle(migration, "copies", 20)).explained_copies and time.monotonic() < until:
    time.sleep(0.2)
show(found)
""")
    assert result["copies"] > 0
    assert result["whole"]


def test_a_bounce_is_a_loss_and_says_why() -> None:
    """Dell takes mail for a mailbox that is no more, and finds out too late (X6): its DSN is the only trace."""
    result = as_operator("""
moved = "echo dave@pilot.example.net gone@pilot.example.net >> /etc/postfix/virtual && postmap /etc/postfix/virtual"
dell(migration.settings).run("sh", "-c", moved)
with Traffic(migration, "bounce", 10, domains=("pilot.example.net",)):
    time.sleep(2)
show(settle(migration, "bounce", 20))
""")
    assert not result["whole"]
    assert result["lost"]
    assert result["arrived"] + len(result["lost"]) == result["injected"]
    assert all("User doesn't exist: gone@pilot.example.net" in said for said in result["lost"])


def ended_by_ctrl_c(domain: str, times: int) -> Any:
    """Watch DOMAIN until its mail has flowed for three seconds, and end that by Ctrl-C, so many TIMES."""
    return as_operator(f"""
import signal, subprocess, sys

store = migration.store
command = ["env", "--default-signal=INT", sys.executable, "-m", "scripts.watch", "--domain", {domain!r}, "--rate", "10"]
watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
until = time.monotonic() + 60
while not any(row["running"] for row in store.recorded("watch", {domain!r})) and time.monotonic() < until:
    time.sleep(0.2)
time.sleep(3)
for _ in range({times}):
    watch.send_signal(signal.SIGINT)
    time.sleep(0.1)
said = watch.communicate(timeout=60)[0]
beats = [row["running"] for row in store.recorded("watch", {domain!r})]
print(json.dumps([watch.returncode, said, beats[-1], len(store.recorded("watched", {domain!r}))]))
""")


def test_ctrl_c_waits_for_the_mail_and_says_what_is_left() -> None:
    status, said, running, watched = ended_by_ctrl_c("webmakeprofit.org", 1)
    assert status == 0, said
    assert (running, watched) == (False, 1)
    said = " ".join(said.split())
    assert "ending: no more mail is sent." in said
    (sent, arrived) = re.findall(
        r"mail: injected (\d+), acknowledged \d+, arrived (\d+), in flight 0, overdue 0", said
    )[0]
    assert int(sent) == int(arrived) > 10
    assert said.endswith("webmakeprofit.org is not switched: of the 2 d that a switch is watched for nothing has begun")


def test_ctrl_c_many_times_does_not_wait_and_leaves_its_record() -> None:
    status, said, running, watched = ended_by_ctrl_c("fx-trader-life.com", 6)
    assert status == 0, said
    assert (running, watched) == (False, 1)
    assert "ended before" not in said


def test_watch_sees_the_switch_each_cache_and_the_refusals() -> None:
    """The MX moves although Email Routing isn't ready: every resolver is timed, and the 5xx window is measured."""
    result = as_operator("""
import cloudflare
from fixtures.probes.dns import queries as dns
from fixtures.watching import Watch

domain = migration.settings.pilot
dns.ask_everywhere(migration, domain, "MX")
client = cloudflare.Cloudflare(api_token=migration.secrets.cloudflare_token.get_secret_value())
zone = next(zone for zone in client.zones.list() if zone.name == domain)
record = next(iter(client.dns.records.list(zone_id=zone.id, type="MX", name={"exact": domain})))
with Traffic(migration, "watched", 1, domains=(domain,)) as traffic:
    watch = Watch(migration, domain, traffic).start()
    raised = traffic.rate
    time.sleep(3)
    client.dns.records.edit(
        record.id, zone_id=zone.id, type="MX", name=domain, content="route1.mx.cloudflare.net", priority=10, ttl=60
    )
    time.sleep(3)
    migration.clock.advance(3700)
    time.sleep(3)
    calm = traffic.rate
    result = watch.stop()
    result["rates"] = [raised, calm, traffic.rate]
store = migration.store
for kind in ("watch", "authority", "authority change", "propagation", "stale", "abort rule", "watched"):
    result[kind] = store.recorded(kind, domain)
print(json.dumps(result))
""")
    assert result["asked"] >= 300
    assert result["without_mx"] == result["errors"] == 0
    assert sum(row["answers"] * (row["last"] - row["second"] + 1) for row in result["authority"]) == result["asked"]
    assert [change["after"] for change in result["authority change"]] == [["10 route1.mx.cloudflare.net"]]
    assert {seen["resolver"] for seen in result["propagation"]} == {"fresh", "fresh by HTTPS", "stale", "plain"}
    assert result["resolvers"]["fresh"]["first_new_s"] < 5
    assert result["resolvers"]["stale"]["first_new_s"] > 3600
    assert result["stale"] == []
    assert result["rates"] == [7, 1 / 60, 1]
    assert result["refused"] > 0
    assert result["refused_first"] < result["refused_last"]
    assert [met["rule"] for met in result["abort rule"]] == ["lost"]
    assert result["ledger"]["lost"] > 0
    assert [beat["running"] for beat in result["watch"]][-1] is False
    assert len(result["watched"]) == 1


def test_what_waits_in_a_queue_is_outstanding_not_lost() -> None:
    result = as_operator("""
dell(migration.settings).run("doveadm", "stop")
with Traffic(migration, "waiting", 5, domains=("fx-trader-life.com",)):
    time.sleep(2)
collect(migration, "waiting")
show(balance(migration, "waiting"))
""")
    assert not result["whole"]
    assert result["outstanding"] == result["injected"] > 0
    assert result["lost"] == []
