"""The operator's git repository of templates: its state, our commit in it on a branch of its own, and the way back."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fixtures.evidence import CouldNotAsk
from fixtures.plan import templates
from fixtures.settings.dell import Template
from scripts.lib.change import Refused

BRANCH = "mxgate"
_WHO = "mxgate@localhost"
_MESSAGE = "Dell's Postfix receives from Cloudflare Email Routing (mxgate)\n"
_FROM = f"branch.{BRANCH}.mxgatefrom"
"""In the repository's own configuration: the branch on which it stood before."""


@dataclass(frozen=True, slots=True)
class Repo:
    """The repository that the settings name."""

    template: Template

    @property
    def folder(self) -> Path:
        return self.template.repo

    @property
    def commands(self) -> str:
        """Render and deploy, for a person to paste."""
        return f"{shlex.join(self.template.render)} && {shlex.join(self.template.deploy)}"

    @property
    def ours(self) -> bool:
        """Whether the last commit is ours."""
        return self._git("log", "-1", "--format=%ce").strip() == _WHO

    def require_clean(self) -> None:
        """Refuse a repository that is none, or holds what nobody has committed."""
        try:
            top = Path(self._git("rev-parse", "--show-toplevel").strip())
            left = self._git("status", "--porcelain", "--", ".", f":(exclude){self.template.rendered}").splitlines()
            self._git("rev-parse", "--verify", "-q", "HEAD")
        except CouldNotAsk as error:
            raise Refused(f"dell.template.repo: {error}. Nothing was changed") from None
        if top.resolve() != self.folder.resolve():
            raise Refused(f"dell.template.repo: expected the top folder of the repository, {top}, found {self.folder}")
        if left:
            raise Refused(
                f"{self.folder} holds changes that are not committed ({'; '.join(left[:5])}): commit or remove them, "
                "and plan again. Nothing was changed"
            )

    def require_branch(self) -> None:
        """Refuse where our commit would go astray: on no branch, or over commits of somebody else's."""
        self._branch()
        if BRANCH in self._git("branch", "--format=%(refname:short)").split():
            others = set(self._git("log", "--format=%ce", f"HEAD..{BRANCH}").split()) - {_WHO}
            if others:
                raise Refused(
                    f"{self.folder}: the branch {BRANCH} holds commits of {', '.join(sorted(others))} that are not "
                    "merged. Merge it, or rename it"
                )

    def holds(self, files: Mapping[str, str]) -> bool:
        """Whether the last commit has these texts, and is what lies in the folder."""
        try:
            return all(self._git("show", f"HEAD:{path}") == text for path, text in files.items()) and not self._git(
                "status", "--porcelain", "--", *files
            )
        except CouldNotAsk:
            return False

    def commit(self, patch: str) -> None:
        """Commit the patch on our branch, and check that out; the folder changes only once the commit stands."""
        was = self._branch()
        with tempfile.TemporaryDirectory(prefix="mxgate-") as place:
            index = Path(place) / "index"
            self._git("read-tree", "HEAD", index=index)
            self._git("apply", "--cached", "-", stdin=patch, index=index)
            tree = self._git("write-tree", index=index).strip()
        who = ("-c", "user.name=mxgate", "-c", f"user.email={_WHO}")
        made = self._git(*who, "commit-tree", tree, "-p", "HEAD", stdin=_MESSAGE).strip()
        if was == BRANCH:
            self._git("merge", "-q", "--ff-only", made)
            return
        self._git("branch", "-f", BRANCH, made)
        self._git("config", _FROM, was)
        self._git("checkout", "-q", BRANCH)

    def leave(self) -> None:
        """Go back to before our last commit, if the last one is ours."""
        if not self.ours:
            return
        try:
            was = self._git("config", _FROM).strip()
            first = self._git("rev-parse", was) == self._git("rev-parse", "HEAD^")
        except CouldNotAsk:
            was, first = "", False
        if self._branch() == BRANCH and first:
            self._git("checkout", "-q", was)
            self._git("branch", "-q", "-D", BRANCH)
        else:
            self._git("reset", "-q", "--keep", "HEAD^")

    def rendered_before(self) -> dict[str, str]:
        """What the commit before ours renders to."""
        with templates.copied(self.template) as copy:
            copy.git("checkout", "-q", "--detach", "HEAD^")
            return copy.render()

    def _branch(self) -> str:
        try:
            return self._git("symbolic-ref", "-q", "--short", "HEAD").strip()
        except CouldNotAsk:
            raise Refused(f"{self.folder} is on no branch (detached HEAD): check one out first") from None

    def _git(self, *argv: str, stdin: str = "", index: Path | None = None) -> str:
        return templates.git(self.folder, *argv, stdin=stdin, index=index)
