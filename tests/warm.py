"""``python ARGV`` by a copy of one warm process (multiprocessing's fork server).

Hundreds of programs are started in labs. As copies they need neither an interpreter nor imports, which take half of the
CPU time of each. How programs start is for the tests that begin real processes: ``tests.conftest.python``.
"""

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.conftest import COMMAND_S_MAX, PROJECT, inherited

_CONTEXT = multiprocessing.get_context("forkserver")
with suppress(ModuleNotFoundError):  # whose operator has no lab, says so (``tests.lab.live_server``)
    from fixtures.lab.faults.forks import WARM

    _CONTEXT.set_forkserver_preload([*WARM, __name__])
_STREAMS = ("stdin", "stdout", "stderr")


def python(
    argv: Sequence[str],
    environment: Mapping[str, str],
    stdin: str | None,
    timeout_s: float,
    lab: str = "",
    *,
    environ: Mapping[str, str | None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """What ``python -m MODULE ...`` or ``python -c CODE ...`` comes to, in ENVIRONMENT.

    LAB: where its operator is. ENVIRON: what this operator's environment has otherwise (None: hasn't).
    """
    with tempfile.TemporaryDirectory() as folder:
        given, said, errors = (Path(folder, each) for each in _STREAMS)
        given.write_text(stdin or "", encoding="utf-8")
        process = _CONTEXT.Process(target=_serve, args=(folder, list(argv), dict(environment), lab, environ or {}))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(argv, timeout_s)
        texts = (each.read_text(encoding="utf-8") for each in (said, errors))
        return subprocess.CompletedProcess(list(argv), process.exitcode, *texts)


def program(*argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m ARGV`` (or ``-c CODE``), as ``tests.conftest.python`` runs it from a cold start."""
    given = argv if argv[0] == "-c" else ("-m", *argv)
    return python(given, inherited() | environment, None, COMMAND_S_MAX)


def features(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``pytest features/`` with OPTIONS, which may name a lab."""
    return program("pytest", "features/", "-q", *options, **environment)


def _serve(
    folder: str, argv: list[str], environment: dict[str, str], lab: str, environ: Mapping[str, str | None]
) -> None:
    gc.freeze()  # what is warm is never garbage
    for number, name in enumerate(_STREAMS):
        os.dup2(os.open(f"{folder}/{name}", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it ends with this process
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(PROJECT)
    if lab:
        from fixtures.lab.world import Lab

        Lab.find(lab).enter()
    for name, value in environ.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    kind, what, *_ = argv
    sys.argv = argv[1:] if kind == "-m" else ["-c", *argv[2:]]
    if what == "pytest":  # which would rewrite the asserts of what is warm
        sys.argv[1:1] = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    if kind == "-m":
        sys.modules.pop(what, None)  # it may be warm, too
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})
