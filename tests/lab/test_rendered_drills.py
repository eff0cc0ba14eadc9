"""A Dell in a container that renders its configuration: its drills hold, which carry domains there and back."""

from tests.lab import other_dells
from tests.labs import shared

lab = shared("tests-rendered-drills", 12, "phase3", quiet=True, dell="rendered")
test_the_drills_hold = other_dells.test_the_drills_hold
