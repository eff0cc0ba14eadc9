"""pytest-html's page holds neither markup nor a secret of a failing test."""

import json
import re
import sys
from html import unescape
from pathlib import Path

from tests.conftest import PROJECT, run

CONFTEST = 'pytest_plugins = ["fixtures.report.redacted_output"]\n'
TEST = """
import pytest


@pytest.mark.parametrize("case", [1], ids=["<img src=x onerror=alert(1)>"])
def test_fails(case):
    raise AssertionError("<script>alert(2)</script>" + " AUTH PLAIN AGFsaWNlAGh1bnRlcjI=")
"""


def test_nothing_is_markup_or_a_secret(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_it.py").write_text(TEST, encoding="utf-8")
    options = ["-q", "--html=page.html", "--self-contained-html", "--junitxml=junit.xml", f"--rootdir={tmp_path}"]
    command = [sys.executable, "-m", "pytest", *options, "-p", "no:cacheprovider", "test_it.py"]
    done = run(command, {"PYTHONPATH": str(PROJECT)}, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert {oct((tmp_path / name).stat().st_mode & 0o777) for name in ("page.html", "junit.xml")} == {"0o600"}
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    blob = json.loads(unescape(re.findall(r'data-jsonblob="([^"]*)"', page)[0]))
    (row,) = (test for tests in blob["tests"].values() for test in tests)
    rows = "".join(row["resultsTableRow"]) + row["log"]  # what its script takes for HTML
    assert "<img src=x" not in page
    assert "<img src=x" not in rows
    assert "<script>alert(2)" not in page + rows
    assert "AGFsaWNl" not in page + rows
