"""What stands in scripts/: programs, each with one sentence in its help and a row in the table of what it may write."""

import ast
import getpass
import importlib
import os
import re
from unittest.mock import Mock

import pytest

from fixtures.plan.gates import gate_of_script
from fixtures.plan.programs import PROGRAMS
from scripts.lib import change
from tests.reading import ROOT

FOLDER = ROOT / "scripts"
MODULES = sorted(each.stem for each in FOLDER.glob("*.py") if each.stem not in {"__init__", "fixtures"})
SCRIPTS = [each for each in MODULES if "\nSCRIPT = Script(" in (FOLDER / f"{each}.py").read_text(encoding="utf-8")]
BEHIND = {"lab_cli": "lab", "rehearse_own": "rehearse"}
"""Modules that a program of the shell starts."""


def test_each_program_has_a_row() -> None:
    shell = {each.name for each in FOLDER.iterdir() if each.suffix == ".sh" or (each.is_file() and os.access(each, 1))}
    assert {BEHIND.get(each, each) for each in MODULES} | shell == set(PROGRAMS)


@pytest.mark.parametrize("name", MODULES)
def test_each_program_says_in_one_sentence_what_it_does(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))
    first, _, rest = (ast.get_docstring(tree) or "").partition("\n")
    assert first.endswith(".")
    assert not rest.strip() or rest.startswith("\n")


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_example_can_be_typed_by_whoever_has_a_name_or_none(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parser takes what the help of a script shows, also in a container, whose user may have only a number. A
    gate is only said to be overridden where there is one.
    """
    monkeypatch.setattr(getpass, "getuser", Mock(side_effect=OSError("No username set in the environment")))
    script: change.Script = importlib.import_module(f"scripts.{name}").SCRIPT
    with pytest.raises(SystemExit):
        script.main(["--help"])
    options, _, said = capsys.readouterr().out.partition("example:")
    assert ("--override" in options) is (gate_of_script(name) is not None)
    assert max(map(len, said.splitlines())) < 100
    examples = re.findall(rf"python -m scripts\.{name}((?: [^ \n]+)*)", said)
    assert len(examples) == 2
    for each in examples:
        assert change._parser(script).parse_args(each.split())


def test_what_writes_to_a_system_names_its_undo() -> None:
    for name, (writes, undo) in PROGRAMS.items():
        assert writes
        assert undo or gate_of_script(name) is None
