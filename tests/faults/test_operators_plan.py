"""The operator's own planned commands, run on Dell: the phase2 gate is closed each time, and says why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.plan.gates import Gate
from tests.faults.conftest import Walk, keyword

PLAN = Path(__file__).parents[2] / "fixtures/lab/faults/operators_plan.sh"
DELL, EC2 = "dell.webmakeprofit.org", "mail.webmakeprofit.org"
TYPED = [
    pytest.param(
        "lines", DELL, [r"Email Routing 104.30.", "refused", "-e, -X, or -# accepts no multi-line input"], id="X1"
    ),
    pytest.param(
        "one",
        DELL,
        [
            "Email Routing 104.30.0.0: expected the recipient accepted (250), found 554 5.7.1",  # X2
            "plain from Cloudflare's web proxie 104.16.0.7: expected refused with 5xx at RCPT, found 250",  # X3
        ],
        id="X2-X3",
    ),
    pytest.param("one", EC2, ["loops back to myself"], id="X11"),
]
"""Ranges, myhostname, and what a gate or the shell says; the ids are those of the plan's errors."""
PUT_BACK = """\
find /etc/postfix -mindepth 1 -delete
cp -a /run/as-it-was/. /etc/postfix/
postsuper -d ALL
postfix stop
postfix start
"""


@pytest.fixture
def today(walk: Walk) -> Iterator[Walk]:
    """The lab before phase 1, with Dell's Postfix put back afterwards."""
    assert walk.at is Gate.PHASE1
    kept = walk.lab.exec("dell", ["cp", "-a", "/etc/postfix", "/run/as-it-was"])
    assert kept.returncode == 0, kept.stderr
    yield walk
    back = walk.lab.exec("dell", ["bash", "-ec", PUT_BACK + "rm -r /run/as-it-was"])
    assert back.returncode == 0, back.stdout + back.stderr


@pytest.mark.parametrize(("ranges", "myhostname", "reasons"), TYPED)
def test_the_plan_as_typed_closes_phase2(today: Walk, ranges: str, myhostname: str, reasons: list[str]) -> None:
    typed = PLAN.read_text().replace("$RANGES", ranges).replace("$MYHOSTNAME", myhostname)
    done = today.lab.exec("dell", ["bash", "-c", typed])
    # Relaying is a drill: it is tried apart from the gate, which reads its record.
    drilled = today.judge(None, keyword("can't relay")) if any("web proxie" in reason for reason in reasons) else None
    told = today.judge(Gate.PHASE2)
    assert told.status == 1, told.output[-4000:]
    assert "CLOSED: phase2" in told.output
    whole = done.stdout + done.stderr + told.output + (drilled.output if drilled else "")
    for reason in reasons:
        assert reason in whole, f"no word of {reason!r} in:\n{told.output[-6000:]}"
