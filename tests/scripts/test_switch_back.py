"""A switch that fails or is ended half-way: EC2's MX stands again, without anybody's doing."""

from collections.abc import Iterator
from functools import partial

import pytest

from fixtures.lab.world import Lab
from tests.labs import standing
from tests.scripts import operating
from tests.scripts.operating import PREPARE_PILOT, plant

NAME = "test-switch-back"
as_operator = partial(operating.as_operator, lab=NAME)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab that the tests of this file share; each leaves the domain at EC2."""
    with standing(NAME, 7) as made:
        as_operator(PREPARE_PILOT + "print(0)")
        yield made


ENDED = """
state = migration.store.last("switching", PILOT)["state"]
mx = [each.text for each in cloudflare.records(migration, PILOT).of(PILOT, "MX")]
print(json.dumps([state, mx]))
"""
OURS = ["mail.webmakeprofit.org"]
HANGS = {"path": "/email/routing/dns$", "method": "POST", "kind": "timeout", "times": 10_000}
RUN_AND_END = """
import os, signal, subprocess, sys
from fixtures.watching import Watch
def end(number):
    status, outcome = call("switch_mx", ["--domain", PILOT, "--json"])
    argv = ["--domain", PILOT, "--override", "a test in the lab", "--apply", json.loads(outcome)["digest"]]
    watch = Watch(migration, PILOT).start()
    try:
        # Whoever runs these tests under nohup, or in the background, ignores signals that this run is to get.
        command = ["env", "--default-signal=HUP,INT", sys.executable, "-m", "scripts.switch_mx", *argv]
        run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while (migration.store.last("switch", PILOT) or {"real_at": 0})["real_at"] < began:
            assert time.monotonic() < until and run.poll() is None, "the MX never moved"
            time.sleep(0.05)
        os.kill(run.pid, number)
        at = time.monotonic()
        if number == signal.SIGSTOP:
            return run, at, ""
        said = run.communicate(timeout=90)[1]
        return run, at, said
    finally:
        watch.stop()
def over(at, limit_s):
    while (last := migration.store.last("switching", PILOT))["state"] not in ("back", "through"):
        assert time.monotonic() - at < limit_s, last
        time.sleep(0.1)
    return time.monotonic() - at
began = time.time()
"""


@pytest.mark.parametrize(
    ("number", "by"), [("SIGKILL", "guard"), ("SIGHUP", "guard"), ("SIGTERM", "run"), ("SIGINT", "run")]
)
def test_a_run_that_is_ended_half_way_leaves_no_domain_at_cloudflare(lab: Lab, number: str, by: str) -> None:
    """By its own last act, or, where that can't be, by the guard that outlives it; nobody does anything."""
    plant(lab, HANGS)
    try:
        took, status, said, locked = as_operator(
            RUN_AND_END
            + f"""
run, at, said = end(signal.{number})
took = over(at, 60)
time.sleep(1)
print(json.dumps([took, run.returncode, said, migration.store._held("migration")]))
"""
        )
    finally:
        plant(lab, None)
    assert took < 30
    assert as_operator(ENDED) == ["back", OURS]
    assert locked is None
    log = (lab.folder / "operator/night/switch-pilot.example.net.log").read_text(encoding="utf-8")
    if by == "run":
        assert status == 1
        assert "stands again" in said
        assert log == ""
    else:
        assert status < 0
        assert "ended without a word" in log
        assert "stands again" in log
    (lab.folder / "operator/night/switch-pilot.example.net.log").write_text("", encoding="utf-8")
