"""Print how a domain goes back to EC2 by hand, when Cloudflare's or AWS's API is down. Asks nobody, changes nothing.

    python -m scripts.by_hand --domain example.net

Prints the steps in the dashboards, with the values that the first snapshot has or that were accepted since, and what is
left to do when Cloudflare is gone altogether. From the store, else from the copy that ``switch_mx`` left, else from
migration.toml. ``switch_mx`` leaves the same in ``night/DOMAIN.txt``: print that before the night. Exit: 0 printed, 1
there is no way back, 2 bad input.
"""

from fixtures.evidence import tell
from fixtures.evidence.exiting import leave
from fixtures.language import tr
from fixtures.settings import SettingsError
from fixtures.store import StoreError
from scripts.lib.change import BAD_INPUT, DONE, REFUSED, Refused
from scripts.lib.commandline import parser
from scripts.lib.night_papers import open_at_night
from scripts.lib.paper import paper


def main(arguments: list[str] | None = None) -> int:
    """Do what ARGUMENTS say; returns the exit status."""
    made = parser("by_hand", __doc__)
    made.add_argument("--domain", required=True, help="the routed domain")
    options = made.parse_args(arguments)
    try:
        migration = open_at_night(options.config)
        print(paper(migration, migration.settings.domain(options.domain).name), end="")
    except (SettingsError, StoreError, Refused) as error:
        tell(f"by_hand: {tr(str(error))}")
        return REFUSED if isinstance(error, Refused) else BAD_INPUT
    return DONE


if __name__ == "__main__":
    leave(main)
