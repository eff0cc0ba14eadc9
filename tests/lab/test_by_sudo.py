"""Dell and EC2 by SSH as a user who is not root: with sudo, and no more than README.md asks for."""

import re
from collections.abc import Iterator

import pytest

from fixtures.lab.files import SCOPES
from fixtures.lab.world import Lab
from tests.labs import applied, on, operator, standing
from tests.reading import ROOT
from tests.warm import features

NAME = "tests-sudo"
RULE = "mxgate ALL=(root) NOPASSWD: ALL"
USER = f"""\
useradd --create-home --password '*' mxgate
chmod 644 /etc/ssh/lab_authorized_keys
echo '{RULE}' | install -m 440 /dev/stdin /etc/sudoers.d/mxgate
visudo --check --quiet
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """One whose operator reaches Dell and EC2 as mxgate, who is nobody without sudo."""
    with standing(NAME, seed=6, month=True) as made:
        for host in ("dell", "ec2"):
            on(made, host, USER)
        settings = made.folder / "operator/migration.toml"
        theirs, text = r'(?ms)(^\[(?:dell|ec2)\]$.*?^transport = [^\n]*)user = "root",', settings.read_text("utf-8")
        text, hosts = re.subn(theirs, r'\g<1>user = "mxgate", prefix = ["sudo", "-n"],', text)
        assert hosts == 2
        settings.write_text(text, "utf-8")
        yield made


def judged(gate: str, *options: str) -> str:
    done = features("--lab", NAME, "--gate", gate, *options)
    return done.stdout + done.stderr


def held(said: str) -> None:
    assert " passed" in said, said[-3000:]
    assert not re.search(r"\d (failed|inconclusive)", said), said[-5000:]


def test_the_user_is_nobody_without_sudo(lab: Lab) -> None:
    done = lab.exec("dell", ["runuser", "-u", "mxgate", "--", "cat", "/etc/postfix/sasl_passwd"])
    assert "Permission denied" in done.stderr


def test_what_the_runbook_does_first_works(lab: Lab) -> None:
    """Phase 1 is judged but for its drills, Dell is prepared, and stands as planned."""
    assert lab
    held(judged("phase1", "-k", "not relay"))
    for script in ("publish_delivery", "prepare_dell"):
        applied(NAME, script, "--override", "a test in the lab")
    held(judged("phase2", "-k", "parameter_of_the_plan_and or only_root or inbound or strangers or submission_ports"))


def test_a_user_without_the_rule_hears_so(lab: Lab) -> None:
    assert lab.exec("dell", ["rm", "/etc/sudoers.d/mxgate"]).returncode == 0
    done = operator(NAME, "-m", "scripts.prepare_dell")
    assert done.returncode == 1
    assert "sudo" in done.stderr
    assert "Traceback" not in done.stderr


PERMISSIONS = dict(
    line.split(" = ")
    for line in """\
zone:read = Zone Read
dns:read = DNS Read
dns:edit = DNS Edit
analytics:read = Analytics Read
zone_settings:read = Zone Settings Read
zone_settings:edit = Zone Settings Edit
rules:read = Email Routing Rules Read
rules:edit = Email Routing Rules Edit
addresses:read = Email Routing Addresses Read
addresses:edit = Email Routing Addresses Edit
user:read = User Details Read
members:read = Account Settings Read""".splitlines()
)
"""The lab's scope for each of Cloudflare's permissions, as its dashboard names them."""


def test_the_page_asks_for_what_the_lab_grants() -> None:
    assert set(SCOPES["cloudflare_token"].split()) == set(PERMISSIONS)
    text = " ".join((ROOT / "fixtures/settings/README.md").read_text(encoding="utf-8").split())
    row = text[text.index("| `MXGATE_CLOUDFLARE_TOKEN` |") :].partition("| `MXGATE_MAILBOX_PASSWORD`")[0]
    assert [each for each in PERMISSIONS.values() if each not in row] == []
    assert f"`{RULE}`" in text
