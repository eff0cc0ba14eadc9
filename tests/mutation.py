"""How many small changes to the judges their tables would notice: each is made, and the tables must turn red.

    .venv/bin/python -m tests.mutation                    all judges, by two processes
    .venv/bin/python -m tests.mutation '*routed*' ...     those of some modules

mutmut changes the functions named ``judged...`` in a copy of the program, and runs ``tests/judges/`` for each change:
no lab, no network. Prints the share that was noticed, and what was not. Exit: 0 at least ``LEAST`` of them, 1 fewer, 2
it could not be run.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LEAST = 0.85
NOTICED = {"killed", "timeout"}
"""A change that makes a judge run for ever is noticed, too."""
_JUDGE = re.compile(r"^def judged\w*\(", re.MULTILINE)
_COPIED = ("fixtures", "steps", "scripts", "features", "conftest.py", "pyproject.toml")
_ENDED = re.compile(r"^\s+(\S+): ([a-z ]+)$", re.MULTILINE)


def main(*only: str) -> int:
    """Run it, and return the exit status."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="mxgate-mutation-") as folder:
        place = Path(folder)
        modules = _copy(place)
        which = [f"{each}judged*" for each in only or ("*",)]
        done = _mutmut(place, "run", "--max-children", str(os.cpu_count() or 2), *which)
        found = _results(place)
    if not found:
        print(f"mutation: nothing was judged:\n{(done.stdout + done.stderr)[-3000:]}", file=sys.stderr)
        return 2
    count = Counter(found.values())
    noticed = sum(count[each] for each in NOTICED)
    for name in sorted(name for name, end in found.items() if end not in NOTICED):
        print(f"  {found[name]}: {name}")
    share = noticed / len(found)
    print(
        f"{noticed} of {len(found)} changes to the judges of {len(modules)} modules were noticed ({share:.1%}), in "
        f"{time.monotonic() - began:.0f} s: {json.dumps(dict(count.most_common()))}"
    )
    return 0 if share >= LEAST else 1


def judged_modules() -> list[str]:
    """The modules whose judges have tables."""
    tables = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/judges").glob("test_*.py"))
    modules = [path for path in (ROOT / "fixtures").rglob("*.py") if _JUDGE.search(path.read_text(encoding="utf-8"))]
    tested = [path for path in modules if re.search(rf"\b{path.stem}\.judged", tables)]
    return sorted(path.relative_to(ROOT).as_posix() for path in tested)


def _copy(place: Path) -> list[str]:
    """The program into PLACE, with settings for mutmut; returns the modules that it changes."""
    for name in _COPIED:
        there = ROOT / name
        shutil.copytree(there, place / name) if there.is_dir() else shutil.copy(there, place / name)
    shutil.copytree(ROOT / "tests/judges", place / "tests/judges")
    shutil.copy(ROOT / "tests/__init__.py", place / "tests")
    modules = judged_modules()
    settings = {
        "source_paths": ["fixtures"],
        "only_mutate": modules,
        "also_copy": [name for name in _COPIED if name != "fixtures"],
        "pytest_add_cli_args_test_selection": ["tests/judges"],
        # It collects garbage ten times at each end: four fifths of the time that a change takes.
        "pytest_add_cli_args": ["-p", "no:unraisableexception"],
    }
    with (place / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items()))
    return modules


def _mutmut(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mutmut", *arguments], cwd=place, capture_output=True, text=True, check=False
    )


def _results(place: Path) -> dict[str, str]:
    """Each change with how it ended."""
    listed = _mutmut(place, "results", "--all", "true").stdout
    return {name: end for name, end in _ENDED.findall(listed) if end != "not checked"}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
