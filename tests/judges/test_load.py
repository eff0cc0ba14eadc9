"""Whether all of a load is accounted for: ``fixtures.lab.load``."""

import pytest

from fixtures.lab.load import Loaded
from fixtures.ledger.accounting import Entry, added_up
from tests.judges import entry

FAULTS = ((100.0, 103.0),)
"""From 100 to 103 s."""


def loaded(*entries: Entry, unexpected: tuple[str, ...] = ()) -> Loaded:
    return Loaded("power", added_up(list(entries), list(unexpected), 60, 900), 10, FAULTS)


@pytest.mark.parametrize(
    ("copy", "accounted"),
    [
        (entry(injected=90, arrived=99.9, copies=2), False),
        (entry(injected=90, arrived=100, copies=2), True),
        (entry(injected=102, arrived=110, copies=2), True),
        (entry(injected=103, arrived=110, copies=2), True),
        (entry(injected=103.1, arrived=110, copies=2), False),
        (entry(injected=90, arrived=104, copies=2, deferrals=1), True),
        (entry(injected=110, arrived=111, copies=2, deferrals=1), False),
    ],
)
def test_only_what_was_under_way_may_come_twice(copy: Entry, accounted: bool) -> None:
    found = loaded(copy)
    assert found.whole is accounted
    assert len(found.unaccounted) == (0 if accounted else 1)


def test_all_of_it_or_none() -> None:
    assert not loaded().whole
    assert loaded(entry(injected=90, arrived=91)).whole
    missing = loaded(entry(injected=90, arrived=91), entry(2, injected=90, arrived=None))
    assert not missing.whole
    assert [each.number for each in missing.lost] == [2]
    announced = loaded(entry(injected=90, arrived=91), entry(2, injected=90, arrived=None, announced=True))
    assert announced.whole


def test_what_was_planted_is_named_and_nothing_else() -> None:
    gone, twice = entry(1, injected=90, arrived=None), entry(2, injected=50, arrived=51, copies=2)
    amiss = ("<3> (no. 3) for alice is in bob", "<4> (no. 4) in bob: its body was changed on the way")
    assert loaded(gone, twice, unexpected=amiss).planted_named
    assert not loaded(gone, twice, unexpected=amiss[:1]).planted_named
    assert not loaded(twice, unexpected=amiss).planted_named
    assert not loaded(gone, gone, twice, unexpected=amiss).planted_named
    assert not loaded(gone, twice, unexpected=(*amiss, "<5> (no. 5) in bob is in no ledger")).planted_named
