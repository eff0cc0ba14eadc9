"""A lab as a live system: an operator's folder with settings without a word of the lab, and a Python that has none."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.lab import plan
from fixtures.lab.faults.forks import WARM
from fixtures.lab.world import Lab
from tests import warm
from tests.conftest import PROJECT, inherited
from tests.labs import shell

HOST = "a rented host"
NO_LAB = 'import sys\nsys.modules["fixtures.lab"] = None  # whoever imports it gets a ModuleNotFoundError\n'
"""As sitecustomize of every Python that is started."""


@contextmanager
def living(lab: Lab, folder: Path) -> Iterator["Live"]:
    """The operator of LAB, whose own folder FOLDER is to be, until the end."""
    (folder / "sitecustomize.py").write_text(NO_LAB, encoding="utf-8")
    serve = cold(lab, folder, "-m", "tests.lab.live_server", *WARM, warm.__name__)
    with subprocess.Popen(
        serve, cwd=PROJECT, env=inherited(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield Live(lab, folder, server)


def cold(lab: Lab, folder: Path, *argv: str) -> list[str]:
    """The command that begins ``python ARGV`` where that operator is."""
    bare = ["env", "-u", "MXGATE_LAB", f"MXGATE_CONFIG={folder}/migration.toml", f"PYTHONPATH={folder}"]
    return shell(lab.name, *bare, sys.executable, *argv)


@dataclass(frozen=True)
class Live:
    """A lab's operator who knows of no lab. FOLDER is theirs: settings, store and reports."""

    lab: Lab
    folder: Path
    server: "subprocess.Popen[str]"
    """``tests.lab.live_server``, where the operator is."""

    def settle(self, *more: str) -> None:
        """Write the settings: the lab's, less what only a lab can give, with MORE at the end."""
        operator = self.lab.folder / "operator"
        text = (operator / "migration.toml").read_text(encoding="utf-8")
        text = text.replace('target = "lab"', 'target = "live"').replace(f"{operator}/store", f"{self.folder}/store")
        blocks = re.split(r"(?m)^(?=\[)", text)
        labs = ("[[vantages]]", "[clock]")
        kept = [each for each in blocks if not each.startswith(labs) and 'vantage = "dell"' not in each]
        (self.folder / "migration.toml").write_text("\n".join(["".join(kept), *more]), encoding="utf-8")

    def vantage(self, *lines: str, name: str = HOST, address: str = plan.LAGGARD4) -> str:
        """A host elsewhere by SSH, with the operator's key."""
        keys = ", ".join(f'{each} = "{self.lab.folder}/operator/{file}"' for each, file in KEYS.items())
        way = f'transport = {{ host = "{address}", user = "root", {keys} }}'
        return "\n".join(["[[vantages]]", f'name = "{name}"', way, *lines, ""])

    def python(self, *argv: str, limit_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run ``python ARGV`` where the operator is; what tells of a lab is not in its environment."""
        assert self.server.stdin
        assert self.server.stdout
        print(json.dumps([argv, limit_s]), file=self.server.stdin, flush=True)
        said = self.server.stdout.readline()
        assert said, f"{' '.join(argv)}: no answer within {limit_s:.0f} s"
        return subprocess.CompletedProcess(argv, *json.loads(said))

    def apply(self, script: str) -> None:
        """Plan and apply a change, behind a gate that is closed."""
        command = ("-m", f"scripts.{script}", "--override", "a test of the live path")
        planned = self.python(*command, "--json")
        assert planned.returncode == 3, planned.stdout + planned.stderr
        done = self.python(*command, "--apply", json.loads(planned.stdout)["digest"])
        assert done.returncode == 0, done.stdout + done.stderr

    def judge(self, gate: str, words: str = "") -> list[dict[str, Any]]:
        """Judge GATE, or the scenarios that WORDS choose (pytest's ``-k``): the report's rows."""
        report = self.folder / "report.html"
        asked = ["--gate", gate, "--report", str(report), "-p", "no:cacheprovider", *(["-k", words] if words else [])]
        done = self.python("-m", "pytest", "features/", "-q", *asked)
        assert done.returncode in ({2} if words else {0, 1}), done.stdout[-5000:] + done.stderr[-3000:]
        evidence = json.loads(report.with_suffix(".evidence.json").read_text(encoding="utf-8"))
        return [row for each in evidence["gates"] for row in each["scenarios"]]


KEYS = {"key_file": "ssh_key", "known_hosts": "known_hosts"}
