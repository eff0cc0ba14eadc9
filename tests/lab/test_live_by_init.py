"""The live path of an operator with settings by ``init``, and whose Postfix runs in a container.

The container has its configuration from its operator by hand, or from templates in git.
"""

from collections.abc import Iterator

import pytest

from fixtures.lab import plan
from fixtures.lab.faults.walk import keyword
from tests.lab.live import Live, living
from tests.labs import standing
from tests.scripts.test_init import unreadable

PREFIXES, STRANGERS, SEEN = "The ends and a sample of each prefix", "may not deliver here", "Dell's log names"


OWNERS = {"container": "docker", "template": "template"}
"""By kind of Dell."""
TEMPLATE = """\
owner = "template"
[dell.template]
repo = "{operator}/services/mailserver"
main_cf = "config/postfix/main.cf.tmpl"
master_cf = "config/postfix/master.cf.tmpl"
rendered = "build/postfix"
render = ["sh", "render.sh"]
deploy = ["sh", "deploy.sh"]
[ec2]
"""


@pytest.fixture(scope="module", params=OWNERS)
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A lab before phase 1, with Postfix in a container of Dell's."""
    folder = tmp_path_factory.mktemp("operator")
    with standing(f"tests-init-{request.param}", 5, dell=request.param) as lab, living(lab, folder) as made:
        yield made


def test_settings_are_written(live: Live, request: pytest.FixtureRequest) -> None:
    """Dell's container is named; a log that only begins there can't tell EC2's address; the rest is read."""
    kind = request.node.callspec.params["live"]
    answers_text = unreadable(live.lab)
    if kind == "template":
        answers_text = answers_text.replace("[ec2]\n", TEMPLATE.format(operator=live.lab.folder / "operator"))
    for old, new in (
        (f"{live.lab.folder}/operator/by-init", f"{live.folder}/store"),
        ("[dell]\n", '[dell]\ntls_chain_file = "/etc/ssl/dell.pem"\n'),
        (f'host = "{plan.DELL_TAILNET}"', f'host = "{plan.DELL_TAILNET}", container = "postfix", engine = "podman"'),
        ("[ec2]\n", f'[ec2]\nseen_by_dell_as = "{plan.EC2_TAILNET}"\n'),
    ):
        assert old in answers_text
        answers_text = answers_text.replace(old, new)
    answers = live.folder / "answers.toml"
    answers.write_text(answers_text + live.vantage(f'ipv4 = "{plan.LAGGARD4}"'), encoding="utf-8")
    done = live.python("-m", "scripts.init", "--answers", str(answers), "--defaults")
    assert done.returncode == 0, done.stdout + done.stderr
    made = (live.folder / "migration.toml").read_text(encoding="utf-8")
    for line in (
        'target = "live"',
        f'owner = "{OWNERS[kind]}"',
        'log = "container"',
        'mailboxes = ["alice", "bob", "office"',
    ):
        assert line in made


def test_admission_is_judged_within_the_container(live: Live) -> None:
    for script in ("publish_delivery", "prepare_dell"):
        live.apply(script)
    rows = live.judge("phase2", " or ".join(map(keyword, (PREFIXES, "EC2 is admitted", STRANGERS, SEEN))))
    assert [(row["name"], row["error"]) for row in rows if row["verdict"] != "pass"] == []
    assert sorted(row["ids"][0] for row in rows) == ["A-18", "A-2", "A-3", "A-3", "A-3", "A-4"]


def test_a_prefix_that_is_cut_in_half_is_seen_there(live: Live) -> None:
    cut = "sed -i 's|104.30.0.0/19|104.30.0.0/20|' /etc/postfix/mxgate-admit.cidr && postfix reload"
    assert live.lab.exec("dell", ["podman", "exec", "postfix", "sh", "-c", cut]).returncode == 0
    (row,) = live.judge("phase2", keyword(PREFIXES))
    assert row["verdict"] == "fail"
    assert "104.30.31.255 (claimed by XCLIENT on loopback, not seen on the wire)" in row["error"]
