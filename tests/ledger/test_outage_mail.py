"""What mail that met an outage says of it, and when a zone is the old one again."""

from dataclasses import replace

import pytest

from fixtures.evidence import Evidence
from fixtures.ledger.accounting import Entry, added_up
from fixtures.ledger.outage_mail import OutageMail
from fixtures.ledger.wayback import Zone
from fixtures.probes.cloudflare.api import Record

ENTRY = Entry(
    1, "<1@x>", "a", "ipv4", "alice@example.net", "example.net", 100.0, 100.0, None, "", None, 0, "", 0, ""
)  # fmt: skip


def outage_mail(*entries: Entry) -> OutageMail:
    return OutageMail(added_up(list(entries), [], 60, 900), 100.0, 110.0, Evidence("asked", "answer"))


def test_mail_that_an_outage_held_up_came_in_after_its_end() -> None:
    quick = replace(ENTRY, number=1, acknowledged=101.0, arrived=101.5)
    waited = replace(ENTRY, number=2, acknowledged=113.0, arrived=114.0, deferrals=2)
    later = replace(ENTRY, number=3, injected=111.0, acknowledged=112.0, arrived=112.5)
    found = outage_mail(quick, waited, later)
    assert found.during == (quick, waited)
    assert found.held_up == (waited,)
    assert found.acknowledged_meanwhile == (quick,)
    assert not found.missing


def test_a_log_of_whole_seconds_does_not_say_that_it_was_before_the_end() -> None:
    assert outage_mail(replace(ENTRY, acknowledged=109.5, arrived=110.2)).acknowledged_meanwhile == ()


def test_a_second_copy_is_excused_of_what_was_under_way_when_dell_went_down() -> None:
    cut_off = replace(ENTRY, number=1, injected=98.9, acknowledged=99.0, arrived=99.5, copies=2)
    queued = replace(ENTRY, number=4, injected=99.9, acknowledged=100.1, arrived=112.0, copies=2)
    refused_once = replace(ENTRY, number=2, acknowledged=103.0, arrived=104.0, copies=2, deferrals=1)
    stray = replace(ENTRY, number=3, acknowledged=111.0, arrived=112.0, copies=2)
    assert outage_mail(cut_off, queued, refused_once, stray).doubled == (stray,)


def test_what_bounced_is_missing() -> None:
    assert [each.number for each in outage_mail(replace(ENTRY, bounced="550 no")).missing] == [1]


@pytest.mark.parametrize(
    ("records", "mx", "spf"),
    [
        ([], "none", "none"),
        ([Record("MX", "example.net", "Mail.example.net.", 300, 10)], "10 mail.example.net", "none"),
        ([Record("MX", "example.net", "b", 1, 20), Record("MX", "example.net", "a", 1, 10)], "10 a; 20 b", "none"),
        ([Record("TXT", "example.net", '"v=spf1 " "-all"', 300)], "none", "v=spf1 -all"),
        (
            [Record("TXT", "example.net", "v=spf1 -all", 1), Record("TXT", "example.net", "x=1", 1)],
            "none",
            "v=spf1 -all",
        ),
    ],
)
def test_a_zone_is_compared_by_what_it_says(records: list[Record], mx: str, spf: str) -> None:
    found = Zone.of(records, "example.net")
    assert (found.mx, found.spf) == (mx, spf)


def test_another_spf_record_is_none_of_the_domain_s() -> None:
    found = Zone.of([Record("TXT", "dell.example.net", "v=spf1 -all", 300)], "example.net")
    assert found.spf == "none"
    assert found.others == {("dell.example.net", "SPF"): "v=spf1 -all"}
