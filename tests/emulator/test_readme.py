"""The emulator's pages: its knobs as the command line has them, and evidence that is there."""

import re
from pathlib import Path
from typing import get_args

import pytest

from fixtures.gates.traceability import scenarios
from fixtures.lab.emulator import command, knobs, options
from fixtures.lab.emulator.knobs import Knobs
from fixtures.lab.faults import catalogue
from fixtures.probes.dell.networks import is_address

ROOT = Path(__file__).parents[2]
HOUSE = Path(options.__file__).parent
PAGE = (HOUSE / "README.md").read_text(encoding="utf-8")
EVIDENCE = (HOUSE / "EVIDENCE.md").read_text(encoding="utf-8")
NEEDED = ["--world", "w", "--dns-db", "d", "--api", "127.0.0.1:1", "--certificate", "c", "--no-mail"]
SHOWN = dict(
    re.findall(r"^\| `(\w+)` \| ([^|]+) \|", PAGE.partition("## Knobs")[2].partition("\n## ")[0], re.MULTILINE)
)
"""The page's table: knob -> its values."""


def test_the_page_and_the_help_have_every_knob_and_no_other() -> None:
    assert SHOWN.keys() == Knobs.model_fields.keys()
    help_ = options.parser().format_help()
    assert [name for name in Knobs.model_fields if f"--{name.replace('_', '-')} " not in help_] == []


@pytest.mark.parametrize("name", Knobs.model_fields)
def test_values_and_defaults_are_those_of_the_page(name: str) -> None:
    field, words = Knobs.model_fields[name], re.findall(r"`(\w+)`", SHOWN[name])
    default = getattr(knobs.of_options(options.parser().parse_args(NEEDED)), name)
    assert default == getattr(Knobs(), name), "the command line's default is another"
    if field.examples:
        said = re.match(r"[\d.]+", SHOWN[name])
        assert (float(said[0]) if said else None) == default
        (most,) = [each.le for each in field.metadata if hasattr(each, "le")]
        assert f"{most:.15g}" in SHOWN[name]
        assert default in field.examples, "no rehearsal meets the default"
    else:
        assert words[0] == default
        assert sorted(words) == sorted(get_args(field.annotation))


def test_ten_seeds_draw_every_value_of_every_knob() -> None:
    seeds = knobs.covering()
    assert len(set(seeds)) == 10
    assert f"seeds {', '.join(map(str, seeds))}" in PAGE
    for name in Knobs.model_fields:
        assert {knobs.drawn(seed)[name] for seed in seeds} == set(knobs.values(name)), name


def test_a_draw_is_options_of_the_emulator(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in knobs.covering():
        assert command.main(["--knobs", "--seed", str(seed)]) == 0
        words = capsys.readouterr().out.split()
        made = knobs.of_options(options.parser().parse_args([*NEEDED, *words]))
        assert made.model_dump() == knobs.drawn(seed)


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "::", "192.0.2.1", "10.0.0.1", "203.0.113.150", "2001:db8::1", "localhost"]
)
@pytest.mark.parametrize("option", ["--api", "--management", "--mx"])
def test_it_listens_nowhere_but_on_loopback_and_in_the_lab(
    address: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    where = address if option == "--mx" else f"[{address}]:25" if ":" in address else f"{address}:25"
    with pytest.raises(SystemExit) as ended:
        options.parser().parse_args([*NEEDED, option, where])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "must not be reachable from elsewhere" in said or not is_address(address)


def _tests_of(row: str) -> list[tuple[str, str]]:
    """The tests that ROW names, each with its file; ``::test_x`` is in the file named before."""
    found, file = [], ""
    for named, test in re.findall(r"`(?:(\w[\w/]*\.py))?::(test_\w+)`", row):
        file = named or file
        found.append((file, test))
    return found


ROWS = {row.split("|")[1].strip(): row for row in EVIDENCE.splitlines() if re.match(r"\| \d+ \|", row)}


@pytest.mark.parametrize("number", ROWS)
def test_what_a_row_of_the_evidence_names_is_there(number: str) -> None:
    """Its modules, below the emulator's folder or the repository's; its tests; its knobs with their values."""
    row = ROWS[number]
    for file, test in _tests_of(row):
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"{file} has no {test}"
    for module in re.findall(r"`([\w/.]+\.py)`", row):
        assert (HOUSE / module).is_file() or (ROOT / module).is_file(), module
    for name, values in re.findall(r"\*(\w+)\*((?: (?:with )?`\w+`,?)*)", row):
        if name in Knobs.model_fields:
            assert set(re.findall(r"\w+", values.replace("with", ""))) <= set(map(str, knobs.values(name))), name
    faults, titles = {fault.id for fault in catalogue()}, {scenario.name for scenario in scenarios()}
    for words, known in ((r"faults? ((?:\"[^\"]+\",? ?)+)", faults), (r"scenario ((?:\"[^\"]+\"))", titles)):
        for quoted in re.findall(words, row):
            assert set(re.findall(r"\"([^\"]+)\"", quoted)) <= known


def test_rows_that_show_nothing_say_so() -> None:
    silent = {number for number, row in ROWS.items() if not _tests_of(row)}
    assert {number for number in silent if not re.search(r"the same|there|no test", ROWS[number])} == set()
