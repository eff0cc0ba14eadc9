"""Whether a log outlives the container that prints it: doctor says so before a gate misses it."""

from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.preflight.machine import log_lasts
from fixtures.preflight.questions import of_doctor
from fixtures.settings import Secrets


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


def test_only_of_a_container_it_is_asked() -> None:
    """A question without an answer would read as one that nobody gave in time."""
    settings = settings_without_a_lab()
    asked = {"/var/log/mail.log": 0, "journal": 0, "container": 1, "container:mail": 1}
    for place, wanted in asked.items():
        dell = settings.dell.model_copy(update={"log": place})
        migration = Migration(settings.model_copy(update={"dell": dell}), Secrets())
        found = [each.what for each in of_doctor(migration, lambda *_: None)]  # type: ignore[arg-type]
        assert found.count("whether the log of Dell lasts") == wanted
        assert "whether the log of EC2 lasts" not in found
