"""The Email Worker between the lab's Cloudflare and Dell's real Postfix, which takes its mail on a port of its own."""

import json
import os
import random
import re
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fixtures.lab import files, plan
from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.present import DELL_NAME, DOMAINS, PILOT, SINK
from fixtures.lab.world import Lab
from tests import labs
from tests.conftest import PROJECT
from tests.scripts.operating import plant

NAME = "test-worker"
PORT, LOGIN, PASSWORD = 2465, f"worker@{PILOT}", secrets.token_urlsafe(18)
CAROL, NOBODY, BOB = f"carol@{PILOT}", f"nobody@{PILOT}", "bob@four.example"
ARRIVED_S_MAX = 90.0
MESSAGES = int(os.environ.get("MXGATE_WORKER_MESSAGES", "600"))
KILLS = 30
KILLED = {
    "the Worker's runtime": ("cloudflare", "kill -KILL $(pidof workerd)"),
    "Dell's smtpd": ("dell", "kill -KILL $(pgrep -x smtpd | head -1)"),
    "Dell's cleanup": ("dell", "kill -KILL $(pgrep -x cleanup | head -1)"),
    # Dell may be about to start it, after its power was cut: whoever comes second tries again.
    "Dell's Postfix": ("dell", "postfix abort; for _ in $(seq 50); do postfix start && exit; sleep 0.1; done; exit 1"),
}
SERVICES = [f"{address}:{PORT}" for address in (plan.DELL4, "127.0.0.1")]
LISTENER = {
    "syslog_name": "postfix/worker",
    "smtpd_tls_wrappermode": "yes",
    "smtpd_tls_security_level": "encrypt",
    "smtpd_tls_chain_files": "/etc/ssl/dell.pem",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_client_restrictions": f"check_sasl_access,inline:{{{LOGIN}=OK}},reject",
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "virtual_mailbox_maps": "texthash:/etc/postfix/mailboxes",
}
ON_DELL = "\n".join([
    f"echo '{LOGIN}:{{PLAIN}}{PASSWORD}::::::' >> /etc/dovecot/users",
    "sed -n 's/:.*/ x/p' /etc/dovecot/users > /etc/postfix/mailboxes",
    *(f"postconf -M '{each}/inet={each} inet n - n - - smtpd'" for each in SERVICES),
    *(f"postconf -P '{each}/inet/{name}={value}'" for each in SERVICES for name, value in LISTENER.items()),
    "postconf -e lmtp_destination_concurrency_limit=5",  # as prepare_dell does (X18)
    "postfix reload",
])  # fmt: skip
DEPLOYED = """
import json, os, time
from cloudflare import Cloudflare, NotFoundError
here = json.loads({!r})
client, mine, zone = Cloudflare(api_token=os.environ["MXGATE_CLOUDFLARE_TOKEN"]), *here["ids"]
module = "worker.js", here["source"].encode(), "application/javascript+module"
client.workers.scripts.update("mxgate", **mine, metadata=here["metadata"], files=[module])
if not client.email_routing.get(**zone).enabled:
    client.dns.records.create(zone_id=here["other"], type="A", name=here["host"], content=here["address"], ttl=60)
    for record in client.dns.records.list(**zone, type="MX"):
        client.dns.records.delete(record.id, **zone)
    client.email_routing.dns.create(**zone)
    to_it = [{{"type": "worker", "value": ["mxgate"]}}]
    for left in reversed(range(60)):  # it takes seconds until the new Worker is known
        try:
            client.email_routing.rules.catch_alls.update(
                **zone, matchers=[{{"type": "all"}}], actions=to_it, enabled=True
            )
            break
        except NotFoundError:
            if not left:
                raise
            time.sleep(1)
print(json.dumps(client.email_routing.get(**zone).status))
"""

MOVED = """
import json, os
from cloudflare import Cloudflare
client, zone = Cloudflare(api_token=os.environ["MXGATE_CLOUDFLARE_TOKEN"]), {{"zone_id": {!r}}}
(record,) = client.dns.records.list(**zone, name={{"exact": {!r}}}, type="A")
client.dns.records.edit(record.id, **zone, type="A", name=record.name, content={!r}, ttl=60)
print(json.dumps(True))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Its pilot's mail goes to the Worker; who set it up may also write Workers."""
    before = files.SCOPES["cloudflare_token"]
    files.SCOPES["cloudflare_token"] = f"{before} workers:edit"
    try:
        with labs.standing(NAME, seed=19, knobs=("--settle-s=0", "--transient-errors=0")) as made:
            on(made, "dell", ON_DELL)
            deploy(made)
            yield made
    finally:
        files.SCOPES["cloudflare_token"] = before


def deploy(lab: Lab, password: str = PASSWORD) -> None:
    by_name = {each.name: each.zone_id for each in DOMAINS}
    texts = {"HOST": DELL_NAME, "PORT": str(PORT), "LOGIN": LOGIN}
    bindings = [{"type": "plain_text", "name": name, "text": text} for name, text in texts.items()]
    bindings.append({"type": "secret_text", "name": "PASSWORD", "text": password})
    given = {
        "metadata": {"main_module": "worker.js", "compatibility_date": "2026-04-01", "bindings": bindings},
        "source": (PROJECT / "scripts/lib/worker/worker.js").read_text("utf-8"),
        "ids": [{"account_id": plan.ACCOUNT_ID}, {"zone_id": by_name[PILOT]}],
        "other": by_name["webmakeprofit.org"],
        "host": DELL_NAME,
        "address": plan.DELL4,
    }
    assert labs.as_operator(lab.name, DEPLOYED.format(json.dumps(given))) == "ready"


def send(lab: Lab, batch: str, messages: int, octets: int = 2048) -> None:
    """Queue so many messages at a sender's server, which goes on trying; each has a Message-ID of its own."""
    how = f"smtp-source -s 5 -m {messages} -l {octets} -S {batch} -f {BOB} -t {CAROL} 127.0.0.1:25"
    done = lab.exec("world", how.split(), timeout_s=900)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def arrived(lab: Lab, batch: str) -> Counter[str]:
    """How often each of the batch is in the mailbox. What Dovecot still writes, in tmp, is not there yet."""
    find = f"grep -rlx 'Subject: {batch}' /srv/vmail/{CAROL}/Maildir/{{new,cur}} | xargs -r grep -hi ^message-id:"
    return Counter(lab.exec("dell", ["bash", "-c", find]).stdout.split("\n")[:-1])


def until(happens: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + ARRIVED_S_MAX + MESSAGES / 10
    while not happens():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def all_arrive(lab: Lab, batch: str, messages: int) -> Counter[str]:
    """Wait for all of the batch, and until nobody tries any more."""
    until(
        lambda: len(arrived(lab, batch)) == messages,
        lambda: f"{len(arrived(lab, batch))} of {messages} arrived; the last that failed: {failures(lab)[-3:]}",
    )
    empty = "Mail queue is empty"
    until(lambda: empty in lab.exec("world", ["postqueue", "-p"]).stdout, lambda: lab.exec("world", ["mailq"]).stdout)
    return arrived(lab, batch)


def swaks(lab: Lab, *words: str) -> subprocess.CompletedProcess[str]:
    from_there = ["--local-interface", plan.WORLD4]  # which has a name
    return lab.exec("world", ["swaks", "--from", BOB, *from_there, *words], timeout_s=90)


def at_dell(lab: Lab, login: str, password: str, to: str = CAROL) -> str:
    """What a stranger hears at the Worker's port with that LOGIN; "" for none."""
    words = ["--server", f"{plan.DELL4}:{PORT}", "--tls-on-connect", "--to", to, "--quit-after", "RCPT"]
    words += ["--auth", "PLAIN", "--auth-user", login, "--auth-password", password] if login else []
    return swaks(lab, *words).stdout


def test_numbered_mail_arrives_once_and_as_dells_own(lab: Lab) -> None:
    send(lab, "first", 50)
    found = all_arrive(lab, "first", 50)
    assert set(found.values()) == {1}
    letter = lab.exec("dell", ["bash", "-c", f"cat $(grep -rlx 'Subject: first' /srv/vmail/{CAROL} | head -1)"]).stdout
    assert f"Return-Path: <{BOB}>" in letter
    assert "with ESMTPSA" in letter
    assert "by cloudflare-email.net (cloudflare)" in letter


def test_what_dell_refuses_is_refused_in_session_with_its_words(lab: Lab) -> None:
    said = swaks(lab, "--to", NOBODY, "--server", "route1.mx.cloudflare.net").stdout
    assert re.search(rf"<\*\* 550 5\.7\.1 5\.1\.1 <{NOBODY}>: Recipient address rejected: User unknown", said), said


def test_nobody_else_may_hand_mail_in_there_and_the_worker_nowhere_else(lab: Lab) -> None:
    mailbox = json.loads((lab.folder / "operator/secrets.json").read_text("utf-8"))["mailbox_password"]
    assert "250 2.1.5 Ok" in at_dell(lab, LOGIN, PASSWORD)
    assert "535 5.7.8" in at_dell(lab, LOGIN, "wrong")
    assert "554 5.7.1" in at_dell(lab, "", "")
    assert "554 5.7.1" in at_dell(lab, CAROL, mailbox)
    assert "554 5.7.1" in at_dell(lab, LOGIN, PASSWORD, f"sink@{SINK}")


def test_with_a_wrong_secret_mail_waits(lab: Lab) -> None:
    deploy(lab, "wrong")
    try:
        send(lab, "secret", 5)
        said = swaks(lab, "--to", CAROL, "--server", "route1.mx.cloudflare.net").stdout
        assert "<** 451 4.3.0 Worker call failed" in said
    finally:
        deploy(lab)
    assert set(all_arrive(lab, "secret", 5).values()) == {1}


def test_while_dell_is_away_mail_waits_and_none_is_lost(lab: Lab) -> None:
    assert lab.exec("dell", ["postfix", "stop"]).returncode == 0
    try:
        send(lab, "away", 30)
        said = swaks(lab, "--to", CAROL, "--server", "route1.mx.cloudflare.net").stdout
        assert "<** 451 4.3.0 Worker call failed" in said
        assert not arrived(lab, "away")
    finally:
        assert lab.exec("dell", ["postfix", "start"]).returncode == 0
    assert set(all_arrive(lab, "away", 30).values()) == {1}


def test_what_takes_too_much_cpu_time_waits_and_none_is_lost(lab: Lab) -> None:
    """Dell keeps no part of what was cut off, and small mail goes on; with more time it arrives, once."""
    plant(lab, {"worker_cpu_ms": 100}, "knobs")
    try:
        send(lab, "much", 1, SIZE_MAX - 8192)
        until(lambda: "exceededCpu" in {each["errorDetail"] for each in failures(lab)}, lambda: str(failures(lab)[-3:]))
        send(lab, "little", 20)
        until(lambda: len(arrived(lab, "little")) == 20, lambda: f"{len(arrived(lab, 'little'))} of 20 arrived")
        assert "Mail queue is empty" in lab.exec("dell", ["postqueue", "-p"]).stdout
        assert not arrived(lab, "much")
    finally:
        plant(lab, {"worker_cpu_ms": 30_000}, "knobs")
    assert set(all_arrive(lab, "much", 1).values()) == {1}


def test_no_message_is_held_whole(lab: Lab) -> None:
    """Four of the largest at once take less memory, above what one has taken, than one of them is long."""
    taken = []
    for batch, messages in (("one", 1), ("four", 4)):
        send(lab, batch, messages, SIZE_MAX - 8192)
        assert set(all_arrive(lab, batch, messages).values()) == {1}
        most = "grep VmHWM /proc/$(pidof workerd)/status | tr -dc 0-9"
        taken.append(int(lab.exec("cloudflare", ["bash", "-c", most]).stdout) * 1024)
    assert taken[1] - taken[0] < SIZE_MAX, taken
    assert taken[1] < 5 * SIZE_MAX, taken


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


def test_dell_needs_no_open_port(lab: Lab) -> None:
    """A connection that Dell makes outwards is enough, here ssh's: who forwards it can't read what passes."""
    shut = "iif != lo tcp flags & (syn | ack) == syn drop"
    chain = "chain inet shut in { type filter hook input priority 0; }"
    on(lab, "dell", f"nft 'add table inet shut; add {chain}; add rule inet shut in {shut}'")
    for port in (25, 465, 587, PORT):
        knock = f"import socket; socket.create_connection(('{plan.DELL4}', {port}), 1)"
        assert "timed out" in lab.exec("world", ["python3", "-c", knock]).stderr
    on(lab, "dell", "ssh-keygen -qt ed25519 -N '' -f /tmp/tunnel")
    key = lab.exec("dell", ["cat", "/tmp/tunnel.pub"]).stdout.strip()
    forwarder = "-o GatewayPorts=yes -o AuthorizedKeysFile=/tmp/tunnel -o StrictModes=no -o PidFile=none"
    sshd = f"/usr/sbin/sshd -f /dev/null -h /etc/ssh/lab_host_key -p 2222 {forwarder} >/dev/null 2>&1"
    on(lab, "world", f"echo '{key}' > /tmp/tunnel; {sshd}")
    tunnel = f"-R '*:{PORT}:127.0.0.1:{PORT}' -p 2222 -o StrictHostKeyChecking=no -o ExitOnForwardFailure=yes"
    ssh = f"ssh -fNi /tmp/tunnel {tunnel} root@{plan.WORLD4} >/dev/null 2>&1"
    on(lab, "dell", ssh)
    moved = MOVED.format({each.name: each.zone_id for each in DOMAINS}["webmakeprofit.org"], DELL_NAME, plan.WORLD4)
    assert labs.as_operator(lab.name, moved)
    lab.clock.advance(3600)  # what the resolvers know of Dell's name is forgotten
    send(lab, "tunnel", 30)
    assert set(all_arrive(lab, "tunnel", 30).values()) == {1}
    on(lab, "dell", "kill $(pgrep -x ssh)")
    send(lab, "cut", 10)
    assert (
        "<** 451 4.3.0 Worker call failed" in swaks(lab, "--to", CAROL, "--server", "route1.mx.cloudflare.net").stdout
    )
    on(lab, "dell", ssh)
    assert set(all_arrive(lab, "cut", 10).values()) == {1}


def on(lab: Lab, host: str, command: str) -> None:
    done = lab.exec(host, ["bash", "-ec", command])
    assert done.returncode == 0, done.stderr
