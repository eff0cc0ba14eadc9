"""How things change: the only code that writes to a system. README.md in this folder is the runbook."""

import os
import sys
from types import TracebackType

from fixtures.evidence.exiting import starting


def _interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ctrl-C, or the wrong Python, while a program is imported: nothing was begun, and nobody wants to read where."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted; nothing was begun", file=sys.stderr)
    elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] not in {"scripts", "fixtures"}:
        print(
            f"mxgate is not set up for this Python ({sys.executable}): {error.name} is missing.\n"
            "Run: bash scripts/setup.sh live, then use .venv/bin/python",
            file=sys.stderr,
        )
        raise SystemExit(2)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _interrupted
if os.environ.get("COLUMNS", "").strip() == "0":
    del os.environ["COLUMNS"]  # of a terminal that knows no width: to rich it means that nothing is to be shown
_GUARD = "scripts.lib.switch_guard"
"""Nobody waits for it, and its log is for what went wrong."""
if sys.argv[0] == "-m" and any(each.startswith("scripts.") and each != _GUARD for each in sys.orig_argv):
    starting()  # python -m imports this before the program, which ends by ``leave``
