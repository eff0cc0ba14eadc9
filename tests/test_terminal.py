"""What strangers and hosts wrote is shown on a terminal, and obeyed by none."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.evidence import Verdict, passed, tell
from fixtures.gates import upkeep
from fixtures.preflight import checklist
from scripts.lib import change

GREETING = "220 mail\x1b]52;c;Y3VybA==\x07\x1b[1A\x1b[2K\x1b[32mGO \x9b2J\u202e"
"""Fills the clipboard, goes up a line, erases it, and writes another word there; by 7 bits and by 8."""


def _said() -> None:
    tell(f"EC2: `cat` ended with 1: {GREETING}")


def _listed() -> None:
    question = checklist.Question("Dell's port 25", lambda: ())
    asked = checklist.Answered(question, (passed("port 25 of Dell", f"it is open: {GREETING}"),))
    checklist.show([asked], {Verdict.PASS: "pass", Verdict.FAIL: "fail"})


def _planned() -> None:
    script: Any = SimpleNamespace(name="add_address")
    job: Any = SimpleNamespace(run=SimpleNamespace(given=()), migration=None)
    write = change.Write("Dell", f"main.cf {GREETING}", f"a = {GREETING}\nb = 1", "b = 2", lambda: None, lambda: "")
    change._print(script, job, (write,), "0" * 12)


@pytest.mark.parametrize("show", [_said, _listed, _planned])
def test_no_control_reaches_it(
    show: Callable[[], None], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "applies", lambda *_: True)
    show()
    said = "".join(capsys.readouterr())
    assert "\\u001b]52;c;Y3VybA==\\u0007\\u001b[1A\\u001b[2K\\u001b[32mGO \\u009b2J\\u202e" in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
