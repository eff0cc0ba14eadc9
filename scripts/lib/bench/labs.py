"""What needs a lab: a gate and the probes over three domains, and over 30 with 200 addresses, each next to its peer."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from fixtures.access.loop import gather, run
from fixtures.lab.world import Lab
from fixtures.migration import open_migration
from fixtures.probes.dns import dmarc, queries as dns, spf
from fixtures.probes.mailbox import delivery
from fixtures.probes.mailbox.message import Letter
from fixtures.probes.smtp.clients import player
from fixtures.probes.smtp.knock import Knock
from fixtures.probes.smtp.smtp_client import aprobe, probe_all
from scripts.lib.bench.figure import Figure, Measured, timed, tried

NAME, LARGE, SEED = "bench", "bench-30", 1
UP_S_MAX, GATE_S_MAX, LARGE_GATE_S_MAX, ARRIVAL_S_MAX = 10.0, 15.0, 60.0, 0.1
SENT, ARRIVALS, DOMAINS, ADDRESSES = 200, 7, 30, 200
CLIENTS, AT_ONCE, TURNS, RUNS = 40, 20, 20, 3
QUESTIONS = {"dig -f": 5000, "dig, one by one": 300}
DIG = {"dig -f": "dig -f /lab/questions", "dig, one by one": "while read -r each; do dig $each; done </lab/questions"}
RUN_S_MAX, PEER_S_MAX = 120, 60
PROJECT = Path(__file__).parents[3]
SENDER = "probe@four.example"
POLICIES = """\
import sys
from checkdmarc.dmarc import check_dmarc
from checkdmarc.spf import check_spf
for domain in sys.argv[1:]:
    assert "error" not in check_spf(domain), domain
    assert "error" not in check_dmarc(domain), domain
"""


def lab() -> Iterator[Figure]:
    """Three domains. The gate comes first, for it enters the lab by itself; then this process is the operator."""
    took, made = timed(partial(Lab.up, NAME, seed=SEED, owner_pid=os.getpid()))
    yield Figure("a lab is up", [(took, "", None, UP_S_MAX)])
    try:
        yield tried("a gate, against a standing lab", lambda: _gate(made, GATE_S_MAX))
        yield Figure("the lab is entered", [(timed(made.enter)[0], "", None, None)])
        for peer, number in QUESTIONS.items():
            asked = partial(_questions, made, ("MX",), number, peer)
            yield tried(f"{number:,} questions for an MX", asked, times=RUNS)
        one = f"one client up to RCPT, {TURNS} times"
        yield tried(one, lambda: _clients(made, ["192.0.2.1"] * TURNS, 1), times=RUNS)
        many = [f"192.0.2.{last}" for last in range(1, CLIENTS + 1)]
        yield tried(f"{CLIENTS} clients up to RCPT", lambda: _clients(made, many, AT_ONCE), times=RUNS)
        yield tried(f"{SENT} messages are handed over", lambda: _sending(made), times=RUNS)
        yield tried("an arrival is seen after it was saved", _arrival)
    finally:
        took, _ = timed(made.down)
    yield Figure("it is gone", [(took, "", None, UP_S_MAX)])


def estate() -> Iterator[Figure]:
    """30 domains, the most that one account may have, next to three."""
    small = Lab.up(NAME, seed=SEED, owner_pid=os.getpid())
    try:
        three = tried("a gate over 3 domains", lambda: _gate(small, GATE_S_MAX))
    finally:
        small.down()
    yield three
    made = Lab.up(LARGE, seed=SEED, owner_pid=os.getpid(), domains=DOMAINS)
    try:
        yield tried(f"a gate over {DOMAINS} domains", lambda: _gate(made, LARGE_GATE_S_MAX, three))
        made.enter()
        yield tried("its questions to all resolvers by UDP", lambda: _questions(made, ("MX", "TXT", "A")), times=RUNS)
        yield tried(f"SPF and DMARC of {DOMAINS} domains", _policies, times=RUNS)
        yield tried(f"{ADDRESSES} addresses up to RCPT", lambda: _recipients(made))
    finally:
        made.down()


def _gate(made: Lab, bound_s: float, three: Figure | None = None) -> Measured:
    """``pytest features/ --gate phase1`` from its start to its end, whatever it judges.

    Next to ten times that over THREE domains: no more is linear.
    """
    argv = [sys.executable, "-m", "pytest", "features/", "--gate", "phase1", "--lab", made.name, "-q"]
    argv += ["--report", str(made.folder / "report.html")]
    took, done = timed(
        lambda: subprocess.run(argv, cwd=PROJECT, capture_output=True, text=True, timeout=RUN_S_MAX, check=False)
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-200:]}")
    if three is None:
        return took, "", None, bound_s
    return took, "ten times three domains", 10 * three.ours if three.runs else None, bound_s


def _questions(made: Lab, kinds: Sequence[str], most: int | None = None, peer: str = "dig -f") -> Measured:
    """Each type for each domain at each of the lab's resolvers: our probe, 50 at once, next to PEER of ``DIG``.

    By UDP: by HTTPS dig makes a connection for each question, and we one for all.
    """
    migration = open_migration()
    servers = [each for each in dns.resolvers(migration) if each.transport == "udp"]
    names = migration.settings.domain_names
    asked = [(server, name, kind) for server in servers for name in names for kind in kinds]
    asked = [asked[at % len(asked)] for at in range(most or len(asked))]
    batch = "".join(f"@{server.address} {name} {kind} +tries=1\n" for server, name, kind in asked)
    (made.folder / "operator/questions").write_text(batch, encoding="ascii")
    theirs = _peer(made, "operator", DIG[peer])
    took, answers = timed(lambda: run(gather(dns.aask(*each) for each in asked)))
    _require_none("got no answer", [answer.error for answer in answers if answer.error])
    return took, peer, theirs, None


def _clients(made: Lab, sources: Sequence[str], at_once: int) -> Measured:
    """Dialogues up to RCPT with today's MX, each from one of SOURCES, next to swaks's."""
    migration = open_migration()
    target, to = str(migration.settings.ec2.ipv4), next(migration.settings.addresses()).address
    via = player(migration, "stranger")
    knocks = [Knock(target, via=via, source=each, mail_from=SENDER, rcpt=(to,)) for each in sources]
    return _dialogues(made, knocks, sources, f"--local-interface {{}} --server {target} --to {to}", at_once)


def _recipients(made: Lab) -> Measured:
    """A dialogue up to RCPT for each address with today's MX, next to swaks's."""
    migration = open_migration()
    there, target = [each.address for each in migration.settings.addresses()], str(migration.settings.ec2.ipv4)
    if len(there) < ADDRESSES:
        raise RuntimeError(f"the lab has {len(there)} addresses, expected {ADDRESSES}")
    via = player(migration, "stranger")
    knocks = [Knock(target, via=via, mail_from=SENDER, rcpt=(each,)) for each in there]
    return _dialogues(made, knocks, there, f"--to {{}} --server {target}", AT_ONCE)


def _dialogues(made: Lab, knocks: Sequence[Knock], each: Iterable[str], options: str, at_once: int) -> Measured:
    (made.folder / "world/each").write_text("\n".join(each), encoding="ascii")
    swaks = f"swaks --quit-after RCPT --from {SENDER} {options}"
    theirs = _peer(made, "world", f"xargs -P{at_once} -I{{}} {swaks} </lab/each")
    took, heard = timed(lambda: probe_all(knocks, at_once))
    _require_none("were refused", [one.outcome for one in heard if one.outcome.code != 250])
    return took, "swaks" if at_once == 1 else f"swaks, {at_once} at once", theirs, None


def _sending(made: Lab) -> Measured:
    """Small messages into one server, ten at once, each over a connection of its own, next to smtp-source."""
    settings = open_migration().settings
    sender, sink = settings.senders[0], settings.outside_mailbox.relay_sink if settings.outside_mailbox else ""
    options = f"-d -s 10 -m {SENT} -l 600 -f {sender.address} -t {sink}"
    theirs = _peer(made, "operator", f"smtp-source {options} {sender.host}:25")
    letters = [Letter(sender.address, (sink,), "bench").write() for _ in range(SENT)]
    took, heard = timed(lambda: run(gather((aprobe(Knock(sender.host), letter) for letter in letters), 10)))
    _require_none("were not taken", [each.outcome for each in heard if not each.queued])
    return took, "smtp-source, 10 at once", theirs, None


def _arrival() -> Measured:
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
    return statistics.median(copy.seen_at - copy.saved_at for copy in copies), "", None, ARRIVAL_S_MAX


def _policies() -> Measured:
    """SPF with all its includes, and DMARC, of each domain, next to checkdmarc."""
    migration = open_migration()
    names = migration.settings.domain_names
    argv = [sys.executable, "-c", POLICIES, *names]
    theirs, _ = timed(lambda: subprocess.run(argv, check=True, timeout=PEER_S_MAX))
    begun = time.perf_counter()
    found = [spf.evaluate(migration, name) for name in names]
    published = dmarc.published(migration, names)
    took = time.perf_counter() - begun
    if faults := [each for each in found if each.faults] or len(published) < len(names):
        raise RuntimeError(f"not all could be judged: {faults}")
    return took, "checkdmarc", theirs, None


def _peer(made: Lab, host: str, command: str) -> float:
    """How long COMMAND takes on HOST, in seconds. ``RuntimeError`` if it fails."""
    took, done = timed(lambda: made.exec(host, ["sh", "-c", f"{command} >/dev/null"], timeout_s=PEER_S_MAX))
    if done.returncode:
        raise RuntimeError(
            f"{command.split(maxsplit=1)[0]} on {host} ended with {done.returncode}: {done.stderr.strip()[-200:]}"
        )
    return took


def _require_none(what: str, faults: Sequence[object]) -> None:
    if faults:
        raise RuntimeError(f"{len(faults)} {what}: {faults[0]}")
