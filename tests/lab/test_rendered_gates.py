"""A Dell in a container that renders its configuration, from the first gate to the sign-off, with a month of mail before."""

from tests.lab.other_dells import test_a_gate_opens as test_a_gate_opens
from tests.labs import shared

lab = shared("tests-rendered", 14, month=True, dell="rendered")
