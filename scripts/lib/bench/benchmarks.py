"""What ``scripts/bench`` measures: each (our seconds, the peer's name, its seconds, the bound in seconds)."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fixtures.access.loop import gather, run
from fixtures.lab.world import Lab
from fixtures.migration import open_migration
from fixtures.probes.dns import queries as dns
from fixtures.probes.logs import postfix_log
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp.clients import player
from fixtures.probes.smtp.session import Knock
from fixtures.probes.smtp.smtp_client import aprobe, probe_all

Measured = tuple[float, str, float | None, float | None]
SENT, ARRIVALS = 200, 7
QUESTIONS, CLIENTS, AT_ONCE, MESSAGES, LINES_EACH = 300, 40, 20, 28_572, 7
GATE_S_MAX, PEER_S_MAX = 120, 60
PROJECT = Path(__file__).parents[3]


def gate(lab: Lab, bound_s: float) -> Measured:
    """``pytest features/ --gate phase1`` from its start to its end, whatever it judges."""
    argv = [sys.executable, "-m", "pytest", "features/", "--gate", "phase1", "--lab", lab.name, "-q"]
    argv += ["--report", str(lab.folder / "report.html")]
    begun = time.perf_counter()
    done = subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=GATE_S_MAX, check=False)
    took = time.perf_counter() - begun
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    return took, "", None, bound_s


def questions(lab: Lab) -> Measured:
    """MX questions at the lab's resolvers."""
    migration = open_migration()
    servers, names = dns.resolvers(migration), migration.settings.domain_names
    pairs = [(servers[n % len(servers)], names[n % len(names)]) for n in range(QUESTIONS)]
    return asking(lab, [(*pair, "MX") for pair in pairs])


def asking(lab: Lab, questions: Sequence[tuple[dns.Server, str, str]]) -> Measured:
    """Questions to a server, for a name and of a type each: our probe, 50 at once, beside dig's batch."""
    batch = "".join(f"@{server.address} {name} {kind} +tries=1\n" for server, name, kind in questions)
    (lab.folder / "operator/questions").write_text(batch, encoding="ascii")
    theirs = peer(lab, "operator", "dig -f /lab/questions")
    begun = time.perf_counter()
    answers = run(gather(dns.aask(*each) for each in questions))
    took = time.perf_counter() - begun
    if faults := [answer.error for answer in answers if answer.error]:
        raise RuntimeError(f"{len(faults)} of {len(questions)} got no answer: {faults[0]}")
    return took, "dig -f", theirs, None


def clients(lab: Lab) -> Measured:
    """Dialogues up to RCPT with today's MX, each from an address of its own, 20 at once, ours beside swaks's."""
    migration = open_migration()
    target, recipient = str(migration.settings.ec2.ipv4), next(migration.settings.addresses()).address
    sources = [f"192.0.2.{n}" for n in range(1, CLIENTS + 1)]
    swaks = f"swaks --server {target} --local-interface {{}} --quit-after RCPT --from probe@four.example"
    theirs = peer(
        lab, "world", f"echo {' '.join(sources)} | xargs -n1 | xargs -P{AT_ONCE} -I{{}} {swaks} --to {recipient}"
    )
    via = player(migration, "stranger")
    knocks = [Knock(target, via=via, source=s, mail_from="probe@four.example", rcpt=(recipient,)) for s in sources]
    begun = time.perf_counter()
    told = probe_all(knocks, AT_ONCE)
    took = time.perf_counter() - begun
    if refused := [each for each in told if each.outcome.code != 250]:
        raise RuntimeError(f"{len(refused)} of {CLIENTS} were refused: {refused[0].outcome}")
    return took, f"swaks, {AT_ONCE} at once", theirs, None


def log(lab: Lab) -> Measured:
    """Read a synthetic Postfix log, beside pflogsumm."""
    text = "".join(_message(number) for number in range(MESSAGES))
    (lab.folder / "world/bench.log").write_text(text, encoding="ascii")
    theirs = peer(lab, "world", "pflogsumm /lab/bench.log")
    begun = time.perf_counter()
    read = postfix_log.parse(text)
    took = time.perf_counter() - begun
    if len(read.trails) != MESSAGES or read.unread:
        raise RuntimeError(f"{len(read.trails)} messages of {MESSAGES}, {read.unread} lines not understood")
    return took, "pflogsumm", theirs, None


def sending(lab: Lab) -> Measured:
    """Small messages into one server, ten at once, each over a connection of its own, beside smtp-source."""
    migration = open_migration()
    there = migration.settings.outside_mailbox
    sender, sink = migration.settings.senders[0], there.relay_sink if there else ""
    theirs = peer(
        lab, "operator", f"smtp-source -d -s 10 -m {SENT} -l 600 -f {sender.address} -t {sink} {sender.host}:25"
    )
    letters = [Letter(sender.address, (sink,), "bench").write() for _ in range(SENT)]
    begun = time.perf_counter()
    told = run(gather((aprobe(Knock(sender.host), letter) for letter in letters), 10))
    took = time.perf_counter() - begun
    if refused := [each for each in told if not each.queued]:
        raise RuntimeError(f"{len(refused)} of {SENT} were not taken: {refused[0].outcome}")
    return took, "smtp-source, 10 at once", theirs, None


def arrival(bound_s: float) -> Measured:
    """The median of how long after Dovecot's save the probe knows of a message, one message at a time."""
    migration = open_migration()
    copies = [
        copy
        for address in list(migration.settings.addresses())[:ARRIVALS]
        for each in delivery.arrivals(migration, delivery.from_outside(migration, (address,)))
        for copy in each.copies
    ]
    if not copies:
        raise RuntimeError(f"none of {ARRIVALS} messages arrived")
    return statistics.median(copy.seen_at - copy.saved_at for copy in copies), "", None, bound_s


def peer(lab: Lab, host: str, command: str) -> float:
    """How long COMMAND takes on HOST, in seconds. ``RuntimeError`` if it fails."""
    begun = time.perf_counter()
    done = lab.exec(host, ["sh", "-c", f"{command} >/dev/null"], timeout_s=PEER_S_MAX)
    if done.returncode:
        raise RuntimeError(
            f"{command.split(maxsplit=1)[0]} on {host} ended with {done.returncode}: {done.stderr.strip()[-200:]}"
        )
    return time.perf_counter() - begun


def _message(number: int) -> str:
    """The seven lines that a relayed message leaves."""
    queue_id, at = f"4{number:09X}", time.strftime("%b %e %H:%M:%S", time.gmtime(1_790_000_000 + number))
    host = f"{at} dell postfix"
    return (
        f"{host}/smtpd[100]: connect from unknown[104.30.0.5]\n"
        f"{host}/smtpd[100]: {queue_id}: client=unknown[104.30.0.5]\n"
        f"{host}/cleanup[101]: {queue_id}: message-id=<{number}@four.example>\n"
        f"{host}/qmgr[102]: {queue_id}: from=<friend@four.example>, size=2048, nrcpt=1 (queue active)\n"
        f"{host}/lmtp[103]: {queue_id}: to=<alice@webmakeprofit.org>, relay=dell[private/dovecot-lmtp], delay=0.1, "
        "delays=0.05/0/0/0.05, dsn=2.0.0, status=sent (250 2.0.0 <alice@webmakeprofit.org> Saved)\n"
        f"{host}/qmgr[102]: {queue_id}: removed\n"
        f"{host}/smtpd[100]: disconnect from unknown[104.30.0.5] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5\n"
    )
