"""What the Worker makes of the scenarios: each that is named is there, and only what is named is n/a by it."""

import re
from collections.abc import Iterator

import pytest

from fixtures.evidence import Absent, Verdict
from fixtures.gates import by_worker
from fixtures.gates.traceability import Scenario, scenarios
from fixtures.lab.files import settings_without_a_lab
from tests.reading import report
from tests.test_route import by_worker as settings_by_worker

PREFIXES = "The ends and a sample of each prefix are admitted"


def titles(scenario: Scenario) -> Iterator[str]:
    """As it is written, and as each row of its examples fills it in."""
    yield scenario.name
    for table in scenario.examples:
        head = [cell.value for cell in table.table_header.cells] if table.table_header else []
        for row in table.table_body or []:
            filled = dict(zip(head, (cell.value for cell in row.cells), strict=True))
            yield re.sub(r"<([^<>]+)>", lambda found, filled=filled: filled[found[1]], scenario.name)  # type: ignore[misc]


def test_whatever_is_named_is_a_scenario_and_is_named_once() -> None:
    known = {title for each in scenarios() for title in titles(each)}
    listed = [title for it in by_worker.changes() for title in it.scenarios]
    report(f"{title}: no such scenario" for title in listed if title not in known)
    report(f"{title}: named twice" for title in known if sum(it.names(title) for it in by_worker.changes()) > 1)
    theirs = {each.name for each in scenarios() if each.path.parent.name == "worker"}
    report(
        f"{each}: none of features/worker" for it in by_worker.changes() for each in it.instead if each not in theirs
    )


def test_what_is_a_workers_is_judged_only_there() -> None:
    direct, worker = settings_without_a_lab(), settings_by_worker()
    for each in scenarios():
        assert by_worker.judged_there(worker, each.tags)
        assert by_worker.judged_there(direct, each.tags) is (each.path.parent.name != "worker"), each.name


@pytest.mark.parametrize(
    ("title", "gone"),
    [
        (PREFIXES, True),
        (f"{PREFIXES} too", False),
        ("A hundred connections from addresses of each prefix are served side by side", True),
        ("A hundred connections from one address are served side by side", False),
        ("a vacation note to a sender that Cloudflare has rewritten comes to rest on Dell", True),
        ("Email Routing smuggles nothing in", False),
        ("EC2 is admitted", False),
    ],
)
def test_by_the_worker_it_is_absent_with_its_reason(title: str, *, gone: bool) -> None:
    by_worker.require_judged(settings_without_a_lab(), title)
    if not gone:
        by_worker.require_judged(settings_by_worker(), title)
        return
    with pytest.raises(Absent, match="Mail comes by the Worker") as raised:
        by_worker.require_judged(settings_by_worker(), title)
    (found,) = raised.value.findings
    assert found.verdict is Verdict.ABSENT
    assert found.found in [it.says for it in by_worker.changes() if not it.judged]
