"""How many small changes to the judges their tables would notice: each is made, and the tables must turn red.

    .venv/bin/python -m tests.mutation                    all judges
    .venv/bin/python -m tests.mutation routed bounces     those of modules of these names

mutmut writes the changes of each function named ``judged...``. All are loaded at once, none of them in force, and
``tests/judges/`` is collected once. Then, for each change, a copy of this process puts it in force and runs the tests
that ever call its function, until one is red: no lab, no network. Prints the share that was noticed, and what was not.

Exit: 0 at least ``LEAST`` of them, 1 fewer, 2 the tables are not green by themselves.
"""

import ast
import difflib
import gc
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest
from mutmut.mutation import trampoline
from mutmut.mutation.file_mutation import mutate_file_contents

ROOT = Path(__file__).parents[1]
LEAST = 0.85
TESTS_S_MAX = 10
"""Of a processor. A change that makes a judge run for longer is noticed, too."""
QUIET = ("--assert=plain", "-p", "no:terminal", "-p", "no:unraisableexception", "-p", "no:logging")


class Changing(MetaPathFinder):
    """Finds the modules with judges, and gives them loaders that put all changes in."""

    def __init__(self, only: Sequence[str]) -> None:
        self._only = only
        self.texts: dict[str, str] = {}
        """Of each change by its name, and of each function: mutmut's name of a function's own text ends in ``orig``."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
        del target
        package, _, module = fullname.rpartition(".")
        asked = package.startswith("fixtures") and (not self._only or module in self._only)
        spec = PathFinder.find_spec(fullname, path) if asked else None
        if spec and spec.origin and _judges(spec.origin):
            spec.loader = _Changed(fullname, spec.origin, self.texts)
            return spec
        return None


class _Changed(SourceFileLoader):
    def __init__(self, fullname: str, path: str, texts: dict[str, str]) -> None:
        super().__init__(fullname, path)
        self._texts = texts

    def get_code(self, fullname: str) -> CodeType:
        """Never from a file of compiled code, and no such file is left."""
        changed = mutate_file_contents(self.path, Path(self.path).read_text(encoding="utf-8"), _judges(self.path))
        lines = changed.code.splitlines()
        for name, span in changed.line_span_by_function_name.items():
            self._texts[f"{fullname}.{name}"] = "\n".join(lines[span.start - 1 : span.end])
        return self.source_to_code(changed.code.encode(), self.path)


def _judges(path: str) -> set[int]:
    """The lines of a module's judges."""
    text = Path(path).read_text(encoding="utf-8")
    functions = (each for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)) if "judged" in text else ()
    judges = (each for each in functions if each.name.lstrip("_").startswith("judged"))
    return {line for each in judges for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)}


class Tables:
    """A plugin: instead of running the tests once, it runs them for each change."""

    def __init__(self, changing: Changing) -> None:
        self._changing = changing
        self.tests: dict[str, list[pytest.Item]] = {}
        self.survived: list[str] = []
        self.changes: list[str] = []
        self.green = self._copied = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._trace(session)
        green = bool(session.items) and not session.testsfailed
        self.green = green and list(self._run(session, [""], session.items)) == [""]
        if self.green:
            gc.freeze()
            self.changes = sorted(name for name in self._changing.texts if not name.endswith("orig"))
            self.survived = sorted(self._run(session, self.changes))
        return True

    def _trace(self, session: pytest.Session) -> None:
        """Which tests call which judge, the fastest first."""
        called: set[str] = set()
        vars(trampoline)["record_trampoline_hit"] = lambda name, **_: called.add(name)
        trampoline.set_mutant_under_test("stats")
        took: dict[pytest.Item, float] = {}
        for item in session.items:
            called.clear()
            begun = time.perf_counter()
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            took[item] = time.perf_counter() - begun
            for name in called:
                self.tests.setdefault(name, []).append(item)
        trampoline.set_mutant_under_test("")
        for tests in self.tests.values():
            tests.sort(key=took.__getitem__)

    def _run(self, session: pytest.Session, names: Sequence[str], tests: Sequence[pytest.Item] = ()) -> Iterator[str]:
        """Those of the changes that nobody notices, by TESTS or those that call their functions."""
        running: dict[int, str] = {}
        left = list(names)
        while left or running:
            while left and len(running) <= (os.cpu_count() or 2):  # while some wait for a processor, another begins
                name = left.pop()
                mine = tests or self.tests.get(name.rpartition("__mutmut_")[0], ())
                if pid := os.fork():
                    running[pid] = name
                else:
                    self._try(session, name, mine)
            pid, status = os.wait()
            if status == 0:
                yield running[pid]
            del running[pid]

    def _try(self, session: pytest.Session, name: str, tests: Sequence[pytest.Item]) -> None:
        """In a copy of this process: ends with 1, or by a signal, if a test is red, else with 0."""
        signal.setitimer(signal.ITIMER_PROF, TESTS_S_MAX)
        gc.disable()
        self._copied = True
        trampoline.set_mutant_under_test(name)
        try:
            for item in tests:
                session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        except BaseException:  # noqa: BLE001 - whatever ends a test is noticed
            os._exit(1)
        os._exit(0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """In a copy the first red test ends it: nobody reads a report of it."""
        if self._copied and call.excinfo and not call.excinfo.errisinstance(pytest.skip.Exception):
            os._exit(1)


def main(*only: str) -> int:
    """Run it, and return the exit status."""
    changing = Changing(only)
    sys.meta_path.insert(0, changing)
    tables = Tables(changing)
    begun = time.monotonic()
    status = pytest.main([*QUIET, str(ROOT / "tests/judges")], plugins=[tables])
    if not tables.green:
        print(
            f"mutation: tests/judges is not green by itself ({status}): run .venv/bin/pytest tests/judges",
            file=sys.stderr,
        )
        return 2
    for name in tables.survived:
        print(name, *_difference(changing.texts, name), sep="\n  ")
    number, noticed = len(tables.changes), len(tables.changes) - len(tables.survived)
    modules = len({name.rpartition(".")[0] for name in tables.changes})
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(each.ru_utime + each.ru_stime for each in used)
    print(
        f"{noticed} of {number} changes to the judges of {modules} modules were noticed ({noticed / number:.1%}), "
        f"in {time.monotonic() - begun:.0f} s, {cpu:.0f} s of them by processors"
    )
    return 0 if noticed >= LEAST * number else 1


def _difference(texts: dict[str, str], name: str) -> Iterator[str]:
    function, _, number = name.rpartition("__mutmut_")
    before, after = texts[f"{function}__mutmut_orig"], texts[name].replace(f"mutmut_{number}(", "mutmut_orig(")
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""):
        if line[:2] not in {"--", "++", "@@"}:
            yield line


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
