"""The seeds that together draw every value of every knob."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from fixtures.lab.emulator import command, draws, options
from fixtures.lab.emulator.api.management import KNOB_RANGES
from fixtures.lab.emulator.state import Knobs
from tests.emulator.test_readme import NEEDED, PAGE


def test_ten_seeds_draw_every_value_of_every_knob() -> None:
    seeds = draws.covering()
    assert len(set(seeds)) == 10
    for name, wanted in draws.values().items():
        assert {draws.drawn(seed)[name] for seed in seeds} == set(wanted), name


def test_the_values_are_all_choices_and_each_default() -> None:
    hints = get_type_hints(Knobs)
    for each in fields(Knobs):
        if each.name in KNOB_RANGES:
            assert each.default in draws.NUMBERS[each.name]
        else:
            assert set(draws.values()[each.name]) == set(get_args(hints[each.name]))


def test_a_draw_is_options_of_the_emulator(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in draws.covering():
        assert command.main(["--knobs", "--seed", str(seed)]) == 0
        told = capsys.readouterr().out.split()
        made = options.knobs(options.parser().parse_args([*NEEDED, *told]))
        assert {name: getattr(made, name) for name in draws.values()} == draws.drawn(seed)


def test_the_page_names_the_ten_seeds() -> None:
    assert f"seeds {', '.join(map(str, draws.covering()))}" in PAGE
