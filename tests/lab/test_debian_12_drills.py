"""Debian 12's Dell: its drills hold, which carry domains there and back."""

from tests.lab import other_dells
from tests.labs import shared

lab = shared("tests-debian-12-drills", 12, "phase3", quiet=True, dell="debian-12")
test_the_drills_hold = other_dells.test_the_drills_hold
