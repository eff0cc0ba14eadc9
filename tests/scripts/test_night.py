"""The way back at night, in a lab: with Email Routing's API dead, without AWS, without the store, with port 25 shut."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fixtures.lab.world import Lab
from tests.labs import operator, standing
from tests.scripts.operating import PREPARE, as_operator, plant

NAME = "test-night"
PILOT = "pilot.example.net"
MX, CLOUDFLARES = ["mail.webmakeprofit.org"], [f"route{number}.mx.cloudflare.net" for number in (1, 2, 3)]
SHUT = """\
add table inet shut
add chain inet shut out { type filter hook output priority 0; }
add rule inet shut out tcp dport 25 drop
"""
"""As many access lines are: nothing of ours reaches anybody's port 25."""
pytestmark = pytest.mark.usefixtures("lab")


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share, in the order in which they stand here; all is prepared."""
    with standing(NAME, 7) as made:
        as_operator(PREPARE + "print(json.dumps([]))", NAME)
        yield made


@pytest.fixture
def _switched() -> None:
    done = as_operator("print(json.dumps(switch(PILOT)))", NAME)
    assert done["status"] == 0, done["said"]


def roll_back(config: str = "", *before: str) -> tuple[int, str, float]:
    """Plan and apply, as a person types it; the exit status, all that was said, and how long the plan took, in s."""
    given = ["-m", "scripts.rollback", "--domain", PILOT, *(["--config", config] if config else [])]
    began = time.monotonic()
    planned = operator(NAME, *given, "--json", before=before)
    took_s = time.monotonic() - began
    said = planned.stdout + planned.stderr
    if planned.returncode != 3:
        return planned.returncode, said, took_s
    digest = json.loads(planned.stdout)["digest"]
    done = operator(NAME, *given, "--apply", digest, before=before)
    return done.returncode, said + done.stdout + done.stderr, took_s


def mx() -> list[str]:
    found: list[str] = as_operator(
        'print(json.dumps(sorted(e.text for e in cloudflare.records(migration, PILOT).of(PILOT, "MX"))))', NAME
    )
    return found


@contextmanager
def api(lab: Lab, **fault: Any) -> Iterator[None]:
    """Cloudflare's API with that fault."""
    plant(lab, {"times": 1000, **fault})
    try:
        yield
    finally:
        plant(lab, None)


@pytest.mark.usefixtures("_switched")
def test_email_routing_is_not_needed(lab: Lab) -> None:
    with api(lab, path="/email/routing", method=".*", kind="status", status=503):
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
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.startswith(f"The way of {PILOT} back to EC2 by hand")


@pytest.mark.usefixtures("_switched")
@pytest.mark.parametrize("copy", [True, False])
def test_the_store_is_not_needed(lab: Lab, copy: bool) -> None:
    """With the copy that ``switch_mx`` left, else only by the settings."""
    config, elsewhere = lab.folder / "operator/migration.toml", lab.folder / "operator/without"
    dead = ("env", "MXGATE_STORE_URL=postgresql+psycopg://nobody@127.0.0.1:1/none")
    if not copy:
        elsewhere.mkdir()
        (elsewhere / "migration.toml").write_text(config.read_text(encoding="utf-8"), encoding="utf-8")
        config = elsewhere / "migration.toml"
    paper = operator(NAME, "-m", "scripts.by_hand", "--domain", PILOT, "--config", str(config), before=dead)
    status, said, _ = roll_back(str(config), *dead)
    assert paper.returncode == status == 0, paper.stderr + said
    for each in (paper.stderr, said):
        assert "THE STORE IS OUT OF REACH" in each
    assert ("THERE IS NO SNAPSHOT" in said) is ("THERE IS NO SNAPSHOT" in paper.stdout) is not copy
    assert f"10 {MX[0]}." in paper.stdout
    assert mx() == MX


def test_a_start_is_seen_before_the_first_switch(lab: Lab) -> None:
    given = ["-m", "scripts.restart_ec2"]
    planned = operator(NAME, *given, "--json")
    done = operator(NAME, *given, "--override", "a test in the lab", "--apply", json.loads(planned.stdout)["digest"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.power("ec2") == "on"
    assert operator(NAME, *given).returncode == 0


@pytest.mark.parametrize("shut", [False, True])
@pytest.mark.usefixtures("_switched")
def test_after_a_stop_it_starts_ec2_and_looks_if_anybody_can(lab: Lab, shut: bool) -> None:
    """SHUT: nobody reaches a port 25. The stop says that nobody saw it die, and for the start AWS's word is taken."""
    places = ("operator", "world", "cloudflare", "dell") if shut else ()
    for each in places:
        done = lab.exec(each, ["nft", SHUT])
        assert done.returncode == 0, done.stderr
    try:
        given = ["-m", "scripts.stop_ec2"]
        digest = json.loads(operator(NAME, *given, "--json").stdout)["digest"]
        stopped = operator(NAME, *given, "--override", "a test in the lab", "--apply", digest)
        assert stopped.returncode == 0, stopped.stdout + stopped.stderr
        status, said, _ = roll_back()
    finally:
        for each in places:
            lab.exec(each, ["nft", "delete", "table", "inet", "shut"])
    assert status == 0, said
    assert ("could not look" in stopped.stderr) is shut, stopped.stderr
    assert ("AWS's word that it runs has to do" in said) is shut, said
    assert (lab.power("ec2"), mx()) == ("on", MX)
