"""All Thens of a scenario are judged and shown, also behind one that doesn't hold; the worst of them counts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import execnet
import pytest

from fixtures.evidence import (
    Absent,
    CouldNotAsk,
    Evidence,
    Finding,
    Inconclusive,
    Judged,
    Verdict,
    absent,
    failed,
    keep_secret,
    passed,
    redaction,
    together,
    unknown,
)
from fixtures.gates.outcome import Claims, Outcome, describe
from tests import warm
from tests.conftest import COMMAND_S_MAX, inherited

GOOD, BAD = passed("one", "a"), failed("two", "b", "c")
NOBODY, NONE = unknown("three", "d", "time-out"), absent("four", "e", "none")
CONFTEST = """
import json
from pathlib import Path

import fixtures.gates.plugin as plugin
from fixtures.gates.session import SESSION, Session
from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.settings import Secrets

plugin.FEATURES = Path(__file__).parent / "features"
pytest_plugins = ["fixtures.gates.plugin"]

def pytest_configure(config):
    config.stash[SESSION] = Session(Migration(settings_without_a_lab(), Secrets()), [])

def pytest_runtest_logreport(report):
    if hasattr(report, "mxgate"):
        print("OUTCOME", json.dumps(report.mxgate))
"""
STEPS = """
from pytest_bdd import given, parsers, scenarios, then, when
from tests.gates.test_claims import BAD, GOOD, NOBODY, NONE, broken
from fixtures.evidence import CouldNotAsk

scenarios("it.feature")

@given("a host")
def host(): pass

@when("it is asked")
def asked(): pass

@when("it is claimed")
def claimed(expect): expect("the when", [BAD])

@then(parsers.parse("{name} is so"))
def so(name, expect):
    if name == "broken":
        raise CouldNotAsk("nobody answers")
    found = {"good": [GOOD], "bad": [BAD], "mixed": [GOOD, BAD], "unknown": [NOBODY], "absent": [NONE]}
    expect(f"the {name} one", found.get(name) or broken())
"""


def broken() -> Iterator[Finding]:
    yield BAD
    raise CouldNotAsk("the second host is silent")


@pytest.mark.parametrize(
    ("thens", "verdict", "findings", "steps", "says"),
    [
        ("good good", "pass", 2, "pass pass", []),
        ("bad good", "fail", 2, "fail pass", ["the bad one: fail for 1 of 1"]),
        (
            "bad unknown bad",
            "fail",
            3,
            "fail inconclusive fail",
            ["the bad one: fail", "the unknown one: inconclusive"],
        ),
        ("unknown bad", "fail", 2, "inconclusive fail", ["the bad one: fail", "the unknown one: inconclusive"]),
        ("unknown good", "inconclusive", 2, "inconclusive pass", ["the unknown one"]),
        ("absent bad", "n/a", 1, "n/a not.run", ["the absent one"]),
        ("bad absent bad", "fail", 2, "fail n/a not.run", ["the bad one"]),
        ("good absent", "pass", 2, "pass n/a", []),
        ("good absent bad", "fail", 3, "pass n/a fail", ["the bad one: fail for 1 of 1"]),
        ("absent absent", "n/a", 1, "n/a not.run", ["the absent one"]),
        ("half absent bad", "fail", 3, "fail n/a not.run", ["the half one: fail for 1 of 2"]),
        ("mixed absent bad", "fail", 4, "fail n/a fail", ["the mixed one: fail for 1 of 2", "the bad one"]),
        ("half good", "fail", 3, "fail pass", ["the half one: fail for 1 of 2"]),
        ("broken bad", "inconclusive", 0, "inconclusive not.run", ["could not judge: nobody answers"]),
        ("bad broken", "fail", 2, "fail inconclusive", ["the bad one", "an answer, found nobody answers"]),
    ],
)
def test_all_thens_are_judged(
    tmp_path: Path, *, thens: str, verdict: str, findings: int, steps: str, says: list[str]
) -> None:
    outcome = _ran(tmp_path, "it is asked", thens)
    assert outcome["verdict"] == verdict
    assert len(outcome["findings"]) == findings
    assert _spelt(outcome) == steps
    for words in says:
        assert words in outcome["error"]


def _spelt(outcome: dict[str, Any]) -> str:
    return " ".join(each["verdict"].replace(" ", ".") for each in outcome["steps"][2:])


def test_what_is_claimed_before_a_then_ends_the_scenario(tmp_path: Path) -> None:
    outcome = _ran(tmp_path, "it is claimed", "good")
    assert (outcome["verdict"], _spelt(outcome)) == ("fail", "not.run")


def _ran(folder: Path, when: str, thens: str) -> dict[str, Any]:
    (folder / "features").mkdir()
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "features/test_it.py").write_text(STEPS, encoding="utf-8")
    lines = ["Feature: It", "  Scenario: It", "    Given a host", f"    When {when}"]
    lines += [f"    {'And' if number else 'Then'} {name} is so" for number, name in enumerate(thens.split())]
    (folder / "features/it.feature").write_text("\n".join(lines), encoding="utf-8")
    options = ("-s", "-q", f"--rootdir={folder}", f"--confcutdir={folder}", "-c", "/dev/null", "-p", "no:cacheprovider")
    place = ("-o", f"bdd_features_base_dir={folder}/features", str(folder / "features"))
    done = warm.python(("-m", "pytest", *options, *place), inherited(), None, COMMAND_S_MAX)
    rows = [line.partition("OUTCOME ")[2] for line in done.stdout.splitlines() if "OUTCOME " in line]
    assert rows, done.stdout + done.stderr
    made: dict[str, Any] = json.loads(rows[-1])
    return made


def at_a_then(findings: list[Finding]) -> Claims:
    claims = Claims(findings)
    claims.begin(then=True)
    return claims


def test_what_several_come_to() -> None:
    """One that fails and one that is unknown: fail, with every finding, and the words of both, the worst first."""
    one, other = Inconclusive("first", (NOBODY, GOOD)), Judged("second", (BAD,))
    made = together([one, other])
    assert (made.verdict, made.findings, made.claim) == (Verdict.FAIL, (NOBODY, GOOD, BAD), "first; second")
    assert str(made).startswith("second: fail for 1 of 1")
    assert "first: inconclusive for 1 of 2" in str(made)
    assert together([one]) is one


def test_a_scenario_ends_where_nothing_is_there() -> None:
    claims = at_a_then([])
    with pytest.raises(Absent):
        claims.claim("it is there", [NONE])
    claims.conclude(None)
    claims.claim("it is right", [BAD])
    assert claims.verdict is Verdict.FAIL
    with pytest.raises(Judged, match="it is right: fail"):
        claims.conclude(Absent("none", (NONE,)))


def test_what_broke_was_not_seen_of_any_domain() -> None:
    """One domain fails, and then nobody answers: of the other one it is not known. Nor is it where nothing fails."""
    outcome = describe(("X-5",), "phase3", "It", "It", "it.feature")
    claims = at_a_then(outcome.findings)
    claims.claim("it is right", [passed("a", "right", domain="a.example"), failed("b", "c", "d", domain="b.example")])
    with pytest.raises(Judged) as raised:
        claims.conclude(CouldNotAsk("nobody answers"))
    outcome.conclude(raised.value)
    verdicts = [outcome.verdict_for(each) for each in ("a.example", "b.example", "")]
    assert verdicts == [Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.FAIL]
    outcome.findings = [passed("a", "right", domain="a.example")]
    outcome.conclude(CouldNotAsk("nobody answers"))
    assert outcome.verdict_for("a.example") is Verdict.INCONCLUSIVE


def test_what_is_there_for_one_domain_is_judged_to_the_end() -> None:
    """Also where the first claim does not hold for another one, and the second is of what neither has."""
    outcome = describe(("X-5",), "phase3", "It", "It", "it.feature")
    claims = at_a_then(outcome.findings)
    claims.claim("it is right", [passed("a", "right", domain="a.example"), failed("b", "c", "d", domain="b.example")])
    claims.claim("its like is right", [NONE])
    claims.claim("it is whole", [failed("a", "whole", "half", domain="a.example")])
    with pytest.raises(Judged) as raised:
        claims.conclude(None)
    outcome.conclude(raised.value)
    assert [outcome.verdict_for(each) for each in ("a.example", "b.example")] == [Verdict.FAIL, Verdict.FAIL]


def test_a_given_that_holds_is_no_claim() -> None:
    """Where nothing but that holds, the thing is not there."""
    claims = Claims([])
    claims.begin(then=False)
    claims.claim("it stands", [GOOD])
    claims.begin(then=True)
    with pytest.raises(Absent):
        claims.claim("it is there", [NONE])


def test_what_broke_is_said_with_what_failed() -> None:
    claims = at_a_then([])
    claims.claim("it is right", [NOBODY])
    with pytest.raises(Judged, match=r"later: fail(.|\n)*it is right: inconclusive") as raised:
        claims.conclude(Judged("later", (BAD,)))
    assert raised.value.verdict is Verdict.FAIL


def test_what_a_worker_knows_as_secret_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller, which writes the report, may never hear of it."""
    monkeypatch.setattr(redaction, "_secrets", frozenset())
    outcome = describe(["A-1"], "phase2", "A name", "A feature", "a.feature")
    said = "found canary-of-a-worker"
    look = Evidence(said, said, said, said)
    outcome.conclude(Judged("claim", (failed("one", "b", said, look, hint=said),)))
    keep_secret("canary-of-a-worker", "fail", "phase2")
    sent = outcome.as_json()
    assert "canary" not in json.dumps(sent)
    assert Outcome.from_json(sent).verdict is Verdict.FAIL
    assert (sent["stage"], sent["findings"][0]["found"]) == ("phase2", "found [redacted]")


def test_a_byte_that_is_no_text_reaches_the_controller() -> None:
    """As a comment in EUC-JP has it, or one with a NUL; xdist sends only what UTF-8 can hold."""
    said = "main.cf: # \udca4\udcb3\0"
    outcome = describe(["A-1"], "phase2", "A name", "A feature", "a.feature")
    look = Evidence(said, said, said, said)
    outcome.conclude(Judged("claim", (failed(said, said, said, look, hint=said),)))
    sent = outcome.as_json()
    execnet.dumps([sent, outcome.error])
    assert sent["findings"][0]["found"] == look.transcript == r"main.cf: # \xa4\xb3\x00"


def test_a_password_that_is_no_text_is_hidden_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_secrets", frozenset())
    keep_secret("\udca4\udcb3-old")
    assert Evidence("asked", "user:\udca4\udcb3-old").answer == "user:[redacted]"
