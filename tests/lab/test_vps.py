"""To sign-off without AWS, Terraform and SendGrid: an old VPS, another relay host, and two MX of which one stays.

Its Dell is Debian 12 (Postfix 3.7, Dovecot 2.3), with a family's domain in a MySQL map, which nobody moves. At each
gate from phase 3 on the faults of such a world are planted first; then it opens. Its second lab's Dell is Debian 13.
"""

from contextlib import closing

import pytest

from fixtures.lab.faults import catalogue
from fixtures.lab.faults.walk import Walk, keyword, seldom
from fixtures.lab.present import BACKUP_NAME, FAMILY, FAMILY_MAILBOX, MX_NAME, PILOT
from fixtures.lab.world import Lab
from fixtures.plan.gates import Gate
from fixtures.store import Store
from tests.conftest import until
from tests.faults.seeing import wrongly_seen
from tests.labs import as_operator, on, resettle, shared, standing

lab = shared("tests-vps", 18, month=True, dell="debian-12", gateway="vps")
_RESTARTS = """\
import json
from fixtures.lab.rehearsal import run_script
print(json.dumps(run_script("restart_ec2", (), "a test of the lab's person").writes))
"""
_FAULTS = [fault for fault in catalogue() if fault.gateway == "vps"]
_WAY_BACK = """\
import io, json
from contextlib import redirect_stdout
from scripts import rollback
with redirect_stdout(io.StringIO()) as said:
    status = rollback.main(["--domain", "pilot.example.net", "--json"])
print(json.dumps([status, json.loads(said.getvalue())["writes"][0]]))
"""


@pytest.fixture(scope="module")
def walk(lab: Lab) -> Walk:
    seldom(lab)
    return Walk(lab)


def test_a_person_stops_and_starts_it_when_asked(lab: Lab) -> None:
    assert as_operator(lab.name, _RESTARTS, timeout_s=300) == 2
    assert lab.power("ec2") == "on"


def test_before_any_domain_is_ready_all_is_well(lab: Lab, walk: Walk) -> None:
    _sees_and_opens(walk, Gate.PHASE2)
    _serves_the_family(lab)


@pytest.mark.parametrize("gate", [Gate.PHASE3, Gate.PHASE4, Gate.DELETION])
def test_a_gate_sees_what_is_wrong_and_opens(walk: Walk, gate: Gate) -> None:
    _sees_and_opens(walk, gate)


def test_a_way_back_asks_a_person_to_start_it(lab: Lab) -> None:
    assert lab.power("ec2") == "off"
    status, first = as_operator(lab.name, _WAY_BACK, timeout_s=300)
    assert status == 3
    assert (first["subject"], first["before"], first["after"]) == (
        f"port 25 of {MX_NAME} (203.0.113.20)",
        "silent",
        "accepts mail",
    )


def test_it_ends_as_a_person_has_deleted_it(lab: Lab, walk: Walk) -> None:
    _sees_and_opens(walk, Gate.SIGNOFF)
    _serves_the_family(lab)


def _serves_the_family(lab: Lab) -> None:
    """Mail to the domain that Debian 12's Dell has in MariaDB, and nobody moves, comes to its mailbox."""
    box = f"{FAMILY_MAILBOX}@{FAMILY}"

    def stored() -> int:
        return int(lab.exec("dell", ["sh", "-c", f"ls /srv/vmail/{box}/Maildir/new | wc -l"]).stdout or 0)

    before = stored()
    on(lab, "dell", f"printf 'Subject: tea\\n\\n' | sendmail -f alice@webmakeprofit.org {box}")
    until(lambda: stored() != before, "a new message", 20)
    assert stored() == before + 1


def _sees_and_opens(walk: Walk, gate: Gate) -> None:
    walk.to(gate)
    mine = [fault for fault in _FAULTS if fault.at is gate]
    assert mine or gate in {Gate.PHASE2, Gate.DELETION}
    wrong = wrongly_seen(walk, mine)
    assert not wrong, "\n".join(wrong)
    judged = walk.judge(gate)
    assert judged.status == 0, judged.output[-8000:]


def test_a_way_back_had_put_both_mx_back(lab: Lab) -> None:
    with closing(Store(f"sqlite:///{lab.folder}/operator/store.sqlite", lab.clock)) as store:
        rows = [row for row in store.journaled("rollback", PILOT) if row["phase"] == "after"]
    assert rows[-1]["body"]["found"] == f"10 {MX_NAME} (TTL 300)\n20 {BACKUP_NAME} (TTL 300)"


def test_a_second_mx_that_goes_is_shut_out_in_the_end() -> None:
    """The same world, where it doesn't stay: X-6 holds to the end, and sees it where it is still admitted then."""
    admitted, only_staying = "Dell admits a backup MX as long", "In the end Dell admits only a backup MX that stays"
    with standing("tests-vps-goes", 19, month=True, gateway="vps") as lab:
        resettle(lab, ("stays = true", "stays = false"))
        walk = Walk(lab, quiet=True)
        for gate, scenario in ((Gate.PHASE3, admitted), (Gate.DELETION, admitted), (Gate.SIGNOFF, only_staying)):
            walk.to(gate)
            (row,) = walk.judge(gate, keyword(scenario)).rows
            assert (row.ids, row.verdict) == (("X-6",), "pass"), row
        judged = walk.judge(Gate.SIGNOFF)
        assert [row.ids for row in judged.red] == [("C-7",)], judged.output[-8000:]  # which wants numbered mail
        on(lab, "dell", "echo '203.0.113.82 OK' >>/etc/postfix/mxgate-admit.cidr; postfix reload")
        (row,) = walk.judge(Gate.SIGNOFF, keyword(only_staying)).rows
        assert row.verdict == "fail"
        assert "203.0.113.82: expected no entry in" in row.message, row.message
