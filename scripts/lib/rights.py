"""Which changes Cloudflare's token permits, and Dell's keys: each is tried where there is nothing to change.

``permissions`` says how, and what an answer means; from here they are sent, since who judges can only ask.
"""

from concurrent.futures import ThreadPoolExecutor

from fixtures.access.changing import dell
from fixtures.migration import Migration
from fixtures.plan import fetcher
from fixtures.probes.cloudflare import changing, permissions
from fixtures.probes.cloudflare.permissions import Right
from fixtures.probes.worker import fetched

METHODS = ("PATCH", "PUT", "DELETE")


def tried(migration: Migration) -> tuple[Right, ...]:
    """Each kind of change that a script makes. Raises ``CouldNotAsk`` without a token, or when a zone isn't there."""
    client, wanted = changing.client(migration), permissions.tries(migration, METHODS)
    with ThreadPoolExecutor(8, "mxgate-rights") as pool:
        return tuple(pool.map(lambda each: permissions.right(migration, each, client), wanted))


def deleting(migration: Migration) -> fetched.Tried:
    """A message is deleted from the bucket by the keys on Dell, of a name that none has. Raises ``CouldNotAsk``."""
    name = migration.settings.route.bucket
    url = fetcher.objects(migration.settings, f"{name}/mxgate-{permissions.NOBODY}")
    return fetched.ask(dell(migration.settings), f"deleting from the bucket {name}", url, "-X", "DELETE")
