"""Say what comes next in the migration, why, since when it could be done, and what would be done by hand.

From the store, the settings and the clock; no system is asked, and nothing is changed. The report's first page says the
same. ``--path`` shows the whole way with your settings' own bounds: which evening, what, how long, what may wake you.
Exit: 0 said, 2 bad input.
"""

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from fixtures.evidence import plain, tell
from fixtures.evidence.exiting import leave
from fixtures.gates.next_steps import coming
from fixtures.language import tr
from fixtures.plan.path import page
from fixtures.report.next_lines import lines
from fixtures.settings import SettingsError
from fixtures.store import StoreError
from scripts.lib.change import BAD_INPUT, DONE, opened
from scripts.lib.commandline import parser


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("next", __doc__)
    made.add_argument("--path", action="store_true", help="the whole way, evening by evening, as Markdown")
    options = made.parse_args(arguments)
    try:
        migration = opened(options.config)
        if options.path:
            print(page(migration.settings.bounds))
            return DONE
        said = list(lines(coming(migration), migration.clock.now()))
    except (SettingsError, StoreError) as error:
        tell(f"next: {tr(str(error))}")
        return BAD_INPUT
    console, width = Console(highlight=False), max(cell_len(label) for label, _ in said)
    for label, text in said:
        console.print(Text(f"{set_cell_size(label, width)}  {plain(text)}"), soft_wrap=True)
    return DONE


if __name__ == "__main__":
    leave(main)
