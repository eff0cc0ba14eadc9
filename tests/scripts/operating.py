"""What tests do where the operator of a lab is, and what they plant in its Cloudflare."""

import json
from typing import Any

from fixtures.lab import plan
from fixtures.lab.world import Lab
from tests import labs

BEGIN = """
import contextlib, importlib, io, json, time
from fixtures.ledger import Traffic
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api as cloudflare, changing; from fixtures.probes.mailbox import delivery
from fixtures.watching import Watch
import scripts.snapshot

migration = open_migration()
PILOT, OTHER = "pilot.example.net", "webmakeprofit.org"

def call(script, argv):
    out, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(said):
        status = importlib.import_module("scripts." + script).main(argv)
    return status, out.getvalue() if status == 3 else said.getvalue() + out.getvalue()

def do(script, domain=""):
    options = ["--domain", domain] if domain else []
    options += ["--override", "a test in the lab"]
    status, plan = call(script, [*options, "--json"])
    if status != 3:
        if "not counted as done" in plan:
            status, plan = call(script, [*options, "--apply", "0" * 12])
        return {"status": status, "writes": 0, "said": plan}
    outcome = json.loads(plan)
    status, said = call(script, [*options, "--apply", outcome["digest"]])
    subjects = [each["subject"].split(",")[0] for each in outcome["writes"]]
    return {"status": status, "writes": len(outcome["writes"]), "said": said, "subjects": subjects}

def switch(domain):
    with Traffic(migration, "switch", 1.0, domains=(domain,)) as traffic:
        watch = Watch(migration, domain, traffic).start()
        time.sleep(0.3)
        try:
            return do("switch_mx", domain)
        finally:
            watch.stop()

def arrived(domain):
    sent = delivery.from_outside(migration, migration.settings.domain(domain).addresses)
    return sorted({each.path for each in delivery.arrivals(migration, sent)})

def paths(domain):
    migration.clock.advance(migration.settings.bounds.ttl_s + 60)
    return arrived(domain)

def spf(domain):
    found = cloudflare.records(migration, domain).of(domain, "TXT")
    return [each.text for each in found if each.text.startswith("v=spf1")]
"""
_PREPARE = """
assert call("snapshot", [])[0] == 0
for script in ("publish_delivery", "prepare_dell"):
    assert do(script)["status"] == 0
for domain in DOMAINS:
    for script in ("merge_spf", "lower_ttl", "prepare_cloudflare"):
        done = do(script, domain)
        assert done["status"] == 0, done["said"]
"""
PREPARE, PREPARE_PILOT = (_PREPARE.replace("DOMAINS", domains) for domains in ("(PILOT, OTHER)", "(PILOT,)"))


def as_operator(code: str, lab: str) -> Any:
    """What CODE tells when it runs where the operator is."""
    return labs.as_operator(lab, BEGIN + code)


def plant(lab: Lab, what: dict[str, Any] | None, where: str = "faults") -> None:
    """Give WHAT to Cloudflare's management port; WHERE: ``faults``, of which None takes all away, or ``knobs``."""
    code = """import sys, urllib.request as web
where, method, body = sys.argv[1:]
web.urlopen(web.Request(where, body.encode() or None, method=method))"""
    place = f"http://{plan.host('cloudflare').wire4}:{plan.MANAGEMENT_PORT}/{where}"
    how = ("POST", json.dumps(what)) if what else ("DELETE", "")
    planted = lab.exec("cloudflare", ["python3", "-c", code, place, *how])
    assert planted.returncode == 0, planted.stderr
