"""Verification by people, in a lab: the scripts register, show and wait; the lab's person opens the links."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import plan, processes
from fixtures.lab.world import Lab
from tests import labs
from tests.labs import standing

NAME = "test-people"
PAGE = "/email-routing/verify"
BEGIN = """
import contextlib, importlib, io, json
from fixtures.migration import open_migration
from fixtures.probes.cloudflare import api as cloudflare; from fixtures.probes.mailbox import verification as mails
from scripts.lib.cloudflare import verification

migration = open_migration()
PILOT = "pilot.example.net"

def call(script, argv):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        status = importlib.import_module("scripts." + script).main(argv)
    return status, said.getvalue()

def do(script, *options):
    plan = call(script, [*options, "--json"])[1]
    why = ["--override", "a test in the lab"]
    return call(script, [*options, *why, "--apply", json.loads(plan)["digest"]])

def prepare(people_s):
    verification.PEOPLE_S = people_s
    return do("prepare_cloudflare", "--domain", PILOT)

wanted = [each.destination for each in migration.settings.domain(PILOT).addresses]
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab whose person is away at first."""
    with standing(NAME, 7) as made:
        (made.folder / "away").touch()
        yield made


def requests(lab: Lab, path: str) -> list[Any]:
    """The emulator's history of requests to PATH."""
    url = f"http://{plan.host('cloudflare').wire4}:{plan.MANAGEMENT_PORT}/requests?path={path}"
    ask = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1]).read().decode())"
    told: list[Any] = json.loads(lab.exec("cloudflare", ["python3", "-c", ask, url]).stdout)
    return told


def as_operator(code: str) -> Any:
    return labs.as_operator(NAME, BEGIN + code)


def test_nobody_opens_a_link_while_the_person_is_away(lab: Lab) -> None:
    """All mails have come, and can be read; no program of ours follows one."""
    status, said, found, wanted = as_operator("""
assert call("snapshot", [])[0] == 0
for script in ("publish_delivery", "prepare_dell"):
    assert do(script)[0] == 0
status, said = prepare(8)
found = [each.destination for each in mails.newest(migration, migration.settings.domain(PILOT).addresses)]
print(json.dumps([status, said, found, wanted]))
""")
    assert status == 1
    assert f"{len(wanted)} destinations are not verified" in said
    assert all(f"{each}  in that mailbox" in said for each in wanted)
    assert (sorted(found), "https://" in said) == (sorted(wanted), False)
    assert requests(lab, PAGE) == []


def test_the_next_run_goes_on_when_the_person_is_back(lab: Lab) -> None:
    (lab.folder / "away").unlink()
    status, said, states, recorded = as_operator("""
status, said = prepare(60)
states = sorted({verification.state(migration, each) for each in wanted})
recorded = [bool(migration.store.last(mails.RECORD, PILOT, destination=each)) for each in wanted]
print(json.dumps([status, said, states, recorded]))
""")
    assert status == 0, said
    assert (states, all(recorded)) == (["verified"], True)
    registered = [each for each in requests(lab, "/routing/addresses$") if each["method"] == "POST"]
    assert len({each["body"]["email"] for each in registered if each["status"] == 200}) == len(recorded)
    pages = [each["method"] for each in requests(lab, PAGE)]
    assert (pages.count("GET"), pages.count("POST")) == (len(recorded), len(recorded)), "one of each, by the person"


def test_the_person_ends_with_the_lab(lab: Lab) -> None:
    warden = int((lab.folder / "warden").read_text(encoding="ascii").split()[0])
    (person,) = map(int, Path(f"/proc/{warden}/task/{warden}/children").read_text(encoding="ascii").split())
    lab.down()
    assert processes.started(person) == 0
