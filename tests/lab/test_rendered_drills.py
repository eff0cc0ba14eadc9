"""A Dell in a container that renders its configuration: its drills, which carry domains there and back."""

from tests.lab.other_dells import test_the_drills_hold as test_the_drills_hold
from tests.labs import shared

lab = shared("tests-rendered-drills", 12, "phase3", quiet=True, dell="rendered")
