"""The processes of a lab apart from its hosts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from fixtures.lab import processes
from tests.conftest import until


def test_the_guard_of_a_labs_switch_goes_with_the_lab() -> None:
    """It would try for hours to put the MX back; another lab's goes on."""
    command = [sys.executable, "-c", "import time; time.sleep(60)", "scripts.lib.switch_guard"]
    with subprocess.Popen(command, env={**os.environ, "MXGATE_LAB": "test-gone"}) as guard:
        until(lambda: processes.GUARD in Path(f"/proc/{guard.pid}/cmdline").read_bytes(), "it has begun", 10)
        processes.end_guards("test-stands")
        assert guard.poll() is None
        processes.end_guards("test-gone")
        assert guard.wait(10) == -signal.SIGKILL
