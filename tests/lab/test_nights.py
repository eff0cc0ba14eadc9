"""Nights after the last switch, compressed: a red one and one on which nobody could look hold phase4's gate back."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from fixtures.evidence import Verdict
from fixtures.gates.nights import DAY_S, RECORD
from fixtures.lab.faults import named, planted
from fixtures.lab.faults.walk import keyword
from fixtures.lab.world import Lab
from fixtures.store import Store, chain
from tests.lab.test_after_the_switch import NUMBERED
from tests.labs import operator, standing
from tests.warm import features

NAME = "tests-nights"
RED, BLIND = "a rule is disabled", "the token may not read analytics"
GREEN = ""
KINDS = keyword("Whoever passes SPF or DKIM gets through, by whatever way")
NO_MONTH = """\
rm -f /var/log/mail.log.*
: >/var/log/mail.log
[ ! -d /srv/vmail ] || find /srv/vmail -type f \\( -path '*/new/*' -o -path '*/cur/*' \\) -delete
"""
"""Of real mail: nothing is known of it any more."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab whose domains have all been switched, before its first night."""
    with standing(NAME, 8, "phase4", month=True, quiet=True) as made:
        done = operator(NAME, "-c", NUMBERED, "before")
        assert done.returncode == 0, done.stderr[-3000:]
        with closing(sqlite3.connect(made.folder / "operator/store.sqlite")) as store, store:
            store.execute("DELETE FROM records WHERE kind = 'night'")  # at which nobody looked
        past = Store(f"sqlite:///{made.folder}/operator/store.sqlite", made.clock)
        with closing(past), past.engine.begin() as db:
            chain.begin(db, "", 0)
        yield made


def nights(lab: Lab, *faults: str) -> list[int]:
    """A night for each of FAULTS, with that one planted; the exit status of each."""
    found = []
    for fault in faults:
        lab.clock.advance(DAY_S)
        with ExitStack() as stack:
            if fault:
                stack.enter_context(planted(lab, named(fault)))
            found.append(features("--soak", "--lab", NAME).returncode)
    return found


def more_like_it(lab: Lab, number: int = 1) -> None:
    """So many nights of which the record says what it says of the last green one: nobody needs to look each time."""
    for _ in range(number):
        lab.clock.advance(DAY_S)
        with closing(Store(f"sqlite:///{lab.folder}/operator/store.sqlite", lab.clock)) as store:
            *_, last = (each for each in store.recorded(RECORD) if each["verdict"] == Verdict.PASS)
            night = {key: value for key, value in last.items() if key not in {"at", "real_at", "domain"}}
            store.record(RECORD, **{**night, "run": f"{night['run']}, again"})


def gate(lab: Lab) -> str:
    """How phase4's gate judges the nights so far, and nothing else."""
    return features("--gate", "phase4", "--lab", lab.name, "-k", "enough_green_nights").stdout


def test_phase4_waits_for_a_week_of_green_nights(lab: Lab) -> None:
    for faults, statuses, more in (((GREEN,), [0], 1), ((RED,), [1], 2), ((BLIND,), [1], 3)):
        assert nights(lab, *faults) == statuses
        more_like_it(lab, more)
    said = gate(lab)
    assert "the nights: expected 7 green nights in a row, found 5 in a row, of 9 nights: " in said
    assert " fail (" in said
    assert "every night: 2 more" in said
    more_like_it(lab)
    assert nights(lab, GREEN) == [0]
    assert "OPEN                  phase4" in gate(lab)


def test_of_a_small_operator_no_kind_of_sender_has_to_be_waived(lab: Lab, tmp_path: Path) -> None:
    """One sender over IPv4, nobody else who could write, and no real mail in the month."""
    for host in ("ec2", "dell"):
        done = lab.exec(host, ["bash", "-c", NO_MONTH])
        assert done.returncode == 0, done.stderr
    file, page = lab.folder / "operator/migration.toml", tmp_path / "judged.html"
    small = re.sub(r"\[\[other_senders\]\]\n(.+\n)+\n?", "", file.read_text(encoding="utf-8"))
    small = re.sub(r'\[\[senders\]\]\nname = "over IPv6"\n(.+\n)+\n?', "", small)
    file.write_text(small, encoding="utf-8")
    done = features("--lab", lab.name, "--gate", "phase4", "-k", KINDS, "--report", str(page))
    assert re.search(r"^OPEN +phase4 ", done.stdout, re.MULTILINE), done.stdout[-5000:]
    assert "not tried: no [[senders]]" in page.read_text(encoding="utf-8")
    assert "waived" not in done.stdout
