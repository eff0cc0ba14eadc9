"""Verification by people, in a lab: the scripts register, show and wait; the lab's person opens the links."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import plan, processes
from fixtures.lab.world import Lab
from tests.labs import standing
from tests.scripts import operating

NAME = "test-people"
PAGE = "/email-routing/verify"
BEGIN = """
from fixtures.probes.mailbox import verification as mails
from scripts.lib.cloudflare import verification

def prepare(people_s):
    verification.PEOPLE_S = people_s
    return do("prepare_cloudflare", PILOT)

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
    found: list[Any] = json.loads(lab.exec("cloudflare", ["python3", "-c", ask, url]).stdout)
    return found


def as_operator(code: str) -> Any:
    return operating.as_operator(BEGIN + code, NAME)


def test_nobody_opens_a_link_while_the_person_is_away(lab: Lab) -> None:
    """All mails have come, and can be read; no program of ours follows one."""
    done, found, wanted = as_operator("""
assert call("snapshot", [])[0] == 0
for script in ("publish_delivery", "prepare_dell"):
    assert do(script)["status"] == 0
done = prepare(8)
found = [each.destination for each in mails.newest(migration, migration.settings.domain(PILOT).addresses)]
print(json.dumps([done, found, wanted]))
""")
    said = done["said"]
    assert done["status"] == 1
    assert f"{len(wanted)} destinations are not verified" in said
    assert all(f"{each}  in that mailbox" in said for each in wanted)
    assert (sorted(found), "https://" in said) == (sorted(wanted), False)
    assert requests(lab, PAGE) == []


@pytest.mark.usefixtures("lab")
def test_what_another_does_on_dell_while_people_are_waited_for_stays_drift() -> None:
    """Only that: nothing of what the script itself has done is named."""
    done, named = as_operator("""
import threading
from fixtures.access.changing import dell
from fixtures.gates.drift import accepted, judging, reading

accepted.begin(migration)
shell = dell(migration.settings)
another = threading.Timer(3, lambda: shell.run("postconf", "-e", "always_bcc = postmaster@webmakeprofit.org"))
another.start()
done = prepare(6)
another.join()
found = judging.differences(accepted.accepted(migration.store), reading.read(migration))
named = [each.subject for each in found]
shell.run("postconf", "-X", "always_bcc")
print(json.dumps([done, named]))
""")
    assert (done["status"], "are not verified" in done["said"]) == (1, True), done["said"]
    assert named == ["Dell's Postfix: parameter always_bcc"]


def test_the_next_run_goes_on_when_the_person_is_back(lab: Lab) -> None:
    (lab.folder / "away").unlink()
    done, states, recorded = as_operator("""
done = prepare(60)
if "the plan is no longer" in done["said"]:  # the person opened the last link after the plan was shown
    done = prepare(60)
states = sorted({verification.state(migration, each) for each in wanted})
recorded = [bool(migration.store.last(mails.RECORD, PILOT, destination=each)) for each in wanted]
print(json.dumps([done, states, recorded]))
""")
    assert done["status"] == 0, done["said"]
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
