"""A sender whose own resolver gives no answer has lost no mail: nobody could look there."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.probes.logs.message_trace import Trace
from fixtures.probes.mailbox.delivery import Delivery
from tests.judges import FAIL, UNKNOWN

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
