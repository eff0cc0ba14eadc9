"""What a report says of the past happened: nothing that was only planned, and nothing that a drill did."""

import time
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.gates.drift import accepted
from fixtures.gates.drills import OVERRIDE
from fixtures.ledger import closed_losses
from fixtures.plan.gates import Gate
from fixtures.report import history
from fixtures.settings import ClockSettings
from tests.conftest import migration_in

PILOT, OTHER = "pilot.example.net", "webmakeprofit.org"


class Past:
    """A store in which scripts leave what they leave."""

    def __init__(self, folder: Path) -> None:
        self.migration = migration_in(folder, clock=ClockSettings())
        self.store, self.number = self.migration.store, 0

    def apply(self, script: str, subject: str, reason: str = "", domain: str = PILOT, *, killed: bool = False) -> None:
        """As ``change`` does. KILLED: after its last write."""
        self.number += 1
        run = f"run {self.number}"
        if reason:
            self.store.record("override", domain, script=script, reason=reason)
        self.store.record("run", domain, script=script, run=run, plan="abc", before="")
        began = time.time()
        self.store.log(script, domain, run, subject, "before")
        if script == "switch_mx":
            self.store.record("switch", domain, began=began, ended=began, real_began=began, real_ended=began)
        self.store.log(script, domain, run, subject, "after")
        if not killed:
            self.store.record("done", domain, script=script, plan="abc")
            self.store.record("run", domain, script=script, run=run, plan="abc", before="", after="")

    def judge(self, gate: Gate, domain: str, *, verdict: str = "pass", **judged: Verdict) -> None:
        """JUDGED: expectations as ``A_1``."""
        bound = dict.fromkeys(("target", "settings", "suite", "present", "run"), "")
        body = {"judged": {key.replace("_", "-"): str(found) for key, found in judged.items()}}
        self.store.put_verdict(gate=gate, domain=domain, verdict=verdict, body=body, **bound)

    def marks(self) -> list[str]:
        return [each.label for each in sorted(history.marks(self.migration), key=lambda each: each.real_at)]


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_what_was_only_planned_or_done_already_is_no_event(past: Past) -> None:
    past.apply("switch_mx", f"{PILOT} MX")
    for script in ("rollback", "switch_mx", "stop_ec2"):  # --as-shell, or --apply, where nothing is to be done
        past.store.record("done", PILOT, script=script, plan="")
    assert past.marks() == [f"{PILOT} switched"]


def test_there_and_back_and_the_stop(past: Past) -> None:
    past.apply("switch_mx", f"{PILOT} MX")
    past.apply("rollback", f"{PILOT} MX, EC2's added")
    past.apply("rollback", f"{PILOT} TXT")  # --clean-up, later
    past.apply("switch_mx", f"{PILOT} MX", killed=True)
    past.apply("stop_ec2", "i-1", domain="")
    assert past.marks() == [f"{PILOT} switched", f"{PILOT} rolled back", f"{PILOT} switched", "EC2 stopped"]


def test_drills_leave_no_event(past: Past) -> None:
    past.apply("switch_mx", f"{PILOT} MX", OVERRIDE)
    past.apply("rollback", f"{PILOT} MX, EC2's added", OVERRIDE)
    past.apply("stop_ec2", "i-1", OVERRIDE, domain="")
    past.apply("switch_mx", f"{PILOT} MX", "the operator is in a hurry")
    past.apply("rollback", f"{PILOT} MX, EC2's added")
    assert past.marks() == [f"{PILOT} switched", f"{PILOT} rolled back"]


def test_what_a_person_accepted_or_closed_is_answered_for(past: Past) -> None:
    body = {"reason": "kept for the auditors", "who": "op on host", accepted.NAMED: ["always_bcc", "SPF"]}
    accepted.keep(past.migration, accepted.PERSON, {}, **body)
    accepted.keep(past.migration, "prepare_dell", {})
    closed_losses.close(past.store, "<1@mxgate>", "sent once more by its author", "op on host")
    found = list(history.let_through(past.migration))
    assert len(found) == 2
    assert found[0].startswith("<1@mxgate>: lost, closed by op on host, "), "the first page has no room for all"
    assert found[1].startswith("always_bcc; SPF: accepted by op on host, ")
    assert found[1].endswith(": kept for the auditors")


def test_each_expectation_is_as_a_gate_judged_it_last(past: Past) -> None:
    """For each domain, and the worst of them; what the whole migration's gate judged is newer than what each one's did.

    What was voided is no word.
    """
    good, bad = Verdict.PASS, Verdict.FAIL
    past.judge(Gate.PHASE1, "", N_1=good, I_3=good)
    past.judge(Gate.PHASE2, PILOT, A_2=bad, N_2=bad, I_9=good)
    past.judge(Gate.PHASE3, PILOT, A_2=good, N_2=good)
    past.judge(Gate.PHASE2, OTHER, N_2=bad)
    past.judge(Gate.PHASE3, OTHER, A_2=bad)
    past.judge(Gate.PHASE4, "", A_2=good)
    past.store.void_verdict(Gate.PHASE1, "")
    assert history.judged(past.migration) == {
        "N-2": ("phase2", bad), "I-9": ("phase2", good), "A-2": ("phase4", good)
    }  # fmt: skip


def test_who_has_passed_the_last_gate_stands_before_none(past: Past) -> None:
    def gates() -> set[str]:
        return {each.gate for each in history.standings(past.migration)}

    assert gates() == {"phase1"}
    for verdict, found in (("fail", {"phase1"}), ("pass", {""})):
        past.judge(Gate.SIGNOFF, "", verdict=verdict)
        assert gates() == found
