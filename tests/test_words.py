"""The features say what the pages promise, in words that are all defined and all used; and one word means one thing."""

import importlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_bdd import parsers
from pytest_bdd.gherkin_parser import Step
from pytest_bdd.scenario import make_python_name
from pytest_bdd.steps import StepFunctionContext, step_function_context_registry

from fixtures.gates import waiver_titles
from fixtures.gates.catalogue import corrections, expectations, plan_lines
from fixtures.gates.traceability import FEATURES, PAGES, Scenario, current, scenarios
from fixtures.plan.gates import KINDS, TABLE
from fixtures.settings import Settings, check
from fixtures.settings.bounds import Bounds, example
from tests.reading import ROOT, files, report, text, under
from tests.warm import features

EXAMPLE = ROOT / "fixtures/migration.example.toml"
SETTINGS_PAGE = ROOT / "fixtures/settings/README.md"
JUDGED = set(KINDS) - {"soak"}
REGISTERED = {*KINDS, *(spec.tag for spec in TABLE.values()), *expectations(), *plan_lines()}
Words = list[tuple[str, str]]


def words(scenario: Scenario) -> Words:
    """Its steps, the background's before its own, as (given | when | then, text), once for each row of examples."""
    return [
        (kind, text)
        for row in _rows(scenario)
        for kind, text in [*_kinds(scenario.background, row), *_kinds(scenario.steps, row)]
    ]


def _rows(scenario: Scenario) -> list[dict[str, str]]:
    tables = [table for table in scenario.examples if table.table_header]
    rows = [
        dict(zip((c.value for c in table.table_header.cells), (c.value for c in row.cells), strict=True))
        for table in tables
        if table.table_header
        for row in table.table_body or []
    ]
    return rows or [{}]


def _kinds(steps: tuple[Step, ...], row: dict[str, str]) -> Iterator[tuple[str, str]]:
    kind = "given"
    for step in steps:
        kind = {"Context": "given", "Action": "when", "Outcome": "then"}.get(step.keyword_type, kind)
        says = step.text
        for key, value in row.items():
            says = says.replace(f"<{key}>", value)
        yield kind, says


def definitions() -> list[StepFunctionContext]:
    """Every step definition of steps/."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts) for path in under("steps") if path.stem != "__init__"
    }
    for module in sorted(modules):
        importlib.import_module(module)
    return [each for each in list(step_function_context_registry.values()) if each.step_func.__module__ in modules]


def matching(kind: str, text: str, among: list[StepFunctionContext]) -> list[StepFunctionContext]:
    return [each for each in among if each.type in {None, kind} and each.parser.is_matching(text)]


def _at(scenario: Scenario) -> str:
    top = ROOT if ROOT in scenario.path.parents else scenario.path.parent
    return f"{scenario.path.relative_to(top)}:{scenario.line}"


def _names_once(found: list[Scenario]) -> Iterator[str]:
    count = Counter((s.path, make_python_name(s.name)) for s in found)
    for s in found:
        if not make_python_name(s.name):
            yield f"{_at(s)}: has no name"
        elif count[s.path, make_python_name(s.name)] > 1:
            yield f"{_at(s)}: {s.name!r} is there twice; pytest-bdd collects the last one only"


def _names_apart(found: list[Scenario]) -> Iterator[str]:
    names = [(make_python_name(s.name), s) for s in found]
    for name, s in names:
        longer = [other.name for each, other in names if each.startswith(f"{name}_")]
        if longer:
            yield f"{_at(s)}: {s.name!r} begins {longer[0]!r} too; -k would select both"


def _well_formed(found: list[Scenario]) -> Iterator[str]:
    for s in found:
        kinds = [kind for kind, _ in _kinds(s.steps, {})]
        if "then" not in kinds:
            yield f"{_at(s)}: has no Then, so it could never fail"
        if kinds.count("when") > 1:
            yield f"{_at(s)}: {kinds.count('when')} Whens; one scenario has one, split it"
        if sorted(kinds, key=["given", "when", "then"].index) != kinds:
            yield f"{_at(s)}: expected Given, When, Then in this order, found {' '.join(kinds)}"
        if s.examples and _rows(s) == [{}]:
            yield f"{_at(s)}: an outline without a row of examples"


def _tags(found: list[Scenario]) -> Iterator[str]:
    for s in found:
        if unknown := sorted(s.tags - REGISTERED):
            yield f"{_at(s)}: @{' @'.join(unknown)}: no gate, kind, expectation or line of the plan is named so"
        if not s.gates:
            yield f"{_at(s)}: no gate; expected some of @{' @'.join(spec.tag for spec in TABLE.values())}"
        if len(s.tags & JUDGED) != 1:
            yield f"{_at(s)}: expected one of @{' @'.join(sorted(JUDGED))}, found {sorted(s.tags & JUDGED)}"
        if not s.ids:
            yield f"{_at(s)}: judges no expectation; name it, such as @N-7"


def _as_the_catalogue_says(found: list[Scenario]) -> Iterator[str]:
    for s in found:
        rows = [expectations()[key] for key in s.ids if key in expectations()]
        gates = {gate for row in rows for gate in row.gates}
        kinds = {kind for row in rows for kind in row.kinds}
        if rows and (more := s.gates - gates):
            yield f"{_at(s)}: {' '.join(s.ids)} need not hold at {' '.join(sorted(more))}"
        if rows and (more_kinds := (s.tags & set(KINDS)) - kinds):
            by = " @".join(sorted(kinds))
            yield f"{_at(s)}: {' '.join(s.ids)} is not judged by @{' @'.join(sorted(more_kinds))}, but by @{by}"


CHECKS: list[Callable[[list[Scenario]], Iterator[str]]] = [
    _names_once,
    _names_apart,
    _well_formed,
    _tags,
    _as_the_catalogue_says,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.strip("_"))
def test_every_scenario(check: Callable[[list[Scenario]], Iterator[str]]) -> None:
    report(check(scenarios()))


def test_there_are_features_to_judge() -> None:
    assert scenarios(), f"{FEATURES} holds no scenario: every other test here would pass for want of one"
    for spec in TABLE.values():
        assert any(spec.gate in s.gates for s in scenarios()), f"@{spec.tag} selects nothing"


def test_every_step_has_one_definition() -> None:
    report(_not_one(scenarios(), definitions()))


def test_every_definition_is_used() -> None:
    report(_unused(scenarios(), definitions()))


def _not_one(found: list[Scenario], known: list[StepFunctionContext]) -> Iterator[str]:
    for s in found:
        for kind, says in dict.fromkeys(words(s)):
            if len(these := matching(kind, says, known)) != 1:
                which = "".join(f"\n    {each.step_func.__module__}: {each.parser.name}" for each in these)
                yield f"{_at(s)}: {kind} {says}: {len(these)} definitions{which}"


def _unused(found: list[Scenario], known: list[StepFunctionContext]) -> Iterator[str]:
    said = {pair for s in found for pair in words(s)}
    for each in known:
        if not any(matching(kind, text, [each]) for kind, text in said):
            yield f"{each.step_func.__module__}: {each.type} {each.parser.name!r}: no feature says so"


def test_the_plan_is_covered() -> None:
    covered = {line for row in expectations().values() for line in row.covers}
    assert covered == set(plan_lines()), f"differ: {sorted(covered ^ set(plan_lines()))}"
    assert list(corrections()) == [f"X{number}" for number in range(1, 19)]
    assert {kind for row in expectations().values() for kind in row.kinds} == set(KINDS)


def test_a_listing_names_every_expectation() -> None:
    """With no settings at hand, ``--collect-only`` lists what a rehearsal judges: all but what is a Worker's."""
    done = features("--rehearse", "--collect-only")
    listed = re.findall(r"([A-Z]-\d+) (\d+|never)", done.stdout)
    direct = [key for key in expectations() if not key.startswith("W-")]
    assert [key for key, _ in listed] == direct, done.stdout[-3000:]
    assert not [key for key, count in listed if count == "never"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_made_tables_are_current(page: Path) -> None:
    assert current(page) == text(page), "run python -m fixtures.gates.traceability --write"


def test_the_first_page_is_short() -> None:
    """The first rehearsal within one screen, one's own domains within three."""
    lines = text(ROOT / "README.md").splitlines()
    assert len(lines) <= 300
    assert lines.index("## Try it") < 40
    assert lines.index("## Your own domains") < 120


def test_the_examples_are_settings() -> None:
    """Both load, Dell's name lies in a zone that the scripts may write to, and the long one leaves no key out."""
    short = text(SETTINGS_PAGE).partition("```toml\n")[2].partition("```")[0]
    long = text(EXAMPLE)
    for given, source in ((short, SETTINGS_PAGE.name), (long, EXAMPLE.name)):
        settings = check(tomllib.loads(given), source)
        waiver_titles.check(settings)
        assert any(settings.dell.name.endswith(f".{zone}") for zone in settings.domain_names), source
    bounds = long[long.index("[bounds]") : long.index("\n[alarm]")]
    assert bounds == example(), f"{EXAMPLE.name}: [bounds] is not what fixtures/settings/bounds.py says: \n{example()}"
    report(_unexplained(Settings.model_json_schema(), tomllib.loads(long)))


def _unexplained(schema: dict[str, object], given: dict[str, object]) -> Iterator[str]:
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    said = set(_keys(given))
    lab_only = {"clock", "file"}  # how the lab keeps time; target's other value is the lab's too
    for model in [schema, *defs.values()]:
        yield from (f"{model['title']}.{key}" for key in model.get("properties", {}) if key not in said | lab_only)


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def glossary() -> dict[str, tuple[str, list[str]]]:
    """Each word of GLOSSARY.md: what it means, and the words that are not used for it."""
    rows = re.findall(r"^\| (?!word |---)(.+?) \| (.+?) \| (.*?) ?\|$", text(ROOT / "GLOSSARY.md"), re.MULTILINE)
    return {word: (means, [each for each in re.split(r", ", instead) if each]) for word, means, instead in rows}


def _prose() -> Iterator[tuple[str, str]]:
    """Features and pages, each line with where it stands."""
    for path in files():
        if path.suffix in {".md", ".feature"} and path.name != "GLOSSARY.md":
            for number, line in enumerate(text(path).splitlines(), 1):
                yield f"{path.relative_to(ROOT)}:{number}", line


def test_one_word_means_one_thing() -> None:
    """The glossary is in order and in use, what it quotes is there, and nothing else goes by another name."""
    known = glossary()
    assert len(known) > 40
    assert list(known) == sorted(known, key=str.lower)
    means = " ".join(what for what, _ in known.values())
    assert {each.partition(".")[2] for each in re.findall(r"bounds\.\w+", means)} <= set(Bounds.model_fields)
    said = " ".join(line for _, line in _prose()).lower()
    words = [part for word in known for part in re.split(r"[,;] ", word)]
    report(f"{word}: no feature and no page says so" for word in words if word.lower() not in said)
    instead = {other: word for word, (_, others) in known.items() for other in others}
    wrong = re.compile(rf"\b({'|'.join(map(re.escape, instead))})\b")
    report(f"{at}: {m[0]!r} is {instead[m[0]]!r} here" for at, line in _prose() for m in wrong.finditer(line))


OLD_WORDS = re.compile(
    r"(?<![a-z])(told|whom|bears?|anew|beside|alone|whence|heed|fate|ado|tidings|ordeal)(?![a-z])", re.IGNORECASE
)
"""Words that whoever learned English late looks up, in names too; CONTRIBUTING.md, "Words"."""
MADE = {
    "LICENSE",
    "features/TRACEABILITY.md",
    "reports/sample/rehearsal-seed-7.html",
    "reports/sample/rehearsal-seed-7.md",
    "tests/test_words.py",
}
"""Made by others or from other texts, or this."""


def test_words_are_plain() -> None:
    written = {"", ".py", ".sh", ".md", ".html", ".feature", ".toml", ".yml"}
    pages = (path for path in files() if path.suffix in written)
    report(
        f"{name}:{number}: {word}"
        for path in pages
        if (name := path.relative_to(ROOT).as_posix()) not in MADE
        for number, line in enumerate(text(path).splitlines(), 1)
        for word in OLD_WORDS.findall(line)
    )


BAD = """\
Feature: What these tests must see
  @before_phase1 @observe @I-1
  Scenario: no outcome
    Given a thing

  @before_phase1 @observe @I-1
  Scenario: twice
    When one
    And another
    Then well
  Rule: apart
    @observe @drill @I-1 @X99
    Scenario: Twice
      Then well
      Given late
  @at_signoff @recorded @S-1
  Scenario Outline: twice where it need not hold
    Then <it>
    Examples:
      | it |
"""


SEEN = """
3: has no Then
7: 'twice' is there twice
7: 2 Whens
13: 'Twice' is there twice
13: expected Given
13: @X99: no gate
13: no gate; expected
13: expected one of
13: I-1 is not judged by @drill
17: an outline without
17: S-1 need not hold at signoff
17: S-1 is not judged by @recorded
7: 'twice' begins 'twice where it need not hold' too
"""


def test_these_tests_see_what_they_are_for(tmp_path: Path) -> None:
    (tmp_path / "bad.feature").write_text(BAD, encoding="utf-8")
    found = scenarios(tmp_path)
    seen = [fault for check in CHECKS for fault in check(found)]
    for expected in SEEN.strip().splitlines():
        assert [f for f in seen if expected in f], (expected, seen)
    assert len(seen) == 14, seen


WORDS = """\
Feature: Steps
  Background:
    Given a world
  Scenario Outline: one of each
    When <who> knocks
    Then the door opens
    And nobody is <who>
    Examples:
      | who   |
      | alice |
      | bob   |
"""


def test_steps_are_matched_as_pytest_bdd_does(tmp_path: Path) -> None:
    """``And`` is of its forerunner's kind, outlines are filled in, and the background counts."""
    (tmp_path / "words.feature").write_text(WORDS, encoding="utf-8")
    found = scenarios(tmp_path)
    known = [
        StepFunctionContext("given", len, parsers.parse("a world")),
        StepFunctionContext("when", len, parsers.parse("{who} knocks")),
        StepFunctionContext("when", len, parsers.parse("bob knocks")),
        StepFunctionContext("given", len, parsers.parse("the door opens")),
        StepFunctionContext("then", len, parsers.parse("nobody is {who}")),
        StepFunctionContext("then", len, parsers.parse("a world")),
    ]
    assert [fault.split(": ", 1)[1].splitlines()[0] for fault in _not_one(found, known)] == [
        "then the door opens: 0 definitions",
        "when bob knocks: 2 definitions",
    ]
    assert len(list(_unused(found, known))) == 2
