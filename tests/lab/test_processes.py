"""The processes of a lab apart from its hosts."""

import os
import signal
import subprocess
import sys

from fixtures.lab import processes


def test_the_guard_of_a_labs_switch_goes_with_the_lab() -> None:
    """It would try for hours to put the MX back; another lab's goes on."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", "scripts.lib.switch_guard"]
    with subprocess.Popen(command, env={**os.environ, "MXGATE_LAB": "test-gone"}) as guard:
        processes.end_guards("test-stands")
        assert guard.poll() is None
        processes.end_guards("test-gone")
        assert guard.wait(10) == -signal.SIGKILL
