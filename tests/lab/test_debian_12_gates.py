"""Debian 12's Dell: each gate opens, to the sign-off."""

from tests.lab import other_dells
from tests.labs import shared

lab = shared("tests-debian-12", 14, month=True, dell="debian-12")
test_a_gate_opens = other_dells.test_a_gate_opens
