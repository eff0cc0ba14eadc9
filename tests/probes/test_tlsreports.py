"""Reports on TLS (RFC 8460) by an example of the standard's form, and what is no report."""

from __future__ import annotations

import contextlib
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.ledger.alignment import Sessions
from fixtures.probes.mailbox.reports import Unreadable, of_message
from fixtures.probes.mailbox.reports import parse_tls as parse

REPORT: dict[str, Any] = {
    "organization-name": "Company-X",
    "date-range": {"start-datetime": "2026-04-01T00:00:00Z", "end-datetime": "2026-04-01T23:59:59Z"},
    "contact-info": "sts-reporting@company-x.example",
    "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
    "policies": [
        {
            "policy": {"policy-type": "sts", "policy-string": ["version: STSv1"], "policy-domain": "Company-Y.example"},
            "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
            "failure-details": [
                {"result-type": "certificate-expired", "receiving-mx-hostname": "mx1.company-y.example",
                 "failed-session-count": 100},
                {"result-type": "starttls-not-supported", "failed-session-count": 203},
            ],
        },
        {
            "policy": {"policy-type": "no-policy-found", "policy-domain": "company-y.example"},
            "summary": {"total-successful-session-count": 7, "total-failure-session-count": 0},
        },
    ],
}  # fmt: skip


def test_each_policy_is_counted() -> None:
    found = parse(json.dumps(REPORT).encode())
    assert [(each.domain, each.succeeded, each.failed) for each in found] == [
        ("company-y.example", 5326, 303), ("company-y.example", 7, 0),
    ]  # fmt: skip
    assert found[0].end - found[0].begin == 86_399
    assert len({each.identifier for each in found}) == 2
    total = Sessions.of(list(found))
    assert (total.all, total.failed) == (5636, 303)
    assert total.failures == (
        "100 certificate-expired at mx1.company-y.example",
        "203 starttls-not-supported at no server",
    )


def test_it_comes_as_an_attachment() -> None:
    from email.message import EmailMessage

    made = EmailMessage()
    made.set_content("See the attachment.")
    packed = gzip.compress(json.dumps(REPORT).encode())
    made.add_attachment(packed, maintype="application", subtype="tlsrpt+gzip", filename="a.json.gz")
    ((first, _),) = of_message(made.as_bytes(), parse)
    assert first.reporter == "Company-X"


@pytest.mark.parametrize("key", ["organization-name", "date-range", "report-id", "policies"])
def test_what_lacks_a_part_is_unreadable(key: str) -> None:
    with pytest.raises(Unreadable, match=key):
        parse(json.dumps({name: value for name, value in REPORT.items() if name != key}).encode())


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=9), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)


@given(st.sampled_from(sorted(REPORT)), JSON, st.binary(max_size=99))
def test_nothing_else_is_raised(key: str, value: object, other: bytes) -> None:
    for text in (json.dumps(REPORT | {key: value}).encode(), other, b"[" * 100_000, b'{"policies": ' + other):
        with contextlib.suppress(Unreadable):
            parse(text)
