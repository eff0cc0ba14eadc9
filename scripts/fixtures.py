"""What Python finds in the place of the package ``fixtures`` where a program is run by its path: the right command."""

import shlex
import sys
from pathlib import Path

if __name__ == "fixtures":
    program, folder = Path(sys.argv[0]), shlex.quote(str(Path(__file__).resolve().parents[1]))
    print(
        f"mxgate: {program} is run as a module, in the project's folder:\n"
        f"cd {folder} && .venv/bin/python -m {shlex.join([f'scripts.{program.stem}', *sys.argv[1:]])}",
        file=sys.stderr,
    )
    raise SystemExit(2)
