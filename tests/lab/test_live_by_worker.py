"""The live path by an Email Worker, and a rehearsal of it: nobody reaches this Dell, and its operator has no lab."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fixtures.lab import plan
from fixtures.lab.faults.walk import keyword
from fixtures.lab.present import WAY_LOGIN, WAY_NAME
from fixtures.settings import load
from tests.lab.live import Live, living
from tests.lab.test_rehearse_own import rehearsed
from tests.labs import standing
from tests.scripts.test_feasibility import AS_BEFORE, CARRIER_NAT
from tests.scripts.test_init import unreadable

NAME = "tests-live-worker"
ROUTE = f'[route]\nkind = "worker"\nhost = "{WAY_NAME}"\nlogin = "{WAY_LOGIN}"\nunit = "{plan.WAY_UNIT}"\n'
SHUT = "The way outwards is supervised"
OWN = "own.toml"
DRILLS = "way_to_dell or over_its_quota"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A lab before phase 1, whose operator has one host elsewhere."""
    with standing(NAME, 4, month=True, route="worker") as lab, living(lab, tmp_path_factory.mktemp("operator")) as made:
        made.settle(made.vantage(f'ipv4 = "{plan.LAGGARD4}"', f'ipv6 = "{plan.LAGGARD6}"'))
        yield made


def test_what_init_writes(live: Live) -> None:
    """The Worker's login stands among Dovecot's users, and is no mailbox."""
    answers, made = live.folder / "answers.toml", live.folder / "by-init.toml"
    answers.write_text(unreadable(live.lab) + ROUTE, encoding="utf-8")
    done = live.python("-m", "scripts.init", "--answers", str(answers), "--config", str(made), "--defaults")
    assert done.returncode == 0, done.stdout + done.stderr
    settings = load(made)
    assert (settings.target, settings.by_worker, settings.deliveries) == ("live", True, ())
    assert settings.route == load(live.folder / "migration.toml").route


def test_rehearse_your_own(live: Live) -> None:
    """Dell as it is today, of which the settings name no public address."""
    text = (live.folder / "migration.toml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith(f'ipv4 = "{plan.DELL4}"')]
    (live.folder / OWN).write_text("\n".join(kept), encoding="utf-8")
    given = ["--config", str(live.folder / OWN), "--seed", "6", "--out", str(live.folder), "-k", DRILLS]
    done = rehearsed(NAME, [*given, "--world", "prepared"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "drills, all green" in done.stdout


def test_phase_1(live: Live) -> None:
    assert _whole(live, "phase1") >= {"W-3", "I-1", "I-2", "I-4", "I-5", "E-2"}
    for script in ("prepare_dell", "deploy_worker"):
        live.apply(script)


def test_the_doctor_asks_what_this_way_needs(live: Live) -> None:
    done = live.python("-m", "scripts.doctor", "--json")
    found = {each["question"]: each for each in json.loads(done.stdout)["findings"]}
    asked = ("rights", "the Worker's way", "login of the Worker")
    assert {found[each]["verdict"] for each in asked} == {"pass"}, found
    assert f"the login {WAY_LOGIN}" in found["login of the Worker"]["subject"]


def test_phase_2(live: Live) -> None:
    assert _whole(live, "phase2") >= {"W-1", "W-3", "W-4", "W-5", "W-6", "A-1", "A-3", "A-11", "A-13", "E-1"}


def test_its_certificate_opens_the_rows_of_drills(live: Live) -> None:
    asked = ["--config", str(live.folder / OWN), "--gate", "phase2", "-k", DRILLS]
    done = live.python("-m", "pytest", "features/", "-q", *asked, "--report", str(live.folder / "own.html"))
    assert done.stdout.count("OPEN") == 3, done.stdout[-3000:]


def test_without_a_public_address(live: Live) -> None:
    """The settings name none. What Dell has is found all the same; where it has none, strangers are claimed."""
    file = live.folder / "migration.toml"
    text = file.read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith((f'ipv4 = "{plan.DELL4}"', "ipv6 = "))]
    file.write_text("\n".join(kept), encoding="utf-8")
    (row,) = live.judge("phase2", keyword(SHUT))
    assert row["verdict"] == "fail"
    assert f"Dell's public addresses: expected none, as in the settings, found {plan.DELL4}" in row["error"]
    six = f"ip -6 addr del {plan.DELL6}/128 dev eth0"
    made_again = f"systemctl restart {plan.WAY_UNIT}"  # from an address that is gone it would hang for a while
    assert live.lab.exec("dell", ["bash", "-c", f"{CARRIER_NAT}{six}\n{made_again}"]).returncode == 0
    asked, until = (
        f"{keyword(SHUT)} or ({keyword('may not deliver here')} and strangers) or outsiders",
        time.monotonic() + 40,
    )
    red = [("not judged", "")]
    try:
        while red and time.monotonic() < until:  # the way may take some tries
            time.sleep(1)
            rows = live.judge("phase2", asked)
            red = [(each["name"], each["error"]) for each in rows if each["verdict"] not in {"pass", "n/a"}]
    finally:
        live.lab.exec("dell", ["bash", "-c", AS_BEFORE])
    assert red == []
    assert sum(each["verdict"] == "pass" for each in rows) >= 6


def _whole(live: Live, gate: str) -> set[str]:
    """What holds. What breaks things rests on a certificate, which this operator hasn't; nothing else is open."""
    rows = live.judge(gate)
    assert [(row["name"], row["error"]) for row in rows if not (_opens(row) or _of_a_certificate(row))] == []
    return {each for row in rows if row["verdict"] == "pass" for each in row["ids"]}


def _opens(row: dict[str, Any]) -> bool:
    return row["verdict"] in {"pass", "n/a"}


def _of_a_certificate(row: dict[str, Any]) -> bool:
    return row["verdict"] == "inconclusive" and "drill certificate" in row["error"]
