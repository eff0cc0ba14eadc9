"""The workflows and shell scripts before their linters, and what a runner would do."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixtures.plan.gates import Gate
from fixtures.settings import Secrets
from tests.conftest import PROJECT, ended, minimal
from tests.reading import files, text, under
from tests.scripts.receiver import receiving
from tests.warm import features

PROGRAMS = Path(sys.executable).parent
WORKFLOWS = sorted((PROJECT / ".github/workflows").glob("*.yml"))
SHELL = [
    path for path in files() if text(path)[:80].startswith("#!") and "sh" in text(path).splitlines()[0].split("/")[-1]
]
LAB = PROJECT / "fixtures/lab"
PIECES = [
    path
    for path in (*under("fixtures", "sh"), *under("scripts/lib", "sh"))
    if path not in SHELL and LAB not in path.parents
]
"""What a probe or a script hands to a host's shell: any that is there, or Bash."""
LIVE = ("gate", "soak")


def lint(program: str, *argv: str | Path, given: str | None = None) -> None:
    command = [PROGRAMS / program, *argv]
    done = subprocess.run(command, cwd=PROJECT, input=given, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def workflow(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / f".github/workflows/{name}.yml").read_text(encoding="utf-8"))
    return found


def steps(of: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in of["jobs"].values() for step in job["steps"]]


def test_there_is_something_to_lint() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "faults", "gate", "soak"]
    assert {"gate", "install", "rehearse", "test", "run"} <= {path.name for path in SHELL}


def test_workflows_have_the_form_that_github_takes() -> None:
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)


def test_workflows_are_safe() -> None:
    """Pinned actions, no expression inside a script, no token left in an artifact, no more rights than needed."""
    lint("zizmor", "--offline", "--no-progress", "--quiet", *WORKFLOWS)


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shell_scripts(path: Path) -> None:
    lint("shellcheck", "--external-sources", "--severity=warning", path)


@pytest.mark.parametrize("path", PIECES, ids=lambda path: path.name)
def test_shell_for_hosts(path: Path) -> None:
    lint("shellcheck", f"--shell={path.suffix[1:]}", "--severity=warning", path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_shell_inside_the_workflows(path: Path) -> None:
    for step in steps(workflow(path.stem)):
        if "run" in step:
            lint("shellcheck", "--shell=bash", "-", given=step["run"])


def test_the_linters_see_what_they_are_for(tmp_path: Path) -> None:
    spoilt = tmp_path / "gate.yml"
    good = text(PROJECT / ".github/workflows/gate.yml")
    for program, argv, was, is_ in (
        ("check-jsonschema", ["--builtin-schema", "vendor.github-workflows"], "runs-on:", "run-on:"),
        ("zizmor", ["--offline", "--quiet", "--no-progress"], '"$GATE"', '"${{ inputs.domain }}"'),
    ):
        assert was in good
        spoilt.write_text(good.replace(was, is_), encoding="utf-8")
        with pytest.raises(AssertionError):
            lint(program, *argv, spoilt)


@pytest.mark.parametrize("name", LIVE)
def test_what_touches_the_live_system(name: str) -> None:
    """Runs on the operator's own runner, one at a time, with a deadline, and leaves its report in any case. A gate that
    waits for its reviewer, for days perhaps, keeps no night from running.
    """
    of = workflow(name)
    job = of["jobs"][name]
    assert job["runs-on"] == ["self-hosted", "mxgate"]
    assert of["concurrency"] == {"group": f"mxgate-{name}", "cancel-in-progress": False}
    assert job["timeout-minutes"] <= 120
    assert job["environment"].startswith("mxgate-")
    assert "pull_request" not in of["on"]
    upload = steps(of)[-1]
    assert upload["uses"].startswith("actions/upload-artifact@")
    assert upload["if"] == "always()"
    given = {key for step in steps(of) for key in step.get("env", {}) if key.startswith("MXGATE_")}
    secrets = {f"MXGATE_{field.upper()}" for field in Secrets.model_fields}
    assert given - {"MXGATE_CONFIG"} <= secrets
    written = {"MXGATE_SENDGRID_KEY", "MXGATE_BUCKET_KEY", "MXGATE_BUCKET_SECRET"}  # to Dell, by prepare_dell
    assert secrets - given == written | ({"MXGATE_HEALTHCHECK_URL"} if name == "gate" else set())  # nights ping


def test_the_gates_to_choose_from() -> None:
    assert workflow("gate")["on"]["workflow_dispatch"]["inputs"]["gate"]["options"] == [gate.value for gate in Gate]


def gate(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}
    script = [str(PROJECT / "scripts/gate"), *argv]
    return subprocess.run(script, env=bare | environment, capture_output=True, text=True, check=False, timeout=120)


def test_a_gate_that_can_not_be_judged(tmp_path: Path) -> None:
    config = minimal(tmp_path)
    done = gate("soak", "--light", MXGATE_CONFIG=str(config))
    ended(done, 2, "--light is for when EC2 is deleted")
    assert not any(line.startswith("::") for line in done.stdout.splitlines())  # no workflow, no commands
    assert gate("phase9", MXGATE_CONFIG=str(config)).returncode == 2  # pytest's own status for a bad option is 4
    assert gate().returncode == 2
    assert gate("--help").returncode == 0


def test_what_they_refer_to_is_there() -> None:
    for path in WORKFLOWS:
        for file, heading in re.findall(r'# (\S+\.md), "([^"]+)"', text(path)):
            assert heading in text(PROJECT / file), f"{path.name}: {file} has no {heading!r}"


def test_a_night_pings_and_a_gate_does_not(tmp_path: Path) -> None:
    """Of a domain that is not switched yet, no night is missing."""
    config = minimal(tmp_path)
    with receiving() as heard:
        given = {
            "MXGATE_CONFIG": str(config),
            "MXGATE_ALARM_URLS": f"json://127.0.0.1:{heard.port}/hook",
            "MXGATE_HEALTHCHECK_URL": f"http://127.0.0.1:{heard.port}/ping",
        }
        gate("phase9", **given)
        assert heard.pings == 0
        gate("soak", "--light", **given)
        assert (heard.pings, heard.titles) == (1, [])


def test_a_runner_is_not_to_obey_what_is_quoted(tmp_path: Path) -> None:
    """Strangers' text can't give the runner commands as long as pytest writes; afterwards it listens again."""
    config = minimal(tmp_path)
    lines = features("--config", str(config), "--collect-only", GITHUB_ACTIONS="true").stdout.splitlines()
    stopped = [line for line in lines if line.startswith("::stop-commands::")]
    assert len(stopped) == 1
    token = stopped[0].removeprefix("::stop-commands::")
    assert lines.index(f"::{token}::") > lines.index(stopped[0])
