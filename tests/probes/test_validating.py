"""A resolver that says nothing refuses nothing: its silence never makes a signed zone fail."""

import pytest

from fixtures.evidence import Evidence, Verdict
from fixtures.probes.dns.dnssec import Chain, judged_resolvers
from fixtures.probes.dns.queries import Answer, Server

SERVER = Server("plain", "9.9.9.9")
SEEN = Evidence("MX", "an answer")


def answer(rcode: str, error: str = "", *, vouched: bool = False) -> Answer:
    return Answer(SERVER, "example.net", "MX", ("10 mx.",), 300, rcode, (), error, SEEN, vouched)


@pytest.mark.parametrize(
    ("checked", "unchecked", "verdict"),
    [
        (answer("SERVFAIL", "SERVFAIL"), answer("NOERROR"), Verdict.FAIL),
        (answer("", "no answer (Timeout)"), answer("NOERROR"), Verdict.INCONCLUSIVE),
        (answer("", "no answer (Timeout)"), answer("", "no answer (Timeout)"), Verdict.INCONCLUSIVE),
        (answer("NOERROR", vouched=True), answer("NOERROR"), Verdict.PASS),
        (answer("NOERROR"), answer("NOERROR"), Verdict.FAIL),
    ],
)
def test_only_a_refusal_fails(checked: Answer, unchecked: Answer, verdict: Verdict) -> None:
    chain = Chain("example.net", (answer("NOERROR", vouched=True),), ("ds",), (), (checked,), (unchecked,))
    assert [each.verdict for each in judged_resolvers(chain)] == [verdict]
