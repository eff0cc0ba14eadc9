"""What failed once runs once more by itself, and is named whatever comes of it."""

import sys
from pathlib import Path

import pytest

from tests.again import FILES_MAX
from tests.conftest import PROJECT, run

AT_FIRST = "from pathlib import Path\ndef test_it():\n    new = not Path('seen').exists()\n    Path('seen').touch()\n"
GOOD, BAD = "def test_it(): pass\n", "def test_it(): assert 0\n"
SETUP = "import pytest\n@pytest.fixture\ndef lab(): assert 0\ndef test_it(lab): pass\n"


@pytest.mark.parametrize(
    ("files", "status", "said"),
    [
        ([GOOD], 0, ""),
        ([GOOD, f"{AT_FIRST}    assert not new\n"], 0, "test_1.py::test_it: passed by itself"),
        ([GOOD, BAD], 1, "test_1.py::test_it: failed again"),
        ([GOOD, SETUP], 1, "test_1.py::test_it: failed again"),
        ([BAD, f"{AT_FIRST}    assert not new\n"], 1, "test_1.py::test_it: passed by itself"),
        ([BAD] * (FILES_MAX + 1), 1, ""),
        ([GOOD, "import nothing_of_the_kind\n"], 1, ""),
    ],
    ids=["green", "a slow moment", "red", "red before it begins", "one of each", "too many", "not a test"],
)
def test_what_failed(files: list[str], status: int, said: str, tmp_path: Path) -> None:
    for number, text in enumerate(files):
        (tmp_path / f"test_{number}.py").write_text(text, encoding="ascii")
    # Workers, whose start takes longer than these tests, only where there is one file for each.
    workers = "2" if len(files) == 2 else "0"
    command = [sys.executable, "-m", "tests.again", "-q", "-n", workers, "-p", "no:cacheprovider", "."]
    only = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}  # each start loads them again
    done = run(command, {"PYTHONPATH": str(PROJECT), **only}, cwd=tmp_path)
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr
    assert ("once more" in done.stdout) == bool(said)
