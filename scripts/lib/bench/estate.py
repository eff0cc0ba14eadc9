"""A gate over 30 domains with 200 addresses, the most that one account may have, and its questions beside their peers.

Each returns what ``benchmarks`` does: our seconds, the peer's name, its seconds, the bound in seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from fixtures.lab.world import Lab
from fixtures.migration import open_migration
from fixtures.probes.dns import dmarc, spf
from fixtures.probes.dns import queries as dns
from fixtures.probes.smtp.clients import player
from fixtures.probes.smtp.session import Knock
from fixtures.probes.smtp.smtp_client import probe_all
from scripts.lib.bench.benchmarks import AT_ONCE, PEER_S_MAX, Measured, asking, gate, peer
from scripts.lib.bench.figure import Figure, tried

SMALL, NAME, SEED, DOMAINS, ADDRESSES, GATE_S_MAX = "bench-3", "bench-30", 1, 30, 200, 60.0
KINDS = ("MX", "TXT", "A")
POLICIES = """\
import sys
from checkdmarc.dmarc import check_dmarc
from checkdmarc.spf import check_spf
for domain in sys.argv[1:]:
    assert "error" not in check_spf(domain), domain
    assert "error" not in check_dmarc(domain), domain
"""


def figures(small_s_max: float) -> list[Figure]:
    """All of it, in labs that are made for it. SMALL_S_MAX: what a gate over three domains may take, in seconds."""
    small = Lab.up(SMALL, seed=SEED, owner_pid=os.getpid())
    try:
        three = tried("a gate over 3 domains", lambda: gate(small, small_s_max))
    finally:
        small.down()
    lab = Lab.up(NAME, seed=SEED, owner_pid=os.getpid(), domains=DOMAINS)
    try:
        found = [three, tried("a gate over 30 domains", lambda: whole(lab, three.ours_s or 0.0))]
        lab.enter()
        found.append(tried("its questions to all resolvers", lambda: questions(lab)))
        found.append(tried("SPF and DMARC of 30 domains", lambda: policies(lab)))
        found.append(tried("200 addresses up to RCPT", lambda: recipients(lab)))
        return found
    finally:
        lab.down()


def whole(lab: Lab, three_s: float) -> Measured:
    """Its gate of phase 1, beside ten times that over three domains, which took THREE_S: no more is linear."""
    return gate(lab, GATE_S_MAX)[0], "ten times three domains", 10 * three_s, GATE_S_MAX


def questions(lab: Lab) -> Measured:
    """Three types for each domain at each of the lab's resolvers."""
    migration = open_migration()
    servers, names = dns.resolvers(migration), migration.settings.domain_names
    return asking(lab, [(server, name, kind) for server in servers for name in names for kind in KINDS])


def policies(_: Lab) -> Measured:
    """SPF with all its includes, and DMARC, of each domain, beside checkdmarc."""
    migration = open_migration()
    names = migration.settings.domain_names
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", POLICIES, *names], check=True, timeout=PEER_S_MAX)
    theirs = time.perf_counter() - begun
    begun = time.perf_counter()
    found = [spf.evaluate(migration, name) for name in names]
    published = dmarc.published(migration, names)
    took = time.perf_counter() - begun
    if faults := [each for each in found if each.faults] or len(published) < len(names):
        raise RuntimeError(f"not all could be judged: {faults}")
    return took, "checkdmarc", theirs, None


def recipients(lab: Lab) -> Measured:
    """A dialogue up to RCPT for each address with today's MX, beside swaks's."""
    migration = open_migration()
    there, target = tuple(migration.settings.addresses()), str(migration.settings.ec2.ipv4)
    if len(there) < ADDRESSES:
        raise RuntimeError(f"the lab has {len(there)} addresses, expected {ADDRESSES}")
    told = "\n".join(each.address for each in there)
    (lab.folder / "world/addresses").write_text(told, encoding="ascii")
    swaks = f"swaks --server {target} --quit-after RCPT --from probe@four.example --to {{}}"
    theirs = peer(lab, "world", f"xargs -P{AT_ONCE} -I{{}} {swaks} </lab/addresses")
    via = player(migration, "stranger")
    knocks = [Knock(target, via=via, mail_from="probe@four.example", rcpt=(each.address,)) for each in there]
    begun = time.perf_counter()
    answers = probe_all(knocks, AT_ONCE)
    took = time.perf_counter() - begun
    if refused := [each for each in answers if each.outcome.code != 250]:
        raise RuntimeError(f"{len(refused)} of {len(there)} were refused: {refused[0].outcome}")
    return took, f"swaks, {AT_ONCE} at once", theirs, None
