"""Is the migration possible for you? GO, NO-GO or UNKNOWN, with reasons and what to do next, within two minutes.

Reads only: no root, no writes, no migration.toml needed (one that names the domains is used, and answers more).
Run it on Dell, or say how Dell is reached. Nobody can see port 25 from within: name a host outside.

Exit: 0 GO, 1 NO-GO, 2 UNKNOWN (something that decides is not known), or bad input.
"""

import argparse

from fixtures.evidence import CouldNotAsk, Verdict, redact, tell
from fixtures.evidence.exiting import leave
from fixtures.language import N_, tr
from fixtures.preflight import checklist
from fixtures.preflight.case import look
from fixtures.preflight.questions import REACH, decide, of_feasibility, options as remaining
from fixtures.probes.smtp import public_address
from fixtures.settings import SettingsError
from scripts.lib.commandline import parser
from scripts.lib.feasibility_options import case

DEADLINE_S = 60.0
WORDS = {Verdict.PASS: N_("yes"), Verdict.FAIL: N_("NO"), Verdict.INCONCLUSIVE: N_("unknown")}
SAYS = {Verdict.PASS: (0, N_("GO")), Verdict.FAIL: (1, N_("NO-GO")), Verdict.INCONCLUSIVE: (2, N_("UNKNOWN"))}
BAD_INPUT = 2
EXAMPLE = """\
example, on Dell:     python -m scripts.feasibility mydomain.net --outside me@vps.elsewhere.net --addresses 12
example, on a laptop: python -m scripts.feasibility mydomain.net --dell root@192.168.1.10 --outside me@vps.elsewhere.net
"""


def main(arguments: list[str] | None = None) -> int:
    """Ask, show, and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        asked = case(options)
    except (SettingsError, CouldNotAsk) as error:
        tell(f"feasibility: {tr(str(error))}")
        return BAD_INPUT
    if not (options.dell or asked.settled):
        tell(tr("feasibility: this machine is taken for Dell; --dell USER@HOST names another"))
    answers = checklist.ask(tuple(of_feasibility(asked, look(asked))), DEADLINE_S)
    verdict = decide(answers)
    status, says = SAYS[verdict]
    if options.json:
        print(checklist.as_json(answers, verdict=says, domains=asked.domains))
        return status
    checklist.show(answers, WORDS)
    print("\n" + tr("{verdict} for {domains}", verdict=tr(says), domains=", ".join(asked.domains)))
    for each in answers:
        why = each.failed if verdict is Verdict.FAIL else each.open if each.question.decisive else ()
        for it in why:
            print(f"  {tr('since {member}: {found}', member=redact(tr(it.member)), found=redact(tr(it.found)))}")
    if any(each.failed for each in answers if each.question.what in REACH):
        print(remaining())
    if verdict is Verdict.PASS:
        print("  " + tr("next: python -m scripts.init writes the settings; then pytest features/ --gate phase1"))
    return status


def _parser() -> argparse.ArgumentParser:
    found = "settings (default: $MXGATE_CONFIG, else migration.toml, if there is one)"
    made = parser("feasibility", __doc__, EXAMPLE, config=found)
    add = made.add_argument
    add("domains", nargs="+", metavar="DOMAIN", help="a domain whose mail is to move")
    add("--dell", metavar="[USER@]HOST[:PORT]", help="how Dell is reached by SSH; default: this machine is Dell")
    add("--outside", action="append", default=[], metavar="[USER@]HOST[:PORT]", help="a host elsewhere, by SSH")
    add("--key", metavar="FILE", help="SSH key (default: SSH's own)")
    add("--known-hosts", metavar="FILE", help="host keys (default: SSH's own)")
    add("--name", help="Dell's public name for mail (default: dell.DOMAIN)")
    add("--addresses", metavar="NUMBER", help="how many addresses receive mail, aliases included")
    add("--fixed", choices=("yes", "no"), help="whether the provider gave Dell a fixed address")
    add("--wan", metavar="ADDRESS", help="what Dell's router has towards the provider (its status page)")
    add("--confirmed-by", default="", metavar="WHO", help="who confirmed that port 25 can be opened, while it is shut")
    way = "by an Email Worker, which would reach Dell there, and not on port 25; https://HOST: by a Cloudflare Tunnel"
    add("--worker", metavar="HOST[:PORT]", help=way)
    add("--reflector", default=public_address.REFLECTOR, metavar="URL", help="says who asks (default: %(default)s)")
    add(
        "--instance",
        default="ap-northeast-1/t2.micro/8",
        metavar="REGION/TYPE/GIB",
        help="or none (default: %(default)s)",
    )
    add("--new-cost", metavar="USD", help="a month, of what the migration adds (a fixed address)")
    add("--json", action="store_true", help="the findings as JSON")
    return made


if __name__ == "__main__":
    leave(main, at_once=True)
