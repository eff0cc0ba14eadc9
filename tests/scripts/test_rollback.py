"""The way back in a lab: at once, from another machine; then all that is left, once no cache leads to Cloudflare."""

import os
import subprocess
import sys
from typing import Any

import dns.zone
import pytest

from fixtures.lab.world import Lab
from tests.conftest import PROJECT
from tests.labs import shared
from tests.scripts.operating import PREPARE, as_operator

NAME = "test-rollback"
lab = shared(NAME, 7)
pytestmark = pytest.mark.usefixtures("lab")
MORE = """
from fixtures.gates.present import present
from fixtures.access.changing import dell

def back(domain, *options, config=""):
    given = ["--domain", domain, *options, *(["--config", config] if config else [])]
    status, plan = call("rollback", [*given, "--json"])
    if status != 3:
        return {"status": status, "said": plan, "subjects": []}
    outcome = json.loads(plan[plan.index("{"):])
    status, said = call("rollback", [*given, "--apply", outcome["digest"]])
    return {"status": status, "said": said, "subjects": [each["subject"] for each in outcome["writes"]]}

def files():
    all_of_them = "cd /etc && sha256sum $(find postfix dovecot -type f | sort)"
    outcome = dell(migration.settings).run("sh", "-c", all_of_them).stdout
    return {name: digest for digest, name in map(str.split, outcome.splitlines()) if ".bak-" not in name}

def zones():
    return {f"{each.type} {each.name} {each.text}": each.ttl
            for domain in migration.settings.domain_names for each in cloudflare.records(migration, domain).records}
"""


def ask(code: str) -> Any:
    return as_operator(MORE + code, NAME)


@pytest.fixture(scope="module")
def start(lab: Lab) -> Any:
    """How Dell's files, the zones and the rules stood before the first script; then all is prepared."""
    assert lab
    return ask(
        """
start = [files(), zones(), {k: v for k, v in present(migration).items() if k.startswith("Email Routing")}]
"""
        + PREPARE
        + "print(json.dumps(start))"
    )


@pytest.mark.usefixtures("start")
def test_back_from_another_machine_with_the_store_exported(lab: Lab) -> None:
    """Another folder, another store of the same content, and nothing that the first process had in its memory.

    Somebody has tidied EC2's address away meanwhile, so that the MX would lead nowhere: that is said.
    """
    (lab.folder / "operator/elsewhere").mkdir()
    there = ask("""
there = switch(PILOT)
import sqlite3
folder = str(migration.settings.clock.file.parents[1] / "operator")
with sqlite3.connect(folder + "/store.sqlite") as here, sqlite3.connect(folder + "/elsewhere/copy.sqlite") as copy:
    here.backup(copy)
with open(folder + "/migration.toml") as given, open(folder + "/elsewhere/migration.toml", "w") as made:
    made.write(given.read().replace("operator/store.sqlite", "operator/elsewhere/copy.sqlite"))
print(json.dumps(there))
""")
    assert there["status"] == 0, there["said"]
    done, mx, way, early = ask(f"""
config = "{lab.folder}/operator/elsewhere/migration.toml"
(tidied,) = cloudflare.records(migration, OTHER).of("mail." + OTHER, "A")
changing.client(migration).dns.records.delete(tidied.id, zone_id=cloudflare.zone(migration, OTHER).id)
done = back(PILOT, config=config)
mx = [each.text for each in cloudflare.records(migration, PILOT).of(PILOT, "MX")]
changing.client(migration).dns.records.create(
    zone_id=cloudflare.zone(migration, OTHER).id, name=tidied.name, type="A", content=tidied.text, ttl=tidied.ttl)
early = back(PILOT, "--clean-up", config=config)
print(json.dumps([done, mx, paths(PILOT), early]))
""")
    assert done["status"] == 0, done["said"]
    assert "EC2's NAME DOES NOT LEAD TO EC2 AS IT SHOULD: mail.webmakeprofit.org has AAAA 2001:" in done["said"]
    assert "is back after" in done["said"]
    assert (mx, way) == (["mail.webmakeprofit.org"], ["ec2"])
    assert early["status"] == 1
    assert "Email Routing, its rules and Dell's admission stay until then" in early["said"]


def test_back_without_aws(lab: Lab, start: Any) -> None:
    """Its key has expired, say: an EC2 that was never stopped, and takes mail, is a way back all the same."""
    assert start
    assert ask("print(json.dumps(switch(PILOT)))")["status"] == 0
    without = """
import os
del os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
done = back(PILOT)
print(json.dumps([done, [each.text for each in cloudflare.records(migration, PILOT).of(PILOT, "MX")]]))
"""
    assert lab.exec("ec2", ["postfix", "stop"]).returncode == 0
    silent, there = ask(without)
    assert lab.exec("ec2", ["postfix", "start"]).returncode == 0
    assert silent["status"] == 2  # a missing secret is bad input
    assert "Unable to locate credentials" in silent["said"]
    assert "BY HAND, without any API: python -m scripts.by_hand" in silent["said"]
    assert "route1.mx.cloudflare.net" in there
    done, mx = ask(without)
    assert done["status"] == 0, done["said"]
    assert mx == ["mail.webmakeprofit.org"]


def test_the_way_back_by_hand_needs_only_the_store(lab: Lab, start: Any) -> None:
    """In a process for which there is no network, and no secret."""
    assert start
    argv = ["unshare", "--net", sys.executable, "-m", "scripts.by_hand", "--domain", "pilot.example.net"]
    argv += ["--config", str(lab.folder / "operator/migration.toml")]
    done = subprocess.run(
        argv, cwd=PROJECT, capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]}
    )
    assert done.returncode == 0, done.stderr
    steps, _, zone = done.stdout.partition("as Cloudflare exports it (RFC 1035).\n")
    assert "pilot.example.net. 3600 IN MX 10 mail.webmakeprofit.org.\n" in steps
    assert 'pilot.example.net. 3600 IN TXT "v=spf1 ' in steps
    assert 0 < steps.index("ADD first") < steps.index("Then DELETE the MX records that name a server that ends in .mx")
    assert "CLOUDFLARE IS GONE" in steps
    assert dns.zone.from_text(zone, "pilot.example.net.", check_origin=False).find_rdataset("@", "MX")


def test_nothing_is_taken_back_while_it_is_needed(start: Any) -> None:
    """Each refusal leaves everything as it was. The first store knows of no way back: the count starts again."""
    assert start
    switched, early, enabled, same = ask("""
switch(PILOT)
before = present(migration)
outcome = [back(PILOT, "--clean-up"), back(OTHER, "--with-dell")]
same = before == present(migration)
assert back(PILOT)["status"] == 0
outcome.append(back(PILOT, "--with-dell"))
migration.clock.advance(migration.settings.bounds.ttl_s + 61)
assert back(OTHER)["status"] == 0
outcome.append(back(OTHER, "--with-dell"))
print(json.dumps([outcome[0], outcome[2], outcome[3], same]))
""")
    assert (switched["status"], early["status"], enabled["status"], same) == (1, 1, 1, True)
    assert "does not go to EC2 yet: first python -m scripts.rollback --domain pilot" in switched["said"]
    assert "more: Email Routing, its rules" in early["said"]
    assert "still has Email Routing, which needs Dell as it is" in enabled["said"]


def test_all_of_it_is_taken_back(start: Any) -> None:
    """Rules, Email Routing, policy, TTLs, Dell's files byte for byte; mail comes by EC2, and nothing is left to do.

    It stays on while a subdomain of somebody else's has mail by it; and that needs nothing of Dell.
    """
    kept, stands, done, again, now, way, gates = ask("""
sdk, zone, reply = changing.client(migration), cloudflare.zone(migration, PILOT).id, "reply." + PILOT
sdk.email_routing.dns.create(zone_id=zone, name=reply)
made = sdk.email_routing.rules.create(zone_id=zone, actions=[{"type": "drop"}],
                                      matchers=[{"type": "literal", "field": "to", "value": "help@" + reply}])
kept = [back(PILOT, "--clean-up"), back(PILOT, "--clean-up"), back(OTHER, "--with-dell")]
found = cloudflare.routing(migration, PILOT)
stands = [found.enabled, [each.address for each in found.rules], len(found.present.of(reply, "MX")),
          [each.text for each in found.present.of(PILOT, "MX")], "_spf.mx.cloudflare.net" in str(spf(PILOT))]
sdk.email_routing.rules.delete(made.id, zone_id=zone)
sdk.post(f"/zones/{zone}/email/routing/disable", body={"name": reply}, cast_to=object)
done = [back(PILOT, "--clean-up"), back(OTHER, "--clean-up"), back(PILOT, "--with-dell")]
again = [back(PILOT, "--with-dell"), back(OTHER, "--clean-up")]
now = [files(), zones(), {k: v for k, v in present(migration).items() if k.startswith("Email Routing")}]
from fixtures.migration.progress import Progress
progress = Progress.read(migration.store, migration.settings)
gates = [progress.next_gate(domain) for domain in (PILOT, OTHER)]
print(json.dumps([kept, stands, done, again, now, sorted({*paths(PILOT), *paths(OTHER)}), gates]))
""")
    assert [each["status"] for each in kept] == [0, 0, 0], kept
    assert "stays on: mail of reply.pilot.example.net comes by it too" in " ".join(kept[0]["said"].split())
    assert kept[1]["subjects"] == []
    assert stands == [True, ["help@reply.pilot.example.net"], 3, ["mail.webmakeprofit.org"], False]
    assert [each["status"] for each in done] == [0, 0, 0], done
    assert [each["subjects"] for each in again] == [[], []]
    assert now == start
    assert way == ["ec2"]
    assert gates == ["phase1", "phase1"]
