"""Can this machine judge and change what migration.toml names? Each line says what was found and what to do next.

Looks at tools, tokens and their rights, SSH and host keys, vantages, port 25 outwards, clocks, resolvers, folders and
the store. Changes nothing. Ask it before the first gate, and when a gate is inconclusive.

Exit: 0 all is well, 1 something is missing or could not be asked, 2 something that was given is wrong.
"""

from __future__ import annotations

import argparse
import sys

from fixtures import checklist
from fixtures.checkup.questions import exit_status, questions
from fixtures.evidence import CouldNotAsk, Verdict, redact
from fixtures.migration import open_migration
from fixtures.settings import SettingsError

DEADLINE_S = 110.0
BAD_INPUT = 2
WORDS = {Verdict.PASS: "ok", Verdict.FAIL: "WRONG", Verdict.INCONCLUSIVE: "missing"}
SAYS = ("All is well", "Something is missing, or could not be asked", "Something is wrong, and has to be put right")
EXAMPLE = """\
example: python -m scripts.doctor                    with ./migration.toml and the secrets in the environment
         python -m scripts.doctor --config other.toml --json
exit: 0 all is well, 1 something is missing or could not be asked, 2 something that was given is wrong"""


def main(arguments: list[str] | None = None) -> int:
    """Ask, show, and return the exit status."""
    made = argparse.ArgumentParser(
        prog="python -m scripts.doctor", description=__doc__, epilog=EXAMPLE, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    made.add_argument("--config", metavar="FILE", help="settings (default: $MXGATE_CONFIG, else migration.toml)")
    made.add_argument("--json", action="store_true", help="the findings as JSON")
    options = made.parse_args(arguments)
    try:
        told = checklist.ask(tuple(questions(open_migration(options.config))), DEADLINE_S)
    except (SettingsError, CouldNotAsk) as error:
        print(f"doctor: {redact(str(error))}", file=sys.stderr)
        return BAD_INPUT
    status = exit_status(told)
    if options.json:
        print(checklist.as_json(told, verdict=SAYS[status]))
    else:
        checklist.show(told, WORDS)
        print(f"\n{SAYS[status]}.")
    return status


if __name__ == "__main__":
    checklist.leave(main())
