"""What the command lines of the programs have in common."""

import argparse
import shlex
from collections.abc import Sequence

from fixtures.language import LANGUAGES, OPTION, chosen, pasting
from fixtures.plan.gates import gate_of_script


def parser(name: str, about: str | None, epilog: str = "", *, config: str = "") -> argparse.ArgumentParser:
    """Of a program: ``--help`` shows its docstring as it stands.

    Each takes ``--lang``, and ``--config``, described as CONFIG.
    """
    made = argparse.ArgumentParser(
        prog=f"python -m scripts.{name}",
        description=about,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    pasting.use()
    usual = "settings (default: $MXGATE_CONFIG, else migration.toml)"
    made.add_argument("--config", metavar="FILE", type=pasting.chosen, help=config or usual)
    made.add_argument("--lang", choices=LANGUAGES, type=chosen, help=OPTION)
    return made


def again(name: str, given: Sequence[str]) -> str:
    """The command of script NAME: all that was GIVEN but for --json, and for a digest that was asked for before."""
    pairs = zip(["", *given], given, strict=False)
    kept = [each for was, each in pairs if each not in {"--json", "--apply"} and was != "--apply"]
    return shlex.join(["python", "-m", f"scripts.{name}", *kept])


def require_reason(option: str, reason: str | None) -> None:
    """``SettingsError`` for a reason that says nothing."""
    from fixtures.settings import SettingsError  # a program that reads no settings starts without them

    if reason is not None and len(reason.strip()) < 10:
        raise SettingsError(f"{option}: expected a reason of at least ten characters, which each report will show")


def changes(name: str, summary: str | None, example: str, *, per_domain: bool) -> argparse.ArgumentParser:
    """For a script that plans, and makes the plan. EXAMPLE: what its example gives further than the domain."""
    domain = "--domain example.net" if per_domain else ""
    command = " ".join(filter(None, (f"python -m scripts.{name}", domain, example)))
    made = parser(
        name,
        summary,
        f"example: {command}\n"
        f"         {command} --apply DIGEST\n"
        "The first shows the plan and its digest, the second makes exactly that plan.\n"
        "exit: 0 done or nothing to do, 1 refused or failed, 2 bad input, 3 changes planned",
    )
    made.add_argument("--domain", help="the routed domain" + ("" if per_domain else " (default: all)"))
    made.add_argument("--apply", metavar="DIGEST", help="make the plan of this digest")
    overriding = "write behind a closed gate; red in every report" if gate_of_script(name) else argparse.SUPPRESS
    made.add_argument("--override", metavar="REASON", help=overriding)
    made.add_argument("--take-lock", action="store_true", help="take over the lock of a process that is dead")
    made.add_argument("--json", action="store_true", help="the plan as JSON")
    made.add_argument("--as-shell", action="store_true", help="the plan as commands for a person to paste")
    return made
