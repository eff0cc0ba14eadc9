"""With real mail: an alarm arrives while mail is down, and nobody's mail is cleaned away with ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fixtures.lab.operator import environment
from fixtures.lab.world import Lab
from tests.labs import as_operator, standing

NAME = "tests-alarms"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """As it is before anything was changed."""
    with standing(NAME, 5, month=True) as made:
        yield made


def test_the_operators_own_secrets_stay_outside(tmp_path: Path) -> None:
    """Above all a live store, into which a lab would write."""
    (tmp_path / "operator").mkdir()
    (tmp_path / "operator/secrets.json").write_text('{"cloudflare_token": "of the lab"}', encoding="ascii")
    live = {"MXGATE_STORE_URL": "live", "MXGATE_ALARM_URLS_FILE": "live", "CREDENTIALS_DIRECTORY": "live", "LANG": "C"}
    made = environment(tmp_path, "a-lab", live | {"MXGATE_CLOUDFLARE_TOKEN": "live"})
    assert "live" not in made.values()
    assert (made["MXGATE_CLOUDFLARE_TOKEN"], made["LANG"]) == ("of the lab", "C")


def test_an_alarm_arrives_while_mail_is_down(lab: Lab) -> None:
    told = as_operator(lab.name, "from tests.lab.mail_down import main; main()")
    assert [told["up"][0], told["down"][0]] == [0, 0]
    assert "Dell's port 25 answers" in told["up"][1]
    assert "Dell's port 25 does not answer" in told["down"][1]
    titles = [title for _, title, _ in told["got"] if title]
    numbers = [said.split(":")[0].removeprefix("drill ") for _, said in (told["up"], told["down"])]
    assert titles == [f"mxgate: DRILL {number}" for number in numbers]
    assert [path for path, _, _ in told["got"]] == ["/", "/ping"] * 2


def test_only_our_own_mail_is_cleaned(lab: Lab) -> None:
    told = as_operator(lab.name, "from tests.lab.cleaning import main; main()")
    assert (told["planned"], told["refused"], told["applied"], told["again"]) == (3, 1, 0, 0)
    assert told["untouched"] > 30  # what is refused deletes nothing
    assert all(write["danger"] == "deletes" for write in told["writes"])
    assert len(told["planted"]) == 11
    assert told["survived"] == told["planted"]
    assert told["others lost"] == []
    assert told["fresh left"] == 10  # of a run that may still be going on
    bearing_its_run = 8  # the look-alikes, and the copy that lies in another mailbox
    assert told["old left"] == bearing_its_run
    assert "nothing to do" in told["said"]
