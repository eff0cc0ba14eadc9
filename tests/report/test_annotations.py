"""Annotations in a workflow: one line each, at the scenario's own line, and nothing in them is obeyed or leaks."""

from pathlib import Path

from fixtures.evidence import Verdict
from fixtures.evidence.redaction import keep_secret
from fixtures.gates.outcome import Outcome, describe
from fixtures.report.redacted_output import EACH_MAX, command, commands

PATH = "features/dns/mx_after_switch.feature"
NAME = "Every name server and resolver names only Cloudflare's hosts"
KEY = f"{PATH}::test_every_name_server_and_resolver_names_only_cloudflares_hosts[phase4]"
EVIL = "100 % wrong\r\n::set-output name=a::b\n##[error]x, y: z \u202e"


def came(verdict: Verdict, error: str = "", name: str = NAME) -> Outcome:
    outcome = describe(("N-7", "observe"), "phase4", name, "A feature", PATH, key=KEY)
    outcome.verdict, outcome.error = verdict, error
    return outcome


def test_a_failure_stands_at_its_scenario() -> None:
    [line] = commands([came(Verdict.FAIL, "found mail.webmakeprofit.org"), came(Verdict.PASS), came(Verdict.WAIVED)])
    lines = Path(PATH).read_text(encoding="utf-8").splitlines()
    at = next(number for number, text in enumerate(lines, 1) if NAME in text)
    title = f"N-7 {NAME}%3A fail (phase4)"
    assert line == f"::error file={PATH},line={at},title={title}::found mail.webmakeprofit.org"


def test_who_could_not_look_is_a_warning() -> None:
    [line] = commands([came(Verdict.INCONCLUSIVE, "a time-out")])
    assert line.startswith(f"::warning file={PATH},line=")


def test_nothing_in_it_is_obeyed() -> None:
    [line] = commands([came(Verdict.FAIL, EVIL, name=EVIL)])
    assert line.splitlines() == [line]
    properties, _, message = line.removeprefix("::error ").partition("::")
    assert properties.count(",") == 2, properties
    assert "100 %25 wrong%0A::set-output" in message
    assert "%0A##[error]" in message
    assert "\u202e" not in line


def test_no_secret_is_in_it() -> None:
    keep_secret("hunter2:and,more%")
    line = command("error", "AUTH said hunter2:and,more%", title="token hunter2:and,more%")
    assert "hunter2" not in line


def test_there_are_no_more_than_the_runner_shows() -> None:
    lines = list(commands([came(Verdict.FAIL, str(number)) for number in range(25)]))
    assert len(lines) == EACH_MAX
    assert lines[-1] == "::error title=16 more like these::16 more are in the report"
    assert len(list(commands([came(Verdict.FAIL)] * EACH_MAX))) == EACH_MAX
