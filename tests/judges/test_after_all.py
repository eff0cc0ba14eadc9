"""N-12: what is left in DNS when all is over."""

# ruff: noqa: E501 - tables of cases read better unbroken

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.probes.aws.references import Sought
from fixtures.probes.cloudflare.api import Record, Records, Zone
from fixtures.probes.dns import after_all
from fixtures.probes.dns.queries import Answer
from tests.judges import DOMAIN, FAIL, LOOK, NS, PASS, SILENT, UNKNOWN, all_say, answer, says


@pytest.mark.parametrize(
    ("it", "verdict", "found"),
    [
        (answer("x", ttl=3600), PASS, "3600 s"),
        (answer("x", ttl=3599), FAIL, "3599 s. restore_ttl gives the records of mail their lifetime back"),
        (answer("x", ttl=0), FAIL, "0 s. restore_ttl gives the records of mail their lifetime back"),
        (answer(ttl=None), UNKNOWN, "what came"),
        (answer(error=SILENT), UNKNOWN, SILENT),
    ],
)
def test_a_lifetime(it: Answer, verdict: Verdict, found: str) -> None:
    kept = after_all.Lifetime(DOMAIN, DOMAIN, "MX", 3600, "before", ours=True, answers=(it,))
    expected = f"{DOMAIN} MX at {NS}: expected may be kept for 3600 s, as before, found "
    assert all_say(after_all.judged_lifetime(kept)) == [(verdict, expected + found)]


SETTINGS = settings_without_a_lab()


def test_records_that_lead_to_ec2() -> None:
    def zone(*records: Record) -> Records:
        return Records(Zone("z", DOMAIN, "active", (), "a"), records, LOOK)

    other, old = Record("A", DOMAIN, "192.0.2.250", 300), Record("A", "old.a.example", str(SETTINGS.ec2.ipv4), 300)
    said = f"{DOMAIN}: expected no record that leads to EC2, found none of 1 records"
    assert all_say(after_all.judged_records(DOMAIN, zone(other), Sought.now(SETTINGS))) == [(PASS, said)]
    (led,) = after_all.judged_records(DOMAIN, zone(other, old), Sought.now(SETTINGS))
    assert (led.verdict, led.member, led.expected) == (FAIL, "old.a.example A", "no record that leads to EC2")
    assert led.found.startswith(f"{SETTINGS.ec2.ipv4}: ")
    assert (led.hint, led.domain) == ("Delete it, or let it lead to where it should now", DOMAIN)
    assert led.evidence == (LOOK,)


@pytest.mark.parametrize(
    ("rrset", "error", "verdict", "found"),
    [
        ((), "", PASS, "what came"),
        (("192.0.2.250",), "", PASS, "what came"),
        ((str(SETTINGS.ec2.ipv4),), "", FAIL, "what came. retire_ec2_access deletes it; a cache gives it until its TTL is over"),
        (("192.0.2.250", str(SETTINGS.ec2.ipv4)), "", FAIL, "what came. retire_ec2_access deletes it; a cache gives it until its TTL is over"),
        ((), SILENT, UNKNOWN, SILENT),
    ],
)  # fmt: skip
def test_ec2s_name(rrset: tuple[str, ...], error: str, verdict: Verdict, found: str) -> None:
    judged = says(after_all.judged_name(answer(*rrset, error=error, type="A"), SETTINGS), "")
    assert judged == (verdict, f"{DOMAIN} A at {NS}: expected no address, found {found}")
