"""A trial in a lab of real servers, from the plan to the result, by an operator; and what it leaves there: nothing."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.lab.world import Lab
from fixtures.settings import load
from tests.labs import as_operator, operator, shell, standing

NAME, SEED = "trial", 3
TRIAL_S_MAX = 240.0
"""Of a machine that is busy with other tests; by itself a trial ends within a minute."""
WHY = "--override", "a lab that stands at its beginning has judged no gate"
OPEN = """
import httpx, sys
from fixtures.lab.person import open_link
with httpx.Client() as browser:
    print(open_link(browser, sys.argv[1]))
"""
STANDS = """
import json
from fixtures.migration import open_migration
from scripts.lib.trial import course, standing
from scripts.lib.trial.wire import Wire
migration = open_migration()
place = course.place_of(migration)
print(json.dumps(standing.read(Wire(migration), place).as_body()))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with standing(NAME, SEED, knobs=("--settle-s=15", "--upstream-4xx=retried")) as made:
        yield made


def applied(lab: str, digest: str) -> tuple[int, str, float]:
    """The trial, and a person who opens the link that it shows."""
    began, said = time.monotonic(), list[str]()
    command = shell(lab, "python3", "-m", "scripts.trial", "--apply", digest, *WHY)
    command[command.index("python3")] = str(command[0])
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            said.append(line)
            if link := re.search(r"https://dash\.cloudflare\.com/\S+", line):
                threading.Thread(target=lambda link=link[0]: operator(lab, "-c", OPEN, link)).start()
    return process.returncode, "".join(said), time.monotonic() - began


def test_from_the_plan_to_the_result(lab: Lab) -> None:
    before: Any = as_operator(lab.name, STANDS)
    planned = operator(lab.name, "-m", "scripts.trial")
    assert planned.returncode == 3, planned.stderr
    digest = re.search(r"--apply (\w{12})", planned.stdout)
    assert digest
    status, said, seconds = applied(lab.name, digest[1])
    assert status == 0, said[-3000:]
    assert seconds < TRIAL_S_MAX, said
    assert "Nothing that rehearsals don't know." in said
    assert "NOT OBSERVED" not in said
    assert as_operator(lab.name, STANDS) == before
    observed = (lab.folder / "operator/observed.toml").read_text(encoding="utf-8")
    for knob in ('enabling = "refuses"', 'upstream_4xx = "retried"', 'apex_early = "refused"'):
        assert knob in observed
    seconds_of_5xx = float(re.search(r"^settle_s = ([\d.]+)", observed, re.MULTILINE)[1])  # type: ignore[index]
    assert 15 <= seconds_of_5xx < 25
    settings = load(lab.folder / "operator/migration.toml")
    code = "import argparse, json; from fixtures.migration import open_migration; from scripts.lib.change import Job\n"
    code += "from scripts.lib.cloudflare.settling import settle\n"
    code += (
        f"job = Job(open_migration(), {settings.pilot!r}, argparse.Namespace()); print(json.dumps(settle(job).subject))"
    )
    assert f"{seconds_of_5xx:.0f} s in the trial at mxgate-trial.{settings.pilot}" in as_operator(lab.name, code)
