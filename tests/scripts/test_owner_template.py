"""Dell's Postfix from templates in git (``dell.owner = "template"``): the patch, its effect, the way back."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fixtures.lab.outages import CONTAINER_UP as UP
from fixtures.plan import templates
from fixtures.settings import load
from tests.scripts.owning import FILES, Owned, came_to, owned

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the lab needs root")
MAIN = "config/postfix/main.cf.tmpl"


@pytest.fixture(scope="module")
def dell() -> Iterator[Owned]:
    with owned("template") as made:
        yield made


@contextmanager
def committed(dell: Owned, file: str, text: str) -> Iterator[None]:
    """Meanwhile TEXT stands at the end of a file of the repository's, committed."""
    head = dell.git("rev-parse", "HEAD").strip()
    with (dell.repo / file).open("a", encoding="utf-8") as out:
        out.write(text)
    dell.git("commit", "-q", "-a", "-m", "a test")
    try:
        yield
    finally:
        dell.git("reset", "-q", "--hard", head)


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("render.sh", "exit 3\n", ["`sh render.sh` ended with 3"]),
        ("render.sh", "rm build/postfix/master.cf\n", ["left no build/postfix/master.cf"]),
        (MAIN, "biff no\n", ["no `name = value`"]),
        (MAIN, "mynetworks = @MAIL_NAME@\n", ["mynetworks stands twice"]),
        ("render.sh", "sed -i s/normalize/no/ build/postfix/main.cf\n", ["can't be patched safely"]),
        (MAIN, "header_checks = pcre:/etc/postfix/own\n", ["main.cf is not what", "renders now"]),
    ],
    ids=["fails", "leaves one out", "unparsable", "twice", "goes its own way", "not deployed"],
)
def test_it_is_refused_before_the_first_write(dell: Owned, file: str, text: str, words: list[str]) -> None:
    with committed(dell, file, text):
        dell.refused(*words)
        assert dell.git("branch", "--format=%(refname:short)").split() == ["main"]
        assert not dell.git("status", "--porcelain")


def test_what_hangs_is_ended_at_its_limit(dell: Owned) -> None:
    settings = dell.settings.read_text()
    dell.settings.write_text(settings.replace("limit_s = 60", "limit_s = 5"))
    try:
        with committed(dell, "render.sh", "sleep 600\n"):
            dell.refused("`sh render.sh` was not done in 5 s", "was ended")
    finally:
        dell.settings.write_text(settings)


def test_what_nobody_committed_is_refused(dell: Owned) -> None:
    (dell.repo / "config/postfix/new.cf").write_text("x\n")
    dell.refused("holds changes that are not committed (?? config/postfix/new.cf)")
    (dell.repo / "config/postfix/new.cf").unlink()
    dell.git("checkout", "-q", "--detach")
    dell.refused("is on no branch")
    dell.git("checkout", "-q", "main")


def test_what_terraform_has_there_is_its_own(dell: Owned) -> None:
    """retire_terraform cuts the gateway out of it, and leaves the commit to the operator."""
    main = dell.repo / "terraform/main.tf"
    before = main.read_text()
    main.write_text(before + "# edited\n")
    (dell.repo / "terraform/main.tf.bak").write_text("x\n")
    try:
        assert dell.plan()["digest"]
    finally:
        main.write_text(before)
        (dell.repo / "terraform/main.tf.bak").unlink()


def test_an_edit_on_dell_that_no_template_knows_is_refused(dell: Owned) -> None:
    dell.dell(f"echo 'header_checks = pcre:/etc/postfix/own' >>{FILES}/main.cf")
    dell.refused("Dell: main.cf is not what", "somebody edited it there")
    dell.dell(f"sed -i '$d' {FILES}/main.cf")


def test_the_patch_applies_anywhere_and_renders_as_planned(dell: Owned, tmp_path: Path) -> None:
    patch = next(str(each["after"]) for each in dell.plan()["writes"] if each["group"] == "the templates")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", dell.repo, clone], check=True)
    subprocess.run(["git", "apply", "--index"], cwd=clone, input=patch.encode(), check=True)
    changed = subprocess.run(["git", "diff", "--cached", "--name-only"], cwd=clone, check=True, capture_output=True)
    names = {Path(name).name for name in changed.stdout.decode().split()}
    tables = {f"mxgate-{each}" for each in ("admit.cidr", "aliases", "guests", "mailboxes")}
    assert names == {"main.cf.tmpl", "master.cf.tmpl"} | tables
    assert "@MAIL_NAME@" in (clone / MAIN).read_text()
    template = load(dell.settings).dell.template
    assert template
    rendered = templates.render(template, clone)
    assert "mydestination =\n" in rendered["main.cf"]
    assert "127.0.0.1:10025 inet" in rendered["master.cf"]
    assert "biff = no\n" in rendered["main.cf"]


def test_what_does_not_serve_is_left_and_what_was_is_deployed_again(dell: Owned) -> None:
    with committed(dell, MAIN, "smtpd_helo_restrictions = reject\n"):
        deployed(dell)
        before = dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf")
        came_to(dell.apply(dell.plan()["digest"]), 1, "heard 554", "what was rendered before is deployed again")
        assert dell.dell(f"sha256sum {FILES}/main.cf {FILES}/master.cf") == before
        assert dell.git("branch", "--format=%(refname:short)").split() == ["main"]
        dell.dell(UP)
    deployed(dell)


def test_a_deployment_that_fails_is_reported_with_its_reason(dell: Owned) -> None:
    with committed(dell, "deploy.sh", "echo no registry >&2\nexit 5\n"):
        words = "`sh deploy.sh` ended with 5", "no registry", "Going back failed too"
        came_to(dell.apply(dell.plan()["digest"]), 1, *words)
        assert dell.git("branch", "--show-current").strip() == "main"
    deployed(dell)


def test_it_is_prepared_judged_and_outlives_its_container(dell: Owned) -> None:
    came_to(dell.apply(dell.plan()["digest"]), 0)
    assert dell.git("log", "-1", "--format=%D %an").strip() == "HEAD -> mxgate mxgate"
    assert not dell.git("status", "--porcelain")
    dell.prepared()
    dell.turns_red("somebody edited what the templates own")
    dell.dell(f"sed -i 's/^biff = no/biff = yes/' {FILES}/main.cf")
    dell.refused("Dell: main.cf is not what")


def deployed(dell: Owned) -> None:
    done = dell.operator("sh", "-c", f"cd {dell.repo} && sh render.sh && sh deploy.sh")
    assert done.returncode == 0, done.stdout + done.stderr
    dell.dell(UP)
