"""The lab itself: it comes up as the present is, its hosts are where the plan says, and it leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures import settings
from fixtures.lab import containers, files, image, plan, world
from fixtures.lab.errors import LabError
from fixtures.lab.operator import environment
from fixtures.lab.present import OUTSIDE, PILOT, SENDGRID_NAME, Estate
from fixtures.lab.world import Lab
from tests import labs
from tests.conftest import PROJECT, until
from tests.labs import operator

NAME = "test-lab"
EVENT_S_MAX = 60.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")


def machine() -> str:
    """What the lab must never change: the machine's links, routes, packet filter, resolver, mounts."""
    commands = ("ip -br link", "ip -br address", "ip route", "ip -6 route", "ip rule", "nft list ruleset")
    shown = [subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout for command in commands]
    kept = [Path(name).read_text(encoding="utf-8") for name in ("/etc/resolv.conf", "/etc/hosts")]
    # Other labs may come and go meanwhile; their mounts are Podman's.
    mounts = [
        line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if "containers/" not in line
    ]
    return "\n".join([*shown, *kept, *mounts])


def as_operator(code: str) -> str:
    """What CODE prints when it runs where the operator is."""
    done = operator(NAME, "-c", code, timeout_s=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share; the last of them take its gateway down."""
    before = machine()
    standing = Lab.up(NAME, seed=7, owner_pid=os.getpid())
    yield standing
    assert standing.died("dell") == ()
    standing.down()
    assert not standing.folder.exists()
    assert containers.names(NAME) == {}
    assert machine() == before


def test_settings_are_ordinary(lab: Lab) -> None:
    """The lab's migration.toml passes the same checks as an operator's."""
    loaded = settings.load(lab.folder / "operator/migration.toml")
    assert loaded.target == "lab"
    assert len({address.mailbox for address in loaded.addresses()}) == 10
    assert loaded.pilot == "pilot.example.net"


@pytest.mark.parametrize(("sender", "seen"), [("four.example", plan.WORLD4), ("six.example", plan.WORLD6)])
def test_todays_path(lab: Lab, sender: str, seen: str) -> None:
    """Outside mail comes through EC2, over either family, into Dell's mailbox."""
    send = ["swaks", "--server", "127.0.0.1", "--from", f"friend@{sender}", "--to", "alice@webmakeprofit.org"]
    assert lab.exec("world", [*send, "--silent", "2"]).returncode == 0
    box = ["grep", "-rl", f"friend@{sender}", "/srv/vmail/alice@webmakeprofit.org/Maildir/new"]
    until(lambda: lab.exec("dell", box).returncode == 0, f"mail from {sender} in alice's mailbox")
    # A log is written after the mail that it tells of.
    until(lambda: _knows(lab, "ec2", seen), f"EC2's log tells of {seen}")
    until(lambda: _knows(lab, "dell", plan.EC2_TAILNET), "Dell's log tells of EC2")


def _knows(lab: Lab, host: str, client: str) -> bool:
    return lab.exec(host, ["grep", "-F", f"[{client}]", "/var/log/mail.log"]).returncode == 0


def test_the_smart_host_wants_a_login_signs_and_has_a_return_path_of_its_own(lab: Lab) -> None:
    ask = ["swaks", "--server", f"{SENDGRID_NAME}:587", "--tls", "--quit-after", "RCPT"]
    ask += ["--from", "alice@webmakeprofit.org", "--to", f"outside@{OUTSIDE}"]
    wrong = ["--auth", "PLAIN", "--auth-user", "apikey", "--auth-password", "wrong"]
    assert "554 5.7.1" in lab.exec("dell", ask).stdout
    assert "535 5.7.8" in lab.exec("dell", [*ask, *wrong]).stdout
    one_of_last_month = "cat $(grep -rlF 'From: alice@webmakeprofit.org' /srv/vmail | head -1)"
    letter = lab.exec("world", ["sh", "-c", one_of_last_month]).stdout
    for words in ("Return-Path: <bounces+0@em1234.webmakeprofit.org>", "d=webmakeprofit.org;", "s=s1;", "with ESMTPSA"):
        assert words in letter


@pytest.mark.parametrize(
    ("host", "source", "target"),
    [
        ("cloudflare", "104.30.31.254", plan.EC2_4),
        ("cloudflare", "2405:8100:c3ff::9", plan.EC2_6),
        ("world", "104.16.0.7", plan.EC2_4),
        ("world", "2405:8100:bfff::9", plan.EC2_6),
        ("world", "192.0.2.77", plan.EC2_4),
        ("dell", "172.20.0.5", plan.DELL_TAILNET),
        ("dell", "192.168.77.5", plan.DELL_TAILNET),
    ],
)
def test_true_client_addresses(lab: Lab, host: str, source: str, target: str) -> None:
    """A host may connect from each address of its ranges, and the server sees that address."""
    knock = f"import socket; socket.create_connection(('{target}', 25), 5, ('{source}', 0)).recv(99)"
    assert lab.exec(host, ["python3", "-c", knock]).returncode == 0
    server = "dell" if target == plan.DELL_TAILNET else "ec2"
    log = ["grep", "-E", rf"connect from \S+\[{source}\]", "/var/log/mail.log"]
    until(lambda: lab.exec(server, log).returncode == 0, f"{server} has seen {source}")


@pytest.mark.parametrize(("source", "greets"), [("", "550 Sender IP reverse lookup rejected"), (plan.WORLD6, "220 ")])
def test_a_rented_host_is_turned_away_over_ipv6(lab: Lab, source: str, greets: str) -> None:
    """Whoever speaks from the world has no name that leads back; its mail servers have."""
    bound = f"('{source or '::'}', 0)"
    knock = f"import socket; print(socket.create_connection(('2606:4700:f5::b', 25), 5, {bound}).recv(99).decode())"
    assert lab.exec("world", ["python3", "-c", knock]).stdout.startswith(greets)


def test_tailnet_is_closed_to_others(lab: Lab) -> None:
    """Only hosts with a tailnet address reach another's."""
    knock = f"import socket; socket.create_connection(('{plan.DELL_TAILNET}', 25), 2)"
    assert "No route to host" in lab.exec("world", ["python3", "-c", knock]).stderr


def test_port_25_of_dell_is_not_public_yet(lab: Lab) -> None:
    knock = f"import socket; socket.create_connection(('{plan.DELL4}', 25), 2)"
    assert "refused" in lab.exec("world", ["python3", "-c", knock]).stderr


def test_resolvers_follow_the_clock(lab: Lab) -> None:
    """A kept answer ages by the lab's clock."""
    ask = ["dig", "+noall", "+answer", f"@{plan.RESOLVERS['plain']}", "fx-trader-life.com", "MX"]

    def ttl() -> int:
        return int(lab.exec("world", ask).stdout.split()[1])

    until(lambda: "mail.webmakeprofit.org" in lab.exec("world", ask).stdout, "the MX is published")
    first = ttl()
    lab.clock.advance(1000)
    assert first - 1003 <= ttl() <= first - 1000


VALIDATE = """
import dns.dnssec, dns.message, dns.name, dns.query
from dns.rdatatype import DNSKEY, MX, RRSIG
zone, keys_found = dns.name.from_text("webmakeprofit.org"), []
for server in SERVERS:
    ask = lambda kind: dns.query.udp_with_fallback(dns.message.make_query(zone, kind, want_dnssec=True), server, 5)[0]
    keys, reply = ask(DNSKEY), ask(MX)
    signature = reply.find_rrset(reply.answer, zone, 1, RRSIG, MX)
    key = keys.find_rrset(keys.answer, zone, 1, DNSKEY)
    dns.dnssec.validate(reply.find_rrset(reply.answer, zone, 1, MX), signature, {zone: key})
    keys_found.append(key[0].to_text())
print(len(keys_found), len(set(keys_found)))
"""


@pytest.mark.usefixtures("lab")
def test_the_signed_zone_validates_with_one_key_at_both_servers() -> None:
    servers = list(plan.NAMESERVERS.values())
    assert as_operator(VALIDATE.replace("SERVERS", repr(servers))) == "2 1"


def test_a_name_that_is_taken(lab: Lab) -> None:
    with pytest.raises(LabError, match="stands already"):
        Lab.up(lab.name)


def test_terraform_is_real(lab: Lab) -> None:
    folder = lab.folder / "operator/services/mailserver/terraform"
    code = f"import subprocess; subprocess.run(['terraform', '-chdir={folder}', 'state', 'list'], check=True)"
    assert as_operator(code).split() == [
        "aws_eip.mail",
        "aws_instance.mail",
        "aws_security_group.mail",
        "terraform_data.keep",
    ]


def test_the_operators_own_secrets_stay_outside(tmp_path: Path) -> None:
    """Above all a live store, into which a lab would write."""
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator/secrets.json").write_text('{"cloudflare_token": "of the lab"}', encoding="ascii")
    live = {"MXGATE_STORE_URL": "live", "MXGATE_ALARM_URLS_FILE": "live", "CREDENTIALS_DIRECTORY": "live", "LANG": "C"}
    made = environment(tmp_path, "a-lab", live | {"MXGATE_CLOUDFLARE_TOKEN": "live"})
    assert "live" not in made.values()
    assert (made["MXGATE_CLOUDFLARE_TOKEN"], made["LANG"]) == ("of the lab", "C")


def test_an_alarm_arrives_while_mail_is_down(lab: Lab) -> None:
    result = labs.as_operator(lab.name, "from tests.lab.mail_down import main; main()")
    assert [result["up"][0], result["down"][0]] == [0, 0]
    assert "Dell's port 25 answers" in result["up"][1]
    assert "Dell's port 25 does not answer" in result["down"][1]
    titles = [title for _, title, _ in result["got"] if title]
    numbers = [said.split(":")[0].removeprefix("drill ") for _, said in (result["up"], result["down"])]
    assert titles == [f"mxgate: DRILL {number}" for number in numbers]
    assert [path for path, _, _ in result["got"]] == ["/", "/ping"] * 2


def test_a_verdict_is_bound_to_all_records_about_mail_and_to_no_others(lab: Lab) -> None:
    code = """
import json
from fixtures.gates.present import differences, present
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api, changing
migration = open_migration()
domain = migration.settings.pilot
zone, records = api.zone(migration, domain).id, changing.client(migration).dns.records
before = present(migration, (domain,))
more = ("TXT", "_acme-challenge", "a token"), ("CNAME", "s9._domainkey", "elsewhere.example")
made = [records.create(zone_id=zone, type=t, name=f"{n}.{domain}", content=c, ttl=300) for t, n, c in more]
after = present(migration, (domain,))
for each in made:
    records.delete(each.id, zone_id=zone)
print(json.dumps([differences(before, after), differences(before, present(migration, (domain,)))]))
"""
    (changed,), none = labs.as_operator(lab.name, code)
    assert changed == f"CNAME s9._domainkey.{PILOT}: was nothing; is 300 elsewhere.example"
    assert none == []


def test_only_our_own_mail_is_cleaned(lab: Lab) -> None:
    result = labs.as_operator(lab.name, "from tests.lab.cleaning import main; main()")
    assert (result["planned"], result["refused"], result["applied"], result["again"]) == (3, 1, 0, 0)
    assert result["untouched"] > 30  # what is refused deletes nothing
    assert all(write["danger"] == "deletes" for write in result["writes"])
    assert len(result["planted"]) == 11
    assert result["survived"] == result["planted"]
    assert result["others lost"] == []
    assert result["fresh left"] == 10  # of a run that may still be going on
    with_its_run = 8  # the look-alikes, and the copy that lies in another mailbox
    assert result["old left"] == with_its_run
    assert "nothing to do" in result["said"]


def test_power_follows_the_api(lab: Lab) -> None:
    """Stopping the instance through the API makes the host dead; starting it brings back it and its disk."""
    call = "import boto3; c = boto3.client('ec2'); i = c.describe_instances()['Reservations'][0]['Instances'][0]; "
    knock = ["python3", "-c", f"import socket; print(socket.create_connection(('{plan.EC2_4}', 25), 1).recv(9))"]
    assert "220" in lab.exec("world", knock).stdout
    lab.exec("ec2", ["touch", "/var/spool/kept"])
    as_operator(call + "c.stop_instances(InstanceIds=[i['InstanceId']])")
    until(lambda: lab.power("ec2") == "off", "the power is off")
    assert "timed out" in lab.exec("world", knock).stderr
    as_operator(call + "c.start_instances(InstanceIds=[i['InstanceId']])")
    until(lambda: lab.exec("world", knock).returncode == 0, "port 25 answers again")
    assert lab.exec("ec2", ["test", "-e", "/var/spool/kept"]).returncode == 0
    assert lab.died("ec2") == ()


def test_a_mailbox_is_read_after_a_power_cut(lab: Lab) -> None:
    """Whoever took mail in died when it had made its lock, and had not yet written its process id there."""
    user, save = f"dave@{PILOT}", "printf 'Subject: x\\n\\nx\\n' | doveadm save -u"
    lock = f"/srv/vmail/{user}/Maildir/dovecot-uidlist.lock"
    done = lab.exec("dell", ["bash", "-ec", f"{save} {user}; : >{lock}"])
    assert done.returncode == 0, done.stderr
    labs.cut_the_power(lab, "dell")
    read = ["timeout", "5", "doveadm", "fetch", "-u", user, "uid", "mailbox", "INBOX", "all"]
    until(lambda: "uid: " in lab.exec("dell", read).stdout, "the mailbox is read")


def test_killed_owner_leaves_nothing() -> None:
    """SIGKILL of the process that owns a lab: the warden takes all of it down."""
    before = machine()
    code = (
        "import os, time\nfrom fixtures.lab.world import Lab\n"
        "lab = Lab.up('test-killed', owner_pid=os.getpid(), month=False); lab.enter(); "
        "print('up', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "up\n"
        os.kill(owner.pid, signal.SIGKILL)
    until(lambda: "test-killed" not in world.standing(), "the lab is gone", world.LOCK_S_MAX + EVENT_S_MAX)
    assert not Path("/run/mxgate/test-killed").exists()
    until(lambda: machine() == before, "the machine is as it was")


@pytest.mark.parametrize("made", ["", "wire", "ec2/pid", "aws/aws.json"])
def test_killed_while_it_is_made_nothing_is_left(made: str, tmp_path: Path) -> None:
    """SIGKILL of the process that makes a lab, once so much of it is there; where no process leaves it quickly."""
    before = machine()
    slow = tmp_path / "setsid"
    slow.write_text('#!/bin/sh\nsleep 0.3\nPATH=${PATH#*:} exec setsid "$@"\n', encoding="ascii")
    slow.chmod(0o755)
    env = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    code = "from fixtures.lab.world import Lab; Lab.up('test-begun', month=False)"
    whole = world.RUN / "test-begun/lab.json"
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, start_new_session=True, env=env) as maker:
            until((world.RUN / "test-begun" / made).exists, f"{made or 'its folder'} is there", pause_s_max=0.02)
            os.killpg(maker.pid, signal.SIGKILL)
        if not whole.exists():
            break
        world.down("test-begun")  # the kill came too late
    assert not whole.exists()
    until(lambda: "test-begun" not in world.standing(), "nothing of it is left", world.LOCK_S_MAX + EVENT_S_MAX)
    until(lambda: machine() == before, "the machine is as it was")
    until(lambda: not [*containers._processes(lambda each: b"\0mxgate-test-begun-" in each)], "no process is left")


def test_a_container_of_which_podman_knows_its_storage_only_is_left_by_nobody(tmp_path: Path) -> None:
    """SIGKILL of podman, later where it came too early, until it comes between a container's storage and all else."""
    folder, root = tmp_path / "test-storage" / "web", image.ensure(files.Start(seed=1).images["web"])
    folder.mkdir(parents=True)
    after_s, step_s = 0.1, 0.05
    for _ in range(600):
        with containers.start(folder, root, ()) as begun:
            time.sleep(after_s)
            begun.kill()
        states = set(containers.names("test-storage").values())
        if states == {"storage"}:
            break
        containers.remove("test-storage")
        after_s, step_s = max(0, after_s + (-step_s if states else step_s)), max(step_s / 2, 0.002)
    assert "test-storage" in world.standing()
    assert world.down("test-storage")
    assert "test-storage" not in world.standing()


def test_a_dead_daemon_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that can't start fails ``up`` with its own words, and nothing is left."""
    render = files.render

    def spoilt(folder: Path, host: str, estate: Estate, **values: object) -> None:
        render(folder, host, estate, **values)
        if host == "resolvers":
            (folder / host / "stale.conf").write_text("server:\n  no-such-option: 1\n", encoding="ascii")

    monkeypatch.setattr(files, "render", spoilt)
    with pytest.raises(LabError, match=r"(?s)resolvers: stale died with status 1.*stale.conf:2"):
        Lab.up("test-broken")
    assert "test-broken" not in world.standing()


@pytest.mark.parametrize("name", ["", "UPPER", "a/b", "x" * 40])
def test_a_bad_name(name: str) -> None:
    with pytest.raises(LabError, match="--name"):
        Lab.up(name)
