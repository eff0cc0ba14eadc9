"""A Dell in a container that renders its configuration: each gate opens, to the sign-off."""

from tests.lab import other_dells
from tests.labs import shared

lab = shared("tests-rendered", 14, month=True, dell="rendered")
test_a_gate_opens = other_dells.test_a_gate_opens
