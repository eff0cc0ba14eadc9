"""Every step fails and says secrets in every encoding: none of them leaves the run by any way (Z-2)."""

import sys
from html import unescape

import pytest

from tests.conftest import PROJECT, run
from tests.report.test_redaction import SECRETS, WAYS

NAMED = {name: secret for name, secret in SECRETS.items() if name != "of four"}

FEATURE = """\
Feature: Canaries
  @before_phase1 @observe @N-1
  Scenario Outline: what fails in this way says secrets: <way>
    Given something that fails by <way>

    Examples:
      | way       |
      | judgement |
      | nothing   |
      | absence   |
      | our fault |
      | print     |
      | logging   |
      | warning   |
      | no fault  |
"""
PLAIN = """
import pytest
from conftest import SAID


@pytest.fixture
def broken():
    raise RuntimeError(SAID)


def test_setup(broken): ...


def test_plain():
    raise RuntimeError(SAID)


def test_skipped():
    pytest.skip(SAID)
"""
CONFTEST = """
import contextlib
import logging
import sys
import warnings
from pathlib import Path

import pytest
from pytest_bdd import given, parsers

from fixtures.evidence import Absent, CouldNotAsk, Evidence, Finding, Inconclusive, Judged, Verdict, failed, keep_secret
from fixtures.plan.gates import Gate; from fixtures.gates import collection, plugin
from fixtures.migration.progress import Stage
from fixtures.gates.session import SESSION, Session
from fixtures.report import index
from fixtures.settings import ClockSettings
from fixtures.target import Target
from tests.conftest import migration_in
from tests.report.test_redaction import WAYS
from tests.report.test_canaries import NAMED

HERE = Path(__file__).parent
collection.FEATURES = plugin.FEATURES = HERE / "features"
pytest_plugins = ["fixtures.gates.plugin", "fixtures.report.redacted_output"]
SAID = "\\n".join(f"{way}: {write(secret)}" for way, write in WAYS.items() for secret in NAMED.values())
LINE = " ".join(SAID.splitlines())
TARGET = pytest.StashKey()


def pytest_configure(config):
    keep_secret(*NAMED.values())
    clock = HERE / "clock"
    clock.write_text("+0\\n")
    migration = migration_in(HERE, clock=ClockSettings(file=clock))
    migration.store.put_snapshot("start", "0", {"zones": dict.fromkeys(migration.settings.domain_names, "")})
    migration.store.record("override", "", script="stop_ec2", reason=LINE)
    migration.store.record("done", "", script="prepare_dell", plan=LINE)
    migration.store.record("night", gate="phase4", domains=[], run="one", verdict="fail", judged={}, bad=[LINE])
    stage = Stage(Gate.PHASE1, migration.settings.domain_names, "phase1")
    session = Session(migration, [stage], look=lambda _: {"MX": "x"}, who=lambda _: "lab:one")
    config.stash[SESSION] = session
    config.stash[TARGET] = Target(session, [], HERE / "out" / "ours.html")
    config.pluginmanager.register(collection.Arrange())
    config.pluginmanager.register(plugin.Collect(session))


@given(parsers.parse("something that fails by {way}"))
def fails(way, request):
    look = Evidence(LINE, LINE, SAID, LINE)
    members = (failed(LINE, LINE, LINE, look, hypothesis=LINE, hint=LINE),)
    print(SAID)
    print(SAID, file=sys.stderr)
    logging.getLogger("x").error(SAID)
    request.node.user_properties.append(("said", SAID))
    if way == "judgement":
        raise Judged(LINE, members)
    if way == "nothing":
        raise Inconclusive(LINE, members)
    if way == "absence":
        raise Absent(LINE, (Finding(LINE, Verdict.ABSENT, LINE, LINE),))
    if way == "our fault":
        raise RuntimeError(SAID)
    if way == "warning":
        warnings.warn(LINE)
    if way in {"print", "logging"}:
        raise CouldNotAsk(SAID)


def pytest_sessionfinish(session, exitstatus):
    target = session.config.stash[TARGET]
    target.session.trouble.append(SAID)
    target.finish(session.config, exitstatus)
    if target.written:
        index.write(target.written.parent)


def pytest_terminal_summary(terminalreporter, config):
    config.stash[TARGET].summarise(terminalreporter)
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """All that a run leaves in which everything fails, by name; the run's two streams among it."""
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "features").mkdir()
    (folder / "features" / "canaries.feature").write_text(FEATURE, encoding="utf-8")
    (folder / "features" / "test_plain.py").write_text(PLAIN, encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "pytest.ini").write_text(
        "[pytest]\nbdd_features_base_dir = features\njunit_logging = all\n", encoding="utf-8"
    )
    options = ["-vv", "-ra", "--junitxml=out/ours.xml", "--html=out/theirs.html", "--self-contained-html", "--tb=long"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "features/"]
    done = run(command, {"PYTHONPATH": str(PROJECT), "PYTHONDONTWRITEBYTECODE": "1"}, cwd=folder)
    assert done.returncode in {1, 2}, done.stdout[-4000:] + done.stderr[-4000:]
    found = {path.name: path.read_text(encoding="utf-8") for path in (folder / "out").iterdir()}
    return found | {"stdout": done.stdout, "stderr": done.stderr}


def test_the_run_failed_in_every_way_and_left_everything(outputs: dict[str, str]) -> None:
    assert {"ours.html", "ours.md", "ours.xml", "ours.evidence.json", "index.html", "theirs.html"} <= set(outputs)
    for way in ("judgement", "nothing", "absence", "our fault", "print", "logging", "no fault"):
        assert f"says secrets: {way}" in outputs["ours.html"]
    for name in ("ours.html", "ours.evidence.json", "ours.xml", "theirs.html", "stdout"):
        assert outputs[name].count("[redacted]") > 20, name


@pytest.mark.parametrize("secret", NAMED.values(), ids=list(NAMED))
def test_no_secret_left(outputs: dict[str, str], secret: str) -> None:
    forms = {way: write(secret) for way, write in WAYS.items()}
    hits = [
        f"{name}: {way}"
        for name, text in outputs.items()
        for way, form in forms.items()
        for shown in (text, unescape(text), text.replace('\\"', '"').replace("\\\\", "\\"))
        if form in shown
    ]
    assert not hits
