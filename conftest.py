"""Options and wiring only: what is judged, against what, and where the report goes.

What judges is imported when the options are known to be good: ``--help`` and a slip of the pen are answered at once.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixtures.evidence.exiting import outlive_readers
from fixtures.language import LANGUAGES, OPTION, chosen, tr
from fixtures.plan.gates import Gate

if TYPE_CHECKING:
    from fixtures.target import Target

ROOT = Path(__file__).parent
STEPS = sorted(".".join(path.relative_to(ROOT).with_suffix("").parts) for path in (ROOT / "steps").rglob("[!_]*.py"))
PLUGINS = ["fixtures.gates.plugin", "fixtures.report.redacted_output", *STEPS]
ONLY_INFORMS = ("help", "markers", "showfixtures", "show_fixtures_per_test", "cacheshow")
"""pytest's options, as it keeps them, that judge nothing and ask nobody."""
TARGET: pytest.StashKey[Target] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mxgate", "gates of the migration")
    group.addoption("--gate", choices=[g.value for g in Gate], help="judge only this gate, and change nothing")
    group.addoption("--domain", action="append", default=[], help="with --gate: for this routed domain (repeatable)")
    group.addoption("--soak", action="store_true", help="judge a night: what is tagged @soak, as each domain stands")
    group.addoption("--light", action="store_true", help="with --soak, after sign-off: what can still break by itself")
    group.addoption("--drill", action="store_true", help="in a lab: run what breaks things, and keep the record")
    group.addoption("--certificate", metavar="FILE", help="the drill certificate that a rehearsal of your own left")
    group.addoption("--rehearse", action="store_true", help="rehearse in a lab, also where there is a migration.toml")
    group.addoption(
        "--look",
        action="store_true",
        help="with --rehearse: there and back with the pilot only, for a first impression",
    )
    group.addoption("--config", metavar="FILE", help="settings (default: $MXGATE_CONFIG, ./migration.toml, else a lab)")
    group.addoption(
        "--lab", metavar="NAME", default="main", help="with --gate and no settings: the standing lab to ask"
    )
    group.addoption("--dell", metavar="KIND", help="rehearsal: the kind of Dell (fixtures/lab/README.md)")
    group.addoption("--gateway", metavar="KIND", help="rehearsal: today's gateway, ec2 or vps (fixtures/lab/README.md)")
    group.addoption(
        "--route", metavar="KIND", help="rehearsal: to Dell, direct, worker or tunnel (fixtures/lab/README.md)"
    )
    group.addoption("--seed", type=int, help="rehearsal: the emulator's seed (default: drawn, and printed)")
    group.addoption(
        "--knobs",
        metavar="KNOBS",
        help="rehearsal: what Cloudflare does where nobody knows: 'drawn' (by the seed), 'observed' (by a trial, which "
        "wrote observed.toml), or the emulator's options, "
        "such as --knobs='--enabling=refuses --settle-s=60' (python -m fixtures.lab.emulator --help)",
    )
    group.addoption("--lang", choices=LANGUAGES, type=chosen, help=OPTION)
    group.addoption("--report", metavar="FILE", help="the report (default: reports/<gate>-<time>.html)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Decide on the target before anything else: a lab is entered before this process has a second thread."""
    if any(getattr(config.option, each, None) for each in ONLY_INFORMS) or _only_tests(config):
        return
    if not __debug__:
        pytest.exit("Python leaves assertions out, by PYTHONOPTIMIZE or -O: run this without", returncode=2)
    if not config.pluginmanager.hasplugin("pytest-bdd"):
        pytest.exit(
            "pytest-bdd was not loaded, without which a feature is no test: is PYTEST_DISABLE_PLUGIN_AUTOLOAD set, or "
            "-p no:pytest-bdd given?",
            returncode=2,
        )
    if not hasattr(config, "workerinput"):
        outlive_readers()  # 1 says that a gate is closed, and not that a disk is full or a reader gone
        config.add_cleanup(sys.stdout.flush)
    try:
        for plugin in PLUGINS:
            config.pluginmanager.import_plugin(plugin)
        from fixtures.gates.collection import Arrange, Listing
        from fixtures.gates.plugin import Collect
        from fixtures.gates.session import SESSION
        from fixtures.gates.side_by_side import runner
        from fixtures.target import TargetError, resolve
    except ModuleNotFoundError as missing:
        pytest.exit(
            f"mxgate is not set up for this Python ({sys.executable}): {missing.name} is missing.\n"
            "Run scripts/rehearse once (it sets up what is missing and says first what that is),\n"
            "then use .venv/bin/pytest features/",
            returncode=2,
        )
    try:
        target = resolve(config)
    except TargetError as error:
        pytest.exit(tr(str(error)), returncode=2)
    config.stash[TARGET], config.stash[SESSION] = target, target.session
    config.pluginmanager.register(Arrange(), "mxgate-arrange")
    if config.option.collectonly:
        config.pluginmanager.register(Listing(), "mxgate-listing")
    config.pluginmanager.register(Collect(target.session), "mxgate-collect")
    config.pluginmanager.register(runner(config, target.session), "mxgate-runner")


def _only_tests(config: pytest.Config) -> bool:
    """Whether no feature was asked for: the project's own tests need no target."""
    asked = [Path(str(arg).split("::")[0]).resolve() for arg in config.args]
    return bool(asked) and all((ROOT / "tests") in (path, *path.parents) for path in asked)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return config.stash[TARGET].header if TARGET in config.stash else []


def pytest_collection_finish() -> None:
    gc.freeze()  # what is imported and collected stays: nobody need look through it for garbage, in no copy either


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if TARGET in session.config.stash and not hasattr(session.config, "workerinput"):
        session.exitstatus = session.config.stash[TARGET].finish(session.config, exitstatus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if TARGET in config.stash and not config.option.collectonly:
        config.stash[TARGET].summarise(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    if TARGET in config.stash:
        gc.freeze()  # pytest looks through all objects five times before it ends
        config.stash[TARGET].leave()
