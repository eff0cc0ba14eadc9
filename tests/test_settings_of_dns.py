"""What settings may say of names, resolvers and lifetimes."""

from typing import Any

import pytest
from pydantic import ValidationError

from fixtures.lab.files import settings_without_a_lab
from fixtures.settings import Settings
from fixtures.settings.bounds import Bounds
from fixtures.settings.schema import MtaSts, Resolver

SETTINGS = settings_without_a_lab()
PILOT = SETTINGS.domain(SETTINGS.pilot)
TWICE = tuple(Resolver.model_validate({"name": "isp", "address": f"192.0.2.{number}"}) for number in (1, 2))


def test_a_wildcard_may_have_an_mx_of_its_own() -> None:
    """N-10 tells the operator to name it."""
    named = {**dict(PILOT), "other_mx": ["*.Pilot.example.net", "bounces.pilot.example.net"]}
    assert type(PILOT).model_validate(named).other_mx == ("*.pilot.example.net", "bounces.pilot.example.net")


@pytest.mark.parametrize(
    ("model", "values", "says"),
    [
        (type(PILOT), {**dict(PILOT), "other_mx": ["*.de"]}, "expected a host name of two labels"),
        (type(PILOT), {**dict(PILOT), "other_mx": ["a.*.example.net"]}, "expected a host name of two labels"),
        # What is recorded of a resolver is found again by its name.
        (Settings, {**dict(SETTINGS), "resolvers": TWICE}, "resolvers: isp stands twice"),
        (MtaSts, {"transport": {"kind": "local"}, "root": "sites"}, "expected a path from / on"),
        # Cloudflare keeps none for longer: restore_ttl would be refused (error 9021).
        (Bounds, {"old_ttl_s": 172_800}, "less than or equal to 86400"),
    ],
)
def test_what_could_not_be_kept_is_refused(model: Any, values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        model.model_validate(values)
