"""Can this machine judge and change what migration.toml names? Each line says what was found and what to do next.

Looks at tools, tokens and their rights, passwords of mailboxes, the drill certificate, SSH and host keys, vantages,
port 25 outwards, clocks, resolvers, folders, the store, and where alarms go. Changes nothing. Ask it before the first
gate, and when a gate is inconclusive.

Exit: 0 all is well, 1 something is missing or could not be asked, 2 something that was given is wrong.
"""

from collections.abc import Iterator
from functools import partial

from fixtures.evidence import CouldNotAsk, Finding, Verdict, failed, passed, tell, unknown
from fixtures.evidence.exiting import leave
from fixtures.gates import waiver_titles
from fixtures.language import N_, tr
from fixtures.migration import Migration, open_migration
from fixtures.preflight import checklist
from fixtures.preflight.checklist import Question
from fixtures.preflight.questions import decide, of_doctor, secret
from fixtures.settings import SettingsError
from scripts.lib.alarms.paths import VARIABLE, ways
from scripts.lib.commandline import parser
from scripts.lib.rights import tried

DEADLINE_S = 110.0
BAD_INPUT = 2
WORDS = {Verdict.PASS: N_("ok"), Verdict.FAIL: N_("WRONG"), Verdict.INCONCLUSIVE: N_("missing")}
SAYS = {
    Verdict.PASS: (0, N_("All is well")),
    Verdict.INCONCLUSIVE: (1, N_("Something is missing, or could not be asked")),
    Verdict.FAIL: (2, N_("Something is wrong, and has to be put right")),
}
EXAMPLE = """\
example: python -m scripts.doctor                    with ./migration.toml and the secrets in the environment
         python -m scripts.doctor --config other.toml --json"""


def main(arguments: list[str] | None = None) -> int:
    """Ask, show, and return the exit status."""
    made = parser("doctor", __doc__, EXAMPLE)
    made.add_argument("--json", action="store_true", help="the findings as JSON")
    options = made.parse_args(arguments)
    try:
        migration = open_migration(options.config)
        waiver_titles.check(migration.settings)
        alarms = Question("alarms", partial(_alarms, migration))
        answers = checklist.ask((*of_doctor(migration, tried), alarms), DEADLINE_S)
    except (SettingsError, CouldNotAsk) as error:
        tell(f"doctor: {tr(str(error))}")
        return BAD_INPUT
    status, says = SAYS[decide(answers)]
    if options.json:
        print(checklist.as_json(answers, verdict=says))
    else:
        checklist.show(answers, WORDS)
        print(f"\n{tr(says)}{tr('.')}")
    return status


def _alarms(migration: Migration) -> Iterator[Finding]:
    """Where to is known, and is not the mail under test; whether one arrives is for its drill to show."""
    what, expected = N_("the alarm's way out"), "at least one that works while mail is down"
    try:
        known = ways(migration.secrets, migration.settings)
    except SettingsError as fault:
        if migration.secrets.alarm_urls.get_secret_value():
            yield failed(what, expected, str(fault), hint=f"Correct {VARIABLE}")
        else:
            yield unknown(what, expected, fault, hint=secret("alarm_urls"))
        return
    lacking = "" if migration.secrets.healthcheck_url.get_secret_value() else N_("; MXGATE_HEALTHCHECK_URL is not set")
    proof = N_("whether one arrives: python -m scripts.alert --drill")
    yield passed(what, f"{', '.join(each.name for each in known)}{lacking}; {proof}", expected=expected)


if __name__ == "__main__":
    leave(main, at_once=True)
