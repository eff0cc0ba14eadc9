"""The emulator's page and its command line tell the same knobs, with the same defaults."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from fixtures.lab.emulator import options
from fixtures.lab.emulator.api.management import KNOB_RANGES
from fixtures.lab.emulator.state import Knobs

PAGE = Path(options.__file__).with_name("README.md").read_text(encoding="utf-8")
NEEDED = ["--world", "w", "--dns-db", "d", "--api", "127.0.0.1:1", "--certificate", "c", "--no-mail"]
NAMES = [field.name for field in fields(Knobs)]


def told() -> dict[str, str]:
    """The page's table: knob -> its values."""
    table = PAGE.partition("## Knobs")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", table, re.MULTILINE))


def test_the_page_has_every_knob_and_no_other() -> None:
    assert sorted(told()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_defaults_are_those_of_the_page(name: str) -> None:
    given = options.knobs(options.parser().parse_args(NEEDED))
    default, hint = getattr(given, name), get_type_hints(Knobs)[name]
    assert default == getattr(Knobs(), name), "the command line's default is another"
    if name in KNOB_RANGES:
        said = re.match(r"[\d.]+", told()[name])
        assert (float(said[0]) if said else None) == default
        assert f"{KNOB_RANGES[name][1]:.15g}" in told()[name]
    else:
        words = re.findall(r"`(\w+)`", told()[name])
        assert words[0] == default
        assert sorted(words) == sorted(get_args(hint))


@pytest.mark.parametrize("name", NAMES)
def test_help_tells_every_knob(name: str) -> None:
    assert f"--{name.replace('_', '-')}" in options.parser().format_help()


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
    assert "must not be reachable from elsewhere" in said or not _is_address(address)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
