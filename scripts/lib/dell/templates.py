"""Dell's Postfix where templates in git own its configuration: a patch for them, rendered, deployed and compared.

The patch is made by editing a copy of the repository, and it counts only if the copy then renders to what is planned,
and to what it rendered before in all else. It is committed on a branch of its own, which the operator merges; from
there their own command renders, and another brings it to Dell and makes a new container. If Postfix then is not what
was rendered, or does not serve, the branch is left and what was before is deployed again.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fixtures.access.changing import Shell, dell
from fixtures.evidence import CouldNotAsk
from fixtures.migration.progress import given_up
from fixtures.plan import postfix as dellplan, templates
from fixtures.settings import Settings
from fixtures.settings.dell import Template
from scripts.lib.change import Job, Refused, Write, left_unfinished
from scripts.lib.dell import effect, host_files, postfix_text, relaying
from scripts.lib.dell.postfix_text import MASTER

BRANCH = "mxgate"
POLL_S = 0.2
_WHO = "mxgate@localhost"
_WRITERS = ("prepare_dell", "add_address", "remove_address", "retire_ec2_access", "retire_xclient")
"""The scripts that commit to them."""
_MESSAGE = "Dell's Postfix receives from Cloudflare Email Routing (mxgate)\n"
_FROM = f"branch.{BRANCH}.mxgatefrom"
"""In the repository's own configuration: the branch on which it stood before."""
_PATCHED, _AS_RENDERED = "the patch is not applied", "as rendered"
_SERVING = f"{_AS_RENDERED}; {effect.EFFECT}"


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of the templates."""

    patch: str
    """Empty: they render to what is planned already."""
    files: dict[str, str]
    """Path in the repository to its text, of those that the patch changes."""
    before: dict[str, str]
    after: dict[str, str]
    """What is rendered, file name to text, without the patch and with it."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """What the templates are to render."""

    settings: Settings
    parameters: Mapping[str, str]
    services: Mapping[str, Mapping[str, str]]
    tables: Mapping[str, str]

    @property
    def listener(self) -> str:
        return dellplan.places(self.settings).xclient

    @property
    def claims(self) -> bool:
        """Whether the listener is one of the services."""
        return self.listener in self.services


def plan(
    job: Job, template: Template, *, with_ec2: bool, claims: bool = True, gives_up: Collection[str] = ()
) -> Iterator[Write]:
    """The commit, and putting it into effect, as far as they are missing.

    CLAIMS: with the listener at which a client's address can be claimed. GIVES_UP: what is about to be ``given_up``.
    """
    settings = job.migration.settings
    shell, repo = dell(settings), Repo(template)
    repo.require_clean(settings.ec2.terraform)
    lost = {*gives_up, *given_up(job.migration.store)}
    tables = dellplan.tables(settings, with_ec2=with_ec2, given_up=lost)
    change = _change(shell, template, settings, tables, claims=claims)
    now = _state(shell, settings, change.after)
    if not change.patch and now == _SERVING:
        return
    _require_known(shell, settings.dell.config_directory, repo, change)
    effect.require_readable(shell)
    at = dellplan.places(settings)
    main = templates.running(shell, at.folder, "main.cf") or ""
    effect.require_certificate(shell, settings, postfix_text.parameters(main))
    effect.require_logins(settings, postfix_text.parameters(main))
    effect.require_free(shell, settings, change.before["master.cf"], change.after["master.cf"])
    if change.patch:
        repo.require_branch()
    if not shell.transport.container or host_files.mount_of(at.main, host_files.mounts(shell)):
        for path in (at.main, at.master):
            yield from host_files.backup(shell, path)
    place = f"{template.repo}, branch {BRANCH}"
    if change.patch:
        command = f"cd {template.repo} && git checkout -b {BRANCH} && git apply --index"
        command = host_files.here(command, change.patch, " && git commit -m mxgate")
        do, read = partial(repo.commit, change.patch), lambda: change.patch if repo.holds(change.files) else _PATCHED
        yield Write("the templates", place, _PATCHED, change.patch, do, read, command)
    subject, command = "what the templates render, on Dell", f"cd {template.repo} && {repo.commands}"
    ours = bool(change.patch) or any(place in left_unfinished(job, each) for each in _WRITERS)
    deploy = partial(_deploy, shell, settings, repo, change, ours=ours)
    read = partial(_state, shell, settings, change.after)
    yield Write("Postfix as it runs", subject, now, _SERVING, deploy, read, command)


def _change(shell: Shell, template: Template, settings: Settings, tables: Mapping[str, str], *, claims: bool) -> Change:
    with templates.copied(template) as copy:
        before = copy.render()
        stands = postfix_text.parameters(before["main.cf"])
        relaying.require_login(shell, settings, stands)
        services = dellplan.services(settings, claims=claims)
        planned = _Planned(settings, relaying.parameters(shell, settings, stands), services, tables)
        files = dict(_files(copy, planned, before))
        for path, text in files.items():
            (copy.folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))
        if not files:
            return Change("", {}, before, before)
        copy.git("add", "-f", "--", *files)
        patch = copy.git("diff", "--cached", "--no-color", "--no-ext-diff", "--full-index", "HEAD", "--", *files)
        after = copy.render()
    _require_planned(planned, before, after)
    return Change(patch, files, before, after)


def _files(copy: templates.Copy, planned: _Planned, rendered: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each file of the repository that has to be another one, with its text. RENDERED: what stands."""
    template = copy.template
    folder = Path(template.main_cf).parent
    stands = postfix_text.parameters(rendered["main.cf"])
    wanted = {name: value for name, value in planned.parameters.items() if _differs(stands, name, value)}

    def with_services(text: str) -> str:
        kept_text = text if planned.claims else postfix_text.without_service(text, planned.listener)
        return postfix_text.with_services(kept_text, planned.services, stands, planned.parameters)

    edited = {
        template.main_cf: lambda text: postfix_text.with_parameters(text, wanted),
        template.master_cf: with_services,
    }
    for path, edit in edited.items():
        text = _text(copy.folder / path)
        if text is None:
            raise Refused(f"dell.template: there is no {path} in {template.repo}")
        changed = postfix_text.with_template(text, edit)
        if changed != text:
            yield path, changed
    for path, text in planned.tables.items():
        name = str(folder / Path(path).name)
        if _text(copy.folder / name) != text:
            yield name, text


def _require_planned(planned: _Planned, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Refuse a patch by which the templates do not render to what is planned, or to something else besides."""
    was, now = (postfix_text.parameters(each["main.cf"]) for each in (before, after))
    others = {name for name in (was.keys() | now.keys()) - planned.parameters.keys() if was.get(name) != now.get(name)}
    wrong = [f"main.cf: {name}" for name, value in planned.parameters.items() if _differs(now, name, value)]
    wrong += [f"main.cf: {name}" for name in sorted(others)]
    ours = dellplan.services(planned.settings)
    old, new = (
        {entry.text for entry in postfix_text.entries(each["master.cf"], MASTER) if entry.service not in ours}
        for each in (before, after)
    )
    wrong += [f"master.cf: {text.split(' -o ')[0]}" for text in old ^ new]
    if not planned.claims and postfix_text.services(after["master.cf"], planned.listener):
        wrong.append(f"master.cf: {planned.listener}")
    for service, options in planned.services.items():
        texts = " ".join(e.text for e in postfix_text.services(after["master.cf"], service))
        wrong += [f"master.cf: {service}: {name}" for name, value in options.items() if f"{name}={value}" not in texts]
    wrong += [Path(path).name for path, text in planned.tables.items() if after.get(Path(path).name) != text]
    if wrong:
        raise Refused(
            f"Dell's templates can't be patched safely: then they would not render as planned: {'; '.join(wrong[:5])}. "
            "A value that a loop or a condition writes has to be edited by hand; what lies in the folder of main.cf's "
            "template has to be rendered too (copied). Nothing was changed"
        )


def _require_known(shell: Shell, folder: str, repo: Repo, change: Change) -> None:
    """Refuse to deploy over a configuration that no template has rendered: somebody's edits would be undone."""
    odd = templates.unlike(shell, folder, change.before)
    if not odd or not templates.unlike(shell, folder, change.after):
        return
    if repo.ours and not templates.unlike(shell, folder, repo.rendered_before()):
        return
    raise Refused(
        f"Dell: {', '.join(odd)} is not what {repo.template.repo} renders now: somebody edited it there, or the last "
        "commit is not deployed. Deploying would undo that. Bring both together first; nothing was changed"
    )


def _deploy(shell: Shell, settings: Settings, repo: Repo, change: Change, *, ours: bool) -> None:
    """Bring what the templates render to Dell. OURS: the last commit was made for that, and is left if it fails."""
    try:
        if templates.render(repo.template, repo.folder) != change.after:
            raise Refused(f"{repo.template.repo} renders otherwise than its copy did")
        _bring(shell, settings, repo, change.after)
    except (CouldNotAsk, Refused) as error:
        back = _back(shell, settings, repo) if ours else "The templates were not changed, and nothing is put back"
        raise Refused(f"Dell's Postfix does not serve as planned: {error}. {back}") from None


def _bring(shell: Shell, settings: Settings, repo: Repo, rendered: Mapping[str, str]) -> None:
    template = repo.template
    templates.command(template.deploy, template.repo, template.limit_s)
    if odd := _unlike_in_the_end(shell, settings, rendered):
        raise Refused(f"after `{' '.join(template.deploy)}` {', '.join(odd)} on Dell is not as rendered")
    effect.read_and_serving(shell, settings)


def _unlike_in_the_end(shell: Shell, settings: Settings, rendered: Mapping[str, str]) -> list[str]:
    """What is not as rendered, once a container that renders as it starts has had the time. Raises ``CouldNotAsk``."""
    until = time.monotonic() + effect.OPEN_S_MAX
    while True:
        try:
            odd = templates.unlike(shell, settings.dell.config_directory, rendered)
        except CouldNotAsk:  # it is not up yet
            if time.monotonic() > until:
                raise
        else:
            if not odd or time.monotonic() > until:
                return odd
        time.sleep(POLL_S)


def _back(shell: Shell, settings: Settings, repo: Repo) -> str:
    """Leave our commit, and deploy what was before. Tells how that went."""
    try:
        repo.leave()
        before = templates.render(repo.template, repo.folder)
        templates.command(repo.template.deploy, repo.template.repo, repo.template.limit_s)
        odd = _unlike_in_the_end(shell, settings, before)
        effect.await_up(shell)
    except CouldNotAsk as error:
        return f"Going back failed too: {error}. Deploy {repo.template.repo} by hand, now"
    left = f", but for {', '.join(odd)}: deploy by hand, now" if odd else ""
    return f"The branch {BRANCH} is left, and what was rendered before is deployed again{left}"


def _state(shell: Shell, settings: Settings, rendered: Mapping[str, str]) -> str:
    odd = templates.unlike(shell, settings.dell.config_directory, rendered)
    if odd:
        return f"not as rendered: {', '.join(odd)}"
    return f"{_AS_RENDERED}; {effect.state(shell, settings)}"


def _differs(stands: Mapping[str, str], name: str, value: str) -> bool:
    return name not in stands or dellplan.normal(stands[name]) != dellplan.normal(value)


def _text(file: Path) -> str | None:
    return file.read_bytes().decode("utf-8", "surrogateescape") if file.is_file() else None


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

    def require_clean(self, terraform: Path | None) -> None:
        """Refuse a repository that is none, or holds what nobody has committed.

        TERRAFORM: a folder that may lie in it; what is changed there concerns no template (retire_terraform does so).
        """
        apart, here = [self.template.rendered], self.folder.resolve()
        if terraform and here in terraform.resolve().parents:
            apart.append(str(terraform.resolve().relative_to(here)))
        try:
            top = Path(self._git("rev-parse", "--show-toplevel").strip())
            left = self._git("status", "--porcelain", "--", ".", *(f":(exclude){each}" for each in apart)).splitlines()
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
