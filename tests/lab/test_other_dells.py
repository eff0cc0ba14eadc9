"""Gates and drills on the Dells that others have: Debian 12 with a database, and a container that renders main.cf."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.lab.present import FAMILY, FAMILY_MAILBOX
from fixtures.lab.world import Lab
from tests.conftest import features
from tests.labs import carry, standing

DEBIAN_12, RENDERED = "debian-12", "rendered"
ARRIVED = "for _ in {1..100}; do ls /srv/vmail/%s/Maildir/new/* && exit; sleep .1; done; exit 1"


@pytest.fixture(scope="module", params=[DEBIAN_12, RENDERED])
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab with such a Dell before phase 2."""
    # What a container prints can't be dated back: that Dell has no month of mail.
    month = request.param == DEBIAN_12
    with standing(f"tests-{request.param}", 5, "phase2", dell=request.param, month=month) as made:
        yield made


def test_phase_2_opens(lab: Lab) -> None:
    opens(lab, "phase2")


def test_mail_for_the_other_domain_still_arrives(lab: Lab) -> None:
    if lab.dell != DEBIAN_12:
        pytest.skip("only that Dell has one")
    aunt = f"{FAMILY_MAILBOX}@{FAMILY}"
    send = f"printf 'Subject: tea\\n\\n' | sendmail -f alice@webmakeprofit.org {aunt}; {ARRIVED % aunt}"
    done = lab.exec("dell", ["bash", "-c", send])
    assert done.returncode == 0, done.stdout + done.stderr


def test_drills_hold(lab: Lab) -> None:
    """On a host all but the ways back, and what Dovecot 2.3 can't do: its quota-status is asked at RCPT only, so that a
    message too large which nobody has announced waits in the queue. Of the rendered container, what it may undo.
    """
    all_but = ["--ignore=features/rollback", "-k", "not does_not_fit"]
    which = all_but if lab.dell == DEBIAN_12 else ["-k", "in_a_new_container"]
    done = features("--drill", "--lab", lab.name, *which)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]


def test_phase_3_opens(lab: Lab) -> None:
    carry(lab.name, "phase3", "phase2")
    opens(lab, "phase3", *(() if lab.dell == DEBIAN_12 else ("-k", "not every_address_that_takes_mail")))


def opens(lab: Lab, gate: str, *which: str) -> None:
    done = features("--gate", gate, "--lab", lab.name, "-m", "not drill", *which)
    said = done.stdout + done.stderr
    assert "OPEN" in said, said[-6000:]
    assert "CLOSED" not in said, said[-6000:]
