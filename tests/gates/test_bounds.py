"""Bounds: none is looser than README.md promises, save for a reason that each report shows in red."""

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from fixtures.report.history import let_through
from fixtures.report.render import render
from fixtures.settings.bounds import NIGHT_GAP_S, Bounds
from tests.conftest import PROJECT
from tests.gates.conftest import World
from tests.report import sample

REASON = "the machine is moved on the 3rd"
README = " ".join((PROJECT / "README.md").read_text(encoding="utf-8").split())
_LOOSER = """
arrival_s 61  latency_p50_s 11  latency_p99_s 61  verdict_age_s 3601  pilot_hold_s 3600  ttl_s 301  ttl_notice_s 0
watch_s 1  ec2_silent_s 259199  alignment_fall 0.02  oldest_deferred_s 901  nights_before_stop 6
nights_before_deletion 13  certificate_days 13  soak_gap_s 97200  drill_certificate_days 31  trial_days 31  window_s 121
abort_lost 2  abort_deferred 21
""".split()
LOOSER = {name: float(value) for name, value in zip(_LOOSER[::2], _LOOSER[1::2], strict=True)}


def test_all_but_one_are_promises() -> None:
    assert LOOSER.keys() | {"old_ttl_s", "loosened"} == Bounds.model_fields.keys()
    assert not list(Bounds().loose)


@pytest.mark.parametrize("name", LOOSER)
def test_a_looser_one_needs_a_reason(name: str) -> None:
    for said in ({}, {"loosened": "because"}):
        with pytest.raises(ValidationError, match=rf"{name} = .*, where at (least|most) .* is promised\. Expected"):
            Bounds.model_validate({name: LOOSER[name], **said})
    (sentence,) = Bounds.model_validate({name: LOOSER[name], "loosened": REASON}).loose
    assert sentence.startswith(f"{name} = {LOOSER[name]:g}, where at ")


@pytest.mark.parametrize("name", LOOSER)
@pytest.mark.parametrize("value", [-3, float("nan"), float("inf"), float("-inf")])
def test_nonsense_is_no_bound_for_any_reason(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        Bounds.model_validate({name: value, "loosened": REASON})


def test_a_stricter_one_needs_none() -> None:
    assert not list(Bounds(arrival_s=6, nights_before_stop=10, pilot_hold_s=96 * 3600, soak_gap_s=21 * 3600).loose)
    with pytest.raises(ValidationError, match="soak_gap_s"):  # or every night would be missing
        Bounds(soak_gap_s=NIGHT_GAP_S)


def test_what_is_loosened_stands_in_red_on_page_one(world: World) -> None:
    bounds = Bounds(nights_before_stop=3, loosened=f"{REASON} <script>")
    settings = world.migration.settings.model_copy(update={"bounds": bounds})
    said = tuple(let_through(replace(world.migration, settings=settings)))
    assert said == (f"bounds.nights_before_stop = 3, where at least 7 is promised: {REASON} <script>",)
    page = render(replace(sample.report(), let_through=said))
    first = page[page.index('<div class="first">') : page.index("</main>")]
    warned = r'<div class="warn red"><b>Let through</b> \(<a [^>]+>all in full</a>\):\s*<ul><li>'
    assert re.search(rf"{warned}bounds\.nights_before_stop = 3, where", first)
    assert "3rd &lt;script&gt;" in first


@pytest.mark.parametrize(
    "words",
    [
        f"not older than {Bounds().verdict_age_s / 60:.0f} minutes",
        f"the pilot is held: {Bounds().pilot_hold_s / 3600:.0f} hours",
        f"EC2 silent for {Bounds().ec2_silent_s / 3600:.0f} hours",
        f"old answers leave every cache: {Bounds().ttl_notice_s / 3600:.0f} hours at least",
        f"phase4 wants {Bounds().nights_before_stop} green ones",
        f"deletion {Bounds().nights_before_deletion} since EC2 was stopped",
        f"At most one in {NIGHT_GAP_S / 3600:.0f} hours",
    ],
)
def test_readme_promises_what_they_are(words: str) -> None:
    assert words in README
