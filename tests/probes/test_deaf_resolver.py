"""A resolver that gives no answer refuses nothing, and makes no row fail: nobody could look there."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.dns.dnssec import Chain, judged_resolvers
from fixtures.probes.dns.mta_sts import Published, judged_sound
from fixtures.probes.dns.queries import Answer
from fixtures.probes.logs.message_trace import Trace
from fixtures.probes.mailbox.delivery import Delivery
from tests.judges import ABSENT, CACHE, FAIL, LOOK, PASS, SILENT, UNKNOWN, answer

NONE, DEAF = answer(server=CACHE), answer(server=CACHE, error=SILENT, rcode="")
VOUCHED, FOUND = (answer("10 mx.", server=CACHE, dnssec=each) for each in (True, False))


@pytest.mark.parametrize(
    ("checked", "unchecked", "verdict"),
    [
        (answer(server=CACHE, error="SERVFAIL", rcode="SERVFAIL"), FOUND, FAIL),
        (DEAF, FOUND, UNKNOWN),
        (DEAF, DEAF, UNKNOWN),
        (VOUCHED, FOUND, PASS),
        (FOUND, FOUND, FAIL),
    ],
)
def test_of_a_signed_zone_only_a_refusal_fails(checked: Answer, unchecked: Answer, verdict: Verdict) -> None:
    chain = Chain("example.net", (VOUCHED,), ("ds",), (), (checked,), (unchecked,))
    assert [each.verdict for each in judged_resolvers(chain)] == [verdict]


@pytest.mark.parametrize(("answers", "verdicts"), [((NONE, NONE), [ABSENT]), ((NONE, DEAF), [UNKNOWN, ABSENT])])
def test_a_domain_without_a_policy(answers: tuple[Answer, ...], verdicts: list[Verdict]) -> None:
    found = judged_sound(Published("example.net", answers, None, "no record", False, LOOK), wanted=False)
    assert [each.verdict for each in found] == verdicts


MX = "Name service error for name=pilot.example.net type=MX"


@pytest.mark.parametrize(
    ("says", "verdict"),
    [
        (f"sender 192.0.2.1 04 from 192.0.2.2: deferred 4.4.3 ({MX}: Host not found, try again)", UNKNOWN),
        (f"sender 192.0.2.1 042 from 192.0.2.2: bounced 5.4.4 ({MX}: Host not found)", FAIL),
        ("EC2 9E0279 from 203.0.113.200: deferred 4.4.1 (connect to 100.64.10.2: Connection refused)", FAIL),
        ("", FAIL),
    ],
)
def test_a_sender_whose_resolver_is_silent(says: str, verdict: Verdict) -> None:
    sent: Any = SimpleNamespace(message=None, recipient="", address=SimpleNamespace(mailbox="carol"))
    search: Any = SimpleNamespace(waited_s=60.0)
    found = Delivery(sent, (), search, "", Trace(says, "", ())).missing("carol", "in the mailbox", ())
    assert found.verdict is verdict
