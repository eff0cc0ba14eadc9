"""What stands in scripts/: programs, each with one sentence in its help and a row in the table of what it may write."""

import ast
import os

import pytest

from fixtures.plan.gates import gate_of_script
from fixtures.plan.programs import PROGRAMS
from tests.reading import ROOT

FOLDER = ROOT / "scripts"
MODULES = sorted(each.stem for each in FOLDER.glob("*.py") if each.stem != "__init__")
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


def test_what_writes_to_a_system_names_its_undo() -> None:
    for name, (writes, undo) in PROGRAMS.items():
        assert writes
        assert undo or gate_of_script(name) is None
