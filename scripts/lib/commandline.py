"""What the command lines of the programs have in common."""

import argparse

from fixtures.language import LANGUAGES, OPTION, chosen, pasting


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
