"""Debian 12's Dell, from the first gate to the sign-off, with a month of mail before."""

from tests.lab.other_dells import test_a_gate_opens as test_a_gate_opens
from tests.labs import shared

lab = shared("tests-debian-12", 14, month=True, dell="debian-12")
