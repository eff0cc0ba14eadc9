"""``tests.warm`` for an operator who has no lab: programs as copies of one process in which ``fixtures.lab`` is none.

Each line that it reads is ``[ARGV, LIMIT_S]`` in JSON, and each that it writes ``[STATUS, STDOUT, STDERR]``. What is
warm is named by its arguments.
"""

import json
import multiprocessing
import os
import sys

from tests import warm


def main() -> None:
    """Run program after program, until there is nothing more to read."""
    multiprocessing.set_forkserver_preload(sys.argv[1:])
    for line in sys.stdin:
        argv, limit_s = json.loads(line)
        done = warm.python(argv, os.environ, None, limit_s)
        print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)


if __name__ == "__main__":
    main()
