"""Run the tests; a file in which one failed runs once more, by itself, since a machine may be slow for a moment.

    python -m tests.again -q -n 4 tests/

What failed at first is named in the end, with what came of it: a test that passes only by itself is a fault too, of the
test or of what it tests, but keeps no change out. Exit: pytest's; 1 if a file failed twice, or too many did.
"""

import subprocess
import sys
import time
from collections.abc import Sequence

import pytest

FILES_MAX = 8
"""With more than these something is wrong for good."""
AGAIN_S_MAX, ALL_S_MAX = 1200, 4500
"""For what runs once more, and for all: a rehearsal comes after it, and CI ends after an hour and a half."""


class Failed:
    """pytest's plugin that notes what failed, by its file, whichever worker ran it."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            file, _, test = report.nodeid.partition("::")
            self.tests.setdefault(file, []).append(test)


def main(arguments: Sequence[str]) -> int:
    failed, begun = Failed(), time.monotonic()
    status = int(pytest.main(list(arguments), plugins=[failed]))
    if status != pytest.ExitCode.TESTS_FAILED or not 0 < len(failed.tests) <= FILES_MAX:
        return status
    until, status = min(time.monotonic() + AGAIN_S_MAX, begun + ALL_S_MAX), 0
    said = []
    for file, tests in failed.tests.items():
        print(f"\nonce more, by itself: {file}", flush=True)
        try:
            command = [sys.executable, "-m", "pytest", "-q", "--tb=short", file]
            ended = subprocess.run(command, check=False, timeout=max(1.0, until - time.monotonic())).returncode
        except subprocess.TimeoutExpired:
            ended = 1
        status = max(status, int(bool(ended)))
        came = "failed again" if ended else "passed by itself: look what it needs an idle machine for"
        said += [f"  {file}::{test}: {came}" for test in dict.fromkeys(tests)]
    print("\nfailed at first:\n" + "\n".join(said))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
