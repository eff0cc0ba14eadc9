"""The way back at night, in a lab, by script and by hand.

With Email Routing's API dead, without AWS, without the store, and with port 25 shut.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fixtures.lab import plan
from fixtures.lab.world import Lab
from tests.conftest import until
from tests.labs import applied, operator, standing
from tests.scripts.operating import PREPARE_PILOT, as_operator, plant
from tests.scripts.person import Person

NAME = "test-night"
PILOT = "pilot.example.net"
OVERRIDE = ("--override", "a test in the lab")
MX, CLOUDFLARES = ["mail.webmakeprofit.org"], [f"route{number}.mx.cloudflare.net" for number in (1, 2, 3)]
SHUT = """\
add table inet shut
add chain inet shut out { type filter hook output priority 0; }
add rule inet shut out tcp dport 25 drop
"""
"""As many access lines are: nothing of ours reaches anybody's port 25."""
SILENT_AWS = SHUT.replace("tcp dport 25", f"ip daddr {plan.AWS4}")
DEAD_STORE: Mapping[str, str | None] = {"MXGATE_STORE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none"}
LOCK = """
from fixtures.probes.cloudflare.changing import client
client(migration).email_routing.dns.create(zone_id=cloudflare.zone(migration, PILOT).id)
print(json.dumps([]))
"""
pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share, in the order in which they stand here; all is prepared."""
    with standing(NAME, 7) as made:
        as_operator(PREPARE_PILOT + "print(json.dumps([]))", NAME)
        yield made


@pytest.fixture
def _switched() -> None:
    done = as_operator("print(json.dumps(switch(PILOT)))", NAME)
    assert done["status"] == 0, done["said"]


def roll_back(config: str = "", environ: Mapping[str, str | None] | None = None) -> tuple[int, str, float]:
    """Plan and apply, as a person types it; the exit status, all that was said, and how long the plan took, in s."""
    given = ["-m", "scripts.rollback", "--domain", PILOT, *(["--config", config] if config else [])]
    began = time.monotonic()
    planned = operator(NAME, *given, "--json", environ=environ)
    took_s = time.monotonic() - began
    said = planned.stdout + planned.stderr
    if planned.returncode != 3:
        return planned.returncode, said, took_s
    digest = json.loads(planned.stdout)["digest"]
    done = operator(NAME, *given, "--apply", digest, environ=environ)
    return done.returncode, said + done.stdout + done.stderr, took_s


def mx() -> list[str]:
    found: list[str] = as_operator(
        'print(json.dumps(sorted(e.text for e in cloudflare.records(migration, PILOT).of(PILOT, "MX"))))', NAME
    )
    return found


@contextmanager
def without(lab: Lab, ruleset: str, *places: str) -> Iterator[None]:
    """The packet filters of PLACES have that too."""
    for each in places:
        done = lab.exec(each, ["nft", ruleset])
        assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        for each in places:
            lab.exec(each, ["nft", "delete", "table", "inet", "shut"])


@contextmanager
def api(lab: Lab, **fault: Any) -> Iterator[None]:
    """Cloudflare's API with that fault."""
    plant(lab, {"times": 1000, **fault})
    try:
        yield
    finally:
        plant(lab, None)


ROUTING_DEAD = {"path": "/email/routing", "method": ".*", "kind": "status", "status": 503}


@pytest.mark.usefixtures("_switched")
def test_neither_email_routing_nor_aws_is_needed(lab: Lab) -> None:
    with api(lab, **ROUTING_DEAD), without(lab, SILENT_AWS, "operator"):
        status, said, _ = roll_back()
    assert status == 0, said
    assert mx() == MX


@pytest.mark.usefixtures("_switched")
@pytest.mark.parametrize("kind", ["status", "timeout"])
def test_a_dead_api_says_by_hand_and_soon(lab: Lab, kind: str) -> None:
    fault = {"status": 503} if kind == "status" else {}
    with api(lab, path="/zones", method=".*", kind=kind, **fault):
        status, said, took_s = roll_back()
    assert status == 1, said
    assert took_s < 30
    assert "BY HAND, without any API: python -m scripts.by_hand" in said
    assert mx() == CLOUDFLARES


def test_the_papers_lie_with_the_settings(lab: Lab) -> None:
    folder = lab.folder / "operator/night"
    paper = (folder / f"{PILOT}.txt").read_text(encoding="utf-8")
    assert f"{PILOT}. 3600 IN MX 10 {MX[0]}." in paper
    assert "CLOUDFLARE IS GONE" in paper
    assert "\tIN\tSOA\t" in paper
    assert {each.stat().st_mode & 0o077 for each in (*folder.iterdir(), folder)} == {0}


def test_by_hand_ends_quietly_where_nobody_reads_on() -> None:
    given = ["-m", "scripts.by_hand", "--domain", PILOT]
    done = operator(NAME, *given, before=["bash", "-c", 'set -o pipefail; "$@" | head -1', "bash"])
    said = [line for line in done.stderr.splitlines() if not line.startswith("  starting (")]  # on a slow machine
    assert (done.returncode, said) == (0, []), done.stderr
    assert done.stdout.startswith(f"The way of {PILOT} back to EC2 by hand")


def elsewhere(lab: Lab, name: str) -> Path:
    """The settings once more, in a folder of their own."""
    made = lab.folder / "operator" / name
    made.mkdir()
    return Path(shutil.copy(lab.folder / "operator/migration.toml", made))


@pytest.mark.usefixtures("_switched")
@pytest.mark.parametrize("copy", [True, False])
def test_the_store_is_not_needed(lab: Lab, copy: bool) -> None:
    """With the copy that ``switch_mx`` left, else only by the settings."""
    config = lab.folder / "operator/migration.toml" if copy else elsewhere(lab, "without")
    paper = operator(NAME, "-m", "scripts.by_hand", "--domain", PILOT, "--config", str(config), environ=DEAD_STORE)
    status, said, _ = roll_back(str(config), DEAD_STORE)
    assert paper.returncode == status == 0, paper.stderr + said
    for each in (paper.stderr, said):
        assert "THE STORE IS OUT OF REACH" in each
    assert ("THERE IS NO SNAPSHOT" in said) is ("THERE IS NO SNAPSHOT" in paper.stdout) is not copy
    assert f"10 {MX[0]}." in paper.stdout
    assert mx() == MX


def test_a_start_is_seen_before_the_first_switch(lab: Lab) -> None:
    applied(NAME, "restart_ec2", *OVERRIDE)
    assert lab.power("ec2") == "on"
    assert operator(NAME, "-m", "scripts.restart_ec2").returncode == 0


@pytest.mark.parametrize("shut", [False, True])
@pytest.mark.usefixtures("_switched")
def test_after_a_stop_it_starts_ec2_and_looks_if_anybody_can(lab: Lab, shut: bool) -> None:
    """SHUT: nobody reaches a port 25. The stop says that nobody saw it die, and for the start AWS's word is taken."""
    places = ("operator", "world", "cloudflare", "dell") if shut else ()
    with without(lab, SHUT, *places):
        warned = applied(NAME, "stop_ec2", *OVERRIDE)[1]
        status, said, _ = roll_back()
    assert status == 0, said
    assert ("could not look" in warned) is shut, warned
    assert ("AWS's word that it runs has to do" in said) is shut, said
    assert (lab.power("ec2"), mx()) == ("on", MX)


@pytest.mark.usefixtures("_switched")
@pytest.mark.parametrize("locked", [False, True], ids=["no API, no AWS, port 25 shut", "locked, no store"])
def test_a_person_goes_back_by_the_paper_only(lab: Lab, locked: bool) -> None:
    """Mail flows at once, by old caches too. Then our script, as the paper's last step, has nothing to mend."""
    if locked:
        as_operator(LOCK, NAME)
        person = Person(lab, PILOT, (lab.folder / f"operator/night/{PILOT}.txt").read_text(encoding="utf-8"))
        person.goes_back()
    else:
        with api(lab, **ROUTING_DEAD), without(lab, SILENT_AWS + SHUT, "operator"):
            person = Person(lab, PILOT, _by_hand())
            person.goes_back()
    _mail_flows(person)  # our senders are reached by port 25, too
    added, gone = [f"added MX {each}" for each in MX], [f"deleted {each}" for each in CLOUDFLARES]
    assert sorted(person.did) == sorted([*["unlocked"] * locked, *added, *gone])
    _ends_by_script(person)


@pytest.mark.usefixtures("_switched")
@pytest.mark.parametrize("shut", [False, True])
def test_a_person_starts_ec2_by_the_paper_first(lab: Lab, shut: bool) -> None:
    applied(NAME, "stop_ec2", *OVERRIDE)
    with without(lab, SHUT, *(["operator"] if shut else [])):
        person = Person(lab, PILOT, _by_hand(), shut=shut)
        person.goes_back()
        assert person.did[0].startswith("started i-")
        until(lambda: lab.power("ec2") == "on", "EC2 runs")
    _mail_flows(person)
    _ends_by_script(person)


def test_a_person_without_a_store_does_not_start_what_runs(lab: Lab) -> None:
    """Nobody knows then whether EC2 was stopped: the console says."""
    as_operator("assert switch(PILOT)['status'] == 0; print(json.dumps([]))", NAME)
    given = ("--config", str(elsewhere(lab, "bare")))
    person = Person(lab, PILOT, _by_hand(*given, environ=DEAD_STORE))
    assert 0 in person.steps
    person.goes_back()
    assert not [each for each in person.did if each.startswith("started")]
    _mail_flows(person)
    _ends_by_script(person, *given)


def _by_hand(*options: str, environ: Mapping[str, str | None] | None = None) -> str:
    done = operator(NAME, "-m", "scripts.by_hand", "--domain", PILOT, *options, environ=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _mail_flows(person: Person) -> None:
    """Now, while caches lead to Cloudflare, and only by EC2 once they have let go."""
    for server, said in person.dig().items():
        assert said == [f"10 {each}." for each in MX], server
    assert set(as_operator("print(json.dumps(arrived(PILOT)))", NAME)) <= {"cloudflare", "ec2"}
    assert as_operator("print(json.dumps(paths(PILOT)))", NAME) == ["ec2"]


def _ends_by_script(person: Person, *given: str) -> None:
    """GIVEN: the settings by which the paper was made, which its command names too."""
    assert " ".join(["python -m scripts.rollback", *given, "--domain", PILOT]) in person.steps[4]
    status, said, _ = roll_back()
    assert status == 0, said
    assert mx() == MX
