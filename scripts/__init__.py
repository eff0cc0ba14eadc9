"""How things change: the only code that writes to a system. README.md in this folder is the runbook."""

import sys
from types import TracebackType

from fixtures.evidence.exiting import starting


def _interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Ctrl-C while a program is still being imported: nothing was begun, and nobody wants to read where."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted; nothing was begun", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _interrupted
_GUARD = "scripts.lib.switch_guard"
"""Nobody waits for it, and its log is for what went wrong."""
if sys.argv[0] == "-m" and any(each.startswith("scripts.") and each != _GUARD for each in sys.orig_argv):
    starting()  # python -m imports this before the program, which ends by ``leave``
