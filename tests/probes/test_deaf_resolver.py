"""One resolver that gives no answer makes no row fail: nobody could look there."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.probes.dns.mta_sts import Published, judged_sound
from fixtures.probes.dns.queries import Answer, Server
from fixtures.probes.logs.message_trace import Trace
from fixtures.probes.mailbox.delivery import Delivery

SEEN = Evidence("it", "an answer")
DEAF = "no answer (Timeout: nothing said)"


def answer(error: str = "") -> Answer:
    return Answer(Server("plain", "9.9.9.9"), "_mta-sts.example.net", "TXT", (), None, "", (), error, SEEN)


@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [((answer(), answer()), [Verdict.ABSENT]), ((answer(), answer(DEAF)), [Verdict.INCONCLUSIVE, Verdict.ABSENT])],
)
def test_a_domain_without_a_policy(answers: tuple[Answer, ...], verdicts: list[Verdict]) -> None:
    found = judged_sound(Published("example.net", answers, None, "no record", False, SEEN), wanted=False)
    assert [each.verdict for each in found] == verdicts


MX = "Name service error for name=pilot.example.net type=MX"


@pytest.mark.parametrize(
    ("says", "verdict"),
    [
        (f"sender 192.0.2.1 04 from 192.0.2.2: deferred 4.4.3 ({MX}: Host not found, try again)", Verdict.INCONCLUSIVE),
        (f"sender 192.0.2.1 042 from 192.0.2.2: bounced 5.4.4 ({MX}: Host not found)", Verdict.FAIL),
        ("EC2 9E0279 from 203.0.113.200: deferred 4.4.1 (connect to 100.64.10.2: Connection refused)", Verdict.FAIL),
        ("", Verdict.FAIL),
    ],
)
def test_a_sender_whose_resolver_is_silent(says: str, verdict: Verdict) -> None:
    sent: Any = SimpleNamespace(message=None, recipient="", address=SimpleNamespace(mailbox="carol"))
    search: Any = SimpleNamespace(waited_s=60.0)
    found = Delivery(sent, (), search, "", Trace(says, "", ())).missing("carol", "in the mailbox", ())
    assert found.verdict is verdict
