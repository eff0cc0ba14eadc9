"""Reports on DMARC and on TLS from whoever cares to send one: what is read, and what is refused."""

import contextlib
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given, strategies as st

from fixtures.ledger.alignment import failed_sessions
from fixtures.probes.mailbox import reports
from fixtures.probes.mailbox.reports import Unreadable, of_message, parse, parse_tls, unpacked

REPORT = b"""<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata><org_name>outside.example</org_name><report_id>7</report_id>
    <date_range><begin>1000</begin><end>87400</end></date_range></report_metadata>
  <policy_published><domain>Example.NET</domain><p>none</p></policy_published>
  <record>
    <row><source_ip>167.89.123.50</source_ip><count>12</count>
      <policy_evaluated><disposition>none</disposition><dkim>pass</dkim><spf>fail</spf></policy_evaluated></row>
    <identifiers><header_from>example.net</header_from></identifiers>
    <auth_results><dkim><domain>example.net</domain><result>pass</result></dkim>
      <spf><domain>em1.example.net</domain><result>softfail</result></spf></auth_results>
  </record>
</feedback>"""

TLS_REPORT: dict[str, Any] = {
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


def test_reads_a_report() -> None:
    """Figures, names and alignment are those of the document."""
    found = parse(REPORT)
    assert (found.reporter, found.identifier, found.domain) == ("outside.example", "7", "example.net")
    assert (found.begin, found.end) == (1000, 87400)
    (row,) = found.rows
    assert (row.count, row.dkim, row.spf, row.aligned) == (12, True, False, True)
    assert row.signers == ("example.net", "em1.example.net")


def test_reads_a_report_in_a_namespace() -> None:
    """Some reporters add one."""
    assert parse(REPORT.replace(b"<feedback>", b'<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">')).rows


@pytest.mark.parametrize("packed", [REPORT, gzip.compress(REPORT), gzip.compress(REPORT) + b"\r\n"])
def test_unpacks(packed: bytes) -> None:
    """Mimecast sends gzip with a line end behind it (parsedmarc's sample mimecast-weird-gzip.eml)."""
    assert unpacked(packed) == REPORT


@pytest.mark.parametrize("end", [-1, -8, -9, 30])
def test_what_is_cut_off_is_unreadable(end: int) -> None:
    with pytest.raises(Unreadable, match="can't be unpacked"):
        unpacked(gzip.compress(REPORT)[:end])


def test_unpacks_a_zip_archive_of_one_file_only() -> None:
    assert unpacked(_zip({"a.xml": REPORT})) == REPORT
    with pytest.raises(Unreadable, match="archive of 2 files"):
        unpacked(_zip({"a.xml": REPORT, "b.xml": REPORT}))


def test_refuses_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to more than the bound is not unpacked whole."""
    monkeypatch.setattr(reports, "UNPACKED_MAX", 2**20)
    zeros = bytes(2**22)
    for packed in (gzip.compress(zeros), _zip({"a.xml": zeros})):
        with pytest.raises(Unreadable, match="unpacked"):
            unpacked(packed)
    monkeypatch.setattr(reports, "PACKED_MAX", 100)
    with pytest.raises(Unreadable, match="packed"):
        unpacked(REPORT)


@pytest.mark.parametrize(
    "doctype",
    [
        b'<!DOCTYPE feedback [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>',
        b'<!DOCTYPE feedback [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
        b'<!DOCTYPE feedback SYSTEM "http://192.0.2.1/x.dtd">',
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_refuses_document_types(doctype: bytes, encoding: str) -> None:
    """Entities expand and fetch; a report has no use for them, in whatever encoding."""
    text = REPORT.replace(b"<feedback>", doctype + b"<feedback>").replace(b' encoding="UTF-8"', b"")
    with pytest.raises(Unreadable, match="document type"):
        parse(text.decode("ascii").encode(encoding))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no XML"),
        (b"<feedback>", "no XML"),
        (b"<html/>", "root is 'html'"),
        (REPORT.replace(b">12<", b">many<"), "expected a number"),
        (REPORT.replace(b">1000<", b">-1<"), "expected a number"),
        (REPORT.replace(b"UTF-8", b"no-such"), "no XML"),
    ],
)
def test_says_why_it_cant_be_read(text: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        parse(text)


@given(st.binary(max_size=300))
def test_nothing_else_is_raised(data: bytes) -> None:
    """Whatever comes, it is a report or Unreadable."""
    for packed in (data, b"\x1f\x8b" + data, b"PK\x03\x04" + data, gzip.compress(data), REPORT[:400] + data):
        with contextlib.suppress(Unreadable):
            parse(unpacked(packed))


@pytest.mark.parametrize(
    ("report", "read", "reporter"),
    [
        (REPORT, lambda text: (parse(text),), "outside.example"),
        (json.dumps(TLS_REPORT).encode(), parse_tls, "Company-X"),
    ],
    ids=["DMARC", "TLS"],
)
def test_finds_the_attachment_in_a_message(report: bytes, read: Callable[[bytes], Any], reporter: str) -> None:
    made = EmailMessage()
    made["Subject"] = "Report Domain: example.net"
    made.set_content("See the attachment.")
    with pytest.raises(Unreadable, match="no attachment"):
        of_message(made.as_bytes(), read)
    made.add_attachment(gzip.compress(report), maintype="application", subtype="gzip", filename="a.gz")
    assert [found[0].reporter for found in of_message(made.as_bytes(), read)] == [reporter]


def test_each_policy_of_a_report_on_tls_is_counted() -> None:
    found = parse_tls(json.dumps(TLS_REPORT).encode())
    assert [(each.domain, each.succeeded, each.failed) for each in found] == [
        ("company-y.example", 5326, 303), ("company-y.example", 7, 0),
    ]  # fmt: skip
    assert found[0].end - found[0].begin == 86_399
    assert len({each.identifier for each in found}) == 2
    total = failed_sessions(list(found))
    assert (total.all, total.counted) == (5636, 303)
    assert total.details == (
        "100 certificate-expired at mx1.company-y.example",
        "203 starttls-not-supported at no server",
    )


def test_two_policies_of_a_kind_in_a_report_on_tls_are_two() -> None:
    """Google reports so when a policy changes within the day: who keeps one by its identifier keeps both."""
    twice = TLS_REPORT | {"policies": TLS_REPORT["policies"][:1] * 2}
    found = parse_tls(json.dumps(twice).encode())
    assert len({each.identifier for each in found}) == 2


def test_where_no_policy_was_found_a_report_on_tls_may_lack_the_domain() -> None:
    """As one reporter has it (github.com/sys4/tlsrpt-reporter, issue 51): the other policies are read."""
    nameless = {**TLS_REPORT["policies"][1], "policy": {"policy-type": "no-policy-found"}}
    report = TLS_REPORT | {"policies": [nameless, *TLS_REPORT["policies"]]}
    assert [each.succeeded for each in parse_tls(json.dumps(report).encode())] == [5326, 7]


@pytest.mark.parametrize("key", ["organization-name", "date-range", "report-id", "policies"])
def test_a_report_on_tls_that_lacks_a_part_is_unreadable(key: str) -> None:
    with pytest.raises(Unreadable, match=key):
        parse_tls(json.dumps({name: value for name, value in TLS_REPORT.items() if name != key}).encode())


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=9), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
)


@given(st.sampled_from(sorted(TLS_REPORT)), JSON, st.binary(max_size=99))
def test_nothing_else_is_raised_of_a_report_on_tls(key: str, value: object, other: bytes) -> None:
    for text in (json.dumps(TLS_REPORT | {key: value}).encode(), other, b"[" * 100_000, b'{"policies": ' + other):
        with contextlib.suppress(Unreadable):
            parse_tls(text)


def _zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()
