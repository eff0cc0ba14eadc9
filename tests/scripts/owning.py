"""A lab whose Dell has its Postfix in a container, for the tests of who owns its configuration."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.lab.faults import named, planted
from fixtures.lab.faults.walk import keyword
from fixtures.lab.world import Lab
from tests.conftest import run
from tests.labs import operator, shell, standing
from tests.warm import features

FILES = Path("/srv/mail/postfix")
"""Where Postfix's files lie on Dell itself."""
COMMAND_S_MAX = 180
AN_HOUR_PASSES = """
for copy in *.bak-[0-9]*; do
    [ -e "$copy" ] || continue
    at=${copy##*.bak-}
    mv -n "$copy" "${copy%.bak-*}.bak-$(date -ud "${at:0:8} ${at:8:2}:${at:10} 1 hour ago" +%Y%m%d%H%M)"
done
"""
"""In a folder, for the names of its copies: a second one in its minute waits for the next. The oldest goes first."""


@dataclass(frozen=True)
class Owned:
    """The lab, and what is done in it."""

    lab: Lab

    @property
    def settings(self) -> Path:
        return self.lab.folder / "operator/migration.toml"

    @property
    def repo(self) -> Path:
        return self.lab.folder / "operator/services/mailserver"

    def dell(self, text: str) -> str:
        """What bash prints on Dell itself."""
        done = self.lab.exec("dell", ["bash", "-ec", text])
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def git(self, *argv: str) -> str:
        who = ("-c", "user.name=Operator", "-c", "user.email=owner@outside.example")
        done = subprocess.run(["git", "-C", self.repo, *who, *argv], check=True, capture_output=True, text=True)
        return done.stdout

    def operator(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """A command where the operator is."""
        return run(shell(self.lab.name, *argv), timeout_s=COMMAND_S_MAX)

    def python(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """``python ARGV`` there."""
        return operator(self.lab.name, *argv, timeout_s=COMMAND_S_MAX)

    def script(self, *options: str) -> tuple[int, str]:
        done = self.python("-m", "scripts.prepare_dell", *options)
        return done.returncode, done.stdout + done.stderr

    def plan(self) -> dict[str, Any]:
        done = self.python("-m", "scripts.prepare_dell", "--json")
        assert done.returncode == 3, done.stdout + done.stderr
        return dict(json.loads(done.stdout))

    def apply(self, digest: str) -> tuple[int, str]:
        self.dell(f"cd {FILES}; {AN_HOUR_PASSES}")
        return self.script("--override", "a test in the lab", "--apply", digest)

    def digests(self) -> str:
        """Every file of Postfix's on Dell, backups aside, and how often its container was started."""
        sums = f"find {FILES} -type f ! -name '*.bak-*' -exec sha256sum {{}} + | sort"
        return self.dell(f"{sums}; podman inspect -f '{{{{.State.StartedAt}}}}' postfix")

    def refused(self, *words: str) -> None:
        """A plan is refused with these words, and nothing was changed."""
        before = self.digests()
        came_to(self.script(), 1, *words)
        assert self.digests() == before

    def judge(self, keyword: str, *options: str) -> str:
        """Scenarios of phase2's gate, none that needs a drill's record; or whatever OPTIONS name."""
        done = features(*(options or ("--gate", "phase2", "-m", "not drill")), "--lab", self.lab.name, "-k", keyword)
        return done.stdout + done.stderr

    def turns_red(self, identifier: str) -> None:
        """That fault of the catalogue closes the gate, and says why."""
        fault = named(identifier)
        with planted(self.lab, fault):
            said = self.judge(keyword(fault.scenario), *(["--drill"] if "new container" in fault.scenario else []))
            assert "CLOSED" in said, said[-5000:]
            missing = [words for words in fault.says if words not in said]
            assert not missing, f"no word of {missing} in:\n{said[-5000:]}"

    def prepared(self) -> None:
        """All of it is in force: a second apply writes nothing, the gate's rows hold, also in a new container."""
        came_to(self.script(), 0, "prepare_dell: nothing to do")
        said = self.judge("admission")
        assert "OPEN" in said, said[-5000:]
        assert "CLOSED" not in said, said[-5000:]
        said = self.judge("in_a_new_container", "--drill")
        assert "passed" in said, said[-5000:]
        assert "n/a" not in said, said[-5000:]
        came_to(self.script(), 0, "prepare_dell: nothing to do")


def came_to(got: tuple[int, str], status: int, *words: str) -> None:
    """A command ended with STATUS, and said all of WORDS."""
    assert got[0] == status, got[1][-5000:]
    missing = [word for word in words if word not in got[1]]
    assert not missing, f"no word of {missing} in:\n{got[1][-5000:]}"


@contextmanager
def owned(kind: str) -> Iterator[Owned]:
    """A lab with such a Dell, before phase 1."""
    with standing(f"tests-{kind}", 6, dell=kind) as lab:
        it = Owned(lab)
        done = it.python("-m", "scripts.snapshot")
        assert done.returncode == 0, done.stdout + done.stderr
        yield it
