"""The Email Worker between the lab's Cloudflare and Dell's real Postfix, which takes its mail on a port of its own."""

import json
import re
import secrets
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from fixtures.lab import files, plan
from fixtures.lab.emulator.hop.session import SIZE_MAX
from fixtures.lab.present import DELL_NAME, DOMAINS, PILOT, SINK
from fixtures.lab.world import Lab
from tests import labs
from tests.conftest import PROJECT

NAME = "test-worker"
PORT, LOGIN, PASSWORD = 2465, f"worker@{PILOT}", secrets.token_urlsafe(18)
CAROL, NOBODY, BOB = f"carol@{PILOT}", f"nobody@{PILOT}", "bob@four.example"
ARRIVED_S_MAX = 90.0
KILLS = 5
SERVICE = f"{plan.DELL4}:{PORT}"
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
    f"postconf -M '{SERVICE}/inet={SERVICE} inet n - n - - smtpd'",
    *(f"postconf -P '{SERVICE}/inet/{name}={value}'" for name, value in LISTENER.items()),
    "postconf -e lmtp_destination_concurrency_limit=5",  # as prepare_dell does (X18)
    "postfix reload",
])  # fmt: skip
DEPLOYED = """
import json, os
from cloudflare import Cloudflare
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
    client.email_routing.rules.catch_alls.update(**zone, matchers=[{{"type": "all"}}], actions=to_it, enabled=True)
print(json.dumps(client.email_routing.get(**zone).status))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Its pilot's mail goes to the Worker; who set it up may also write Workers."""
    before = files.SCOPES["cloudflare_token"]
    files.SCOPES["cloudflare_token"] = f"{before} workers:edit"
    try:
        with labs.standing(NAME, seed=19, knobs=("--settle-s=0", "--transient-errors=0")) as made:
            done = made.exec("dell", ["bash", "-ec", ON_DELL])
            assert done.returncode == 0, done.stderr
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
    done = lab.exec("world", how.split())
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def arrived(lab: Lab, batch: str) -> Counter[str]:
    """How often each of the batch is in the mailbox."""
    find = f"grep -rlx 'Subject: {batch}' /srv/vmail/{CAROL}/Maildir | xargs -r grep -hi ^message-id:"
    return Counter(lab.exec("dell", ["bash", "-c", find]).stdout.split("\n")[:-1])


def until(happens: Callable[[], bool], what: Callable[[], str]) -> None:
    deadline = time.monotonic() + ARRIVED_S_MAX
    while not happens():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def all_arrive(lab: Lab, batch: str, messages: int) -> Counter[str]:
    """Wait for all of the batch, and until nobody tries any more."""
    until(lambda: len(arrived(lab, batch)) == messages, lambda: f"{len(arrived(lab, batch))} of {messages} arrived")
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


def test_the_largest_message_leaves_the_memory_flat(lab: Lab) -> None:
    send(lab, "small", 10)
    all_arrive(lab, "small", 10)
    peak = "pid=$(pidof workerd); {}grep VmHWM /proc/$pid/status | tr -dc 0-9"
    before = int(lab.exec("cloudflare", ["bash", "-c", peak.format("echo 5 > /proc/$pid/clear_refs; ")]).stdout)
    send(lab, "large", 4, SIZE_MAX - 8192)
    assert set(all_arrive(lab, "large", 4).values()) == {1}
    after = int(lab.exec("cloudflare", ["bash", "-c", peak.format("")]).stdout)
    assert after - before < 32 * 1024, f"{before} KiB, then {after} KiB"


def test_killed_again_and_again_it_loses_nothing_that_was_acknowledged(lab: Lab) -> None:
    """A second copy only where the acknowledgement was lost."""
    messages, kills = 300, 0

    def killed() -> bool:
        nonlocal kills
        kills += lab.exec("cloudflare", ["bash", "-c", "kill -KILL $(pidof workerd)"]).returncode == 0
        return kills >= KILLS

    send(lab, "kills", messages)
    until(killed, lambda: f"{kills} kills while {len(arrived(lab, 'kills'))} of {messages} arrived")
    found = all_arrive(lab, "kills", messages)
    twice = {each for each, copies in found.items() if copies > 1}
    assert len(twice) <= len(messages_that_failed(lab)), twice


def messages_that_failed(lab: Lab) -> set[str]:
    where = f"http://{plan.host('cloudflare').wire4}:{plan.MANAGEMENT_PORT}/events?status=error"
    code = f"import urllib.request as web; print(web.urlopen({where!r}).read().decode())"
    events = json.loads(lab.exec("cloudflare", ["python3", "-c", code]).stdout)
    return {each["messageId"] for each in events}
