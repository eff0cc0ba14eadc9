"""Whether a log outlives the container that prints it: doctor says so before a gate misses it."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.preflight.machine import log_lasts


class Host:
    """Dell, whose engine keeps logs by DRIVER."""

    name = "Dell"
    transport = SimpleNamespace(engine="docker", container="postfix")

    def __init__(self, driver: str) -> None:
        self.driver, self.machine = driver, self

    def run(self, *argv: str) -> Any:
        assert argv[:3] == ("docker", "container", "inspect")
        assert argv[-1] in {"postfix", "mail"}
        return SimpleNamespace(stdout=f"{self.driver}\n")


@pytest.mark.parametrize(
    ("place", "driver", "verdicts"),
    [
        ("/var/log/mail.log", "json-file", []),
        ("journal:postfix", "json-file", []),
        ("container", "json-file", [Verdict.INCONCLUSIVE]),
        ("container:mail", "k8s-file", [Verdict.INCONCLUSIVE]),
        ("container", "journald", [Verdict.PASS]),
    ],
)
def test_a_log_that_goes_with_its_container_is_said(place: str, driver: str, verdicts: list[Verdict]) -> None:
    found = list(log_lasts(Host(driver), place))  # type: ignore[arg-type]
    assert [each.verdict for each in found] == verdicts
    for each in found:
        assert driver in each.found
