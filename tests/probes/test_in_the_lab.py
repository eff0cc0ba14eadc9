"""The probes against real servers: a lab of their own, and ``inside`` run by a process that lives in its network."""

from pathlib import Path

import pytest

from tests.labs import operator, shared

NAME = "test-probes"
INSIDE = Path(__file__).with_name("inside")
lab = shared(NAME, 7, month=True)


@pytest.mark.usefixtures("lab")
@pytest.mark.parametrize("file", sorted(file.name for file in INSIDE.glob("test_*.py")))
def test_inside(file: str) -> None:
    # The conftest at the top chooses a target for the features; here the lab is the target already.
    pytest_ = ("-m", "pytest", "-q", "--tb=short", f"--confcutdir={INSIDE.parent}", str(INSIDE / file))
    done = operator(NAME, *pytest_, timeout_s=180, environ={"MXGATE_INSIDE": "1"})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
