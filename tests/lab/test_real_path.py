"""The path is real: what the features judge by is what the servers' own mailboxes and logs hold. Uses its lab up."""

from __future__ import annotations

import os
import signal

from fixtures.lab import plan
from fixtures.lab.world import Lab
from tests.conftest import ended, features
from tests.lab.test_lab import until
from tests.labs import as_operator

BEGIN = """
import json
from fixtures.ledger import Traffic
from fixtures.migration import open_migration
from fixtures.probes.mailbox import delivery; from fixtures.probes.dns import queries as dns
from fixtures.watching import Watch
from scripts import stop_ec2, switch_mx

migration = open_migration()
PILOT = "pilot.example.net"
SENDERS = [each.name for each in migration.settings.senders]
STALE = SENDERS.index("with a stale cache")
# Senders take turns: the last of these is sent by the one whose resolver is stale.
ADDRESSES = [migration.settings.domain(PILOT).addresses[0]] * (STALE + 1)

def apply(script, *options):
    import contextlib, io
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        script.main([*options, "--json"])
    digest = json.loads(said.getvalue())["digest"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert script.main([*options, "--override", "a test in the lab", "--apply", digest]) == 0

def answers():
    told = dns.ask_everywhere(migration, PILOT, "MX")
    return {each.server.name: list(each.rrset) for each in told}

def send():
    told = delivery.arrivals(migration, delivery.from_outside(migration, ADDRESSES))
    return [[each.path, each.sent.message.message_id] for each in told]
"""


def test_a_stale_resolver_leads_to_ec2_until_its_time_is_up(phase3: Lab) -> None:
    """And from then on to Cloudflare; the mail of both ways lies in Dovecot's mailbox."""
    at_once, sent, later, sent_later = as_operator(
        phase3.name,
        BEGIN
        + """
answers()
migration.clock.advance(migration.settings.bounds.ttl_s + 1)
answers()
with Traffic(migration, "real-path", 1.0, domains=(PILOT,)) as traffic:
    watch = Watch(migration, PILOT, traffic).start()
    try:
        apply(switch_mx, "--domain", PILOT)
    finally:
        watch.stop()
at_once, sent = answers(), send()
migration.clock.advance(migration.settings.bounds.ttl_s + 60)
print(json.dumps([at_once, sent, answers(), send()]))
""",
    )
    old = ["10 mail.webmakeprofit.org"]
    assert at_once["stale"] == old
    assert all("cloudflare.net" in value for value in later["stale"])
    assert any(values != old for server, values in at_once.items() if server not in plan.RESOLVERS), "the authority"
    assert sent[-1][0] == "ec2"
    assert {path for path, _ in sent_later} == {"cloudflare"}
    for _, message_id in (sent[-1], *sent_later):
        found = phase3.exec("dell", ["grep", "-rlF", "--exclude=dovecot*", message_id, "/srv/vmail"])
        assert len(found.stdout.splitlines()) == 1, f"{message_id} is not once in a mailbox: {found.stdout}"


def test_dells_own_log_names_cloudflare(phase3: Lab) -> None:
    log = phase3.exec("dell", ["cat", "/var/log/mail.log"]).stdout
    assert "client=unknown[104.30." in log or "[104.30." in log
    assert f"[{plan.EC2_TAILNET}]" in log


def test_stopping_the_instance_kills_its_port_25(phase3: Lab) -> None:
    knock = ["python3", "-c", f"import socket; print(socket.create_connection(('{plan.EC2_4}', 25), 1).recv(9))"]
    assert "220" in phase3.exec("world", knock).stdout
    as_operator(
        phase3.name,
        "import boto3, json; c = boto3.client('ec2'); "
        "i = c.describe_instances()['Reservations'][0]['Instances'][0]['InstanceId']; "
        "print(json.dumps(c.stop_instances(InstanceIds=[i])['StoppingInstances'][0]['InstanceId']))",
    )
    until(lambda: phase3.power("ec2") == "off", "the power is off")
    assert "timed out" in phase3.exec("world", knock).stderr


def test_a_dead_host_is_named(phase3: Lab) -> None:
    """Nothing is judged of a lab that isn't whole."""
    os.kill(phase3.pids["web"], signal.SIGKILL)
    until(lambda: not phase3.alive, "the host is dead")
    done = features("--gate", "phase4", "--lab", phase3.name)
    ended(done, 2, "is not whole: web is dead", f"scripts/lab down --name {phase3.name}")
