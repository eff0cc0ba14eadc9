"""One lab at phase3, which the last tests use up.

A gate against a standing lab: bad input judges nothing, and a gate says the same however it is asked. And the path is
real: what the features judge by is what the servers' own mailboxes and logs hold.
"""

import os
import re
import signal
import sqlite3
from pathlib import Path

from fixtures.lab import plan
from fixtures.lab.world import Lab
from tests.conftest import ended, python, until
from tests.labs import operator, shared
from tests.scripts.operating import as_operator
from tests.warm import features

PHASE3 = "tests-path"
phase3 = shared(PHASE3, 3, "phase3", month=True)
"""A lab of which every domain is ready to be switched."""
PILOT, OTHER = "pilot.example.net", "webmakeprofit.org"


def stored(lab: Lab, columns: str) -> list[tuple[object, ...]]:
    """Of each verdict; a judging that only began is none."""
    with sqlite3.connect(lab.folder / "operator/store.sqlite") as db:
        return db.execute(f"select {columns} from verdicts where verdict <> '' order by id").fetchall()


def test_domains_that_do_not_fit(phase3: Lab) -> None:
    given = ["--lab", phase3.name]
    ended(features(*given, "--gate", "phase1", "--domain", PILOT), 2, "the whole migration: leave out --domain")
    done = features(*given, "--gate", "phase3", "--domain", "nobody.example.net")
    ended(done, 2, "--domain nobody.example.net: not in ", "migration.toml, which has ", PILOT)
    assert stored(phase3, "id") == []


def test_a_domain_that_is_not_on_the_account(phase3: Lab, tmp_path: Path) -> None:
    text = (phase3.folder / "operator/migration.toml").read_text(encoding="utf-8")
    text = text.replace("fx-trader-life.com", "not-ours.net")
    config = tmp_path / "migration.toml"
    config.write_text(
        text.replace(f"{phase3.folder}/operator/store.sqlite", f"{tmp_path}/store.sqlite"), encoding="utf-8"
    )
    done = operator(phase3.name, "-m", "pytest", "features/", "-q", "--gate", "phase2", "--config", str(config))
    ended(done, 2, "nothing was judged: not-ours.net: the account", "Zone: Read")
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        assert not db.execute("select * from verdicts").fetchall()


def test_a_digest_of_another_plan(phase3: Lab) -> None:
    """Refused, with the plan as it is now, and how to make that one."""
    done = operator(phase3.name, "-m", "scripts.switch_mx", "--domain", PILOT, "--apply", "0" * 12)
    ended(done, 1, "the plan is no longer 000000000000", f"scripts.switch_mx --domain {PILOT} --apply ")
    assert done.stdout.count("--apply") == 1


def test_the_name_of_a_lab_that_stands(phase3: Lab) -> None:
    done = python("scripts.lab_cli", "up", "--name", phase3.name)
    ended(done, 2, "stands already", f"scripts/lab down --name {phase3.name}", "--name")


def test_the_same_verdict_each_time_and_with_several_workers(phase3: Lab) -> None:
    """Verdict, what it binds, and each id's outcome; the one before is void. A part of the gate stores none."""
    for several in ([], ["-n", "2"]):
        done = features("--lab", phase3.name, "--gate", "phase3", *several)
        assert done.returncode == 0, done.stdout[-3000:]
    kept = stored(phase3, "gate, domain, verdict, target, settings, suite, present, body, void")
    assert [row[-1] for row in kept] == [1, 0]
    assert {row[:-1] for row in kept} == {kept[0][:-1]}
    assert kept[0][:3] == ("phase3", PILOT, "pass")

    part = features("--lab", phase3.name, "--gate", "phase3", "-k", "spf or recipients")
    assert part.returncode == 2, part.stdout[-3000:]
    assert "a partial run: no verdict is stored" in part.stdout
    assert [row[0] for row in stored(phase3, "void")] == [1, 1]


def test_a_closed_gate(phase3: Lab) -> None:
    """Another than the pilot may not move yet; the exit status says closed, also of several workers."""
    done = features("--lab", phase3.name, "--gate", "phase3", "--domain", OTHER, "-n", "2")
    assert done.returncode == 1, done.stdout[-3000:]
    assert re.search(rf"CLOSED \(fail\) +phase3 +{re.escape(OTHER)}", done.stdout), done.stdout[-3000:]
    assert stored(phase3, "domain, verdict")[-1] == (OTHER, "fail")


SWITCHED = """
from fixtures.probes.dns import queries as dns
senders = [each.name for each in migration.settings.senders]
# Senders take turns: the last of these is sent by the one whose resolver is stale.
addresses = [migration.settings.domain(PILOT).addresses[0]] * (senders.index("with a stale cache") + 1)

def answers():
    return {each.server.name: list(each.rrset) for each in dns.ask_everywhere(migration, PILOT, "MX")}

def send():
    sent = delivery.arrivals(migration, delivery.from_outside(migration, addresses))
    return [[each.path, each.sent.message.message_id] for each in sent]

answers()
migration.clock.advance(migration.settings.bounds.ttl_s + 1)
answers()
done = switch(PILOT)
assert done["status"] == 0, done["said"]
at_once, sent = answers(), send()
migration.clock.advance(migration.settings.bounds.ttl_s + 60)
print(json.dumps([at_once, sent, answers(), send()]))
"""


def test_a_stale_resolver_leads_to_ec2_until_its_time_is_up(phase3: Lab) -> None:
    """And from then on to Cloudflare; the mail of both ways lies in Dovecot's mailbox."""
    at_once, sent, later, sent_later = as_operator(SWITCHED, phase3.name)
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


def test_a_dead_host_is_named(phase3: Lab) -> None:
    """Nothing is judged of a lab that isn't whole."""
    os.kill(phase3.pids["web"], signal.SIGKILL)
    until(lambda: not phase3.alive, "the host is dead")
    done = features("--gate", "phase4", "--lab", phase3.name)
    ended(done, 2, "is not whole: web is dead", f"scripts/lab down --name {phase3.name}")
